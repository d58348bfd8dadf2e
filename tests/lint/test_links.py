"""Links of the Markdown files that point into the repository, and commands they name, exist."""

import re
from urllib.parse import unquote

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"\bmake ((?:[a-z][a-z0-9-]* ?)+)")


def anchor_of(heading: str) -> str:
    """The anchor that a heading gets on the usual hosts."""
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors_of(path) -> set:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {anchor_of(match.group(1)) for match in re.finditer(r"^#+ (.*)$", text, re.MULTILINE)}


def test_links_resolve(root, tracked):
    broken = []
    for page in tracked:
        if page.suffix != ".md":
            continue
        for match in LINK.finditer(CODE.sub("", page.read_text(encoding="utf-8"))):
            target = unquote(match.group(1) or match.group(2))
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            if not file.exists():
                broken.append(f"{page.relative_to(root)}: {target}")
            elif anchor and file.suffix == ".md" and anchor not in anchors_of(file):
                broken.append(f"{page.relative_to(root)}: {target} (no such heading)")
    assert not broken, broken


def test_files_that_commands_name_exist(root, tracked):
    """Commands of a page are typed in the root of the repository, as the pages say."""
    word = re.compile(r"(?<![\w./-])((?:docs|docker|examples|helm|tests|tools|crds)/[\w./-]+)")
    missing = []
    for page in tracked:
        if page.suffix == ".md":
            for command in re.findall(r"^\$ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
                missing += [
                    f"{page.relative_to(root)}: {name}"
                    for name in word.findall(command)
                    if not (root / name).exists()
                ]
    assert not missing, missing


def test_make_targets_exist(root, tracked):
    """A target that a page names in code exists."""
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (root / "Makefile").read_text(), re.MULTILINE))
    unknown = []
    for page in tracked:
        if page.suffix != ".md":
            continue
        text = page.read_text(encoding="utf-8")
        code = re.findall(r"`(make [^`]+)`", text) + re.findall(r"^\$ (make .*)$", text, re.MULTILINE)
        for command in code:
            for word in MAKE.match(command.split("#")[0].strip() + " ").group(1).split():
                if word not in targets:
                    unknown.append(f"{page.relative_to(root)}: make {word}")
    assert not unknown, unknown
