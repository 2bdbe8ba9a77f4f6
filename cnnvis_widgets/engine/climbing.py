"""Ascents as steps that can be shown: what the methods that synthesize pictures share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from .ascent import Ascent
from .beginnings import Start, objectives_of, seeds_of, starts_of
from .errors import AscentError
from .network import Network
from .objectives import Target
from .plain_numbers import whole
from .recipe import LBFGS, Recipe
from .steps import Step, Steps
from .synthesis import Synthesis

_TOLD, _UNTOLD = 16, 8


def climbed(
    network: Network,
    objective: Target | Sequence[Target],
    recipe: Recipe | str,
    *,
    size: int | tuple[int, int] | None,
    start: Start,
    seed: int | Sequence[int],
    batch: int,
    title: str,
) -> Steps[Synthesis]:
    """Climb one or several objectives, some at once; what is wrong with them is said at once, before the first step."""
    recipe = Recipe.of(recipe)
    objectives, single = objectives_of(objective, network)
    seeds = seeds_of(seed, len(objectives), alike=True)
    if whole(batch) < 1:
        msg = f"batch is {batch!r}: give how many pictures are climbed together, at least 1."
        raise AscentError(msg)
    together = 1 if isinstance(recipe.optimizer, LBFGS) else whole(batch)
    starts = starts_of(start, len(objectives))

    def begun(first: int) -> Ascent:
        part = slice(first, first + together)
        begin = starts[part] if len(starts) > 1 else starts[0]
        return Ascent(network, objectives[part], recipe, size=size, start=begin, seed=seeds[part])

    first = begun(0)  # now, so that errors come now
    return Steps(_climb(begun, first, len(objectives), together, title, single=single), recipe.steps * len(objectives))


def _climb(
    begun: Callable[[int], Ascent], ascent: Ascent, count: int, together: int, title: str, *, single: bool
) -> Generator[Step[Synthesis], None, None]:
    parts: list[Synthesis] = []
    steps = ascent.recipe.steps
    # A picture takes a moment to be drawn, so that not every step is told of a short ascent; of a long one, it can be stopped soon.
    told = max(1, min(_UNTOLD, steps // _TOLD))
    for first in range(0, count, together):
        ascent = begun(first) if first else ascent
        while not ascent.finished:
            ascent.step()
            if ascent.done % told == 0 and not ascent.finished:
                done = steps * first + ascent.done * ascent.count
                yield Step(
                    done, steps * count, Synthesis.together([*parts, Synthesis.of(ascent, title)], single=single)
                )
        parts.append(Synthesis.of(ascent, title, measured=True))
        yield Step(steps * (first + ascent.count), steps * count, Synthesis.together(parts, single=single))
