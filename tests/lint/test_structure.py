"""House rules that a compiler does not check. A message names the file and the way out."""

import re
import sys

import pytest
import yaml

CPP = (".cpp", ".h")
CODE = (*CPP, ".py", ".sh", ".cmake", ".ts", ".tsx", ".mjs", ".css")
LONGEST_FILE = 800
VAGUE_NAME = re.compile(r"(^|[_-])(utils?|helpers?|managers?|misc)([_.-]|$)", re.IGNORECASE)
# Written in two parts so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|X" + "XX|HA" + r"CK)\b")


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def named(root, path, number=None):
    return f"{path.relative_to(root)}{f':{number}' if number else ''}"


def test_includes_go_by_room_path(root, tracked):
    wrong = [
        named(root, path, number)
        for path in tracked
        if path.suffix in CPP
        for number, line in enumerate(lines_of(path), 1)
        if re.match(r'\s*#\s*include\s*[<"][^>"]*\.\.', line)
    ]
    assert not wrong, f'write the path from the root, as in "runner/plan/x.h": {wrong}'


def test_operator_and_runner_do_not_see_each_other(root, tracked):
    forbidden = {"operator": ("runner",), "runner": ("operator",), "common": ("runner", "operator")}
    wrong = []
    for path in tracked:
        owner = path.relative_to(root).parts[0]
        if path.suffix not in CPP or owner not in forbidden:
            continue
        for number, line in enumerate(lines_of(path), 1):
            match = re.match(r'\s*#\s*include\s*"([^/"]+)/', line)
            if match and match.group(1) in forbidden[owner]:
                wrong.append(named(root, path, number))
    assert not wrong, f"these cross a border between common, runner and operator: {wrong}"


def test_json_is_compiled_once(root, tracked):
    """A unit that includes the library itself compiles its parser and writer again: most of what it costs."""
    owner = root / "common" / "json" / "json.h"
    wrong = [
        named(root, path, number)
        for path in tracked
        if path.suffix in CPP and path != owner
        for number, line in enumerate(lines_of(path), 1)
        if re.match(r"\s*#\s*include\s*<nlohmann/json\.hpp>", line)
    ]
    assert not wrong, f'include "common/json/json.h" instead: {wrong}'


def test_names_of_test_files_are_unique_in_a_suite(root, tracked):
    """pytest imports a suite's files by their bare names: of two with one name, the second is an error."""
    seen, wrong = {}, []
    for path in tracked:
        relative = path.relative_to(root)
        if relative.parts[0] != "tests" or not re.match(r"(test|check)_.*\.py$", path.name):
            continue
        first = seen.setdefault((relative.parts[1], path.name), relative)
        if first != relative:
            wrong.append(f"{relative} has the name of {first}")
    assert not wrong, f"give the second of each pair another name: {wrong}"


@pytest.mark.parametrize("suite", ["common", "runner", "operator", "tests"])
def test_every_source_is_built(root, tracked, suite):
    """A source, and so a test, that no CMakeLists.txt names is never compiled."""
    lists = [path for path in tracked if path.name == "CMakeLists.txt"]
    wrong = []
    for path in tracked:
        relative = path.relative_to(root)
        if path.suffix != ".cpp" or relative.parts[0] != suite:
            continue
        owners = [entry for entry in lists if entry.parent in path.parents]
        names = {path.relative_to(entry.parent).as_posix(): entry for entry in owners}
        if not any(
            re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", entry.read_text())
            for name, entry in names.items()
        ):
            wrong.append(named(root, path))
    assert not wrong, f"no CMakeLists.txt above these names them: {wrong}"


def test_every_python_test_is_collected(root, tracked):
    """tools/test.sh runs pytest on these folders: test_*.py there, or what the folder's pytest.ini names."""
    wrong = []
    for path in tracked:
        relative = path.relative_to(root)
        if path.suffix != ".py" or relative.parts[0] != "tests":
            continue
        has_tests = any(re.match(r"(async )?def test_|class Test", line) for line in lines_of(path))
        collected = (
            relative.parts[1] in ("docs", "integration", "lint", "e2e", "sdk", "wheel")
            and path.name.startswith("test_")
        ) or (
            relative.parts[1] in ("apiserver", "operator", "helm", "images")
            and path.name.startswith("check_")
        )
        if has_tests and not collected:
            wrong.append(named(root, path))
    assert not wrong, f"pytest does not collect these: {wrong}"


def test_no_file_is_too_long(root, tracked):
    long = {
        named(root, path): len(lines_of(path))
        for path in tracked
        if path.suffix in CODE and len(lines_of(path)) > LONGEST_FILE
    }
    assert not long, f"past {LONGEST_FILE} lines a file is two files: {long}"


def test_comments_keep_to_the_width_of_the_page(root, tracked):
    """The formatter leaves the words of comments where they are, so it does not hold them to its ColumnLimit."""
    width = int(re.search(r"^ColumnLimit: (\d+)$", (root / ".clang-format").read_text(), re.M).group(1))
    wide = [
        named(root, path, number)
        for path in tracked
        if path.suffix in (*CPP, ".c")
        for number, line in enumerate(lines_of(path), 1)
        if len(line) > width and re.search(r"(^|\s)//", line) and "NOLINT" not in line
    ]
    assert not wide, f"these comments go past column {width}; wrap them by hand: {wide}"


def test_nothing_is_left_to_do(root, tracked):
    found = [
        named(root, path, number)
        for path in tracked
        if path.suffix in CODE or path.name in ("CMakeLists.txt", "Makefile")
        for number, line in enumerate(lines_of(path), 1)
        if UNFINISHED.search(line)
    ]
    assert not found, f"finish it, or open an issue: {found}"


def test_names_say_what_is_inside(root, tracked):
    vague = [
        named(root, path)
        for path in tracked
        if any(VAGUE_NAME.search(part) for part in path.relative_to(root).parts)
    ]
    assert not vague, f"name the concept, not the drawer: {vague}"


def test_headers_are_included_once(root, tracked):
    wrong = [
        named(root, path)
        for path in tracked
        if path.suffix == ".h" and not any(line.strip() == "#pragma once" for line in lines_of(path))
    ]
    assert not wrong, f"add #pragma once: {wrong}"


DEFINITIONS = ("parallelrunjobs.yaml", "parallelrundatasets.yaml")
SCHEMA_WORDS = set(
    "additionalProperties allOf anyOf default description enum format items maxItems maxLength maxProperties maximum minItems"
    " minLength minProperties minimum not oneOf pattern properties required type".split()
)


def unknown_words(schema, where):
    """A description with a comma in braces and without quotes ends there, and its rest is a key."""
    wrong = [
        f"{where}: {word}"
        for word in schema
        if word not in SCHEMA_WORDS and not word.startswith("x-kubernetes-")
    ]
    for name, inner in schema.get("properties", {}).items():
        wrong += unknown_words(inner, f"{where}.{name}")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        wrong += unknown_words(inner, f"{where}[]") if isinstance(inner, dict) else []
    return wrong


def test_the_definition_has_only_words_of_schemas(root):
    """The API server drops others and warns, which Helm prints."""
    for name in DEFINITIONS:
        definition = yaml.safe_load((root / "crds" / name).read_text(encoding="utf-8"))
        for version in definition["spec"]["versions"]:
            wrong = unknown_words(version["schema"]["openAPIV3Schema"], version["name"])
            assert not wrong, f"put quotes around the text: {wrong}"


def test_the_definition_of_datasets_is_of_this_schema(root):
    sys.path.insert(0, str(root / "crds"))
    import reference

    assert reference.datasets() == reference.DATASETS.read_text(encoding="utf-8"), "run crds/reference.py"


def test_the_charts_definitions_are_copies(root):
    """Written once, in crds/. The chart has no link, of which Helm would warn at each call."""
    chart = root / "helm" / "parallelrun"
    assert not [named(root, path) for path in chart.rglob("*") if path.is_symlink()]
    for name in DEFINITIONS:
        copy = (chart / "files" / name).read_bytes()
        assert copy == (root / "crds" / name).read_bytes(), "run crds/reference.py"


def test_who_returns_early_includes_the_macro(root, tracked):
    """Sources that are compiled together would not miss it."""
    using = [
        named(root, path)
        for path in tracked
        if path.suffix == ".cpp"
        and re.search(r"\b(ASSIGN_OR_RETURN|RETURN_IF_ERROR)\(", path.read_text())
        and "common/result/try.h" not in path.read_text()
    ]
    assert not using, f'#include "common/result/try.h" in {using}'


TEXT = re.compile(r"(const )?(std::string(_view)?|std::filesystem::path|fs::path|char\*)( ?&)?(?!\w)")


def own_names(path):
    """What a source declares for itself alone: constants and types by name, functions with their parameters."""
    names, inside = set(), False
    text = path.read_text(encoding="utf-8")
    for chunk in re.split(r"^(namespace \{|\}  // namespace)$", text, flags=re.MULTILINE):
        if chunk in ("namespace {", "}  // namespace"):
            inside = chunk == "namespace {"
        elif inside:
            names |= set(
                re.findall(
                    r"^(?:inline )?(?:static )?const(?:expr)? [^=(;\n]*?\b(k[A-Z]\w*)", chunk, re.MULTILINE
                )
            )
            names |= set(re.findall(r"^(?:struct|class|enum class) (\w+)[^;\n]*\{", chunk, re.MULTILINE))
            for name, parameters in re.findall(
                r"^[\w:][\w:<>,&* ]*?[&* ](\w+)\(([^()]*)\) \{", chunk, re.MULTILINE
            ):
                types = re.sub(r"\s*\b\w+\s*(=[^,]*)?(?=,|$)", "", " ".join(parameters.split()))
                # Between functions that differ in the kind of text alone, a call cannot choose.
                names.add(f"{name}({TEXT.sub('text', types)})")
    # Of other namespaces of the same room, the like is no collision.
    space = re.search(r"^namespace (\w[\w:]*) \{$", text, re.MULTILINE)
    return {f"{space[1] if space else ''}::{name}" for name in names}


def sources_of_targets(path):
    """Of each target of a CMakeLists.txt that is compiled in few units."""
    text = path.read_text(encoding="utf-8")
    lists = re.findall(r"prj_(?:room|test)\(\s*\w+\s(?:[^()]*?\s)?SOURCES\s([^()]*?)(?:\sDEPS|\))", text)
    for name in re.findall(r"^ *prj_(?:few|test)_units\((\w[\w-]*)\)", text, re.MULTILINE):
        own = re.findall(rf"add_executable\({name}\s([^()]*)\)", text)
        # Each fuzz target is one source of the program that replays.
        lists.append(" ".join(own + re.findall(r"^fuzz_target\((\S+)", text, re.MULTILINE)))
    for listed in lists:
        if not re.search(r"\.c\b(?!pp)", listed):
            yield [path.parent / word for word in listed.split() if word.endswith(".cpp")]


def test_sources_compile_together(root, tracked):
    """Sources of a room or test program are compiled together (cmake/Rooms.cmake), so that their own names meet."""
    wrong, together = [], 0
    for path in tracked:
        if path.name != "CMakeLists.txt":
            continue
        for sources in sources_of_targets(path):
            together += len(sources)
            owners = {}
            for source in sources:
                for name in own_names(source):
                    owners.setdefault(name, []).append(named(root, source))
            wrong += [f"{name} in {' and '.join(files)}" for name, files in owners.items() if len(files) > 1]
    assert together > 640
    assert not wrong, f"give one of each another name, or make it one: {wrong}"
