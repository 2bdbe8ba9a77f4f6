"""What each channel of a layer answers to most: its strongest patches over a data set, found in one stream of pictures."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .ablation import chosen_channels
from .errors import ImageError, LayerError
from .images import encode_png, name_of, to_uint8
from .layers import Layer
from .network import Network
from .pictures import contact_sheet, resize
from .plain_numbers import whole
from .steps import Step, Steps

_SHARED = 4  # a patch larger than this part of its picture is not cut out: the picture is kept once for all channels
_PAPER = 255
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class Strongest:
    """The strongest patches of the channels of a layer, the strongest first; at most one patch a picture a channel.

    Attributes
    ----------
    layer : str
        Whose channels.
    channels : ndarray
        int64 (K,): their numbers in the layer. Rows of all arrays below stand in this order.
    values : ndarray
        float32 (K, count): the largest activation of the channel in the picture; NaN where there were fewer pictures.
    pictures : ndarray
        int64 (K, count): which picture of the data set, from 0; −1 where there is none.
    positions : ndarray
        int64 (K, count, 2): row and column of the map at which it is largest.
    boxes : ndarray
        int64 (K, count, 4): top, left, bottom, right in pixels of the picture as the network takes it: what the unit sees, clipped
        to the picture.
    frequency : ndarray
        float64 (K,): the share of pictures in which the channel is active anywhere, that is above 0.
    mean : ndarray
        float64 (K,): its mean activation over all positions of all pictures.
    done, total : int
        How many pictures have been seen, out of how many (as far as is known).
    names : mapping
        Picture -> its name, for the pictures that hold a patch.
    unreadable : tuple of str
        Files that could not be read and were passed over.
    """

    layer: str
    channels: np.ndarray
    values: np.ndarray
    pictures: np.ndarray
    positions: np.ndarray
    boxes: np.ndarray
    frequency: np.ndarray
    mean: np.ndarray
    done: int
    total: int
    names: Mapping[int, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    _patches: tuple[tuple[_Patch, ...], ...] = field(default=(), repr=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.channels)

    def __repr__(self) -> str:
        return f"Strongest({self.layer}, {len(self)} channels × {self.values.shape[1]} patches of {self.done} pictures)"

    @property
    def peak(self) -> np.ndarray:
        """The largest activation of each channel over the data set, float32 (K,); NaN before the first picture."""
        return self.values[:, 0]

    @property
    def silent(self) -> np.ndarray:
        """Channels that were above 0 nowhere in the data set, bool (K,)."""
        silent: np.ndarray = self.frequency == 0
        return silent

    def row(self, channel: int) -> int:
        """Where a channel of the layer stands in the arrays.

        Raises
        ------
        LayerError
            If it was not asked for.
        """
        found = np.flatnonzero(self.channels == channel)
        if not len(found):
            msg = f"Channel {channel} of {self.layer} was not looked at: {len(self)} channels were, from {self.channels[0]} on."
            raise LayerError(msg)
        return int(found[0])

    def count(self, channel: int) -> int:
        """How many patches of a channel there are."""
        return len(self._patches[self.row(channel)])

    def patch(self, channel: int, rank: int = 0) -> np.ndarray:
        """What the unit saw, uint8 (h, w, 3), rank 0 the strongest; smaller at the border of its picture.

        Raises
        ------
        LayerError
            If there is no such channel, or it has fewer patches.
        """
        patches = self._patches[self.row(channel)]
        if not 0 <= rank < len(patches):
            msg = f"{self.layer}:{channel} has {len(patches)} patches, ranks from 0; {rank} is none of them."
            raise LayerError(msg)
        return patches[rank].pixels

    def tile(self, channel: int, rank: int = 0, side: int = 96) -> np.ndarray:
        """The patch on a square, uint8 (side, side, 3): as large as fits, in the middle, on white."""
        patch = self.patch(channel, rank)
        scale = side / max(patch.shape[:2])
        height, width = (max(1, round(each * scale)) for each in patch.shape[:2])
        tile = np.full((side, side, 3), _PAPER, np.uint8)
        top, left = (side - height) // 2, (side - width) // 2
        tile[top : top + height, left : left + width] = resize(patch, (height, width))
        return tile

    def _repr_png_(self) -> bytes | None:
        across = self.values.shape[1]
        blank = np.full((64, 64, 3), _PAPER, np.uint8)
        shown = [int(channel) for channel in self.channels[:_SHOWN]]
        tiles = [
            self.tile(channel, rank, 64) if rank < self.count(channel) else blank
            for channel in shown
            for rank in range(across)
        ]
        return encode_png(contact_sheet(tiles, columns=across, gap=4)) if tiles else None


def strongest_patches(
    network: Network,
    layer: str,
    dataset: Iterable[Any],
    *,
    count: int = 9,
    channels: Sequence[int] | None = None,
    batch: int = 16,
) -> Steps[Strongest]:
    """The patches of a data set that excite the channels of a layer most.

    The forward pass stops at the layer, nothing is differentiated, and of the pictures only what has won so far is kept.

    Parameters
    ----------
    network
        Whose channels.
    layer
        Which layer. One without positions sees the whole picture.
    dataset
        Pictures, one after another: anything `Network.read` takes, scenes, (picture, class) pairs as of `folder` and torchvision's
        data sets, from a list or any iterable. It is gone through once.
    count
        How many patches of each channel, each from another picture.
    channels
        Which of them, all by default.
    batch
        How many pictures at once.

    Returns
    -------
    Steps of Strongest
        One step a batch, each with what is strongest so far. Where the length of the data set is not known, the total grows.

    Raises
    ------
    LayerError
        If there is no such layer or channel.
    ImageError
        If no picture can be read. Single files that cannot are passed over, and named in the result.
    ValueError
        If count or batch is less than 1.

    Notes
    -----
    Of equal activations, the earlier picture comes first, and of equal positions of a map the upper left one. What a unit sees is
    its receptive field, before which part of it matters is asked.

    References
    ----------
    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014. Girshick et al., "Rich feature hierarchies",
    CVPR 2014.
    """
    if min(whole(count), whole(batch)) < 1:
        msg = f"count is {count!r} and batch is {batch!r}: both are whole numbers, at least 1."
        raise ValueError(msg)
    count, batch = whole(count), whole(batch)
    read = network.layer(layer)
    units = chosen_channels(read, channels)
    if isinstance(dataset, (str, bytes, os.PathLike)) or not (
        isinstance(dataset, Iterable) or hasattr(dataset, "__getitem__")
    ):
        msg = f"{dataset!r} is no data set, but one picture, one folder or none: give a list of pictures, or cw.folder(path)."
        raise ImageError(msg)
    length = length_hint(dataset)
    return Steps(_stream(network, read, units, dataset, count, batch, length), length)


@dataclass(frozen=True, eq=False)
class _Patch:
    """A patch cut out, or the whole picture with the place of the patch in it."""

    source: np.ndarray
    box: tuple[int, int, int, int] | None

    @property
    def pixels(self) -> np.ndarray:
        if self.box is None:
            return self.source
        top, left, bottom, right = self.box
        return self.source[top:bottom, left:right]


class _Best:
    """What is strongest so far."""

    def __init__(self, layer: Layer, channels: np.ndarray, count: int) -> None:
        rows = len(channels)
        self.layer, self.channels = layer, channels
        self.values = torch.full((rows, count), -torch.inf)
        self.places = torch.full((rows, count, 3), -1)  # picture, row, column
        self.boxes = np.zeros((rows, count, 4), np.int64)
        self.patches: list[tuple[_Patch, ...]] = [()] * rows
        self.active, self.sum = np.zeros(rows), np.zeros(rows)
        self.names: dict[int, str] = {}
        self.seen = 0

    def add(self, maps: Tensor, images: Tensor, numbers: Sequence[int], names: Sequence[str]) -> None:
        """Take in the maps (B, K, h, w) of B pictures (B, C, H, W)."""
        flat = maps.flatten(2)
        self.sum += flat.mean(2, dtype=torch.float64).sum(0).cpu().numpy()
        values, at = flat.float().nan_to_num(nan=-torch.inf).max(2)
        self.active += (values > 0).sum(0).cpu().numpy()
        self.seen += len(maps)
        values, at = values.cpu(), at.cpu()
        width = maps.shape[3]
        number = torch.tensor(numbers)[:, None].expand_as(at)
        self._merge(values.T, torch.stack([number, at // width, at % width], 2).transpose(0, 1), images, names)

    def _merge(self, values: Tensor, places: Tensor, images: Tensor, names: Sequence[str]) -> None:
        """Let (K, B) new values at (K, B, 3) compete with those that stand; on a tie what stood stays before."""
        count = self.values.shape[1]
        both, order = torch.cat([self.values, values], 1).sort(dim=1, descending=True, stable=True)
        order = order[:, :count]
        changed = ((order >= count) & (both[:, :count] > -torch.inf)).any(1).nonzero()[:, 0].tolist()
        if not changed:
            return
        every = torch.cat([self.places, places], 1)
        self.values, self.places = both[:, :count], every.gather(1, order[..., None].expand(-1, -1, 3))
        fields = boxes_of(
            self.layer, places[..., 1].numpy(), places[..., 2].numpy(), (images.shape[2], images.shape[3])
        )
        self.boxes = np.take_along_axis(np.concatenate([self.boxes, fields], 1), order.numpy()[..., None], 1)
        cutter = _Cutter(to_uint8(images), count)
        for row in changed:
            self.patches[row] = cutter.row(self.patches[row], order[row].tolist(), self.boxes[row])
        self._remember(places[0, :, 0].tolist(), names)

    def _remember(self, numbers: Sequence[int], names: Sequence[str]) -> None:
        every = self.names | dict(zip(numbers, names, strict=True))
        kept = self.places[..., 0].unique().tolist()
        self.names = {number: every[number] for number in kept if number >= 0}

    def result(self, total: int, unreadable: Sequence[str]) -> Strongest:
        """As it is now; it does not change when more is taken in."""
        there = self.values > -torch.inf
        return Strongest(
            self.layer.name,
            self.channels,
            torch.where(there, self.values, torch.nan).numpy(),
            torch.where(there, self.places[..., 0], -1).numpy(),
            torch.where(there[..., None], self.places[..., 1:], -1).numpy(),
            np.where(there.numpy()[..., None], self.boxes, 0),
            self.active / max(self.seen, 1),
            self.sum / max(self.seen, 1),
            self.seen,
            total,
            self.names,
            tuple(unreadable),
            tuple(self.patches),
        )


class _Cutter:
    """Cuts patches out of a batch of pictures; a picture that is kept whole is kept once."""

    def __init__(self, pictures: np.ndarray, first: int) -> None:
        self._pictures, self._first = pictures, first
        self._whole: dict[int, np.ndarray] = {}

    def row(self, before: tuple[_Patch, ...], order: Sequence[int], boxes: np.ndarray) -> tuple[_Patch, ...]:
        """The patches of one channel: places below `first` are those that stood, the others are pictures of the batch."""
        made = []
        for place, box in zip(order, boxes.tolist(), strict=True):
            if place >= self._first:
                made.append(self._cut(place - self._first, box))
            elif place < len(before):
                made.append(before[place])
        return tuple(made)

    def _cut(self, index: int, box: Sequence[int]) -> _Patch:
        top, left, bottom, right = box
        picture = self._pictures[index]
        if (bottom - top) * (right - left) * _SHARED <= picture.shape[0] * picture.shape[1]:
            return _Patch(picture[top:bottom, left:right].copy(), None)
        if index not in self._whole:
            self._whole[index] = picture.copy()  # not a view, which would keep the whole batch
        return _Patch(self._whole[index], (top, left, bottom, right))


def boxes_of(layer: Layer, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What units at rows and columns (…) see of a picture of `size` (height, width) in pixels: int64 (…, 4), clipped to it.

    The whole picture where the layer has no positions or its receptive field is not known.
    """
    seen = layer.receptive_field if layer.spatial else None
    boxes = np.empty((*rows.shape, 4), np.int64)
    boxes[...] = (0, 0, *size)
    if seen is None:
        return boxes
    for axis, (span, places) in enumerate(((seen.rows, rows), (seen.columns, columns))):
        center = span.start + span.jump * places
        # At least one pixel, also of a unit that sees only the padding.
        boxes[..., axis] = np.floor(center - span.size / 2).clip(0, size[axis] - 1)
        boxes[..., axis + 2] = np.maximum(np.ceil(center + span.size / 2).clip(1, size[axis]), boxes[..., axis] + 1)
    return boxes


def _stream(
    network: Network,
    layer: Layer,
    channels: np.ndarray,
    dataset: Iterable[Any],
    count: int,
    batch: int,
    length: int,
) -> Generator[Step[Strongest], None, None]:
    best = _Best(layer, channels, count)
    source = _Source(network, dataset)
    for some, more in _with_next(source.batches(batch)):
        images = torch.cat([picture for _, _, picture in some])
        maps = layer.maps(network.trace(images, layer.name, logits=False)[layer.name].detach())
        maps = maps if len(channels) == maps.shape[1] else maps[:, torch.from_numpy(channels).to(maps.device)]
        best.add(maps, images, [number for number, _, _ in some], [name for _, name, _ in some])
        done = best.seen
        yield Step(done, max(done + 1, length) if more else done, best.result(max(done, length), source.unreadable))
    if source.trouble is not None:
        raise source.trouble
    if not best.seen:
        about = f"; {', '.join(source.unreadable[:3])} cannot be read" if source.unreadable else ""
        msg = f"The data set has no picture{about}: give at least one."
        raise ImageError(msg)


class _Source:
    """Pictures of a data set as the network takes them, in batches of one size, up to the first that brings trouble."""

    def __init__(self, network: Network, dataset: Iterable[Any]) -> None:
        self._network, self._dataset = network, dataset
        self.unreadable: list[str] = []
        self.trouble: Exception | None = None  # to be raised once what came before it is looked at

    def batches(self, size: int) -> Iterator[list[tuple[int, str, Tensor]]]:
        """Lists of (number, name, picture (1, C, H, W))."""
        some: list[tuple[int, str, Tensor]] = []
        for number, name, picture in self._pictures():
            if some and (len(some) == size or some[0][2].shape != picture.shape):
                yield some
                some = []
            some.append((number, name, picture))
        if some:
            yield some

    def _pictures(self) -> Iterator[tuple[int, str, Tensor]]:
        try:
            yield from self._read()
        except Exception as error:  # noqa: BLE001 (a data set of others may raise anything)
            self.trouble = error

    def _read(self) -> Iterator[tuple[int, str, Tensor]]:
        for number, item in enumerate(self._dataset):
            picture = picture_in(item)
            try:
                yield number, _name(item, picture, number), self._network.read(picture)
            except ImageError:
                # One broken file among thousands; an array that is none is an error of the caller.
                if not isinstance(picture, (str, bytes, os.PathLike)):
                    raise
                self.unreadable.append(name_of(picture, number))


def picture_in(item: Any) -> Any:
    """The picture in an item of a data set: a scene's image, the first of a pair, or the item itself."""
    if isinstance(item, (tuple, list)) and item:
        return item[0]
    return getattr(item, "image", item) if hasattr(item, "label") else item


def _name(item: Any, picture: Any, number: int) -> str:
    name = getattr(item, "name", "") if hasattr(item, "label") else ""
    return f"{name} {number + 1}" if isinstance(name, str) and name else name_of(picture, number)


def _with_next(items: Iterator[Any]) -> Iterator[tuple[Any, bool]]:
    """Each item with whether another one follows."""
    before = next(items, None)
    while before is not None:
        following = next(items, None)
        yield before, following is not None
        before = following
