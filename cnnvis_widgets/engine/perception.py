"""How far pictures look apart to a network: LPIPS where its package and a backbone are there, else a plain distance of features.

A reference is looked at once, and any number of pictures are then measured against it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from .errors import SIZE_REFUSALS, CnnvisError, ImageError, ModelError
from .images import ImageLike, decode
from .layers import Layer
from .models import demo, load
from .network import Network
from .preprocess import Preprocess
from .result_store import fingerprint, fingerprint_of_network
from .svg import Markup, element

Backbone: TypeAlias = "Network | nn.Module | str | None"
Kind: TypeAlias = Literal["lpips", "features"]

_TRUNKS = {"SqueezeNet": "squeeze", "AlexNet": "alex", "VGG": "vgg"}  # torchvision's classes, and what lpips calls them
_CALLED = {"squeeze": "SqueezeNet 1.1", "alex": "AlexNet", "vgg": "VGG-16"}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # what LPIPS itself normalizes by
_TINY = 1e-10  # so that a position where every feature is 0 has a length
_MOST = 6  # layers of the plain distance
_QUIET = "opacity:.66"


@dataclass(frozen=True, eq=False)
class Distances:
    """How far pictures look apart, and which layer says so.

    Attributes
    ----------
    values : ndarray
        float32 (N,), ≥ 0; 0 for equal pictures.
    parts : ndarray
        float32 (N, L): what each layer adds; a row sums to its value.
    layers : tuple of str
        The L layers.
    measure : str
        What was measured, by which network: distances of two measures are not to be compared.
    notes : tuple of str
        Facts about it, for a caption.
    """

    values: np.ndarray
    parts: np.ndarray
    layers: tuple[str, ...]
    measure: str
    notes: tuple[str, ...] = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (numpy calls it so)
        return np.array(self.values, dtype=dtype, copy=True if copy is None else copy)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{value:.3g}" for value in self.values[:4])
        return f"Distances({self.measure}: {shown}{', …' if len(self) > 4 else ''})"

    def _repr_html_(self) -> str:
        return _table(self)


class Reference(Protocol):
    """Pictures whose features are kept: how far others look from them."""

    def parts(self, images: Tensor) -> Tensor:
        """(N, L): what each layer adds to the distance of pictures (N, C, H, W) in [0, 1]."""

    def distances(self, images: Tensor) -> Tensor:
        """(N,): how far each picture lies from its reference."""


class Perception:
    """Measures how far pictures look apart; made by `perception_of`.

    Parameters
    ----------
    kind
        "lpips" or "features".
    measure
        What is measured, by which network.
    layers
        What its parts are.
    features
        Pictures (N, 3, H, W) -> a list of L tensors (N, C, h, w).
    weights
        One (C,) a layer: how much a squared difference counts; None where all count alike.
    channels
        How many channels its pictures have.
    notes
        Facts about it.
    fingerprint
        A short text that differs where what is measured differs.
    """

    def __init__(
        self,
        kind: Kind,
        measure: str,
        layers: Sequence[str],
        features: Callable[[Tensor], list[Tensor]],
        weights: Sequence[Tensor] | None,
        channels: int | None,
        notes: Sequence[str] = (),
        fingerprint: str = "",
    ) -> None:
        self.fingerprint = fingerprint
        self.kind, self.measure, self.layers, self.notes = kind, measure, tuple(layers), tuple(notes)
        self._features, self._weights, self._channels = features, weights, channels

    def __repr__(self) -> str:
        return f"Perception({self.measure})"

    def read(self, source: ImageLike | Sequence[ImageLike]) -> Tensor:
        """Pictures as it takes them, (N, C, H, W) in [0, 1], in their own size; all of one size.

        Raises
        ------
        ImageError
            If one cannot be read, or they differ in size.
        """
        if isinstance(source, Tensor) and source.ndim == 4 and source.is_floating_point():
            several: Sequence[Any] = list(source.detach())
        elif isinstance(source, (Tensor, np.ndarray)):
            several = list(source) if source.ndim == 4 else [source]
        else:
            several = source if isinstance(source, Sequence) and not isinstance(source, (str, bytes)) else [source]
        pictures = [Preprocess(channels=self._channels).fit(decode(each)) for each in several]
        sizes = list(dict.fromkeys(tuple(each.shape[2:]) for each in pictures))
        if len(sizes) != 1:
            shown = ", ".join(f"{height}×{width}" for height, width in sizes[:3])
            problem = (
                f"The pictures have different sizes ({shown}): bring them"
                if sizes
                else "There is no picture: give some,"
            )
            raise ImageError(f"{problem} to one size first.")
        return torch.cat(pictures)

    @torch.no_grad()
    def features(self, images: Tensor) -> list[Tensor]:
        """What its layers make of pictures (N, C, H, W): L tensors (N, C, h, w), each position of length 1."""
        try:
            found = self._features(Preprocess(channels=self._channels).fit(images.detach()))
        except CnnvisError:
            raise
        except SIZE_REFUSALS as error:
            height, width = images.shape[2:]
            msg = f"{self.measure} does not take pictures of {height}×{width} pixels: enlarge them first."
            raise ImageError(msg) from error
        return [_unit(each) for each in found]

    def reference(self, images: ImageLike | Sequence[ImageLike] | Tensor) -> KeptReference:
        """Pictures to be measured against, looked at once.

        One picture is the reference of all that come later. Of several, picture i is measured against reference i.
        """
        read = self.read(images)
        return KeptReference(self, self.features(read), tuple(read.shape[2:]))

    def parts_between(self, features: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
        """(N, L) from the features of both."""
        return torch.stack([self._part(*each) for each in zip(range(len(features)), features, others, strict=True)], 1)

    def _part(self, layer: int, features: Tensor, others: Tensor) -> Tensor:
        apart = (features - others).square_()
        if self._weights is None:
            return apart.sum(1).flatten(1).mean(1) / len(self.layers)
        weights = self._weights[layer].to(apart).view(1, -1, 1, 1)
        return nn.functional.conv2d(apart, weights).flatten(1).mean(1)


class KeptReference:
    """Pictures whose features are kept.

    Parameters
    ----------
    perception
        What measures.
    features
        Of the reference, as `Perception.features` gives them: of one picture, or of as many as are measured at once.
    size
        (height, width) in pixels.
    """

    def __init__(self, perception: Perception, features: list[Tensor], size: tuple[int, ...]) -> None:
        self._perception, self._features, self.size = perception, features, size

    @torch.no_grad()
    def parts(self, images: Tensor) -> Tensor:
        """(N, L): what each layer adds to the distance of pictures (N, C, H, W) in [0, 1].

        Raises
        ------
        ImageError
            If they have another size than the reference.
        """
        if tuple(images.shape[2:]) != self.size:
            here, there = ("×".join(map(str, each)) for each in (images.shape[2:], self.size))
            msg = f"The pictures are {here} pixels and the reference {there}: bring them to one size first."
            raise ImageError(msg)
        return self._perception.parts_between(self._perception.features(images), self._features)

    def distances(self, images: Tensor) -> Tensor:
        """(N,): how far each picture (N, C, H, W) lies from its reference."""
        return self.parts(images).sum(1)

    def gray(self) -> float:
        """How far a gray picture lies from the references, on average."""
        gray = self._perception.read(np.full((*self.size, 3), 0.5, np.float32))
        return float(self.distances(gray).mean())

    def among(self) -> float:
        """How far a reference lies from the others, on average; NaN where there is one only."""
        count = len(self._features[0])
        if count == 1:
            return float("nan")
        turned = ([each.roll(shift, 0) for each in self._features] for shift in range(1, count))
        parts = [self._perception.parts_between(self._features, each) for each in turned]
        return float(torch.stack(parts).sum(-1).mean())


def perception_of(backbone: Backbone = None, kind: Kind | None = None) -> Perception:
    """What measures by the eyes of a network.

    Parameters
    ----------
    backbone
        A `Network`, a module, the name of a torchvision model, or None for the network that comes with this package.
    kind
        "lpips" or "features"; by default LPIPS where it can be had: the package `lpips` is installed, and the backbone is
        torchvision's alexnet, vgg16 or squeezenet1_1 with ImageNet's normalization.

    Raises
    ------
    ModelError
        If "lpips" is asked for and cannot be had.
    """
    network = _network(backbone)
    trunk = _trunk(network)
    installed = find_spec("lpips") is not None
    if kind == "features" or (kind is None and (trunk is None or not installed)):
        missing = trunk is not None and kind is None
        return _plain(network, ("This is not LPIPS: the package lpips is not installed.",) if missing else ())
    if kind not in (None, "lpips"):
        msg = f"There is no perceptual distance {kind!r}: it is 'lpips' or 'features'."
        raise ModelError(msg)
    if not installed:
        msg = (
            "LPIPS needs the package lpips: pip install 'cnnvis-widgets[lpips]', or ask for the distance of 'features'."
        )
        raise ModelError(msg)
    if trunk is None:
        msg = (
            f"{network.name} is no backbone of LPIPS: give torchvision's alexnet, vgg16 or squeezenet1_1 with ImageNet's "
            "normalization, or ask for the distance of 'features'."
        )
        raise ModelError(msg)
    return _learned(network, trunk)


def measured(perception: Perception, parts: Tensor) -> Distances:
    """Parts (N, L) as a result."""
    found = parts.float().cpu().numpy()
    return Distances(found.sum(1), found, perception.layers, perception.measure, perception.notes)


# LPIPS ------------------------------------------------------------------------------------------------------------------


def _network(backbone: Backbone) -> Network:
    if backbone is None:
        return demo()
    if isinstance(backbone, str):
        return load(backbone)
    if isinstance(backbone, nn.Module):  # torchvision's own convention
        return Network(backbone, Preprocess(mean=_IMAGENET[0], std=_IMAGENET[1]))
    if not isinstance(backbone, Network):
        msg = f"A backbone is a Network, a module, the name of a torchvision model or None, not {type(backbone).__name__}."
        raise ModelError(msg)
    return backbone


def _trunk(network: Network) -> str | None:
    """What lpips calls the architecture, if it is one of its own."""
    name = next((_TRUNKS[kind.__name__] for kind in type(network.model).__mro__ if kind.__name__ in _TRUNKS), None)
    same = (network.preprocess.mean, network.preprocess.std) == _IMAGENET
    if name is None or not same or not isinstance(getattr(network.model, "features", None), nn.Sequential):
        return None
    given = network.model.get_submodule("features").state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in given.items()}
    return name if shapes.items() >= _shapes(name).items() else None


@lru_cache(maxsize=3)
def _shapes(trunk: str) -> dict[str, tuple[int, ...]]:
    """The parameters of the features that lpips reads."""
    import torchvision

    build = {"squeeze": "squeezenet1_1", "alex": "alexnet", "vgg": "vgg16"}[trunk]
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        features = torchvision.models.get_model_builder(build)(weights=None).features
    return {key: tuple(tensor.shape) for key, tensor in features.state_dict().items()}


def _learned(network: Network, trunk: str) -> Perception:
    metric = _metric(network, trunk)
    weights = [line.model[-1].weight.detach().flatten() for line in metric.lins]
    names = [f"relu{place + 1}" for place in range(metric.L)]

    def features(images: Tensor) -> list[Tensor]:
        return list(metric.net(metric.scaling_layer(2 * images.to(weights[0].device) - 1)))

    mark = fingerprint("lpips", *(tensor for _, tensor in sorted(metric.state_dict().items())))
    return Perception("lpips", f"LPIPS ({_CALLED[trunk]})", names, features, weights, 3, (), mark)


def _metric(network: Network, trunk: str) -> Any:
    """`lpips.LPIPS` with the network's features in place of those it would download; the random state stays as it was."""
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.inference_mode(mode=False):
        warnings.simplefilter("ignore")  # it builds torchvision's models by arguments that are deprecated
        metric = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
    given = network.model.get_submodule("features").state_dict()
    wanted = metric.net.state_dict()
    metric.net.load_state_dict({key: given[key.partition(".")[2]] for key in wanted})
    return metric.to(network.device).eval()


# a plain distance -------------------------------------------------------------------------------------------------------


def _plain(network: Network, notes: tuple[str, ...]) -> Perception:
    """Features of layers spread over the network; pictures keep their size where it takes any."""
    names = feature_layers(network)
    free = network.at_any_size()

    def features(images: Tensor) -> list[Tensor]:
        trace = free.trace(images.to(free.device), *names, logits=False)
        return [network.layer(name).maps(trace[name]) for name in names]

    measure = f"deep-feature distance ({network.name})"
    about = f"Features of {', '.join(names)}, each position scaled to length 1; squared difference, mean over positions and layers."
    mark = fingerprint("features", fingerprint_of_network(network), *names)
    return Perception("features", measure, names, features, None, network.preprocess.channels, (about, *notes), mark)


def feature_layers(network: Network) -> tuple[str, ...]:
    """Up to six layers from first to last, at which pictures are compared: blocks, and activation functions outside of them."""
    spatial = {each.name for each in network.layers if each.spatial}
    outer = [
        each
        for each in network.layers
        if each.spatial and each.parent not in spatial and not each.container and not each.passive
    ]
    chosen = [each for each in outer if _says(each)] or outer
    if not chosen:
        msg = f"No layer of {network.name} has spatial axes, so it cannot tell how far pictures look apart."
        raise ModelError(msg)
    places = np.linspace(0, len(chosen) - 1, min(_MOST, len(chosen))).round().astype(int)
    return tuple(chosen[place].name for place in places)


def _says(layer: Layer) -> bool:
    module = layer.address.module
    return bool(list(module.children())) or type(module).__module__ == "torch.nn.modules.activation"


def _unit(features: Tensor) -> Tensor:
    """Each position of (N, C, h, w) divided by its length, as lpips does it."""
    return features / (features.square().sum(1, keepdim=True).sqrt() + _TINY)


def _table(distances: Distances) -> Markup:
    heads = ["", *distances.layers, "distance"]
    style = "padding:4px 8px;text-align:right"
    rows = [
        element(
            "tr",
            element("td", str(index), style=f"{style};{_QUIET}"),
            *(element("td", f"{part:.3g}", style=style) for part in distances.parts[index]),
            element("td", f"{distances.values[index]:.3g}", style=f"{style};font-weight:bold"),
        )
        for index in range(min(len(distances), 16))
    ]
    notes = " ".join([f"{distances.measure}; each layer's part, and their sum.", *distances.notes])
    caption = element("caption", notes, style="caption-side:bottom;text-align:left;padding-top:8px")
    head = element("thead", element("tr", *(element("th", name, style=style) for name in heads)))
    look = "border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:12px;line-height:16px"
    return element("table", head, element("tbody", *rows), caption, style=look)
