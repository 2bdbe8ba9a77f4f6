"""What each picture is asked, and what the network answers: the probability of a class, or the value of an objective."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import EvaluationError, TargetError
from .localization import marked
from .network import Network
from .objectives import Objective, Target, as_objective
from .perturbation import Fill, even_counts, filled, partly_filled, pixel_order

#: A class index, answered with its probability, or an objective, answered with its value.
Asked: TypeAlias = "int | Objective"


def asked(
    target: Target | Sequence[Target] | Tensor | None, network: Network, images: Tensor, count: int | None = None
) -> list[Asked]:
    """What is asked of each picture; of a single picture, several things.

    Parameters
    ----------
    target
        As for every method. None is the class that is most probable now: a picture that is changed afterwards is still
        asked about that one.
    count
        How many answers are wanted of a single picture.

    Raises
    ------
    TargetError
        If there is no such class, or not one target a picture.
    """
    number = max(len(images), count or 1)
    if target is None:
        best = network.predict(images).probabilities.argmax(1).tolist()
        return best if len(best) == number else best * number
    if isinstance(target, (Tensor, np.ndarray)):
        target = target.tolist()
    if isinstance(target, (Objective, str)) or not isinstance(target, Sequence):
        single = _question(target, network)
        return [single.of_picture(k) if isinstance(single, Objective) else single for k in range(number)]
    each = [_question(one, network) for one in target]
    if len(each) != number and (len(images) > 1 or count is not None or not each):
        msg = f"{number} pictures need {number} targets, one each, or a single one; {len(each)} were given."
        raise TargetError(msg)
    return each


def answers(network: Network, images: Tensor, question: Asked) -> np.ndarray:
    """One answer a picture, float64 (N,), from one forward pass without gradient."""
    if isinstance(question, Objective):
        trace = network.trace(images, *question.layers, logits=question.logits or not question.layers)
        return question(trace).detach().cpu().double().numpy()
    return network.predictions(network.trace(images)).probabilities[:, question].astype(np.float64)


def answers_on_the_way(
    network: Network, picture: Tensor, values: np.ndarray, question: Asked, *, fill: Fill, steps: int, insert: bool
) -> np.ndarray:
    """The answers while a picture (1, C, H, W) comes back or is taken away in the order of a map: float64 (steps + 1,)."""
    size = (picture.shape[2], picture.shape[3])
    other = filled(picture, fill)
    first, last = (other, picture) if insert else (picture, other)
    counts = even_counts(size[0] * size[1], steps)
    batches = partly_filled(first, last, pixel_order(values, size), counts)
    return np.concatenate([answers(network, batch, question) for batch in batches])


def answers_around_masking(
    network: Network, picture: Tensor, values: np.ndarray, question: Asked
) -> tuple[float, float]:
    """The answers to a picture (1, C, H, W), and to what a map leaves of it."""
    weight = torch.from_numpy(marked(values, (picture.shape[2], picture.shape[3]))).float().to(picture)
    before, after = answers(network, torch.cat([picture, picture * weight]), question).tolist()
    return before, after


def name_of_question(question: Asked, network: Network) -> str:
    """What is asked, in words."""
    return question.name if isinstance(question, Objective) else network.class_name(question)


def name_of_answer(questions: Iterable[Asked]) -> str:
    """What the answers are, for an axis."""
    kinds = {isinstance(question, Objective) for question in questions}
    return " / ".join(("probability of the class", "value of the objective")[kind] for kind in sorted(kinds))


def paired(images: Tensor, maps: np.ndarray) -> Tensor:
    """One picture for each map; a single picture serves them all.

    Raises
    ------
    EvaluationError
        If there are neither as many pictures as maps, nor one.
    """
    if len(images) == len(maps):
        return images
    if len(images) == 1:
        return images.expand(len(maps), -1, -1, -1)
    msg = f"{len(maps)} maps need {len(maps)} pictures, one each, or a single one; {len(images)} were given."
    raise EvaluationError(msg)


def _question(target: Target, network: Network) -> Asked:
    if isinstance(target, (int, str, np.integer)) and not isinstance(target, bool):
        return network.class_index(target if isinstance(target, str) else int(target))
    return as_objective(target, network)
