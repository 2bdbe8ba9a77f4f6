"""Named networks with their weights, labels and preprocessing."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from .demo_network import DEMO_MEAN, DEMO_STD, build_demo_model
from .errors import ModelError, WeightsError, suggestion
from .network import Network
from .outputs import best_scores
from .preprocess import Preprocess
from .scenes import SCENE_CLASSES

_NOT_PICTURES = ("torchvision.models.video", "torchvision.models.optical_flow", "torchvision.models.quantization")
# What the builders set only together with weights of their own.
_WITH_WEIGHTS: dict[str, dict[str, Any]] = {
    "googlenet": {"transform_input": True, "aux_logits": False},
    "inception_v3": {"transform_input": True, "aux_logits": False},
}


def load(
    name: str,
    weights: str | os.PathLike[str] | WeightsEnum | None = "DEFAULT",
    *,
    device: str | torch.device | None = None,
    **options: Any,
) -> Network:
    """A torchvision model by name, ready to be looked into.

    Parameters
    ----------
    name
        Any classification, segmentation or detection model of torchvision: "resnet50", "lraspp_mobilenet_v3_large", ….
    weights
        The name of torchvision weights ("DEFAULT", "IMAGENET1K_V2"; downloaded once), the path of a `.safetensors`,
        `.pt` or `.pth` file with a state dict, or None for random weights.
    device
        Where to compute; by default the CPU.
    **options
        For torchvision's builder, such as `num_classes=5`.

    Returns
    -------
    Network
        In evaluation mode, with labels and preprocessing that go with the weights.

    Raises
    ------
    ModelError
        If there is no such model.
    WeightsError
        If the weights do not exist, cannot be had, do not fit, or are a pickle that holds code.
    """
    builder = _builder(name)
    known = torchvision.models.get_model_weights(builder)
    entry = _entry(name, weights, known)
    state = None if weights is None else _state_of(weights, entry)
    about = entry or next(iter(known), None)
    model = _build(name, builder, state, entry, options)
    if state is not None:
        _fill(model, state, name, str(weights))
    model = model.eval().to(memory_format=torch.channels_last)
    labels = _labels(about, options)
    output = partial(best_scores, classes=len(labels)) if _detects(builder) else None
    return Network(model, about.transforms() if about else None, labels, output, device, name)


def demo(*, biased: bool = False) -> Network:
    """The small network that comes with this package: 12 classes of drawn objects, 96 × 96 pixels; loads offline.

    It was trained on `scenes`, whose masks tell where the object truly is, so explanations can be checked on it.

    Parameters
    ----------
    biased
        The same network, learned from scenes in which every fox stands in snow and every cat in a meadow, and nothing else
        does. It is right on such scenes, and for the wrong reason: its explanations show the background.
    """
    preprocess = Preprocess(channels=3, size=(96, 96), mean=DEMO_MEAN, std=DEMO_STD)
    with torch.inference_mode(mode=False), torch.random.fork_rng(devices=[]):
        model = build_demo_model(biased=biased).to(memory_format=torch.channels_last)
    return Network(model, preprocess, SCENE_CLASSES, name="demo (biased)" if biased else "demo")


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors in a `.safetensors`, `.pt` or `.pth` file; code in a pickle is never run.

    Wrappers common in checkpoints ("state_dict", "model", the prefix "module.") are taken off.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        msg = f"There is no weights file {str(path)!r} (looked in {Path.cwd()}): check the path."
        raise WeightsError(msg)
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = ", ".join(dict.fromkeys(re.findall(r"GLOBAL ([\w.]+)", str(error))))
        if not found:
            msg = f"{file.name} is no weights file (neither tensors nor a pickle of them): save model.state_dict()."
            raise WeightsError(msg) from None
        msg = f"{file.name} is a pickle that would run code ({found}); it was not opened: save model.state_dict() instead."
        raise WeightsError(msg) from None
    except Exception as error:  # noqa: BLE001 (a pickle of anything else fails in any way)
        msg = f"{file.name} is no readable weights file ({_first_line(error)}): save or download it again."
        raise WeightsError(msg) from None
    return _unwrapped(content, file.name)


def _unwrapped(content: Any, name: str) -> dict[str, Tensor]:
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        msg = f"{name} holds {type(content).__name__}, no state dict: save model.state_dict() instead."
        raise WeightsError(msg)
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _builder(name: str) -> Any:
    every = torchvision.models.list_models()
    usable = [each for each in every if not _builder_module(each).startswith(_NOT_PICTURES)]
    if name in usable:
        return torchvision.models.get_model_builder(name)
    if name in every:
        msg = f"{name!r} does not take single pictures in float: choose a classification, segmentation or detection model."
    else:
        msg = f"torchvision has no model {name!r}. {suggestion(str(name), usable)}"
    raise ModelError(msg)


def _builder_module(name: str) -> str:
    return str(torchvision.models.get_model_builder(name).__module__)


def _detects(builder: Any) -> bool:
    return ".detection." in builder.__module__


def _is_path(weights: Any) -> bool:
    if isinstance(weights, os.PathLike):
        return True
    return isinstance(weights, str) and (Path(weights).suffix in (".safetensors", ".pt", ".pth") or os.sep in weights)


def _entry(name: str, weights: Any, known: Any) -> WeightsEnum | None:
    """The torchvision enum entry that `weights` names, if it names one."""
    if weights is None or _is_path(weights):
        return None
    if isinstance(weights, WeightsEnum):
        weights = weights.name if weights in known else str(weights)
    choices = [*(entry.name for entry in known), "DEFAULT"]
    if weights not in choices:
        msg = f"{name} has no weights {weights!r}. {suggestion(str(weights), choices)} A path ends in .safetensors or .pt."
        raise WeightsError(msg)
    return known[weights]


def _state_of(weights: Any, entry: WeightsEnum | None) -> dict[str, Tensor]:
    if entry is None:
        return read_state_dict(weights)
    try:
        return torch.hub.load_state_dict_from_url(entry.url, map_location="cpu", check_hash=True, weights_only=True)
    except (URLError, OSError) as error:
        msg = (
            f"The weights {entry.name} could not be downloaded ({error}): check the connection, give the path of a file, "
            "or weights=None for random ones. cw.demo() needs no connection."
        )
        raise WeightsError(msg) from error
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        msg = f"The download of {entry.name} is damaged ({_first_line(error)}): delete it from {torch.hub.get_dir()} and try again."
        raise WeightsError(msg) from error


def _build(name: str, builder: Any, state: Any, entry: WeightsEnum | None, options: dict[str, Any]) -> nn.Module:
    settings: dict[str, Any] = {"weights": None}
    if "detection" in builder.__module__ or "segmentation" in builder.__module__:
        settings["weights_backbone"] = None
    if "segmentation" in builder.__module__ and state is not None:
        settings["aux_loss"] = any(key.startswith("aux_classifier.") for key in state) or None
    if name in ("googlenet", "inception_v3"):
        settings["init_weights"] = False
        if state is not None:
            settings |= _WITH_WEIGHTS[name]
    if entry is not None and "num_classes" not in options:
        settings["num_classes"] = len(entry.meta["categories"])
    try:
        return builder(**(settings | options))
    except (TypeError, ValueError) as error:
        msg = f"{name} cannot be built with {options}: {error}."
        raise ModelError(msg) from error


def _fill(model: nn.Module, state: dict[str, Tensor], name: str, source: str) -> None:
    """Load strictly, and list what does not match."""
    own = model.state_dict()
    extra = [key for key in state if key not in own]
    aux = ("AuxLogits.", "aux1.", "aux2.", "aux_classifier.")
    state = {key: value for key, value in state.items() if key in own or not key.startswith(aux)}
    extra = [key for key in extra if not key.startswith(aux)]
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    shapes = [
        f"{key}: {tuple(state[key].shape)} in the file, {tuple(own[key].shape)} in the model"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    if missing or extra or shapes:
        lines = [_listed("missing", missing), _listed("not in the model", extra), _listed("of another shape", shapes)]
        hint = "Give num_classes=… for another number of classes." if shapes else "Is it the same architecture?"
        msg = f"{source} does not fit {name}: {'; '.join(filter(None, lines))}. {hint}"
        raise WeightsError(msg)
    model.load_state_dict(state, strict=False)


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:4])
    return f"{len(names)} {what} ({shown}{', …' if len(names) > 4 else ''})"


def _labels(about: WeightsEnum | None, options: dict[str, Any]) -> tuple[str, ...]:
    labels = tuple(about.meta.get("categories", ())) if about else ()
    return labels if options.get("num_classes", len(labels)) == len(labels) else ()
