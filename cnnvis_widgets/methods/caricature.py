"""What a layer sees in a picture, exaggerated: another picture is painted that has it all, only more so."""

from __future__ import annotations

from dataclasses import replace

from ..engine.beginnings import Start
from ..engine.climbing import climbed
from ..engine.errors import AscentError
from ..engine.feature_objectives import activation_match
from ..engine.images import ImageLike
from ..engine.inversion import Kept
from ..engine.network import Network
from ..engine.plain_numbers import number
from ..engine.recipe import Recipe
from ..engine.steps import Steps
from ..engine.synthesis import Synthesis
from ..engine.transforms import Transforms

#: A picture that is moved a little at each step, so that what is exaggerated are shapes; not so far that places no longer fit.
CARICATURE = Recipe(transforms=Transforms(jitter=8, scale=(0.97, 1.03), rotate=2), steps=256)


def caricature(
    network: Network,
    image: ImageLike,
    layer: str | None = None,
    *,
    power: float = 1.0,
    recipe: Recipe | str = CARICATURE,
    start: Start = None,
    seed: int = 0,
) -> Steps[Synthesis]:
    """Caricature: a picture, painted from noise, whose activations in a layer point as those of the image do, as strong as can be.

    Parameters
    ----------
    network
        Whose layer it is.
    image
        Anything `Network.read` takes; one picture, fitted to the network's size.
    layer
        Which; by default the last one that knows where things are.
    power
        The mean product of both activations is climbed, times their cosine to this power: 0 lets the strongest features take over,
        a larger power keeps their proportions.
    recipe
        How; small transforms only, since what is moved far does not fit, and padding is refused.
    start
        None: noise. "gray", or a picture.
    seed
        Of noise and transforms.

    Returns
    -------
    Steps of Synthesis
        The picture, float32 (C, H, W) in [0, 1] as an array.

    Raises
    ------
    LayerError
        If there is no such layer, or its maps change their size with the recipe's padding.
    AscentError
        If the recipe cannot be climbed with, or the power is negative.

    References
    ----------
    Olah et al., Lucid, notebook "Feature inversion and caricatures", 2018; "The Building Blocks of Interpretability", Distill 2018.
    """
    if not 0 <= number(power) < float("inf"):
        msg = f"power is {power!r}: give 0, or a positive number such as 1."
        raise AscentError(msg)
    kept = Kept.of(network, image, layer)
    objective = replace(activation_match(kept.layer, kept.activations, "dot", power=number(power)), name=kept.layer)
    return climbed(network, objective, recipe, size=kept.size, start=start, seed=seed, batch=1, title="Caricature")
