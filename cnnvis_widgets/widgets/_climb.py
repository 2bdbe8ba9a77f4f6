"""One side of the laboratory: an ascent that goes on when its recipe is changed, and what was seen and measured on its way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

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

    def objective_code(self, kind: str) -> tuple[str, str]:
        """The same as Python: (name to import, expression)."""
        inside = f"{self.layer!r}, {self.channel}".replace("'", '"')
        return {
            "mean": ("channel", f"channel({inside})"),
            "center": ("neuron", f"neuron({inside})"),
            "square": ("layer_energy", f"layer_energy({inside})"),
            "peak": ("unit", f'unit("{self.address}", network)'),
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
        """The picture of a step that was kept, as PNG or JPEG."""
        from ..engine.images import encode_picture

        if step not in self._frames:
            self._frames[step] = encode_picture(self.kept[step].picture)
        return self._frames[step]

    def curves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps int32, responses and distances float32."""
        steps = sorted(self.kept)
        responses = [self.kept[step].response for step in steps]
        distances = [self.kept[step].distance for step in steps]
        return np.array(steps, np.int32), np.array(responses, np.float32), np.array(distances, np.float32)

    def code(self, name: str = "network") -> str:
        """Python that makes the picture as it is now, step by step the same."""
        return _Writer(self, name).text()

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
        self.kept[self.done] = Kept(self.picture.cpu().clone(), float(self._ascent.measure()[0]))
        if len(self.kept) > _KEPT:
            always = {0, self.done, *self.changes, *(step for step in self.film() if step is not None)}
            spare = [step for step in sorted(self.kept) if step not in always]
            for step in spare[::2]:
                del self.kept[step]


class _Writer:
    """Writes down how a picture came about."""

    def __init__(self, climb: Climb, name: str) -> None:
        self.climb, self.name = climb, name

    def text(self) -> str:
        straight = len(self.climb.stretches) == 1 and self.climb.done == self.climb.total and not self.climb.note
        body = self._at_once() if straight else self._step_by_step()
        return _qualified("\n".join(body))

    def _at_once(self) -> list[str]:
        (stretch,) = self.climb.stretches
        return [
            "picture = activation_maximization(",
            f"    {self.name},",
            f"    {self._objective(stretch)},",
            f"    recipe={stretch.recipe.code()},",
            f"    {self._size()}seed={self.climb.unit.seed},",
            ").result()",
        ]

    def _step_by_step(self) -> list[str]:
        lines: list[str] = []
        stretches = self.climb.stretches
        ends = [each.begins for each in stretches[1:]] + [self.climb.done]
        for index, (stretch, end) in enumerate(zip(stretches, ends, strict=True)):
            if index == 0 or stretch.anew:
                start = "start=ascent.pictures, " if index else ""
                lines += [
                    "ascent = Ascent(",
                    f"    {self.name},",
                    f"    {self._objective(stretch)},",
                    f"    {stretch.recipe.code()},",
                    f"    {self._size()}{start}seed={self.climb.unit.seed},",
                    ")",
                ]
            else:
                lines.append(f"ascent.change({stretch.recipe.code()})")
            if end > stretch.begins:
                lines += [f"for _ in range({end - stretch.begins}):", "    ascent.step()"]
        return [*lines, "picture = ascent.pictures[0]"]

    def _objective(self, stretch: Stretch) -> str:
        return self.climb.unit.objective_code(stretch.objective)[1].replace(", network)", f", {self.name})")

    def _size(self) -> str:
        return f"size={self.climb.unit.size}, " if self.climb.unit.size else ""


def _qualified(text: str) -> str:
    """With the package imported, and its names said to be its own."""
    import cnnvis_widgets

    def own(found: re.Match[str]) -> str:
        return f"cw.{found[0]}" if found[1] in cnnvis_widgets.__all__ else found[0]

    qualified = re.sub(r"(?<![.\w\"])(\w+)\(", own, text)
    arrays = ["import numpy as np"] if "np." in text else []
    return "\n".join([*arrays, "import cnnvis_widgets as cw", "", qualified, ""])


def _at(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures of an octave at the size of the whole one."""
    from torch.nn.functional import interpolate

    if tuple(pictures.shape[2:]) == tuple(size):
        return pictures
    return interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)
