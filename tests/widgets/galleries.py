"""Galleries to test, and how far they are."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import cnnvis_widgets as cw


def done(gallery: cw.FilterGallery) -> cw.FilterGallery:
    assert gallery.wait(60), "the task did not end"
    assert gallery.status != "failed", gallery.notice.get("detail")
    return gallery


def wide(channels: int, inputs: int = 3) -> cw.Network:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return cw.Network(model, cw.Preprocess(size=(12, 12)), name="wide")


def finished(gallery: cw.FilterGallery) -> list[int]:
    count = np.frombuffer(gallery.wall["done"], np.int32)
    return np.flatnonzero(count >= gallery.wall["steps"]).tolist()
