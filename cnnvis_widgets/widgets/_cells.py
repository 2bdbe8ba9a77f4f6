"""Which notebook cell made which widgets, so that running a cell again does not pile up what the last run computed."""

from __future__ import annotations

import sys
import weakref
from typing import Protocol


class _Releasing(Protocol):
    def _release(self) -> None: ...


_made: dict[str, tuple[int, weakref.WeakSet[_Releasing]]] = {}


def release_previous(widget: _Releasing) -> None:
    """Note that this cell made `widget`; what earlier runs of the cell made lets go of what it can compute again.

    Nothing breaks: an older widget still on a screen computes again when it is asked.
    """
    where = _running_cell()
    if where is None:
        return
    cell, run = where
    last, widgets = _made.get(cell, (run, weakref.WeakSet()))
    if last != run:
        for old in list(widgets):
            old._release()  # noqa: SLF001 (the protocol of this file)
        widgets = weakref.WeakSet()
    widgets.add(widget)
    _made[cell] = (run, widgets)


def _running_cell() -> tuple[str, int] | None:
    """(id of the cell, number of its execution), in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    cell = (shell.get_parent() or {}).get("metadata", {}).get("cellId")
    return (str(cell), int(shell.execution_count)) if cell else None
