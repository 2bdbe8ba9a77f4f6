"""A network that is asked the same thing hundreds of times, of other pictures: only what that takes is computed, there and back.

Its operations are read off (`flow`) and run as a `RoundTrip`. What they say of the first picture of each size is compared with what
the network itself says; where they differ, or cannot be read off, the network itself has to be asked.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

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
        self._compared: set[torch.Size] = set()

    def answer(self, pictures: Tensor) -> tuple[Tensor, Tensor] | None:
        """The scores of pictures (N, C, H, W), as the objective gives them, and their gradient; None: ask the network itself."""
        if not on_onednn(pictures):
            return None
        with lock_of(self._network.model):
            self._prepare(pictures)
            if self._ready is None:
                return None
            if pictures.shape not in self._compared and not self._agrees(pictures):
                self._ready = None
                return None
            return self._asked(self._ready, pictures)

    def _prepare(self, pictures: Tensor) -> None:
        """Read the operations off, once as long as the network stays; while it is trained, not at every step."""
        state = state_of(self._network)
        if state == self._state:
            return
        self._ready = self._state = None
        unsteady, self._seen = self._seen not in (None, state), state
        if unsteady:
            return
        self._state, self._compared = state, set()
        try:
            self._ready = self._made(pictures)
        except Exception:  # noqa: BLE001 (a network may do anything; to ask it itself is always right)
            self._ready = None

    def _made(self, pictures: Tensor) -> _Ready | None:
        network, objective = self._network, self._objective
        layers = {name: network.layer(name) for name in objective.layers}
        if network._edits or any(layer.address.part is not None for layer in layers.values()):  # noqa: SLF001 (its own engine)
            return None
        calls = {name: (layer.address.module, layer.address.call) for name, layer in layers.items()}
        parts = Sparing().parts(network, pictures, [objective])
        with torch.inference_mode(mode=False), torch.no_grad(), evaluating(network.model):
            flow, classes = flow_of(network, pictures, [objective], tuple(calls.values()), self._state)
        names = {name: flow.calls[call] for name, call in calls.items()}
        output = flow.output if objective.logits else None
        if output is not None and not isinstance(output, Name):
            return None
        wanted = dict.fromkeys([*names.values(), *([output] if output is not None else [])])
        trip = RoundTrip(flow, list(wanted), {flow.calls[module, 0]: part for module, part in parts.items()})
        return _Ready(trip, names, output, classes)

    def _asked(self, ready: _Ready, pictures: Tensor) -> tuple[Tensor, Tensor]:
        network, objective, trip = self._network, self._objective, ready.trip
        with torch.inference_mode(mode=False), evaluating(network.model) if trip.calls_modules else nullcontext():
            with torch.enable_grad():
                images = pictures.detach().requires_grad_()
                put_in = network._input(images)  # noqa: SLF001
            found = {name: each.requires_grad_() for name, each in trip.there(put_in.detach()).items()}
            with torch.enable_grad():
                score = objective(self._trace(ready, images, found))
                *gradients, direct = torch.autograd.grad(
                    score.sum(), [*found.values(), images], allow_unused=True, materialize_grads=False
                )
            known = {name: each for name, each in zip(found, gradients, strict=True) if each is not None}
            back = trip.back(known)
            if back is not None:
                (through,) = torch.autograd.grad(put_in, images, back)
                direct = through if direct is None else direct + through
        return score.detach(), torch.zeros_like(pictures) if direct is None else direct

    def _trace(self, ready: _Ready, images: Tensor, found: dict[str, Tensor]) -> Trace:
        network = self._network
        trace = Trace(network, images, (IMAGE,))
        trace._kept = {name: found[each] for name, each in ready.names.items()}  # noqa: SLF001
        if ready.output is not None:
            trace.output = found[ready.output]
            logits = network.output(trace.output)
            trace._logits = logits if ready.classes is None else among(logits, ready.classes, network.classes)  # noqa: SLF001
        return trace

    def _agrees(self, pictures: Tensor) -> bool:
        """Whether the network itself says the same; asked once for each size."""
        if self._ready is None:
            return False
        self._compared.add(pictures.shape)
        try:
            score, gradient = self._asked(self._ready, pictures)
        except Exception:  # noqa: BLE001
            return False
        trace, (wanted,) = self._network.ask(pictures, self._objective, wrt=IMAGE)
        right = trace.gradient(wanted, IMAGE)
        length = torch.linalg.vector_norm(right)
        near = torch.linalg.vector_norm(gradient - right) <= _OFF * length
        return bool(near) and torch.allclose(score, wanted.detach(), rtol=1e-3, atol=1e-5)
