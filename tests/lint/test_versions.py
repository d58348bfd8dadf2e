"""The version is written in CMakeLists.txt. Where a file has to repeat it, it is the same."""

import re

import yaml

IMAGE = re.compile(r"\bparallelrun/(?:operator|runner|digits):([0-9][\w.]*)")


def version_of(root):
    lists = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(parallelrun VERSION ([0-9.]+)", lists, re.MULTILINE).group(1)


def test_the_chart_has_the_projects_version(root):
    chart = yaml.safe_load((root / "helm" / "parallelrun" / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (version_of(root), version_of(root))


def test_images_are_named_with_the_projects_version(root, tracked):
    found = {
        (path.relative_to(root).as_posix(), version)
        for path in tracked
        if path.name != "CHANGELOG.md" and path.relative_to(root).parts[0] != "tests"
        for version in IMAGE.findall(path.read_text(encoding="utf-8", errors="ignore"))
    }
    assert ("README.md", version_of(root)) in found
    assert not {entry for entry in found if entry[1] != version_of(root)}


def test_images_say_the_projects_version(root):
    """tools/images.sh gives it; who builds the Dockerfile without that gets the default."""
    text = (root / "docker" / "Dockerfile").read_text(encoding="utf-8")
    assert set(re.findall(r"^ARG VERSION=(\S+)", text, re.MULTILINE)) == {version_of(root)}


def test_the_image_has_what_the_data_process_needs(root):
    """For object stores and databases. It is installed on first use elsewhere; in pods there may be no index."""
    verb = (root / "runner" / "cli" / "data_verb.cpp").read_text(encoding="utf-8")
    (of_databases,) = re.findall(r"kOfDatabases\[\] = \{([^}]+)\}", verb)
    needed = set(re.findall(r'kRequirement = "([^"]+)"', verb))
    assert len(needed) == 1
    for requirement in re.findall(r'"([^"]+)"', of_databases):
        name, extra, version = re.fullmatch(r"([\w-]+)(?:\[(\w+)\])?(==\S+)", requirement).groups()
        needed |= {name + version} | ({f"{name}-{extra}{version}"} if extra else set())
    assert len(needed) == 5
    pinned = (root / "docker" / "requirements-data.txt").read_text(encoding="utf-8")
    assert needed <= set(re.findall(r"^([\w.-]+==\S+)", pinned, re.MULTILINE))
