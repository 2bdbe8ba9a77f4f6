"""The cells of a wall of synthesized pictures: which are computed when, what is kept of them, and what comes from the disk."""

from __future__ import annotations

import io
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .. import __version__

if TYPE_CHECKING:
    from ..engine.ascent import Ascent
    from ..engine.network import Network
    from ..engine.picture_cache import Cached, PictureCache
    from ..engine.recipe import Recipe

#: How cells are painted, where no recipe tells: a number that grows with every change of it, so that older pictures are let lie.
VERSION = 2
#: So many pictures are climbed at once.
BATCH = 8
#: Frames of the film of an ascent, close together where much happens.
FRAMES = 12
#: Ascents that are begun and not looked at any more: so many are kept, to go on where they were.
BEGUN = 12
#: Whole cells in memory; of more, those on the disk are read again when they are looked at.
CELLS = 512


@dataclass
class Cell:
    """The picture of one channel, as far as it is computed.

    Attributes
    ----------
    done : int
        Steps.
    score : float
        What the channel answers to the picture, as its objective counts; NaN where not known.
    note : str
        Why nothing came, if so.
    picture : bytes or ndarray
        As it is now: a JPEG file, or uint8 (H, W, 3) that nobody has asked for yet.
    frames : dict of int to bytes
        The film: step -> JPEG.
    history : list of float
        The score at each step.
    """

    channel: int
    done: int = 0
    score: float = math.nan
    note: str = ""
    picture: bytes | np.ndarray = b""
    frames: dict[int, bytes] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)
    kept: bool = False

    @property
    def jpeg(self) -> bytes:
        """The picture as a file."""
        if isinstance(self.picture, np.ndarray):
            self.picture = encoded(self.picture)
        return self.picture


def small_recipe() -> Recipe:
    """For small pictures in few steps: lucid's transforms at half their width, longer steps, and noise that is seen from the start."""
    from ..engine.parameterization import Fourier
    from ..engine.recipe import Adam, Recipe
    from ..engine.transforms import Transforms

    moves = Transforms(pad=8, jitter=4, scale=(0.95, 1.05), rotate=5, settle=2)
    return Recipe(parameterization=Fourier(spread=0.1), transforms=moves, optimizer=Adam(0.1))


def together(recipe: Recipe) -> int:
    """How many pictures can be climbed at once."""
    from ..engine.recipe import LBFGS

    return 1 if isinstance(recipe.optimizer, LBFGS) else BATCH


def encoded(pixels: np.ndarray, quality: int = 90) -> bytes:
    """uint8 (H, W, 3) as a JPEG file with its colors at full resolution."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def decoded(file: bytes) -> np.ndarray:
    """uint8 (H, W, 3) of a picture file."""
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB"))


def film_steps(steps: int, frames: int = FRAMES) -> list[int]:
    """After which steps a frame is kept: the first and the last, and closer together in the beginning.

    Examples
    --------
    >>> film_steps(96)
    [0, 1, 3, 7, 13, 20, 29, 39, 51, 64, 79, 96]
    """
    return sorted({round(steps * (place / (frames - 1)) ** 2) for place in range(frames)})


class Batch:
    """Channels that are climbed together."""

    def __init__(self, wall: Wall, cells: Sequence[Cell]) -> None:
        self.cells = list(cells)
        self.channels = [cell.channel for cell in cells]
        self._wall = wall
        self._ascent: Ascent | None = None

    @property
    def done(self) -> int:
        """Steps taken; -1 before the first look."""
        return -1 if self._ascent is None else self._ascent.done

    @property
    def finished(self) -> bool:
        """Whether nothing is left to climb."""
        return self._ascent is not None and self._ascent.finished

    def step(self) -> None:
        """Begin, or take one step; what came of it is in the cells."""
        ascent = self._ascent
        if ascent is None:
            ascent = self._ascent = self._wall.ascent(self.channels)
        else:
            ascent.step()
        self._look(ascent)
        if ascent.finished:
            self._end(ascent)

    def _look(self, ascent: Ascent) -> None:
        from ..engine.images import to_uint8

        pictures = to_uint8(ascent.pictures)
        scores = ascent.scores.tolist() if ascent.done else [math.nan] * len(self.cells)
        for cell, pixels, score in zip(self.cells, pictures, scores, strict=True):
            cell.done, cell.score, cell.picture = ascent.done, score, pixels
            if ascent.done:
                cell.history.append(score)
            if cell.done in self._wall.marks or ascent.finished:
                cell.frames[cell.done] = cell.jpeg

    def _end(self, ascent: Ascent) -> None:
        for cell, score, note in zip(self.cells, ascent.measure().tolist(), ascent.notes, strict=True):
            cell.score, cell.note = score, note
            cell.done = self._wall.steps  # also where it ended early
            self._wall.keep(cell)


class Wall:
    """The cells of one layer for one recipe, size and seed.

    Parameters
    ----------
    size
        (height, width) of the pictures.
    cache
        Where finished cells are kept; None: nowhere.
    print_of_network
        What the network's weights are told apart by.
    """

    def __init__(
        self,
        network: Network,
        layer: str,
        recipe: Recipe,
        size: tuple[int, int],
        seed: int,
        cache: PictureCache | None,
        print_of_network: str,
    ) -> None:
        self.layer, self.recipe, self.size, self.seed = layer, recipe, size, seed
        self.steps = recipe.steps
        self.marks = set(film_steps(self.steps))
        self.channels = network.layer(layer).channels
        self._network, self._cache = network, cache
        painted = (VERSION, __version__)
        self._about = (painted, print_of_network, layer, sorted(recipe.as_dict().items(), key=str), size, seed)
        self._together = together(recipe)
        self._cells: OrderedDict[int, Cell] = OrderedDict()
        self._batches: list[Batch] = []
        self._absent: set[int] = set()  # not on the disk
        self.done = np.zeros(self.channels, np.int32)
        self.score = np.full(self.channels, np.nan, np.float32)
        self.notes: dict[int, str] = {}

    # what is known ------------------------------------------------------------------------------------------------

    def cell(self, channel: int) -> Cell | None:
        """What is there of a channel, in memory or on the disk."""
        found = self._cells.get(channel)
        if found is not None:
            self._cells.move_to_end(channel)
            return found
        if channel in self._absent:
            return None
        kept = self._cache.get(self.key(channel)) if self._cache is not None else None
        read = None if kept is None else _cell_of(channel, kept)
        if read is None:
            self._absent.add(channel)
            self.done[channel] = 0  # also if it was there once and has gone
            return None
        return self._take(read)

    def whole(self, channel: int) -> bool:
        """Whether a channel's picture is finished."""
        return bool(self.done[channel] >= self.steps)

    @property
    def finished(self) -> int:
        """How many are."""
        return int((self.done >= self.steps).sum())

    def share(self, channels: Sequence[int]) -> float:
        """How much of some channels is done, 0 to 1."""
        return float(self.done[list(channels)].clip(0, self.steps).mean() / self.steps) if len(channels) else 1.0

    def unknown(self, channels: Iterable[int]) -> list[int]:
        """Those that the disk has not been asked for."""
        return [
            each for each in channels if each not in self._absent and each not in self._cells and not self.done[each]
        ]

    def key(self, channel: int, *more: Any) -> str:
        """Under what a channel's picture is kept: the fingerprint of everything that decides it."""
        from ..engine.result_store import fingerprint

        return fingerprint(*map(str, self._about), channel, *more)

    # what is to be done -------------------------------------------------------------------------------------------

    def next(self, wanted: Sequence[int], first: int = -1) -> Batch | None:
        """The batch whose turn it is: a few steps for every channel that is wanted before more for any, then `first`'s."""
        wished = set(wanted)
        batches = [each for each in self._batches if wished.intersection(each.channels)]
        taken = {channel for each in self._batches for channel in each.channels}
        new = [each for each in wanted if each not in taken and not self.whole(each)]
        batches += [self._begin(new[at : at + self._together]) for at in range(0, len(new), self._together)]
        self._forget(batches)
        return min(batches, key=lambda each: self._turn(each, first), default=None)

    def step(self, batch: Batch) -> None:
        """One step of a batch."""
        batch.step()
        for cell in batch.cells:
            self.done[cell.channel], self.score[cell.channel] = cell.done, cell.score
        if batch.finished:
            self._batches.remove(batch)

    def steps_left(self, wanted: Iterable[int]) -> int:
        """Steps of a batch until all of these are finished, about."""
        left = [self.steps - int(self.done[each]) for each in wanted if not self.whole(each)]
        return math.ceil(sum(left) / self._together)

    def ascent(self, channels: Sequence[int]) -> Ascent:
        """The ascent of some channels from its beginning."""
        from ..engine.ascent import Ascent
        from ..engine.objectives import channel

        wanted = [channel(self.layer, each) for each in channels]
        return Ascent(self._network, wanted, self.recipe, size=self.size, seed=self.seed)

    def keep(self, cell: Cell) -> None:
        """Put a finished cell on the disk."""
        if self._cache is not None:
            cell.kept = self._cache.put(self.key(cell.channel), *_packed(cell))
        self._take(cell)

    def _turn(self, batch: Batch, first: int) -> tuple[int, bool, int]:
        stage = sum(mark <= batch.done for mark in sorted(self.marks))
        return min(stage, 4), first not in batch.channels, stage

    def _begin(self, channels: Sequence[int]) -> Batch:
        cells = [self._cells.setdefault(each, Cell(each)) for each in channels]
        batch = Batch(self, cells)
        self._batches.append(batch)
        return batch

    def _forget(self, wanted: Sequence[Batch]) -> None:
        """Of the ascents that nobody looks at, let the oldest go."""
        idle = [each for each in self._batches if each not in wanted]
        for batch in idle[: max(0, len(idle) - BEGUN)]:
            self._batches.remove(batch)
            for cell in batch.cells:
                self._cells.pop(cell.channel, None)
                self.done[cell.channel] = 0

    def _take(self, cell: Cell) -> Cell:
        self._cells[cell.channel] = cell
        self._cells.move_to_end(cell.channel)
        self.done[cell.channel], self.score[cell.channel] = self.steps, cell.score
        if cell.note:
            self.notes[cell.channel] = cell.note
        kept = (each for each, found in self._cells.items() if found.kept)
        while len(self._cells) > CELLS and (oldest := next(kept, None)) is not None:
            del self._cells[oldest]
            kept = (each for each, found in self._cells.items() if found.kept)
        return cell

    def cells(self, channels: Iterable[int]) -> Iterator[Cell]:
        """Of these channels, the cells that have a picture."""
        for channel in channels:
            cell = self.cell(channel) if 0 <= channel < self.channels else None
            if cell is not None and len(cell.picture):
                yield cell


def _packed(cell: Cell) -> tuple[dict[str, Any], dict[str, bytes]]:
    score = cell.score if math.isfinite(cell.score) else str(cell.score)
    facts = {"score": score, "note": cell.note, "done": cell.done, "frames": sorted(cell.frames)}
    history = np.asarray(cell.history, "<f4").tobytes()
    return facts, {
        "picture": cell.jpeg,
        "history": history,
        **{f"{step}": cell.frames[step] for step in sorted(cell.frames)},
    }


def _cell_of(channel: int, kept: Cached) -> Cell | None:
    """The cell of a record; None if it is one of something else."""
    facts, parts = kept.facts, kept.parts
    try:
        frames = {int(step): parts[f"{step}"] for step in facts["frames"]}
        history = np.frombuffer(parts["history"], "<f4").tolist()
        about = int(facts["done"]), float(facts["score"]), str(facts["note"])
        return Cell(channel, *about, parts["picture"], frames, history, kept=True)
    except (LookupError, TypeError, ValueError):
        return None
