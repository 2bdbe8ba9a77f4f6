"""What a network sees in a picture, painted into it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import numpy as np

from ..engine.dream import Dream
from ..engine.images import ImageLike
from ..engine.network import Network
from ..engine.steps import Step, Steps
from ..engine.synthesis import Synthesis


def deepdream(
    network: Network,
    image: ImageLike,
    layers: str | Sequence[str] | Mapping[str, float] | None = None,
    *,
    octaves: int = 4,
    ratio: float = 1.4,
    steps: int = 10,
    rate: float = 0.01,
    jitter: int = 32,
    levels: int = 3,
    guide: ImageLike | None = None,
    tile: int | None = None,
    seed: int = 0,
) -> Steps[Synthesis]:
    """DeepDream: whatever layers respond to in a picture is made stronger in it, from coarse shapes to fine ones.

    Parameters
    ----------
    network
        The network that dreams.
    image
        Anything `Network.read` takes; one picture, which keeps its own size. A large one is worked on in tiles.
    layers
        A layer, or a channel as "layer:channel"; several of these, or each with a weight, where a negative one pushes down. By
        default the last layer that knows where things are.
    octaves
        How many sizes; those too small for the layers are left out.
    ratio
        Of one octave's sides to those of the one before; ≥ 1.
    steps
        In each octave.
    rate
        By how much a step changes a pixel on average, where black to white is 1.
    jitter
        Before each step the picture is shifted round by up to so many pixels.
    levels
        So many bands of frequency of the gradient are made equally strong: 1 gives fine grain, 3 or 4 gives shapes.
    guide
        A second picture: each position is led to the feature of the guide with which its own has the largest dot product.
    tile
        Side of the tiles in pixels; None: pictures up to 640 × 640 whole, tiles of 512 above.
    seed
        Of the shifts.

    Returns
    -------
    Steps of Synthesis
        The picture, float32 (C, H, W) in [0, 1] as an array, at every step at full size; `history` holds weight × mean activity,
        summed over the layers, at the size of each octave.

    Raises
    ------
    AscentError
        If nothing is pulled, an option is out of range, the picture is too small for the layers, or nothing leads up.
    LayerError
        If there is no such layer or channel.

    References
    ----------
    Mordvintsev, Olah and Tyka, "Inceptionism: Going Deeper into Neural Networks", and "DeepDream", Google Research Blog, 2015.
    """
    dream = Dream(
        network,
        image,
        _pulls(network.last_spatial_layer if layers is None else layers),
        octaves=octaves,
        ratio=ratio,
        steps=steps,
        rate=rate,
        jitter=jitter,
        levels=levels,
        guide=guide,
        tile=tile,
        seed=seed,
    )
    return Steps(_dreamed(dream), dream.total)


def _pulls(layers: str | Sequence[str] | Mapping[str, float]) -> Mapping[str, float]:
    if isinstance(layers, Mapping):
        return layers
    return dict.fromkeys([layers] if isinstance(layers, str) or not isinstance(layers, Sequence) else layers, 1.0)


def _dreamed(dream: Dream) -> Generator[Step[Synthesis], None, None]:
    history: list[float] = []
    while not dream.finished:
        dream.step()
        history.append(dream.score)
        yield Step(dream.done, dream.total, _result(dream, history))


def _result(dream: Dream, history: list[float]) -> Synthesis:
    scores = np.array(history, np.float32)
    return Synthesis(
        dream.picture.float().cpu().numpy(),
        scores[-1:],
        scores[:, None],
        (" + ".join(dream.pulls),),
        "DeepDream",
        ("",),
        single=True,
    )
