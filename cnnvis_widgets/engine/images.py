"""The one place where pixels enter: decode, check, fit, and turn back into files.

Inside the package a picture is a float tensor (1, C, H, W) in [0, 1].
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .errors import ImageError

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | np.ndarray | Tensor"

#: Pictures with more pixels than this are refused before they are decoded.
MAX_PIXELS = 89_000_000

_LONGEST_SHOWN = 200  # characters of a path in a message

# Formats whose decoders are plain raster readers; anything else Pillow knows (EPS runs Ghostscript) stays shut.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # JPEG includes MPO
_opening = threading.Lock()  # warnings.catch_warnings is not thread-safe


def decode(source: ImageLike) -> Tensor:
    """Read one picture.

    Parameters
    ----------
    source
        A path, the bytes of a file, a Pillow image, an array or a tensor. Arrays are (H, W), (H, W, C) or (C, H, W);
        uint8 in 0–255, uint16 in 0–65535, bool, or float in [0, 1].

    Returns
    -------
    Tensor
        Float (1, C, H, W) in [0, 1]; C is 1 for gray files and 3 for color files, and as given for arrays.

    Raises
    ------
    ImageError
        If it is missing, broken, truncated, too large, empty, not finite, or outside [0, 1].
    """
    if isinstance(source, Tensor):
        return from_array(_as_array(source))
    if isinstance(source, np.ndarray):
        return from_array(source)
    if isinstance(source, Image.Image):
        return _decode_picture(lambda: source, "this Pillow image")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _decode_file(io.BytesIO(bytes(source)), f"these {len(source):,} bytes")
    if isinstance(source, (str, os.PathLike)):
        return _decode_file(*_open_path(os.fspath(source)))
    msg = f"A picture is a path, bytes, a Pillow image, an array or a tensor; {type(source).__name__} is none of these."
    raise ImageError(msg)


def from_array(array: np.ndarray, *, channels_last: bool | None = None) -> Tensor:
    """An array (H, W), (H, W, C), (C, H, W) or (1, C, H, W) as float (1, C, H, W) in [0, 1].

    Where the channels are is judged by the sizes, unless `channels_last` says it.
    """
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim not in (2, 3) or 0 in array.shape:
        msg = f"An array of shape {array.shape} is no picture: give (H, W), (H, W, C) or (C, H, W), none of them 0."
        raise ImageError(msg)
    if array.ndim == 2:
        array = array[None]
    elif _channels_last(array.shape) if channels_last is None else channels_last:
        array = np.moveaxis(array, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(_unit_range(array)))[None]


def to_uint8(images: Tensor) -> np.ndarray:
    """Float (..., C, H, W) in [0, 1] as uint8 (..., H, W, 3): what a person is shown.

    One channel becomes gray; of more than three channels, the first three are shown.
    """
    images = images.detach().float().cpu()
    channels = images.shape[-3]
    if channels != 3:
        shown = [0, 0, 0] if channels == 1 else [0, 1, min(2, channels - 1)]
        images = images[..., shown, :, :]
    scaled = (images * 255).add_(0.5).clamp_(0, 255).to(torch.uint8)
    return scaled.movedim(-3, -1).numpy()


def encode_png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W), (H, W, 3) or (H, W, 4) as the bytes of a PNG file."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", compress_level=4)
    return out.getvalue()


def encode_picture(image: Tensor) -> bytes:
    """The smaller of PNG (exact) and JPEG (quality 92) of a picture, for showing."""
    pixels = to_uint8(image[0] if image.ndim == 4 else image)
    if pixels.shape[0] * pixels.shape[1] <= 128 * 128:
        return encode_png(pixels)
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()


def name_of(source: object, index: int) -> str:
    """The file name of a picture, or `picture 1`."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    filename = getattr(source, "filename", "")
    return Path(filename).name if isinstance(filename, str) and filename else f"picture {index + 1}"


def _open_path(path: str) -> tuple[io.BytesIO, str]:
    if path.startswith(("http://", "https://")):
        msg = f"{path!r} is an address: download the picture first, then give its path or its bytes."
        raise ImageError(msg)
    file = Path(os.path.expanduser(path))  # noqa: PTH111 (Path.expanduser raises for a user who does not exist)
    if not os.path.exists(file):  # noqa: PTH110 (Path.exists raises for a name that is too long)
        if len(path) > _LONGEST_SHOWN:
            path = path[:_LONGEST_SHOWN] + "…"
        msg = f"There is no file {path!r} (looked in {Path.cwd()}): check the path."
        raise ImageError(msg)
    if file.is_dir():
        msg = f"{path!r} is a folder: give one picture, or a list of them."
        raise ImageError(msg)
    try:
        return io.BytesIO(file.read_bytes()), repr(file.name)
    except OSError as error:
        msg = f"{path!r} cannot be read ({error.strerror}): check its permissions."
        raise ImageError(msg) from error


def _decode_file(file: io.BytesIO, what: str) -> Tensor:
    return _decode_picture(lambda: Image.open(file, formats=_FORMATS), what)


def _decode_picture(opened: Callable[[], Image.Image], what: str) -> Tensor:
    """Pixels are read only after the size was checked. Broken files make Pillow raise nearly anything."""
    try:
        with _opening, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = opened()
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombWarning
            pixels = _flatten(_upright(image))
        return from_array(pixels, channels_last=True)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        msg = f"{what} is larger than {MAX_PIXELS // 1_000_000} megapixels: scale it down before loading it."
    except UnidentifiedImageError:
        msg = f"{what} is no picture in a known format: give PNG, JPEG, WebP, BMP, GIF or TIFF."
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001
        msg = f"{what} is broken or cut short ({str(error) or type(error).__name__}): save or download it again."
    raise ImageError(msg)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF tag says; of an animation, the frame it is at: the first of a file."""
    return ImageOps.exif_transpose(image)


def _flatten(image: Image.Image) -> np.ndarray:
    """Any Pillow mode as an array: gray stays gray, transparency is laid on white, 16 bits stay 16 bits."""
    if image.width == 0 or image.height == 0:
        msg = "The picture has no pixels: both sides must be at least 1."
        raise ImageError(msg)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "I":
        return _deep_gray(np.asarray(image))
    if image.mode == "F":
        return np.asarray(image)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        color = image.convert("RGBA")
        paper = Image.new("RGBA", color.size, "white")
        return np.asarray(Image.alpha_composite(paper, color).convert("L" if image.mode == "LA" else "RGB"))
    return np.asarray(image.convert("L" if image.mode in ("L", "1") else "RGB"))


def _deep_gray(array: np.ndarray) -> np.ndarray:
    """Pillow's 32-bit integer mode holds 16-bit files; values beyond 16 bits have no agreed white."""
    if array.min() < 0 or array.max() > 65535:
        msg = f"32-bit pixels from {array.min()} to {array.max()} have no agreed white: scale them to [0, 1] first."
        raise ImageError(msg)
    return array.astype(np.uint16)


def _channels_last(shape: Sequence[int]) -> bool:
    """(H, W, C) unless only the first axis can be the channels: the smaller of the two ends, color counts first."""
    first, last = shape[0], shape[-1]
    if last in (1, 3, 4) and first not in (1, 3):
        return True
    return last < first and first not in (1, 3)


def _as_array(tensor: Tensor) -> np.ndarray:
    """NumPy has no bfloat16."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy(force=True)


def _unit_range(array: np.ndarray[Any, Any]) -> np.ndarray:
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    if array.dtype == np.uint16:
        return array.astype(np.float32) / 65535
    if array.dtype == bool:
        return array.astype(np.float32)
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return array.astype(np.float32) / 255
    if array.dtype.kind != "f":
        msg = f"Pixels of type {array.dtype} are not understood: give uint8 in 0–255 or float in [0, 1]."
        raise ImageError(msg)
    if not np.isfinite(array).all():
        msg = "The picture holds NaN or infinite values: replace them before looking at it."
        raise ImageError(msg)
    low, high = float(array.min()), float(array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        msg = f"Values run from {low:.3g} to {high:.3g}; give float in [0, 1] or uint8 (normalization happens inside)."
        raise ImageError(msg)
    return array.astype(np.float32).clip(0, 1)
