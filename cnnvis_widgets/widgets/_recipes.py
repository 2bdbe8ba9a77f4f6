"""Recipes as the laboratory's sliders have them: one flat dict of plain JSON, over the recipe it began as."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import traitlets

from ..engine.errors import AscentError, suggestion
from ._options import told

#: Recipes by the engine's names, and what the page calls them.
TITLES = {
    "standard": "Fourier, robust",
    "smooth": "Fourier, smoother",
    "octaves": "Fourier, octaves",
    "pixels": "Pixels, robust",
    "laplacian": "Laplacian, robust",
    "maco": "MaCo",
    "plain": "Pixels, bare",
}
OBJECTIVES = ("mean", "center", "square", "peak")
_PENALTIES = {"l2": "L2", "l1": "L1", "tv": "TotalVariation", "blur": "Blur"}


class RecipeTrait(traitlets.Dict):
    """A recipe: a dict of the sliders, a `Recipe` of the engine, or the name of one."""

    def validate(self, obj: Any, value: Any) -> Any:
        """The dict of the sliders."""
        return super().validate(obj, settings(value))


def settings(given: Any) -> dict[str, Any]:
    """What a person may give, as the dict of the sliders; dicts with some of its keys change the standard recipe.

    Raises
    ------
    AscentError
        If it is none, or cannot be climbed with.
    """
    from ..engine.recipe import Recipe

    if isinstance(given, str):
        return flat(Recipe.named(given), given)
    if isinstance(given, Recipe):
        return flat(given)
    if not isinstance(given, Mapping):
        msg = f"A recipe is {told(given)}: give a Recipe, the name of one, or a dict of some sliders, such as {{'jitter': 16}}."
        raise AscentError(msg)
    started = flat(Recipe.named(given.get("preset") or "standard"), str(given.get("preset", "standard")))
    unknown = sorted(given.keys() - started.keys(), key=str)
    if unknown:
        msg = f"A recipe of the laboratory has no {unknown[0]!r}. {suggestion(str(unknown[0]), started)}"
        raise AscentError(msg)
    found = {**started, **given}
    recipe_of(found)
    _one(OBJECTIVES, found["objective"], "objective")
    return found


def flat(recipe: Any, preset: str = "", objective: str = "mean") -> dict[str, Any]:
    """A `Recipe` as the sliders show it; what they cannot show stays in `base`."""
    transforms, octaves, optimizer = recipe.transforms, recipe.octaves, recipe.optimizer
    weights = {type(each).__name__: each.weight for each in recipe.regularizers}
    return {
        "preset": preset,
        "base": recipe.as_dict(),
        "objective": objective,
        "painted": type(recipe.parameterization).__name__.lower(),
        "climber": type(optimizer).__name__.lower(),
        "rate": optimizer.rate,
        "steps": recipe.steps,
        "pad": transforms.pad,
        "jitter": transforms.jitter,
        "scale": list(transforms.scale),
        "rotate": transforms.rotate,
        "settle": transforms.settle,
        "octaves": octaves.count,
        "ratio": octaves.ratio,
        "alpha": recipe.alpha,
        **{key: weights.get(name, 0.0) for key, name in _PENALTIES.items()},
    }


def recipe_of(chosen: Mapping[str, Any], unit: float = 1.0) -> Any:
    """The `Recipe` that the sliders describe; `unit` is what its weights are multiples of, unless the recipe has one of its own.

    Raises
    ------
    AscentError
        If it cannot be climbed with.
    """
    from ..engine import parameterization, regularizers
    from ..engine.recipe import LBFGS, Adam, Octaves, Plain, Recipe
    from ..engine.transforms import Transforms

    base = Recipe.of_dict(chosen["base"])
    known = {type(each).__name__: each for each in base.regularizers}
    kinds = {"adam": Adam, "plain": Plain, "lbfgs": LBFGS}
    painted = {name.lower(): getattr(parameterization, name) for name in ("Fourier", "Pixels", "Laplacian", "MaCo")}
    penalties = {name: chosen[key] for key, name in _PENALTIES.items() if chosen[key]}
    if not isinstance(chosen["alpha"], bool):
        msg = f"alpha is {told(chosen['alpha'])}: give True where parts of the picture may be transparent, else False."
        raise AscentError(msg)
    return replace(
        base,
        parameterization=_as(base.parameterization, painted[_one(painted, chosen["painted"], "parameterization")]),
        transforms=Transforms(**{name: chosen[name] for name in ("pad", "jitter", "scale", "rotate", "settle")}),
        regularizers=tuple(
            replace(known[name], weight=weight) if name in known else getattr(regularizers, name)(weight)
            for name, weight in penalties.items()
        ),
        optimizer=replace(_as(base.optimizer, kinds[_one(kinds, chosen["climber"], "optimizer")]), rate=chosen["rate"]),
        steps=chosen["steps"],
        octaves=Octaves(chosen["octaves"], chosen["ratio"]),
        alpha=chosen["alpha"],
        unit=base.unit if base.unit != 1 or not penalties else unit,
    )


def needs_unit(chosen: Mapping[str, Any]) -> bool:
    """Whether it has penalties whose weights wait for the unit's response."""
    return chosen["base"].get("unit", 1) == 1 and any(chosen[key] for key in _PENALTIES)


def bare(chosen: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """The same with nothing that holds the picture back, for some steps."""
    return {**chosen, **dict.fromkeys(_PENALTIES, 0.0), "steps": steps, "octaves": 1}


def presets() -> list[dict[str, Any]]:
    """What there is to begin with."""
    from ..engine.recipe import NAMED, Recipe

    return [
        {"key": name, "title": title, "recipe": flat(Recipe.named(name), name)}
        for name, title in TITLES.items()
        if name in NAMED
    ]


def _as(part: Any, kind: type) -> Any:
    """The part itself if it is of that kind, else one with defaults."""
    return part if type(part) is kind else kind()


def _one(known: Collection[str], name: Any, what: str) -> str:
    """The name itself, if there is something called so."""
    if not isinstance(name, str) or name not in known:
        msg = f"There is no {what} {told(name)}. {suggestion(str(name), known)}"
        raise AscentError(msg)
    return name
