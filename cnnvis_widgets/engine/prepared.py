"""A network that is asked the same thing hundreds of times, of other pictures: only what that takes is computed, there and back.

Its operations are read off (`flow`) and run as a `RoundTrip`. What they say of the first picture of each size, and of some later ones,
is compared with what the network itself says; where they differ, or cannot be read off, the network itself has to be asked.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .convolution_gradients import on_onednn
from .flow import Name
from .flows import among, flow_of, state_of
from .forward import evaluating, lock_of
from .network import Network
from .objectives import Objective
from .round_trip import RoundTrip
from .sparing import Sparing
from .trace import IMAGE, Trace

#: How far a gradient may be off, as a share of its length: a ReLU at its corner or a tie in a pool may go either way.
_OFF = 1e-2
#: And so often it is compared again.
_NOW_AND_THEN = 128
#: Pictures in a row on which it may say something else until it is not asked any more.
_CHANCES = 3


class _Ready(NamedTuple):
    """A round trip, the names of the layers in it, that of the output if it is asked for, and its classes if not all."""

    trip: RoundTrip
    names: dict[str, str]
    output: str | None
    classes: list[int] | None


class Prepared:
    """A network and what is asked of it.

    Parameters
    ----------
    network
        Its module is not changed.
    objective
        What is asked.
    """

    def __init__(self, network: Network, objective: Objective) -> None:
        self._network, self._objective = network, objective
        self._seen: Any = None
        self._state: Any = None  # of what is ready
        self._ready: _Ready | None = None
        self._asked = self._doubts = 0
        self._compared: set[torch.Size] = set()
        self._gradients: dict[Any, dict[str, Tensor]] = {}  # of a steady objective

    def answer(self, pictures: Tensor) -> tuple[Tensor, Tensor] | None:
        """The scores of pictures (N, C, H, W), as the objective gives them, and their gradient; None: ask the network itself."""
        if not on_onednn(pictures):
            return None
        with lock_of(self._network.model):
            self._prepare(pictures)
            self._asked += 1
            if pictures.shape not in self._compared or self._asked % _NOW_AND_THEN == 0:
                self._compare(pictures)
            ready = self._ready if pictures.shape in self._compared else None
            return None if ready is None else self._answered(ready, pictures)

    def _prepare(self, pictures: Tensor) -> None:
        """Read the operations off, once as long as the network stays; while it is trained, not at every step."""
        state = state_of(self._network)
        if state == self._state:
            return
        self._ready = self._state = None
        unsteady, self._seen = self._seen not in (None, state), state
        if not unsteady:
            self._state, self._doubts = state, 0
            self._read(pictures)

    def _read(self, pictures: Tensor) -> None:
        self._compared, self._gradients = set(), {}
        try:
            self._ready = self._made(pictures)
        except Exception:  # noqa: BLE001 (a network may do anything; to ask it itself is always right)
            self._ready = None

    def _compare(self, pictures: Tensor) -> None:
        """Go on only if the network itself says the same; if not, it may have been written to behind torch's back: read it again.

        A unit that one picture brings to the corner of its ReLU can make a difference too; so there are some more chances.
        """
        if self._ready is None:
            return
        if not self._agrees(self._ready, pictures):
            self._network._flows.clear()  # noqa: SLF001 (its own engine)
            self._read(pictures)
            if self._ready is None or not self._agrees(self._ready, pictures):
                self._doubts += 1
                if self._doubts >= _CHANCES:
                    self._ready = None
                return
        self._doubts = 0
        self._compared.add(pictures.shape)

    def _made(self, pictures: Tensor) -> _Ready | None:
        network, objective = self._network, self._objective
        layers = {name: network.layer(name) for name in objective.layers}
        in_parts = any(layer.address.part is not None for layer in layers.values())
        if in_parts or network._edits or network.preprocess.normalization is not None or _watched_back(network.model):  # noqa: SLF001
            return None
        calls = {name: (layer.address.module, layer.address.call) for name, layer in layers.items()}
        with torch.inference_mode(mode=False), torch.no_grad(), evaluating(network.model):
            flow, classes = flow_of(network, pictures, [objective], tuple(calls.values()), self._state)
        names = {name: flow.calls[call] for name, call in calls.items()}
        output = flow.output if objective.logits else None
        if output is not None and not isinstance(output, Name):
            return None
        parts = Sparing().parts(network, pictures, [objective])
        wanted = dict.fromkeys([*names.values(), *([output] if output is not None else [])])
        trip = RoundTrip(flow, list(wanted), {flow.calls[module, 0]: part for module, part in parts.items()})
        return _Ready(trip, names, output, classes)

    def _answered(self, ready: _Ready, pictures: Tensor) -> tuple[Tensor, Tensor]:
        network, trip = self._network, ready.trip
        with torch.inference_mode(mode=False), evaluating(network.model) if trip.calls_modules else nullcontext():
            images = pictures.detach()
            found = trip.there(network._input(images))  # noqa: SLF001
            score, gradients, direct = self._score(ready, images, found)
            back = trip.back(gradients)
            through = torch.zeros_like(images) if back is None else network.preprocess.back(back)
            return score, through if direct is None else through + direct

    def _score(
        self, ready: _Ready, images: Tensor, found: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """The scores, what they change by with what was found, and with the picture where the objective itself reads it."""
        key = tuple(each.shape for each in found.values())
        if key in self._gradients:
            return self._objective(self._trace(ready, images, found)), self._gradients[key], None
        images = images.detach().requires_grad_()
        leaves = {name: each.requires_grad_() for name, each in found.items()}
        with torch.enable_grad():
            score = self._objective(self._trace(ready, images, leaves))
            *gradients, direct = torch.autograd.grad(score.sum(), [*leaves.values(), images], allow_unused=True)
        known = {name: each for name, each in zip(leaves, gradients, strict=True) if each is not None}
        if self._objective.steady and ready.output is None and direct is None:
            self._gradients[key] = known
        return score.detach(), known, direct

    def _trace(self, ready: _Ready, images: Tensor, found: dict[str, Tensor]) -> Trace:
        network = self._network
        trace = Trace(network, images, (IMAGE,))
        trace._kept = {name: found[each] for name, each in ready.names.items()}  # noqa: SLF001
        if ready.output is not None:
            trace.output = found[ready.output]
            logits = network.output(trace.output)
            trace._logits = logits if ready.classes is None else among(logits, ready.classes, network.classes)  # noqa: SLF001
        return trace

    def _agrees(self, ready: _Ready, pictures: Tensor) -> bool:
        try:
            score, gradient = self._answered(ready, pictures)
        except Exception:  # noqa: BLE001 (as above)
            return False
        trace, (wanted,) = self._network.ask(pictures, self._objective, wrt=IMAGE)
        right = trace.gradient(wanted, IMAGE)
        near = torch.linalg.vector_norm(gradient - right) <= _OFF * torch.linalg.vector_norm(right)
        return bool(near) and torch.allclose(score, wanted.detach(), rtol=1e-3, atol=1e-5)


def _watched_back(model: nn.Module) -> bool:
    """Whether somebody watches gradients on their way: then they are to go there."""
    return any(module._backward_hooks or module._backward_pre_hooks for module in model.modules())  # noqa: SLF001
