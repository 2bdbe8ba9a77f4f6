"""How a picture becomes a network's input: channels, size, normalization. It travels with the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from .errors import ImageError, ModelError
from .images import MAX_PIXELS

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode L


@dataclass(frozen=True)
class Preprocess:
    """What is done to a picture before the network sees it.

    Parameters
    ----------
    channels
        How many channels the network takes; None: found from its first convolution.
    size
        (height, width) in pixels of the center crop; None: any size, left as it is.
    resize
        Shorter side in pixels before the crop; None: straight to `size`.
    mean, std
        Normalization `(x - mean) / std` of values in [0, 1], one number a channel; empty: none.
    normalization
        A differentiable function of (N, C, H, W) in place of `mean` and `std`.
    """

    channels: int | None = None
    size: tuple[int, int] | None = None
    resize: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    normalization: Callable[[Tensor], Tensor] | None = None
    interpolation: InterpolationMode = InterpolationMode.BILINEAR

    @classmethod
    def of(cls, given: Any) -> Preprocess:
        """From None, a `Preprocess`, a torchvision preset or `Compose`, or a normalizing function."""
        if given is None:
            return cls()
        if isinstance(given, cls):
            return given
        if hasattr(given, "transforms"):
            return _from_compose(given.transforms)
        if hasattr(given, "mean") and hasattr(given, "std"):
            return _from_preset(given)
        if type(given).__name__ == "ObjectDetection":
            return cls(channels=3)
        if callable(given):
            return cls(normalization=given)
        msg = (
            f"preprocess is a Preprocess, a torchvision transform or a function of (N, C, H, W); "
            f"{type(given).__name__} is none of these."
        )
        raise ModelError(msg)

    def fit(self, image: Tensor) -> Tensor:
        """Bring (1, C, H, W) in [0, 1] to the network's channels and size."""
        image = _with_channels(image, self.channels)
        if self.size is None:
            return image
        target = list(self.size)
        if self.resize is not None:
            target = _shorter_side(image.shape[-2:], self.resize)
            if target[0] * target[1] > MAX_PIXELS:
                msg = f"A picture of {image.shape[-2]}×{image.shape[-1]} is too thin to be fitted: crop it first."
                raise ImageError(msg)
        if list(image.shape[-2:]) != target:
            image = F.resize(image, target, self.interpolation, antialias=True).clamp(0, 1)
        return F.center_crop(image, list(self.size)) if target != list(self.size) else image

    def normalize(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [0, 1] as the network wants it: differentiable, channels_last, and never the tensor given.

        The model, or a `normalization` of the user's own, may write into it.
        """
        if not self.mean:
            images = images.clone()
        if self.normalization is not None:
            images = self.normalization(images)
        if self.mean:
            scale, shift = _affine(self.mean, self.std, images.device, images.dtype)
            images = (images * scale).add_(shift)  # before the change of layout: twice as fast as after it
        return images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images

    def back(self, gradient: Tensor) -> Tensor:
        """The gradient of pictures, given that of what `normalize` made of them; not where that is a function of the user's own."""
        if not self.mean:
            return gradient
        scale, _ = _affine(self.mean, self.std, gradient.device, gradient.dtype)
        return gradient * scale

    def neutral(self, like: Tensor) -> Tensor:
        """The color that normalization sends to 0, (1, C, 1, 1) in [0, 1]: what "nothing there" is to the network; else black."""
        values = self.mean or (0.0,) * like.shape[1]
        return like.new_tensor(values).view(1, -1, 1, 1).expand(1, like.shape[1], 1, 1)


@lru_cache(maxsize=16)
def _affine(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Scale and shift, (1, C, 1, 1), that together normalize."""
    with torch.inference_mode(mode=False):
        mean_, std_ = (torch.tensor(each, device=device, dtype=torch.float64).view(1, -1, 1, 1) for each in (mean, std))
        return (1 / std_).to(dtype), (-mean_ / std_).to(dtype)


def _from_preset(preset: Any) -> Preprocess:
    crop = _pair(getattr(preset, "crop_size", None))
    resize = _single(getattr(preset, "resize_size", None))
    return Preprocess(
        channels=len(preset.mean),
        size=crop or (None if resize is None else (resize, resize)),
        resize=resize if crop else None,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=getattr(preset, "interpolation", InterpolationMode.BILINEAR),
    )


def _from_compose(steps: Sequence[Any]) -> Preprocess:
    """Read a `Compose` of Resize, CenterCrop, Grayscale and Normalize; tensor conversions happen anyway."""
    found = Preprocess()
    for step in steps:
        kind = type(step).__name__
        if kind == "Resize":
            pair = _pair(step.size)
            fixed = not isinstance(step.size, int) and len(step.size) == 2
            side = None if fixed else _single(step.size)
            found = replace(found, size=pair, resize=side, interpolation=step.interpolation)
        elif kind == "CenterCrop":
            found = replace(found, size=_pair(step.size))
        elif kind == "Grayscale":
            found = replace(found, channels=step.num_output_channels)
        elif kind == "Normalize":
            found = replace(found, mean=tuple(map(float, step.mean)), std=tuple(map(float, step.std)))
        elif kind not in ("ToTensor", "ToImage", "ToDtype", "PILToTensor", "ConvertImageDtype"):
            msg = f"The transform {kind} is not understood here: use Resize, CenterCrop, Grayscale and Normalize."
            raise ModelError(msg)
    return found


def _pair(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    if isinstance(size, int):
        return size, size
    return (int(size[0]), int(size[-1]))


def _single(size: int | Sequence[int] | None) -> int | None:
    return None if size is None else int(size if isinstance(size, int) else size[0])


def _shorter_side(shape: Sequence[int], side: int) -> list[int]:
    height, width = shape
    shorter = min(height, width)
    return [max(side, int(side * height / shorter)), max(side, int(side * width / shorter))]


def _with_channels(image: Tensor, channels: int | None) -> Tensor:
    have = image.shape[1]
    if channels is None or have == channels:
        return image
    if have == 4 and channels in (1, 3):  # an array with transparency, laid on white
        image, have = image[:, :3] * image[:, 3:] + 1 - image[:, 3:], 3
        if channels == 3:
            return image
    if channels == 3 and have == 1:
        return image.expand(-1, 3, -1, -1)
    if channels == 1 and have == 3:
        return (image * image.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    msg = (
        f"The network takes {channels} channels and the picture has {have}: "
        f"give an array or tensor of shape ({channels}, H, W)."
    )
    raise ImageError(msg)
