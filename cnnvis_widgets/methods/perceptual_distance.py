"""How far two pictures look apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..engine.errors import ImageError
from ..engine.images import ImageLike
from ..engine.perception import Backbone, Distances, Kind, measured, perception_of
from ..engine.plain_numbers import whole


def perceptual_distance(
    images: ImageLike | Sequence[ImageLike],
    others: ImageLike | Sequence[ImageLike],
    *,
    backbone: Backbone = None,
    kind: Kind | None = None,
    batch: int = 16,
) -> Distances:
    """How far pictures look apart to a network, closer to what people say than the difference of pixels.

    Parameters
    ----------
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes; each keeps its size, and all have one.
    others
        As many, or a single one that all are compared with; of the same size.
    backbone
        By whose features: a `Network`, a module, or the name of a torchvision model. Nothing is downloaded but for a name. By
        default the network that comes with this package.
    kind
        "lpips", or "features" for a plain distance of features; by default LPIPS where it can be had (see Notes).
    batch
        How many pictures at once.

    Returns
    -------
    Distances
        (N,), with the name of the measure and what each layer adds.

    Raises
    ------
    ImageError
        If pictures cannot be read, differ in size or number.
    ModelError
        If LPIPS is asked for and cannot be had, or the network has no layer with positions.

    Notes
    -----
    **LPIPS** compares the features of AlexNet, VGG-16 or SqueezeNet 1.1 at every position, scaled to length 1, and weights the squared
    differences by what people said of pairs of pictures. It takes the package `lpips` (`pip install 'cnnvis-widgets[lpips]'`), which
    brings these weights, and one of the three networks as `backbone`, with weights learned from ImageNet.

    The **deep-feature distance** does the same with up to six layers of any network and no learned weights: the mean over layers and
    positions of the squared difference, in [0, 4]. It is what the network by itself takes for alike, and is calibrated by nobody.

    References
    ----------
    Zhang, Isola, Efros, Shechtman & Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
    """
    if whole(batch) < 1:
        msg = f"batch is {batch!r}: give how many pictures are looked at together, at least 1."
        raise ImageError(msg)
    batch = whole(batch)
    perception = perception_of(backbone, kind)
    first, second = perception.read(images), perception.read(others)
    if len(second) not in (1, len(first)):
        msg = f"{len(first)} pictures are to be compared with {len(second)}: give as many, or a single one."
        raise ImageError(msg)
    if len(second) == 1:
        reference = perception.reference(second)
        return measured(perception, torch.cat([reference.parts(some) for some in first.split(batch)]))
    pairs = zip(first.split(batch), second.split(batch), strict=True)
    return measured(perception, torch.cat([perception.reference(other).parts(some) for some, other in pairs]))
