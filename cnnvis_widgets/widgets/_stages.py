"""The stages of a DeconvNet as a page takes them: of each signal its strength, of each unpooling its winners."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._fields import number, packed

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network


def walked(network: Network, picture: Tensor, target: int, unit: str) -> dict[str, Any]:
    """Every stage from the class, or from a unit, back to the pixels; or why that cannot be done."""
    from ..engine.errors import CnnvisError
    from ..methods import deconvnet_steps

    nothing = {"unit": unit, "called": unit, "relus": 0, "failed": "", "rows": [], "pixels": {}}
    try:
        stages = deconvnet_steps(network, picture, None if unit else target, unit=unit or None)
    except CnnvisError as error:
        return {**nothing, "failed": str(error)}
    rows, before = [], None
    for stage in stages:
        rows.append(_row(stage, before))
        before = stage.signal
    pixels = packed(np.asarray(stages.values, np.float32).sum(0))
    return {**nothing, "called": stages.target, "relus": int(stages.relus or 0), "rows": rows, "pixels": pixels}


def _row(stage: Any, before: np.ndarray | None) -> dict[str, Any]:
    signal = np.asarray(stage.signal, np.float32)
    arrived = None if stage.before is None else np.asarray(stage.before, np.float32)
    known = arrived is None or (
        before is not None and before.shape == arrived.shape and np.array_equal(before, arrived)
    )
    return {
        "layer": stage.layer,
        "deed": stage.deed,
        "text": stage.text,
        "shape": list(signal.shape),
        "alive": int((np.abs(signal).reshape(len(signal), -1).max(1) > 0).sum()),
        "zeros": number((signal == 0).mean()),
        "positive": number((signal > 0).mean()),
        "high": number(np.abs(signal).max()),
        "signal": packed(strength(signal)),
        "before": {} if known or arrived is None else {"shape": list(arrived.shape), **packed(strength(arrived))},
        "switches": {}
        if stage.switches is None or arrived is None
        else _winners(stage.switches, arrived, signal.shape[2]),
    }


def strength(signal: np.ndarray) -> np.ndarray:
    """The strongest channel of a signal (C, h, w) at each position; a vector (C, 1, 1) as a square of its entries."""
    size = np.abs(signal)
    if signal.shape[1:] != (1, 1) or len(signal) == 1:
        return size.max(0)
    side = math.ceil(math.sqrt(len(signal)))
    square = np.full(math.ceil(len(signal) / side) * side, np.nan, np.float32)
    square[: len(signal)] = size[:, 0, 0]
    return square.reshape(-1, side)


def _winners(switches: np.ndarray, arrived: np.ndarray, width: int) -> dict[str, Any]:
    """For each pooling window, in its strongest channel: where its maximum lay, as row * width + column."""
    strongest = np.abs(arrived).argmax(0)[None]
    winners = np.take_along_axis(np.asarray(switches), strongest, 0)[0].astype("<i4")
    return {"height": winners.shape[0], "width": winners.shape[1], "across": int(width), "data": winners.tobytes()}
