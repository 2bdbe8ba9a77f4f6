"""A network's operations, read off when they are first asked for and kept as long as its weights stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .flow import Flow, read_flow
from .network import Network
from .objectives import Objective, classes_read
from .thin_gradient import lean_heads

#: For so many questions the operations of a network are kept, each with weights of its own.
_KEPT = 3


def flow_of(
    network: Network,
    image: Tensor,
    objectives: Sequence[Objective],
    calls: tuple[tuple[nn.Module, int], ...],
    state: Any,
    precision: str = "float32",
) -> tuple[Flow, list[int] | None]:
    """The operations, and the classes that they give if not all.

    Parameters
    ----------
    network
        In evaluation mode.
    image
        (N, C, H, W), a picture that will be asked about.
    objectives
        What is asked.
    calls
        Of which modules' calls the output is wanted.
    state
        `state_of(network)`.
    precision
        "float32" (the network's own) or "bfloat16".

    Raises
    ------
    FlowError
        If torch.fx cannot follow the model.
    """
    named = classes_read(objectives) if any(each.logits for each in objectives) else None
    classes = None if named is None else sorted({network.class_index(one) for one in named})
    head = None
    if classes and network._answers_in_part(image):  # noqa: SLF001
        heads = lean_heads(network.model, network.classes, len(classes))
        head = heads[0] if len(heads) == 1 else None
    known = network._flows  # noqa: SLF001
    if known.get("state") != state:
        known.clear()
        known["state"] = state
    key = calls, precision
    if key not in known:
        others = [each for each in known if each != "state"]
        for old in others[: max(0, len(others) + 1 - _KEPT)]:
            del known[old]
        flow = read_flow(network.model, calls)
        known[key] = flow.lowered(torch.bfloat16) if precision == "bfloat16" else flow
    flow = known[key]
    lean = flow.lean(head, classes) if head is not None and classes else None
    return (flow, None) if lean is None else (lean, classes)


def among(some: Tensor, classes: Sequence[int], count: int) -> Tensor:
    """Scores of some classes among all, the others NaN."""
    made = some.new_full((len(some), count, *some.shape[2:]), torch.nan)
    made[:, list(classes)] = some
    return made


def state_of(network: Network) -> tuple[Any, ...]:
    """What changes when a model is trained, loaded, taken apart, watched or edited."""
    found: list[Any] = [id(network.output), *map(id, network._edits)]  # noqa: SLF001 (its own engine)
    tensors: list[Tensor | None] = []
    modules: list[Any] = [network.model]
    for module in modules:  # which grows meanwhile
        inside = module.__dict__
        ahead, after = inside["_forward_pre_hooks"], inside["_forward_hooks"]
        back_ahead, back = inside["_backward_pre_hooks"], inside["_backward_hooks"]
        if ahead or after or back_ahead or back or "forward" in inside:
            counts = len(ahead), len(after), len(back_ahead), len(back)
            found += (id(module), *counts, "forward" in inside)
        tensors += module._parameters.values()  # noqa: SLF001 (a scripted part has them elsewhere)
        tensors += module._buffers.values()  # noqa: SLF001
        modules += [part for part in module._modules.values() if part is not None]  # noqa: SLF001
    return (*found, *map(id, modules), *map(id, tensors), *map(_version, tensors))


def _version(tensor: Tensor | None) -> int:
    """How often it was written to; made under inference mode, tensors do not know."""
    return -1 if tensor is None or tensor.is_inference() else tensor._version
