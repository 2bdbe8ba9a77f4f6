"""One forward pass with eyes: hooks that keep, change or differentiate the outputs of modules, and are gone after it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .errors import LayerError
from .thin_gradient import Part, Thin, ThinHooks

_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_guard = threading.Lock()


class Address(NamedTuple):
    """Where a layer's output appears: a module, the how-manieth call of it, and the part of a structured output."""

    name: str
    module: nn.Module
    call: int
    part: str | int | None = None


class _Stop(BaseException):
    """Raised by a hook to end a forward pass early; no model catches it by accident."""


def lock_of(model: nn.Module) -> threading.RLock:
    """One lock per model: hooks are not thread-local, so two passes through one model must not meet."""
    with _locks_guard:
        if model not in _locks:
            _locks[model] = threading.RLock()
        return _locks[model]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode, and the random state kept; both as before afterwards."""
    training = _training(model)
    state = torch.random.get_rng_state()
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
        torch.random.set_rng_state(state)


def _training(model: nn.Module) -> list[nn.Module]:
    """The modules in training mode; `Module.modules` takes four times as long, which shows in small networks."""
    found, left = [], [model]
    while left:
        module = left.pop()
        if module.training:
            found.append(module)
        left.extend(part for part in module._modules.values() if part is not None)  # noqa: SLF001
    return found


class Forward:
    """Runs a model once and keeps what was asked for.

    Parameters
    ----------
    model
        The module to run.
    keep
        Layer name -> where its output appears.
    leaves
        Names among `keep` (or "image") that gradients will be taken with respect to: the first to be reached is cut off
        from what lies before it, and gradients are recorded from there on.
    edits
        Functions that replace outputs.
    mutated
        Names of layers whose output is overwritten in place by what follows. Updated when another one is found.
    stop
        End the pass when all of `keep` has been seen.
    summary
        Keep `summary(name, output)` in place of the output.
    thin
        Layers to differentiate in the thin way.
    parts
        Convolutions of which only some channels are computed, unless they are edited.
    """

    of_a_pass = True  # its hooks are not the user's

    def __init__(
        self,
        model: nn.Module,
        keep: Mapping[str, Address],
        *,
        leaves: Sequence[str] = (),
        edits: Sequence[tuple[Address, Callable[[Tensor], Tensor]]] = (),
        mutated: set[str] | None = None,
        stop: bool = False,
        summary: Callable[[str, Tensor], Any] | None = None,
        thin: Thin | None = None,
        parts: Mapping[nn.Module, Part] | None = None,
    ) -> None:
        self.model = model
        self.keep = keep
        self.leaves = leaves
        self.edits = edits
        self.mutated = set() if mutated is None else mutated
        self.stop = stop
        self.summary = summary
        self.thin = thin if thin and leaves else {}
        edited = {address.module for address, _ in edits}
        self.parts = {module: part for module, part in (parts or {}).items() if module not in edited}
        self.kept: dict[str, Any] = {}
        self.used: set[nn.Module] = set()  # layers that were differentiated in the thin way
        self.stopped = False

    def run(self, make_input: Callable[[], Tensor]) -> Any:
        """Run the model; the outputs are then in `kept`.

        The gradient mode at the call holds until the first leaf. If a kept output turns out to have been overwritten in
        place, the pass is run again with that output protected.
        """
        before = torch.is_grad_enabled()
        while True:
            self.kept, self.stopped = {}, False
            torch.set_grad_enabled(before)
            try:
                output, overwritten = self._once(make_input())
            except RuntimeError as error:
                # An in-place operation on a leaf that was not known to be overwritten: protect all of them, once.
                unknown = set(self.leaves) & set(self.keep) - self.mutated
                if "in-place" not in str(error) or not unknown:
                    raise
                overwritten = unknown
            if not overwritten:
                break
            self.mutated |= overwritten
        missing = [name for name in self.keep if name not in self.kept]
        if missing:
            msg = f"This forward pass never reached {', '.join(map(repr, missing))}: the model took another way."
            raise LayerError(msg)
        return output

    def _once(self, x: Tensor) -> tuple[Any, set[str]]:
        self._thread = threading.get_ident()
        self._calls: dict[nn.Module, int] = {}
        self._versions: dict[str, int] = {}
        self._detached = not self.leaves or "image" in self.leaves
        watched: dict[nn.Module, None] = dict.fromkeys(a.module for a in self.keep.values())
        watched.update(dict.fromkeys(address.module for address, _ in self.edits))
        thin = ThinHooks(self.thin, self.parts)
        handles: list[Any] = [thin]
        handles += [module.register_forward_hook(self._seen) for module in watched]
        output = None
        try:
            output = self.model(x)
        except _Stop:
            self.stopped = True
        finally:
            for handle in handles:
                handle.remove()
        self.used = thin.used
        return output, {name for name, version in self._versions.items() if self.kept[name]._version != version}

    def _seen(self, module: nn.Module, _args: Any, output: Any) -> Any:
        """The hook: called when `module` has an output."""
        if threading.get_ident() != self._thread:
            return None  # somebody else runs the model meanwhile
        call = self._calls.get(module, 0)
        self._calls[module] = call + 1
        replaced = output
        for address, change in self.edits:
            if address.module is module and address.call == call:
                replaced = put(replaced, address.part, _edited(pick(replaced, address.part), change, address.name))
        for name, address in self.keep.items():
            if address.module is module and address.call == call:
                replaced = put(replaced, address.part, self._keep(name, pick(replaced, address.part)))
        if self.stop and len(self.kept) == len(self.keep):
            raise _Stop
        return replaced if replaced is not output else None

    def _keep(self, name: str, tensor: Tensor) -> Tensor:
        """Keep an output, and give back what the model goes on with."""
        if self.summary is not None:
            self.kept[name] = self.summary(name, tensor)
            return tensor
        if name in self.leaves and not (self._detached and tensor.requires_grad):
            self._detached = True
            torch.set_grad_enabled(True)
            tensor = tensor.detach().requires_grad_()
        self.kept[name] = tensor
        if name in self.mutated and not (self.stop and len(self.kept) == len(self.keep)):
            if not tensor.requires_grad:  # the model goes on with its own tensor, which others may share
                self.kept[name] = tensor.clone()
                return tensor
            return tensor.clone()  # the copy is overwritten, the kept one stays in the graph
        self._versions[name] = tensor._version
        return tensor


def pick(output: Any, part: str | int | None) -> Any:
    """The part of a structured output; the output itself for None."""
    return output if part is None else output[part]


def put(output: Any, part: str | int | None, value: Any) -> Any:
    """The output with one part replaced; the structure given is left as it is."""
    if part is None or output[part] is value:
        return value if part is None else output
    if isinstance(output, Mapping):
        changed = type(output)(output)  # type: ignore[call-arg]
        changed[part] = value  # type: ignore[index]
        return changed
    items = [value if index == part else item for index, item in enumerate(output)]
    return output._make(items) if hasattr(output, "_make") else type(output)(items)


def _edited(tensor: Tensor, change: Callable[[Tensor], Tensor], name: str) -> Tensor:
    changed = change(tensor)
    several = isinstance(changed, Tensor) and len(tensor) == 1 and changed.shape[1:] == tensor.shape[1:]
    if not several and (not isinstance(changed, Tensor) or changed.shape != tensor.shape):
        given = tuple(changed.shape) if isinstance(changed, Tensor) else type(changed).__name__
        msg = (
            f"The edit of {name} returned {given}; the layer's output is {tuple(tensor.shape)}: return the same shape."
        )
        raise LayerError(msg)
    return changed.clone()  # what follows may overwrite it, and it may be the caller's own
