"""The two ascents of the laboratory: whose turn it is, and how each goes on when its recipe changes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from ._climb import Climb, Unit
from ._recipes import bare, needs_unit

if TYPE_CHECKING:
    from ..engine.network import Network

#: Steps after which the response of an unpenalized ascent is read, which the weights of penalties are multiples of.
_YARDSTICK_STEPS = 32

Wanted: TypeAlias = Mapping[str, dict[str, Any]]
"""The recipe that is wanted of each side."""


class Sides:
    """What has been climbed of A and B.

    Parameters
    ----------
    network
        Whose units.

    Attributes
    ----------
    climbs : dict
        Side -> ascent, of those begun.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.climbs: dict[str, Climb] = {}
        self._spent: dict[str, float] = {}
        self._yardsticks: dict[Any, float] = {}

    def settle(self, unit: Unit, wanted: Wanted) -> None:
        """Let go of what was climbed for another unit; sides whose recipes were exchanged are exchanged."""
        self.climbs = {side: climb for side, climb in self.climbs.items() if climb.unit == unit}
        here = {side: climb.settings for side, climb in self.climbs.items()}
        if here.get("A") != here.get("B") and (here.get("B"), here.get("A")) == (wanted["A"], wanted["B"]):
            self.climbs = {"A": self.climbs["B"], "B": self.climbs["A"]}

    def waits(self, side: str, wanted: Wanted) -> bool:
        """Whether a side is not yet where its recipe leads."""
        climb = self.climbs.get(side)
        return climb is None or climb.settings != wanted[side] or not climb.over

    def following(self, turn: int, wanted: Wanted, first: str, *, both: bool) -> str | None:
        """The side whose turn it is, the first one's unless both take turns; None if all is climbed."""
        order = [first, "B" if first == "A" else "A"]
        left = [side for side in order if self.waits(side, wanted)]
        return left[turn % len(left) if both else 0] if left else None

    def prepare(self, side: str, unit: Unit, wanted: Wanted) -> Generator[None, None, Climb]:
        """Begin a side, or have it follow its recipe; a yield after each step of what has to be measured before."""
        recipe, climb = wanted[side], self.climbs.get(side)
        if climb is not None and climb.settings == recipe:
            return climb
        yardstick = (yield from self._yardstick(recipe, unit)) if needs_unit(recipe) else 1.0
        if climb is None:
            climb = self.climbs[side] = Climb(self._network, unit, recipe, yardstick)
            self._spent[side] = 0.0
        else:
            climb.follow(recipe, yardstick)
        return climb

    def _yardstick(self, recipe: dict[str, Any], unit: Unit) -> Generator[None, None, float]:
        """The response that the unit gives with no penalty, to three digits so that the code stays short."""
        key = (unit, recipe["objective"], recipe["painted"])
        if key not in self._yardsticks:
            trial = Climb(self._network, unit, bare(recipe, _YARDSTICK_STEPS))
            while not trial.over:
                trial.step()
                yield
            best = max((abs(each.response) for each in trial.kept.values()), default=1.0)
            self._yardsticks[key] = float(f"{best:.3g}") or 1.0
        return self._yardsticks[key]

    @contextmanager
    def timed(self, side: str) -> Iterator[None]:
        """What is done within counts as time spent on a side."""
        started = perf_counter()
        yield
        self._spent[side] = self._spent.get(side, 0.0) + perf_counter() - started

    @property
    def share(self) -> float:
        """How much of what is begun is done, 0 to 1."""
        total = sum(each.total for each in self.climbs.values()) or 1
        return min(1.0, sum(each.done for each in self.climbs.values()) / total)

    def sentence(self, wanted: Wanted, first: str) -> str:
        """What is being climbed, or what was."""
        left = [side for side in ("A", "B") if self.waits(side, wanted)]
        where = f"on {self._network.device.type}"
        if not left:
            steps = ", ".join(f"{side} {climb.done} steps" for side, climb in sorted(self.climbs.items()))
            return f"Climbed: {steps}, in {_time(sum(self._spent.values()))} {where}"
        side = first if first in left else left[0]
        climb = self.climbs.get(side)
        # No count of steps here: it is read out to those who cannot see it, and would never end.
        end = climb.total if climb is not None else wanted[side]["steps"]
        return f"{side} climbs to step {end} {where}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
