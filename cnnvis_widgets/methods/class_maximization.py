"""What a network takes a class to be: the picture that it scores highest for it."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.beginnings import Start
from ..engine.climbing import climbed
from ..engine.errors import TargetError
from ..engine.network import Network
from ..engine.objectives import Objective, Target
from ..engine.recipe import Recipe
from ..engine.steps import Steps
from ..engine.synthesis import Synthesis


def class_maximization(
    network: Network,
    target: Target | Sequence[Target],
    *,
    recipe: Recipe | str = "standard",
    size: int | tuple[int, int] | None = None,
    start: Start = None,
    seed: int | Sequence[int] = 0,
    batch: int = 8,
) -> Steps[Synthesis]:
    """Class maximization: pictures that raise the score of a class, before the softmax, as far as they can.

    Before the softmax, since a probability also rises by making the other classes unlikely.

    Parameters
    ----------
    network
        Whose class it is.
    target
        A class index or a label; several give one picture each.
    recipe
        As for `activation_maximization`. The paper has `Recipe(Pixels(), Transforms(), (L2(…),))`.
    size, start, seed, batch
        As for `activation_maximization`.

    Returns
    -------
    Steps of Synthesis
        The picture, float32 (C, H, W) in [0, 1] as an array; (N, C, H, W) where several classes are given.

    Raises
    ------
    TargetError
        If the network has no such class, or the objective is not about classes.
    AscentError
        If the recipe, size or start cannot be climbed with.

    References
    ----------
    Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
    ICLR 2014, section 2.
    """
    if isinstance(target, Objective) and not target.logits:
        msg = f"{target.name} reads a layer, not a class: use activation_maximization, or give a class index or label."
        raise TargetError(msg)
    return climbed(network, target, recipe, size=size, start=start, seed=seed, batch=batch, title="Class maximization")
