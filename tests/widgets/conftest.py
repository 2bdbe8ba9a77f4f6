"""Small networks and pictures for the widgets."""

from __future__ import annotations

import time
from collections.abc import Iterator

import ipywidgets
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cnnvis_widgets as cw


class Slow(nn.Module):
    """Passes its input on after a while, and counts how often."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.calls = seconds, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        time.sleep(self.seconds)
        return x


def small_model(slow: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    parts: list[nn.Module] = [nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    parts += [nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)]
    return nn.Sequential(*([Slow(slow)] if slow else []), *parts)


@pytest.fixture
def network() -> cw.Network:
    labels = ["cat", "dog", "<img src=x onerror=alert(1)>", "owl", "fox"]
    return cw.Network(small_model(), cw.Preprocess(size=(16, 16)), labels, name="small")


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).random((16, 16, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def closed_widgets() -> Iterator[None]:
    """Every widget made by a test is closed after it, as ipywidgets itself keeps them for ever."""
    yield
    ipywidgets.Widget.close_all()
