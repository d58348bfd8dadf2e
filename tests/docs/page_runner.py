"""Runs the blocks of one page, from top to bottom, in a folder of its own: a reader who types all of it."""

import json
import os
import re
import signal
import subprocess
import sys

import yaml
from checkout import REPOSITORY
from snippets import commands_of, printed
from terminal import Terminal

FIELDS = re.compile(r"^\| `([a-zA-Z]+)` \|", re.MULTILINE)
END_OF_COMMAND = "\x1e"
PATIENCE = 120
NO_PAGE = "in a checkout `make ui` builds it"
BASE_JOB = {
    "apiVersion": "parallelrun.dev/v1alpha1",
    "kind": "ParallelRunJob",
    "metadata": {"name": "of-a-page"},
    "spec": {
        "entryScript": "/code/score.py",
        "inputs": [{"name": "data", "source": {"local": {"path": "data"}}}],
        "output": {"source": {"local": {"path": "output"}}},
    },
}


class Wrong(Exception):
    """What a block says is not so."""


def fields_of_spec():
    return set(FIELDS.findall((REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")))


def options_of_verbs():
    """verb -> the options that its --help names."""
    text = (REPOSITORY / "docs" / "command-help.md").read_text(encoding="utf-8")
    sections = re.split(r"^## parallelrun ?", text, flags=re.MULTILINE)[1:]
    return {
        section.split("\n")[0]: set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", section))
        for section in sections
    }


def verbs_in(text):
    """[(verb, words behind it)] of each call of parallelrun in a block; `datasets list` is a verb too."""
    found = []
    for line in re.sub(r"\\\n", " ", text).split("\n"):
        for call in re.findall(r"(?:^|[$;&|(] *|kubectl |bin/)parallelrun ([^;&|#<>)]*)", line):
            words = call.split()
            if words and re.fullmatch(r"[a-z]+", words[0]):
                length = 2 if words[0] == "datasets" else 1
                found.append((" ".join(words[:length]), words[length:]))
    return found


def wrong_in(text, options):
    """What the calls of parallelrun in a text have that the program does not; None if there is nothing."""
    for verb, words in verbs_in(text):
        if verb not in options:
            return f"there is no verb '{verb}' of parallelrun in docs/command-help.md"
        for word in words:
            option = word.split("=")[0]
            if option.startswith("-") and option not in options[verb]:
                return f"`parallelrun {verb}` has no option '{option}' in docs/command-help.md"
    return None


class PageRunner:
    def __init__(self, folder, package):
        self.folder = folder / "page"
        self.home = folder / "home"
        for each in (self.folder, self.home):
            each.mkdir()
        self.package = package
        self.last_output = ""
        self.fields = fields_of_spec()
        self.options = options_of_verbs()
        self.environment = self.environment_of_a_reader()

    def environment_of_a_reader(self):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not re.match(r"PARALLELRUN_|XDG_|KUBE|AWS_|AZURE_|GOOGLE_", name)
        }
        path = [str(self.package / "bin"), os.path.dirname(sys.executable), kept.get("PATH", "")]
        return {
            **kept,
            "HOME": str(self.home),
            "CHECKOUT": str(REPOSITORY),  # for setups; a reader has none
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": str(self.package),
            "PYTHONWARNINGS": "ignore",
            "VIRTUAL_ENV": os.path.dirname(os.path.dirname(sys.executable)),
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }

    def verdict(self, block):
        """(verdict, reason) of the block; raises Wrong with what is not as the page says."""
        if "not run" in block.marks:
            if len(block.marks["not run"].split()) < 2:
                raise Wrong("the comment `not run` gives no reason")
            self.check_options(block)
            return "left out", block.marks["not run"]
        if "checked by" in block.marks:
            if not (REPOSITORY / block.marks["checked by"]).is_file():
                raise Wrong(f"there is no test {block.marks['checked by']}")
            self.check_options(block)
            return "validated", block.marks["checked by"]
        if "setup" in block.marks:
            self.shell([block.marks["setup"]])
        if "file" in block.marks:
            self.save(block)
        kind = {"yml": "yaml", "shell": "sh", "bash": "sh", "": "text"}.get(block.language, block.language)
        if "typed behind" in block.marks:
            return self.check_typed(block)
        if "ended after" in block.marks:
            return self.check_ended(block)
        if "output" in block.marks:
            self.compare(block.text.rstrip("\n").split("\n"), self.last_output)
            return "run", ""
        check = getattr(self, f"check_{kind}", None)
        if check is None:
            raise Wrong(
                f"no rule says how to test a block of '{block.language or 'text'}'. If the commands before it print it, "
                "write <!-- output --> before it; else <!-- not run: REASON -->"
            )
        return check(block)

    def check_options(self, block):
        """What is not run has at least verbs and options that exist."""
        wrong = wrong_in(block.text, self.options) if block.language in ("sh", "console") else None
        if wrong:
            raise Wrong(wrong)

    def save(self, block):
        path = self.folder / block.marks["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def compare(self, expected, actual):
        missing = printed(expected, actual)
        if missing is not None:
            raise Wrong(f"this line was not printed: {missing!r}; what was printed:\n{actual}")

    def process(self, command, text=None):
        # A group of its own: what a block has left running ends with it.
        started = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = started.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Wrong(f"not done after {PATIENCE} s: {command[-1]}") from None
        finally:
            try:
                os.killpg(started.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            started.wait()
        return started.returncode, output

    def shell(self, commands, code=0):
        """What each command printed. All but the last one have to succeed; it ends with the code."""
        *first, last = commands
        marked = [f"{command}\nprintf '{END_OF_COMMAND}'" for command in first]
        script = "\n".join(["set -euo pipefail", *marked, f"{last}\n" + ("wait" if code == 0 else "")])
        ended, output = self.process(["bash", "-c", script])
        if ended != code:
            raise Wrong(f"exit code {ended}, not {code}:\n{output.replace(END_OF_COMMAND, '')}")
        self.last_output = output.replace(END_OF_COMMAND, "")
        return output.split(END_OF_COMMAND)

    def code_of(self, block):
        return int(block.marks.get("exit code", 0))

    def check_sh(self, block):
        self.shell([block.text], self.code_of(block))
        return "run", ""

    def check_console(self, block):
        try:
            commands = commands_of(block.text)
        except ValueError as error:
            raise Wrong(str(error)) from None
        outputs = self.shell([command for command, _ in commands], self.code_of(block))
        for (command, expected), actual in zip(commands, outputs):
            missing = printed(expected, actual)
            if missing is not None:
                raise Wrong(f"`{command}` did not print {missing!r} but:\n{actual}")
        return "run", ""

    def on_terminal(self, command):
        return Terminal(["bash", "-c", f"exec {command}"], self.environment, cwd=self.folder)

    def check_typed(self, block):
        prompt = block.marks["typed behind"]
        ((command, expected),) = commands_of(block.text)
        terminal = self.on_terminal(command)
        try:
            for line in expected:
                if line.startswith(prompt):
                    terminal.until(prompt)
                    terminal.type(line[len(prompt) :].strip())
            terminal.until(prompt)
        except AssertionError as error:
            raise Wrong(f"`{command}`: {error}") from None
        finally:
            terminal.kill()
        self.compare(expected, terminal.seen.replace("\r\n", "\n"))
        return "run", ""

    def check_ended(self, block):
        ((command, expected),) = commands_of(block.text)
        terminal = self.on_terminal(command)
        try:
            seen = terminal.until(block.marks["ended after"], NO_PAGE)
            if NO_PAGE in seen:
                return "left out", "the wheel was built without the page of `parallelrun ui`"
            terminal.interrupt()
            _, code = terminal.end()
        except AssertionError as error:
            raise Wrong(f"`{command}`: {error}") from None
        finally:
            terminal.kill()
        if code not in (0, 130):
            raise Wrong(f"`{command}`: exit code {code} after Ctrl-C:\n{terminal.seen}")
        self.compare(expected, terminal.seen.replace("\r\n", "\n"))
        return "run", ""

    def check_python(self, block):
        if "file" in block.marks:
            compile(block.text, block.marks["file"], "exec")
            return "validated", "Python, a file that a job of the page runs"
        program = self.folder / f"snippet_{block.line}.py"
        program.write_text(block.text, encoding="utf-8")
        ended, output = self.process([sys.executable, str(program)])
        program.unlink()
        self.last_output = output
        if ended != self.code_of(block):
            raise Wrong(f"exit code {ended}, not {self.code_of(block)}:\n{output}")
        return "run", ""

    def check_json(self, block):
        try:
            json.loads(block.text)
        except ValueError:
            try:
                for line in block.text.strip().split("\n"):
                    json.loads(line)
            except ValueError as error:
                raise Wrong(f"no JSON: {error}") from None
        return "validated", "JSON"

    def check_yaml(self, block):
        try:
            documents = [document for document in yaml.safe_load_all(block.text) if document is not None]
        except yaml.YAMLError as error:
            raise Wrong(f"no YAML: {error}") from None
        for document in documents:
            kind = document.get("kind") if isinstance(document, dict) else None
            if kind == "ParallelRunJob":
                self.validate(document)
            elif kind == "ParallelRunDataset":
                self.register(document)
            elif isinstance(document, dict) and document and set(document) <= self.fields:
                self.validate({**BASE_JOB, "spec": {**BASE_JOB["spec"], **document}})
            elif (
                isinstance(document, dict)
                and set(document) == {"spec"}
                and set(document["spec"]) <= self.fields
            ):
                self.validate({**BASE_JOB, "spec": {**BASE_JOB["spec"], **document["spec"]}})
            elif isinstance(document, dict) and document and not kind and self.are_values(document):
                pass
            else:
                raise Wrong(
                    "neither a ParallelRunJob, a ParallelRunDataset, fields of spec, nor values of the chart"
                )
        return "validated", "a manifest or a part of one"

    def validate(self, job):
        # Beside the files of the page; its folder of code is that of the manifest.
        self.with_file(job, ["parallelrun", "validate"], [])

    def register(self, dataset):
        self.with_file(
            dataset, ["parallelrun", "datasets", "register"], ["--datasets", str(self.home / "of-yaml")]
        )

    def with_file(self, document, command, options):
        file = self.folder / ".validated.yaml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        ended, output = self.process([*command, str(file), *options])
        file.unlink()
        if ended:
            raise Wrong(f"{' '.join(command)}: exit code {ended}:\n{output}")

    def are_values(self, document):
        """Each key stands in the chart's values; below a free map (labels, resources) anything may."""
        values = yaml.safe_load(
            (REPOSITORY / "helm" / "parallelrun" / "values.yaml").read_text(encoding="utf-8")
        )

        def known(part, default):
            if not isinstance(part, dict) or not isinstance(default, dict) or not default:
                return True
            return all(key in default and known(part[key], default[key]) for key in part)

        return known(document, values)
