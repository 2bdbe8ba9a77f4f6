"""The deconvolutional network made by hand, each stage kept to be looked at."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ..engine.errors import GradientError, TargetError
from ..engine.forward import Forward, evaluating, lock_of
from ..engine.gradients import as_array, refuse_without_relu
from ..engine.images import ImageLike, to_uint8
from ..engine.network import Network
from ..engine.objectives import Objective, Target, one_by_one, unit_squared
from ..engine.rectifier import as_relu
from ..engine.stages import Deed, Stage, Stages
from ..engine.tape import Node, Tape
from ..engine.trace import Trace
from ..engine.undo import undo

#: What an objective reads of the layers: name -> (node, output).
Read: TypeAlias = "dict[str, tuple[Node, Tensor]]"


def deconvnet_steps(
    network: Network, image: ImageLike, target: Target | None = None, *, unit: str | None = None
) -> Stages:
    """The way back from a class or a unit to one picture, operation by operation: unpool, rectify, filter.

    It equals `deconvnet`, which leaves the same way to automatic differentiation.

    Parameters
    ----------
    network
        The network to explain; it must have ReLUs.
    image
        One picture: anything `Network.read` takes.
    target
        A class index, a label, an `Objective` or a function of the output; by default the most probable class.
    unit
        Begin at a unit instead: "layer:channel" at its strongest position, or "layer:channel@row,column".

    Returns
    -------
    Stages
        In the order of computing, from the target to the pixels.

    Raises
    ------
    GradientError
        If the network computes no ReLU on the way.
    LayerError
        If there is no such unit.
    TargetError
        If there is no such class, or both a target and a unit are given.

    References
    ----------
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.
    """
    if unit is not None and target is not None:
        msg = f"DeconvNet begins at a target or at a unit: give {unit!r} or the target, not both."
        raise TargetError(msg)
    picture = network.read(image)[:1].detach()
    objective = unit_squared(unit, network) if unit is not None else one_by_one(target, network, picture)[0][1]
    with torch.inference_mode(mode=False), torch.no_grad():
        tape, start, read, output = _recorded(network, picture, objective)
        signals = _begin(network, tape, objective, picture, read, output)
        stages, relus = _back(tape, signals)
    if not any(as_relu(each.function, *each.arguments) for each in tape.operations):
        raise refuse_without_relu(network, "deconvnet")
    arrived = signals.get(start)
    values = np.zeros(tuple(picture.shape[1:]), np.float32) if arrived is None else as_array(arrived)[0]
    return Stages(tuple(stages), values, objective.name, to_uint8(picture)[0], relus)


def _recorded(network: Network, picture: Tensor, objective: Objective) -> tuple[Tape, Node, Read, object]:
    """One forward pass with every operation noted, what the objective reads in it, and its output."""
    tape, read = Tape(), {}

    def note(name: str, tensor: Tensor) -> None:
        tape.name(name, tensor)
        node = tape.node(tensor)
        if name in objective.layers and node is not None:
            read[name] = node, tensor.detach().clone()

    def normalized() -> Tensor:
        tape.operations.clear()
        made = network._input(picture)  # noqa: SLF001 (as a trace does)
        tape.prologue = len(tape.operations)
        return made

    forward = Forward(network.model, {layer.name: layer.address for layer in network.layers}, summary=note)
    with lock_of(network.model), evaluating(network.model):
        start = tape.follow(picture)
        with tape:
            output = forward.run(normalized)
    return tape, start, read, output


def _begin(
    network: Network, tape: Tape, objective: Objective, picture: Tensor, read: Read, output: object
) -> dict[Node, Tensor]:
    """The signal at what the objective reads: its derivative there."""
    leaves, structure = tree_flatten(output)
    heads = {place: node for place, leaf in enumerate(leaves) if (node := tape.node(leaf)) is not None}
    nodes = [*heads.values(), *(node for node, _ in read.values())]
    given = [*(leaves[place] for place in heads), *(tensor for _, tensor in read.values())]
    sources = [each.detach().clone().requires_grad_() for each in given]
    trace = Trace(network, picture, ("output",))
    with torch.enable_grad():
        replaced = dict(zip(heads, sources, strict=False))
        trace.output = tree_unflatten([replaced.get(place, leaf) for place, leaf in enumerate(leaves)], structure)
        trace._kept = dict(zip(read, sources[len(heads) :], strict=True))  # noqa: SLF001 (a trace of what was recorded)
        trace._logits = network.output(trace.output) if objective.logits else None  # noqa: SLF001
        score = objective(trace).sum()
        if not score.requires_grad:
            msg = f"The score of {objective.name} does not depend on the picture in a way that can be differentiated."
            raise GradientError(msg)
        found = torch.autograd.grad(score, sources, allow_unused=True)
    return {node: signal for node, signal in zip(nodes, found, strict=True) if signal is not None}


def _back(tape: Tape, signals: dict[Node, Tensor]) -> tuple[list[Stage], int]:
    """Undo every operation that a signal reaches, last first; what is left in `signals` has arrived."""
    first = max(signals)
    stages = [_stage(tape.layers.get(first, ""), "start", "the signal begins", signals[first], signals[first])]
    relus = 0
    normalized = None  # the signal at the normalized picture: how that was made is one stage
    for index, operation in reversed(list(enumerate(tape.operations))):
        signal = signals.pop(operation.output, None)
        if signal is None:
            continue
        if index < tape.prologue and normalized is None:
            normalized = signal
        done = undo(operation, signal, {place: tape.shapes[node] for place, node in operation.sources.items()})
        handed = dict.fromkeys(operation.sources, signal) if done is None else done.signals
        for place, back in handed.items():
            node = operation.sources[place]
            signals[node] = signals[node] + back if node in signals else back
        if done is not None and normalized is None:
            relus += done.deed == "rectify"
            leaving = next(iter(handed.values())) if len(handed) == 1 else signal
            layer = tape.layers.get(operation.output, "")
            stages.append(_stage(layer, done.deed, done.text, signal, leaving, operation.switches))
    if normalized is not None and signals:
        (arrived,) = signals.values()
        if not torch.equal(arrived, normalized):
            stages.append(_stage("", "scale", "from the normalized picture back to pixels in [0, 1]", normalized, arrived))
    return stages, relus


def _stage(
    layer: str, deed: Deed, text: str, before: Tensor, signal: Tensor, switches: Tensor | None = None
) -> Stage:
    places = None if switches is None else switches[0].to(torch.int32).cpu().numpy()
    return Stage(layer, deed, text, _maps(before), _maps(signal), places)


def _maps(signal: Tensor) -> np.ndarray:
    """One picture's signal as (C, h, w)."""
    values = as_array(signal)[0]
    if values.ndim == 3:
        return values
    return values.reshape(-1, 1, 1) if values.ndim < 2 else values[..., None]
