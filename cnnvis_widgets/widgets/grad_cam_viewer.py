"""Where a network looks to say one class, and to say another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import traitlets

from . import _poster
from ._base import Update, Viewer, built
from ._traits import option, state

#: Classes of each picture that an exported page can show.
ARCHIVED_CLASSES = 10


class GradCAMViewer(Viewer):
    """Grad-CAM for any class at any layer, one class or two side by side.

    Parameters
    ----------
    network
        A `Network`, or a module that is made into one.
    image
        A picture or a list of them: anything that `Network.read` takes.
    classes
        One or two classes to begin with, by label or index; by default the most probable one.
    **options
        `target` and `compare` (classes A and B), `layer`, `signed`, `opacity`, `colormap`, `same_scale`.

    Examples
    --------
    >>> GradCAMViewer(network, "pets.jpg", classes=["bull mastiff", "tiger cat"])  # doctest: +SKIP
    """

    _esm = built("grad_cam_viewer.js")
    _css = built("grad_cam_viewer.css")
    title = "Grad-CAM viewer"

    compare = option(traitlets.Int(-1))
    signed = option(traitlets.Bool(default_value=False))
    opacity = option(traitlets.Float(0.8, min=0, max=1))
    colormap = option(traitlets.Enum(["tide", "viridis", "gray"], "tide"))
    same_scale = option(traitlets.Bool(default_value=False))
    heatmaps: traitlets.List[Any] = state(traitlets.List(), ts="HeatmapInfo[]")

    _asks: ClassVar[tuple[str, ...]] = ("image", "layer", "target", "compare")

    def __init__(
        self, network: Any, image: Any = None, *, classes: Sequence[int | str] | int | str | None = None, **options: Any
    ) -> None:
        given = [classes] if isinstance(classes, (int, str)) else list(classes or ())
        if len(given) > 2:
            msg = f"GradCAMViewer shows one class or two; {len(given)} were given: choose two, the list has the others."
            raise TypeError(msg)
        options |= dict(zip(("target", "compare"), given, strict=False))
        super().__init__(network, image, **options)

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "compare" and value != -1:
            return self.network.class_index(value)
        return super()._resolved(name, value)

    def _work(self) -> Iterator[Update]:
        image, layer, compare = self.image, self.layer, self.compare
        changes: dict[str, Any] = {}
        picture, asked = self._input(), self.target
        target = asked
        if not self.pictures[image]["scores"]:
            predictions = self.network.predict(picture)
            scores = predictions.probabilities[0].astype(np.float32)
            changes["pictures"] = self._scored(scores.tobytes(), image)
            target = predictions.order()[0] if target < 0 else target
        elif target < 0:
            target = int(np.frombuffer(self.pictures[image]["scores"], np.float32).argmax())
        started = perf_counter()
        wanted = [target] + ([compare] if compare >= 0 else [])
        changes["heatmaps"] = self._maps(picture, image, layer, wanted)
        maps = "1 map" if len(wanted) == 1 else f"{len(wanted)} maps"
        changes["message"] = f"{maps} in {(perf_counter() - started) * 1000:.0f} ms on {self.network.device.type}"
        yield Update(changes, chosen={"target": (asked, target)})

    def _maps(self, picture: Any, image: int, layer: str, targets: Sequence[int]) -> list[dict[str, Any]]:
        """One heatmap a class, or for a layer without positions the reason why there is none."""
        from ..methods.grad_cam import grad_cam

        if not self.network.layer(layer).spatial:
            values = np.zeros((len(targets), 1, 1), np.float32)
        else:
            values = grad_cam(self.network, picture, list(targets), layer=layer).values
        return [_entry(image, layer, target, each) for target, each in zip(targets, values, strict=True)]

    def _poster(self) -> bytes | None:
        shown = [each for each in self.heatmaps if each["image"] < len(self._inputs)]
        if not shown:
            return None
        panels = []
        for each in shown:
            values = np.frombuffer(each["data"], np.float32).reshape(each["height"], each["width"])
            scores = np.frombuffer(self.pictures[each["image"]]["scores"], np.float32)
            share = float(scores[each["target"]]) if each["target"] < len(scores) else float("nan")
            panels.append((self.network.class_name(each["target"]), share, values))
        return _poster.pair(
            f"{self.title}   {self.subject}",
            shown[0]["layer"],
            panels,
            self._inputs[shown[0]["image"]],
            signed=self.signed,
        )

    def _archived(self) -> dict[str, Any]:
        """Every layer with positions, for the most probable classes of every picture and those chosen."""
        from ..methods.grad_cam import grad_cam_of_layers

        entries = {}
        names = [layer.name for layer in self.network.layers if layer.spatial and not layer.container]
        for image, picture in enumerate(self._inputs):
            predictions = self.network.predict(picture)
            self.pictures = self._scored(predictions.probabilities[0].astype(np.float32).tobytes(), image)
            chosen = [target for target in (self.target, self.compare) if target >= 0]
            targets = list(dict.fromkeys(chosen + predictions.order()[:ARCHIVED_CLASSES]))
            for (name, target), values in grad_cam_of_layers(self.network, picture, targets, names).items():
                entries[f"{image}|{name}|{target}"] = _entry(image, name, target, values)
        return {"kind": "grad_cam_viewer", "entries": entries}


def _entry(image: int, layer: str, target: int, values: np.ndarray) -> dict[str, Any]:
    """One heatmap (h, w) as the page takes it."""
    from ..engine.results import why_empty

    return {
        "image": image,
        "layer": layer,
        "target": int(target),
        "height": values.shape[0],
        "width": values.shape[1],
        "data": np.ascontiguousarray(values, dtype=np.float32).tobytes(),
        "why": why_empty(values),
    }
