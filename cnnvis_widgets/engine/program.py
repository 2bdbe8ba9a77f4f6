"""Running a network's operations on a clean picture once, and then only on what a change of the picture reaches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, fx

from .covers import Covers
from .flow import PICTURE, Flow, Name
from .operations import AveragePool, Convolution, Join, Local, Operation, Pointwise, Window
from .plan import COARSEST, MANY, Batch, Classes, Grouping, Kind, Plan
from .regions import Area, Frame, Patch, Reach, cut, lay

#: Copying one number takes as long as this many multiply-adds of a convolution (measured: 0.25 ns to 0.009 ns).
COPY = 30.0
#: A batch may compute this much more than its places need each by itself.
_WASTE, _LEAST_WASTE = 1.1, 1.02
#: Into how many classes of height, and of width, places are put at most to reach that.
_CLASSES = 12
#: Numbers that the largest map of a batch may have: what is computed should still be in the caches when it is read.
_NUMBERS = 2_400_000
#: Multiply-adds that a batch may take, if nothing else is said: a tenth of a second.
LONG = 1.2e10
#: Places of a batch at most.
_MOST = 64
#: Places are gathered for last operations with more than so many weights: so many, if what these read is no larger.
_HEAVY, _GATHERED, _CROSSING = 4_000_000, 16, 100_000
#: What a batch of another size costs for each operation, in multiply-adds (measured: 0.3 ms).
_PRICE = 2.5e7
#: What is found out about covers is kept for the next picture: of so many places at least and at most, and of so many covers.
_WORTH_KEEPING, _KEPT = (32, 4096), 16


class Program:
    """A flow on one clean picture.

    Parameters
    ----------
    flow
        The operations.
    picture
        The network's input (1, C, H, W), normalized.
    wanted
        Names of outputs that are asked for beside what the model returns.
    limit
        The largest share of a map's rows and columns that a change is followed to; 1 is exact.
    longest
        How many multiply-adds a batch may take.

    Attributes
    ----------
    output
        What the model returns for the clean picture.
    multiply_adds : dict
        Of the convolutions: "full" of one whole pass, "spent" since the beginning, "least" that the same places need if each
        is computed by itself.
    """

    def __init__(
        self, flow: Flow, picture: Tensor, wanted: Sequence[str] = (), limit: float = 1.0, longest: float = LONG
    ) -> None:
        self.flow, self.wanted, self.limit, self._longest = flow, tuple(wanted), limit, longest
        self.operations = _needed(flow, wanted)
        self.clean: dict[str, Any] = {PICTURE: picture}
        self._frames: dict[Any, Frame] = {}
        self._divisors: dict[str, Frame] = {}
        self._plans: WeakKeyDictionary[Covers, _Prospect] = WeakKeyDictionary()
        for operation in self.operations:
            values = [self.clean[name] for name in operation.inputs]
            self.clean[operation.name] = operation.whole(*values)
            if isinstance(operation, AveragePool) and _is_map(values[0]):
                self._divisors[operation.name] = Frame(operation.divisor(values[0]), 0, 0)
        self.output = self._returned(self.clean.__getitem__)
        self.in_part = self._partial()
        self._last_use = self._uses()
        self._overwriting = self._that_may_overwrite()
        self._costs()
        self._find_tail()
        self.multiply_adds = {"full": float(self._work_whole.sum()), "spent": 0.0, "least": 0.0}
        self._keep_what_is_read()

    # what is computed in part -------------------------------------------------------------------------------------

    def _partial(self) -> set[str]:
        """The operations that can be computed for a part of their map."""
        found = {PICTURE}
        for operation in self.operations:
            maps = [self.clean[name] for name in operation.inputs]
            made = self.clean[operation.name]
            if not maps or not all(name in found for name in operation.inputs) or not _is_map(made):
                continue
            alike = all(each.shape[2:] == made.shape[2:] for each in maps)
            if isinstance(operation, Local) or (isinstance(operation, (Pointwise, Join)) and alike):
                found.add(operation.name)
        return found

    def reach(self, boxes: np.ndarray) -> dict[str, Reach]:
        """How far changes of the picture within boxes (P, 4) reach in each map that can be computed in part."""
        found = {PICTURE: Reach(boxes[:, 0], boxes[:, 2], boxes[:, 1], boxes[:, 3])}
        for operation in self.operations:
            if operation.name not in self.in_part:
                continue
            reached = found[operation.inputs[0]]
            for name in operation.inputs[1:]:
                reached = reached.joined(found[name])
            if isinstance(operation, Local):
                size = self._size(operation.name)
                reached = reached.through(operation.rows, operation.columns, size, self.limit)
            found[operation.name] = reached
        return found

    # what is computed together ------------------------------------------------------------------------------------

    def plan(self, covers: Covers, count: int) -> Plan:
        """How far each place reaches, and groups of places that are computed alike; found once for the same covers, on any picture.

        Parameters
        ----------
        count
            How many of them are asked about: fewer are put into fewer groups, as each group has its price.
        """
        if covers not in self._plans:
            self._plans[covers] = self._prospect(covers)
        return self._plans[covers].plan(self, count)

    def _prospect(self, covers: Covers) -> _Prospect:
        if not _WORTH_KEEPING[0] <= len(covers) <= _WORTH_KEEPING[1]:
            return _Prospect(self, covers)
        kept, picture = self.flow.prospects, tuple(self.clean[PICTURE].shape)
        key = covers.boxes.tobytes(), picture, self.wanted, self.limit, self._longest, self._work.tobytes()
        if key not in kept:
            if len(kept) >= _KEPT:
                kept.clear()
            kept[key] = _Prospect(self, covers)
        found: _Prospect = kept[key]
        return found

    def groupings(self, high: np.ndarray, wide: np.ndarray) -> list[Grouping]:
        """Ways to group places by extents (operations, P): finer and finer, until next to nothing is wasted."""
        part = high[:, 0] > 0
        if not part.any():
            return [Grouping(0.0, 1.0, np.zeros(high.shape[1], np.int64))]
        high, wide, work = high[part], wide[part], self._work[part]
        alone = float((work[:, None] * high * wide).sum()) or 1.0
        down, across = Classes.of(high, work * wide.mean(1)), Classes.of(wide, work * high.mean(1))
        found = []
        for step in range(2, 2 * _CLASSES + 1):  # 1 × 1, 1 × 2, 2 × 2, 2 × 3, … classes
            both = down.labels(step // 2) * _CLASSES + across.labels(step - step // 2)
            _, label = np.unique(both, return_inverse=True)
            groups = [np.flatnonzero(label == each) for each in range(label.max() + 1)]
            together = sum(len(one) * float((work * high[:, one].max(1) * wide[:, one].max(1)).sum()) for one in groups)
            found.append(Grouping(together / high.shape[1], together / alone, label))
            if together <= _LEAST_WASTE * alone:
                break
        return found

    def cheapest(self, groupings: list[Grouping], count: int) -> int:
        """Which grouping is cheapest for so many places."""
        price = _PRICE * len(self._work.nonzero()[0])
        if count > MANY:  # these come again and again, so that what a size needs is there
            price /= 3
        cost = [each.work * count + price * min(each.label.max() + 1, count) for each in groupings]
        little = [each.waste <= _WASTE or count <= MANY for each in groupings]
        return int(np.argmin(np.where(little, cost, np.inf))) if any(little) else len(groupings) - 1

    def kind(self, high: np.ndarray, wide: np.ndarray) -> Kind:
        """How places that reach so far in each operation are computed."""
        part = high > 0
        area = np.where(part, high * wide, self._cells)
        fitting = min(
            _NUMBERS / max((area * self._channels).max(), 1), self._longest / max((area * self._work).sum(), 1)
        )
        most = int(np.clip(fitting, 1, _MOST))
        extents = {each.name: (int(h), int(w)) for each, h, w in zip(self.operations, high, wide, strict=True) if h}
        return Kind(extents, self._switch(high, wide) if part.any() else 0, most)

    def extents(self, reach: dict[str, Reach], axis: int, count: int) -> np.ndarray:
        """Rows (axis 0) or columns (2) that are reached, (operations, P); 0 where an operation is computed whole."""
        return np.stack([_extent(reach, operation.name, axis, count) for operation in self.operations])

    def _switch(self, high: np.ndarray, wide: np.ndarray) -> int:
        """From which operation on whole maps are cheaper: where cutting out and laying back costs more than it saves."""
        area = np.where(high > 0, high * wide, 0.0)
        part = self._work * area + COPY * self._read * area
        whole = self._work * self._cells
        never = np.flatnonzero(high == 0)  # operations that are computed whole anyway
        last = int(never[0]) if len(never) else len(area)
        before = np.concatenate([[0.0], np.cumsum(part)])[: last + 1]
        after = np.concatenate([np.cumsum(whole[::-1])[::-1], [0.0]])[: last + 1]
        return int(np.argmin(before + after + COPY * self._crossing[: last + 1]))

    # computing ----------------------------------------------------------------------------------------------------

    def front(self, patch: Tensor, area: Area, batch: Batch, reach: dict[str, Reach]) -> dict[str, Any]:
        """What the last operations read, whole, for a batch of changed pictures.

        Parameters
        ----------
        patch
            (B, C, h, w), the network's input where it changes, which is at `area`.
        """
        values: dict[str, Any] = {PICTURE: Patch(patch, area)}
        count = len(batch.places)
        for index, operation in enumerate(self.operations[: self._tail]):
            if operation.name in self.in_part and index < batch.kind.switch:
                values[operation.name] = self._part(operation, values, reach, batch)
            elif getattr(operation, "shape_only", False):
                shapes = [self._shape(values[name], name, count) for name in operation.inputs]
                values[operation.name] = operation.whole(*shapes)
            else:
                whole = [self._whole(values, name, count) for name in operation.inputs]
                values[operation.name] = operation.whole(*whole)
                self.multiply_adds["spent"] += self._work_whole[index] * count
            for name in self._last_use[index]:
                del values[name]
        return {name: _first(self._whole(values, name, count), batch.own, count) for name in self._crossing_tail}

    def back(self, values: dict[str, Any]) -> tuple[Any, dict[str, Tensor]]:
        """What the model returns, and the outputs wanted, from what the last operations read."""
        values = dict(values)
        for operation in self.operations[self._tail :]:
            values[operation.name] = operation.whole(*(values[name] for name in operation.inputs))
        return self._returned(values.__getitem__), {name: values[name] for name in self.wanted}

    def count_least(self, reach: dict[str, Reach], places: np.ndarray) -> None:
        """Note how many multiply-adds places need, each by itself."""
        for index, operation in enumerate(self.operations):
            if self._work_whole[index]:
                high, wide = (
                    (_extent(reach, operation.name, axis, 0)[places] for axis in (0, 2))
                    if operation.name in reach
                    else (np.zeros(len(places)),) * 2
                )
                cells = np.where(high > 0, high * wide, self._cells[index])
                self.multiply_adds["least"] += float((self._convolved[index] * cells).sum())

    def _part(self, operation: Operation, values: dict[str, Any], reach: dict[str, Reach], batch: Batch) -> Patch:
        first = values[operation.inputs[0]]
        if isinstance(operation, Pointwise):
            change = operation.in_place if operation.name in self._overwriting else None
            return Patch((change or operation.function)(first.data), first.area)
        size = self._size(operation.name)
        area = reach[operation.name].of(batch.places).area(size, batch.kind.extents[operation.name])
        if isinstance(operation, Join):
            return Patch(self._joined(operation, values, area), area)
        assert isinstance(operation, Local)  # noqa: S101 (for the type checker)
        index = self._index[operation.name]
        self.multiply_adds["spent"] += self._convolved[index] * area.high * area.wide * len(area.tops)
        around = area.before(operation.rows, operation.columns)
        data = cut(self._frame(operation), first, around)
        made = operation.part(data)
        if isinstance(operation, AveragePool):
            made = made / self._divisors[operation.name].cut(area)
        return Patch(made, area)

    def _joined(self, operation: Join, values: dict[str, Any], area: Area) -> Tensor:
        if operation.concatenates:
            made = self._plain_frame(operation.name).cut(area)
            channel = 0
            for name in operation.inputs:
                lay(made, area, values[name], channel)
                channel += values[name].data.shape[1]
            return made
        parts = [cut(self._plain_frame(name), values[name], area) for name in operation.inputs]
        return operation.whole(*parts)

    def _whole(self, values: dict[str, Any], name: str, count: int) -> Any:
        """A value as whole maps (B, …); from then on it is one."""
        value = values[name]
        if isinstance(value, Patch):
            high, wide = self._size(name)
            area = Area((0,) * count, (0,) * count, high, wide)
            value = values[name] = cut(self._plain_frame(name), value, area)
        return value

    def _shape(self, value: Any, name: str, count: int) -> Any:
        """A tensor like the whole one, without its memory, for who reads nothing else of it."""
        return self.clean[name][:1].expand(count, *self.clean[name].shape[1:]) if isinstance(value, Patch) else value

    def _returned(self, value: Callable[[str], Any]) -> Any:
        return fx.node.map_aggregate(self.flow.output, lambda each: value(each) if isinstance(each, Name) else each)

    # clean maps ---------------------------------------------------------------------------------------------------

    def _size(self, name: str) -> tuple[int, int]:
        high, wide = self._sizes[name]
        return high, wide

    def _frame(self, operation: Local) -> Frame:
        key = operation.name
        if key not in self._frames:
            self._frames[key] = Frame.around(
                self.clean[operation.inputs[0]], operation.rows, operation.columns, self._size(key), operation.pad_value
            )
        return self._frames[key]

    def _plain_frame(self, name: str) -> Frame:
        key = ("plain", name)
        if key not in self._frames:
            self._frames[key] = Frame.around(self.clean[name], Window(), Window(), self._size(name), 0.0)
        return self._frames[key]

    # preparation --------------------------------------------------------------------------------------------------

    def _uses(self) -> list[list[str]]:
        """For each operation, the values that nobody reads after it."""
        kept = {*self.wanted, *_names_in(self.flow.output)}
        last = {name: index for index, operation in enumerate(self.operations) for name in operation.inputs}
        found: list[list[str]] = [[] for _ in self.operations]
        for name, index in last.items():
            if name not in kept:
                found[index].append(name)
        return found

    def _that_may_overwrite(self) -> set[str]:
        """Activations that are the only ones to read what they are given, where nothing else shares its memory."""
        readers: dict[str, int] = {}
        for operation in self.operations:
            for name in operation.inputs:
                readers[name] = readers.get(name, 0) + 1
        made = {operation.name: operation for operation in self.operations}
        kept = {*self.wanted, *_names_in(self.flow.output)}
        found = set()
        for operation in self.operations:
            if isinstance(operation, Pointwise) and operation.in_place is not None:
                source = operation.inputs[0]
                own = isinstance(made.get(source), (Convolution, Join, AveragePool)) and source in self.in_part
                if own and readers[source] == 1 and source not in kept:
                    found.add(operation.name)
        return found

    def _find_tail(self) -> None:
        """Where the operations begin that see no positions any more, such as the last linear ones of VGG.

        Their weights are large, and take as long to be read for one place as for many: so places are gathered for them.
        """
        parts = [index for index, operation in enumerate(self.operations) if operation.name in self.in_part]
        self._tail = max(parts, default=-1) + 1
        self._crossing_tail = self._crossing_at(self._tail)
        crossing = [self.clean[name] for name in self._crossing_tail]
        numbers = sum(getattr(operation, "numbers", 0) for operation in self.operations[self._tail :])
        gathers = all(isinstance(each, Tensor) and len(each) == 1 and each.numel() <= _CROSSING for each in crossing)
        if not gathers:
            self._tail = len(self.operations)
            self._crossing_tail = self._crossing_at(self._tail)
        self.gathered = _GATHERED if gathers and numbers > _HEAVY else 1

    def _crossing_at(self, index: int) -> list[str]:
        made = {PICTURE, *(operation.name for operation in self.operations[:index])}
        read = [*self.wanted, *_names_in(self.flow.output)]
        read += [name for operation in self.operations[index:] for name in operation.inputs]
        return [name for name in dict.fromkeys(read) if name in made]

    def _costs(self) -> None:
        """For each operation: positions, channels, multiply-adds and numbers read for one position, values that cross it."""
        count = len(self.operations)
        self._index = {operation.name: index for index, operation in enumerate(self.operations)}
        self._sizes = {name: tuple(value.shape[2:]) for name, value in self.clean.items() if _is_map(value)}
        self._cells, self._channels, self._work, self._read, self._convolved = (np.zeros(count) for _ in range(5))
        numbers = np.zeros(count)
        for index, operation in enumerate(self.operations):
            made = self.clean[operation.name]
            if not _is_map(made):
                continue
            numbers[index] = made.numel()
            self._cells[index], self._channels[index] = made.shape[2] * made.shape[3], made.shape[1]
            channels = sum(self.clean[name].shape[1] for name in operation.inputs if _is_map(self.clean[name]))
            if isinstance(operation, Local):
                self._work[index] = operation.work(made.shape[1])
                if isinstance(operation, Convolution):
                    self._convolved[index] = self._work[index]
                stride = operation.rows.stride * operation.columns.stride
                alone = operation.rows.extent == operation.columns.extent == 1
                self._read[index] = 0 if alone and stride == 1 else channels * stride
            else:
                self._work[index] = channels * COPY / 4
                self._read[index] = channels if isinstance(operation, Join) else 0
        self._work_whole = self._convolved * self._cells
        # What has to be made whole if from an operation on everything is whole: what is made before it and read from it on.
        self._crossing = np.zeros(count + 1)
        last = {name: index for index, names in enumerate(self._last_use) for name in names}
        for index, operation in enumerate(self.operations):
            self._crossing[index + 1 : last.get(operation.name, count) + 1] += numbers[index]
        self._crossing[: last.get(PICTURE, 0) + 1] += self.clean[PICTURE].numel()

    def _keep_what_is_read(self) -> None:
        """Let go of clean maps that no cut is ever made of."""
        read = {PICTURE, *self.wanted, *_names_in(self.flow.output)}
        for operation in self.operations:
            if operation.name in self.in_part:
                read |= {operation.name, *operation.inputs} if isinstance(operation, Join) else {*operation.inputs}
            else:
                read |= set(operation.inputs)
        self.clean = {name: value for name, value in self.clean.items() if name in read}

    @property
    def finite(self) -> bool:
        """Whether every clean value is a number."""
        tensors = [each for each in self.clean.values() if isinstance(each, Tensor) and each.is_floating_point()]
        return all(bool(torch.isfinite(each.sum(dtype=torch.float64))) for each in tensors)

    @property
    def memory(self) -> int:
        """Bytes that the clean maps take."""
        tensors = {id(each): each for each in self.clean.values() if isinstance(each, Tensor)}
        framed = {frame.padded.data_ptr(): frame.padded for frame in self._frames.values()}
        found = {each.data_ptr(): each for each in tensors.values()} | framed
        return sum(each.numel() * each.element_size() for each in found.values())


class _Prospect:
    """The places of some covers, and the plans that were made for them."""

    def __init__(self, program: Program, covers: Covers) -> None:
        self._reach = program.reach(covers.boxes)
        self._alignment = (covers.boxes[:, 0] % COARSEST) * COARSEST + covers.boxes[:, 1] % COARSEST
        self._high, self._wide = (program.extents(self._reach, axis, len(covers)) for axis in (0, 2))
        self._groupings = program.groupings(self._high, self._wide)
        self._plans: dict[int, Plan] = {}

    def plan(self, program: Program, count: int) -> Plan:
        """The cheapest for so many places."""
        index = program.cheapest(self._groupings, count)
        if index not in self._plans:
            label = self._groupings[index].label
            groups = [np.flatnonzero(label == each) for each in range(label.max() + 1)]
            kinds = [program.kind(self._high[:, one].max(1), self._wide[:, one].max(1)) for one in groups]
            self._plans[index] = Plan(self._reach, self._alignment, label, kinds)
        return self._plans[index]


def _first(value: Any, count: int, of: int) -> Any:
    return value[:count] if isinstance(value, Tensor) and value.ndim and len(value) == of else value


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4 and len(value) == 1 and value.numel() > 0


def _extent(reach: dict[str, Reach], name: str, axis: int, count: int) -> np.ndarray:
    """How many rows (axis 0) or columns (2) of a map are reached, (P,); 0 where it is not computed in part."""
    if name not in reach:
        return np.zeros(count, np.int64)
    extent: np.ndarray = reach[name][axis + 1] - reach[name][axis]
    return extent


def _needed(flow: Flow, wanted: Sequence[str]) -> list[Operation]:
    """The operations that what is returned, or wanted, is made of."""
    needed = {*wanted, *_names_in(flow.output)}
    found: list[Operation] = []
    for operation in reversed(flow.operations):
        if operation.name in needed:
            found.append(operation)
            needed.update(operation.inputs)
    return found[::-1]


def _names_in(output: Any) -> set[str]:
    found: set[str] = set()
    fx.node.map_aggregate(output, lambda each: found.add(str(each)) if isinstance(each, Name) else None)
    return found
