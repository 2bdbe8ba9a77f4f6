"""Which explanation to trust: every method on scenes whose truth is known, in one table."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.bench import STEPS, Bench
from ..engine.errors import EvaluationError
from ..engine.explaining import Explanation
from ..engine.network import Network
from ..engine.ranking import RANDOM, Measure, Ranking, measures_for
from ..engine.result_store import ResultStore, fingerprint, fingerprint_of_network, unpacked
from ..engine.steps import Step, Steps
from ..engine.truth import Truth, Truths, truths_of

_VERSION = "1"  # of how measures are taken: with another one, what was stored counts no more


def rank_methods(
    network: Network,
    scenes: Iterable[Any],
    methods: Mapping[str, Explanation] | Sequence[Explanation],
    *,
    measures: Sequence[str | Measure] | str | None = None,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
) -> Steps[Ranking]:
    """Measure explaining methods on scenes whose truth is known.

    Every method is asked for the true class of each scene, whatever the network takes it for. A random map is measured
    along with them: what is not told apart from it says nothing.

    Parameters
    ----------
    network
        The network that is explained.
    scenes
        Each with `image` (anything `Network.read` takes), `mask` (H, W) bool of the size of the image, `label` (a class index or
        label) and `name`: those of `scenes`, or your own.
    methods
        Functions of (network, images, target) that give a `Heatmap`, `Steps` of one, or an array (N, h, w); by title, or a list,
        whose titles are the functions' names.
    measures
        Keys among "pointing", "energy", "insertion", "deletion", "sensitivity", "randomization", "cost" and "drop"; by
        default all but "drop".
    seed
        Of the random map, the noise and the new weights.
    store
        A file of JSON lines, or a folder for it. What is measured is written there at once, and not measured again: neither
        after the process was ended, nor with more scenes, methods or measures. Another network, other pixels or another
        seed are other entries. A method is known by its title: give it another one when you change it.

    Returns
    -------
    Steps of Ranking
        One step for every method on every scene, each with the table as far as it is filled; the last row is the random map.

    Raises
    ------
    EvaluationError
        If there is no such measure, a method has no title or the title of another one, or fails on a scene; it is named,
        and what was measured before it is kept.
    ImageError
        If the mask of a scene is empty, or has another size than its picture; the scene is named.
    TargetError
        If the network has no class of a scene's label.

    Notes
    -----
    "pointing", "energy": `pointing_game` and `mask_overlap`; for the random map, pointing is the share of the picture that the
    mask covers. "insertion" (into a blurred picture) and "deletion" (to gray): mean probability of the true class over 32
    steps. "sensitivity": `max_sensitivity` with 8 noisy copies. "randomization": the mean similarity over four stages in which
    all weights are drawn anew, from the output down; see `randomization_check`. "cost": processor time of one map over that
    of one forward pass; of all measures the only one that the seed does not fix. "drop": `average_drop`.

    The random map is 8 × 8 random values drawn out bilinearly, as smooth as the map of a late layer.

    References
    ----------
    Petsiuk et al. 2018 (insertion, deletion); Zhang et al. 2016 (pointing game); Wang et al. 2020 (energy); Yeh et al. 2019
    (sensitivity); Adebayo et al. 2018 (random weights); Chattopadhyay et al. 2018 (average drop).
    """
    named = _named(methods)
    columns = measures_for(measures)
    truths = truths_of(scenes, network)
    work = _ranked(network, truths, named, columns, seed, ResultStore(store))
    return Steps(work, len(truths) * (len(named) + 1))


def _ranked(
    network: Network,
    truths: Truths,
    methods: dict[str, Explanation],
    columns: tuple[Measure, ...],
    seed: int,
    store: ResultStore,
) -> Generator[Step[Ranking], None, None]:
    bench, board = Bench(network, seed), _Board((*methods, RANDOM), columns, len(truths), seed)
    about = fingerprint(_VERSION, fingerprint_of_network(network), seed)
    total, done = len(truths) * len(board.methods), 0
    for place, truth in enumerate(truths):
        shown = fingerprint(truth.picture, truth.mask, str(truth.label))
        for row, title in enumerate(board.methods):
            key = fingerprint(about, shown, title)
            record = store.get(key) or {}
            missing = [
                each.key for each in columns if _applies(each, title) and each.key not in record.get("values", {})
            ]
            if missing or not record:
                record = _measured(bench, truth, title, methods.get(title), missing, record)
                store.add(key, record)
            board.put(row, place, truth.name, record)
            done += 1
            yield Step(done, total, board.ranking(done // len(board.methods)))


def _measured(
    bench: Bench, truth: Truth, title: str, method: Explanation | None, missing: list[str], record: dict[str, Any]
) -> dict[str, Any]:
    try:
        return bench.measure(truth, method, missing, record)
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        ended = reason if reason.endswith((".", "?", "!")) else f"{reason}."
        msg = f"{title} failed on {truth.about}: {ended} What was measured before is kept."
        raise EvaluationError(msg) from error


class _Board:
    """A table that is being filled."""

    def __init__(self, methods: tuple[str, ...], measures: tuple[Measure, ...], scenes: int, seed: int) -> None:
        self.methods = methods
        self._measures = measures
        self._seed = seed
        self._values = np.full((len(methods), len(measures), scenes), np.nan)
        self._curves = np.full((len(methods), 2, scenes, STEPS + 1), np.nan, np.float32)
        self._peaks = np.full((len(methods), scenes, 2), np.nan)
        self._maps: dict[tuple[int, int], np.ndarray] = {}
        self._names = [""] * scenes
        self._predictions = [("", float("nan"))] * scenes

    def put(self, row: int, scene: int, name: str, record: dict[str, Any]) -> None:
        """Fill in what was measured of one method on one scene."""
        for column, measure in enumerate(self._measures):
            self._values[row, column, scene] = record["values"].get(measure.key, np.nan)
        for place, key in enumerate(("insertion", "deletion")):
            self._curves[row, place, scene] = record["curves"].get(key, np.nan)
        if record["peak"] is not None:
            self._peaks[row, scene] = record["peak"]
        self._maps[row, scene] = unpacked(record["map"])
        self._names[scene] = name
        self._predictions[scene] = tuple(record["prediction"])

    def ranking(self, done: int) -> Ranking:
        """The table as it is now; it does not change when more is filled in."""
        return Ranking(
            self.methods,
            self._measures,
            self._values.copy(),
            done,
            len(self._names),
            tuple(self._names),
            self._curves.copy(),
            self._peaks.copy(),
            dict(self._maps),
            tuple(self._predictions),
            self._seed,
        )


def _applies(measure: Measure, title: str) -> bool:
    return measure.reference or title != RANDOM


def _named(methods: Any) -> dict[str, Explanation]:
    """Title -> method."""
    if callable(methods):
        methods = [methods]
    pairs = list(methods.items()) if isinstance(methods, Mapping) else [(_title(each), each) for each in methods]
    titles = [str(title) for title, _ in pairs]
    wrong = [each for _, each in pairs if not callable(each)]
    twice = [title for title in titles if titles.count(title) > 1 or title == RANDOM]
    if not pairs or wrong:
        given = type(wrong[0]).__name__ if wrong else "nothing"
        msg = f"A method is a function of (network, images, target), such as cw.grad_cam; {given} was given."
        raise EvaluationError(msg)
    if twice:
        reason = "is what the reference is called" if twice[0] == RANDOM else "is the title of two methods"
        msg = f"{twice[0]!r} {reason}: give a mapping from titles to methods, each with a title of its own."
        raise EvaluationError(msg)
    return dict(zip(titles, (each for _, each in pairs), strict=True))


def _title(method: Any) -> str:
    name = getattr(method, "__name__", "")
    if callable(method) and (not name or name == "<lambda>"):
        msg = f"{method!r} has no name: give a mapping from titles to methods, such as {{'Grad-CAM': cw.grad_cam}}."
        raise EvaluationError(msg)
    return name
