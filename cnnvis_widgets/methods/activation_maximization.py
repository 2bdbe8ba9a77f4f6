"""What a unit looks for: a picture is painted, from noise, so that the unit responds as strongly as it can."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.beginnings import Start
from ..engine.climbing import climbed
from ..engine.network import Network
from ..engine.objectives import Target
from ..engine.recipe import Recipe
from ..engine.steps import Steps
from ..engine.synthesis import Synthesis


def activation_maximization(
    network: Network,
    objective: Target | Sequence[Target],
    *,
    recipe: Recipe | str = "standard",
    size: int | tuple[int, int] | None = None,
    start: Start = None,
    seed: int | Sequence[int] = 0,
    batch: int = 8,
) -> Steps[Synthesis]:
    """Activation maximization: pictures that raise an objective as far as they can.

    Parameters
    ----------
    network
        Whose unit it is.
    objective
        `channel(layer, index)`, `neuron(…)`, `direction(…)`, a class by index or label (its score before the softmax), any
        `Objective` and arithmetic on them; or several, one picture each.
    recipe
        How: a `Recipe`, or the name of one ("standard", "plain", "pixels", "smooth", "octaves", "laplacian", "maco").
    size
        Height and width of the pictures in pixels, or their side; by default that of the network, 128 if it has none.
    start
        None: noise. "gray", or a picture or one for each objective.
    seed
        Of noise and transforms, for all pictures or one for each.
    batch
        So many pictures are climbed together.

    Returns
    -------
    Steps of Synthesis
        The picture, float32 (C, H, W) in [0, 1] as an array; (N, C, H, W) where several objectives are given. Every step can be shown.

    Raises
    ------
    AscentError
        If the recipe, size or start cannot be climbed with.
    LayerError, TargetError
        If the network has no such layer, channel or class.

    Notes
    -----
    A picture does not depend on its company in a batch, up to rounding.

    References
    ----------
    Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009. Olah, Mordvintsev and Schubert, "Feature Visualization",
    Distill 2017.
    """
    return climbed(network, objective, recipe, size=size, start=start, seed=seed, batch=batch, title="Activation maximization")
