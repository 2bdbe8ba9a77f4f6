"""The small network that comes with the package, trained on `scenes`."""

from __future__ import annotations

from collections import OrderedDict
from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor, nn

from .scenes import SCENE_CLASSES

DEMO_MEAN: tuple[float, float, float] = (0.5, 0.5, 0.5)
DEMO_STD: tuple[float, float, float] = (0.25, 0.25, 0.25)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut; one ReLU serves twice, as in torchvision.

    Parameters
    ----------
    inputs, outputs : int
        Channels. Where they differ, a 1 x 1 convolution leads the shortcut.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Identity() if inputs == outputs else _projection(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        y = self.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y)) + self.shortcut(x)
        result: Tensor = self.relu(y)
        return result


def _projection(inputs: int, outputs: int) -> nn.Module:
    conv = nn.Conv2d(inputs, outputs, 1, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(outputs)))


class SeparableBlock(nn.Module):
    """A depthwise 3 x 3 convolution (channel by channel), then a pointwise one (1 x 1).

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int, default 1
        Of the depthwise convolution, in positions.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs, bias=False)
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        x = self.relu1(self.norm1(self.depthwise(x)))
        result: Tensor = self.relu2(self.norm2(self.pointwise(x)))
        return result


class DemoNet(nn.Module):
    """A small convolutional network for pictures of 96 x 96 pixels.

    Parameters
    ----------
    classes : int, default 12
        How many logits it gives.
    """

    def __init__(self, classes: int = len(SCENE_CLASSES)) -> None:
        super().__init__()
        conv = nn.Conv2d(3, 24, 7, stride=2, padding=3, bias=False)
        self.stem = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(24), relu=nn.ReLU(inplace=True)))
        self.pool = nn.MaxPool2d(2)
        self.residual1 = ResidualBlock(24, 32)
        self.separable1 = SeparableBlock(32, 64, stride=2)
        self.residual2 = ResidualBlock(64, 64)
        self.separable2 = SeparableBlock(64, 128)
        self.separable3 = SeparableBlock(128, 160)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(160, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized pictures (N, 3, 96, 96) to logits (N, classes)."""
        x = self.residual1(self.pool(self.stem(x)))
        x = self.residual2(self.separable1(x))
        x = self.separable3(self.separable2(x))
        logits: Tensor = self.head(torch.flatten(self.average(x), 1))
        return logits


def build_demo_model(*, biased: bool = False) -> DemoNet:
    """The trained network, from the package's own file, in eval mode.

    Parameters
    ----------
    biased : bool
        The one that learned from biased scenes.

    Input: RGB in 0..1, less `DEMO_MEAN`, divided by `DEMO_STD`. Classes: `SCENE_CLASSES`.

    Returns
    -------
    DemoNet
        On the CPU, in float32.
    """
    weights = files("cnnvis_widgets").joinpath("assets", "demo_biased.safetensors" if biased else "demo.safetensors").read_bytes()
    model = DemoNet()
    model.load_state_dict(load(weights))
    return model.eval()
