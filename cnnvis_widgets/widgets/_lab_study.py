"""A study of regularization as the laboratory's page takes it: each family at its best value, channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._recipes import flat

if TYPE_CHECKING:
    from ..engine.study import RegularizationStudy

_SIDE = 112  # of pictures in the table, in pixels


def told(study: RegularizationStudy) -> dict[str, Any]:
    """Numbers that are not there are None."""
    from ..engine.study import mean

    rows = [study.best(family) for family in study.families]
    distances, scores = mean(study.distances), mean(study.scores)
    return {
        "layer": study.layer,
        "channels": list(study.channels),
        "measure": study.measure,
        "seeds": len(study.seeds),
        "done": study.done,
        "total": study.total,
        "references": [_small(found[0]) if len(found) else b"" for found in study.references],
        "rows": [
            {
                "title": study.variants[row].title,
                "recipe": flat(study.variants[row].recipe),
                "distances": _numbers(distances[row]),
                "improvements": _numbers(study.by_channel[row]),
                "responses": _numbers(scores[row]),
                "mean": _numbers(study.mean[row : row + 1])[0],
                "low": _numbers(study.low[row : row + 1])[0],
                "high": _numbers(study.high[row : row + 1])[0],
                "faint": bool(study.faint[row]),
                "pictures": [
                    _small(study.pictures[row, column][0]) if (row, column) in study.pictures else b""
                    for column in range(len(study.channels))
                ],
            }
            for row in rows
        ],
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    """As JSON can hold them."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _small(pixels: np.ndarray) -> bytes:
    from ..engine.images import encode_png
    from ..engine.pictures import resize

    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[0] * scale)), max(1, round(pixels.shape[1] * scale)))
    return encode_png(resize(pixels, size) if scale < 1 else pixels)
