"""Traits that travel: what a user may set, and what the widget tells."""

from __future__ import annotations

from typing import Any, TypeVar

from traitlets import TraitType

Trait = TypeVar("Trait", bound=TraitType[Any, Any])


def option(trait: Trait, ts: str | None = None) -> Trait:
    """A synced trait that may be given to the constructor. `ts` is its TypeScript type, where traitlets cannot say it."""
    return trait.tag(sync=True, option=True, ts=ts)


def state(trait: Trait, ts: str | None = None) -> Trait:
    """A synced trait that the widget sets itself."""
    return trait.tag(sync=True, ts=ts)
