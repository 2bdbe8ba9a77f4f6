"""What a layer still knows of a picture: another picture is painted that looks the same to it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from ..engine.beginnings import Start
from ..engine.climbing import climbed
from ..engine.feature_objectives import activation_match
from ..engine.images import ImageLike
from ..engine.inversion import Inversion, Kept
from ..engine.network import Network
from ..engine.recipe import Adam, Recipe
from ..engine.regularizers import TotalVariation
from ..engine.steps import Step, Steps
from ..engine.synthesis import Synthesis
from ..engine.transforms import NONE

#: The smoothest of the pictures that look alike to a layer: total variation, no transforms.
INVERSION = Recipe(transforms=NONE, regularizers=(TotalVariation(1.0),), optimizer=Adam(0.05), steps=256)


def feature_inversion(
    network: Network,
    image: ImageLike,
    layer: str | None = None,
    *,
    recipe: Recipe | str = INVERSION,
    start: Start = None,
    seed: int = 0,
) -> Steps[Inversion]:
    """Feature inversion: the picture, found from noise, whose activations in a layer are those of a given one.

    What the layer has lost (color, place, detail) comes out as the regularizers like it best.

    Parameters
    ----------
    network
        Whose layer it is.
    image
        Anything `Network.read` takes; one picture, fitted to the network's size.
    layer
        Which; by default the last one that knows where things are.
    recipe
        How. Regularizers are weighed against the error, which is about 1 at the beginning; transforms are best left out, since what
        is moved does not fit, and padding is refused.
    start
        None: noise. "gray", or a picture.
    seed
        Of the noise.

    Returns
    -------
    Steps of Inversion
        The picture, float32 (C, H, W) in [0, 1] as an array. `error` is the squared distance of its activations from those of the
        image, in units of their own square.

    Raises
    ------
    LayerError
        If there is no such layer, or its maps change their size with the recipe's padding.
    AscentError
        If the recipe cannot be climbed with.

    References
    ----------
    Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015.
    """
    kept = Kept.of(network, image, layer)
    objective = replace(activation_match(kept.layer, kept.activations), name=kept.layer)
    found = climbed(
        network, objective, recipe, size=kept.size, start=start, seed=seed, batch=1, title="Feature inversion"
    )
    return Steps(_inversions(found), len(found))


def _inversions(steps: Steps[Synthesis]) -> Generator[Step[Inversion], None, None]:
    with steps:
        for step in steps:
            yield Step(step.done, step.total, Inversion.from_synthesis(step.result))
