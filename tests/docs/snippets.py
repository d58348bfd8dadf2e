"""The fenced blocks of a page, and what the comment before each says of it.

<!-- file: score.py -->          the block is this file; what it holds is checked as the block of its language is
<!-- output -->                  a part of what the commands of the last block have printed; ... stands for anything
<!-- exit code: 1 -->            the last command of the block ends with it
<!-- not run: REASON -->         the block is left out. The reason is counted
<!-- checked by: TEST -->        a test of its own looks at it
<!-- setup: COMMANDS -->         runs before the block; readers do not see it
<!-- typed behind: PROMPT -->    the command asks; each line with the prompt has what is typed, on a terminal
<!-- ended after: TEXT -->       the command serves until Ctrl-C; it comes when it has printed the text
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[a-z]*)[ ]*$")
COMMENT = re.compile(
    r"<!--\s*(?P<word>file|output|exit code|not run|checked by|setup|typed behind|ended after)"
    r"(?::\s*(?P<value>.*?))?\s*-->",
    re.DOTALL,
)
VERDICTS = ("run", "validated", "left out")


@dataclass
class Block:
    page: Path
    line: int  # of its fence, from 1
    language: str
    text: str
    marks: dict = field(default_factory=dict)

    @property
    def place(self):
        return f"{self.page}:{self.line}"


def comments_before(lines, index):
    """The marks that end right before the line, upwards; setups keep their order."""
    marks = {}
    end = index
    while end > 0:
        text = lines[end - 1].strip()
        if not text.endswith("-->"):
            break
        start = end - 1
        while "<!--" not in lines[start]:
            start -= 1
        match = COMMENT.fullmatch("\n".join(lines[start:end]).strip())
        if not match:
            break
        value = match["value"] or ""
        if match["word"] == "setup" and "setup" in marks:
            value = f"{value}\n{marks['setup']}"
        marks[match["word"]] = value
        end = start
    return marks


def blocks_of(page, text):
    lines = text.split("\n")
    blocks = []
    index = 0
    while index < len(lines):
        fence = FENCE.match(lines[index])
        if not fence:
            index += 1
            continue
        end = index + 1
        while end < len(lines) and lines[end].strip() != fence["ticks"]:
            end += 1
        assert end < len(lines), f"{page}:{index + 1}: the block has no end"
        indent = len(fence["indent"])
        assert indent in (0, 4), (
            f"{page}:{index + 1}: indent a block of a list by four spaces; then forge and site read it alike"
        )
        content = "\n".join(line[indent:] for line in lines[index + 1 : end]) + "\n"
        blocks.append(Block(page, index + 1, fence["language"], content, comments_before(lines, index)))
        index = end + 1
    return blocks


def commands_of(text):
    """[(command, what the page says that it prints)] of a block with prompts."""
    commands = []
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            commands.append([line[2:], []])
        elif commands and commands[-1][0].endswith("\\") and not commands[-1][1]:
            commands[-1][0] += "\n" + line
        elif commands:
            commands[-1][1].append(line)
        else:
            raise ValueError(f"the block begins with output: {line!r}; a command begins with '$ '")
    return [(command, output) for command, output in commands]


def printed(expected, actual):
    """The first line of `expected` that `actual` does not have, in this order; None if it has all."""
    rest = [line.rstrip() for line in actual.split("\n")]
    for line in expected:
        if line.strip() in ("", "..."):
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.rstrip().split("...")))
        while rest and not pattern.fullmatch(rest[0]):
            rest.pop(0)
        if not rest:
            return line
        rest.pop(0)
    return None
