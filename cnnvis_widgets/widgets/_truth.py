"""Pictures of which it is known where the thing is: what a user may give, and the truth as the network sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..engine.network import Network

#: How many scenes are drawn where none are given, and from which seed: the demo network never saw these.
SCENES, SCENES_SEED = 12, 7


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of a picture.

    Attributes
    ----------
    mask : ndarray or None
        bool (H, W) at the size the network sees: where the thing is. None: not known.
    label : int or None
        The class of the thing. None: not known.
    name, background : str
        In words; may be empty.
    """

    mask: np.ndarray | None = None
    label: int | None = None
    name: str = ""
    background: str = ""

    def packed(self) -> dict[str, Any]:
        """As the page takes it: the mask as bits, row by row."""
        mask = np.zeros((0, 0), bool) if self.mask is None else self.mask
        return {
            "label": -1 if self.label is None else self.label,
            "background": self.background,
            "height": mask.shape[0],
            "width": mask.shape[1],
            "mask": np.packbits(mask).tobytes(),
        }


def listed(given: Any, network: Network) -> list[Any]:
    """The pictures and scenes in what a user gave; the package's own scenes for the network that learned them."""
    if given is None:
        return _own_scenes(network)
    if isinstance(given, (str, bytes)) or _is_pair(given) or _is_scene(given) or hasattr(given, "read"):
        return [given]
    if getattr(given, "ndim", 0) == 4:
        return [given[index : index + 1] for index in range(len(given))]
    if isinstance(given, Iterable) and not hasattr(given, "ndim"):
        return list(given)
    return [given]


def _own_scenes(network: Network) -> list[Any]:
    from ..engine.scenes import SCENE_CLASSES, scenes

    return list(scenes(SCENES, seed=SCENES_SEED)) if tuple(network.labels) == SCENE_CLASSES else []


def parts(item: Any, network: Network) -> tuple[Any, Truth]:
    """A picture and what is known of it.

    Raises
    ------
    ImageError
        If the mask has another size than the picture, or nothing is in it.
    TargetError
        If the network has no such class.
    """
    if _is_scene(item):
        label, name = getattr(item, "label", None), str(getattr(item, "name", "") or "")
        return item.image, _truth(
            item.image, item.mask, label, name, str(getattr(item, "background", "") or ""), network
        )
    if isinstance(item, (tuple, list)) and 2 <= len(item) <= 3:
        picture, mask, label = (*item, None)[:3]
        return picture, _truth(picture, mask, label, "", "", network)
    return item, Truth()


def _is_scene(item: Any) -> bool:
    return hasattr(item, "image") and hasattr(item, "mask")


def _is_pair(item: Any) -> bool:
    """Whether a tuple is one picture with its mask, and not several pictures."""
    return isinstance(item, tuple) and 2 <= len(item) <= 3 and getattr(item[1], "ndim", 0) == 2


def _truth(picture: Any, mask: Any, label: Any, name: str, background: str, network: Network) -> Truth:
    index = None if label is None else network.class_index(int(label) if isinstance(label, np.integer) else label)
    called = name or (network.class_name(index) if index is not None else "")
    fitted = None if mask is None else _fitted(picture, mask, called, network)
    return Truth(fitted, index, called, background)


def _fitted(picture: Any, mask: Any, name: str, network: Network) -> np.ndarray:
    """The mask scaled and cropped as the picture is: bool (H, W)."""
    from ..engine.truth import mask_as_seen

    return mask_as_seen(_bits(mask), picture, network.read(picture), name or "a scene", network)


def _bits(mask: Any) -> np.ndarray:
    """A mask that may also be a picture in a file, as bool (H, W)."""
    from ..engine.images import decode

    if getattr(mask, "ndim", 0) == 2:
        array = np.asarray(mask)
        if array.dtype.kind in "iu" and array.size and array.max() <= 1:
            mask = array.astype(bool)  # whole numbers 0 and 1 are no and yes
    bits: np.ndarray = (decode(mask).mean(1)[0] > 0.5).cpu().numpy()
    return bits
