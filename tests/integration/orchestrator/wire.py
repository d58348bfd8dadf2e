"""The messages of runner/protocol/messages.h in Python, written from its comments and not from its code."""

import struct
from dataclasses import dataclass, field

PROTOCOL_VERSION = 3
RUN, DRAIN, ABORT = 0, 1, 2
SUCCEEDED, FAILED, TIMED_OUT, DIED, RETURNED, FAILED_FOR_GOOD, UNDECIDED = range(7)


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<I", len(raw)) + raw


class Reader:
    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, fmt):
        values = struct.unpack_from("<" + fmt, self.body, self.at)
        self.at += struct.calcsize("<" + fmt)
        return values[0] if len(values) == 1 else values

    def bytes(self):
        size = self.take("I")
        assert self.at + size <= len(self.body)
        self.at += size
        return self.body[self.at - size : self.at]

    def end(self):
        assert self.at == len(self.body), "trailing bytes"


@dataclass
class Lease:
    kind: int
    attempt: int
    seal: int
    mini_batch: int
    part: int
    input: int
    items: int
    try_number: int
    fresh_process: bool
    descriptor: bytes

    def paths(self):
        reader = Reader(self.descriptor)
        assert reader.take("B") == 1
        out = []
        for _ in range(reader.take("I")):
            directory = reader.bytes()
            out += [directory + name for name in reader.bytes().split(b"\0")]
        return out


@dataclass
class LeaseReply:
    directive: int
    types: list = field(default_factory=list)
    leases: list = field(default_factory=list)
    revoked: list = field(default_factory=list)


def register(
    name, slots=1, code_hash="", node="127.0.0.1", protocol=PROTOCOL_VERSION, predecessor_end="", fetched=""
):
    return (
        struct.pack("<I", protocol)
        + text(name)
        + text(node)
        + struct.pack("<I", slots)
        + text(code_hash)
        + text(predecessor_end)
        + text(fetched)
    )


def register_reply(body):
    reader = Reader(body)
    session, epoch, heartbeat, timeout = reader.take("QQQQ")
    job = reader.bytes()
    reader.end()
    return session, epoch, heartbeat, timeout, job


def lease(session, sequence, want):
    return struct.pack("<QQI", session, sequence, want)


def lease_reply(body):
    reader = Reader(body)
    reply = LeaseReply(reader.take("B"))
    for _ in range(reader.take("I")):
        reply.types.append((reader.take("I"), reader.bytes()))
    for _ in range(reader.take("I")):
        reply.leases.append(Lease(*reader.take("BQQQIIQI?"), reader.bytes()))
    for _ in range(reader.take("I")):
        reply.revoked.append(reader.take("Q"))
    reader.end()
    return reply


def error(phase=0, kind="", message="", traceback=""):
    return struct.pack("<B", phase) + text(kind) + text(message) + text(traceback)


def result(
    lease,
    rows=b"",
    outcome=SUCCEEDED,
    returned=None,
    failure=None,
    process="process000",
):
    returned = lease.items if returned is None else returned
    return (
        struct.pack(
            "<BQQQIBQQ",
            lease.kind,
            lease.attempt,
            lease.seal,
            lease.mini_batch,
            lease.part,
            outcome,
            lease.items,
            returned,
        )
        + text(rows)
        + (failure or error())
        + text(process)
        + struct.pack("<QqQQQ", 4242, 1_700_000_000_000_000, 1000, 900, 800)
    )


def report(
    session,
    sequence,
    results=(),
    logs=(),
    failures=(),
    ready=1,
    inits=1,
    given_up=0,
    leaving=False,
    inside=(),
):
    body = struct.pack("<QQI", session, sequence, len(results)) + b"".join(results)
    body += struct.pack("<I", len(logs)) + b"".join(text(path) + text(data) for path, data in logs)
    body += struct.pack("<I", len(failures)) + b"".join(failures)
    body += struct.pack("<IIIB", ready, inits, given_up, leaving)
    return body + struct.pack(f"<I{len(inside)}Q", len(inside), *inside)


def report_reply(body):
    (directive,) = struct.unpack("<B", body)
    return directive
