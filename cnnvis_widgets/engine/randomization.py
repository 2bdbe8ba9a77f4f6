"""Copies of a network whose weights are drawn anew, layer by layer. The user's own module is only read."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .agreement import rank_correlation
from .errors import ModelError
from .forward import lock_of
from .network import Network


@dataclass(frozen=True, eq=False)
class Weights:
    """Parts of a network that are drawn anew together: a convolution or linear layer, and the norms after it.

    Attributes
    ----------
    name : str
        Of the layer.
    modules : tuple of str
        Names of the modules within the model; "" is the model itself.
    """

    name: str
    modules: tuple[str, ...]


def weights_from_the_output(network: Network, most: int | None = None) -> tuple[Weights, ...]:
    """Everything in a network that has weights, the last to run first.

    Parameters
    ----------
    most
        Neighbors are joined until there are no more than this; by default each layer stands alone.

    Raises
    ------
    ModelError
        If the network has no weights.
    """
    found: list[Weights] = []
    waiting: list[str] = []
    modules = dict(network.model.named_modules())
    for name in _in_reverse(network):
        waiting.append(name)
        if any(parameter.ndim > 1 for parameter in modules[name].parameters(recurse=False)):
            found.append(Weights(name, tuple(waiting)))
            waiting = []
    if waiting:
        found.append(Weights(waiting[-1], tuple(waiting)))
    if not found:
        msg = f"{network.name} has no weights that could be drawn anew."
        raise ModelError(msg)
    if most is None or len(found) <= most:
        return tuple(found)
    return tuple(_joined([found[index] for index in part]) for part in np.array_split(np.arange(len(found)), most))


def separate(network: Network) -> Network:
    """The same network around a copy of its module, which may be changed.

    Raises
    ------
    ModelError
        If the module cannot be copied.
    """
    other = copy.copy(network)
    try:
        # The lock: no hook of ours hangs on it meanwhile. The mode: the copy can be differentiated through.
        with lock_of(network.model), torch.inference_mode(mode=False):
            other.model = copy.deepcopy(network.model)
    except Exception as error:
        msg = f"{network.name} cannot be copied ({error}), and the weights of the original stay as they are."
        raise ModelError(msg) from error
    other._layers, other._mutated = None, set()  # noqa: SLF001 (a copy of the network knows its own module)
    return other


def redraw(network: Network, weights: Weights, seed: int) -> None:
    """Draw weights anew, in place: by each module's own `reset_parameters`; where there is none, they are shuffled.

    What comes out depends on the seed and the module's name alone, not on the order of calls.
    """
    for name in weights.modules:
        with torch.random.fork_rng(devices=[]), torch.inference_mode(mode=False), torch.no_grad():
            entropy = np.random.SeedSequence([seed, *name.encode()]).generate_state(1)[0]
            torch.default_generator.manual_seed(int(entropy))  # torch.manual_seed would reach other devices' too
            _redraw(network.model.get_submodule(name))


def similarity(intact: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of the strength of two maps (h, w), sign left out.

    A map that is the same everywhere has no ranks: two such maps count as equal (1), one of them as unlike the other (0).
    """
    grid = None if intact.shape == other.shape else 28
    found = rank_correlation(intact, other, grid)
    if np.isfinite(found):
        return found
    return float(_flat(intact) and _flat(other))


def _in_reverse(network: Network) -> list[str]:
    """The names of all modules with weights of their own, the last to run first.

    A module that is never called (its weights are used by the module around it) stands where that one does.
    """
    names = {id(module): name for name, module in network.model.named_modules()}
    turn = {names.get(id(layer.address.module)): place for place, layer in enumerate(network.layers)}

    def place(name: str) -> int:
        while name and name not in turn:
            name = name.rpartition(".")[0]
        return turn.get(name, -1)

    owners = [
        name
        for name, module in network.model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    latest = sorted(enumerate(owners), key=lambda each: (place(each[1]), each[0]), reverse=True)
    return [name for _, name in latest]


def _joined(several: Sequence[Weights]) -> Weights:
    return Weights(several[-1].name, tuple(name for each in several for name in each.modules))


def _redraw(module: nn.Module) -> None:
    if not callable(getattr(module, "reset_parameters", None)):
        for parameter in module.parameters(recurse=False):
            _shuffle(parameter)
        return
    fresh = copy.deepcopy(module).cpu()  # on the CPU, so that a seed means the same everywhere
    fresh.reset_parameters()  # type: ignore[operator]
    for own, new in (
        (module.named_parameters(recurse=False), dict(fresh.named_parameters(recurse=False))),
        (module.named_buffers(recurse=False), dict(fresh.named_buffers(recurse=False))),
    ):
        for name, tensor in own:
            tensor.copy_(new[name])


def _shuffle(parameter: Tensor) -> None:
    order = torch.randperm(parameter.numel()).to(parameter.device)
    parameter.copy_(parameter.reshape(-1)[order].reshape(parameter.shape))


def _flat(values: np.ndarray) -> bool:
    return not np.isfinite(values).all() or bool((np.abs(values) == np.abs(values).flat[0]).all())
