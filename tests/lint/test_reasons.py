"""The words of conditions and events are written once, in operator/decide/conditions.cpp, and explained."""

import re

HOME = "operator/decide/conditions.cpp"
# Words that Kubernetes has for pods and containers too.
THEIRS = {"Running", "Failed", "Completed"}


def reasons(root):
    text = (root / HOME).read_text(encoding="utf-8")
    found = re.findall(r'case Reason::k(\w+): (?:return "(\w+)"|break);', text)
    found[-1] = (found[-1][0], re.search(r'return "(\w+)";\n}\n// clang-format on', text).group(1))
    return found


def test_a_reason_is_named_as_its_text(root):
    names = reasons(root)
    listed = re.search(
        r"enum class Reason[^{]*\{(.*?)\};", (root / "operator/decide/conditions.h").read_text(), re.S
    )
    enumerators = re.findall(r"^\s*k(\w+),", listed.group(1), re.M)
    assert enumerators == [name for name, _ in names], (
        "conditions.cpp lists them in the order of conditions.h"
    )
    wrong = {name: text for name, text in names if name != text}
    assert not wrong, f"an enumerator is its text with a k before it: {wrong}"


def test_reasons_stand_in_no_other_place(root, tracked):
    words = {text for _, text in reasons(root)} - THEIRS
    wrong = []
    for path in tracked:
        name = path.relative_to(root).as_posix()
        if not name.startswith("operator/") or path.suffix not in (".cpp", ".h") or name == HOME:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = line.split("//")[0]
            wrong += [f"{name}:{number}: {word}" for word in re.findall(r'"(\w+)"', code) if word in words]
    assert not wrong, f"use the enumerator of operator/decide/conditions.h: {wrong}"


def test_reasons_are_explained(root):
    pages = "".join(
        (root / "docs" / page).read_text(encoding="utf-8") for page in ("troubleshooting.md", "operator.md")
    )
    missing = [text for _, text in reasons(root) if f"`{text}`" not in pages]
    assert not missing, f"docs/troubleshooting.md does not explain these reasons: {missing}"
