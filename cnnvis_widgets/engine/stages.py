"""The way back through a network as a film: one stage for each operation that is undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from .colormaps import colorize
from .images import encode_png
from .pictures import contact_sheet

Deed: TypeAlias = Literal[
    "start", "rectify", "filter", "unpool", "scale", "spread", "sum", "split", "reshape", "derivative"
]


@dataclass(frozen=True, eq=False)
class Stage:
    """One operation undone.

    Attributes
    ----------
    layer : str
        Whose operation; "" for one outside of every module.
    deed : str
        "start" (where the signal begins), "rectify", "filter" (transposed), "unpool" (by switches), "scale" (BatchNorm),
        "spread" (averages), "sum" (each summand gets the signal), "split" (a concatenation), "reshape", or "derivative"
        (any other operation, by its own derivative).
    text : str
        What happens, in a line.
    before : ndarray
        float32 (C, h, w), the signal that arrives; vectors are (C, 1, 1).
    signal : ndarray
        float32 (C, h, w), the signal that leaves, towards the picture.
    switches : ndarray or None
        int32 (C, rows, columns): for each pooling window the place of its strongest activation, row × width + column in the plane
        that `signal` has.
    """

    layer: str
    deed: Deed
    text: str
    before: np.ndarray
    signal: np.ndarray
    switches: np.ndarray | None = None

    @property
    def zeros(self) -> float:
        """Share of the signal that is exactly 0, in [0, 1]."""
        return float((self.signal == 0).mean())

    @property
    def strength(self) -> np.ndarray:
        """The largest size over channels, float32 (h, w)."""
        return np.abs(self.signal).max(0)

    def __repr__(self) -> str:
        return f"Stage({self.layer or 'function'}: {self.deed}, {' × '.join(map(str, self.signal.shape))})"


@dataclass(frozen=True, eq=False)
class Stages(Sequence[Stage]):
    """All stages from a class or a unit back to the picture.

    Attributes
    ----------
    stages : tuple of Stage
        In the order of computing.
    values : ndarray
        float32 (C, H, W), what arrives at the picture.
    target : str
        Where it began.
    image : ndarray
        uint8 (H, W, 3).
    relus : int
        How many rectifiers were on the way.
    """

    stages: tuple[Stage, ...]
    values: np.ndarray
    target: str
    image: np.ndarray
    relus: int

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.stages)

    @overload
    def __getitem__(self, index: int) -> Stage: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Stage]: ...
    def __getitem__(self, index: int | slice) -> Stage | Sequence[Stage]:
        return self.stages[index]

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __repr__(self) -> str:
        return f"Stages({self.target}: {len(self)} stages, {self.relus} rectifiers)"

    def _repr_png_(self) -> bytes:
        """The strength of up to 32 stages, root scale, each on its own."""
        shown = [stage for stage in self.stages if stage.signal.shape[1] > 1][:32]
        return encode_png(contact_sheet([_tile(stage.strength) for stage in shown] or [_tile(np.zeros((1, 1)))], 8, 6))


def _tile(strength: np.ndarray, side: int = 112) -> np.ndarray:
    rows = (np.arange(side) * strength.shape[0] // side).clip(0, strength.shape[0] - 1)
    columns = (np.arange(side) * strength.shape[1] // side).clip(0, strength.shape[1] - 1)
    root = np.sqrt(strength)[np.ix_(rows, columns)]
    return colorize(root, 0, float(root.max(initial=0)) or 1.0, "tide")
