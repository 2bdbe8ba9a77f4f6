"""What was measured of both ascents of the laboratory, on the steps of the shorter one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..engine.curves import Curves
    from ._climb import Climb


def curves(climbs: Mapping[str, Climb], what: str, kind: str) -> Curves:
    """The "response" or the "distance" of each side; `kind` is what distances are measured to, "patch" or "picture".

    Raises
    ------
    ValueError
        If there is nothing measured yet, or something else is asked for.
    """
    from ..engine.curves import Curves

    if what not in ("response", "distance"):
        msg = f"There are curves of 'response' and 'distance', not of {what!r}."
        raise ValueError(msg)
    found = {side: measured for side, climb in sorted(climbs.items()) if len((measured := _measured(climb, what))[0])}
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


def _measured(climb: Climb, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and what was measured there."""
    steps, responses, distances = climb.curves()
    values = responses if what == "response" else distances
    there = np.isfinite(values)
    return steps[there], values[there]
