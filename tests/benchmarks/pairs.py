"""Pairs: ours and the peer by turns in one run, so that what slows the machine slows both."""

from dataclasses import dataclass

from measurement import median
from our_jobs import LAUNCHERS


@dataclass
class Pairs:
    ours: dict  # by launcher: seconds of each round
    peer: list  # seconds of each round

    def median_ratio(self, launcher: str) -> float:
        """Our time over the peer's, the median over the rounds."""
        return median(ours / peer for ours, peer in zip(self.ours[launcher], self.peer))

    def our_median(self, launcher: str) -> float:
        return median(self.ours[launcher])

    def peer_median(self) -> float:
        return median(self.peer)


def alternate(rounds: int, run_ours, run_peer, launchers=LAUNCHERS) -> Pairs:
    """run_ours(launcher) and run_peer() give seconds; every second round goes backwards."""
    result = Pairs({launcher: [] for launcher in launchers}, [])
    for number in range(rounds):
        turns = [*launchers, None]
        for launcher in turns if number % 2 == 0 else reversed(turns):
            seconds = run_peer() if launcher is None else run_ours(launcher)
            (result.peer if launcher is None else result.ours[launcher]).append(seconds)
            print(f"  round {number + 1}: {launcher or 'peer'}: {seconds:.2f} s", flush=True)
    return result
