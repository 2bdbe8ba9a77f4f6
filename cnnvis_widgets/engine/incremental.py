"""Asking a network about one picture again and again, with something else lying over it each time.

Only what a cover reaches is computed. Where a network cannot be followed, or a check finds a difference, pictures are computed
whole, and `Incremental.why_whole` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .covers import Covers, content, covered
from .errors import ImageError
from .flow import Flow, FlowError
from .flows import among, flow_of, state_of
from .forward import evaluating, lock_of
from .gradients import fitting_batch
from .network import Network
from .objectives import Objective
from .place_fills import PlaceFill
from .plan import Batch, Plan
from .program import LONG, Program
from .regions import Area, Reach
from .trace import Trace

#: How far scores may be off, as a share of the largest: rounding in another order.
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
_CHECKED_PLACES = 4


class Answer(NamedTuple):
    """What the network says with each of some places covered: `scores` has one (B,) for each objective."""

    places: np.ndarray
    trace: Trace
    scores: tuple[Tensor, ...]


class Incremental:
    """One picture, asked about with parts of it covered.

    Parameters
    ----------
    network
        The network.
    image
        (1, C, H, W) float in [0, 1].
    objectives
        What is asked.
    precision
        "float32" (the network's own), or "bfloat16" where a small error will do.
    limit
        The largest share of a map's rows and columns that a cover's effect is followed to; 1 is exact.
    longest
        How many multiply-adds a batch of places may take: who asks something else meanwhile waits for it.
    known
        `trace` and `clean`, if they are known already.

    Attributes
    ----------
    trace, clean
        What the network says of the picture as it is: a trace, and a score (1,) for each objective.
    base : tuple of Tensor
        The same scores as an answer would give them: what a score is to be compared with, where answers are not exact.
    why_whole : str
        Why every picture is computed whole; "" where only what a cover reaches is.
    """

    def __init__(
        self,
        network: Network,
        image: Tensor,
        objectives: Sequence[Objective],
        *,
        precision: str = "float32",
        limit: float = 1.0,
        longest: float = LONG,
        known: tuple[Trace, tuple[Tensor, ...]] | None = None,
    ) -> None:
        if precision not in ("float32", "bfloat16"):
            msg = f"There is no precision {precision!r} here: choose 'float32', or 'bfloat16' where a small error will do."
            raise ValueError(msg)
        self.network, self.image, self.objectives = network, image.detach(), tuple(objectives)
        self.precision, self.limit, self._longest = precision, limit, longest
        self.trace, self.clean = known or network.ask(self.image, *self.objectives)
        self.why_whole = ""
        self._state: Any = None
        self._program: Program | None = None
        self._alone: bool | None = None
        self._prepare()

    @property
    def multiply_adds(self) -> dict[str, float]:
        """Of the convolutions: "full" of one whole pass, "spent" for all answers, "least" that these places need."""
        return {key: float(value) for key, value in self._program.multiply_adds.items()} if self._program else {}

    @property
    def memory(self) -> int:
        """Bytes that the clean maps take."""
        return self._program.memory if self._program else 0

    def answers(self, covers: Covers, fill: Tensor | PlaceFill, places: np.ndarray | None = None) -> Iterator[Answer]:
        """Cover each of some places (all by default) by a fill; in batches, in an order of their own.

        Parameters
        ----------
        covers
            Where.
        fill
            (1, C, H, W), or a function of the place, as `fill_of_each` gives them.
        places
            Which, int (K,), those that matter most first.
        """
        chosen = np.arange(len(covers)) if places is None else np.asarray(places, np.int64)
        self._check_given(covers, fill)
        if not len(chosen):
            return
        if self._state != state_of(self.network):  # it was trained in between
            self.trace, self.clean = self.network.ask(self.image, *self.objectives)
            self._prepare()
        if self._program is not None:
            self._check(covers, fill, chosen)
        if self._program is None:
            yield from self._plain(covers, fill, chosen)
            return
        program = self._program
        plan = program.plan(covers, len(chosen))
        program.count_least(plan.reach, chosen)
        left = dict.fromkeys(chosen.tolist())
        for batches in _gathered(plan.batches(chosen), program.gathered):
            try:
                trace = self._trace(program, covers, fill, batches, plan)
                scores = tuple(objective(trace) for objective in self.objectives)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                self._give_up(f"{type(error).__name__} in computing a part ({error})")
                yield from self._plain(covers, fill, np.array(list(left), np.int64))
                return
            part = _places_of(batches)
            for place in part.tolist():
                left.pop(place, None)
            yield Answer(part, trace, scores)

    # the plain way ------------------------------------------------------------------------------------------------

    def _plain(self, covers: Covers, fill: Tensor | PlaceFill, chosen: np.ndarray) -> Iterator[Answer]:
        batch = fitting_batch(self.image, 16) if len(chosen) < 2 or self._each_alone(covers, fill, chosen[:2]) else 1
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            trace, scores = self.network.ask(covered(self.image, fill, covers, part), *self.objectives)
            yield Answer(part, trace, scores)

    def _each_alone(self, covers: Covers, fill: Tensor | PlaceFill, two: np.ndarray) -> bool:
        """Whether a picture's scores do not depend on which others are in the batch."""
        if self._alone is None:
            pictures = covered(self.image, fill, covers, two)
            _, alone = self.network.ask(pictures[1:], *self.objectives)
            _, together = self.network.ask(pictures, *self.objectives)
            self._alone = all(_close(b[1:], a) for a, b in zip(alone, together, strict=True) if torch.isfinite(a).all())
        return self._alone

    # the incremental way ------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._state = state_of(self.network)
        self._program, self.why_whole, self.base = None, "", self.clean
        try:
            self._program = self._made() or self._made(again=True)
            if self._program is None:
                self._give_up("what torch.fx read off it gives other scores")
        except FlowError as reason:
            self._give_up(str(reason))
        except Exception as error:  # noqa: BLE001 (a network may do anything; the plain way is always right)
            self._give_up(f"{type(error).__name__} while reading the network ({error})")

    def _give_up(self, reason: str) -> None:
        self._program, self.base = None, self.clean
        self.why_whole = f"Every picture is computed whole: {reason}."

    def _made(self, *, again: bool = False) -> Program | None:
        """The operations on the clean picture; None if they give other scores. `again`: read off anew, as weights were written to."""
        network = self.network
        if again:
            network._flows.clear()  # noqa: SLF001
        if network._edits:  # noqa: SLF001 (its own engine)
            msg = "layers are edited"
            raise FlowError(msg)
        if not network._fits(self.image):  # noqa: SLF001
            msg = "the picture is fitted to the network's size after it was covered"
            raise FlowError(msg)
        if network.preprocess.normalization is not None:
            msg = "its normalization may look at the whole picture"
            raise FlowError(msg)
        layers = {name: network.layer(name) for objective in self.objectives for name in objective.layers}
        if any(layer.address.part is not None for layer in layers.values()):
            msg = "a layer that is asked for is a part of what its module returns"
            raise FlowError(msg)
        calls = {name: (layer.address.module, layer.address.call) for name, layer in layers.items()}
        with torch.inference_mode(mode=False), torch.no_grad(), lock_of(network.model), evaluating(network.model):
            flow, self._classes = self._flow(tuple(calls.values()))
            missing = [name for name, call in calls.items() if call not in flow.calls]
            if missing:
                msg = f"torch.fx does not see {missing[0]}"
                raise FlowError(msg)
            self._names = {name: flow.calls[call] for name, call in calls.items()}
            picture = network._input(self.image.clone()).to(self._dtype)  # noqa: SLF001
            program = Program(flow, picture, tuple(self._names.values()), self.limit, self._longest)
        if not program.operations:
            msg = "it computes nothing"
            raise FlowError(msg)
        if not program.finite:
            msg = "there are values that are no numbers"
            raise FlowError(msg)
        clean = self._traced(program.output, program.clean)
        if not self._agrees(clean, self.trace):
            return None
        self.base = tuple(objective(clean) for objective in self.objectives)
        return program

    @property
    def _dtype(self) -> torch.dtype:
        if self.precision == "bfloat16":
            return torch.bfloat16
        return next((each.dtype for each in self.network.model.parameters()), torch.float32)

    def _flow(self, calls: tuple[tuple[nn.Module, int], ...]) -> tuple[Flow, list[int] | None]:
        return flow_of(self.network, self.image, self.objectives, calls, self._state, self.precision)

    def _trace(
        self, program: Program, covers: Covers, fill: Tensor | PlaceFill, batches: Sequence[Batch], plan: Plan
    ) -> Trace:
        network, size = self.network, (self.image.shape[2], self.image.shape[3])
        with torch.inference_mode(mode=False), torch.no_grad(), lock_of(network.model), evaluating(network.model):
            fronts = []
            for batch in batches:
                area = Reach(*covers.boxes[batch.places].T[[0, 2, 1, 3]]).area(size)
                patch = network._input(_covered(self.image, fill, covers, batch.places, area))  # noqa: SLF001
                fronts.append(program.front(patch.to(self._dtype), area, batch, plan.reach))
            values = fronts[0]
            if len(fronts) > 1:
                values = {name: torch.cat([each[name] for each in fronts]) for name in values}
            output, kept = program.back(values)
        return self._traced(output, kept, lambda: covered(self.image, fill, covers, _places_of(batches)))

    def _traced(self, output: Any, kept: dict[str, Tensor], images: Any = None) -> Trace:
        trace = CoveredTrace(self.network, images or (lambda: self.image))
        trace.output = output
        trace._kept = {name: kept[each] for name, each in self._names.items()}  # noqa: SLF001
        if any(each.logits for each in self.objectives) or not self.objectives:
            logits = self.network.output(output)
            if self._classes is not None:
                logits = among(logits.float(), self._classes, self.network.classes)
                trace.output = logits
            trace._logits = logits.float() if self.precision == "bfloat16" else logits  # noqa: SLF001
        return trace

    def _check_given(self, covers: Covers, fill: Tensor | PlaceFill) -> None:
        size = (self.image.shape[2], self.image.shape[3])
        if tuple(covers.size) != size:
            given, wanted = (" × ".join(map(str, each)) for each in (covers.size, size))
            msg = f"The covers are for a picture of {given} pixels, and this one has {wanted}: make them for it."
            raise ImageError(msg)
        if not isinstance(fill, Tensor):
            return  # it is checked at each place
        if fill.shape != self.image.shape:
            given, wanted = (" × ".join(map(str, each.shape)) for each in (fill, self.image))
            msg = f"The fill is {given}, and the picture {wanted}: give one as large."
            raise ImageError(msg)
        if self.network._bounded and not (fill.min() >= -1e-3 and fill.max() <= 1 + 1e-3):  # noqa: SLF001 (NaN compares false)
            msg = "The fill has values outside [0, 1]: give a picture."
            raise ImageError(msg)

    # being sure ---------------------------------------------------------------------------------------------------

    def _check(self, covers: Covers, fill: Tensor | PlaceFill, chosen: np.ndarray) -> None:
        """Ask the network itself about some places, the first time its operations are used."""
        program = self._program
        trial = (tuple(self.image.shape), self._classes is None)
        if program is None or self.limit < 1 or self.precision == "bfloat16" or trial in program.flow.trials:
            return
        some = np.unique(np.linspace(0, len(chosen) - 1, _CHECKED_PLACES).round().astype(int))
        places = chosen[some]
        plan = program.plan(covers, len(places))
        try:
            for batch in plan.batches(places):
                part = _places_of([batch])
                found = self._trace(program, covers, fill, [batch], plan)
                for row, picture in enumerate(covered(self.image, fill, covers, part)):
                    whole, _ = self.network.ask(picture[None], *self.objectives)
                    if not self._agrees(found, whole, row):
                        self._give_up("in part, its scores come out otherwise")
                        return
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            self._give_up(f"{type(error).__name__} in computing a part ({error})")
            return
        program.multiply_adds |= {"spent": 0.0, "least": 0.0}
        program.flow.trials.add(trial)

    def _agrees(self, found: Trace, whole: Trace, row: int = 0) -> bool:
        """Whether a picture of one trace has in it what the other says, as far as rounding goes."""
        if self.precision == "bfloat16":
            return True
        pairs = [(found[name][row : row + 1], whole[name]) for name in self._names]
        if found._logits is not None and whole._logits is not None:  # noqa: SLF001
            asked = slice(None) if self._classes is None else self._classes
            pairs.append((found.logits[row : row + 1, asked], whole.logits[:, asked]))
        return all(_close(first, second) for first, second in pairs)


class CoveredTrace(Trace):
    """A trace of pictures that were never made whole; they are, if somebody asks for them."""

    def __init__(self, network: Network, images: Any) -> None:
        self._make = images
        super().__init__(network, images, ())

    @property
    def images(self) -> Tensor:
        """(B, C, H, W) in [0, 1]."""
        made: Tensor = self._make()
        return made

    @images.setter
    def images(self, value: Any) -> None:
        self._make = value


def _covered(image: Tensor, fill: Tensor | PlaceFill, covers: Covers, places: np.ndarray, area: Area) -> Tensor:
    """The parts of the covered pictures that hold the covers, (B, C, h, w)."""
    high, wide = area.high, area.wide
    parts = [image[0, :, t : t + high, c : c + wide] for t, c in zip(area.tops, area.lefts, strict=True)]
    made = torch.stack(parts)
    for row, place in enumerate(places):
        top, left, bottom, right = covers.boxes[place] - np.array([area.tops[row], area.lefts[row]] * 2)
        made[row, :, top:bottom, left:right] = content(image, fill, covers, int(place))
    return made


def _gathered(batches: Sequence[Batch], count: int) -> Iterator[list[Batch]]:
    """Batches together, until there are so many places."""
    some: list[Batch] = []
    for batch in batches:
        some.append(batch)
        if sum(each.own for each in some) >= count:
            yield some
            some = []
    if some:
        yield some


def _places_of(batches: Sequence[Batch]) -> np.ndarray:
    return np.concatenate([batch.places[: batch.own] for batch in batches])


def _close(first: Tensor, second: Tensor) -> bool:
    if first.shape != second.shape:
        return False
    known = torch.isfinite(second)
    if not known.any() or not torch.equal(known, torch.isfinite(first)):
        return False
    size = float(second[known].abs().max())
    tolerance = _TOLERANCE.get(second.dtype, 2e-2) * max(size, 1e-6)
    return float((first[known].double() - second[known].double()).abs().max()) <= tolerance
