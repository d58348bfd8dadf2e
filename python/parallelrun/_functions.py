"""Functions in place of a script: they are pickled by value, and a script of ours calls them."""

import dis
import hashlib
import os
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

SCRIPT = "functions.py"
_DATA = "functions.pickle"
_TEXT = """\
# Written by parallelrun.submit(): it calls functions that were given in place of a script.
# Their content, so that edited ones are other code: {digest}
import os
import pickle
import sys

sys.path.extend(folder for folder in {path!r} if folder not in sys.path)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), {data!r}), "rb") as file:
    functions = pickle.load(file)


def init():
    if functions["init"] is not None:
        functions["init"]()


def run(mini_batch):
    return functions["run"](mini_batch)
"""
_SHUTDOWN = """

def shutdown():
    functions["shutdown"]()
"""


def named(functions: Any) -> Dict[str, Optional[Callable[..., Any]]]:
    """`run`, `(init, run)` or `(init, run, shutdown)`, by their names."""
    given: Tuple[Any, ...] = tuple(functions) if isinstance(functions, (tuple, list)) else (None, functions)
    if len(given) not in (2, 3):
        raise TypeError(f"{len(given)} functions are given; give run, (init, run) or (init, run, shutdown)")
    init, run, shutdown = (*given, None)[:3]
    for name, function in (("init", init), ("run", run), ("shutdown", shutdown)):
        if function is None and name != "run":
            continue
        if not callable(function):
            raise TypeError(f"{name} is {type(function).__name__}, but must be a function")
    return {"init": init, "run": run, "shutdown": shutdown}


def write_script(functions: Any, folder: str) -> str:
    """Writes the script and what it needs into `folder`; its name. TypeError: what cannot be pickled, by name."""
    by_name = named(functions)
    # Together, so that what init() sets is what run() sees.
    data = _pickled(by_name)
    with open(os.path.join(folder, _DATA), "wb") as file:
        file.write(data)
    # What they import is found as it is here.
    path = [os.path.abspath(entry or os.curdir) for entry in sys.path]
    text = _TEXT.format(path=path, data=_DATA, digest=hashlib.sha256(data).hexdigest()) + (
        _SHUTDOWN if by_name["shutdown"] else ""
    )
    with open(os.path.join(folder, SCRIPT), "w", encoding="utf-8") as file:
        file.write(text)
    return SCRIPT


def _pickled(by_name: Dict[str, Optional[Callable[..., Any]]]) -> bytes:
    from parallelrun._vendor import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(by_name)
        return data
    except Exception as error:
        for name, function in by_name.items():
            culprits = [_words(*culprit) for culprit in _culprits(function, cloudpickle.dumps)]
            if culprits:
                raise TypeError(
                    f"{name}() uses {' and '.join(culprits)}, which cannot be sent to other processes: {error}. "
                    "Make it in init() instead, and keep it in a global variable"
                ) from error
        raise TypeError(f"the functions cannot be sent to other processes: {error}") from error


def _words(variable: str, value: Any) -> str:
    return f"'{variable}' ({type(value).__module__}.{type(value).__qualname__})"


def _culprits(
    function: Any, dumps: Callable[[Any], bytes], seen: Optional[Set[int]] = None
) -> List[Tuple[str, Any]]:
    """The variables that cannot be pickled, also those of functions that the function calls."""
    seen = set() if seen is None else seen
    found = []
    for variable, value in _used_by(function):
        if id(value) in seen:
            continue
        seen.add(id(value))
        try:
            dumps(value)
        except Exception:
            found += _culprits(value, dumps, seen) or [(variable, value)]
    return found


def _used_by(function: Any) -> Iterator[Tuple[str, Any]]:
    code = getattr(function, "__code__", None)
    if code is None:
        return
    names: Sequence[str] = code.co_freevars
    for variable, cell in zip(names, function.__closure__ or ()):
        try:
            yield variable, cell.cell_contents
        except ValueError:  # not set yet
            continue
    codes = [code]
    for each in codes:
        codes += [constant for constant in each.co_consts if hasattr(constant, "co_code")]
        for instruction in dis.get_instructions(each):
            if instruction.opname == "LOAD_GLOBAL" and instruction.argval in function.__globals__:
                yield instruction.argval, function.__globals__[instruction.argval]
