"""Small networks, each with one difficulty, and what a tracing engine must leave as it found it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnvis_widgets import Network, Preprocess

CLASSES = 5
torch.set_num_threads(1)  # networks this small gain nothing from several, and the tests run side by side


class FunctionalReLU(nn.Module):
    """No ReLU is a module, and one is in place."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, stride=2)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = F.relu(self.conv1(x), inplace=True)
        return self.head(F.relu(self.conv2(x)).mean((2, 3)))


class ReusedReLU(nn.Module):
    """One ReLU module is called three times, once in place of a name that a repeat would like to have."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 8, 3)
        self.relu, self.relu_1 = nn.ReLU(inplace=True), nn.Sigmoid()
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.relu(self.conv2(self.relu(self.conv1(x))))
        return self.head(self.relu(self.relu_1(x) - 0.6).mean((2, 3)))


class Residual(nn.Module):
    """BatchNorm, dropout, a residual sum written in place, and a ReLU after it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(6), nn.BatchNorm2d(6)
        self.conv = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.relu, self.drop, self.head = nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.relu(self.norm1(self.stem(x)))
        y = self.norm2(self.conv(x))
        y += x
        return self.head(self.drop(self.relu(y).mean((2, 3))))


class PreActivation(nn.Module):
    """The tensor that enters the ReLU is also what the skip adds."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.relu, self.conv = nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.norm(self.stem(x))
        return self.head((x + self.conv(self.relu(x))).mean((2, 3)))


class WritesIntoItsInput(nn.Module):
    """Normalizes the picture in place."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, CLASSES)

    def forward(self, x):
        x.sub_(0.5).mul_(2)
        return self.head(F.relu_(self.conv(x)).mean((2, 3)))


def in_place_relu() -> nn.Module:
    """ReLUs in place, a max-pool whose windows overlap."""
    features = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2), nn.Conv2d(6, 8, 3))
    return nn.Sequential(features, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES))


def depthwise() -> nn.Module:
    """Depthwise and pointwise convolutions with ReLU6."""
    inner = (nn.Conv2d(6, 6, 3, groups=6, bias=False), nn.BatchNorm2d(6), nn.ReLU6(inplace=True), nn.Conv2d(6, 8, 1))
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, CLASSES))
    return nn.Sequential(nn.Conv2d(3, 6, 1), *inner, nn.Hardswish(inplace=True), *head)


def one_channel() -> nn.Module:
    """Gray pictures, and an activation function that is no ReLU before one that is."""
    body = (nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ELU(inplace=True), nn.Conv2d(6, 6, 1), nn.ReLU(inplace=True))
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))


@dataclass(frozen=True)
class Case:
    """A network, the size of its pictures, and a layer whose maps can be read and differentiated."""

    build: Callable[[], nn.Module]
    layer: str
    channels: int = 3
    size: tuple[int, int] = (16, 16)


CASES = {
    "in-place ReLU": Case(in_place_relu, "0.0"),
    "functional ReLU": Case(FunctionalReLU, "conv1"),
    "reused ReLU": Case(ReusedReLU, "conv2"),
    "BatchNorm and residual": Case(Residual, "norm2"),
    "pre-activation residual": Case(PreActivation, "norm"),
    "depthwise": Case(depthwise, "1"),
    "one channel": Case(one_channel, "1", channels=1),
    "not square": Case(in_place_relu, "0.3", size=(13, 22)),
    "writes into its input": Case(WritesIntoItsInput, "conv", channels=1),
}


def module_of(case: Case, seed: int = 0) -> nn.Module:
    """The module in evaluation mode, with batch statistics that are not the initial ones."""
    torch.manual_seed(seed)
    model = case.build()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.normal_(part.bias)
    return model.eval()


def network_of(case: Case, model: nn.Module | None = None) -> Network:
    """A network of the case, with a normalization."""
    mean, std = (0.4, 0.5, 0.45)[: case.channels], (0.2, 0.25, 0.22)[: case.channels]
    preprocess = Preprocess(case.channels, case.size, mean=mean, std=std)
    return Network(module_of(case) if model is None else model, preprocess, [f"label {i}" for i in range(CLASSES)])


def pictures_for(case: Case, count: int = 3, seed: int = 1) -> Tensor:
    """Pictures (N, C, H, W) in [0, 1]."""
    return torch.rand(count, case.channels, *case.size, generator=torch.Generator().manual_seed(seed))


def normalized(case: Case, pictures: Tensor) -> Tensor:
    """What the module of `network_of` takes, by the definition of normalization."""
    mean = torch.tensor((0.4, 0.5, 0.45)[: case.channels]).view(1, -1, 1, 1)
    return (pictures - mean) / torch.tensor((0.2, 0.25, 0.22)[: case.channels]).view(1, -1, 1, 1)


def watched(model: nn.Module, x: Tensor) -> tuple[dict[tuple[str, int], Tensor], Any]:
    """An independent forward: (module name, call number from 0) -> a copy of its output the moment it was given."""
    seen: dict[tuple[str, int], Tensor] = {}
    counts: dict[str, int] = {}

    def look(name):
        def hook(module, args, output):
            number = counts[name] = counts.get(name, -1) + 1
            for part, value in _parts(output):
                seen[name + part, number] = value.detach().clone()

        return hook

    handles = [module.register_forward_hook(look(name)) for name, module in model.named_modules() if name]
    with torch.no_grad():
        output = model(x.clone())
    for handle in handles:
        handle.remove()
    return seen, output


def _parts(output):
    if isinstance(output, Tensor):
        return [("", output)]
    pairs = (
        output.items() if hasattr(output, "items") else enumerate(output) if isinstance(output, (list, tuple)) else ()
    )
    return [(f"[{key}]", value) for key, value in pairs if isinstance(value, Tensor)]


def fingerprint(model: nn.Module) -> dict[str, Any]:
    """Everything about a module that looking into it must not change, and the random state."""
    hooks = {
        name: [list(getattr(part, kind)) for kind in vars(part) if kind.endswith("_hooks")]
        for name, part in model.named_modules()
    }
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        "hooks": hooks,
        "training": {name: part.training for name, part in model.named_modules()},
        "attributes": {name: sorted(vars(part)) for name, part in model.named_modules()},
        "values": {name: _checksum(value) for name, value in tensors.items()},
        "versions": {name: value._version for name, value in tensors.items()},
        "places": {name: (value.data_ptr(), value.stride(), id(value)) for name, value in tensors.items()},
        "requires_grad": {name: value.requires_grad for name, value in tensors.items()},
        "grad": {name: None if value.grad is None else _checksum(value.grad) for name, value in tensors.items()},
        "random": torch.random.get_rng_state().sum().item(),
        "grad mode": torch.is_grad_enabled(),
    }


def _checksum(value: Tensor) -> tuple[object, ...]:
    """Of the bits, so that NaN equals itself."""
    raw = value.detach().contiguous().reshape(-1).view(torch.uint8)
    words = raw[: len(raw) // 4 * 4].view(torch.int32)
    return int(words.sum(dtype=torch.int64)), int(words[::2].sum(dtype=torch.int64)), raw[len(raw) // 4 * 4 :].tolist()
