"""What a contender wrote, counted from the API server's audit log."""

import collections
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Writes:
    accepted: collections.Counter = field(default_factory=collections.Counter)  # by "verb resource"
    refused: collections.Counter = field(default_factory=collections.Counter)

    def total(self, without: str = "leases") -> int:
        return sum(count for kind, count in self.accepted.items() if without not in kind)

    def describe(self, jobs: int) -> str:
        """Of each kind how many for one job, the most frequent first."""
        parts = [f"{count / jobs:.2f} {kind}" for kind, count in self.accepted.most_common()]
        parts += [f"{count / jobs:.2f} {kind} refused" for kind, count in self.refused.most_common()]
        return ", ".join(parts)


def writes_of(user: str, log: Path, since: str = "", until: str = "~") -> Writes:
    """`since` and `until` compare with requestReceivedTimestamp, RFC 3339 in UTC."""
    found = Writes()
    with log.open() as lines:
        for line in lines:
            event = json.loads(line)
            if event["user"]["username"] != user or not since <= event["requestReceivedTimestamp"] < until:
                continue
            reference = event.get("objectRef", {})
            resource = "/".join(filter(None, (reference.get("resource"), reference.get("subresource"))))
            accepted = event["responseStatus"]["code"] < 300
            (found.accepted if accepted else found.refused)[f"{event['verb']} {resource}"] += 1
    return found
