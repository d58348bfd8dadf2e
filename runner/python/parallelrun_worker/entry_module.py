"""The user's entry script: loading it, checking what it defines, calling it."""

import os
import sys

from parallelrun_worker import picklers
from parallelrun_worker.failures import ContractError

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


class MiniBatchContext:
    """The second argument of run(mini_batch, mini_batch_context).

    minibatch_index: number of the mini-batch in its job, from 0, the same in each try of it.
    dataset: name of the input. For a tabular input also file, its path, and rows, a range of row numbers
    in that file from its first record to its last, where 1 is the first record after the header and blank ones count; None for a file input, and where records of several
    files are together. partition_key_value: of a job with spec.partitionKeys a dict, by key, else None."""

    __slots__ = ("minibatch_index", "dataset", "file", "rows", "partition_key_value")

    def __init__(self, minibatch_index, dataset, file=None, rows=None, partition_key_value=None):
        self.minibatch_index = minibatch_index
        self.dataset = dataset
        self.file = file
        self.rows = rows
        self.partition_key_value = partition_key_value

    def __repr__(self):
        where = "" if self.file is None else ", file=%r, rows=%r" % (self.file, self.rows)
        if self.partition_key_value is not None:
            where += ", partition_key_value=%r" % self.partition_key_value
        return "MiniBatchContext(minibatch_index=%r, dataset=%r%s)" % (
            self.minibatch_index,
            self.dataset,
            where,
        )


class EntryModule:
    """The functions of a loaded script. `run` takes (mini_batch, context) whatever the script's takes."""

    def __init__(self, init, run, shutdown, takes_context):
        self.init = init
        self.run = run
        self.shutdown = shutdown
        self.takes_context = takes_context


def enter_script_folder(script, argv):
    """Makes the process look as `python3 script argv...` would: working directory, sys.path[0], sys.argv."""
    folder = os.path.dirname(os.path.realpath(script))
    try:
        os.chdir(folder)
    except OSError as error:
        raise ContractError(
            "spec.entryScript: the folder of %r cannot be opened: %s" % (script, error.strerror),
            "FileNotFoundError",
        ) from None
    sys.path.insert(0, folder)
    sys.argv = [script] + argv


def load(script):
    """Executes the script as a module and checks its functions. Raises what the script raises, or
    ContractError when a function is missing or cannot be called as the contract says."""
    from importlib.util import module_from_spec, spec_from_file_location

    path = os.path.realpath(script)
    if not os.path.isfile(path):
        raise ContractError("spec.entryScript: there is no file %r" % script, "FileNotFoundError")
    name = module_name(path)
    from importlib.machinery import SourceFileLoader

    spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, path))
    module = module_from_spec(spec)
    # Before it is executed: pickle finds the script's classes by this entry.
    sys.modules[name] = module
    picklers.take_with(module)
    spec.loader.exec_module(module)
    return _check(module, script)


def module_name(path):
    """The file's stem, as another script that imports it would say, so that what is pickled here can be
    read there; another name where that would hide or be hidden by a module of that name."""
    stem = os.path.splitext(os.path.basename(path))[0]
    reserved = getattr(sys, "stdlib_module_names", sys.builtin_module_names)
    if stem in sys.modules or stem in reserved or "." in stem or not stem:
        return reserved_name(path)
    return stem


def reserved_name(path):
    """The name of a script that cannot have its own."""
    return "entry_script_" + os.path.splitext(os.path.basename(path))[0].replace(".", "_")


def _check(module, script):
    init, run = getattr(module, "init", None), getattr(module, "run", None)
    missing = [name for name, value in (("init()", init), ("run(mini_batch)", run)) if not callable(value)]
    if missing:
        raise ContractError(
            "%s defines no function %s; an entry script defines init(), called once in each process, and "
            "run(mini_batch), called once for each mini-batch" % (script, " and no function ".join(missing)),
            "AttributeError",
        )
    _check_plain(script, "init", init)
    _check_plain(script, "run", run)
    required, _, _ = _parameters(init)
    if required > 0:
        raise ContractError("%s: init() must not need arguments; define init()" % script, "TypeError")
    required, most, context = _parameters(run)
    if most < 1:
        raise ContractError(
            "%s: run() has no parameter for the mini-batch; define run(mini_batch)" % script, "TypeError"
        )
    if required > 2:
        raise ContractError(
            "%s: run() needs %d arguments, but it gets only mini_batch, or mini_batch and mini_batch_context"
            % (script, required),
            "TypeError",
        )
    shutdown = getattr(module, "shutdown", None)
    if not callable(shutdown):
        shutdown = None
    else:
        _check_plain(script, "shutdown", shutdown)
    if context == "keyword":
        return EntryModule(init, lambda batch, ctx: run(batch, mini_batch_context=ctx), shutdown, True)
    if required == 2 or context == "positional":
        return EntryModule(init, run, shutdown, True)
    return EntryModule(init, run, shutdown, False)


def _check_plain(script, name, function):
    code = getattr(function, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    if flags & (_COROUTINE | _ASYNC_GENERATOR):
        raise ContractError(
            "%s: %s() is async; define it with a plain def (asyncio.run() inside it runs coroutines)"
            % (script, name),
            "TypeError",
        )
    if flags & _GENERATOR:
        raise ContractError(
            "%s: %s() is a generator (it has a yield); %s"
            % (
                script,
                name,
                "return a list instead" if name == "run" else "its code would never run; remove the yield",
            ),
            "TypeError",
        )


def _parameters(function):
    """(positional parameters it needs, positional parameters it takes, how it takes mini_batch_context:
    "positional", "keyword" or None). A second parameter with a default is the script's own, unless that
    is its name."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return 1, 1, None
    required = most = 0
    context = None
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            required += parameter.default is parameter.empty
            if most == 2 and parameter.name == "mini_batch_context":
                context = "positional"
        elif parameter.kind is parameter.VAR_POSITIONAL:
            most += 1000
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.name == "mini_batch_context":
            context = "keyword"
    return required, most, context
