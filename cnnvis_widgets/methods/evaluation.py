"""Is an explanation right? Measures of heatmaps against the network, against the truth, and against destroyed weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from torch import Tensor

from ..engine.curves import Curves
from ..engine.drops import Drops
from ..engine.errors import EvaluationError
from ..engine.explaining import Explanation, explain, explain_all, largest_change, name_of, near
from ..engine.images import ImageLike
from ..engine.localization import hit, maps_of, masks_for, share_inside
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.perturbation import Fill
from ..engine.randomization import redraw, separate, similarity, weights_from_the_output
from ..engine.results import Heatmap
from ..engine.scoring import answers_around_masking, answers_on_the_way, asked, name_of_answer, name_of_question, paired

_Targets: TypeAlias = "Target | Sequence[Target] | Tensor | None"


def insertion(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    heatmap: Heatmap | np.ndarray,
    target: _Targets = None,
    *,
    steps: int = 32,
    fill: Fill = "blur",
) -> Curves:
    """What the network says while a picture comes back, its strongest places first.

    If the map is right, a few places suffice: the curve rises early and its area is large.

    Parameters
    ----------
    network
        The network that is explained.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    heatmap
        One map a picture, or several for a single one; of any resolution, drawn out bilinearly. Its raw order is followed,
        so negative places come last. Equal places come in the order of a fixed random map, so a constant map is worth as
        much as that one. What is not a number counts as the map's smallest value.
    target
        What the network is asked: as for every method. By default the most probable class of each whole picture.
    steps
        In how many equal parts the pixels come back.
    fill
        What stands for pixels that are not there: "blur", "gray", "mean", "black", "white", "noise", or a picture
        (C, H, W) or (H, W, C).

    Returns
    -------
    Curves
        `values` (N, steps + 1): the probability of the class, or the value of the objective, over the share of pixels that
        are there. `auc` is the insertion score.

    Raises
    ------
    TargetError, ImageError
        If there is no such class or fill.
    EvaluationError
        If there is not one map a picture.

    References
    ----------
    Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.
    """
    return _swept(network, images, heatmap, target, steps, fill, insert=True)


def deletion(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    heatmap: Heatmap | np.ndarray,
    target: _Targets = None,
    *,
    steps: int = 32,
    fill: Fill = "gray",
) -> Curves:
    """What the network says while a picture is taken away, its strongest places first.

    If the map is right, the curve falls early and its area is small. The parameters are those of `insertion`.

    Returns
    -------
    Curves
        `values` (N, steps + 1) over the share of pixels that are gone. `auc` is the deletion score.

    Raises
    ------
    TargetError, ImageError
        If there is no such class or fill.
    EvaluationError
        If there is not one map a picture.

    References
    ----------
    Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.
    """
    return _swept(network, images, heatmap, target, steps, fill, insert=False)


def pointing_game(heatmap: Heatmap | np.ndarray, masks: Any, *, tolerance: float = 0) -> np.ndarray:
    """Whether the strongest place of each map lies on the thing.

    Parameters
    ----------
    heatmap
        (N, h, w). Only its positive part counts. The strongest place is the center of the cell with the largest value; where
        several cells share it, all of them have to lie on the thing. So a map that is the same everywhere, and one that is
        nowhere positive, points nowhere and misses.
    masks
        (N, H, W) bool at the resolution of the pictures, or one (H, W) for all: True where the thing is.
    tolerance
        How far from the mask a place may lie, in pixels; the paper gives 15.

    Returns
    -------
    ndarray
        bool (N,).

    Raises
    ------
    ImageError
        If a mask is empty, or has another size than the pictures.

    References
    ----------
    Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016.
    """
    values, truths = maps_of(heatmap), masks_for(heatmap, masks)
    return np.array([hit(field, mask, tolerance) for field, mask in zip(values, truths, strict=True)], bool)


def mask_overlap(heatmap: Heatmap | np.ndarray, masks: Any) -> np.ndarray:
    """The share of each map's energy, the sum of its positive part, that lies on the thing.

    Parameters
    ----------
    heatmap
        (N, h, w). Negative values and what is not a number count as 0; then the map is drawn out bilinearly.
    masks
        (N, H, W) bool at the resolution of the pictures, or one (H, W) for all: True where the thing is.

    Returns
    -------
    ndarray
        float64 (N,), in [0, 1]; 0 for a map that is nowhere positive. A constant map gets the share of the mask.

    Raises
    ------
    ImageError
        If a mask is empty, or has another size than the pictures.

    References
    ----------
    Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", CVPR workshops 2020
    (the energy-based pointing game).
    """
    values, truths = maps_of(heatmap), masks_for(heatmap, masks)
    return np.array([share_inside(field, mask) for field, mask in zip(values, truths, strict=True)])


def max_sensitivity(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    method: Explanation,
    target: _Targets = None,
    *,
    radius: float = 0.02,
    samples: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """How much a map changes at most when its picture changes too little to be seen.

    Parameters
    ----------
    network
        The network that is explained.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    method
        A function of (network, images, target): any method of this package, or your own.
    target
        What the method is asked. By default the most probable class of each picture as it was given.
    radius
        Of the uniform noise, in units of [0, 1]; noisy pictures are kept in [0, 1].
    samples
        How many noisy copies.
    seed
        Of the noise.

    Returns
    -------
    ndarray
        float64 (N,): the largest distance from the map of the picture, divided by that map's length. NaN for a map of
        zeros, whose change has no measure.

    Raises
    ------
    TargetError
        If there is no such class.
    EvaluationError
        If the method gives something other than one map a picture.

    References
    ----------
    Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019.
    """
    pictures = network.read(images)
    found = []
    for picture, question in zip(pictures.split(1), asked(target, network, pictures, len(pictures)), strict=True):
        intact = explain(method, network, picture, question)[0]
        others = explain_all(method, network, near(picture, radius, samples, seed), question)
        found.append(largest_change(intact, others))
    return np.array(found)


def randomization_check(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    method: Explanation,
    target: _Targets = None,
    *,
    how: Literal["cascading", "independent"] = "cascading",
    seed: int = 0,
) -> Curves:
    """How much of a map is left when the network's weights are drawn anew.

    A map that does not change when what the network learned is destroyed explains nothing about it, however convincing it
    looks. An edge detector scores 1 at every layer.

    Parameters
    ----------
    network
        The network that is explained. Copies of it are changed, never itself.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    method
        A function of (network, images, target): any method of this package, or your own.
    target
        What the method is asked. By default the class that is most probable for the network as it is.
    how
        "cascading": the layers are drawn anew one after the other, from the output to the input, and stay so.
        "independent": one layer at a time, all others as they were.
    seed
        Of the new weights.

    Returns
    -------
    Curves
        `values` (N, layers): Spearman's rank correlation between the strengths (signs left out) of the map and of the intact
        network's map, over the layers from the output down (`x_names`). Maps that are the same everywhere have no
        ranks: two such maps count as equal (1), one as unlike any other (0).

    Raises
    ------
    TargetError
        If there is no such class.
    ModelError
        If the network cannot be copied, or has no weights.
    EvaluationError
        If the method gives something other than one map a picture, or `how` is neither of the two.

    Notes
    -----
    Weights are drawn by each module's own `reset_parameters`, as when it was built; where there is none, they are shuffled.
    A convolution and the norms that follow it are one layer.

    References
    ----------
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    if how not in ("cascading", "independent"):
        msg = f"how is 'cascading' or 'independent', not {how!r}."
        raise EvaluationError(msg)
    pictures = network.read(images)
    questions = asked(target, network, pictures, len(pictures))
    layers = weights_from_the_output(network)

    def maps(of: Network) -> list[np.ndarray]:
        pairs = zip(pictures.split(1), questions, strict=True)
        return [explain(method, of, picture, question)[0] for picture, question in pairs]

    intact, changed, found = maps(network), separate(network), []
    for layer in layers:
        if how == "independent":
            changed = separate(network)
        redraw(changed, layer, seed)
        found.append([similarity(before, after) for before, after in zip(intact, maps(changed), strict=True)])
    return Curves(
        np.array(found, np.float32).T,
        np.arange(1.0, len(layers) + 1),
        tuple(f"{name_of(method)}, {name_of_question(question, network)}" for question in questions),
        f"Weights drawn anew, {how}",
        "layers, from the output to the input",
        "rank correlation with the map of the intact network",
        tuple(layer.name for layer in layers),
    )


def average_drop(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    heatmap: Heatmap | np.ndarray,
    target: _Targets = None,
) -> Drops:
    """What the network loses when only what the map marks is left of the picture, and all else is black.

    Parameters
    ----------
    network
        The network that is explained.
    images
        (N, C, H, W) float in [0, 1], or anything `Network.read` takes.
    heatmap
        One map a picture, or several for a single one. Its positive part is drawn out to the picture and scaled from its
        smallest value, 0, to its largest, 1. A map that is the same everywhere marks nothing, and leaves a black picture.
    target
        What the network is asked: as for every method. By default the most probable class of each whole picture.

    Returns
    -------
    Drops
        `drop` (N,), the share of the probability that is lost; `increase` (N,), whether it grew instead.

    Raises
    ------
    TargetError
        If there is no such class.
    EvaluationError
        If there is not one map a picture.

    References
    ----------
    Chattopadhyay et al., "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
    WACV 2018.
    """
    given, values = network.read(images), maps_of(heatmap)
    questions = asked(target, network, given, len(values))
    pictures, before, after = paired(given, values), [], []
    for picture, field, question in zip(pictures.split(1), values, questions, strict=True):
        whole, masked = answers_around_masking(network, picture, field, question)
        before.append(whole)
        after.append(masked)
    names = tuple(name_of_question(question, network) for question in questions)
    return Drops(np.array(before), np.array(after), names)


def _swept(
    network: Network,
    images: ImageLike | Sequence[ImageLike],
    heatmap: Heatmap | np.ndarray,
    target: _Targets,
    steps: int,
    fill: Fill,
    *,
    insert: bool,
) -> Curves:
    given, values = network.read(images), maps_of(heatmap)
    questions = asked(target, network, given, len(values))
    asked_of_each = zip(paired(given, values).split(1), values, questions, strict=True)
    curves = [
        answers_on_the_way(network, picture, field, question, fill=fill, steps=steps, insert=insert)
        for picture, field, question in asked_of_each
    ]
    kind = getattr(heatmap, "method", "")
    names = (name_of_question(question, network) for question in questions)
    there = "there" if insert else "gone"
    return Curves(
        np.array(curves, np.float32),
        np.linspace(0, 1, steps + 1),
        tuple(f"{kind}, {name}" if kind else name for name in names),
        "Insertion" if insert else "Deletion",
        f"share of the pixels that are {there}",
        name_of_answer(questions),
        notes=(f"Pixels that are not there: {fill if isinstance(fill, str) else 'a picture that was given'}.",),
    )
