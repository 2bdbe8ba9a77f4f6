"""Random networks: every layer's trace equals an independent forward, its gradient autograd's."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from methods.nets import watched
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw

WIDTH = 4


class Step(nn.Module):
    """One randomly chosen operation, module or function, in place or not, with or without a skip."""

    def __init__(self, kind, skip, shared):
        super().__init__()
        self.kind, self.skip = kind, skip
        self.conv, self.norm = nn.Conv2d(WIDTH, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH)
        self.norm.running_mean.normal_()
        self.shared, self.relu, self.drop = shared, nn.ReLU(), nn.Dropout(0.5)
        self.join = nn.Conv2d(2 * WIDTH, WIDTH, 1)

    def forward(self, x):
        run = {
            "conv": lambda: self.conv(x),
            "norm": lambda: self.norm(self.conv(x)),
            "relu": lambda: self.relu(x),
            "shared in place": lambda: self.shared(self.conv(x)),
            "functional in place": lambda: F.relu(self.norm(self.conv(x)), inplace=True),
            "pool": lambda: F.max_pool2d(x, 3, 1, 1),
            "concatenate": lambda: self.join(torch.cat([self.conv(x), self.drop(x)], 1)),
            "multiply in place": lambda: self.conv(x).mul_(0.5).add_(x),
        }
        y = run[self.kind]()
        if self.skip == "sum":
            return y + x
        return y.clone().add_(x) if self.skip == "in place" else y


_KINDS = ["conv", "norm", "relu", "shared in place", "functional in place", "pool", "concatenate", "multiply in place"]
_STEPS = st.lists(st.tuples(st.sampled_from(_KINDS), st.sampled_from(["", "sum", "in place"])), min_size=1, max_size=5)


def _model(steps):
    torch.manual_seed(0)
    shared = nn.ReLU(inplace=True)
    parts = [Step(kind, skip, shared) for kind, skip in steps]
    return nn.Sequential(
        nn.Conv2d(3, WIDTH, 3), *parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 3)
    ).eval()


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_every_layer_of_a_random_network_is_traced_and_differentiated_truly(steps):
    model = _model(steps)
    network = cw.Network(model, cw.Preprocess(channels=3, size=(9, 9)))
    images = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    expected, output = watched(model, images)
    home = {module: name for name, module in model.named_modules()}
    for wrt in (None, "image", "0"):
        trace = network.trace(images, *(layer.name for layer in network.layers), wrt=wrt)
        torch.testing.assert_close(trace.logits, output, check_layout=False)
        for layer in network.layers:
            torch.testing.assert_close(
                trace[layer.name].detach(), expected[home[layer.address.module], layer.address.call]
            )
    x = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[:, 1].sum(), x)
    trace = network.trace(images, wrt="image")
    torch.testing.assert_close(trace.gradient(cw.class_score(1)(trace), "image"), gradient)
