"""Shares of a batch computed side by side, each by a thread of its own.

torch shares every single operation out among the cores and waits for all of them before the next; small maps do not keep two cores
busy that way. A share a core has no one to wait for.
"""

from __future__ import annotations

import copy
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from typing import TypeVar

import torch
from torch import nn

from .layers import Layer
from .network import Network

T = TypeVar("T")
_TRIAL_SIDE = 224  # the first size a network without one of its own is tried at


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all tasks; the first error of one of them, once all have ended."""
    running = [_hands(len(tasks)).submit(task) for task in tasks]
    errors = [error for each in running if (error := each.exception()) is not None]
    if errors:
        raise errors[0]
    return [each.result() for each in running]


@cache
def _hands(count: int) -> ThreadPoolExecutor:
    """Threads whose operations use one core each."""
    before = torch.get_num_threads()
    ready = threading.Barrier(count + 1)
    hands = ThreadPoolExecutor(count, "cnnvis-share", _take_one_core)
    for _ in range(count):
        hands.submit(ready.wait)  # each thread is there, and has its one core
    ready.wait()
    torch.set_num_threads(before)  # what torch gives to threads that begin later
    return hands


def _take_one_core() -> None:
    torch.get_num_threads()  # the first time a thread asks it is given what all get; only then can it be told otherwise
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_hands.cache_clear)  # a child process has no threads but its first


def twin(network: Network) -> Network | None:
    """The same network, to be asked at the same time: a module of its own with the same weights, the very same tensors.

    None where the copy might not do what the module does: somebody watches it with hooks or has replaced its `forward`, it is edited,
    or it cannot be copied.
    """
    if network._edits or any(_is_touched(module) for module in network.model.modules()):  # noqa: SLF001 (its own kind)
        return None
    model = network.model
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    try:
        copied = copy.deepcopy(model, dict(shared))
    except Exception:  # noqa: BLE001 (a model may be anything)
        return None
    if any(id(tensor) not in shared for tensor in chain(copied.parameters(), copied.buffers())):
        return None
    return network.with_model(copied)


def multiply_adds(network: Network, layers: Sequence[str] = ()) -> float:
    """How many multiply-adds the convolutions take for each pixel of a picture, up to the last of some layers; to the end if none."""
    known = list(network.layers)
    last = max((place for place, layer in enumerate(known) if layer.name in layers), default=len(known) - 1)
    total = sum(_of_convolution(layer) for layer in known[: last + 1])
    height, width = network.preprocess.size or (_TRIAL_SIDE, _TRIAL_SIDE)
    return total / (height * width)


def _of_convolution(layer: Layer) -> float:
    module = layer.address.module
    if not isinstance(module, nn.Conv2d) or len(layer.shape) != 3:
        return 0.0
    return math.prod(layer.shape) * module.weight[0].numel()


def _is_touched(module: nn.Module) -> bool:
    hooks = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks  # noqa: SLF001
    return bool(hooks) or "forward" in vars(module)
