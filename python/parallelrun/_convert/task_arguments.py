"""The command line of a v2 task: `--model ${{inputs.model}} $[[--labels ${{inputs.labels}}]]`."""

import re
import shlex
from typing import Callable, List, Optional

_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")

# The text that an expression ("inputs.model") stands for; None: it has no value.
Find = Callable[[str], Optional[str]]


def arguments(text: str, find: Find) -> List[str]:
    """The words. A part in `$[[ ]]` goes where an input in it has no value."""

    def kept(match: "re.Match[str]") -> str:
        inner = match.group(1)
        return inner if all(find(each) is not None for each in _EXPRESSION.findall(inner)) else " "

    # Without spaces, so that each expression stays in one word.
    whole = _EXPRESSION.sub(lambda match: "${{" + match.group(1) + "}}", _OPTIONAL.sub(kept, text))
    words = shlex.split(whole)
    return [word for word in (_replaced(word, find) for word in words) if word is not None]


def _replaced(word: str, find: Find) -> Optional[str]:
    # What looks like one of our placeholders is the script's own.
    parts = _EXPRESSION.split(word)
    for index in range(0, len(parts), 2):
        parts[index] = parts[index].replace("$(", "$$(")
    for index in range(1, len(parts), 2):
        parts[index] = find(parts[index]) or ""
    return "".join(parts)
