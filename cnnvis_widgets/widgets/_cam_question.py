"""What a viewer of class activation maps is asked, and the maps that answer it as the page takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._findings import Findings

#: Methods that take no gradient, so that a zero is none of its doing.
WITHOUT_GRADIENT = ("eigen_cam", "cam", "score_cam", "ablation_cam")


@dataclass(frozen=True)
class Question:
    """What the traits ask for: which maps of which picture, made how. The layers are in execution order."""

    image: int
    layers: tuple[str, ...]
    target: int
    compare: int = -1
    contrast: bool = False
    method: str = "grad_cam"
    place: tuple[int, ...] = ()

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The class of each map, and the class that it is against (-1: none)."""
        if self.contrast:
            return [(self.target, self.compare)]
        return [(self.target, -1)] + ([(self.compare, -1)] if self.compare >= 0 else [])

    @property
    def keys(self) -> list[str]:
        """By which the page finds each map: what differs from plain Grad-CAM of a class stands at the end."""
        method = "" if self.method == "grad_cam" else f"|{self.method}"
        place = f"|@{','.join(map(str, self.place))}" if self.place else ""
        layers = " + ".join(self.layers)
        return [
            f"{self.image}|{layers}|{target}{method}{f'|-{other}' if other >= 0 else ''}{place}"
            for target, other in self.pairs
        ]

    def objectives(self, findings: Findings) -> list[Any]:
        """One target of a method for each map."""
        from ..engine.objectives import Objective, class_score

        def score(target: int) -> Objective:
            found = findings.ask(target, self.place)
            return found if isinstance(found, Objective) else class_score(found)

        pairs = [(findings.ask(target, self.place), target, other) for target, other in self.pairs]
        return [score(target) - score(other) if other >= 0 else ask for ask, target, other in pairs]

    def entries(
        self, values: Sequence[np.ndarray], done: float = 1.0, why: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """The maps (h, w) as the page takes them; `done` is the share computed, `why` the reason why each is empty, if known."""
        return [
            {
                "image": self.image,
                "layer": " + ".join(self.layers),
                "target": int(target),
                "against": int(other),
                "method": self.method,
                "place": list(self.place),
                "height": each.shape[0],
                "width": each.shape[1],
                "data": np.ascontiguousarray(each, dtype=np.float32).tobytes(),
                "why": reason or (self._why(each) if done == 1 else ""),
                "done": done,
            }
            for (target, other), each, reason in zip(self.pairs, values, why or [""] * len(values), strict=True)
        ]

    def _why(self, values: np.ndarray) -> str:
        from ..engine.results import why_empty

        if self.method in WITHOUT_GRADIENT and values.size > 1 and not values.any():
            return "Every value is zero: what the layer shows makes no difference to the score of this class."
        return why_empty(values)
