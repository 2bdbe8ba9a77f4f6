"""A dream from its photo on: the dream at work, its film, how its pulls grew, and what is still to come."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ._film import SHOWN_SIDE, Film, Frame, decoded, encoded

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.dream import Dream
    from ..engine.network import Network

#: How often one "dream on" zooms.
ZOOMS = 6
#: More points than this no curve has.
MOST_POINTS = 480


@dataclass(frozen=True)
class Settings:
    """What a dream is asked for. Only pulls, steps, rate, levels, jitter and zoom can change on the way."""

    pulls: tuple[tuple[str, float], ...]
    octaves: int
    ratio: float
    steps: int
    rate: float
    levels: int
    jitter: int
    zoom: float
    seed: int
    guide: int
    size: int

    @property
    def pulled(self) -> dict[str, float]:
        """Unit -> weight, without those left out."""
        return {unit: weight for unit, weight in self.pulls if weight}

    @property
    def zoom_steps(self) -> int:
        """Steps after each zoom."""
        return max(2, math.ceil(self.steps * 0.4))


@dataclass
class Section:
    """An octave or a zoom: its steps from the first to the last, and its size."""

    kind: str
    number: int
    first: int
    last: int
    height: int
    width: int

    def entry(self) -> dict[str, Any]:
        """As the page takes it."""
        return dict(vars(self))


@dataclass
class Reel:
    """One dream on one picture, with all that has been kept of it.

    Attributes
    ----------
    photo : Tensor
        (1, C, H, W) in [0, 1].
    sections : list
        Octaves and zooms that are done, and the one at work.
    history : list
        For each step: unit -> (activity, the photo's own).
    """

    number: int
    image: int
    photo: Tensor
    settings: Settings
    film: Film = field(default_factory=Film)
    sections: list[Section] = field(default_factory=list)
    history: list[dict[str, tuple[float, float]]] = field(default_factory=list)
    dream: Dream | None = None
    zooms_left: int = 0
    _own: dict[str, float] = field(default_factory=dict)

    @property
    def step(self) -> int:
        """How many steps are done."""
        return len(self.history)

    @property
    def finished(self) -> bool:
        """Whether all that was planned is done."""
        return bool(self.film.frames) and not self.to_come() and self.step >= self.sections[-1].last

    @property
    def planned(self) -> int:
        """How many steps there will be at the end of what is planned."""
        return [*self.sections, *self.to_come()][-1].last

    # beginning and going on ---------------------------------------------------------------------------------------

    def begin(self, network: Network, guide: Tensor | None) -> None:
        """Dream from the photo on."""
        self.dream = _new(network, self.photo, self.settings, guide)
        self.film.add(Frame(0, _shown(self.photo), position=_position(self.dream)))
        self._open("octave")

    def back_to(self, step: int) -> None:
        """Let go of everything after a frame."""
        frame = self.film.cut(step)
        self.history = self.history[: frame.step]
        self.sections = [each for each in self.sections if each.first <= max(1, frame.step)]
        self.zooms_left = 0
        self.dream = None

    def wake(self, network: Network, settings: Settings, guide: Tensor | None) -> None:
        """Make the dream again from the last frame, where it has been let go of."""
        if self.dream is not None:
            return
        frame = self.film.frames[-1]
        dream = _new(network, self.photo, settings, guide)
        dream.resume(_state(frame, self.photo, settings.pulled))
        if frame.position["pulls"] != settings.pulled:
            dream.change(settings.pulled)
        self.dream, self.settings = dream, settings

    def steps(self, settings: Callable[[], Settings]) -> Iterator[Frame]:
        """Step by step to the end of what is planned; `settings` is asked before each for what is wanted now."""
        dream = self.dream
        while dream is not None and (not dream.finished or self.zooms_left):
            if dream.finished:
                self._zoom(dream)
            self._follow(dream, settings())
            dream.step()
            yield self._keep(dream)

    def _zoom(self, dream: Dream) -> None:
        self.zooms_left -= 1
        dream.zoom(self.settings.zoom, octaves=1, steps=self.settings.zoom_steps)
        self._open("zoom")

    def _follow(self, dream: Dream, settings: Settings) -> None:
        """Take over what has changed since the last step and can change on the way."""
        if settings.pulled != self.settings.pulled:
            dream.change(settings.pulled)
        self.settings = settings
        dream.rate, dream.levels, dream.jitter = settings.rate, settings.levels, settings.jitter
        wanted = settings.steps if self.sections[-1].kind == "octave" else settings.zoom_steps
        dream.steps = max(wanted, dream.step_in_octave)

    def _keep(self, dream: Dream) -> Frame:
        octave = self.sections[-1]
        if octave.kind == "octave" and dream.octave + 1 != octave.number:
            octave.last = self.step
            self._open("octave")
        octave = self.sections[-1]
        octave.last = octave.first - 1 + max(dream.steps, dream.step_in_octave)
        self.history.append(self._measured(dream))
        whole = octave.kind == "zoom" or dream.octave == len(dream.sizes) - 1
        shown = _shown(dream.picture)
        own = b"" if whole and max(dream.size) <= SHOWN_SIDE else encoded(dream.frame, quality=95)
        frame = Frame(self.step, shown, own, _position(dream), last=self.step == octave.last)
        self.film.add(frame)
        return frame

    def _measured(self, dream: Dream) -> dict[str, tuple[float, float]]:
        """Activities, and those of the photo at this size; after a zoom still those of the photo."""
        if self.sections[-1].kind == "octave":
            self._own = dream.start_pull
        return {unit: (now, self._own.get(unit, dream.start_pull[unit])) for unit, now in dream.pull.items()}

    def _open(self, kind: str) -> None:
        dream = self.dream
        assert dream is not None  # noqa: S101
        number = dream.octave + 1 if kind == "octave" else 1 + sum(each.kind == "zoom" for each in self.sections)
        height, width = dream.sizes[dream.octave]
        self.sections.append(Section(kind, number, self.step + 1, self.step + dream.steps, height, width))

    # what there is to tell ----------------------------------------------------------------------------------------

    def to_come(self) -> list[Section]:
        """Octaves and zooms that are planned after the present one."""
        if not self.sections or not self.film.frames:
            return []
        frame, now = self.film.frames[-1], self.sections[-1]
        found: list[Section] = []
        if now.kind == "octave":
            for number, (height, width) in enumerate(frame.position["sizes"][now.number :], now.number + 1):
                found.append(_after([now, *found], "octave", number, self.settings.steps, (height, width)))
        zooms = sum(each.kind == "zoom" for each in self.sections)
        size = (self.photo.shape[2], self.photo.shape[3])
        for number in range(zooms + 1, zooms + self.zooms_left + 1):
            found.append(_after([now, *found], "zoom", number, self.settings.zoom_steps, size))
        return found

    def plan(self) -> dict[str, Any]:
        """Where the dream is and what is to come, as the page takes it."""
        sections = [*self.sections, *self.to_come()]
        return {
            "reel": self.number,
            "image": self.image,
            "height": self.photo.shape[2],
            "width": self.photo.shape[3],
            "step": self.step,
            "total": self.planned,
            "sections": [each.entry() for each in sections],
            "kept": [each.step for each in self.film.frames],
            "asked": {**vars(self.settings), "pulls": dict(self.settings.pulls)},
        }

    def told(self) -> dict[str, Any]:
        """Every frame, as the page takes it."""
        return {
            "reel": self.number,
            "image": self.image,
            "frames": [{"step": each.step, "data": each.shown} for each in self.film.frames],
        }

    def curves(self) -> dict[str, Any]:
        """For each unit its activity at every step, where the photo's own is 1; a unit silent in the photo as it is."""
        units = list(dict.fromkeys(unit for each in self.history for unit in each))
        every = max(1, math.ceil(self.step / MOST_POINTS))
        steps = sorted({*range(every, self.step, every), self.step} - {0})
        values = np.full((len(units), len(steps)), np.nan, np.float32)
        silent = {unit: all(each[unit][1] <= 0 for each in self.history if unit in each) for unit in units}
        for row, unit in enumerate(units):
            for column, step in enumerate(steps):
                now, own = self.history[step - 1].get(unit, (math.nan, 1.0))
                values[row, column] = now if silent[unit] else (now / own if own > 0 else math.nan)
        return {
            "reel": self.number,
            "units": units,
            "silent": [unit for unit in units if silent[unit]],
            "steps": np.asarray(steps, "<i4").tobytes(),
            "values": values.tobytes(),
        }

    def where(self) -> str:
        """`octave 2 of 4, step 5 of 10 (171 px)`."""
        now = self.sections[-1]
        last = [each for each in (*self.sections, *self.to_come()) if each.kind == now.kind][-1].number
        size = f"{now.height} × {now.width} px"
        return f"{now.kind} {now.number} of {last}, step {self.step - now.first + 1} of {now.last - now.first + 1} ({size})"

    def picture(self, step: int = -1) -> Tensor:
        """The picture after a step at full size, (1, C, H, W) in [0, 1]; the newest as it is, others as they were kept."""
        from ..engine.dream import resized

        if self.dream is not None and (step < 0 or step == self.step):
            return self.dream.picture
        frame = self.film.at(step)
        if frame.step == 0:
            return self.photo
        if not frame.own:
            return _tensor(frame.shown, self.photo)
        state = _state(frame, self.photo, {})
        return (state["photo"] + resized(state["frame"] - state["base"], (self.photo.shape[2], self.photo.shape[3]))).clamp(0, 1)


def _after(before: list[Section], kind: str, number: int, steps: int, size: tuple[int, int]) -> Section:
    last = before[-1].last
    return Section(kind, number, last + 1, last + steps, *size)


def _new(network: Network, photo: Tensor, settings: Settings, guide: Tensor | None) -> Dream:
    from ..engine.dream import Dream

    return Dream(
        network,
        photo,
        settings.pulled,
        octaves=settings.octaves,
        ratio=settings.ratio,
        steps=settings.steps,
        rate=settings.rate,
        levels=settings.levels,
        jitter=settings.jitter,
        guide=guide,
        seed=settings.seed,
    )


def _shown(picture: Tensor) -> bytes:
    return encoded(picture, longest=SHOWN_SIDE)


def _position(dream: Dream) -> dict[str, Any]:
    """The state of a dream without its pictures."""
    return {name: value for name, value in dream.state().items() if name not in ("photo", "base", "frame")}


def _state(frame: Frame, photo: Tensor, pulls: Mapping[str, float]) -> dict[str, Any]:
    """The state of a dream as it was at a frame. After a zoom all is of one size, so that the frame alone says what is there."""
    from ..engine.dream import resized

    position = {"pulls": dict(pulls), **frame.position}
    base = resized(photo, position["sizes"][position["octave"]])
    own = base if frame.step == 0 else _tensor(frame.own or frame.shown, photo)
    return {**position, "photo": photo, "base": base, "frame": own}


def _tensor(data: bytes, like: Tensor) -> Tensor:
    """An encoded picture with the channels of another."""
    import torch

    values = torch.from_numpy(decoded(data).copy()).to(like.device, like.dtype).movedim(-1, 0)[None] / 255
    return values[:, : like.shape[1]].contiguous() if like.shape[1] <= 3 else values
