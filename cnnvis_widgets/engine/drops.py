"""What is left of an answer when only what a map marks is left of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .svg import element


@dataclass(frozen=True, eq=False)
class Drops:
    """Answers before and after pictures were masked by their maps.

    Attributes
    ----------
    before, after : ndarray
        float64 (N,): what the network says of the picture, and of the masked one.
    names : tuple of str
        What was asked, one a picture.
    """

    before: np.ndarray
    after: np.ndarray
    names: tuple[str, ...] = ()

    @property
    def drop(self) -> np.ndarray:
        """The share that is lost, float64 (N,), in [0, 1] for probabilities; 0 where the answer grew."""
        lost = np.maximum(0, self.before - self.after)
        return np.divide(lost, np.abs(self.before), out=np.zeros_like(lost), where=self.before != 0)

    @property
    def increase(self) -> np.ndarray:
        """Whether the answer grew, bool (N,)."""
        grew: np.ndarray = self.after > self.before
        return grew

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.drop, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.before)

    def __repr__(self) -> str:
        return f"Drops({len(self)} pictures, mean drop {self.drop.mean():.1%}, increase in {self.increase.mean():.0%})"

    def _repr_html_(self) -> str:
        head = element("tr", *(element("th", text) for text in ("asked", "before", "after", "drop")))
        names = self.names or ("",) * len(self)
        rows = [
            element(
                "tr",
                element("td", name, style="text-align:left"),
                *(element("td", f"{share:.3f}") for share in (before, after)),
                element("td", f"{drop:.1%}"),
            )
            for name, before, after, drop in zip(names, self.before, self.after, self.drop, strict=True)
        ]
        return element("table", element("thead", head), element("tbody", *rows[:16]))
