"""Side by side in one run: candidates take turns, and only their ratios are told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call in each turn."""

    turns: tuple[float, ...]

    @property
    def least(self) -> float:
        """The shortest."""
        return min(self.turns)

    def over(self, other: Timing) -> float:
        """How many times as long as `other`: the median over the turns, in each of which the two stood side by side."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.turns, other.turns, strict=True))


def take_turns(
    candidates: Mapping[str, Callable[[], object]],
    turns: int = 20,
    warm: int = 3,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, Timing]:
    """Call every candidate in turn, again and again, and measure each call, by default by the process's CPU time."""
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(-warm, turns):
        for name, call in candidates.items():
            started = clock()
            call()
            if turn >= 0:
                taken[name].append(1000 * (clock() - started))
    return {name: Timing(tuple(times)) for name, times in taken.items()}


@dataclass(frozen=True)
class Limit:
    """What a figure should be: at most, or at least, so much."""

    value: float
    at_most: bool = True

    def verdict(self, figure: float) -> str:
        """In words."""
        reached = figure <= self.value if self.at_most else figure >= self.value
        sign = "≤" if self.at_most else "≥"
        return f"{sign} {self.value:g}   {'reached' if reached else 'NOT REACHED'}"


def told(name: str, figure: float, limit: Limit | None = None, unit: str = "×") -> None:
    """Print one line of the report."""
    print(f"  {name:<58} {figure:8.3g} {unit:<3} {limit.verdict(figure) if limit else ''}")
