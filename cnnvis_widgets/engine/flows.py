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
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


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
    add = found.append
    modules: list[Any] = [network.model]
    for module in modules:  # which grows meanwhile
        inside = module.__dict__
        add(id(module))
        for kind in _HOOKS:
            if inside[kind]:
                add((kind, len(inside[kind])))
        if "forward" in inside:
            add("forward")
        for tensors in (module._parameters, module._buffers):  # noqa: SLF001 (a scripted part has them elsewhere)
            for each in tensors.values():
                if each is not None:
                    add(id(each))
                    add(-1 if each.is_inference() else each._version)
        modules += [part for part in module._modules.values() if part is not None]  # noqa: SLF001
    return tuple(found)
