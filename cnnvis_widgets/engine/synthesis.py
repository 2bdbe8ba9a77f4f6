"""What an ascent comes to: pictures that were painted by a network's own wishes, and how its response grew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .beginnings import resized
from .curves import Curves
from .images import encode_png
from .pictures import contact_sheet
from .recipe import Recipe

if TYPE_CHECKING:
    from .ascent import Ascent

_SHOWN = 224  # height of a picture in a notebook, about


@dataclass(frozen=True, eq=False)
class Synthesis:
    """Synthesized pictures, one for each objective.

    Attributes
    ----------
    images : ndarray
        float32 (N, C, H, W) in [0, 1].
    scores : ndarray
        float32 (N,): the objectives of the pictures as they are; of partial results, as they were transformed at the last step.
    history : ndarray
        float32 (steps, N): the objectives at each step, of the pictures as they were transformed then.
    names : tuple of str
        What each was made for.
    title : str
        By what.
    notes : tuple of str
        For each picture why nothing came of it, or "".
    alpha : ndarray or None
        float32 (N, H, W) in [0, 1]: opacity, if the recipe has one.
    importance : ndarray or None
        float32 (N, H, W) in [0, 1]: how much each pixel mattered on the way (MaCo).
    recipe : Recipe or None
        How they were made.
    single : bool
        Whether one picture was asked for: then the result as an array is (C, H, W).
    """

    images: np.ndarray
    scores: np.ndarray
    history: np.ndarray
    names: tuple[str, ...]
    title: str = "Activation maximization"
    notes: tuple[str, ...] = ()
    alpha: np.ndarray | None = None
    importance: np.ndarray | None = None
    recipe: Recipe | None = None
    single: bool = False

    @classmethod
    def of(
        cls, ascent: Ascent, title: str = "Activation maximization", *, measured: bool = False, single: bool = False
    ) -> Synthesis:
        """What an ascent has come to by now; with scores `measured` on the pictures as they are, else those of the last step."""
        importance = _whole(ascent.importance, ascent.size)
        alpha = _whole(ascent.opacities, ascent.size)
        return cls(
            resized(ascent.pictures, ascent.size).float().cpu().numpy(),
            (ascent.measure() if measured else ascent.scores).numpy(),
            ascent.history,
            ascent.names,
            title,
            tuple(ascent.notes),
            alpha,
            None if importance is None else importance / np.maximum(importance.max((1, 2), keepdims=True), 1e-12),
            ascent.recipe,
            single,
        )

    @classmethod
    def together(cls, parts: list[Synthesis], *, single: bool = False) -> Synthesis:
        """Several of one size as one; histories that ended early stay as they were at their end."""
        first = parts[0]
        steps = max(len(part.history) for part in parts)
        return cls(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([_lasting(part.history, steps) for part in parts], 1),
            tuple(name for part in parts for name in part.names),
            first.title,
            tuple(note for part in parts for note in part.notes),
            _joined([part.alpha for part in parts]),
            _joined([part.importance for part in parts]),
            first.recipe,
            single,
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        values = self.images[0] if self.single else self.images
        return np.array(values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count, _, height, width = self.images.shape
        about = ", ".join(f"{name} {score:.3g}" for name, score in zip(self.names[:3], self.scores[:3], strict=False))
        return f"Synthesis({self.title}, {count} × {height} × {width}, {about})"

    @property
    def curve(self) -> Curves:
        """The objectives over the steps, one curve a picture."""
        steps = np.arange(1, len(self.history) + 1, dtype=np.float64)
        return Curves(self.history.T.copy(), steps, self.names, self.title, "step", "response")

    def display(self, index: int = 0, *, ground: float = 1.0) -> np.ndarray:
        """One picture in color, uint8 (H, W, 3); with opacity it lies on a ground of that gray, 1 is white."""
        picture = np.moveaxis(self.images[index], 0, -1)
        shown = picture if picture.shape[-1] == 3 else np.repeat(picture[..., :1], 3, -1)
        if self.alpha is not None:
            opacity = self.alpha[index][..., None]
            shown = shown * opacity + ground * (1 - opacity)
        return (np.nan_to_num(shown).clip(0, 1) * 255).round().astype(np.uint8)

    def _repr_png_(self) -> bytes:
        scale = max(1, _SHOWN // max(self.images.shape[2:]))
        tiles = [self.display(index).repeat(scale, 0).repeat(scale, 1) for index in range(min(len(self), 16))]
        return encode_png(contact_sheet(tiles, columns=min(4, len(tiles)), gap=8))


def _whole(values: Tensor | None, size: tuple[int, int]) -> np.ndarray | None:
    """Values (N, h, w) at the size that pictures come to after the last octave."""
    return None if values is None else resized(values[:, None], size)[:, 0].float().cpu().numpy()


def _lasting(history: np.ndarray, steps: int) -> np.ndarray:
    missing = steps - len(history)
    return history if not missing else np.concatenate([history, np.repeat(history[-1:], missing, 0)])


def _joined(parts: list[np.ndarray | None]) -> np.ndarray | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None
