"""What one forward pass left behind: the outputs that were kept, the scores, and gradients between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .errors import GradientError, LayerError, suggestion
from .forward import Forward, evaluating, lock_of
from .rectifier import Rectifier, Rule

if TYPE_CHECKING:
    from .network import Network

IMAGE = "image"


class Trace:
    """What one forward pass left behind.

    Attributes
    ----------
    images : Tensor
        (N, C, H, W) in [0, 1], the pictures that went in.
    output
        What the model returned, untouched.
    rectifier
        The rule by which ReLUs pass gradients back and how many there were, if one was asked for.
    """

    def __init__(self, network: Network, images: Tensor, wrt: tuple[str, ...]) -> None:
        self.network = network
        self.wrt = wrt
        self.images = images
        self.output: Any = None
        self.rectifier: Rectifier | None = None
        self._logits: Tensor | None = None
        self._kept: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"Trace({self.network.name}, {len(self.images)} pictures, {', '.join(self._kept) or 'no layer kept'})"

    def __getitem__(self, layer: str) -> Tensor:
        """The output of a kept layer, (N, C, h, w) or as the layer gives it; in the graph where `wrt` asks for it."""
        if layer == IMAGE:
            return self.images
        if layer not in self._kept:
            msg = (
                f"This trace did not keep {layer!r}. {suggestion(layer, self._kept) if self._kept else 'It kept none.'}"
            )
            raise LayerError(msg)
        return self._kept[layer]

    @property
    def logits(self) -> Tensor:
        """The network's scores before the softmax, (N, classes)."""
        if self._logits is None:
            msg = "This forward pass was stopped before its end: trace with logits=True."
            raise GradientError(msg)
        return self._logits

    def gradient(self, score: Tensor, layer: str, *, retain_graph: bool = False) -> Tensor:
        """The derivative of a score (N,) with respect to a layer or the image, in its shape.

        Zero where the score does not depend on it. With `retain_graph`, further gradients can be taken.

        Raises
        ------
        GradientError
            If no gradient was recorded there.
        """
        return self.gradients(score, [layer], retain_graph=retain_graph)[0]

    def gradients(self, score: Tensor, layers: Sequence[str], *, retain_graph: bool = False) -> tuple[Tensor, ...]:
        """The derivatives of a score with respect to several layers, in one backward pass; see `gradient`."""
        sources = [self[layer] for layer in layers]
        for layer, source in zip(layers, sources, strict=True):
            if not source.requires_grad:
                msg = f"No gradient was recorded at {layer!r}: trace with wrt={layer!r} (this one has wrt={self.wrt})."
                raise GradientError(msg)
        if not score.requires_grad:
            msg = (
                f"The score does not depend on {layers[0]!r} in a way that can be differentiated: the model ran under "
                "torch.no_grad, detached or rounded after it, or the score reads an earlier layer."
            )
            raise GradientError(msg)
        with torch.inference_mode(mode=False), torch.enable_grad():
            found = torch.autograd.grad(score.sum(), sources, retain_graph=retain_graph, allow_unused=True)
        pairs = zip(found, sources, strict=True)
        return tuple(torch.zeros_like(source) if gradient is None else gradient for gradient, source in pairs)

    def _run(self, forward: Forward, rectify: Rule | None = None) -> None:
        network = self.network
        with torch.inference_mode(mode=False), lock_of(network.model), evaluating(network.model):
            at_image = IMAGE in self.wrt
            copied = self.images.clone() if self.images.is_inference() else self.images
            self.images = copied.detach().requires_grad_(at_image)
            with torch.set_grad_enabled(at_image):
                self.output = self._through(forward, rectify)
                if self.wrt:
                    torch.set_grad_enabled(True)
                if not forward.stopped:
                    self._logits = network.output(self.output)
        self._kept = forward.kept

    def _through(self, forward: Forward, rectify: Rule | None) -> Any:
        network = self.network
        if rectify is None:
            return forward.run(lambda: network._input(self.images))  # noqa: SLF001
        rectifier = self.rectifier = Rectifier(rectify)

        def make_input() -> Tensor:
            rectifier.restart()  # a pass may be run again
            return network._input(self.images)  # noqa: SLF001

        with rectifier:
            return forward.run(make_input)
