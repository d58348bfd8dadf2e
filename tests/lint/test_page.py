"""The sources of the page (ui/): what it is made of, and that nothing of a user's data can become HTML."""

import json
import re

LICENSES = {"MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"}


def sources(root, tracked):
    for path in tracked:
        relative = path.relative_to(root)
        if relative.parts[0] == "ui" and path.suffix in (".ts", ".tsx", ".html", ".css"):
            yield relative.as_posix(), path.read_text(encoding="utf-8")


def test_packages_are_pinned(root):
    package = json.loads((root / "ui" / "package.json").read_text())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    loose = {name: version for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)}
    assert not loose, f"write one version: {loose}"


def test_the_lock_names_no_registry_and_only_licenses_that_are_allowed(root):
    lock = json.loads((root / "ui" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 40
    hosts = [name for name, entry in packages.items() if "resolved" in entry]
    assert not hosts, f"made without ui/.npmrc? These name a registry: {hosts}"
    unchecked = [name for name, entry in packages.items() if "integrity" not in entry]
    assert not unchecked, f"these have no checksum: {unchecked}"
    other = {name: entry.get("license") for name, entry in packages.items()}
    other = {name: license for name, license in other.items() if license not in LICENSES}
    assert not other, f"not among {sorted(LICENSES)}: {other}"


def test_foreign_text_is_never_markup(root, tracked):
    """Preact makes text nodes of strings; these ways around it are closed."""
    ways = re.compile(
        r"dangerouslySetInnerHTML|\b(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write"
        r"|createContextualFragment|DOMParser|\beval\(|new Function\(|\bsrcdoc\b|javascript:"
    )
    wrong = [f"{name}: {match[0]}" for name, text in sources(root, tracked) for match in ways.finditer(text)]
    assert not wrong, f"show it as text: {wrong}"


def test_nothing_is_fetched_from_elsewhere(root, tracked):
    """The policy of the server would refuse it, so it would be missing on the page."""
    wrong = [
        f"{name}: {match[0]}"
        for name, text in sources(root, tracked)
        for match in re.finditer(r"(?:https?:)?//[a-z0-9-]+\.[a-z0-9.-]+|@import|url\(", text)
        if not (name == "ui/vite.config.ts" and "127.0.0.1" in match[0])
    ]
    assert not wrong, f"the page has all of its files itself: {wrong}"


def test_styles_are_not_written_as_attributes(root, tracked):
    """The policy forbids style attributes; Preact sets the members of an object one by one, which it allows."""
    wrong = [
        f"{name}: {match[0]}"
        for name, text in sources(root, tracked)
        for match in re.finditer(r"\bstyle=(?:\"|'|\{`|\{\")|setAttribute\(\"style|\bcssText\b", text)
    ]
    assert not wrong, f"use a class, or an object: {wrong}"
