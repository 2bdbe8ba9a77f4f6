"""What a network finds in a picture: how probable each class is, and the places that can be asked about, boxes or regions."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.errors import TargetError

if TYPE_CHECKING:
    from ..engine.network import Network
    from ..engine.objectives import Objective
    from ..engine.trace import Trace

#: More boxes than these would hide the picture; those with the highest scores are listed.
MOST_BOXES = 20


class PlaceError(TargetError):
    """A place that a picture does not have."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What a network says of one picture as a whole.

    Attributes
    ----------
    scores : ndarray
        float32 (classes,): the probability of each class, or the score of its best box.
    saturates : bool
        Whether the network itself gives probabilities, whose gradient vanishes where it is sure.
    size : tuple of int
        (height, width) of the picture, in pixels.
    """

    scores: np.ndarray
    saturates: bool
    size: tuple[int, int]
    kind = ""

    def checked(self, place: Sequence[int]) -> tuple[int, ...]:
        """A place that this picture has, () for the whole; `PlaceError` for one that it has not."""
        return ()

    def first(self) -> tuple[int, ...]:
        """The place to begin with."""
        return ()

    def label_at(self, place: Sequence[int]) -> int:
        """The class that the network predicts there."""
        return int(self.scores.argmax())

    def ask(self, target: int, place: Sequence[int]) -> int | Objective:
        """The score of a class there, as a target of any method."""
        return target

    def lacks(self, target: int) -> bool:
        """Whether the network gives the class no score in the whole picture that could be explained."""
        return False

    def wire(self, image: int) -> dict[str, Any]:
        """As the page takes it."""
        height, width = self.size
        empty = {"boxes": b"", "labels": [], "scores": [], "classes": b""}
        return {"image": image, "kind": self.kind, "height": height, "width": width} | empty


@dataclass(frozen=True, eq=False)
class Boxes(Findings):
    """The boxes that a network detects in a picture, those with the highest scores first.

    A place is the number of a box. `boxes` is float32 (K, 4): left, top, right and bottom in pixels of the picture.
    """

    boxes: np.ndarray
    labels: np.ndarray
    sure: np.ndarray
    kind = "boxes"

    def checked(self, place: Sequence[int]) -> tuple[int, ...]:
        if not place:
            return ()
        if len(place) != 1 or not 0 <= place[0] < len(self.boxes):
            msg = f"This picture has {len(self.boxes)} boxes, so there is no box {', '.join(map(str, place))}: choose another."
            raise PlaceError(msg)
        return (int(place[0]),)

    def first(self) -> tuple[int, ...]:
        return (0,) if len(self.boxes) else ()

    def label_at(self, place: Sequence[int]) -> int:
        return int(self.labels[place[0]]) if place else super().label_at(place)

    def ask(self, target: int, place: Sequence[int]) -> int | Objective:
        from ..engine.objectives import box_score

        return box_score(target, [float(edge) for edge in self.boxes[place[0]]]) if place else target

    def lacks(self, target: int) -> bool:
        return target not in self.labels

    def wire(self, image: int) -> dict[str, Any]:
        return super().wire(image) | {
            "boxes": self.boxes[:MOST_BOXES].astype("<f4").tobytes(),
            "labels": self.labels[:MOST_BOXES].tolist(),
            "scores": self.sure[:MOST_BOXES].tolist(),
        }


@dataclass(frozen=True, eq=False)
class Segments(Findings):
    """The class that a network predicts at each pixel, int (h, w). A place is [row, column] of a pixel of the picture."""

    classes: np.ndarray
    kind = "segments"

    def checked(self, place: Sequence[int]) -> tuple[int, ...]:
        if not place:
            return ()
        height, width = self.size
        if len(place) != 2 or not (0 <= place[0] < height and 0 <= place[1] < width):
            msg = f"The picture has {height} rows and {width} columns, counted from 0; {list(place)} is no pixel of it."
            raise PlaceError(msg)
        return (int(place[0]), int(place[1]))

    def label_at(self, place: Sequence[int]) -> int:
        return int(self.classes[self._cell(place)]) if place else super().label_at(place)

    def ask(self, target: int, place: Sequence[int]) -> int | Objective:
        from ..engine.objectives import pixel_score

        return pixel_score(target, connected(self.classes, *self._cell(place))) if place else target

    def wire(self, image: int) -> dict[str, Any]:
        height, width = self.classes.shape
        packed = zlib.compress(self.classes.astype("<u2").tobytes(), 6)
        return super().wire(image) | {"height": height, "width": width, "classes": packed}

    def _cell(self, place: Sequence[int]) -> tuple[int, int]:
        rows, columns = self.classes.shape
        return int((place[0] + 0.5) * rows / self.size[0]), int((place[1] + 0.5) * columns / self.size[1])


def findings_of(network: Network, trace: Trace) -> Findings:
    """What a trace of one picture holds."""
    from ..engine.outputs import is_detection

    predictions = network.predictions(trace)
    scores = predictions.probabilities[0].astype(np.float32)
    size = (int(trace.images.shape[2]), int(trace.images.shape[3]))
    if is_detection(trace.output):
        found = {key: trace.output[0][key].detach().cpu().numpy() for key in ("boxes", "labels", "scores")}
        order = np.argsort(-found["scores"], kind="stable")
        boxes, labels, sure = (found[key][order] for key in ("boxes", "labels", "scores"))
        return Boxes(scores, False, size, boxes.astype(np.float32), labels, sure)  # noqa: FBT003
    logits = trace.logits
    saturates = predictions.probabilities is predictions.logits
    if logits.ndim == 4 and logits.shape[2] * logits.shape[3] > 1:
        return Segments(scores, saturates, size, logits[0].argmax(0).cpu().numpy())
    return Findings(scores, saturates, size)


def connected(classes: np.ndarray, row: int, column: int) -> np.ndarray:
    """All pixels that are reached from one over neighbors of the same class, bool (h, w).

    Examples
    --------
    >>> connected(np.array([[1, 0, 1], [1, 1, 0]]), 0, 0).astype(int)
    array([[1, 0, 0],
           [1, 1, 0]])
    """
    same = classes == classes[row, column]
    reached = np.zeros_like(same)
    reached[row, column] = True
    before = 0
    while before < (count := int(reached.sum())):
        before = count
        reached = _along_rows(reached, same)
        reached = _along_rows(reached.T, same.T).T
    return reached


def _along_rows(reached: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Every unbroken run of a row that holds a reached pixel, whole."""
    starts = same.copy()
    starts[:, 1:] &= ~same[:, :-1]
    runs = starts.ravel().cumsum().reshape(same.shape)
    hit = np.zeros(int(runs.max(initial=0)) + 1, bool)
    hit[runs[reached]] = True
    return hit[runs] & same
