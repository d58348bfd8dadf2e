"""The life of a worker process: configuration, load, init(), mini-batches, shutdown()."""

import sys
from os import getpid
from time import monotonic

from parallelrun_worker import (
    carried,
    children,
    context,
    entry_module,
    frames,
    last_words,
    readers,
    row_encoder,
)
from parallelrun_worker.failures import ContractError, encode_failure


def main():
    """Returns the exit status."""
    channel = _open_channel()
    if channel is None:
        return 2
    children.begin()
    try:
        return Worker(channel).work()
    except BaseException as error:  # noqa: B036
        if children.is_child():  # of a signal handler of the script, say
            children.leave(error)
        if isinstance(error, (BrokenPipeError, ConnectionResetError)):
            return 1  # the agent is gone, and with it whoever could read a message
        if not isinstance(error, ConnectionAbortedError):
            raise
        sys.stderr.write(
            "parallelrun-worker: the entry script has closed or replaced file descriptor %d; this process needs it to get "
            "mini-batches and return results\n" % frames.CHANNEL_FD
        )
        return 1


def _open_channel():
    import os

    try:
        for fd in (frames.CHANNEL_FD, frames.ENTRY_LOG_FD, frames.STAMP_FD, frames.METRICS_FD):
            os.set_inheritable(fd, False)
    except OSError:
        sys.stderr.write(
            "parallelrun-worker: file descriptors 3, 4, 5 and 6 are not open; do not start this program by hand, `parallelrun "
            "agent` starts it\n"
        )
        return None
    make_streams_ready()
    try:
        import _parallelrun_channel as native
    except ImportError:
        from parallelrun_worker import native_process

        return frames.Channel(frames.CHANNEL_FD, frames.STAMP_FD, native_process.flush_stdio())
    return native.Channel(frames.CHANNEL_FD, frames.STAMP_FD)


def make_streams_ready():
    """What the script writes, and what a fault of it leaves."""
    import faulthandler
    import signal

    faulthandler.enable()
    # How the agent asks for the stack of a process that is over its time, before it kills it.
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if stream is not None:
            # One write for a line, and not for each piece of it, as PYTHONUNBUFFERED would have it: a whole line is
            # out of this process when print() returns, so it outlives whatever ends the process.
            stream.reconfigure(encoding="utf-8", errors=errors, line_buffering=True, write_through=False)
    last_words.listen()


class Worker:
    def __init__(self, channel):
        self._channel = channel
        self._job = None
        self._script = None
        self._encoder = None
        self._carry = carried.Carry()
        self._readers = []  # by input
        self._types = {}  # input -> the types of its columns, once they are decided
        self._pid = getpid()

    def work(self):
        import json

        frame = self._channel.next()
        if frame is None:
            return 1
        if frame[0] != frames.CONFIG:
            sys.stderr.write(
                "parallelrun-worker: the first frame has kind %d and is not a configuration\n" % frame[0]
            )
            return 2
        if not self._start(json.loads(frame[1])):
            return 1
        while True:
            frame = self._channel.next()
            if frame is None:
                return 1
            kind = frame[0]
            if kind == frames.RUN and len(frame) == 4:
                self._run(frame[1], frame[2], frame[3])
                # What the script has put into its mini-batch goes before the next is taken up, which would
                # pay for it.
                frame = None
            elif kind == frames.INPUT_INFO:
                info = json.loads(frame[1])
                self._readers[info["input"]].know(info["types"], info.get("columns"))
                self._types[info["input"]] = info["types"]
            elif kind == frames.INFER_TYPES:
                self._infer_types(frame[1])
            elif kind == frames.SHUTDOWN:
                self._shutdown()
                return 0
            else:
                raise ValueError("a frame of kind %d and %d bytes is not understood" % (kind, len(frame[1])))

    def _start(self, config):
        import json

        self._channel.hold_back(**config["hold_back"])
        self._job = context.current = context.JobContext(config, frames.ENTRY_LOG_FD, frames.METRICS_FD)
        phase = "load"
        try:
            from parallelrun_worker import standins

            self._encoder = row_encoder.encoder_of(self._job.output_action, self._job.output_format)
            if self._job.output_action != "summary_only":
                self._carry = carried.Carry(self._job.add_context, self._job.output_columns)
            standins.install()
            standins.name_folders(self._job)
            context.publish(self._job)
            entry_module.enter_script_folder(self._job.script, self._job.argv)
            self._readers = [readers.open_reader(entry) for entry in self._job.inputs]
            for reader in self._readers:
                reader.number_rows = self._job.add_context
            self._channel.stamp_load()
            self._script = entry_module.load(self._job.script)
            if children.is_child():
                children.leave()
            phase = "init"
            last_words.forget()
            self._channel.stamp_init()
            began = monotonic()
            self._script.init()
            seconds = monotonic() - began
            if children.is_child():
                children.leave()
        except BaseException as error:  # noqa: B036: SystemExit of the script is an error like any other
            if children.is_child():
                children.leave(error)
            _flush_python_streams()
            self._channel.send(frames.INIT_FAILED, encode_failure(phase, error))
            return False
        _flush_python_streams()
        self._channel.stamp_idle()
        ready = {"pid": self._pid, "python": sys.version.split()[0], "init_seconds": seconds}
        self._channel.send(frames.READY, json.dumps(ready).encode())
        return True

    def _run(self, mini_batch, input_index, data):
        channel = self._channel
        items = 0
        phase = "read"
        entered = False
        try:
            reader = self._reader(input_index)
            batch, items, file, rows = reader.read(data)
            if items == 0:  # only known here, where a file came whole: there is nothing to run over
                channel.result(0, 0, b"")
                return
            along = None
            if self._carry:
                name = self._job.inputs[input_index]["name"]
                types = self._types.get(input_index, {})
                along = self._carry.of(reader, name, data, batch, items, rows, types)
            phase = "run"
            last_words.forget()
            self._job.mini_batch = mini_batch
            script = self._script
            if script.takes_context:
                made = entry_module.MiniBatchContext(
                    mini_batch,
                    self._job.inputs[input_index]["name"],
                    file,
                    rows,
                    getattr(reader, "partition_key_value", None),
                )
                channel.enter_run(items)
                entered = True
                returned = script.run(batch, made)
            else:
                channel.enter_run(items)
                entered = True
                returned = script.run(batch)
            if channel.leave_run() is False:
                children.leave()
            entered = False
            phase = "result"
            count, encoded = self._encoder.encode(returned, along)
            if children.forked:  # an element's __str__ may do anything
                children.leave()
        except BaseException as error:  # noqa: B036: SystemExit and KeyboardInterrupt cost this try alone
            if children.is_child():
                children.leave(error)
            if entered:
                channel.leave_run()
            if isinstance(error, ContractError) and error.items is not None:
                items = error.items
            failure = encode_failure(phase, error)
            _flush_python_streams()
            channel.failed(items, failure)
            return
        _flush_python_streams()
        channel.result(items, count, encoded)

    def _reader(self, input_index):
        if input_index >= len(self._readers):
            raise ContractError("the job has no input %d" % input_index, "CorruptDescriptor")
        return self._readers[input_index]

    def _infer_types(self, payload):
        import json
        import struct

        task, input_index = struct.unpack_from("<QI", payload)
        try:
            reader = self._reader(input_index)
            types = reader.infer_types(payload[12:])
            if reader.columns is not None:
                names = getattr(reader, "columns_of_frames", lambda: reader.columns)()
                self._carry.must_be_among(names, self._job.inputs[input_index]["name"])
            answer = json.dumps({"types": types, "columns": reader.columns})
        except Exception as error:
            answer = '{"error": %s}' % encode_failure("read", error).decode()
        self._channel.send(frames.TYPES, struct.pack("<Q", task) + answer.encode())
        self._channel.stamp_idle()

    def _shutdown(self):
        answer = b"{}"
        self._job.mini_batch = None
        if self._script.shutdown is not None:
            try:
                self._script.shutdown()
                if children.is_child():
                    children.leave()
            except BaseException as error:  # noqa: B036
                if children.is_child():
                    children.leave(error)
                answer = b'{"error": %s}' % encode_failure("shutdown", error)
        for reader in self._readers:
            reader.say_readers(always=self._job.logging_level == "DEBUG")
        _flush_python_streams()
        self._channel.send(frames.BYE, answer)


def _flush_python_streams():
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:  # the script may have closed or replaced them
        pass
