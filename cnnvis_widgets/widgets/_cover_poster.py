"""The still picture of an occlusion slider: the picture with its cover, what the network then says, and the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _poster

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.covers import Covers
    from ..engine.network import Network
    from ._covering import Placed

#: So many classes are listed.
_BARS = 5


def cover_poster(
    title: str,
    network: Network,
    picture: Tensor,
    clean: np.ndarray,
    entry: dict[str, Any],
    target: int,
    measure: str,
    placed: Placed | None,
    answer: dict[str, Any],
) -> bytes:
    """Draw it for the cover that was placed and answered; without one, for the place that costs the class most.

    Parameters
    ----------
    picture
        (1, C, H, W) float in [0, 1].
    clean
        float32 (classes,): the probabilities of the picture as it is.
    entry, answer
        A map, and an answer or nothing, as the page takes them.
    """
    from ..engine.covers import sliding

    covers = sliding((picture.shape[2], picture.shape[3]), entry["window"], entry["stride"], entry["shape"])
    probabilities = _table(entry, "probabilities")
    column = entry["classes"].index(target)
    if measure == "probability":
        fall = clean[target] - probabilities[:, column]
    else:
        fall = np.frombuffer(entry["uncovered"], np.float32)[column] - _table(entry, "logits")[:, column]
    if placed is not None and answer:
        said = np.frombuffer(answer["probabilities"], np.float32)
        now = dict(enumerate(said.tolist()))
        photo = _covered(picture, entry["fill"], placed.covers(covers.size), 0)
    else:
        place = int(np.nan_to_num(fall, nan=-np.inf).argmax())
        now = dict(zip(entry["classes"], probabilities[place].tolist(), strict=True))
        photo = _covered(picture, entry["fill"], covers, place)
    best = sorted(now, key=lambda index: -now[index])[:_BARS]
    bars = [(network.class_name(index), now[index], float(clean[index])) for index in best]
    cover = f"{entry['fill']} cover of {entry['window']} pixels, every {entry['stride']} pixels"
    unit = "points lost" if measure == "probability" else "score lost"
    size = 100 if measure == "probability" else 1
    field = covers.average(covers.completed(fall)) * size
    head = f"What \u201c{network.class_name(target)}\u201d depends on"
    ends = f"{field.min():.3g} to {field.max():.3g}"
    told = f"{cover}; {unit}, mean over the covers of a pixel: {ends}".replace("-", "\N{MINUS SIGN}")
    return _poster.covering(title, (photo, bars), (head, field, picture), told)


def _table(entry: dict[str, Any], name: str) -> np.ndarray:
    return np.frombuffer(entry[name], np.float32).reshape(-1, len(entry["classes"]))


def _covered(picture: Tensor, fill: str, covers: Covers, place: int) -> Tensor:
    from ..engine.covers import covered
    from ..engine.perturbation import fill_of_each

    return covered(picture, fill_of_each(picture, fill)[0], covers, [place])
