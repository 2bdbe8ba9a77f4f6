"""One picture, asked again and again with parts of it covered: what every class then scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.errors import ImageError, ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.covers import Covers
    from ..engine.incremental import Incremental
    from ..engine.network import Network
    from ..engine.trace import Trace

#: Multiply-adds that a batch of a map may take (some 20 ms): a cover that is taken hold of waits for it.
_LONGEST = 2e9


class CoverError(ImageError):
    """A cover that cannot be laid; `way_out` is an action for the notice."""

    def __init__(self, message: str, label: str, **traits: Any) -> None:
        super().__init__(message)
        self.way_out = {"label": label, "set": traits}


class Said(NamedTuple):
    """What the network says with each of some places covered, float32 (places, classes)."""

    places: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Placed:
    """One cover, where it was put or as it was drawn; `data` are the bits of a drawing."""

    image: int
    row: int
    column: int
    window: int
    fill: str
    shape: str
    brush: bool = False
    stroke: int = 0
    data: bytes = b""

    @property
    def address(self) -> dict[str, Any]:
        """What an answer repeats, so that it is never taken for that of another cover."""
        return {name: value for name, value in asdict(self).items() if name != "data"}

    def covers(self, size: tuple[int, int]) -> Covers:
        """The cover over a picture (height, width)."""
        from ..engine.covers import placed, sliding

        if self.brush:
            return placed(size, drawn(self.data, size))
        whole = sliding((self.window, self.window), self.window, 1, self.shape).mask(0)  # type: ignore[arg-type]
        mask = np.ones((self.window, self.window), bool) if whole is None else whole
        try:
            return placed(size, mask, self.row, self.column)
        except ImageError as error:
            raise CoverError(str(error), "Lift the cover", place=[]) from error

    def wire(self, said: Said, seconds: float) -> dict[str, Any]:
        """The answer as the page takes it."""
        scores = {"probabilities": said.probabilities[0].tobytes(), "logits": said.logits[0].tobytes()}
        return {**self.address, **scores, "took": seconds * 1000}


class Subject:
    """A picture that is asked about: what the network keeps of it makes each cover cheap.

    Raises
    ------
    ModelError
        If the network's scores are not numbers.
    """

    def __init__(self, network: Network, picture: Tensor) -> None:
        self.network, self.picture = network, picture
        self.size = (int(picture.shape[2]), int(picture.shape[3]))
        self._ways: dict[float, Incremental] = {}
        self._exact = self._way(1.0)
        self.logits, self.probabilities = (each[0] for each in self._read(self._exact.trace))
        if not np.isfinite(self.probabilities).all():
            msg = f"{network.name} gives scores that are not numbers for this picture, so nothing can be seen to fall: choose another."
            raise ModelError(msg)
        self._fills: dict[str, Any] = {}

    @property
    def why_whole(self) -> str:
        """Why every covered picture is computed from its pixels on; "" where only what a cover reaches is."""
        return self._exact.why_whole

    def fill(self, name: str) -> Any:
        """What is put in place of covered pixels; `CoverError` if there is no such fill."""
        from ..engine.perturbation import fill_of_each

        if name not in self._fills:
            try:
                self._fills[name] = fill_of_each(self.picture, name)[0]
            except ImageError as error:
                raise CoverError(str(error), "Use gray", fill="gray", compare_fill="") from error
        return self._fills[name]

    def answers(
        self, covers: Covers, fill: str, places: np.ndarray | None = None, *, limit: float = 1.0
    ) -> Iterator[Said]:
        """Cover each of some places, in batches; a limit below 1 leaves distant effects of the cover out."""
        for answer in self._way(limit).answers(covers, self.fill(fill), places):
            yield Said(answer.places, *self._read(answer.trace))

    def answer(self, place: Placed) -> dict[str, Any]:
        """What the network says with one cover, as the page takes it."""
        started = perf_counter()
        (said,) = self.answers(place.covers(self.size), place.fill)
        return place.wire(said, perf_counter() - started)

    def _way(self, limit: float) -> Incremental:
        from ..engine.incremental import Incremental
        from ..engine.objectives import Objective

        if limit not in self._ways:
            # It names no class, so none is left out.
            every = Objective(lambda trace: trace.logits.flatten(1)[:, 0], name="every class")
            known = (self._exact.trace, self._exact.clean) if self._ways else None
            self._ways[limit] = Incremental(
                self.network, self.picture, [every], limit=limit, longest=_LONGEST, known=known
            )
        return self._ways[limit]

    def _read(self, trace: Trace) -> tuple[np.ndarray, np.ndarray]:
        """Scores and probabilities of every class, float32 (B, classes): where each pixel has them, their mean."""
        found = self.network.predictions(trace)
        logits = found.logits.reshape(*found.logits.shape[:2], -1).mean(2)
        return self._every(logits), self._every(found.probabilities)

    def _every(self, values: np.ndarray) -> np.ndarray:
        """A detection network names only the classes up to the last it found: the others score 0."""
        missing = max(0, self.network.classes - values.shape[1])
        return np.pad(values.astype(np.float32), ((0, 0), (0, missing)))


def drawn(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """The pixels of a drawing, bool (height, width), from its bits."""
    pixels = size[0] * size[1]
    if len(data) != -(-pixels // 8):
        msg = f"The drawing has about {8 * len(data)} pixels and the picture {size[0]} × {size[1]}: clear it and draw again."
        raise CoverError(msg, "Clear the drawing", brush={})
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=pixels)
    return bits.reshape(size).astype(bool)


def answers(answer: dict[str, Any], placed: Placed | None) -> bool:
    """Whether an answer that the page has is the one for a cover; without a cover there is none."""
    if placed is None:
        return not answer
    return bool(answer) and all(answer[name] == value for name, value in placed.address.items())
