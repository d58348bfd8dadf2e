"""YAML whose values know their line, so that what is left out can be named with it."""

import difflib
from typing import Any, Dict, List, Mapping, Optional

from parallelrun._convert.report import NotConvertible, Report


class Lined:
    """A value of a YAML file: `value` is a scalar, a list of Lined, or a dict of Lined by text."""

    def __init__(self, value: Any, line: int) -> None:
        self.value = value
        self.line = line

    def plain(self) -> Any:
        """Without lines."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value


def read(path: str) -> Lined:
    """NotConvertible: it is no YAML, with the line."""
    from parallelrun._vendor import yaml

    try:
        with open(path, encoding="utf-8") as file:
            loader = yaml.SafeLoader(file)
            try:
                node = loader.get_single_node()
                if node is None:
                    raise NotConvertible(f"{path} is empty")
                return _lined(loader, node)
            finally:
                loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NotConvertible(f"{path} is no YAML: {error}") from error


def _lined(loader: Any, node: Any) -> Lined:
    line = node.start_mark.line + 1
    if node.id == "mapping":
        loader.flatten_mapping(node)
        return Lined(
            {str(key.value): _at_least(_lined(loader, value), key) for key, value in node.value}, line
        )
    if node.id == "sequence":
        return Lined([_lined(loader, each) for each in node.value], line)
    return Lined(loader.construct_object(node), line)


def _at_least(value: Lined, key: Any) -> Lined:
    """A mapping below its key is named with the key's line."""
    value.line = key.start_mark.line + 1
    return value


def from_plain(value: Any, line: int = 0) -> Lined:
    """Values that come from no file."""
    if isinstance(value, Mapping):
        return Lined({str(key): from_plain(each, line) for key, each in value.items()}, line)
    if isinstance(value, (list, tuple)):
        return Lined([from_plain(each, line) for each in value], line)
    return Lined(value, line)


class Section:
    """A mapping that is read key by key. What nobody takes is named by rest()."""

    def __init__(self, given: Optional[Lined], path: str, report: Report) -> None:
        self.path = path
        self.report = report
        self.line = given.line if given else 0
        self._given: Dict[str, Lined] = {}
        self._taken: List[str] = []
        if given is not None and given.value is not None:
            if isinstance(given.value, dict):
                self._given = given.value
            else:
                report.leave(given.line, path, "it is no mapping of keys to values")

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def keys(self) -> List[str]:
        return list(self._given)

    def take(self, key: str) -> Optional[Lined]:
        self._taken.append(key)
        found = self._given.get(key)
        return found if found is not None and found.value is not None else None

    def value(self, key: str) -> Any:
        """Without lines; None: absent."""
        found = self.take(key)
        return found.plain() if found else None

    def texts(self, key: str) -> Dict[str, str]:
        """A mapping of texts, such as variables. Other values are named."""
        found = self.take(key)
        if found is not None and not isinstance(found.value, dict):
            self.report.leave(found.line, self.named(key), "it is no mapping of keys to values")
            return {}
        return {name: str(value) for name, value in (found.plain() if found else {}).items()}

    def section(self, key: str) -> "Section":
        return Section(self.take(key), self.named(key), self.report)

    def line_of(self, key: str) -> int:
        return self._given[key].line if key in self._given else self.line

    def named(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def leave(self, key: str, reason: str) -> None:
        """Takes the key and names it as not carried over, if it is there."""
        if self.take(key) is not None:
            self.report.leave(self.line_of(key), self.named(key), reason)

    def rest(self, reasons: Mapping[str, str]) -> None:
        """Names what nobody took: with its reason, else as unknown."""
        for key in self._given:
            if key in self._taken:
                continue
            reason = reasons.get(key)
            if reason == "":
                continue  # says nothing about the job
            if reason is None:
                near = difflib.get_close_matches(key, [*self._taken, *reasons], 1)
                reason = "unknown key" + (f"; did you mean '{near[0]}'?" if near else "")
            self.report.leave(self.line_of(key), self.named(key), reason)
