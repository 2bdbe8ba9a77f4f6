"""What can go wrong, each said in one sentence: what was given, what exists, what to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CnnvisError(Exception):
    """Base of every error this package raises on purpose."""


class LayerError(CnnvisError, LookupError):
    """A layer, channel or position that the network does not have, or that a method cannot use."""


class TargetError(CnnvisError, LookupError):
    """A class or objective that the network does not have."""


class ImageError(CnnvisError, ValueError):
    """A picture that cannot be read, or does not fit the network."""


class WeightsError(CnnvisError, ValueError):
    """Weights that cannot be loaded, or do not fit the architecture."""


class ModelError(CnnvisError, ValueError):
    """A model that does not exist, or cannot be run as it is."""


class GradientError(CnnvisError, RuntimeError):
    """A gradient that was asked for but never recorded."""


class AscentError(CnnvisError, ValueError):
    """A picture that cannot be climbed towards: an unknown recipe, a range that is none, an objective that nothing leads up to."""


class EvaluationError(CnnvisError, ValueError):
    """An explanation that cannot be measured: an unknown measure, a map that does not fit, a method that failed on a scene."""


#: What models raise at a picture of a size they do not take; anything else is a fault of their own, which is passed on.
SIZE_REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError)


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names most like `name`, best first.

    Examples
    --------
    >>> nearest("fetures.3", ["features.3", "classifier.1"])
    ['features.3']
    """
    known = list(known)
    folded = {item.lower(): item for item in reversed(known)}
    close = difflib.get_close_matches(name.lower(), list(folded), count, cutoff=0.5)
    inside = [item for item in known if name and name.lower() in item.lower()]
    return list(dict.fromkeys([folded[item] for item in close] + inside))[:count]


def suggestion(name: str, known: Iterable[str]) -> str:
    """`Did you mean …?`, or the first names that exist."""
    known = list(known)
    close = nearest(name, known)
    if close:
        return "Did you mean " + " or ".join(repr(item) for item in close) + "?"
    shown = ", ".join(repr(item) for item in known[:6])
    return f"It has {shown}{', …' if len(known) > 6 else ''}."
