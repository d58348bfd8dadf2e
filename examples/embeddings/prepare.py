"""Makes the example's input below build/demo/embeddings: the documentation of Python's own library as JSON lines.

Each line is the first paragraph of what a module, class or function of the standard library says of itself. It is read
from the sources of the Python that runs this, so it differs a little between versions.
"""

import ast
import json
import shutil
import sysconfig
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "build" / "demo" / "embeddings"
LEFT_OUT = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "site-packages",
    "dist-packages",
    "__pycache__",
}
SHORTEST, MOST, FILES = 40, 3_000, 4


def documented(source: Path, module: str):
    tree = ast.parse(source.read_bytes())
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        name = getattr(node, "name", "")
        text = (ast.get_docstring(node) or "").split("\n\n")[0]
        if len(text) >= SHORTEST and not name.startswith("_"):
            yield {"name": f"{module}.{name}".rstrip("."), "text": " ".join(text.split())}


def main() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    rows, seen = [], set()
    for source in sorted(library.rglob("*.py")):
        path = source.relative_to(library).with_suffix("")
        if LEFT_OUT & set(path.parts):
            continue
        for row in documented(source, ".".join(path.parts).removesuffix(".__init__")):
            if row["text"] not in seen:
                seen.add(row["text"])
                rows.append(row)
    rows = rows[:: max(1, len(rows) // MOST)][:MOST]  # spread over the whole library

    shutil.rmtree(TARGET, ignore_errors=True)
    (TARGET / "input").mkdir(parents=True)
    for number in range(FILES):
        with open(TARGET / "input" / f"texts-{number}.jsonl", "w", encoding="utf-8") as file:
            for row in rows[number::FILES]:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{len(rows)} texts in {FILES} files: {TARGET / 'input'}")


if __name__ == "__main__":
    main()
