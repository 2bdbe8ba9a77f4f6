"""Pictures of one unit that are kept unlike each other, and that still are pictures of the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ..engine.objectives import Objective, channel

if TYPE_CHECKING:
    from ..engine.trace import Trace


def kept_apart(layer: str, index: int, worth: float) -> Objective:
    """A unit's response; for all pictures of a batch but the first, also how unlike the others they are.

    Being unlike is worth a share of what a picture makes the unit answer at that moment, so a picture that does not show the unit yet
    is asked for nothing else. With a weight that is fixed, one picture of a batch can pay for the others: it leaves the unit silent,
    where its response has no gradient, and is pushed about by what makes it unlike. Each picture moves by its own unlikeness only,
    and the first, which is there already, not at all.

    Parameters
    ----------
    worth
        What it is worth to have nothing in common with the others, as a multiple of the response.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, section "Diversity".
    """
    one = channel(layer, index)

    def score(trace: Trace) -> Tensor:
        response = one(trace)
        share = worth * response.detach().clamp_min(0)
        share[0] = 0
        return response - share * _likeness(trace, layer)

    return Objective(score, (layer,), f"{one.name}, kept apart", logits=False)


def _likeness(trace: Trace, layer: str) -> Tensor:
    """(N,): the mean cosine between a picture's Gram matrix and those of the others, which stand still."""
    maps = trace.network.layer(layer).channels_first(trace[layer])
    maps = maps.reshape(*maps.shape[:2], -1)
    grams = functional.normalize((maps @ maps.transpose(1, 2)).flatten(1), dim=1)
    cosines = grams @ grams.detach().T
    others = 1 - torch.eye(len(cosines)).to(cosines)
    return (cosines * others).sum(1) / max(1, len(cosines) - 1)
