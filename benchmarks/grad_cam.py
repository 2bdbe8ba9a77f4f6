"""What looking inside costs over a plain forward pass, and what other libraries take for the same maps.

CPU time on one thread, random weights, 224 × 224 pixels. The plain forward pass runs in `inference_mode` on pictures that
are already normalized, in the same memory format (channels_last); `trace` and `grad_cam` start from pictures in [0, 1].
Other libraries run as shipped: on a model and pictures as torchvision and torch give them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torchvision
from _timing import Limit, take_turns, told
from torch import Tensor, nn

import cnnvis_widgets as cw

MODELS = {"squeezenet1_1": "features.12", "resnet18": "layer4"}


def peers(name: str, layer: str, images: Tensor) -> dict[str, Callable[[], object]]:
    """Grad-CAM of class 5 by other libraries, from normalized pictures."""
    from captum.attr import LayerGradCam
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    from torchcam.methods import GradCAM as TorchCam

    def model() -> nn.Module:
        return torchvision.models.get_model(name, weights=None).eval()

    def at(model: nn.Module) -> nn.Module:
        return model.get_submodule(layer)

    for_captum, for_torchcam, for_grad_cam = model(), model(), model()
    captum = LayerGradCam(for_captum, at(for_captum))
    torchcam = TorchCam(for_torchcam, at(for_torchcam))
    grad_cam = GradCAM(for_grad_cam, [at(for_grad_cam)])
    targets = [ClassifierOutputTarget(5)] * len(images)
    return {
        "captum": lambda: captum.attribute(images, target=5),
        "torch-cam": lambda: torchcam(class_idx=5, scores=for_torchcam(images)),
        "pytorch-grad-cam": lambda: grad_cam(input_tensor=images, targets=targets),
    }


def report(name: str, layer: str, batch: int) -> None:
    """One model at one batch size."""
    network = cw.load(name, None)
    images = torch.rand(batch, 3, 224, 224)
    normalized = network.preprocess.normalize(images)

    @torch.inference_mode()
    def plain() -> object:
        return network.model(normalized)

    candidates: dict[str, Callable[[], object]] = {
        "plain": plain,
        "trace": lambda: network.trace(images, layer),
        "grad_cam": lambda: cw.grad_cam(network, images, 5, layer=layer),
        **peers(name, layer, normalized.contiguous()),
    }
    taken = take_turns(candidates, turns=60 if batch == 1 else 6)
    print(f"\n{name}, {layer}, batch {batch}: plain forward {taken['plain'].least:.1f} ms")
    against = {key: timing.over(taken["plain"]) for key, timing in taken.items()}
    told("trace of one layer / plain forward", against["trace"], Limit(1.05))
    told("grad_cam / plain forward", against["grad_cam"], Limit(1.4 if batch == 1 else 1.15))
    asked = Limit(1.7, at_most=False) if name == "squeezenet1_1" else None
    for key in ("captum", "torch-cam", "pytorch-grad-cam"):
        told(f"{key} as shipped / grad_cam", taken[key].over(taken["grad_cam"]), asked)


def main() -> None:
    """Print the report."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, layer in MODELS.items():
        for batch in (1, 16):
            report(name, layer, batch)


if __name__ == "__main__":
    main()
