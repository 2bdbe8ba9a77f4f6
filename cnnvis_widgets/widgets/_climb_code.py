"""How a picture came about, as Python: one call for an ascent that went straight to its end, else step by step."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine.network import Network
    from ._climb import Climb, Stretch


def written(climb: Climb, name: str) -> str:
    """Python that makes the picture of a climb as it is now, number by number; `name` is what the network is called."""
    straight = len(climb.stretches) == 1 and climb.done == climb.total and not climb.note
    body = _at_once(climb, name) if straight else _step_by_step(climb, name)
    return _qualified("\n".join(body))


def name_of(network: Network) -> str:
    """What the network is called in the notebook, so that code runs there as it stands."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    known = dict(shell.user_ns) if shell is not None else {}
    names = [name for name, value in known.items() if value is network and name.isidentifier() and name[0] != "_"]
    return names[0] if names else "network"


def _at_once(climb: Climb, name: str) -> list[str]:
    (stretch,) = climb.stretches
    return [
        "picture = activation_maximization(",
        f"    {name},",
        f"    {_objective(climb, stretch, name)},",
        f"    recipe={stretch.recipe.code()},",
        f"    {_size(climb)}seed={climb.unit.seed},",
        ").result()",
        *(["opacity = picture.alpha[0]"] if stretch.recipe.alpha else []),
    ]


def _step_by_step(climb: Climb, name: str) -> list[str]:
    lines: list[str] = []
    stretches = climb.stretches
    ends = [each.begins for each in stretches[1:]] + [climb.done]
    for index, (stretch, end) in enumerate(zip(stretches, ends, strict=True)):
        if index == 0 or stretch.anew:
            start = "start=ascent.pictures, " if index else ""
            lines += [
                "ascent = Ascent(",
                f"    {name},",
                f"    {_objective(climb, stretch, name)},",
                f"    {stretch.recipe.code()},",
                f"    {_size(climb)}{start}seed={climb.unit.seed},",
                ")",
            ]
        else:
            lines.append(f"ascent.change({stretch.recipe.code()})")
        if end > stretch.begins:
            lines += [f"for _ in range({end - stretch.begins}):", "    ascent.step()"]
    opacity = ["opacity = ascent.opacities[0]"] if stretches[-1].recipe.alpha else []
    return [*lines, "picture = ascent.pictures[0]", *opacity]


def _objective(climb: Climb, stretch: Stretch, name: str) -> str:
    return climb.unit.objective_code(stretch.objective).replace(", network)", f", {name})")


def _size(climb: Climb) -> str:
    return f"size={climb.unit.size}, " if climb.unit.size else ""


def _qualified(text: str) -> str:
    """With the package imported, and its names said to be its own."""
    import cnnvis_widgets

    def own(found: re.Match[str]) -> str:
        return f"cw.{found[0]}" if found[1] in cnnvis_widgets.__all__ else found[0]

    qualified = re.sub(r"(?<![.\w\"])(\w+)\(", own, text)
    arrays = ["import numpy as np"] if "np." in text else []
    return "\n".join([*arrays, "import cnnvis_widgets as cw", "", qualified, ""])
