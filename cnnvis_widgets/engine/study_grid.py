"""What a study of regularization compares: recipes that change one thing, each over the values it may have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .errors import EvaluationError, suggestion
from .parameterization import Pixels
from .recipe import Octaves, Recipe
from .regularizers import L2, TotalVariation
from .transforms import NONE, RANGES, STANDARD

Grid: TypeAlias = "Sequence[str] | Mapping[str, Sequence[float] | Recipe] | str | None"

#: What every variant changes one thing of: pixels, climbed as they are.
BARE = Recipe(Pixels(), NONE)
#: The key of what all are compared with.
BASELINE = "none"


@dataclass(frozen=True)
class Family:
    """One thing that can be changed, and how far.

    Attributes
    ----------
    key, title : str
        Its name in code, and on the screen.
    values : tuple of float
        Those it is tried with; empty where there is only one way.
    changed
        (recipe, value) -> the recipe with it.
    written
        A value as text with its unit.
    lectures : (float, float) or None
        The range that lectures on feature visualization recommend.
    penalty : bool
        Whether the value is the weight of a penalty, in shares of the response of the unregularized ascent.
    """

    key: str
    title: str
    values: tuple[float, ...]
    changed: Callable[[Recipe, float], Recipe]
    written: Callable[[float], str]
    lectures: tuple[float, float] | None = None
    penalty: bool = False


@dataclass(frozen=True)
class Variant:
    """One recipe of a study.

    Attributes
    ----------
    family, title : str
        What it changes (a key of the grid), and how it is called with its value.
    value : float or None
        How far; None where there is only one way.
    recipe : Recipe
        How pictures are climbed; penalties still without their unit.
    penalty : bool
        Whether the unit of its penalties is the response of the unregularized ascent.
    """

    family: str
    title: str
    value: float | None
    recipe: Recipe
    penalty: bool = False


def _transformed(**changes: Callable[[float], object]) -> Callable[[Recipe, float], Recipe]:
    def changed(recipe: Recipe, value: float) -> Recipe:
        given = {name: made(value) for name, made in changes.items()}
        return replace(recipe, transforms=replace(recipe.transforms, **given))  # type: ignore[arg-type]

    return changed


def _penalized(kind: type[L2 | TotalVariation]) -> Callable[[Recipe, float], Recipe]:
    return lambda recipe, value: replace(recipe, regularizers=(*recipe.regularizers, kind(value)))


def _plainly(value: float) -> str:
    return f"{value:g}"


# The least weights do next to nothing; with the greatest, the largest penalty there is (L2 0.25, total variation 2) costs many times
# what can be won, and pictures go gray: the best lies between.
FAMILIES = (
    Family(BASELINE, "No regularization", (), lambda recipe, _: recipe, _plainly),
    Family("l2", "L2", (0.3, 1, 3, 10, 30), _penalized(L2), _plainly, penalty=True),
    Family("tv", "Total variation", (0.1, 0.3, 1, 3, 10), _penalized(TotalVariation), _plainly, penalty=True),
    Family("jitter", "Jitter", (8, 16, 32, 64), _transformed(jitter=round), "{:g} px".format, RANGES["jitter"]),
    Family(
        "scale",
        "Scale",
        (1.1, 1.2, 1.4),
        _transformed(scale=lambda value: (min(1.0, value), max(1.0, value))),
        _plainly,
        RANGES["scale"],
    ),
    Family("rotate", "Rotate", (15, 45, 90, 180), _transformed(rotate=float), "{:g}°".format, RANGES["rotate"]),
    Family("standard", "Standard transforms", (), lambda recipe, _: replace(recipe, transforms=STANDARD), _plainly),
    Family(
        "octaves",
        "Octaves",
        (1.05, 1.1, 1.2),
        lambda recipe, value: replace(recipe, octaves=Octaves(4, value)),
        _plainly,
        RANGES["octave"],
    ),
    Family("fourier", "Fourier, standard", (), lambda recipe, _: Recipe(steps=recipe.steps), _plainly),
)
_KNOWN = {family.key: family for family in FAMILIES}


def family(key: str) -> Family | None:
    """The family of a key; None for a recipe of the user's own."""
    return _KNOWN.get(key)


def variants_of(grid: Grid, steps: int) -> tuple[Variant, ...]:
    """The recipes of a grid, what all are compared with first.

    Parameters
    ----------
    grid
        None: everything. Keys among "l2", "tv", "jitter", "scale", "rotate", "standard", "octaves" and "fourier"; or a mapping from
        keys to values, and from names of your own to a `Recipe`.
    steps
        Of every ascent, also of recipes of your own, so that all have the same.

    Raises
    ------
    EvaluationError
        If there is no such key, or a value is none.
    """
    given = [key for key in _KNOWN if key != BASELINE] if grid is None else [grid] if isinstance(grid, str) else grid
    if not isinstance(given, Iterable):
        msg = f"The grid is {grid!r}: give keys such as ['l2', 'tv'], or a mapping from keys to values."
        raise EvaluationError(msg)
    pairs = list(given.items()) if isinstance(given, Mapping) else [(key, None) for key in given]
    made = [Variant(BASELINE, _KNOWN[BASELINE].title, None, replace(BARE, steps=steps))]
    for key, values in pairs:
        if key != BASELINE:
            made += _variants(str(key), values, steps)
    return tuple(made)


def _variants(key: str, values: object, steps: int) -> list[Variant]:
    if isinstance(values, Recipe):
        return [Variant(key, key, None, replace(values, steps=steps))]
    if key not in _KNOWN:
        msg = f"There is no regularization {key!r}. {suggestion(key, _KNOWN)} Or give a mapping from your name to a Recipe."
        raise EvaluationError(msg)
    one = _KNOWN[key]
    bare = replace(BARE, steps=steps)
    if not one.values:
        return [Variant(key, one.title, None, one.changed(bare, 0.0))]
    tried = one.values if values is None else values
    found = []
    each: Any = tried if isinstance(tried, Iterable) and not isinstance(tried, str) else [tried]
    for value in each:
        try:
            title = f"{one.title} {one.written(value)}"
            found.append(Variant(key, title, float(value), one.changed(bare, value), one.penalty))
        except (ValueError, TypeError) as error:
            raise EvaluationError(f"{one.title} cannot be {value!r}: {error}") from error
    return found
