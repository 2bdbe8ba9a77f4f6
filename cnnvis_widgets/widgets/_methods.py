"""The attribution methods that a viewer can put side by side: the package's own, by name, and whatever a person brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

#: (network, images (1, C, H, W), target, layer) -> Heatmap, Steps[Heatmap], or an array over the picture.
Call: TypeAlias = Callable[[Any, Any, int, str], Any]


@dataclass(frozen=True)
class Attribution:
    """One method, and what there is to say about it.

    Attributes
    ----------
    key, title, short : str
        Its name in Python, above its map, and in a narrow table.
    family : str
        "gradient", "rectified", "cam", "perturbation" or "own".
    how, unit : str
        A sentence on what it does, and what its numbers count.
    layered : bool
        Whether it is read at a layer.
    passes : tuple of int
        Forward and backward passes of one picture; empty where that is not known.
    """

    key: str
    title: str
    short: str
    family: str
    how: str
    unit: str
    call: Call
    layered: bool = False
    long: bool = False
    passes: tuple[int, ...] = ()

    @property
    def info(self) -> dict[str, Any]:
        """All of it but the function, as a page takes it."""
        names = ("key", "title", "short", "family", "how", "unit", "layered")
        return {name: getattr(self, name) for name in names} | {"passes": list(self.passes)}


#: Shown where nothing else is asked for: one of every idea.
DEFAULT = ("saliency", "smooth_grad", "integrated_gradients", "guided_backprop", "deconvnet", "grad_cam")


def known() -> dict[str, Attribution]:
    """The methods of the package, by name, in the order of their families."""
    slope, signal, weighted = "score per unit of input", "returned signal", "weighted activity"
    rows: list[tuple[Any, ...]] = [
        ("saliency", "Gradient", "Gradient", "gradient", "How the score moves when a pixel changes a little.", slope, 1, 1),
        ("input_x_gradient", "Input × gradient", "Input ×", "gradient",
         "The gradient times the picture: to first order, what each pixel adds.", "share of the score", 1, 1),
        ("smooth_grad", "SmoothGrad", "Smooth", "gradient",
         "The gradient, averaged over 16 noisy copies of the picture.", slope, 16, 16),
        ("integrated_gradients", "Integrated gradients", "Integr.", "gradient",
         "The gradient, summed along the way from black to the picture.", "share of the score", 32, 32),
        ("guided_backprop", "Guided backprop", "Guided", "rectified",
         "Each ReLU lets back only what is positive, and only where it was on.", signal, 1, 1),
        ("guided_grad_cam", "Guided Grad-CAM", "G. CAM", "rectified",
         "Guided backpropagation, weighted by Grad-CAM.", signal, 2, 2),
        ("deconvnet", "DeconvNet", "Deconv", "rectified",
         "Each ReLU lets back only what is positive, wherever it was on or off.", signal, 1, 1),
        ("grad_cam", "Grad-CAM", "Grad-CAM", "cam", "Feature maps, each weighted by its mean gradient.", weighted, 1, 1),
        ("grad_cam_plus_plus", "Grad-CAM++", "CAM++", "cam",
         "Feature maps, weighted by their positive gradients, rare ones more.", weighted, 1, 1),
        ("hires_cam", "HiResCAM", "HiRes", "cam", "Feature maps times their gradients, place by place.", weighted, 1, 1),
        ("layer_cam", "LayerCAM", "Layer", "cam",
         "Feature maps times their positive gradients, place by place.", weighted, 1, 1),
        ("xgrad_cam", "XGrad-CAM", "XGrad", "cam",
         "Feature maps, each weighted by its gradients where it is active.", weighted, 1, 1),
        ("eigen_cam", "Eigen-CAM", "Eigen", "cam", "What the feature maps have in common, whatever the class.", weighted, 1, 0),
        ("cam", "CAM", "CAM", "cam", "Feature maps, weighted by the last linear layer.", weighted, 1, 0),
        ("score_cam", "Score-CAM", "Score", "perturbation",
         "Feature maps, each weighted by the score of the picture seen through it.", weighted),
        ("ablation_cam", "Ablation-CAM", "Ablation", "perturbation",
         "Feature maps, each weighted by what the score loses without it.", weighted),
    ]  # fmt: skip
    return {key: _packaged(key, *rest) for key, *rest in rows if _exists(key)}


def own(title: str, function: Callable[..., Any]) -> Attribution:
    """A method that a person brings: (network, images, target) -> Heatmap, Steps[Heatmap] or an array."""
    first = (function.__doc__ or "").strip().split("\n\n")[0].split(". ")[0].replace("\n", " ").strip()
    how = f"{' '.join(first.split()).rstrip('.')}." if first and len(first) < 120 else "A method of yours."
    short = title if len(title) <= 9 else f"{title[:8]}…"
    return Attribution(
        title,
        title,
        short,
        "own",
        how,
        "value",
        lambda network, images, target, _: function(network, images, target),
        long=True,
    )


def chosen(
    methods: Mapping[str, Callable[..., Any]] | Iterable[str | Callable[..., Any]] | str | None,
) -> list[Attribution]:
    """What `methods=` of a viewer stands for, in its order.

    Raises
    ------
    TypeError
        For a name that no method has, with those like it.
    """
    package = known()
    if methods is None:
        return [package[key] for key in DEFAULT if key in package]
    if isinstance(methods, Mapping):
        return [own(str(title), function) for title, function in methods.items()]
    given = [methods] if isinstance(methods, str) else list(methods)
    found = [_found(each, package) for each in given]
    return list({method.key: method for method in found}.values())


def _found(given: str | Callable[..., Any], package: dict[str, Attribution]) -> Attribution:
    from ..engine.errors import suggestion

    name = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
    if name in package and (isinstance(given, str) or _function(name) is given):
        return package[name]
    if not isinstance(given, str) and callable(given):
        return own(name, given)
    msg = f"There is no method {given!r}. {suggestion(str(given), package)} Your own: methods={{'title': function}}."
    raise TypeError(msg)


def _packaged(key: str, title: str, short: str, family: str, how: str, unit: str, *passes: int) -> Attribution:
    layered = family in {"cam", "perturbation"} or key == "guided_grad_cam"
    long = family == "perturbation" or sum(passes) > 8
    return Attribution(key, title, short, family, how, unit, partial(_run, key, layered), layered, long, passes)


def _run(key: str, layered: bool, network: Any, images: Any, target: int, layer: str) -> Any:  # noqa: FBT001
    options: dict[str, Any] = {"signed": True} if key == "saliency" else {}
    return _function(key)(network, images, target, **options, **({"layer": layer} if layered else {}))


def _exists(key: str) -> bool:
    return _function(key) is not None


def _function(key: str) -> Any:
    from .. import methods

    return getattr(methods, key, None)
