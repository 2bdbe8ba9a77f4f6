"""How a picture is climbed: parameterization, transforms, regularizers, optimizer, octaves; as one value that can be written down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from .errors import AscentError, suggestion
from .parameterization import Fourier, Laplacian, MaCo, Parameterization, Pixels
from .plain_numbers import number, whole
from .regularizers import L1, L2, Blur, Regularizer, TotalVariation
from .result_store import packed, unpacked
from .transforms import NONE, STANDARD, Transforms


@dataclass(frozen=True)
class Optimizer:
    """Base of all.

    Parameters
    ----------
    rate
        How long a step is, in units of the numbers climbed.
    """

    rate: float = 0.05

    def __post_init__(self) -> None:
        rate = number(self.rate)
        if not (math.isfinite(rate) and rate > 0):
            msg = f"rate is {self.rate!r}: give a number above 0, such as 0.05."
            raise AscentError(msg)
        object.__setattr__(self, "rate", rate)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma and Ba 2015: every number at its own pace, the usual choice."""


@dataclass(frozen=True)
class Plain(Optimizer):
    """Along the gradient.

    Parameters
    ----------
    normalized
        Whether the gradient is first divided by its mean size, as DeepDream does, so that the rate fits any network.
    """

    normalized: bool = True


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Liu and Nocedal 1989: from gradients to curvature; best without transforms, as in inversion. Pictures are climbed one by one.

    Parameters
    ----------
    memory
        How many past steps it looks back on.
    """

    rate: float = 1.0
    memory: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        memory = whole(self.memory)
        if memory < 1:
            msg = f"memory is {self.memory!r}: give how many past steps are looked back on, at least 1."
            raise AscentError(msg)
        object.__setattr__(self, "memory", memory)


@dataclass(frozen=True)
class Octaves:
    """From a small picture to the whole one, each size beginning with the one before enlarged.

    Parameters
    ----------
    count
        How many sizes; steps are shared out among them.
    ratio
        Of a size to the one before: 1.0–1.2 in feature visualization, 1.4 in DeepDream.
    """

    count: int = 1
    ratio: float = 1.4

    def __post_init__(self) -> None:
        count, ratio = whole(self.count), number(self.ratio)
        if count < 1 or not (math.isfinite(ratio) and ratio >= 1):
            msg = f"There are no octaves of count {self.count!r} and ratio {self.ratio!r}: give two numbers, each at least 1."
            raise AscentError(msg)
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "ratio", ratio)


@dataclass(frozen=True)
class Recipe:
    """How a picture is climbed.

    Parameters
    ----------
    parameterization
        How it is written as numbers: `Pixels`, `Fourier`, `Laplacian` or `MaCo`.
    transforms
        What it must survive.
    regularizers
        What it is kept from.
    optimizer
        `Adam`, `Plain` or `LBFGS`.
    steps
        How many, over all octaves.
    octaves
        From which sizes.
    alpha
        Whether each pixel also has an opacity, so that what does not matter can be left out: it is laid over noise at each step.
    patience
        Stop when the score of no picture has become better for so many steps; None: never before the last.
    unit
        What the weights of the regularizers are multiples of. With the response of an unregularized ascent, a weight says which share
        of that a penalty of 1 costs.

    Examples
    --------
    >>> Recipe(regularizers=(TotalVariation(0.5),), steps=128).code()
    'Recipe(regularizers=(TotalVariation(weight=0.5),), steps=128)'
    """

    parameterization: Parameterization = field(default_factory=Fourier)
    transforms: Transforms = STANDARD
    regularizers: tuple[Regularizer, ...] = ()
    optimizer: Optimizer = field(default_factory=Adam)
    steps: int = 256
    octaves: Octaves = field(default_factory=Octaves)
    alpha: bool = False
    patience: int | None = None
    unit: float = 1.0

    def __post_init__(self) -> None:
        several = isinstance(self.regularizers, Iterable)
        object.__setattr__(self, "regularizers", tuple(self.regularizers) if several else (self.regularizers,))
        for name, kind in _KINDS.items():
            given = getattr(self, name)
            if not isinstance(given, kind):
                msg = f"{name} is {given!r}: give one of {', '.join(each.__name__ for each in _made_of(kind))}."
                raise AscentError(msg)
        wrong = [each for each in self.regularizers if not isinstance(each, Regularizer)]
        if wrong:
            msg = (
                f"{wrong[0]!r} is no regularizer: give L2(weight), L1(weight), TotalVariation(weight) or Blur(weight)."
            )
            raise AscentError(msg)
        self._make_numbers_plain()

    def _make_numbers_plain(self) -> None:
        steps, unit = whole(self.steps), number(self.unit)
        if steps < 1:
            msg = f"steps is {self.steps!r}: give a whole number, at least 1."
            raise AscentError(msg)
        if self.patience is not None and whole(self.patience) < 1:
            msg = f"patience is {self.patience!r}: give a whole number of steps, at least 1, or None."
            raise AscentError(msg)
        if not (math.isfinite(unit) and unit >= 0):
            msg = f"unit is {self.unit!r}: give a score, 0 or more, such as the response of an unregularized ascent."
            raise AscentError(msg)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "patience", None if self.patience is None else whole(self.patience))
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "alpha", bool(self.alpha))

    @classmethod
    def of(cls, given: Recipe | str) -> Recipe:
        """A recipe as it is, or the one of a name.

        Raises
        ------
        AscentError
            If it is neither.
        """
        return given if isinstance(given, cls) else cls.named(given)  # type: ignore[arg-type]

    @classmethod
    def named(cls, name: str) -> Recipe:
        """A recipe that has a name: "standard", "plain", "pixels", "maco", "laplacian", "smooth", "octaves".

        Raises
        ------
        AscentError
            If none is called so.
        """
        if not isinstance(name, str) or name not in NAMED:
            msg = f"There is no recipe {name!r}. {suggestion(str(name), NAMED)}"
            raise AscentError(msg)
        return NAMED[name]

    def with_steps(self, steps: int) -> Recipe:
        """The same with another number of steps."""
        return replace(self, steps=steps)

    def code(self) -> str:
        """Python text that makes it, with what differs from the defaults."""
        return _code(self)

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON: what differs from the defaults, each part with its `kind`."""
        found: dict[str, Any] = _plain(self)
        return found

    @classmethod
    def of_dict(cls, given: Mapping[str, Any]) -> Recipe:
        """What `as_dict` wrote.

        Raises
        ------
        AscentError
            If a part is of a kind, or has a name, that does not exist.
        """
        if not isinstance(given, Mapping):
            msg = f"A recipe is described by what as_dict() gives, not by {type(given).__name__}."
            raise AscentError(msg)
        try:
            made = _made({"kind": "Recipe", **given})
        except (TypeError, KeyError, ValueError) as error:
            if isinstance(error, AscentError):
                raise
            msg = f"This describes no recipe ({error}): give what as_dict() gives."
            raise AscentError(msg) from error
        if not isinstance(made, cls):
            msg = f"This describes a {type(made).__name__}, not a Recipe."
            raise AscentError(msg)
        return made


_KINDS: dict[str, type] = {
    "parameterization": Parameterization,
    "transforms": Transforms,
    "optimizer": Optimizer,
    "octaves": Octaves,
}
_PARTS: dict[str, type] = {
    part.__name__: part
    for part in (
        Recipe,
        Pixels,
        Fourier,
        Laplacian,
        MaCo,
        Transforms,
        L2,
        L1,
        TotalVariation,
        Blur,
        Adam,
        Plain,
        LBFGS,
        Octaves,
    )
}
#: Recipes by name, simplest first.
NAMED: dict[str, Recipe] = {
    "plain": Recipe(Pixels(), NONE),
    "pixels": Recipe(Pixels(), STANDARD),
    "standard": Recipe(),
    "smooth": Recipe(Fourier(decay=1.5)),
    "octaves": Recipe(octaves=Octaves(4, 1.2)),
    "laplacian": Recipe(Laplacian()),
    "maco": Recipe(MaCo()),
}


def _made_of(kind: type) -> list[type]:
    """The parts there are of a kind."""
    return [part for part in _PARTS.values() if issubclass(part, kind)]


def _changed(part: Any) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    found = {}
    for each in fields(part):
        value = getattr(part, each.name)
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        same = value is default if isinstance(value, np.ndarray) else value == default
        if not same:
            found[each.name] = value
    return found


def _code(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}, dtype={value.dtype.name!r})"
    if is_dataclass(value):
        inside = ", ".join(f"{name}={_code(each)}" for name, each in _changed(value).items())
        return f"{type(value).__name__}({inside})"
    if isinstance(value, tuple) and any(is_dataclass(each) for each in value):
        return (
            "("
            + "".join(f"{_code(each)}, " for each in value)
            .removesuffix(" ")
            .removesuffix("," if len(value) > 1 else "")
            + ")"
        )
    return repr(value)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"kind": "array", **packed(value)}
    if is_dataclass(value):
        return {"kind": type(value).__name__} | {name: _plain(each) for name, each in _changed(value).items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


def _made(given: Any) -> Any:
    if isinstance(given, (list, tuple)):
        return tuple(_made(each) for each in given)
    if not isinstance(given, Mapping):
        return given
    kind = given.get("kind")
    inside = {name: each for name, each in given.items() if name != "kind"}
    if kind == "array":
        return unpacked(inside)
    if kind not in _PARTS:
        msg = f"A recipe has no part {kind!r}. {suggestion(str(kind), _PARTS)}"
        raise AscentError(msg)
    known = [each.name for each in fields(_PARTS[kind])]
    for name in inside:
        if name not in known:
            msg = f"{kind} has no {name!r}. {suggestion(name, known)}"
            raise AscentError(msg)
    return _PARTS[kind](**{name: _made(each) for name, each in inside.items()})
