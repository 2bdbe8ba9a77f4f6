"""What a unit looks for: a picture climbed while one turns the sliders of its recipe; two recipes side by side."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets

from . import _lab_poster, _lab_study
from ._base import Update, Viewer, _as_network, built
from ._climb import Climb, Unit
from ._lab_reference import Patches, Reference, Ruler
from ._recipes import RecipeTrait, bare, flat, needs_unit, presets
from ._traits import option, state

if TYPE_CHECKING:
    from ..engine.curves import Curves
    from ..engine.network import Network
    from ..engine.study import RegularizationStudy

#: Steps after which the response of an unpenalized ascent is read, which the weights of penalties are multiples of.
_YARDSTICK_STEPS = 32
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
    size = option(traitlets.Int(0, min=0))
    seed = option(traitlets.Int(0))
    side = option(traitlets.Enum(["A", "B"], "A"))
    view = option(traitlets.Enum(["one", "both"], "one"))

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
        network = _as_network(network)
        self._climbs: dict[str, Climb] = {}
        self._yardsticks: dict[Any, float] = {}
        self._given = None if reference is None else _read(reference)
        self._ruler: tuple[Reference, Ruler] | None = None
        self._search: Iterator[tuple[int, int]] | None = None
        self._searched = ""
        self._spent: dict[str, float] = {}
        self._backbone, self._patches = backbone, Patches(network, dataset)
        self._looked, self._before = 0.0, Update({})
        place, _, number = str(layer).rpartition(":")
        if place and number.isdigit() and channel < 0:
            layer, channel = place, int(number)
        named = ({"layer": layer} if layer else {}) | ({"channel": channel} if channel != -1 else {})
        super().__init__(network, None, **named, **options)
        if study is not None:
            self.show_study(study)

    # for a person in Python ---------------------------------------------------------------------------------------

    def picture(self, side: str = "A") -> np.ndarray:
        """The picture of a side as it is, float32 (C, H, W) in [0, 1]."""
        found: np.ndarray = self._climb(side).picture[0].cpu().numpy()
        return found

    def code(self, side: str = "A") -> str:
        """Python that makes the picture of a side as it is now, with what was changed on the way."""
        return self._climb(side).code(_name_of(self.network))

    def distance(self, side: str = "A") -> float:
        """How far the picture of a side is from the reference; NaN where there is none."""
        climb, ruler = self._climb(side), self._ruler
        return float("nan") if ruler is None else ruler[1].distance(climb.picture)

    def curves(self, what: str = "response") -> Curves:
        """The "response" or the "distance" of A and B at the steps that both have been measured at or between.

        Raises
        ------
        ValueError
            If there is nothing measured yet, or something else is asked for.
        """
        return _curves(self._climbs, what, self.reference.get("kind", "patch"))

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
        self.study = _lab_study.told(study)

    def restart(self, side: str | None = None) -> None:
        """Begin again with noise: one side, or both."""
        self._climbs = {each: climb for each, climb in self._climbs.items() if side not in (None, each)}
        self._ask()

    def go_on(self) -> None:
        """Climb on where it was stopped; what is at its end, the chosen side, goes as many steps again."""
        climb = self._climbs.get(self.side)
        if climb is not None and all(each.over for each in self._climbs.values()) and not climb.broken:
            climb.further()
        self._ask()

    def add_image(self, image: Any, name: str | None = None) -> int:
        """Compare with this picture from now on."""
        self._given = _read(image, name)
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
        self._settle(unit)
        self._seek(unit)
        yield self._news(unit)
        turn = 0
        while (side := self._next(turn)) is not None or self._search is not None:
            turn += 1
            if self._search is not None and (side is None or turn % 4 == 1):
                self._look_further(unit)
            if side is not None:
                yield from self._advance(side, unit)
            yield self._news(unit)
        for climb in self._climbs.values():
            yield from self._measure(climb, unit)
        yield self._news(unit, last=True)
        broken = [side for side, climb in self._climbs.items() if climb.broken]
        if broken:
            side = self.side if self.side in broken else broken[0]
            raise BrokenError(side, self._climbs[side])

    def _settle(self, unit: Unit) -> None:
        """Let go of what was climbed for another unit; sides whose recipes were exchanged are exchanged."""
        self._climbs = {side: climb for side, climb in self._climbs.items() if climb.unit == unit}
        here = {side: climb.settings for side, climb in self._climbs.items()}
        if here.get("A") != here.get("B") and (here.get("B"), here.get("A")) == (self.recipe_a, self.recipe_b):
            self._climbs = {"A": self._climbs["B"], "B": self._climbs["A"]}

    def _next(self, turn: int) -> str | None:
        """The side whose turn it is; None if all is climbed."""
        order = [self.side, "B" if self.side == "A" else "A"]
        left = [side for side in order if self._waits(side)]
        return left[turn % len(left) if self.view == "both" else 0] if left else None

    def _waits(self, side: str) -> bool:
        climb = self._climbs.get(side)
        return climb is None or climb.settings != self._recipe(side) or not climb.over

    def _advance(self, side: str, unit: Unit) -> Iterator[Update]:
        """One step of a side; before it, what its recipe asks for."""
        wanted, climb = self._recipe(side), self._climbs.get(side)
        if climb is None or climb.settings != wanted:
            yardstick = 1.0
            if needs_unit(wanted):
                yardstick = yield from self._yardstick(wanted, unit)
            if climb is None:
                climb = self._climbs[side] = Climb(self.network, unit, wanted, yardstick)
                self._spent[side] = 0.0
            else:
                climb.follow(wanted, yardstick)
        started = perf_counter()
        climb.step()
        yield from self._measure(climb, unit, most=1)
        self._spent[side] = self._spent.get(side, 0.0) + perf_counter() - started

    def _yardstick(self, wanted: dict[str, Any], unit: Unit) -> Generator[Update, None, float]:
        """The response that the unit gives with no penalty, to three digits so that the code stays short."""
        key = (unit, wanted["objective"], wanted["painted"])
        if key not in self._yardsticks:
            trial = Climb(self.network, unit, bare(wanted, _YARDSTICK_STEPS))
            while not trial.over:
                trial.step()
                yield self._news(unit)
            best = max((abs(each.response) for each in trial.kept.values()), default=1.0)
            self._yardsticks[key] = float(f"{best:.3g}") or 1.0
        return self._yardsticks[key]

    # the reference ------------------------------------------------------------------------------------------------

    def _seek(self, unit: Unit) -> None:
        """Begin to look for the strongest patch, unless it is known or not wanted."""
        if self._given is None and self._patches and self._patches.of(unit.layer, unit.channel) is None:
            self._search = self._patches.search(unit.layer)
        else:
            self._search, self._searched = None, ""

    def _look_further(self, unit: Unit) -> None:
        found = next(self._search, None) if self._search is not None else None
        self._searched = f"; its strongest patch is looked for in {found[1]} pictures" if found else ""
        if found is None:
            self._search = None
            self._measured_by(unit)

    def _measured_by(self, unit: Unit) -> Ruler | None:
        """What distances are measured with; those measured with another are forgotten."""
        reference = self._wanted_reference(unit)
        if reference is None:
            self._ruler = None
            return None
        if self._ruler is None or self._ruler[0] is not reference:
            from ..engine.perception import perception_of

            backbone = self.network if self._backbone is None else self._backbone
            self._ruler = reference, Ruler(perception_of(backbone), reference.pixels)
            for climb in self._climbs.values():
                climb.forget_distances()
        return self._ruler[1]

    def _wanted_reference(self, unit: Unit) -> Reference | None:
        if self._given is not None:
            return self._given
        return self._patches.of(unit.layer, unit.channel)

    def _measure(self, climb: Climb, unit: Unit, most: int | None = None) -> Iterator[Update]:
        """The distances that are not measured yet, the newest first."""
        ruler = self._measured_by(unit)
        if ruler is None:
            return
        missing = [step for step in sorted(climb.kept, reverse=True) if np.isnan(climb.kept[step].distance)]
        for step in missing[:most]:
            climb.measure(step, ruler.distance(climb.kept[step].picture))
            if most is None:
                yield self._news(unit)

    # what the page is told ----------------------------------------------------------------------------------------

    def _news(self, unit: Unit, *, last: bool = False) -> Update:
        """All that the page does not have yet; at most every so often, as pictures take time to encode."""
        now = perf_counter()
        if not last and now - self._looked < _LOOK:
            return self._before
        self._looked = now
        news: dict[str, Any] = {"message": self._sentence(), "notice": {}, "reference": self._told_reference(unit)}
        for side, climb in self._climbs.items():  # of a side not begun yet, what was there before stays
            news[f"run_{side.lower()}"] = self._told(climb)
            film = self._filmed(climb)
            if _sizes(film) != _sizes(getattr(self, f"film_{side.lower()}")):
                news[f"film_{side.lower()}"] = film
        done = sum(each.done for each in self._climbs.values())
        total = sum(each.total for each in self._climbs.values()) or 1
        self._before = Update(news, None if self._search is not None and not self._climbs else min(1.0, done / total))
        return self._before

    def _told(self, climb: Climb) -> dict[str, Any]:
        from ..engine.images import encode_picture, encode_png, to_uint8

        steps, responses, distances = climb.curves()
        picture = climb.picture
        return {
            "unit": climb.unit.address,
            "done": climb.done,
            "total": climb.total,
            "height": picture.shape[2],
            "width": picture.shape[3],
            "picture": encode_png(to_uint8(picture[0])) if climb.over else encode_picture(picture),
            "steps": steps.tobytes(),
            "responses": responses.tobytes(),
            "distances": distances.tobytes(),
            "changes": climb.changes,
            "recipe": climb.settings,
            "note": climb.note,
            "code": climb.code(_name_of(self.network)),
        }

    def _filmed(self, climb: Climb) -> list[dict[str, Any]]:
        frames = []
        for planned, step in zip(climb.planned(), climb.film(), strict=True):
            data = b""
            if step is not None:
                data = climb.frame(step)
            frames.append({"step": planned if step is None else step, "data": data})
        return frames

    def _told_reference(self, unit: Unit) -> dict[str, Any]:
        reference = self._wanted_reference(unit)
        if reference is None:
            return {}
        return {
            "kind": reference.kind,
            "name": reference.name,
            "data": reference.data,
            "response": reference.response,
            "about": reference.about,
            "distance": f"Distance: {self._ruler[1].measure}" if self._ruler is not None else "",
        }

    def _sentence(self) -> str:
        left = [side for side in ("A", "B") if self._waits(side)]
        where = f"on {self.network.device.type}"
        if not left:
            steps = ", ".join(f"{side} {climb.done} steps" for side, climb in sorted(self._climbs.items()))
            return f"Climbed: {steps}, in {_time(sum(self._spent.values()))} {where}{self._searched}"
        side = self.side if self.side in left else left[0]
        climb = self._climbs.get(side)
        # No count of steps here: it is read out to those who cannot see it, and would never end.
        end = climb.total if climb is not None else self._recipe(side)["steps"]
        return f"{side} climbs to step {end} {where}{self._searched}"

    # what stays ---------------------------------------------------------------------------------------------------

    def _done(self) -> None:
        super()._done()
        self._keep_still()

    def _fail(self, error: Exception) -> None:
        with self.hold_sync():
            super()._fail(error)
            if isinstance(error, BrokenError):
                self.notice = error.notice(self._recipe(error.side))
                self.message = self.notice["title"]

    def _keep_still(self) -> None:
        """The picture that stays in the notebook was taken while it was climbed: take it again."""
        from ._poster import publish

        poster = self._poster()
        if poster is not None:
            publish(poster, self.model_id, again=True)

    def _presentable(self) -> bool:
        return bool(self.run_a or self.run_b)

    def _has_result(self) -> bool:
        return bool(self._climbs)

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
        self._climbs.clear()
        self._ruler = self._search = None
        self._patches.clear()

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

    def _recipe(self, side: str) -> dict[str, Any]:
        found: dict[str, Any] = self.recipe_a if side == "A" else self.recipe_b
        return found

    def _climb(self, side: str) -> Climb:
        if side not in self._climbs:
            msg = f"Side {side!r} has no picture yet: it is one of {', '.join(self._climbs) or 'none'}; wait() until it is climbed."
            raise ValueError(msg)
        return self._climbs[side]


class BrokenError(Exception):
    """An ascent that ended in something that is no number."""

    def __init__(self, side: str, climb: Climb) -> None:
        super().__init__(climb.note)
        self.side, self.climb = side, climb

    def notice(self, recipe: dict[str, Any]) -> dict[str, Any]:
        """What happened, why, and a way out."""
        slower = {**recipe, "rate": float(f"{recipe['rate'] / 2:.2g}")}
        return {
            "kind": "fail",
            "title": f"The picture of {self.side} broke apart at step {self.climb.done}",
            "text": f"{self.climb.note} The frames until then are kept. A rate that is too high does this, and so do weights that are "
            "no numbers.",
            "actions": [{"label": "Halve the rate and go on", "set": {f"recipe_{self.side.lower()}": slower}}],
            "detail": "",
        }


def _named(name: str) -> dict[str, Any]:
    from ..engine.recipe import Recipe

    return flat(Recipe.named(name), name)


def _read(picture: Any, name: str | None = None) -> Reference:
    from ..engine.images import decode, name_of, to_uint8

    called = name or name_of(picture, 0)
    return Reference("picture", called, to_uint8(decode(picture)[0]), None, called)


def _sizes(film: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """What tells one film from another without comparing its bytes."""
    return [(frame["step"], len(frame["data"])) for frame in film]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _name_of(network: Network) -> str:
    """What the network is called in the notebook, so that code runs there as it stands."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    known = dict(shell.user_ns) if shell is not None else {}
    names = [name for name, value in known.items() if value is network and name.isidentifier() and name[0] != "_"]
    return names[0] if names else "network"


def _curves(climbs: dict[str, Climb], what: str, kind: str) -> Curves:
    """Both sides on the steps of the shorter one."""
    from ..engine.curves import Curves

    if what not in ("response", "distance"):
        msg = f"There are curves of 'response' and 'distance', not of {what!r}."
        raise ValueError(msg)
    found = {}
    for side, climb in sorted(climbs.items()):
        steps, responses, distances = climb.curves()
        values = responses if what == "response" else distances
        there = np.isfinite(values)
        if there.any():
            found[side] = steps[there], values[there]
    if not found:
        msg = f"No {what} was measured yet: wait(), and for distances give a dataset or a reference."
        raise ValueError(msg)
    last = min(steps[-1] for steps, _ in found.values())
    x = np.unique(np.concatenate([steps[steps <= last] for steps, _ in found.values()])).astype(np.float64)
    rows = np.stack([np.interp(x, steps, values) for steps, values in found.values()]).astype(np.float32)
    label = (
        "response" if what == "response" else f"distance to the {'strongest patch' if kind == 'patch' else 'reference'}"
    )
    (address,) = {climb.unit.address for climb in climbs.values()}
    return Curves(rows, x, tuple(found), f"{label.capitalize()} of {address}", "steps", label)
