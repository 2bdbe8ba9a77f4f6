"""Measuring one method on one scene: the map, and a number for each measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from time import perf_counter, process_time
from typing import Any, TypeVar

import numpy as np
import torch

from .explaining import Explanation, explain, explain_all, largest_change, near
from .localization import hit, share_inside, strongest
from .network import Network
from .perturbation import Fill, random_map
from .randomization import redraw, separate, similarity, weights_from_the_output
from .result_store import fingerprint, packed, unpacked
from .scoring import answers_around_masking, answers_on_the_way
from .truth import Truth

#: How many parts a picture is taken away in.
STEPS = 32
_RADIUS, _SAMPLES = 0.02, 8  # of the noise for the sensitivity
_STAGES = 4  # in which the weights are drawn anew
_LONG_ENOUGH, _SURELY_LONG, _MOST_RUNS = 0.02, 0.2, 64  # seconds of work that can be timed, that need no second run

_Found = TypeVar("_Found")
_OnMap = Callable[["_Scene", np.ndarray], float]
_OfMethod = Callable[["_Scene", np.ndarray, Explanation], float]


class Bench:
    """Measures maps of one network, and keeps what the methods share: the scene, the networks with new weights.

    Parameters
    ----------
    network
        The network that is explained.
    seed
        Of everything random.
    """

    def __init__(self, network: Network, seed: int) -> None:
        self.network = network
        self.seed = seed
        self._destroyed: list[Network] = []
        self._scene: _Scene | None = None
        self._on_map: dict[str, _OnMap] = {"pointing": self._pointing, "energy": self._energy, "drop": self._drop}
        self._of_method: dict[str, _OfMethod] = {
            "sensitivity": self._sensitivity,
            "randomization": self._randomization,
        }

    def measure(
        self, truth: Truth, method: Explanation | None, wanted: Sequence[str], known: Mapping[str, Any]
    ) -> dict[str, Any]:
        """One method on one scene.

        Parameters
        ----------
        truth
            The scene.
        method
            None: the random map.
        wanted
            Keys of the measures to take.
        known
            What was measured before: a record, or {}.

        Returns
        -------
        dict
            The record: `values` by measure, `curves`, the packed `map`, its `peak`, and the network's `prediction`.
        """
        scene = self._at(truth)
        found, curves = dict(known.get("values", {})), dict(known.get("curves", {}))
        values = self._explained(scene, method, known, found if "cost" in wanted else None)
        for key in wanted:
            if key in ("insertion", "deletion"):
                curves[key] = self._curve(scene, values, insert=key == "insertion")
                found[key] = (sum(curves[key]) - (curves[key][0] + curves[key][-1]) / 2) / STEPS
            elif method is not None and key in self._of_method:
                found[key] = self._of_method[key](scene, values, method)
            elif key in self._on_map:
                found[key] = self._on_map[key](scene, values)
        if method is None and "pointing" in wanted:  # its strongest place may be anywhere, so the chance is known
            found["pointing"] = float(truth.mask.mean())
        places = strongest(values, truth.size)
        peak = places[0].tolist() if len(places) == 1 else None
        return {"values": found, "curves": curves, "map": packed(values), "peak": peak, "prediction": scene.prediction}

    def _explained(
        self, scene: _Scene, method: Explanation | None, known: Mapping[str, Any], costs: dict[str, float] | None
    ) -> np.ndarray:
        """The map (h, w), unless it is known and needs no timing; what it costs goes into `costs`."""
        truth = scene.truth

        def work() -> np.ndarray:
            return explain(method, self.network, truth.picture, scene.label)[0] if method else _random(scene)

        if costs is None or method is None:
            return unpacked(known["map"]) if known else work()
        values, seconds = _timed(work, self.network)
        costs["cost"] = seconds / scene.forward_seconds
        return values

    def _at(self, truth: Truth) -> _Scene:
        if self._scene is None or self._scene.truth is not truth:
            self._scene = _Scene(truth, self.network, self.seed)
        return self._scene

    # the measures, each of a map (h, w) -------------------------------------------------------------------------------

    def _pointing(self, scene: _Scene, values: np.ndarray) -> float:
        return float(hit(values, scene.truth.mask))

    def _energy(self, scene: _Scene, values: np.ndarray) -> float:
        return share_inside(values, scene.truth.mask)

    def _drop(self, scene: _Scene, values: np.ndarray) -> float:
        before, after = answers_around_masking(self.network, scene.truth.picture, values, scene.label)
        return max(0.0, before - after) / before if before > 0 else 0.0

    def _curve(self, scene: _Scene, values: np.ndarray, *, insert: bool) -> list[float]:
        fill: Fill = "blur" if insert else "gray"
        found = answers_on_the_way(
            self.network, scene.truth.picture, values, scene.label, fill=fill, steps=STEPS, insert=insert
        )
        return found.tolist()

    def _sensitivity(self, scene: _Scene, values: np.ndarray, method: Explanation) -> float:
        pictures = near(scene.truth.picture, _RADIUS, _SAMPLES, self.seed)
        return largest_change(values, explain_all(method, self.network, pictures, scene.label))

    def _randomization(self, scene: _Scene, values: np.ndarray, method: Explanation) -> float:
        others = [explain(method, each, scene.truth.picture, scene.label)[0] for each in self._without_knowledge()]
        return float(np.mean([similarity(values, other) for other in others]))

    def _without_knowledge(self) -> list[Network]:
        """The network with ever more of its weights drawn anew, from the output down; made when first needed."""
        if not self._destroyed:
            last, made = self.network, []
            for weights in weights_from_the_output(self.network, _STAGES):
                last = separate(last)
                redraw(last, weights, self.seed)
                made.append(last)
            self._destroyed = made
        return self._destroyed


class _Scene:
    """One scene, and what the network says of it."""

    def __init__(self, truth: Truth, network: Network, seed: int) -> None:
        self.truth = truth
        self.label = network.class_index(truth.label if isinstance(truth.label, str) else int(truth.label))
        self.prediction = network.predict(truth.picture).top(1)[0]
        self.seed = int(fingerprint(seed, truth.picture)[:12], 16)
        self._network = network

    @cached_property
    def forward_seconds(self) -> float:
        """How long one forward pass takes."""
        return _timed(lambda: self._network.trace(self.truth.picture), self._network)[1]


def _random(scene: _Scene) -> np.ndarray:
    return random_map(scene.truth.size, scene.seed).astype(np.float32)


def _timed(work: Callable[[], _Found], network: Network) -> tuple[_Found, float]:
    """What some work gives, and its processor time; on other devices than the CPU, the time that passes.

    Short work is done again, as often as its time can be told; its first run, which may find caches empty, is left out.
    """
    device = network.device
    clock = process_time if device.type == "cpu" else perf_counter

    def seconds(runs: int) -> tuple[_Found, float]:
        started = clock()
        for _ in range(runs):
            found = work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return found, clock() - started

    found, passed = seconds(1)
    if passed >= _SURELY_LONG:
        return found, passed
    runs = math.ceil(min(_LONG_ENOUGH / max(passed, 1e-9), _MOST_RUNS))
    found, passed = seconds(runs)
    return found, passed / runs
