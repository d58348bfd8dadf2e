"""usage: pictures.py [--check]: draws docs/pictures/*.svg; --check only says whether they are as this would draw them.

The pictures are narrow, so that their words can be read on a phone. Alone (on a forge) they follow the colours of the
system; on the site they stand in the page and follow its palette (theme/stylesheets/site.css).
"""

import sys
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
WIDTH = 480
STYLE = """<style>
text { font-family: system-ui, sans-serif; font-size: 15px; fill: #1b1f24 }
.small { font-size: 13px; fill: #4a525c } .head { font-weight: 600 } .sheet { fill: #ffffff }
.plain { fill: #eef1f6; stroke: #8a95a5 } .work { fill: #e3e8ff; stroke: #4a5fd0 } .good { fill: #dff3e4; stroke: #2f8a4b }
.bad { fill: #fbe5e3; stroke: #c0463a } .group { fill: none; stroke: #8a95a5; stroke-dasharray: 5 4 }
.arrow { fill: none; stroke: #4a525c; stroke-width: 1.6 } .tip { fill: #4a525c }
@media (prefers-color-scheme: dark) {
text { fill: #e8eaee } .small { fill: #b3bac5 } .sheet { fill: #1c1f26 }
.plain { fill: #2a2f3a; stroke: #7d8899 } .work { fill: #2b3468; stroke: #8ea0ff } .good { fill: #1f3d2a; stroke: #67c587 }
.bad { fill: #4a2522; stroke: #f0867a } .arrow { stroke: #b3bac5 } .tip { fill: #b3bac5 } .group { stroke: #7d8899 }
}
</style>
"""


class Picture:
    def __init__(self, name, title, description, height):
        self.name = name
        self.height = height
        self.parts = [
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f'<defs><marker id="{name}-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path class="tip" d="M0 0 L10 5 L0 10 z"/></marker></defs>',
            f'<rect class="sheet" width="{WIDTH}" height="{height}" rx="8"/>',
        ]

    def box(self, x, y, width, height, kind, *lines):
        """The first line is the heading of the box."""
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>')
        top = y + (height - 19 * len(lines)) / 2 + 14
        for number, line in enumerate(lines):
            if len(line) * (13 * 0.53 if number else 15 * 0.56) > width - 8:
                raise ValueError(f"{self.name}: {line!r} is wider than its box of {width}")
            self.words(x + width / 2, top + 19 * number, line, "small" if number else "head")

    def words(self, x, y, text, kind="small", anchor="middle"):
        self.parts.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def group(self, x, y, width, height, title):
        self.parts.append(f'<rect class="group" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>')
        self.words(x + 12, y + 22, title, "head", "start")

    def arrow(self, *points):
        path = "M" + " L".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'<path class="arrow" d="{path}" marker-end="url(#{self.name}-tip)"/>')

    def text(self):
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
            f'height="{self.height}">\n'
        )
        return head + STYLE + "\n".join(self.parts) + "\n</svg>\n"


def mini_batch():
    picture = Picture(
        "mini-batch",
        "The life of a mini-batch",
        "Planned, leased to an agent, inside run, committed. A failed try is leased again after a pause. "
        "After the last try its items are failed items. If an agent is lost, the mini-batch is leased again.",
        610,
    )
    left, width = 110, 220
    middle = left + width / 2
    picture.box(left, 16, width, 58, "plain", "input", "files, or slices of tables")
    picture.arrow((middle, 74), (middle, 104))
    picture.box(left, 106, width, 58, "work", "planned", "it waits in the plan on disk")
    picture.arrow((middle, 164), (middle, 214))
    picture.words(middle + 10, 194, "an agent asks for work", anchor="start")
    picture.box(left, 216, width, 58, "work", "leased", "to one agent, for one try")
    picture.arrow((middle, 274), (middle, 324))
    picture.words(middle + 10, 304, "a process is free", anchor="start")
    picture.box(left, 326, width, 58, "work", "inside run(mini_batch)", "a worker process has it")
    picture.arrow((middle, 384), (middle, 434))
    picture.words(middle + 10, 414, "run() returned", anchor="start")
    picture.box(left, 436, width, 58, "good", "committed", "rows and journal are on disk")
    picture.arrow((left, 340), (64, 340), (64, 256), (left - 2, 256))
    picture.words(12, 288, "agent", anchor="start")
    picture.words(12, 304, "lost: it", anchor="start")
    picture.words(12, 320, "costs", anchor="start")
    picture.words(12, 336, "no try", anchor="start")
    picture.arrow((left + width, 340), (400, 340), (400, 244), (left + width + 2, 244))
    picture.words(408, 272, "try failed:", anchor="start")
    picture.words(408, 288, "after a", anchor="start")
    picture.words(408, 304, "pause", anchor="start")
    picture.words(408, 320, "again", anchor="start")
    picture.arrow((left + width, 370), (424, 370), (424, 538))
    picture.words(416, 424, "the last", anchor="end")
    picture.words(416, 440, "try failed", anchor="end")
    picture.box(250, 540, 214, 58, "bad", "failed items", "listed, counted, committed")
    picture.arrow((250, 569), (middle - 40, 569), (middle - 40, 496))
    return picture


def exactly_once():
    picture = Picture(
        "exactly-once",
        "The order of a commit",
        "Rows are appended and synced, then the journal record is appended and synced, then the report is answered. "
        "Wherever the process is killed, a restart keeps exactly what the journal proves.",
        500,
    )
    steps = [
        ("plain", "1  append the rows", "to the output file"),
        ("plain", "2  sync the rows", "they are on the disk now"),
        ("work", "3  append to the journal", "their lengths and a checksum"),
        ("good", "4  sync the journal", "from here on it counts"),
        ("good", "5  answer the agent", "it forgets the result"),
    ]
    for number, (kind, head, line) in enumerate(steps):
        top = 46 + 90 * number
        picture.box(16, top, 216, 58, kind, head, line)
        if number:
            picture.arrow((124, top - 32), (124, top - 2))
    picture.words(124, 30, "what the orchestrator does", "head")
    picture.words(366, 30, "if it is killed here", "head")
    picture.box(
        266,
        46,
        200,
        238,
        "plain",
        "not in the journal",
        "A restart cuts the rows",
        "off. The agent still has",
        "the result and sends it",
        "again",
    )
    picture.box(266, 316, 200, 58, "plain", "the rows stay", "if the record is whole")
    picture.box(266, 406, 200, 58, "good", "the rows stay", "a second result is dropped")
    for start, end in ((75, 75), (165, 165), (255, 255), (345, 345), (435, 435)):
        picture.arrow((232, start), (264, end))
    return picture


def two_worlds():
    picture = Picture(
        "two-worlds",
        "One machine and a cluster",
        "On one machine the command starts an orchestrator and agents as processes. On a cluster the operator starts "
        "them as pods. Manifest, script, protocol and files are the same.",
        640,
    )
    picture.box(130, 12, 220, 58, "work", "job.yaml and score.py", "the same in both worlds")
    picture.arrow((240, 70), (240, 96))
    picture.group(12, 98, 456, 226, "one machine")
    picture.box(150, 112, 180, 44, "plain", "parallelrun run")
    picture.arrow((190, 156), (120, 186))
    picture.arrow((290, 156), (360, 186))
    picture.box(28, 188, 190, 48, "work", "orchestrator", "plans, leases, commits")
    picture.box(262, 188, 190, 48, "work", "agents", "each with its processes")
    picture.arrow((262, 212), (220, 212))
    picture.arrow((123, 236), (123, 262))
    picture.box(28, 264, 190, 46, "good", "output directory", "results, logs, state")
    picture.words(357, 284, "Unix socket and tokens")
    picture.words(240, 352, "the same protocol, the same programs, the same files", "head")
    picture.group(12, 372, 456, 256, "a cluster")
    picture.box(150, 386, 180, 48, "plain", "operator", "watches ParallelRunJobs")
    picture.arrow((190, 434), (120, 464))
    picture.arrow((290, 434), (360, 464))
    picture.box(28, 466, 190, 48, "work", "orchestrator's pod", "plans, leases, commits")
    picture.box(262, 466, 190, 48, "work", "worker pods", "each with its processes")
    picture.arrow((262, 490), (220, 490))
    picture.arrow((123, 514), (123, 544))
    picture.box(28, 546, 190, 58, "good", "volume", "results, logs, state")
    picture.words(357, 566, "TLS, a certificate for each")
    picture.words(357, 584, "worker")
    return picture


def tries_and_losses():
    picture = Picture(
        "tries-and-losses",
        "What costs a try and what does not",
        "A failure of the script costs a try. A failure that no try can mend ends the mini-batch at once. "
        "The loss of an agent, a pod or a node costs nothing, unless the mini-batch was inside run at two losses before.",
        560,
    )
    picture.words(112, 30, "what happens", "head")
    picture.words(362, 30, "what it costs", "head")
    rows = [
        ("plain", ("run() raises", "returns a wrong type", "takes too long", "its process dies"), "bad", ("one try", "then again, after a pause,", "up to runMaxTry"), 96),
        ("plain", ("the data does not fit", "a value, a row, a file"), "bad", ("all tries at once", "another try cannot mend it"), 60),
        ("plain", ("fewer elements", "than items in the mini-batch"), "bad", ("failed items, no try", "the script has seen them"), 60),
        ("plain", ("an agent is lost", "its pod, its node, or a stop"), "good", ("no try", "another agent gets it"), 60),
        ("plain", ("lost twice inside run()", "so it is a suspect"), "work", ("it runs alone", "each further loss is a try"), 60),
    ]  # fmt: skip
    top = 46
    for kind, cause, cost_kind, cost, height in rows:
        picture.box(12, top, 206, height, kind, *cause)
        picture.box(262, top, 206, height, cost_kind, *cost)
        picture.arrow((218, top + height / 2), (260, top + height / 2))
        top += height + 18
    picture.box(
        12,
        top + 6,
        456,
        60,
        "plain",
        "after the last try",
        "all items of the mini-batch are failed items; the job goes on",
    )
    return picture


def logo():
    cells = []
    for row in range(3):
        for column in range(3):
            shade = "#ffffff" if (row + column) % 2 == 0 else "#c5cae9"
            cells.append(
                f'<rect x="{2 + 7 * column}" y="{2 + 7 * row}" width="6" height="6" rx="1.2" fill="{shade}"/>'
            )
    body = "\n".join(cells)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24">\n'
        f'<rect width="24" height="24" rx="4" fill="#4051b5"/>\n{body}\n</svg>\n'
    )


def main(check):
    wanted = {
        f"{each.name}.svg": each.text()
        for each in (mini_batch(), exactly_once(), two_worlds(), tries_and_losses())
    }
    wanted["logo.svg"] = logo()
    other = []
    for name, text in wanted.items():
        path = FOLDER / name
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                other.append(name)
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if other:
        print(
            f"docs/pictures/{', '.join(other)}: tools/site/pictures.py would draw them otherwise; run it",
            file=sys.stderr,
        )
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
