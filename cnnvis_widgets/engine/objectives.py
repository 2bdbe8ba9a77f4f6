"""What a question asks of a network: a number for each picture, out of a trace of its forward pass.

Objectives add, subtract and scale: `class_score(281) - class_score(282)`, `0.2 * channel("layer4", 3) + neuron(...)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_iou

from .errors import LayerError, TargetError, suggestion

if TYPE_CHECKING:
    from .network import Network
    from .trace import Trace

_ADDRESS = re.compile(r"(?P<layer>.+):(?P<channel>\d+)(?:@(?P<row>\d+),(?P<column>\d+))?")

Target: TypeAlias = "int | str | Objective | Callable[[Tensor], Tensor]"


@dataclass(frozen=True)
class Objective:
    """A number for each picture, read from a `Trace`.

    Parameters
    ----------
    score
        Trace -> Tensor (N,).
    layers
        The layers it reads, so that a trace knows what to keep.
    name
        How it is called in a legend.
    logits
        Whether it reads the network's output; if not, a forward pass may stop at the last of `layers`.
    each
        If it asks something else of every picture of a batch: the objective of each.
    classes
        The classes whose scores it reads, where it reads no others; None where that is not known.
    channels
        Likewise the channels of `layers`: pairs (layer, index).
    steady
        Whether its gradient at what it reads of them is the same, whatever it reads there: that of means and sums is.
    """

    score: Callable[[Trace], Tensor]
    layers: tuple[str, ...] = ()
    name: str = "objective"
    logits: bool = True
    each: tuple[Objective, ...] = ()
    classes: tuple[int | str, ...] | None = None
    channels: tuple[tuple[str, int], ...] | None = None
    steady: bool = False

    def of_picture(self, index: int) -> Objective:
        """What it asks of one picture of a batch, for copies of that picture."""
        return self.each[index] if self.each else self

    def __call__(self, trace: Trace) -> Tensor:
        """The score of each picture, (N,); in the graph where the trace is, under any gradient mode of the caller."""
        graph = bool(trace.wrt) or torch.is_grad_enabled()
        with torch.inference_mode(mode=False), torch.set_grad_enabled(graph):
            return self.score(trace)

    def __add__(self, other: Objective | float) -> Objective:
        """The sum, picture by picture."""
        return self.combined(other, torch.add, "+")

    def __sub__(self, other: Objective | float) -> Objective:
        """The difference, picture by picture."""
        return self.combined(other, torch.sub, "\N{MINUS SIGN}")

    def __mul__(self, factor: Objective | float) -> Objective:
        """The product, picture by picture."""
        return self.combined(factor, torch.mul, "\N{MULTIPLICATION SIGN}")

    def __neg__(self) -> Objective:
        """The objective turned round."""
        name, each = f"\N{MINUS SIGN}{self.name}", tuple(-one for one in self.each)
        return replace(self, score=lambda trace: -self(trace), name=name, each=each)

    def __radd__(self, other: float) -> Objective:
        """So that numbers and `sum` work."""
        return self + other

    def __rsub__(self, other: float) -> Objective:
        """A number less this."""
        return -self + other

    def __rmul__(self, factor: float) -> Objective:
        """A number times this."""
        return self * factor

    def combined(self, other: Objective | float, combine: Callable[..., Tensor], sign: str) -> Objective:
        """Both as one, by a function of two tensors (N,)."""
        if isinstance(other, Objective):
            second = other
            layers = tuple(dict.fromkeys(self.layers + second.layers))
            both = self.logits or second.logits
            count = max(len(self.each), len(second.each))
            each = tuple(self.of_picture(k).combined(second.of_picture(k), combine, sign) for k in range(count))
            name = f"({self.name} {sign} {second.name})"
            read = classes_read([self, second]), channels_read([self, second])
            steady = self.steady and second.steady and combine in (torch.add, torch.sub)
            return Objective(lambda trace: combine(self(trace), second(trace)), layers, name, both, each, *read, steady)
        if not isinstance(other, (int, float)):
            return NotImplemented
        each = tuple(one.combined(other, combine, sign) for one in self.each)
        name = f"({self.name} {sign} {other:g})"
        steady = self.steady and combine in (torch.add, torch.sub, torch.mul)
        return replace(self, score=lambda trace: combine(self(trace), other), name=name, each=each, steady=steady)


def classes_read(objectives: Sequence[Objective]) -> tuple[int | str, ...] | None:
    """The classes whose scores some objectives read together; None if one of them may read any."""
    found: dict[int | str, None] = {}
    for objective in objectives:
        if objective.logits and objective.classes is None:
            return None
        found.update(dict.fromkeys(objective.classes or ()))
    return tuple(found)


def channels_read(objectives: Sequence[Objective]) -> tuple[tuple[str, int], ...] | None:
    """The channels (layer, index) that some objectives read together; None if one of them may read any of a layer."""
    found: dict[tuple[str, int], None] = {}
    for objective in objectives:
        if objective.layers and objective.channels is None:
            return None
        found.update(dict.fromkeys(objective.channels or ()))
    return tuple(found)


def class_score(target: int | str | Sequence[int] | Tensor) -> Objective:
    """The score of a class before the softmax (Simonyan et al. 2014): an index, a label, or one index a picture."""

    def score(trace: Trace) -> Tensor:
        return _of_classes(trace, trace.logits, target)

    several = _one_a_picture(target)
    each = tuple(class_score(one) for one in several)
    read = tuple(dict.fromkeys(several)) or ((target,) if isinstance(target, (int, str)) else None)
    return Objective(score, name=f"score of {target}", each=each, classes=read)


def class_probability(target: int | str | Sequence[int] | Tensor) -> Objective:
    """The probability of a class, after the softmax."""

    def score(trace: Trace) -> Tensor:
        return _of_classes(trace, trace.logits.float().softmax(1), target)

    each = tuple(class_probability(one) for one in _one_a_picture(target))
    return Objective(score, name=f"probability of {target}", each=each)


def pixel_score(target: int | str, mask: np.ndarray | Tensor) -> Objective:
    """The mean score of a class over some pixels of a segmentation network's output.

    Parameters
    ----------
    target
        A class, by index or label.
    mask
        Which pixels, bool (H, W), or (N, H, W) with one mask a picture; at the resolution of the picture, or any other.

    References
    ----------
    Vinogradova et al., "Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation Mapping", AAAI 2020
    (there the sum over the pixels).
    """
    chosen = torch.as_tensor(np.asarray(mask)).bool()
    if chosen.ndim not in (2, 3) or not chosen.flatten(-2).any(-1).all():
        shape, empty = tuple(chosen.shape), "an empty mask" if chosen.ndim in (2, 3) else "no mask of pixels"
        msg = f"A pixel score needs a mask (H, W), or (N, H, W), with at least one pixel each; {shape} is {empty}."
        raise TargetError(msg)

    def score(trace: Trace) -> Tensor:
        logits = trace.logits
        if logits.ndim != 4:
            msg = f"{trace.network.name} gives scores {tuple(logits.shape)}, not one a pixel: use class_score."
            raise TargetError(msg)
        if chosen.ndim == 3 and len(chosen) != len(logits):
            msg = f"{len(logits)} pictures need {len(logits)} masks, one each, or a single one; {len(chosen)} were given."
            raise TargetError(msg)
        weights = _at_resolution(chosen if chosen.ndim == 3 else chosen[None], logits.shape[2:]).to(logits)
        return (logits[:, trace.network.class_index(target)] * weights).sum((1, 2)) / weights.sum((1, 2))

    each = tuple(pixel_score(target, one) for one in chosen) if chosen.ndim == 3 else ()
    return Objective(score, name=f"{target} at {int(chosen.sum())} pixels", each=each, classes=(target,))


def box_score(target: int | str, box: int | Sequence[float], *, overlap: float = 0.5) -> Objective:
    """The score that a detection network gives a class in a box.

    Parameters
    ----------
    target
        A class, by index or label.
    box
        Which of the detected boxes of the picture; or left, top, right and bottom in pixels of the picture: then the box of
        that class that overlaps it most counts, and if none does, the score is 0.
    overlap
        The least intersection over union that counts as the same box.
    """

    def score(trace: Trace) -> Tensor:
        if not isinstance(trace.output, list) or not all(isinstance(one, dict) for one in trace.output):
            msg = f"{trace.network.name} does not detect boxes: use class_score."
            raise TargetError(msg)
        return torch.stack([_box(found, trace.network.class_index(target), box, overlap) for found in trace.output])

    place = f"box {box}" if isinstance(box, int) else "the box " + ", ".join(f"{edge:.0f}" for edge in box)
    return Objective(score, name=f"{target} in {place}")


def channel(layer: str, index: int) -> Objective:
    """The mean activation of a channel over its positions."""

    def score(trace: Trace) -> Tensor:
        return _by_picture(_channel(trace, layer, index)).mean(1)

    return Objective(score, (layer,), f"{layer}:{index}", logits=False, channels=((layer, index),), steady=True)


def neuron(layer: str, index: int, row: int | None = None, column: int | None = None) -> Objective:
    """The activation of one position of a channel; by default the one in the middle."""

    def score(trace: Trace) -> Tensor:
        maps = _channel(trace, layer, index)
        if maps.ndim == 1:
            return maps
        maps = maps.reshape(len(maps), -1, maps.shape[-1])  # tokens are one row
        height, width = maps.shape[1:]
        r, c = height // 2 if row is None else row, width // 2 if column is None else column
        if not (-height <= r < height and -width <= c < width):
            msg = f"{layer} has rows 0–{height - 1} and columns 0–{width - 1} here; row {r}, column {c} is outside."
            raise LayerError(msg)
        return maps[:, r, c]

    place = "" if row is None and column is None else f"@{row},{column}"
    return Objective(score, (layer,), f"{layer}:{index}{place}", logits=False, channels=((layer, index),), steady=True)


def direction(layer: str, vector: Sequence[float] | np.ndarray | Tensor) -> Objective:
    """How far the mean activation of a layer points along a vector with one entry a channel."""

    def score(trace: Trace) -> Tensor:
        maps = trace.network.layer(layer).channels_first(trace[layer])
        along = torch.as_tensor(vector, dtype=maps.dtype, device=maps.device)
        if along.shape != maps.shape[1:2]:
            msg = f"{layer} has {maps.shape[1]} channels and the direction {tuple(along.shape)}: give one entry each."
            raise LayerError(msg)
        return maps.flatten(2).mean(2) @ along if maps.ndim > 2 else maps @ along

    return Objective(score, (layer,), f"direction in {layer}", logits=False)


def unit(address: str, network: Network) -> Objective:
    """The activation of a unit given by its address: `layer:channel` (at its strongest position) or `layer:channel@row,column`.

    Raises
    ------
    LayerError
        If this is no address, or there is no such unit.
    """
    found = _ADDRESS.fullmatch(address.strip())
    if not found:
        msg = f"{address!r} is no unit: write layer:channel or layer:channel@row,column, such as {network.last_spatial_layer}:0."
        raise LayerError(msg)
    layer, index = network.layer(found["layer"]).name, int(found["channel"])
    if found["row"] is not None:
        return replace(neuron(layer, index, int(found["row"]), int(found["column"])), name=address.strip())
    return replace(
        channel(layer, index),
        score=lambda trace: _by_picture(_channel(trace, layer, index)).max(1).values,
        name=address.strip(),
        steady=False,
    )


def unit_squared(address: str, network: Network) -> Objective:
    """Half the square of a unit's activation: its derivative is the activation itself, where a DeconvNet begins."""
    activation = unit(address, network)
    return replace(activation, score=lambda trace: activation(trace).clamp(min=0) ** 2 / 2, steady=False)


def top_class() -> Objective:
    """The score of the most probable class of each picture."""
    return Objective(lambda trace: _per_picture(trace.logits).amax(1), name="top class")


def as_objective(target: Target, network: Network) -> Objective:
    """A class index, a label, an `Objective`, or a function of the output (N, …) -> (N,), as an `Objective`.

    Raises
    ------
    TargetError
        If it is none of these, or there is no such class.
    """
    if isinstance(target, Objective):
        return target
    if isinstance(target, (int, str, np.integer)) and not isinstance(target, bool):
        index = network.class_index(target if isinstance(target, str) else int(target))
        return replace(class_score(index), name=network.class_name(index))
    if callable(target):
        return Objective(lambda trace: target(trace.output), name=getattr(target, "__name__", "objective"))
    msg = f"A target is a class index, a label, an Objective or a function of the output, not {type(target).__name__}."
    raise TargetError(msg)


@dataclass(frozen=True)
class Question:
    """An objective, and what it is called for each picture."""

    objective: Objective
    called: tuple[str, ...] | None = None

    def names(self, trace: Trace) -> tuple[str, ...]:
        """One name a picture."""
        if self.called is not None:
            return self.called
        best = _per_picture(trace.logits).argmax(1).tolist()
        return tuple(trace.network.class_name(index) for index in best)


def questions_for(target: Target | Sequence[Target] | Tensor | None, network: Network, count: int) -> list[Question]:
    """What a method is asked: one thing of all pictures, one of each, several of a single one, or the top class (None).

    Raises
    ------
    TargetError
        If there are not as many targets as pictures.
    """
    if target is None:
        return [Question(top_class())]
    if isinstance(target, (Tensor, np.ndarray)):
        target = target.tolist()  # one number, or a list
    if isinstance(target, (Objective, str)) or not isinstance(target, Sequence):
        objective = as_objective(target, network)
        return [Question(objective, (objective.name,) * count)]
    each = [as_objective(one, network) for one in target]
    if not each:
        msg = "The list of targets is empty: give a class index, a label, or one for each picture."
        raise TargetError(msg)
    if count == 1:
        return [Question(objective, (objective.name,)) for objective in each]
    if len(each) != count:
        msg = f"{count} pictures need {count} targets, one each, or a single one; {len(each)} were given."
        raise TargetError(msg)
    layers = tuple(dict.fromkeys(name for objective in each for name in objective.layers))

    def score(trace: Trace) -> Tensor:
        answers: dict[Objective, Tensor] = {objective: objective(trace) for objective in dict.fromkeys(each)}
        return torch.stack([answers[objective][picture] for picture, objective in enumerate(each)])

    logits = any(objective.logits for objective in each)
    together = Objective(score, layers, "targets", logits, tuple(each), classes_read(each), channels_read(each))
    return [Question(together, tuple(objective.name for objective in each))]


def one_by_one(
    target: Target | Sequence[Target] | Tensor | None, network: Network, images: Tensor
) -> list[tuple[int, Objective]]:
    """What `questions_for` asks, one picture at a time: (picture, objective for copies of it), several for one picture."""
    if target is None:
        best = _per_picture(network.trace(images).logits).argmax(1).tolist()
        return [(picture, as_objective(index, network)) for picture, index in enumerate(best)]
    questions = questions_for(target, network, len(images))
    if len(questions) > 1:
        return [(0, question.objective) for question in questions]
    objective, names = questions[0].objective, questions[0].called or ()
    if objective.each and len(objective.each) != len(images):
        msg = f"{len(images)} pictures need {len(images)} targets, one each, or a single one; {len(objective.each)} were given."
        raise TargetError(msg)
    return [(picture, replace(objective.of_picture(picture), name=names[picture])) for picture in range(len(images))]


def _per_picture(scores: Tensor) -> Tensor:
    """Scores (N, classes, …) as (N, classes): where each pixel has a score, their mean."""
    return scores.flatten(2).mean(2) if scores.ndim > 2 else scores


def _of_classes(trace: Trace, scores: Tensor, target: int | str | Sequence[int] | Tensor) -> Tensor:
    scores = _per_picture(scores)
    if isinstance(target, (int, str, np.integer)):
        return scores[:, trace.network.class_index(target)]
    each = target.tolist() if isinstance(target, (Tensor, np.ndarray)) else target
    if not isinstance(each, Sequence):
        return scores[:, trace.network.class_index(each)]
    if len(each) != len(scores):
        msg = f"{len(scores)} pictures need {len(scores)} targets, one each, or a single one; {len(each)} were given."
        raise TargetError(msg)
    indices = [trace.network.class_index(one) for one in each]
    return scores.gather(1, torch.tensor(indices, device=scores.device)[:, None])[:, 0]


def _one_a_picture(target: int | str | Sequence[int] | Tensor) -> Sequence[int]:
    """The entries of a target that has one a picture; none for a single one."""
    each = target.tolist() if isinstance(target, (Tensor, np.ndarray)) else target
    return each if isinstance(each, Sequence) and not isinstance(each, str) else ()


def _at_resolution(masks: Tensor, size: Sequence[int]) -> Tensor:
    """Masks (N, H, W) at another size: the share of each cell that is covered, or the nearest cell if none would be half covered."""
    if masks.shape[1:] == torch.Size(size):
        return masks.float()
    shares = functional.interpolate(masks[:, None].float(), size=tuple(size), mode="area")[:, 0]
    return torch.where((shares > 0.5).flatten(1).any(1)[:, None, None], (shares > 0.5).float(), shares)


def _box(found: dict[str, Tensor], index: int, box: int | Sequence[float], overlap: float) -> Tensor:
    """The score of a class in one picture's detections."""
    scores, labels, boxes = found["scores"], found["labels"], found["boxes"]
    if isinstance(box, int):
        if not -len(scores) <= box < len(scores):
            msg = f"There are {len(scores)} boxes in this picture, so there is no box {box}: choose one of them."
            raise TargetError(msg)
        return scores[box] if int(labels[box]) == index else scores[box] * 0
    wanted = torch.as_tensor(box, dtype=boxes.dtype, device=boxes.device)
    if wanted.shape != (4,):
        msg = f"A box is left, top, right and bottom in pixels; {tuple(box)} has {wanted.numel()} numbers."
        raise TargetError(msg)
    shared = box_iou(boxes.detach(), wanted[None])[:, 0] * (labels == index) if len(boxes) else scores
    if not len(boxes) or shared.max() < overlap:
        return scores.sum() * 0
    return scores[shared.argmax()]


def _channel(trace: Trace, layer: str, index: int) -> Tensor:
    maps = trace.network.layer(layer).channels_first(trace[layer])
    if maps.ndim < 2 or not isinstance(index, (int, np.integer)) or not -maps.shape[1] <= index < maps.shape[1]:
        count = maps.shape[1] if maps.ndim > 1 else 0
        msg = f"{layer} has channels 0–{count - 1}; {index!r} is not one of them."
        raise LayerError(msg)
    return maps[:, index]


def _by_picture(maps: Tensor) -> Tensor:
    """One row a picture, also where a layer has no positions."""
    return maps.reshape(len(maps), -1)


def class_lookup(target: int | str, labels: Sequence[str], count: int | None) -> int:
    """The index of a class given by index or label; negative indices count from the end.

    Raises
    ------
    TargetError
        With the nearest labels, or with the range of indices.
    """
    if isinstance(target, str):
        folded = [label.lower() for label in labels]
        if target.lower() in folded:
            return folded.index(target.lower())
        if not labels:
            msg = f"The network has no labels, so {target!r} cannot be looked up: give an index, or labels=[...]."
        else:
            msg = f"No class is called {target!r}. {suggestion(target, labels)}"
        raise TargetError(msg)
    total = count or len(labels) or None
    if total is not None and not -total <= int(target) < total:
        msg = f"The network has {total} classes, 0–{total - 1}; {target} is not one of them."
        raise TargetError(msg)
    return int(target) + total if total is not None and target < 0 else int(target)
