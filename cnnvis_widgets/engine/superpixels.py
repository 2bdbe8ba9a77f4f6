"""Cutting a picture along its own edges, into pieces that can be covered one by one."""

from __future__ import annotations

import numpy as np

from .errors import ImageError
from .images import ImageLike, decode


def superpixels(image: ImageLike, count: int = 60, *, compactness: float = 10.0) -> np.ndarray:
    """Connected pieces of about equal size and like color, by SLIC of scikit-image.

    Parameters
    ----------
    image
        One picture. For `occlusion(network, …, regions=…)` give it as the network takes it: `network.read(picture)`.
    count
        About how many pieces.
    compactness
        How much closeness in place counts against likeness in color: larger makes the pieces squarer.

    Returns
    -------
    ndarray
        int64 (height, width), 0 … pieces − 1.

    Raises
    ------
    ImageError
        If scikit-image is not installed, the picture cannot be read, or there cannot be so many pieces.

    References
    ----------
    Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", PAMI 2012.
    """
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        msg = "Superpixels need scikit-image, which is not installed: pip install scikit-image, or give regions of your own."
        raise ImageError(msg) from error
    pixels = decode(image)[0].numpy()
    most = pixels.shape[1] * pixels.shape[2]
    if isinstance(count, bool) or int(count) != count or not 1 <= count <= most:
        msg = f"count is {count}: a picture of {pixels.shape[1]} × {pixels.shape[2]} pixels has 1 to {most} pieces, such as 60."
        raise ImageError(msg)
    if not compactness > 0:
        msg = f"compactness is {compactness}: give a number above 0, such as 10."
        raise ImageError(msg)
    found = slic(pixels, n_segments=int(count), compactness=compactness, start_label=0, channel_axis=0)
    labels: np.ndarray = found.astype(np.int64)
    return labels
