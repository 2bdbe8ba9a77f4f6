"""What the page is told of an ascent: where it is, its curves, its picture, its film, its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._lab_picture import encoded, mattered

if TYPE_CHECKING:
    from ._climb import Climb


def run(climb: Climb, name: str) -> dict[str, Any]:
    """A climb as it is; `name` is what its network is called."""
    steps, responses, distances = climb.curves()
    picture = climb.picture
    return {
        "unit": climb.unit.address,
        "done": climb.done,
        "total": climb.total,
        "height": picture.shape[2],
        "width": picture.shape[3],
        "picture": encoded(picture, climb.opacity, exact=climb.over),
        "mattered": mattered(climb.importance),
        "steps": steps.tobytes(),
        "responses": responses.tobytes(),
        "distances": distances.tobytes(),
        "changes": climb.changes,
        "recipe": climb.settings,
        "note": climb.note,
        "code": climb.code(name),
    }


def film(climb: Climb) -> list[dict[str, Any]]:
    """Its frames in their places; without bytes where one is not there yet."""
    places = zip(climb.planned(), climb.film(), strict=True)
    return [
        {"step": planned, "data": b""} if step is None else {"step": step, "data": climb.frame(step)}
        for planned, step in places
    ]


def sizes(frames: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """What tells one film from another without comparing its bytes."""
    return [(frame["step"], len(frame["data"])) for frame in frames]


def broken(side: str, climb: Climb, recipe: dict[str, Any]) -> dict[str, Any]:
    """What happened to an ascent that ended in something that is no number, why, and a way out."""
    slower = {**recipe, "rate": float(f"{recipe['rate'] / 2:.2g}")}
    return {
        "kind": "fail",
        "title": f"The picture of {side} broke apart at step {climb.done}",
        "text": f"{climb.note} The frames until then are kept. A rate that is too high does this, and so do weights that are "
        "no numbers.",
        "actions": [{"label": "Halve the rate and go on", "set": {f"recipe_{side.lower()}": slower}}],
        "detail": "",
    }
