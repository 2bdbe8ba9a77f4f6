"""Options that say in one sentence what they were given, what they take, and what to try."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import traitlets

from ..engine.errors import AscentError, CnnvisError, LayerError

#: The largest whole number that a page knows exactly.
LARGEST = 2**53 - 1


class Option:
    """What these traits share; `takes` ends the sentence: what it is, such as what to try."""

    takes: str = ""
    wrong: type[CnnvisError] = AscentError
    name: str | None

    def read(self, value: Any) -> Any:
        """A value as the trait keeps it.

        Raises
        ------
        CnnvisError
            If it is none that the trait takes.
        """
        raise NotImplementedError

    def validate(self, _obj: Any, value: Any) -> Any:
        """What traitlets calls."""
        return self.read(value)

    def refusal(self, value: Any) -> CnnvisError:
        """The error for a value, to be raised."""
        return self.wrong(f"{self.name} is {told(value)}: give {self.takes}.")


class Number(Option, traitlets.Float[float, Any]):
    """A number between two ends."""

    def __init__(self, default: float, low: float, high: float, unit: str = "") -> None:
        super().__init__(default)
        self.low, self.high = low, high
        self.takes = f"a number from {low:g} to {high:g}{_of(unit)}, such as {default:g}"

    def read(self, value: Any) -> float:
        """As a float of Python."""
        found = plain(value)
        if not self.low <= found <= self.high:
            raise self.refusal(value)
        return float(found)


class Whole(Option, traitlets.Int[int, Any]):
    """A whole number between two ends; `such` is one to try, if the default is none."""

    def __init__(
        self,
        default: int,
        low: int,
        high: int | None = None,
        unit: str = "",
        *,
        such: str = "",
        wrong: type[CnnvisError] = AscentError,
    ) -> None:
        super().__init__(default)
        self.low, self.high, self.wrong = low, LARGEST if high is None else high, wrong
        upper = "2^53 − 1" if high == LARGEST else f"{high:,}" if high is not None else ""
        ends = f"from {low} to {upper}" if upper else f"from {low} on"
        self.takes = f"a whole number {ends}{_of(unit)}, such as {such or default}".replace("-1", "−1")

    def read(self, value: Any) -> int:
        """As an int of Python."""
        found = plain(value)
        if not self.low <= found <= self.high or found != int(found):
            raise self.refusal(value)
        return int(found)


class Choice(Option, traitlets.Enum[str]):
    """One of some words."""

    def __init__(self, values: list[str], default: str) -> None:
        super().__init__(values, default)
        self.takes = " or ".join(repr(each) for each in values)

    def read(self, value: Any) -> str:
        """As it is."""
        if not isinstance(value, str) or value not in (self.values or ()):
            raise self.refusal(value)
        return value


class LayerName(Option, traitlets.Unicode[str, Any]):
    """The name of a layer; whether the network has it is not looked at here."""

    takes = "the name of one of network.layers as a text, such as network.last_spatial_layer"
    wrong = LayerError

    def read(self, value: Any) -> str:
        """As it is."""
        if not isinstance(value, str):
            raise self.refusal(value)
        return value


def check(traits: Mapping[str, Any], options: Mapping[str, Any], leave: Iterable[str] = ()) -> None:
    """Refuse options before anything is made of them; those that a widget reads in its own way are left to it.

    Raises
    ------
    CnnvisError
        For the first value that its trait does not take.
    """
    for name in options.keys() - set(leave):
        if isinstance(traits[name], Option):
            traits[name].read(options[name])


def plain(value: Any) -> float:
    """A number of Python, numpy or torch as one of Python; NaN, which is in no range, for everything else, True and False too."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


def told(value: Any) -> str:
    """What was given, in few words.

    Examples
    --------
    >>> told("many"), told(-3), told(np.zeros((2, 2)))
    ("'many'", '-3', 'an array of 2 × 2')
    """
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {' × '.join(map(str, value.shape))}"
    if value is None or isinstance(value, (str, bytes, int, float, list, tuple, dict, set, np.generic)):
        return _short.repr(value)
    return f"of type {type(value).__name__}"


def _of(unit: str) -> str:
    return f" {unit}" if unit else ""


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
