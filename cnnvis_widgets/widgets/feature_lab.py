"""What a unit looks for: a picture climbed while one turns the sliders of its recipe; two recipes side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from ..engine.errors import AscentError, EvaluationError
from . import _lab_poster, _lab_study, _lab_told
from ._base import Update, Viewer, _as_network, built
from ._climb import Climb, Unit
from ._climb_code import name_of
from ._lab_comparison import Comparison
from ._lab_curves import curves
from ._lab_sides import Sides
from ._options import LARGEST, Choice, Whole, told
from ._recipes import RecipeTrait, flat, presets
from ._traits import option, state

if TYPE_CHECKING:
    from ..engine.curves import Curves
    from ..engine.study import RegularizationStudy

#: Seconds between two looks at the pictures; the task itself lets ten a second through.
_LOOK = 0.08


class FeatureLab(Viewer):
    """Climb to the picture that a unit answers to most, and turn the sliders of the recipe while it goes on.

    Two recipes, A and B, each have their own picture, film and curves. A changed slider goes on from the picture as it is.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    layer
        A layer, or a unit by its address, such as "features.9:10". By default the last layer with positions.
    channel
        Which of its channels; without one the page asks for it.
    dataset
        Pictures in which the unit's strongest patch is looked for: anything that `strongest_patches` takes.
    reference
        A picture to be compared with in its place.
    backbone
        By whose eyes distances are measured, as `perceptual_distance` takes it; by default the network itself.
    study
        What `regularization_study` found, to be shown as a table below; its recipes can be taken over.
    **options
        `recipe_a` and `recipe_b` (a `Recipe`, its name, or a dict of the sliders; by default "standard" and "plain"), `size` (side
        of the pictures in pixels; 0: that of the network), `seed`, `side` ("A" or "B": the recipe in hand), `view` ("one" or
        "both").

    Examples
    --------
    >>> lab = cw.FeatureLab(network, "residual2", 5, dataset=pictures)  # doctest: +SKIP
    >>> lab.wait() and lab.curves()  # doctest: +SKIP
    >>> print(lab.code("A"))  # doctest: +SKIP
    """

    _esm = built("feature_lab.js")
    _css = built("feature_lab.css")
    title = "Feature lab"

    recipe_a = option(RecipeTrait(), ts="LabRecipe")
    recipe_b = option(RecipeTrait(), ts="LabRecipe")
    size = option(Whole(0, 0, 4096, "pixels a side (0: that of the network)", such="128"))
    seed = option(Whole(0, 0, LARGEST))
    side = option(Choice(["A", "B"], "A"))
    view = option(Choice(["one", "both"], "one"))

    run_a = state(traitlets.Dict(), ts="LabRun | Empty")
    run_b = state(traitlets.Dict(), ts="LabRun | Empty")
    film_a: traitlets.List[Any] = state(traitlets.List(), ts="LabFrame[]")
    film_b: traitlets.List[Any] = state(traitlets.List(), ts="LabFrame[]")
    reference = state(traitlets.Dict(), ts="LabReference | Empty")
    study = state(traitlets.Dict(), ts="LabStudy | Empty")
    presets: traitlets.List[Any] = state(traitlets.List(), ts="LabPreset[]")
    ranges = state(traitlets.Dict(), ts="Record<string, [number, number]>")

    _asks: ClassVar[tuple[str, ...]] = ("layer", "channel", "recipe_a", "recipe_b", "size", "seed")
    _poster_patience: ClassVar[float] = 1.0  # the picture is wanted while it grows, not after

    def __init__(
        self,
        network: Any,
        layer: str = "",
        channel: int = -1,
        *,
        dataset: Iterable[Any] | None = None,
        reference: Any = None,
        backbone: Any = None,
        study: RegularizationStudy | None = None,
        **options: Any,
    ) -> None:
        self._check(options)
        network = _as_network(network)
        self._comparison = Comparison(network, dataset, reference, backbone)
        self._sides = Sides(network)
        self._looked, self._before = 0.0, Update({})
        self._study_of(study)
        super().__init__(network, None, **_named_unit(layer, channel), **options)
        if study is not None:
            self.show_study(study)

    # for a person in Python ---------------------------------------------------------------------------------------

    def picture(self, side: str = "A") -> np.ndarray:
        """The picture of a side as it is, float32 (C, H, W) in [0, 1]."""
        found: np.ndarray = self._climb(side).picture[0].cpu().numpy()
        return found

    def opacity(self, side: str = "A") -> np.ndarray | None:
        """How much of each pixel is there, float32 (H, W) in [0, 1], where the recipe has `alpha`; else None."""
        found = self._climb(side).opacity
        return None if found is None else np.asarray(found[0].cpu())

    def importance(self, side: str = "A") -> np.ndarray | None:
        """How much each pixel mattered on the way, float32 (H, W), where 1 is the most; None where it is not painted as MaCo."""
        found = self._climb(side).importance
        return None if found is None else np.asarray(found[0].cpu())

    def code(self, side: str = "A") -> str:
        """Python that makes the picture of a side as it is now, with what was changed on the way."""
        return self._climb(side).code(name_of(self.network))

    def distance(self, side: str = "A") -> float:
        """How far the picture of a side is from the reference; NaN where there is none."""
        return self._comparison.distance(self._climb(side).picture)

    def curves(self, what: str = "response") -> Curves:
        """The "response" or the "distance" of A and B at the steps that both have been measured at or between.

        Raises
        ------
        ValueError
            If there is nothing measured yet, or something else is asked for.
        """
        return curves(self._sides.climbs, what, self.reference.get("kind", "patch"))

    def bqplot_curves(self) -> Any:
        """A bqplot figure of responses (left axis) and distances (right axis) that follows the laboratory while it climbs.

        Raises
        ------
        ImportError
            If bqplot is not installed.
        """
        from ._lab_bqplot import figure

        return figure(self)

    def show_study(self, study: RegularizationStudy) -> None:
        """Show what `regularization_study` found, also while it is still being computed."""
        self._study_of(study)
        self.study = _lab_study.told(study)

    def restart(self, side: str | None = None) -> None:
        """Begin again with noise: one side, or both."""
        self._sides.climbs = {each: climb for each, climb in self._sides.climbs.items() if side not in (None, each)}
        self._ask()

    def go_on(self) -> None:
        """Climb on where it was stopped; what is at its end, the chosen side, goes as many steps again."""
        climb = self._sides.climbs.get(self.side)
        if climb is not None and all(each.over for each in self._sides.climbs.values()) and not climb.broken:
            climb.further()
        self._ask()

    def add_image(self, image: Any, name: str | None = None) -> int:
        """Compare with this picture from now on."""
        self._comparison.give(image, name)
        self._ask()
        return -1

    # life of a question -------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if not self._started:
            return
        if self.channel < 0:
            self._task.cancel()
            with self.hold_sync():
                self.status, self.message, self.notice = "empty", "No unit chosen", {}
                self.run_a, self.run_b, self.film_a, self.film_b, self.reference = {}, {}, [], [], {}
            return
        self.status = "busy"
        self._task.submit(self._work)

    def _received(self, widget: Any, content: Any, buffers: list[memoryview]) -> None:
        if not isinstance(content, dict) or content.get("type") != "run":
            super()._received(widget, content, buffers)
            return
        self.send({"type": "alive"})
        try:
            if content.get("restart") in ("A", "B"):
                self.restart(content["restart"])
            elif content.get("again"):
                self.go_on()
            elif self.status == "failed" and not self._task.wanted:
                self._ask()  # a page that opens says the same, so nothing may be lost by it
        except Exception as error:  # noqa: BLE001 (a bad message must not kill the widget, and must be seen)
            self._fail(error)

    def _work(self) -> Iterator[Update]:
        """Climb, the side in hand first; between steps look for the strongest patch."""
        unit, self._looked = self._unit(), 0.0
        self._sides.settle(unit, self._wanted())
        self._comparison.seek(unit)
        yield self._news(unit)
        turn = 0
        while (side := self._following(turn)) is not None or self._comparison.searching:
            turn += 1
            if self._comparison.searching and (side is None or turn % 4 == 1):
                self._comparison.look_further()
            if side is not None:
                yield from self._advance(side, unit)
            yield self._news(unit)
        self._comparison.take(unit, self._sides.climbs.values())
        for climb in self._sides.climbs.values():
            for _ in self._comparison.measure(climb):
                yield self._news(unit)
        yield self._news(unit, last=True)
        broken = [side for side, climb in self._sides.climbs.items() if climb.broken]
        if broken:
            raise BrokenError(self.side if self.side in broken else broken[0])

    def _advance(self, side: str, unit: Unit) -> Iterator[Update]:
        """One step of a side; before it, what its recipe asks for."""
        preparing = self._sides.prepare(side, unit, self._wanted())
        for _ in preparing:
            yield self._news(unit)
        climb = self._sides.climbs[side]
        with self._sides.timed(side):
            climb.step()
            self._comparison.take(unit, self._sides.climbs.values())
            next(self._comparison.measure(climb), None)

    # what the page is told ----------------------------------------------------------------------------------------

    def _news(self, unit: Unit, *, last: bool = False) -> Update:
        """All that the page does not have yet; at most every so often, as pictures take time to encode."""
        now = perf_counter()
        if not last and now - self._looked < _LOOK:
            return self._before
        self._looked = now
        said = self._sides.sentence(self._wanted(), self.side) + self._comparison.searched
        news: dict[str, Any] = {"message": said, "notice": {}, "reference": self._comparison.told(unit)}
        for side, climb in self._sides.climbs.items():  # of a side not begun yet, what was there before stays
            news[f"run_{side.lower()}"] = _lab_told.run(climb, name_of(self.network))
            film = _lab_told.film(climb)
            if _lab_told.sizes(film) != _lab_told.sizes(getattr(self, f"film_{side.lower()}")):
                news[f"film_{side.lower()}"] = film
        unknown = self._comparison.searching and not self._sides.climbs
        self._before = Update(news, None if unknown else self._sides.share)
        return self._before

    def _done(self) -> None:
        super()._done()
        self._keep_still()

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            super()._fail(error)
            if isinstance(error, BrokenError):
                self.notice = _lab_told.broken(error.side, self._sides.climbs[error.side], self._wanted()[error.side])
                self.message = self.notice["title"]

    # what stays ---------------------------------------------------------------------------------------------------

    def _presentable(self) -> bool:
        return bool(self.run_a or self.run_b)

    def _has_result(self) -> bool:
        return bool(self._sides.climbs)

    def _poster(self) -> bytes | None:
        runs = {side: run for side, run in (("A", self.run_a), ("B", self.run_b)) if run}
        if not runs:
            return None
        film = self.film_a if self.side == "A" else self.film_b
        title = f"{self.title}   {self.subject}   {next(iter(runs.values()))['unit']}"
        return _lab_poster.draw(title, runs, self.reference, [frame["data"] for frame in film])

    def _archived(self) -> dict[str, Any]:
        """All there is stands in traits of its own."""
        return {"kind": "feature_lab", "entries": {}}

    def _release(self) -> None:
        super()._release()
        self._sides.climbs.clear()
        self._comparison.release()

    # what is known ------------------------------------------------------------------------------------------------

    @traitlets.default("recipe_a")
    def _first_recipe(self) -> dict[str, Any]:
        return _named("standard")

    @traitlets.default("recipe_b")
    def _second_recipe(self) -> dict[str, Any]:
        return _named("plain")

    @traitlets.default("presets")
    def _listed_presets(self) -> list[dict[str, Any]]:
        return presets()

    @traitlets.default("ranges")
    def _usual_ranges(self) -> dict[str, list[float]]:
        from ..engine.transforms import RANGES

        return {name: list(ends) for name, ends in RANGES.items()}

    def _unit(self) -> Unit:
        layer = self.network.layer(self.layer).name
        return Unit(layer, self._checked_channel(self.channel), self.size, self.seed)

    def _wanted(self) -> dict[str, dict[str, Any]]:
        return {"A": self.recipe_a, "B": self.recipe_b}

    def _following(self, turn: int) -> str | None:
        return self._sides.following(turn, self._wanted(), self.side, both=self.view == "both")

    def _climb(self, side: str) -> Climb:
        climbs = self._sides.climbs
        if side not in climbs:
            msg = f"Side {side!r} has no picture yet: it is one of {', '.join(climbs) or 'none'}; wait() until it is climbed."
            raise AscentError(msg)
        return climbs[side]

    def _study_of(self, given: Any) -> None:
        """Whether it is a study, if there is one."""
        from ..engine.study import RegularizationStudy

        if not (given is None or isinstance(given, RegularizationStudy)):
            msg = f"study is {told(given)}: give what regularization_study found, such as regularization_study(…).result()."
            raise EvaluationError(msg)


class BrokenError(Exception):
    """The ascent of a side ended in something that is no number."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self.side = side


def _named_unit(layer: Any, channel: Any) -> dict[str, Any]:
    """The options that were given; an address has a layer and a channel in one."""
    place, _, number = str(layer).rpartition(":")
    if place and number.isdigit() and isinstance(channel, int) and channel == -1:
        layer, channel = place, int(number)
    chosen = {"layer": layer} if layer is not None and layer != "" else {}
    return chosen if isinstance(channel, int) and channel == -1 else {**chosen, "channel": channel}


def _named(name: str) -> dict[str, Any]:
    from ..engine.recipe import Recipe

    return flat(Recipe.named(name), name)
