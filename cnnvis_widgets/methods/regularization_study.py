"""Which regularization brings synthesized pictures closest to real ones: the experiment of lectures on feature visualization."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..engine.ablation import chosen_channels
from ..engine.ascent import Ascent
from ..engine.beginnings import pair
from ..engine.errors import EvaluationError
from ..engine.images import ImageLike, decode, to_uint8
from ..engine.layers import Layer
from ..engine.network import Network
from ..engine.objectives import channel as channel_of
from ..engine.perception import Backbone, KeptReference, Kind, Perception, perception_of
from ..engine.pictures import resize
from ..engine.plain_numbers import whole
from ..engine.preprocess import Preprocess
from ..engine.result_store import ResultStore, fingerprint, fingerprint_of_network, packed, unpacked
from ..engine.scenes import scenes
from ..engine.steps import Step, Steps
from ..engine.strongest import Strongest, strongest_patches
from ..engine.study import RegularizationStudy
from ..engine.study_grid import BARE, Grid, Variant, variants_of

References: TypeAlias = "Iterable[Any] | Mapping[int, ImageLike | Sequence[ImageLike]] | Strongest | None"

_VERSION = "2"  # of how cells are computed: with another one, what was stored counts no more
_FILE = "regularization.jsonl"
_POINTS = 8  # of the curves, beside the start
_SCENES = 240  # references for who gives none
_GRAIN = 16  # sizes are multiples of this
_LEAST = 64


def regularization_study(
    network: Network,
    layer: str,
    channels: Sequence[int],
    grid: Grid = None,
    *,
    references: References = None,
    patches: int = 4,
    backbone: Backbone = None,
    kind: Kind | None = None,
    steps: int = 128,
    size: int | tuple[int, int] | None = None,
    seeds: int | Sequence[int] = 3,
    store: str | os.PathLike[str] | None = None,
) -> Steps[RegularizationStudy]:
    """Climb channels by many recipes, and measure how far each picture looks from what the channel answers to in real ones.

    One thing is changed at a time, from pixels climbed as they are: a penalty (L2, total variation), what the picture must survive
    (jitter, scale, rotation, all of them together), or the sizes it grows through (octaves); and the recipe of this package.

    Parameters
    ----------
    network
        Whose channels.
    layer
        Which layer.
    channels
        Which of them.
    grid
        What is compared, "none" always with it: by default everything. Keys among "l2", "tv", "jitter", "scale", "rotate", "standard",
        "octaves" and "fourier"; or a mapping from keys to values, and from names of your own to a `Recipe`.
    references
        What pictures are compared with: a data set, whose strongest patches are taken; a mapping from each channel to a picture or
        several; what `strongest_patches` found. By default 240 scenes, which suit the network that comes with this package.
    patches
        How many patches of a data set are the references of a channel; the distance is the mean over them.
    backbone, kind
        By whose features, and whether by LPIPS; see `perceptual_distance`. By default the network itself.
    steps
        Of every ascent.
    size
        Of pictures and references in pixels. By default that of a patch (the layer's receptive field, at least 64 pixels, in steps of
        16), so that both show things at the same scale; at most the network's own.
    seeds
        Of the noise that ascents begin with and of transforms, the same for every recipe; or how many.
    store
        A file of JSON lines, or a folder for it. A cell (a recipe on a channel) is written there at once and not computed again.

    Returns
    -------
    Steps of RegularizationStudy
        Several steps a cell, each with the table as far as it is filled.

    Raises
    ------
    EvaluationError
        If there is no such regularization, a channel has no reference, or an option is none.
    LayerError
        If there is no such layer or channel.
    ImageError
        If a reference cannot be read.

    Notes
    -----
    The weight of a penalty is a share of the response that the channel reached without regularization: with weight 0.1, a penalty of 1
    costs a tenth of it. References are the strongest patches that are whole; those cut off by the border of their picture come last.
    They are brought to `size`. A unit that stays silent has no distance. A recipe whose pictures excite most channels less than their
    references do is marked as `faint` and not chosen: a plain picture may be close to plain references and show nothing.

    Improvements are paired by channel and seed. The best of several values is the best of what was tried on these channels: a family
    with more values has more chances, so look at another layer before you believe a close call.

    References
    ----------
    Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017. Zhang et al., "The Unreasonable Effectiveness of Deep Features
    as a Perceptual Metric", CVPR 2018.
    """
    read = network.layer(layer)
    units = tuple(int(each) for each in chosen_channels(read, channels))
    variants = variants_of(grid, steps)
    tried = _seeds(seeds)
    if whole(patches) < 1:
        msg = f"patches is {patches!r}: a channel needs at least one reference."
        raise EvaluationError(msg)
    work = _Work(
        network,
        read,
        units,
        variants,
        tried,
        _size(network, read, size),
        whole(steps),
        backbone,
        kind,
        ResultStore(_file(store)),
    )
    return Steps(_study(work, references, whole(patches)), len(variants) * len(units) * len(work.points))


@dataclass
class _Work:
    """What is asked."""

    network: Network
    layer: Layer
    channels: tuple[int, ...]
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    size: tuple[int, int]
    steps: int
    backbone: Backbone
    kind: Kind | None
    store: ResultStore
    points: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.points = np.unique(np.linspace(0, self.steps, min(_POINTS, self.steps) + 1).round().astype(np.int64))


@dataclass
class _Cell:
    """One recipe on one channel."""

    distances: np.ndarray
    scores: np.ndarray
    curve: np.ndarray
    pictures: np.ndarray

    @classmethod
    def of(cls, record: dict[str, Any] | None) -> _Cell | None:
        """What was stored; None if nothing was, or it is damaged."""
        try:
            return (
                cls(*(unpacked(record[name]) for name in ("distances", "scores", "curve", "pictures")))
                if record
                else None
            )
        except (LookupError, TypeError, ValueError, zlib.error):
            return None

    def record(self) -> dict[str, Any]:
        return {name: packed(getattr(self, name)) for name in ("distances", "scores", "curve", "pictures")}


class _Board:
    """A table that is being filled."""

    def __init__(
        self, work: _Work, perception: Perception, references: list[np.ndarray], notes: tuple[str, ...]
    ) -> None:
        self.kept = [perception.reference(list(each)) for each in references]
        self._gray = np.array([each.gray() for each in self.kept])
        self._among = np.array([each.among() for each in self.kept])
        self._real = np.array([_response(work, *each) for each in zip(work.channels, references, strict=True)])
        shape = (len(work.variants), len(work.channels), len(work.seeds))
        self._work, self._perception, self._references, self._notes = work, perception, tuple(references), notes
        self._distances, self._scores = np.full(shape, np.nan), np.full(shape, np.nan)
        self._curves = np.full((*shape, len(work.points)), np.nan, np.float32)
        self._pictures: dict[tuple[int, int], np.ndarray] = {}

    def put(self, row: int, column: int, cell: _Cell) -> None:
        """Fill in a cell."""
        self._distances[row, column], self._scores[row, column] = cell.distances, cell.scores
        self._curves[row, column] = cell.curve
        self._pictures[row, column] = cell.pictures

    def response(self, column: int) -> float:
        """Of the unregularized ascent: what the weights of penalties are shares of."""
        known = self._scores[0, column][np.isfinite(self._scores[0, column])]
        return max(float(known.mean()), 0.0) if len(known) else 0.0

    def study(self) -> RegularizationStudy:
        """As it is now; it does not change when more is filled in."""
        work = self._work
        return RegularizationStudy(
            work.layer.name,
            work.channels,
            work.variants,
            work.seeds,
            self._distances.copy(),
            self._scores.copy(),
            self._curves.copy(),
            work.points,
            dict(self._pictures),
            self._references,
            self._real,
            self._gray,
            self._among,
            self._perception.measure,
            len(self._pictures),
            len(work.variants) * len(work.channels),
            self._notes,
        )


def _study(work: _Work, references: References, patches: int) -> Generator[Step[RegularizationStudy], None, None]:
    perception = perception_of(work.network if work.backbone is None else work.backbone, work.kind)
    shown = _references(work, references, patches)
    notes = (f"Pixels, {work.steps} steps, {work.size[0]}\u2009×\u2009{work.size[1]} px.", *perception.notes)
    board = _Board(work, perception, shown, notes)
    about = _about(work)
    parts, total = len(work.points), len(work.variants) * len(work.channels) * len(work.points)
    done = 0
    for row, variant in enumerate(work.variants):
        for column, channel in enumerate(work.channels):
            recipe = replace(variant.recipe, unit=board.response(column)) if variant.penalty else variant.recipe
            key = fingerprint(
                about, json.dumps(recipe.as_dict(), sort_keys=True), channel, shown[column], perception.fingerprint
            )
            cell = _Cell.of(work.store.get(key))
            if cell is None:
                climbing = _Climbing(work, recipe, channel, board.kept[column])
                for _ in climbing:
                    done += 1
                    yield Step(done, total, board.study())
                cell = climbing.cell()
                work.store.add(key, cell.record())
            board.put(row, column, cell)
            done = (row * len(work.channels) + column + 1) * parts
            yield Step(done, total, board.study())


class _Climbing:
    """One cell being computed: all seeds at once; it pauses at each point of the curve but the last."""

    def __init__(self, work: _Work, recipe: Any, channel: int, reference: KeptReference) -> None:
        self._work, self._reference = work, reference
        self._objective = channel_of(work.layer.name, channel)
        self._recipe = recipe
        self._curve: list[np.ndarray] = []
        self._ascent: Ascent | None = None

    def __iter__(self) -> Generator[None, None, None]:
        work = self._work
        ascent = self._ascent = Ascent(
            work.network, self._objective, self._recipe, size=work.size, seed=work.seeds, count=len(work.seeds)
        )
        self._curve.append(self._measured(ascent.pictures))
        for point in work.points[1:]:
            while ascent.done < point and not ascent.finished:
                ascent.step()
            self._curve.append(self._measured(ascent.pictures))
            if point < work.points[-1]:
                yield

    def cell(self) -> _Cell:
        """What came of it; a unit that stayed silent has no distance."""
        ascent = self._ascent
        assert ascent is not None  # noqa: S101 (it has been run)
        curve = np.stack(self._curve, 1)
        lost = np.array([bool(note) for note in ascent.notes])
        curve[lost] = np.nan
        scores = ascent.measure().double().numpy()
        return _Cell(curve[:, -1].astype(np.float64), scores, curve.astype(np.float32), to_uint8(ascent.pictures))

    def _measured(self, pictures: Tensor) -> np.ndarray:
        """The mean distance of each picture (S, C, h, w) from the references: (S,)."""
        size = self._work.size
        if tuple(pictures.shape[2:]) != size:  # an earlier octave
            pictures = functional.interpolate(pictures, size, mode="bilinear", align_corners=False)
        return np.array([float(self._reference.distances(each[None]).mean()) for each in pictures])


def _response(work: _Work, channel: int, references: np.ndarray) -> float:
    """The mean response of a channel to pictures uint8 (R, h, w, 3), asked as that to synthesized ones is."""
    pictures = torch.from_numpy(references).movedim(-1, 1).float() / 255
    fitted = Preprocess(channels=work.network.preprocess.channels).fit(pictures)
    objective = channel_of(work.layer.name, channel)
    ascent = Ascent(work.network, objective, BARE, size=work.size, start=fitted, count=len(references))
    return float(ascent.measure().mean())


def _about(work: _Work) -> str:
    """What a cell depends on beside its recipe, channel, references and measure."""
    return fingerprint(
        _VERSION, fingerprint_of_network(work.network), work.layer.name, work.size, work.seeds, work.points
    )


def _references(work: _Work, given: References, patches: int) -> list[np.ndarray]:
    """Of each channel, uint8 (R, h, w, 3)."""
    if isinstance(given, Mapping):
        return [_given(work, given, channel) for channel in work.channels]
    found = given
    if not isinstance(found, Strongest):
        dataset = scenes(_SCENES) if found is None else found
        # More than are needed, since those at the border are cut off.
        found = strongest_patches(
            work.network, work.layer.name, dataset, count=4 * patches, channels=work.channels
        ).result()
    return [
        np.stack([resize(each, work.size) for each in _whole(found, channel, patches)]) for channel in work.channels
    ]


def _whole(found: Strongest, channel: int, count: int) -> list[np.ndarray]:
    """The strongest patches that are not cut off, then those that are."""
    every = [found.patch(channel, rank) for rank in range(found.count(channel))]
    if not every:
        msg = f"{found.layer}:{channel} has no patch in these references: give more pictures."
        raise EvaluationError(msg)
    full = tuple(max(patch.shape[axis] for patch in every) for axis in (0, 1))
    return sorted(every, key=lambda patch: patch.shape[:2] != full)[:count]


def _given(work: _Work, given: Mapping[int, Any], channel: int) -> np.ndarray:
    if channel not in given:
        msg = f"There is no reference for channel {channel}: give a picture for each of {work.channels}."
        raise EvaluationError(msg)
    several = given[channel] if isinstance(given[channel], (list, tuple)) else [given[channel]]
    if not several:
        msg = f"The references of channel {channel} are empty: give at least one picture."
        raise EvaluationError(msg)
    return np.stack([resize(to_uint8(decode(each))[0], work.size) for each in several])


def _size(network: Network, layer: Layer, given: int | tuple[int, int] | None) -> tuple[int, int]:
    if given is not None:
        return pair(given) or (2 * _LEAST, 2 * _LEAST)
    own = network.preprocess.size
    seen = layer.receptive_field
    if seen is None or not layer.spatial:
        return own or (2 * _LEAST, 2 * _LEAST)
    side = max(_LEAST, int(-(-max(seen.rows.size, seen.columns.size) // _GRAIN) * _GRAIN))
    return (side, side) if own is None or side < min(own) else own


def _seeds(given: int | Sequence[int]) -> tuple[int, ...]:
    several = isinstance(given, Iterable) and not isinstance(given, str)
    seeds = tuple(whole(each) for each in given) if several else tuple(range(whole(given)))  # type: ignore[union-attr]
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        msg = f"seeds is {given!r}: give a number of 1 or more, or different whole numbers."
        raise EvaluationError(msg)
    return seeds


def _file(store: str | os.PathLike[str] | None) -> Path | None:
    if store is None:
        return None
    path = Path(store).expanduser()
    return path / _FILE if path.is_dir() or not path.suffix else path
