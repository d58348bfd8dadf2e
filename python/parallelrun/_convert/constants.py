"""What a program says without being run: constants, and calls that make the things of Azure's SDK v1."""

import ast
import os
import re
from typing import Any, Callable, Dict, List, Optional, Tuple

from parallelrun._convert.report import Report


class Unknown:
    """A value that is known only when the program runs."""

    def __init__(self, source: str, line: int) -> None:
        self.source, self.line = source, line


class Made:
    """A call that is kept as it stands: `kind` the name that was called, `of` the object whose method it is."""

    def __init__(self, kind: str, args: List[Any], kwargs: Dict[str, Any], line: int, of: Any = None) -> None:
        self.kind, self.args, self.kwargs, self.line, self.of = kind, args, kwargs, line, of
        self.lines: Dict[str, int] = {}  # of kwargs
        self.attributes: Dict[str, Any] = {}  # assigned later: env.docker.base_image = ...

    def argument(self, position: int, name: str, otherwise: Any = None) -> Any:
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if position < len(self.args) else otherwise


def known(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(known(each) for each in value)
    if isinstance(value, dict):
        return all(known(each) for each in value.values())
    return not isinstance(value, Unknown)


class Reader:
    """Reads statements in their order. Nothing of the program is executed."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.names: Dict[str, Any] = {}
        self.made: List[Made] = []
        self._several: Dict[str, int] = {}  # names with several values, and the line of the last
        self._branches = 0

    def read(self, body: List[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    # --- statements ---

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            value = self.value(node.value)
            for target in node.targets:
                self._assign(target, value, node.lineno)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, self.value(node.value), node.lineno)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self.names[node.target.id] = Unknown(ast.unparse(node), node.lineno)
        elif isinstance(node, ast.Expr):
            self._expression(node.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            self.value(node.value)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.read(node.body)
        else:
            self._branches += isinstance(node, (ast.If, ast.For, ast.While, ast.Try))
            for field in ("body", "handlers", "orelse", "finalbody"):
                inner = getattr(node, field, None)
                if isinstance(inner, list):
                    for each in inner:
                        self.read(each.body) if isinstance(each, ast.ExceptHandler) else self._statement(each)
            self._branches -= isinstance(node, (ast.If, ast.For, ast.While, ast.Try))

    def _assign(self, target: ast.expr, value: Any, line: int) -> None:
        if isinstance(target, ast.Name):
            if self._branches and target.id in self.names:
                self._several[target.id] = line
            elif not self._branches:
                self._several.pop(target.id, None)
            self.names[target.id] = value
        elif isinstance(target, ast.Attribute):
            holder, path = self._path(target)
            if isinstance(holder, Made):
                holder.attributes[path] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value if isinstance(value, (list, tuple)) and len(value) == len(target.elts) else None
            for index, each in enumerate(target.elts):
                self._assign(each, values[index] if values else Unknown(ast.unparse(target), line), line)

    def _expression(self, node: ast.expr) -> None:
        """`env.python.conda_dependencies.add_pip_package("x")` changes what was made; others only make."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder, path = self._path(node.func)
            if isinstance(holder, Made) and "." in path:
                holder.attributes.setdefault("calls", []).append(
                    (path, [self.value(each) for each in node.args])
                )
                return
        self.value(node)

    def _path(self, node: ast.Attribute) -> Tuple[Any, str]:
        words = [node.attr]
        inner: ast.expr = node.value
        while isinstance(inner, ast.Attribute):
            words.append(inner.attr)
            inner = inner.value
        return self.value(inner), ".".join(reversed(words))

    # --- expressions ---

    def value(self, node: ast.expr) -> Any:
        method: Optional[Callable[[Any], Any]] = getattr(self, f"_{type(node).__name__.lower()}", None)
        return method(node) if method else self._unknown(node)

    def _unknown(self, node: ast.expr) -> Unknown:
        return Unknown(ast.unparse(node), node.lineno)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _list(self, node: ast.List) -> Any:
        return [self.value(each) for each in node.elts]

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.value(each) for each in node.elts)

    def _dict(self, node: ast.Dict) -> Any:
        keys = [self.value(key) if key is not None else Unknown("**", node.lineno) for key in node.keys]
        if not all(isinstance(key, (str, int, float)) for key in keys):
            return self._unknown(node)
        return dict(zip(keys, (self.value(each) for each in node.values)))

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._several:
            self.report.note(
                node.lineno, node.id, f"it has several values; that of line {self._several[node.id]} is taken"
            )
        return self.names.get(node.id, self._unknown(node))

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(value, (int, float)):
            return -value
        return self._unknown(node)

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, (str, int, list)):
            return left + right
        if isinstance(node.op, ast.Mult) and isinstance(left, int) and isinstance(right, int):
            return left * right
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return os.path.join(left, right)  # pathlib
        return self._unknown(node)

    def _joinedstr(self, node: ast.JoinedStr) -> Any:
        words = []
        for part in node.values:
            value = self.value(part.value) if isinstance(part, ast.FormattedValue) else self.value(part)
            formatted = isinstance(part, ast.FormattedValue) and (part.format_spec or part.conversion != -1)
            if formatted or not isinstance(value, (str, int, float)):
                return self._unknown(node)
            words.append(str(value))
        return "".join(words)

    def _attribute(self, node: ast.Attribute) -> Any:
        holder, path = self._path(node)
        if isinstance(holder, Made):
            if path in holder.attributes:
                return holder.attributes[path]
            return Made(f".{path}", [], {}, node.lineno, holder)
        return self._unknown(node)

    def _subscript(self, node: ast.Subscript) -> Any:
        holder, key = self.value(node.value), self.value(node.slice)
        if isinstance(holder, dict) and isinstance(key, (str, int)) and key in holder:
            return holder[key]
        if isinstance(holder, Made):
            return Made("[]", [key], {}, node.lineno, holder)
        return self._unknown(node)

    def _call(self, node: ast.Call) -> Any:
        args: List[Any] = []
        for each in node.args:
            value = self.value(each.value) if isinstance(each, ast.Starred) else self.value(each)
            args += value if isinstance(each, ast.Starred) and isinstance(value, (list, tuple)) else [value]
        kwargs: Dict[str, Any] = {}
        lines: Dict[str, int] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
                lines[keyword.arg] = keyword.value.lineno
            elif isinstance(value, dict):
                kwargs.update({str(key): each for key, each in value.items()})
            else:
                kwargs["**"] = value
        of = None
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        computed = self._computed(node, name, args, kwargs)
        if computed is not None:
            return computed
        if isinstance(node.func, ast.Attribute):
            of = self.value(node.func.value)
            # Dataset.File.from_files: what stands before it is a module or a class of Azure's.
            of = of if isinstance(of, Made) else None
        made = Made(name, args, kwargs, node.lineno, of)
        made.lines = lines
        self.made.append(made)
        return made

    def _computed(self, node: ast.Call, name: str, args: List[Any], kwargs: Dict[str, Any]) -> Any:
        """What depends on constants alone."""
        whole = ast.unparse(node.func)
        if whole in ("os.path.join", "Path", "pathlib.Path", "PurePath") and all(
            isinstance(each, str) for each in args
        ):
            return os.path.join(*args) if args else "."
        if whole in ("os.path.abspath", "os.path.realpath", "str", "int", "float") and len(args) == 1:
            if isinstance(args[0], (str, int, float)):
                try:
                    return {"str": str, "int": int, "float": float}.get(whole, lambda path: path)(args[0])
                except (ValueError, OverflowError):
                    return None
        if isinstance(node.func, ast.Attribute) and name == "format" and known(args) and not kwargs:
            text = self.value(node.func.value)
            plain = isinstance(text, str) and not re.search(r"[{}]", text.replace("{}", ""))
            if plain and text.count("{}") == len(args) and all(isinstance(each, (str, int)) for each in args):
                return text.format(*args)
        return None
