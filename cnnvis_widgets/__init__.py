"""See what a convolutional network does: widgets for notebooks, on a small PyTorch engine.

>>> import cnnvis_widgets as cw
>>> network = cw.demo()
>>> cw.LayerExplorer(network, cw.scenes(1)[0].image)  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.datasets import folder as folder
    from .engine.errors import CnnvisError as CnnvisError
    from .engine.errors import GradientError as GradientError
    from .engine.errors import ImageError as ImageError
    from .engine.errors import LayerError as LayerError
    from .engine.errors import ModelError as ModelError
    from .engine.errors import TargetError as TargetError
    from .engine.errors import WeightsError as WeightsError
    from .engine.models import demo as demo
    from .engine.models import load as load
    from .engine.network import Network as Network
    from .engine.objectives import Objective as Objective
    from .engine.objectives import channel as channel
    from .engine.objectives import class_probability as class_probability
    from .engine.objectives import class_score as class_score
    from .engine.objectives import direction as direction
    from .engine.objectives import neuron as neuron
    from .engine.preprocess import Preprocess as Preprocess
    from .engine.results import Gallery as Gallery
    from .engine.results import Heatmap as Heatmap
    from .engine.results import Predictions as Predictions
    from .engine.scenes import scenes as scenes
    from .engine.steps import Step as Step
    from .engine.steps import Steps as Steps
    from .methods.activation_maps import activation_maps as activation_maps
    from .methods.filters import filters as filters
    from .methods.grad_cam import grad_cam as grad_cam
    from .widgets.grad_cam_viewer import GradCAMViewer as GradCAMViewer
    from .widgets.layer_explorer import LayerExplorer as LayerExplorer

__version__ = "0.1.0"

# Where each public name lives. They are fetched when first used, so that importing the package does not import torch.
_HOMES = {
    "CnnvisError": "engine.errors",
    "Gallery": "engine.results",
    "GradCAMViewer": "widgets.grad_cam_viewer",
    "GradientError": "engine.errors",
    "Heatmap": "engine.results",
    "ImageError": "engine.errors",
    "LayerError": "engine.errors",
    "LayerExplorer": "widgets.layer_explorer",
    "ModelError": "engine.errors",
    "Network": "engine.network",
    "Objective": "engine.objectives",
    "Predictions": "engine.results",
    "Preprocess": "engine.preprocess",
    "Step": "engine.steps",
    "Steps": "engine.steps",
    "TargetError": "engine.errors",
    "WeightsError": "engine.errors",
    "activation_maps": "methods.activation_maps",
    "channel": "engine.objectives",
    "class_probability": "engine.objectives",
    "class_score": "engine.objectives",
    "demo": "engine.models",
    "direction": "engine.objectives",
    "filters": "methods.filters",
    "folder": "engine.datasets",
    "grad_cam": "methods.grad_cam",
    "load": "engine.models",
    "neuron": "engine.objectives",
    "scenes": "engine.scenes",
}

__all__ = [*_HOMES]  # noqa: PLE0604 (strings, sorted, kept so by a test)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
