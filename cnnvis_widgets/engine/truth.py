"""Scenes as a network sees them: the picture, the mask at the size of that picture, and the true class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import EvaluationError, ImageError
from .images import decode
from .network import Network


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of one scene.

    Attributes
    ----------
    picture : Tensor
        (1, C, H, W) in [0, 1].
    mask : ndarray
        bool (H, W), True where the thing is, scaled and cropped as the picture was.
    label : int or str
        The true class.
    name : str
        The class in words.
    about : str
        Which scene it is, for a sentence: "scene 3 (fox)".
    """

    picture: Tensor
    mask: np.ndarray
    label: int | str
    name: str
    about: str

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.mask.shape[0], self.mask.shape[1]


class Truths(Sequence[Truth]):
    """A lazy sequence: a scene is read when it is asked for."""

    def __init__(self, scenes: Sequence[Any], network: Network) -> None:
        self._scenes = scenes
        self._network = network

    def __len__(self) -> int:
        return len(self._scenes)

    def __getitem__(self, index: Any) -> Any:
        """One scene, or a sequence of those in a slice."""
        if isinstance(index, slice):
            return Truths(self._scenes[index], self._network)
        return _truth(self._scenes[index], index, self._network)


def truths_of(scenes: Iterable[Any], network: Network) -> Truths:
    """Scenes as the network sees them; each is read once now, so that a wrong one is found before the work begins.

    Raises
    ------
    EvaluationError
        If there are none, or one has no picture, mask or label.
    ImageError
        If a mask is empty or does not fit its picture.
    """
    listed = scenes if isinstance(scenes, Sequence) else list(scenes)
    truths = Truths(listed, network)
    if not len(truths):
        msg = "There are no scenes to measure on: try cw.scenes(12)."
        raise EvaluationError(msg)
    for _ in truths:
        pass
    return truths


def _truth(scene: Any, index: int, network: Network) -> Truth:
    name = str(getattr(scene, "name", "") or "")
    about = f"scene {index + 1}" + (f" ({name})" if name else "")
    missing = [what for what in ("image", "mask", "label") if getattr(scene, what, None) is None]
    if missing:
        msg = (
            f"{about.capitalize()} has no {missing[0]}: a scene has image, mask, label and name, as those of cw.scenes."
        )
        raise EvaluationError(msg)
    picture = network.read(scene.image)
    if len(picture) != 1:
        msg = (
            f"{about.capitalize()} holds {len(picture)} pictures, and a scene is one: give them as scenes of their own."
        )
        raise ImageError(msg)
    return Truth(picture, mask_as_seen(scene.mask, scene.image, picture, about, network), scene.label, name, about)


def mask_as_seen(mask: Any, image: Any, picture: Tensor, about: str, network: Network) -> np.ndarray:
    """A mask scaled and cropped as its picture was: bool (H, W).

    Parameters
    ----------
    mask
        (H, W) of the size of `image`; in floats, more than 0.5 counts.
    image
        The picture as it was given.
    picture
        As the network sees it, (1, C, H, W).
    about
        Whose mask it is, for a sentence.

    Raises
    ------
    ImageError
        If it has another size than the picture, or is empty, as it is or once it is cropped.
    """
    given = np.asarray(mask)
    given = given > 0.5 if given.dtype.kind == "f" else given.astype(bool)
    size = _size(image, picture)
    if given.shape != size:
        shape = " × ".join(map(str, given.shape))
        msg = f"The mask of {about} is {shape} and its picture {size[0]} × {size[1]}: give both the same size."
        raise ImageError(msg)
    if not given.any():
        msg = f"The mask of {about} is empty, so nothing can lie inside it: give another mask, or leave the scene out."
        raise ImageError(msg)
    if given.shape == tuple(picture.shape[2:]):
        return given
    field = torch.from_numpy(given.astype(np.float32))[None, None]
    seen: np.ndarray = (replace(network.preprocess, channels=None).fit(field)[0, 0] > 0.5).cpu().numpy()
    if not seen.any():
        msg = f"The mask of {about} is empty where the network looks, once its picture is cropped: leave the scene out."
        raise ImageError(msg)
    return seen


def _size(image: Any, picture: Tensor) -> tuple[int, int]:
    """(height, width) of a picture as it was given."""
    as_it_is = getattr(image, "shape", None) == picture.shape
    height, width = (picture if as_it_is else decode(image)).shape[-2:]
    return int(height), int(width)
