"""A network that can be looked into: its layers in execution order, and traces of its forward pass.

The module given by the user is never changed: modes, hooks, gradients, buffers and random state stay as they were.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from .errors import ImageError, LayerError, ModelError, suggestion
from .forward import Forward
from .images import ImageLike, decode
from .layers import Layer, before_pyramid, discover
from .memory import keep_what_is_freed
from .objectives import Objective, class_lookup, classes_read
from .outputs import default_output, is_detection
from .preprocess import Preprocess
from .rectifier import Rule
from .results import Predictions
from .sparing import Sparing
from .thin_gradient import Part, Thin, lean_heads, thin_layers
from .trace import IMAGE, Trace

_TRIAL_SIZES = (
    (224, 224),
    (32, 32),
    (28, 28),
    (64, 64),
    (96, 96),
    (128, 128),
    (256, 256),
    (299, 299),
    (16, 16),
    (8, 8),
)
_Ways: TypeAlias = "weakref.WeakKeyDictionary[nn.Module, dict[Any, set[nn.Module]]]"
_WAYS = 64  # so many ways of a pass are remembered


class Network:
    """A convolutional network with its preprocessing and labels.

    Parameters
    ----------
    model
        Any `torch.nn.Module` that takes pictures (N, C, H, W). It is never changed.
    preprocess
        How a picture becomes its input: a `Preprocess`, a torchvision transform, a function of (N, C, H, W) in [0, 1],
        or None for pictures that go in as they are.
    labels
        Names of the classes, in order.
    output
        A function that picks the scores (N, classes, …) out of what the model returns; by default a tensor itself, the
        entry "out" or "logits" of a mapping, the first tensor of a tuple, the best score a class of detections.
    device
        Where to compute. If the model lies elsewhere, a copy of it is put there; by default, where the model lies.
    name
        How it is called in titles; by default the class of the model.

    Examples
    --------
    >>> network = Network(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10)), Preprocess(size=(8, 8)))
    >>> [layer.name for layer in network.layers]
    ['0', '1', '2', '3']
    """

    def __init__(
        self,
        model: nn.Module,
        preprocess: Any = None,
        labels: Sequence[str] | None = None,
        output: Callable[[Any], Tensor] | None = None,
        device: str | torch.device | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            msg = f"A Network takes a torch.nn.Module; {type(model).__name__} is none. For a named one: cw.load('resnet50')."
            raise ModelError(msg)
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        if isinstance(model, torch.jit.ScriptModule):
            msg = "A scripted model hides its layers: give the nn.Module it was made from."
            raise ModelError(msg)
        _check_parameters(model)
        keep_what_is_freed()
        self.model = _on_device(model, device)
        self.name = name or type(model).__name__
        self.labels = tuple(str(label) for label in labels or ())
        self.preprocess = _with_channels(Preprocess.of(preprocess), self.model)
        self.output = output or default_output
        self._edits: list[tuple[str, Callable[[Tensor], Tensor]]] = []
        self._layers: dict[str, Layer] | None = None
        self._mutated: set[str] = set()
        self._classes: int | None = None
        self._detects = False
        self._memory: dict[str, bool] = {}  # shared with copies of this network
        self._thin: _Ways = weakref.WeakKeyDictionary()  # likewise: which layers were worth it, in passes that went the same way
        self._sparing: Sparing | None = None
        self._parts: Mapping[nn.Module, Part] = {}
        self._flows: dict[Any, Any] = {}  # as well: its operations, as `flow_of` reads them off
        self._bounded = True
        self._checked: tuple[Callable[[], Tensor | None], int | None] = (lambda: None, None)

    def __repr__(self) -> str:
        size = "×".join(map(str, self.preprocess.size)) if self.preprocess.size else "any size"
        return f"Network({self.name}, {self.preprocess.channels} channels, {size}, {len(self.labels)} labels)"

    # what it is ---------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return _reference(self.model).device

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer that a forward pass calls, in execution order: a block, then its parts; repeats end in _1, _2, …."""
        return tuple(self._known().values())

    @property
    def classes(self) -> int:
        """How many classes the output has."""
        if self._classes is None:
            self._known()
        return self._classes or len(self.labels)

    def layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises
        ------
        LayerError
            Naming the layers most like it.
        """
        known = self._known()
        if name not in known:
            msg = f"{self.name} has no layer {name!r}. {suggestion(str(name), known)}"
            raise LayerError(msg)
        return known[name]

    @property
    def last_spatial_layer(self) -> str:
        """The last block that still knows where things are: where Grad-CAM is usually read.

        In a detector, the layer that the maps of all sizes are made of: a single one of these does not see every box.
        """
        below = before_pyramid(self.layers) if self._known() and self._detects else None
        if below is not None:
            return below
        chosen = [
            layer.name
            for layer in self.layers
            if layer.spatial and not layer.parent and not layer.container and layer.channels != self.classes
            if not layer.passive
        ]
        spatial = chosen or [layer.name for layer in self.layers if layer.spatial]
        if not spatial:
            msg = f"No layer of {self.name} has spatial axes, so there is no map to draw over a picture."
            raise LayerError(msg)
        return spatial[-1]

    def class_index(self, target: int | str) -> int:
        """A class by index or label, as an index; `TargetError` if there is none."""
        return class_lookup(target, self.labels, self.classes)

    def class_name(self, index: int) -> str:
        """The label of a class, or `class 7`."""
        return self.labels[index] if index < len(self.labels) else f"class {index}"

    # what goes in and out -----------------------------------------------------------------------------------------

    def read(self, source: ImageLike | Sequence[ImageLike]) -> Tensor:
        """A picture as the network takes it, before normalization.

        Parameters
        ----------
        source
            A path, bytes of a file, Pillow image, array or tensor; or a list of these. A float tensor (N, C, H, W) in
            [0, 1] of the right size is given back as it is.

        Returns
        -------
        Tensor
            Float (N, C, H, W) in [0, 1] on the network's device, N = 1 for one picture.
        """
        if isinstance(source, Sequence) and not isinstance(source, (str, bytes)):
            return _together([self.read(each) for each in source])
        if isinstance(source, Tensor) and source.ndim == 4 and source.is_floating_point() and self._fits(source):
            return source.to(self.device)
        if isinstance(source, (Tensor, np.ndarray)) and source.ndim == 4 and len(source) > 1:
            return _together([self.read(each) for each in source])
        return self.preprocess.fit(decode(source)).to(self.device)

    def unbounded(self) -> Network:
        """The same network, taking float batches of its size as they are: noisy or interpolated pictures leave [0, 1]."""
        free = copy.copy(self)
        free._bounded = False  # noqa: SLF001 (its own kind)
        return free

    def at_any_size(self) -> Network:
        """The same network, taking float batches as they are, of any size and range: whether the model can is the model's to say."""
        self._known()  # found at the size it is meant for
        free = self.unbounded()
        free.preprocess = replace(self.preprocess, size=None, resize=None)
        return free

    def sparing(self) -> Network:
        """The same network, which leaves out of the layers it is asked about what nobody reads; to find that out takes two passes."""
        other = copy.copy(self)
        other._sparing = Sparing()  # noqa: SLF001 (its own kind)
        return other

    def with_parts(self, parts: Mapping[nn.Module, Part]) -> Network:
        """The same network, of whose convolutions some are computed in part only."""
        other = copy.copy(self)
        other._parts, other._sparing = parts, None  # noqa: SLF001 (its own kind)
        return other

    def predict(self, images: ImageLike | Sequence[ImageLike]) -> Predictions:
        """Classify pictures: anything `read` takes."""
        return self.predictions(self.trace(images))

    def predictions(self, trace: Trace) -> Predictions:
        """The predictions that a trace holds; for detections, the best score of each class as it is."""
        logits = trace.logits.detach().float().cpu().numpy()
        if is_detection(trace.output):
            return Predictions(logits, logits, self.labels)
        return Predictions.of(logits, self.labels)

    # looking inside -----------------------------------------------------------------------------------------------

    def trace(
        self,
        images: ImageLike | Sequence[ImageLike],
        *layers: str,
        wrt: str | Sequence[str] | None = None,
        logits: bool = True,
        rectify: Rule | None = None,
        classes: Sequence[int] | None = None,
    ) -> Trace:
        """One forward pass in evaluation mode, keeping the output of some layers.

        Parameters
        ----------
        images
            (N, C, H, W) float in [0, 1], or anything `read` takes. Normalization happens inside.
        layers
            Names of the layers to keep.
        wrt
            What will be differentiated with respect to: None (nothing; no gradient is recorded), "image", a layer, or
            several of these. What lies before the first of them runs without gradient.
        logits
            If False, the forward pass stops at the last layer needed and `Trace.logits` is not to be had.
        rectify
            How ReLUs pass gradients back: None (as they are differentiated), "guided", "deconvnet" or "redirected".
        classes
            If given, the scores of other classes need not be computed; they may read NaN.

        Raises
        ------
        LayerError
            If there is no such layer, or this forward pass never reached it.
        """
        wanted = (wrt,) if isinstance(wrt, str) else tuple(wrt or ())
        keep = tuple(dict.fromkeys((*layers, *(name for name in wanted if name != IMAGE))))
        addresses = {name: self.layer(name).address for name in keep}
        images = self.read(images)
        way = (keep, wanted, logits, images.shape)
        heads = self._lean_heads(keep, len(classes)) if classes else ()
        forward = Forward(
            self.model,
            addresses,
            leaves=wanted,
            edits=[(self.layer(name).address, change) for name, change in self._edits],
            mutated=self._mutated,
            stop=not logits and bool(keep),
            thin=self._thin_layers(way) if wanted else None,
            parts={**self._parts, **{head: Part(list(classes or ()), torch.nan) for head in heads}},
        )
        trace = Trace(self, images, wanted)
        trace._run(forward, rectify)  # noqa: SLF001 (the two are one abstraction)
        if wanted:
            self._remember_thin(way, forward.used)
        return trace

    def ask(
        self,
        images: ImageLike | Sequence[ImageLike],
        *objectives: Objective,
        layers: Sequence[str] = (),
        wrt: str | Sequence[str] | None = None,
        rectify: Rule | None = None,
    ) -> tuple[Trace, tuple[Tensor, ...]]:
        """One forward pass and the score (N,) of each objective in it; no more of the output is computed than they read.

        Parameters
        ----------
        layers
            Further layers to keep.
        wrt, rectify
            As for `trace`.
        """
        images = self.read(images)
        if self._sparing is not None and wrt in (None, IMAGE) and not (layers or rectify or self._edits):
            return self.with_parts(self._sparing.parts(self, images, objectives)).ask(images, *objectives, wrt=wrt)
        read = dict.fromkeys([*layers, *(name for objective in objectives for name in objective.layers)])
        logits = any(objective.logits for objective in objectives)
        named = classes_read(objectives) if logits else None
        classes = None if named is None else sorted({self.class_index(one) for one in named})
        if classes and not self._answers_in_part(images):
            classes = None
        while True:
            trace = self.trace(images, *read, wrt=wrt, logits=logits, rectify=rectify, classes=classes)
            scores = tuple(objective(trace) for objective in objectives)
            # Where the network mixes its classes, one that was left out has made the others NaN: then all are computed.
            if classes is None or all(torch.isfinite(score).all() for score in scores):
                return trace, scores
            classes = None

    def survey(
        self,
        images: ImageLike | Sequence[ImageLike],
        summary: Callable[[Layer, Tensor], Any],
        layers: Sequence[str] | None = None,
    ) -> tuple[dict[str, Any], Predictions]:
        """Apply `summary` to the output of many layers in one forward pass, keeping nothing else of them.

        Returns
        -------
        (summaries by layer name, predictions)
        """
        chosen = self.layers if layers is None else [self.layer(name) for name in layers]
        edits = [(self.layer(name).address, change) for name, change in self._edits]
        forward = Forward(
            self.model,
            {layer.name: layer.address for layer in chosen},
            edits=edits,
            summary=lambda name, output: summary(self.layer(name), output),
        )
        trace = Trace(self, self.read(images), ())
        trace._run(forward)  # noqa: SLF001
        return dict(forward.kept), self.predictions(trace)

    @contextmanager
    def edit(self, layer: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """While open, `change` replaces the output of a layer in every trace: ablate or steer units.

        Parameters
        ----------
        layer
            Which layer.
        change
            A function of the layer's output (N, C, h, w) that returns a tensor of the same shape.
        """
        entry = (self.layer(layer).name, change)
        self._edits.append(entry)
        try:
            yield
        finally:
            self._edits.remove(entry)

    def edited(self, layer: str, change: Callable[[Tensor], Tensor]) -> Network:
        """A network of its own that differs in the output of one layer; the same module, and this network stays as it is.

        Parameters
        ----------
        layer
            Which layer.
        change
            As for `edit`; for a single picture it may also return several outputs, (B, C, h, w), and what follows runs on
            all of them at once.
        """
        other = copy.copy(self)
        entry = (self.layer(layer).name, change)
        other._edits = [*self._edits, entry]  # noqa: SLF001 (its own kind)
        return other

    # behind the scenes --------------------------------------------------------------------------------------------

    def _answers_in_part(self, images: Tensor) -> bool:
        """Whether a class's score is right while others are left out; tried once, on the first picture asked about.

        The least and the most probable class are asked alone: a network that decides by its own scores answers otherwise then.
        """
        if "in part" not in self._memory:
            right = True
            if self._lean_heads((), 1):
                whole = self.trace(images[:1]).logits
                spread = whole.flatten(2).mean(2)[0] if whole.ndim > 2 else whole[0]
                for each in {int(spread.argmin()), int(spread.argmax())}:
                    part = self.trace(images[:1], classes=[each]).logits[:, each]
                    right = right and torch.allclose(part, whole[:, each], rtol=1e-3, atol=1e-4)
            self._memory["in part"] = right
        return self._memory["in part"]

    def _thin_layers(self, way: tuple[Any, ...]) -> Thin:
        """What to differentiate in the thin way; where a pass went the same way before, only what paid then is looked at."""
        known = self._thin.get(self.model, {}).get(way)
        return thin_layers(self.model, self.classes, to_image=IMAGE in way[1], among=known)

    def _remember_thin(self, way: tuple[Any, ...], used: set[nn.Module]) -> None:
        ways = self._thin.setdefault(self.model, {})  # a copy of this network may have another module
        if len(ways) > _WAYS:
            ways.clear()
        ways[way] = used

    def _lean_heads(self, keep: Sequence[str], wanted: int) -> list[nn.Module]:
        """Heads of which only some classes need be computed, since nothing that is kept lies after them."""
        heads = lean_heads(self.model, self.classes, wanted)
        known = self._known() if heads else {}
        order = {name: place for place, name in enumerate(known)}
        names = {layer.address.module: name for name, layer in known.items()}
        return [head for head in heads if head in names and all(_ends_before(each, names[head], order) for each in keep)]

    def _fits(self, images: Tensor) -> bool:
        """Whether a batch has the network's channels and size and is in [0, 1]; not asked again until it is written to."""
        size, channels = self.preprocess.size, self.preprocess.channels
        right = channels in (None, images.shape[1]) and size in (None, tuple(images.shape[2:]))
        if not right or not images.numel():
            return False
        if not self._bounded:
            return True
        version = None if images.is_inference() else images._version
        checked, at_version = self._checked
        if version is not None and checked() is images and at_version == version:
            return True
        low, high = (each.item() for each in torch.aminmax(images.detach()))
        fits = low >= -1e-3 and high <= 1 + 1e-3  # NaN compares false
        if fits:
            self._checked = (weakref.ref(images), version)
        return fits

    def _input(self, images: Tensor) -> Tensor:
        return self.preprocess.normalize(images.to(_reference(self.model).dtype))

    def _known(self) -> dict[str, Layer]:
        """The layers, found by one forward pass of a gray picture when first asked for."""
        if self._layers is None:
            sizes = [self.preprocess.size] if self.preprocess.size else list(_TRIAL_SIZES)
            self._layers, self._mutated, self._classes, self._detects = self._discovered(sizes)
        return self._layers

    def _discovered(self, sizes: Sequence[tuple[int, int]]) -> tuple[dict[str, Layer], set[str], int | None, bool]:
        failure: Exception | None = None
        for size in sizes:
            try:
                with torch.inference_mode(mode=False):
                    gray = torch.full((1, self.preprocess.channels or 3, *size), 0.5, device=self.device)
                    layers, mutated, output = discover(self.model, self._input(gray))
                logits = self.output(output)
                classes = logits.shape[1] if isinstance(logits, Tensor) and logits.ndim > 1 else None
                return layers, mutated, classes, is_detection(output)
            except Exception as error:  # noqa: BLE001 (any model may fail in any way; the next size may do)
                failure = failure or error
        tried = ", ".join(f"{height}×{width}" for height, width in sizes[:3])
        msg = (
            f"{self.name} does not run on a picture of {self.preprocess.channels or 3} channels at {tried}: {failure}. "
            "Say what it takes with preprocess=Preprocess(channels=…, size=(height, width))."
        )
        raise ModelError(msg) from failure


def _together(pictures: Sequence[Tensor]) -> Tensor:
    shapes = list(dict.fromkeys("×".join(map(str, each.shape[1:])) for each in pictures))
    if len(shapes) == 1:
        return torch.cat(list(pictures))
    if not pictures:
        msg = "The list of pictures is empty: give at least one."
    else:
        msg = (
            f"The pictures have different sizes ({', '.join(shapes[:3])}), and the network has none of its own: "
            "give them one by one, or preprocess=Preprocess(size=(height, width))."
        )
    raise ImageError(msg)


def _check_parameters(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            msg = f"{name} has no shape yet, and looking must not change the model: run the lazy model on a picture first."
            raise ModelError(msg)
        if parameter.is_inference():
            msg = f"{name} was made under torch.inference_mode and cannot be differentiated through: build the model outside."
            raise ModelError(msg)


def _ends_before(layer: str, other: str, order: Mapping[str, int]) -> bool:
    """Whether a layer's output is there before another one runs."""
    return order[layer] < order[other] and not other.startswith(f"{layer}.")


@dataclass(frozen=True)
class _Reference:
    device: torch.device
    dtype: torch.dtype


def _reference(model: nn.Module) -> _Reference:
    for tensor in chain(model.parameters(), model.buffers()):
        if tensor.is_floating_point():
            return _Reference(tensor.device, tensor.dtype)
    return _Reference(torch.device("cpu"), torch.float32)


def _on_device(model: nn.Module, device: str | torch.device | None) -> nn.Module:
    if device is None:
        return model
    try:
        wanted = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        msg = f"There is no device {str(device)!r} here ({str(error).splitlines()[0]}): try device='cpu'."
        raise ModelError(msg) from error
    have = _reference(model).device
    if have.type == wanted.type and wanted.index in (None, have.index):
        return model
    return copy.deepcopy(model).to(wanted)


def _with_channels(preprocess: Preprocess, model: nn.Module) -> Preprocess:
    """Fill in the number of channels from the normalization, or else from the first convolution."""
    if preprocess.channels is not None:
        return preprocess
    found = len(preprocess.mean) or None
    if found is None or found == 1:
        first = next((part for part in model.modules() if isinstance(part, nn.Conv2d)), None)
        found = first.in_channels if first is not None else found
    return replace(preprocess, channels=found)
