"""One side of the laboratory: an ascent that goes on when its recipe is changed, and what was seen and measured on its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._climb_code import written
from ._lab_picture import encoded
from ._recipes import recipe_of

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.ascent import Ascent
    from ..engine.network import Network
    from ..engine.objectives import Objective

#: Where the frames of a film lie on the way: the beginning changes most.
_PLACES = (0, 1 / 32, 1 / 16, 1 / 8, 3 / 16, 9 / 32, 3 / 8, 9 / 16, 3 / 4, 1)
#: So many pictures of an ascent are kept and measured; of more, every other one is let go of.
_KEPT = 128


@dataclass(frozen=True)
class Unit:
    """What is climbed, and how large the pictures are."""

    layer: str
    channel: int
    size: int
    seed: int

    @property
    def address(self) -> str:
        return f"{self.layer}:{self.channel}"

    def objective(self, kind: str, network: Network) -> Objective:
        """How the unit's answer becomes one number.

        Raises
        ------
        AscentError
            If there is no objective of that kind.
        """
        from ..engine.feature_objectives import layer_energy
        from ..engine.objectives import channel, neuron, unit

        known: dict[str, Callable[[], Objective]] = {
            "mean": lambda: channel(self.layer, self.channel),
            "center": lambda: neuron(self.layer, self.channel),
            "square": lambda: layer_energy(self.layer, self.channel),
            "peak": lambda: unit(self.address, network),
        }
        if kind not in known:
            from ..engine.errors import AscentError, suggestion

            msg = f"There is no objective {kind!r}. {suggestion(str(kind), known)}"
            raise AscentError(msg)
        return known[kind]()

    def objective_code(self, kind: str) -> str:
        """The same as Python."""
        inside = f"{self.layer!r}, {self.channel}".replace("'", '"')
        return {
            "mean": f"channel({inside})",
            "center": f"neuron({inside})",
            "square": f"layer_energy({inside})",
            "peak": f'unit("{self.address}", network)',
        }[kind]


@dataclass(frozen=True)
class Stretch:
    """A part of the way: what was climbed, by which recipe, from which step on. `anew`: another ascent, from the picture as it was."""

    objective: str
    recipe: Any
    begins: int
    anew: bool


@dataclass(frozen=True)
class Kept:
    """A picture on the way, and what was measured of it; the distance is NaN until it is known."""

    picture: Tensor
    opacity: Tensor | None
    response: float
    distance: float = float("nan")


class Climb:
    """An ascent of one unit by a recipe that may change.

    Parameters
    ----------
    network
        Whose unit.
    unit
        Which one.
    settings
        The recipe, as the sliders have it.
    yardstick
        What the weights of penalties are multiples of.
    """

    def __init__(self, network: Network, unit: Unit, settings: Mapping[str, Any], yardstick: float = 1.0) -> None:
        self.network, self.unit, self.settings = network, unit, dict(settings)
        self.kept: dict[int, Kept] = {}
        self.stretches: list[Stretch] = []
        self._frames: dict[int, bytes] = {}
        self._offset = 0
        self._ascent = self._begun(recipe_of(settings, yardstick), None)

    # where it is ----------------------------------------------------------------------------------------------------

    @property
    def done(self) -> int:
        """Steps taken."""
        return self._offset + self._ascent.done

    @property
    def total(self) -> int:
        """Steps there are to be."""
        return self._offset + self._ascent.total

    @property
    def over(self) -> bool:
        """Whether nothing is left to do by this recipe."""
        return self._ascent.finished

    @property
    def note(self) -> str:
        """Why nothing comes of it, or ""."""
        return self._ascent.notes[0]

    @property
    def broken(self) -> bool:
        """Whether it ended in something that is no number."""
        return "finite" in self.note

    @property
    def picture(self) -> Tensor:
        """As it is, float (1, C, H, W) in [0, 1], at the size asked for."""
        return _at(self._ascent.pictures, self._ascent.size)

    @property
    def opacity(self) -> Tensor | None:
        """How much of each pixel is there, float (1, H, W) in [0, 1]; None where all is."""
        found = self._ascent.opacities
        return None if found is None else _at(found[:, None], self._ascent.size)[:, 0]

    @property
    def importance(self) -> Tensor | None:
        """With MaCo how much each pixel mattered on the way, float (1, H, W), where 1 is the most; else None."""
        found = self._ascent.importance
        if found is None:
            return None
        whole = _at(found[:, None], self._ascent.size)[:, 0]
        return whole / whole.max().clamp(min=1e-12)

    @property
    def changes(self) -> list[int]:
        """The steps from which on another recipe held."""
        return [each.begins for each in self.stretches[1:]]

    # climbing -------------------------------------------------------------------------------------------------------

    def follow(self, settings: Mapping[str, Any], yardstick: float = 1.0) -> None:
        """Go on from the picture as it is by another recipe.

        Raises
        ------
        AscentError
            If it cannot be climbed with; then all stays as it was.
        """
        recipe = recipe_of(settings, yardstick)
        self._keep()
        if settings["objective"] != self.settings["objective"]:
            before = dict(self.settings)
            self.settings = dict(settings)
            try:
                following = self._begun(recipe, self._ascent.pictures)
            except Exception:
                self.settings = before
                raise
            self._offset += self._ascent.done
            self._ascent = following
        else:
            self._ascent.change(recipe)
            self.settings = dict(settings)
            self._note(Stretch(settings["objective"], recipe, self.done, anew=False))

    def further(self) -> None:
        """As many steps again by the same recipe."""
        self._ascent.change(self._ascent.recipe)
        self._note(Stretch(self.settings["objective"], self._ascent.recipe, self.done, anew=False))

    def step(self) -> None:
        """One step; pictures that belong into the film or the curves are kept."""
        if not self.done and 0 not in self.kept:
            self._keep()
        self._ascent.step()
        if self.over or self.done % self._stride == 0 or self.done in self.planned():
            self._keep()

    def measure(self, step: int, distance: float) -> None:
        """Note how far the picture of a step is from the reference."""
        self.kept[step] = replace(self.kept[step], distance=distance)

    def forget_distances(self) -> None:
        """They were measured to something else."""
        for step in self.kept:
            self.measure(step, float("nan"))

    # what was seen --------------------------------------------------------------------------------------------------

    def planned(self) -> list[int]:
        """The steps whose pictures make up the film."""
        return sorted({round(place * self.total) for place in _PLACES})

    def film(self) -> list[int | None]:
        """For each planned step the step of the picture that stands for it; None: not there yet."""
        there = np.array(sorted(self.kept), int)
        found: list[int | None] = []
        for step in self.planned():
            known = step <= self.done and len(there)
            found.append(int(there[np.abs(there - step).argmin()]) if known else None)
        return found

    def frame(self, step: int) -> bytes:
        """The picture of a step that was kept, as a file."""
        if step not in self._frames:
            kept = self.kept[step]
            self._frames[step] = encoded(kept.picture, kept.opacity)
        return self._frames[step]

    def curves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps int32, responses and distances float32."""
        steps = sorted(self.kept)
        responses = [self.kept[step].response for step in steps]
        distances = [self.kept[step].distance for step in steps]
        return np.array(steps, np.int32), np.array(responses, np.float32), np.array(distances, np.float32)

    def code(self, name: str = "network") -> str:
        """Python that makes the picture as it is now, step by step the same."""
        return written(self, name)

    # behind the scenes ----------------------------------------------------------------------------------------------

    @property
    def _stride(self) -> int:
        return max(1, self.total // (_KEPT // 2))

    def _begun(self, recipe: Any, start: Tensor | None) -> Ascent:
        from ..engine.ascent import Ascent

        asked = self.settings["objective"]
        objective, size = self.unit.objective(asked, self.network), self.unit.size or None
        made = Ascent(self.network, objective, recipe, size=size, start=start, seed=self.unit.seed)
        self._note(Stretch(asked, recipe, self.done if start is not None else 0, anew=start is not None))
        return made

    def _note(self, stretch: Stretch) -> None:
        self.stretches.append(stretch)

    def _keep(self) -> None:
        if self.done in self.kept:
            return
        opacity = self.opacity
        self.kept[self.done] = Kept(
            self.picture.cpu().clone(),
            None if opacity is None else opacity.cpu().clone(),
            float(self._ascent.measure()[0]),
        )
        if len(self.kept) > _KEPT:
            always = {0, self.done, *self.changes, *(step for step in self.film() if step is not None)}
            spare = [step for step in sorted(self.kept) if step not in always]
            for step in spare[::2]:
                del self.kept[step]


def _at(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures of an octave at the size of the whole one."""
    from torch.nn.functional import interpolate

    if tuple(pictures.shape[2:]) == tuple(size):
        return pictures
    return interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)
