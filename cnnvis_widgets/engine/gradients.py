"""The derivative of an objective with respect to the pixels, for every way of asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .errors import GradientError
from .images import ImageLike, to_uint8
from .network import Network
from .objectives import Objective, Target, questions_for
from .rectifier import Rule
from .results import Heatmap
from .trace import IMAGE, Trace

_PIXELS_AT_ONCE = 4 * 224 * 224
_NAMES = {"guided": "Guided backprop", "deconvnet": "DeconvNet"}


@dataclass(frozen=True)
class ImageGradient:
    """The derivative of one number for each picture with respect to its pixels.

    Attributes
    ----------
    values : Tensor
        (N, C, H, W), signed, with respect to pixels in [0, 1].
    images : Tensor
        (N, C, H, W) in [0, 1].
    targets : tuple of str
        What was asked, one a picture.
    relus : int or None
        How many ReLUs a rule was applied to.
    notes : tuple of str
        Facts for a caption.
    """

    values: Tensor
    images: Tensor
    targets: tuple[str, ...]
    relus: int | None
    notes: tuple[str, ...] = ()

    def heatmap(self, method: str, channels: Tensor, values: Tensor) -> Heatmap:
        """A result: what each input channel has, (N, C, H, W), and what each position has, (N, H, W)."""
        return Heatmap(
            as_array(values),
            to_uint8(self.images),
            method,
            targets=self.targets,
            notes=self.notes,
            channels=as_array(channels),
            relus=self.relus,
        )


def image_gradient(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    target: Target | Sequence[Target] | Tensor | None = None,
    *,
    rectify: Rule | None = None,
) -> ImageGradient:
    """The gradient of a target with respect to the pixels, one for each picture or each of several targets of one picture.

    Raises
    ------
    GradientError
        If a rule for ReLUs was asked for and the network computes none.
    """
    images = network.read(images)
    questions = questions_for(target, network, len(images))
    trace, scores = network.ask(images, *(question.objective for question in questions), wrt=IMAGE, rectify=rectify)
    notes = _checked(trace)
    found = [trace.gradient(score, IMAGE, retain_graph=score is not scores[-1]) for score in scores]
    names = tuple(name for question in questions for name in question.names(trace))
    shown = images.detach() if len(images) > 1 else images.detach().expand(len(names), -1, -1, -1)
    relus = None if trace.rectifier is None else trace.rectifier.count
    return ImageGradient(torch.cat(found), shown, names, relus, notes)


def gradient_of(network: Network, images: Tensor, objective: Objective) -> Tensor:
    """The gradient of one objective with respect to a batch (N, C, H, W); nothing is looked up twice."""
    trace, (score,) = network.ask(images, objective, wrt=IMAGE)
    return trace.gradient(score, IMAGE)


def score_of(network: Network, images: Tensor, objective: Objective) -> Tensor:
    """The score of each picture, float32 (N,), without gradient."""
    return network.ask(images, objective)[1][0].detach().float()


def fitting_batch(images: Tensor, most: int) -> int:
    """How many pictures are best computed at once, at most `most`.

    On a CPU, activations of larger batches fall out of the caches and their memory is asked of the system anew each time: four
    pictures of 224 × 224 pixels take less time each than eight or sixteen.
    """
    if images.device.type != "cpu":
        return most
    return max(1, min(most, _PIXELS_AT_ONCE // (images.shape[2] * images.shape[3])))


def as_array(values: Tensor) -> np.ndarray:
    """Float32, on the CPU, contiguous."""
    return values.detach().float().cpu().contiguous().numpy()


def refuse_without_relu(network: Network, rule: Rule) -> GradientError:
    """Why a rule for ReLUs says nothing here."""
    return GradientError(
        f"{network.name} computes no ReLU on the way from the pixels, so {_NAMES[rule]} would be the plain gradient under "
        "another name: use saliency, or a network with ReLUs."
    )


def _checked(trace: Trace) -> tuple[str, ...]:
    rectifier = trace.rectifier
    if rectifier is None:
        return ()
    if not rectifier.count:
        # What was asked may lie before the first ReLU: then there is nothing to rectify, and that is right.
        whole = trace.network.trace(trace.images[:1].detach(), wrt=IMAGE, rectify=rectifier.rule)
        if whole.rectifier is None or not whole.rectifier.count:
            raise refuse_without_relu(trace.network, rectifier.rule)
        return ("No ReLU stands before it.",)
    notes = [f"{rectifier.count} ReLUs passed their gradient back by the rule."]
    if rectifier.others:
        notes.append(f"{', '.join(rectifier.others)} passed back their own gradient.")
    return tuple(notes)
