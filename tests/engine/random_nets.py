"""Small networks drawn at random, of every layer whose reach an incremental pass has to know."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from random import Random

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 5
_WIDEST, _LARGEST = 24, 64  # channels, and rows or columns, that a random network may grow to


class Apply(nn.Module):
    """Any function, called by a name that tells it."""

    def __init__(self, name: str, function: Callable[..., Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.name, self.function, self.parts = name, function, nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.parts)

    def extra_repr(self) -> str:
        return self.name


def randomized(model: nn.Module) -> nn.Module:
    """In evaluation mode, with statistics and factors of BatchNorm that are not the initial ones."""
    for part in model.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)) and part.track_running_stats:
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.uniform_(part.weight, -2, 2)
                nn.init.normal_(part.bias)
    return model.eval()


def _in_place_sum(x: Tensor, body: nn.Module) -> Tensor:
    y = body(x)
    y += x
    return y


def _sum_into_the_skip(x: Tensor, body: nn.Module) -> Tensor:
    y = body(x)
    x += y
    return x


def _chunked(x: Tensor, body: nn.Module) -> Tensor:
    first, second = x.chunk(2, 1)
    return torch.cat([first, body(second)], 1)


def _shuffled(x: Tensor) -> Tensor:
    count, channels, height, width = x.shape
    return x.view(count, 2, channels // 2, height, width).transpose(1, 2).reshape(count, channels, height, width)


def _squeezed(x: Tensor, fewer: nn.Module, more: nn.Module) -> Tensor:
    return x * torch.sigmoid(more(F.relu(fewer(x.mean((2, 3)))))).view(x.shape[0], -1, 1, 1)


JOINS = {
    "x + y": lambda x, body: x + body(x),
    "y += x": _in_place_sum,
    "x += y": _sum_into_the_skip,
    "add": lambda x, body: torch.add(body(x), x, alpha=0.5),
    "add_": lambda x, body: body(x).add_(x),
    "relu(x + y)": lambda x, body: F.relu(x + body(x), inplace=True),
    "x - y": lambda x, body: x - body(x),
    "x * y": lambda x, body: x * torch.sigmoid(body(x)),
    "maximum": lambda x, body: torch.maximum(x, body(x)),
    "where": lambda x, body: torch.where(x > 0, x, body(x)),
    "cat": lambda x, body: torch.cat([x, body(x)], 1),
    "cat of a list": lambda x, body: torch.cat((body(x), x, x), dim=-3),
    "stack": lambda x, body: torch.stack([x, body(x)], 2).flatten(1, 2),
}
# Views that what follows may write into; choices.
RARE_JOINS = ("stack", "where")
LOCAL = {
    "relu": F.relu,
    "relu in place": lambda x: F.relu(x, inplace=True),
    "relu_": torch.relu_,
    "x.relu()": lambda x: x.relu(),
    "leaky": lambda x: F.leaky_relu(x, 0.1),
    "clamp": lambda x: x.clamp(-0.5, 2),
    "softmax of channels": lambda x: x.softmax(1),
    "normalized channels": lambda x: F.normalize(x, dim=1),
    "mean of channels": lambda x: x - x.mean(1, keepdim=True),
    "times two plus one": lambda x: 2 * x + 1,
    "a float more, in place": lambda x: x.add_(0.3).mul_(1.5),
    "absolute": torch.abs,
    "negative": lambda x: -x,
    "other channels": lambda x: x.flip(1),
    "crop": lambda x: x[:, :, 1:, :-1],
    "every other": lambda x: x[:, :, ::2, 1::2],
    "first channels": lambda x: x[:, : max(1, x.shape[1] - 1)],
    "padded askew": lambda x: F.pad(x, (2, 0, 1, 3)),
    "padded by a value": lambda x: F.pad(x, (1, 1, 0, 2), value=0.7),
    "padded by less than nothing": lambda x: F.pad(x, (-1, 0, 0, -1)),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "nearest": lambda x: F.interpolate(x, scale_factor=2),
    "nearest of a size": lambda x: F.interpolate(x, size=(11, 7)),
    "bilinear": lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=False),
}
MODULES = {
    "ReLU": lambda c: nn.ReLU(),
    "ReLU in place": lambda c: nn.ReLU(inplace=True),
    "ReLU6": lambda c: nn.ReLU6(inplace=True),
    "Hardswish": lambda c: nn.Hardswish(inplace=True),
    "Hardsigmoid": lambda c: nn.Hardsigmoid(),
    "Sigmoid": lambda c: nn.Sigmoid(),
    "SiLU": lambda c: nn.SiLU(inplace=True),
    "ELU": lambda c: nn.ELU(inplace=True),
    "GELU": lambda c: nn.GELU(),
    "PReLU": nn.PReLU,
    "Softplus": lambda c: nn.Softplus(),
    "Dropout": lambda c: nn.Dropout(0.5),
    "Dropout2d": lambda c: nn.Dropout2d(0.5),
    "Identity": lambda c: nn.Identity(),
    "BatchNorm": nn.BatchNorm2d,
    "BatchNorm without factors": lambda c: nn.BatchNorm2d(c, affine=False),
    "LocalResponseNorm": lambda c: nn.LocalResponseNorm(3),
    "ZeroPad2d": lambda c: nn.ZeroPad2d((1, 2, 0, 1)),
    "ReflectionPad2d": lambda c: nn.ReflectionPad2d(1),
    "ReplicationPad2d": lambda c: nn.ReplicationPad2d((0, 2, 1, 0)),
    "Upsample": lambda c: nn.Upsample(scale_factor=2, mode="nearest"),
    "Upsample, bilinear": lambda c: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "PixelUnshuffle": lambda c: nn.PixelUnshuffle(2),
    "fire": lambda c: Apply(
        "fire",
        lambda x, less, one, three: torch.cat([F.relu(one(less(x))), F.relu(three(less(x)))], 1),
        nn.Sequential(nn.Conv2d(c, 2, 1), nn.ReLU(inplace=True)),
        nn.Conv2d(2, 3, 1),
        nn.Conv2d(2, 3, 3, padding=1),
    ),
    "inception": lambda c: Apply(
        "inception",
        lambda x, *branches: torch.cat([branch(x) for branch in branches], 1),
        nn.Conv2d(c, 2, 1),
        nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), nn.Conv2d(c, 3, 1)),
        nn.Conv2d(c, 2, (5, 3), padding=(2, 1)),
    ),
    "downsampled residual": lambda c: Apply(
        "downsampled residual",
        lambda x, body, down: F.relu(body(x) + down(x)),
        nn.Sequential(
            nn.Conv2d(c, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1)
        ),
        nn.Sequential(nn.Conv2d(c, 6, 1, 2, bias=False), nn.BatchNorm2d(6)),
    ),
    "inverted residual": lambda c: Apply(
        "inverted residual",
        lambda x, body: x + body(x),
        nn.Sequential(
            nn.Conv2d(c, 2 * c, 1, bias=False),
            nn.BatchNorm2d(2 * c),
            nn.ReLU6(inplace=True),
            nn.Conv2d(2 * c, 2 * c, 3, padding=1, groups=2 * c, bias=False),
            nn.BatchNorm2d(2 * c),
            nn.ReLU6(inplace=True),
            nn.Conv2d(2 * c, c, 1),
        ),
    ),
    "squeeze and excitation": lambda c: Apply("SE", _squeezed, nn.Linear(c, 2), nn.Linear(2, c)),
    "pooled excitation": lambda c: Apply(
        "SE of convolutions",
        lambda x, gate: gate(x) * x,
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c, 1), nn.Hardsigmoid()),
    ),
    "spatial gate": lambda c: Apply(
        "spatial gate", lambda x, gate: x * torch.sigmoid(gate(x)), nn.Conv2d(c, 1, 3, padding=1)
    ),
    "one module twice": lambda c: Apply("twice", lambda x, body: body(F.relu(body(x))), nn.Conv2d(c, c, 3, padding=1)),
}
# What sequential, residual, depthwise and concatenating networks are made of, with fires.
COMMON = [
    *(
        "ReLU",
        "ReLU in place",
        "ReLU6",
        "Hardswish",
        "Hardsigmoid",
        "Sigmoid",
        "SiLU",
        "ELU",
        "GELU",
        "PReLU",
        "Softplus",
    ),
    *("Dropout", "Dropout2d", "Identity", "BatchNorm", "BatchNorm without factors", "fire", "inception"),
    *("downsampled residual", "inverted residual", "spatial gate", "one module twice"),
]
HEADS = {
    "flatten": lambda c, h, w: nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, CLASSES)),
    "two linear": lambda c, h, w: nn.Sequential(
        nn.Flatten(), nn.Linear(c * h * w, 7), nn.BatchNorm1d(7), nn.ReLU(inplace=True), nn.Linear(7, CLASSES)
    ),
    "global average": lambda c, h, w: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, CLASSES)),
    "mean": lambda c, h, w: Apply("mean", lambda x, head: head(x.mean((2, 3))), nn.Linear(c, CLASSES)),
    "mean of means": lambda c, h, w: Apply("means", lambda x, head: head(x.mean(-1).mean(-1)), nn.Linear(c, CLASSES)),
    "largest": lambda c, h, w: Apply("amax", lambda x, head: head(x.amax((-2, -1))), nn.Linear(c, CLASSES)),
    "view": lambda c, h, w: Apply(
        "view", lambda x, head: head(x.contiguous().view(x.size(0), -1)), nn.Linear(c * h * w, CLASSES)
    ),
    "pooled to 2 × 3": lambda c, h, w: nn.Sequential(
        nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(1), nn.Linear(c * 6, CLASSES)
    ),
    "pooled to more": lambda c, h, w: nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten(1), nn.Linear(c * 49, CLASSES)),
    "convolution": lambda c, h, w: nn.Sequential(
        nn.Conv2d(c, CLASSES, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()
    ),
    "every pixel": lambda c, h, w: nn.Conv2d(c, CLASSES, 1),
}


def _pair(lots: Random, least: int, most: int) -> tuple[int, int]:
    """Two numbers, the same or not."""
    number = lots.randint(least, most)
    return (number, number) if lots.random() < 0.5 else (number, lots.randint(least, most))


def _convolution(lots: Random, channels: int, *, odd: bool) -> nn.Module:
    groups = lots.choice([each for each in range(1, channels + 1) if channels % each == 0])
    out = groups * lots.randint(1, max(1, 12 // groups))
    kernel = _pair(lots, 1, 5)
    padding = lots.choice([0, "same", "valid", _pair(lots, 0, 3), tuple(side // 2 for side in kernel)])
    return nn.Conv2d(
        channels,
        out,
        kernel,
        1 if padding == "same" else _pair(lots, 1, 3),
        padding,
        lots.choice([1, 1, _pair(lots, 1, 3)]),
        groups,
        bias=lots.random() < 0.5,
        padding_mode=lots.choice(["reflect", "circular", "replicate"]) if odd and lots.random() < 0.3 else "zeros",
    )


def _transposed(lots: Random, channels: int) -> nn.Module:
    stride = _pair(lots, 1, 3)
    beyond = tuple(lots.randint(0, each - 1) for each in stride)
    groups = lots.choice([1, channels])
    out = groups * lots.randint(1, 2)
    options = {"bias": lots.random() < 0.5, "dilation": _pair(lots, 1, 2)}
    return nn.ConvTranspose2d(channels, out, _pair(lots, 1, 4), stride, _pair(lots, 0, 1), beyond, groups, **options)


def _pool(lots: Random) -> nn.Module:
    kernel = _pair(lots, 1, 4)
    stride = lots.choice([None, _pair(lots, 1, 3)])
    padding = tuple(lots.randint(0, side // 2) for side in kernel)
    ceil = lots.random() < 0.5
    if lots.random() < 0.5:
        return nn.MaxPool2d(kernel, stride, padding, lots.choice([1, _pair(lots, 1, 2)]), ceil_mode=ceil)
    return nn.AvgPool2d(kernel, stride, padding, ceil, lots.random() < 0.5, lots.choice([None, None, 3]))


def _join(lots: Random, channels: int, *, odd: bool) -> nn.Module:
    name = lots.choice([each for each in JOINS if odd or each not in RARE_JOINS])
    kernel = lots.choice([(1, 1), (3, 3), (5, 3)])
    convolution = nn.Conv2d(channels, channels, kernel, padding=(kernel[0] // 2, kernel[1] // 2))
    more = lots.choice([(), (nn.BatchNorm2d(channels),), (nn.BatchNorm2d(channels), nn.ReLU(inplace=True))])
    return Apply(name, JOINS[name], nn.Sequential(convolution, *more))


def _odd(lots: Random, channels: int) -> nn.Module:
    """What networks seldom have."""
    kind = lots.randrange(5)
    if kind == 0:
        return _transposed(lots, channels)
    if kind == 1:
        pool = lots.choice([nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
        return pool(lots.choice([(5, 4), (3, 3), (1, 6), (None, 4), 7]))
    if kind == 2 and channels % 2 == 0:
        return Apply("channel shuffle", _shuffled)
    if kind == 3 and channels % 2 == 0:
        return Apply("half of the channels", _chunked, nn.Conv2d(channels // 2, channels // 2, 3, padding=1))
    name = lots.choice(list(LOCAL))
    return Apply(name, LOCAL[name])


def _part(lots: Random, channels: int, *, odd: bool) -> nn.Module:
    kind = lots.randrange(6 if odd else 5)
    if kind < 2:
        return _convolution(lots, channels, odd=odd)
    if kind == 2:
        return _pool(lots)
    if kind == 3:
        return _join(lots, channels, odd=odd)
    if kind == 4:
        return MODULES[lots.choice(list(MODULES) if odd else COMMON)](channels)
    return _odd(lots, channels)


def drawn(seed: int, *, odd: bool) -> tuple[nn.Module, int, tuple[int, int]]:
    """A module, the channels of its pictures, and their size.

    Parameters
    ----------
    odd
        Whether it may have what networks seldom have.
    """
    lots = Random(seed)
    torch.manual_seed(seed % 1000)
    channels, size = lots.choice([1, 3]), (lots.randint(9, 40), lots.randint(9, 40))
    parts: list[nn.Module] = []
    probe = torch.zeros(1, channels, *size)
    for _ in range(lots.randint(2, 8)):
        part = _part(lots, probe.shape[1], odd=odd)
        then = _after(part, probe)
        if then is not None:
            parts.append(part)
            probe = then
    head = lots.choice(list(HEADS))
    parts.append(HEADS[head](*probe.shape[1:]))
    return randomized(nn.Sequential(*parts)), channels, size


def networks(*, odd: bool):
    """Networks of every kind; each from a seed of its own, so that no two of fifty are variants of one.

    The seed is drawn bit by bit: of integers, hypothesis also tries those it finds in whatever source files are loaded.
    """
    seeds = st.lists(st.booleans(), min_size=24, max_size=24).map(
        lambda bits: sum(bit << k for k, bit in enumerate(bits))
    )
    return seeds.map(lambda seed: drawn(seed, odd=odd))


def _after(part: nn.Module, x: Tensor) -> Tensor | None:
    """What a part makes of its input; None where it cannot take it, or makes too much of it."""
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            y = part.eval()(x.clone())
    except RuntimeError:
        return None
    fits = y.ndim == 4 and y.numel() and y.shape[1] <= _WIDEST and max(y.shape[2:]) <= _LARGEST
    return y if fits else None


@st.composite
def places(draw, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Some boxes (top, left, bottom, right), of any size and anywhere."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        top, left = draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))
        found.append((top, left, draw(st.integers(top + 1, size[0])), draw(st.integers(left + 1, size[1]))))
    return found
