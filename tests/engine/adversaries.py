"""Networks that mislead whoever recomputes only part of them: by position, by what is far away, by what a graph cannot see."""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MethodType

import numpy as np
import torch
from engine.random_nets import CLASSES, Apply, randomized
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import DeformConv2d

SIZE = (16, 16)
Pair = namedtuple("Pair", ["scores", "features"])  # noqa: PYI024


def around(
    function: Callable[..., Tensor], *builders: Callable[[], nn.Module], channels: int = 3, size=SIZE, wide: int = 8
) -> nn.Module:
    """A network with something odd between two convolutions."""
    torch.manual_seed(3)
    first = nn.Sequential(nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU())
    odd = Apply(getattr(function, "__name__", "odd"), function, *(build() for build in builders))
    with torch.no_grad():
        shape = odd.eval()(first(torch.rand(1, channels, *size))).shape
    if len(shape) != 4:
        head = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape[1:])), CLASSES))
        return randomized(nn.Sequential(first, odd, head))
    last = nn.Sequential(nn.Conv2d(shape[1], 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2, 2), nn.Flatten())
    with torch.no_grad():
        features = last(torch.zeros(shape)).shape[1]
    return randomized(nn.Sequential(first, odd, last, nn.Linear(features, CLASSES)))


def _coordinates(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    rows = torch.linspace(-1, 1, height).view(1, 1, -1, 1).expand(len(x), 1, height, width)
    columns = torch.linspace(-1, 1, width).view(1, 1, 1, -1).expand(len(x), 1, height, width)
    return torch.cat([x, rows * x[:, :1], columns * x[:, :1]], 1)


def _attention(x: Tensor, query: nn.Module, key: nn.Module, value: nn.Module) -> Tensor:
    q, k, v = (part(x).flatten(2).transpose(1, 2) for part in (query, key, value))
    weights = (q @ k.transpose(1, 2)).softmax(-1)
    return x + (weights @ v).transpose(1, 2).view_as(x)


def _written_slice(x: Tensor) -> Tensor:
    x = x.clone()
    x[:, :, 2:9, 3:] = x[:, :, 9:16, :13] * 2
    return x


def _written_chunk(x: Tensor) -> Tensor:
    first, _ = x.chunk(2, 1)
    first.mul_(3)
    return x


def _written_view(x: Tensor) -> Tensor:
    x = x.contiguous()
    flat = x.view(len(x), -1)
    flat[:, ::5] = 0
    flat[:, 40:300] *= -2
    return x


def _written_transposed(x: Tensor) -> Tensor:
    x.transpose(2, 3)[:, :, :4] += x[:, :, 5:9]
    return x


def _written_into_what_was_read(x: Tensor) -> Tensor:
    y = x[:, :, ::2]
    x.sub_(0.5)
    return torch.cat([x[:, :, ::2], y.flip(2)], 1)


def _copied_into(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, :, 1:] = x[:, :, :-1]
    y[:, 0].copy_(x[:, 1].flip(1))
    return y


def _patches(x: Tensor) -> Tensor:
    return F.unfold(x, 3, padding=1, stride=2).softmax(-1)


def _folded(x: Tensor) -> Tensor:
    return F.fold(F.unfold(x, 4, stride=3), (16, 16), 4, stride=3)


def _gathered(x: Tensor) -> Tensor:
    return x.flatten(2).gather(2, torch.arange(255, -1, -1).expand(len(x), x.shape[1], -1)).view_as(x)


def _warped(x: Tensor) -> Tensor:
    theta = torch.tensor([[0.7, -0.7, 0.1], [0.7, 0.7, 0.0]]).expand(len(x), 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)


def _warped_by_itself(x: Tensor, where: nn.Module) -> Tensor:
    theta = where(x.mean((2, 3))).view(-1, 2, 3)
    return F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)


def _unpooled(x: Tensor) -> Tensor:
    pooled, where = F.max_pool2d(x, 2, return_indices=True)
    return F.max_unpool2d(pooled.flip(3), where, 2)


def _where_it_is_largest(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, return_indices=True)[1].float() / 256


def _fourier(x: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(x) * torch.linspace(0, 1, 9))


def _read_row_by_row(x: Tensor, reader: nn.Module) -> Tensor:
    return reader(x.mean(3).transpose(1, 2))[0]


def _strongest_pixels(x: Tensor) -> Tensor:
    return x.flatten(2).topk(5, 2).values


def _generalized_mean(x: Tensor) -> Tensor:
    return x.clamp(min=1e-3).pow(3).mean((2, 3)).pow(1 / 3)


def _channels_last(x: Tensor, norm: nn.Module, linear: nn.Module) -> Tensor:
    return x + linear(norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def _pyramid(x: Tensor, same: nn.Module) -> Tensor:
    return torch.cat([F.interpolate(same(F.max_pool2d(x, 2)), scale_factor=2), same(x)], 1)


def _again_and_again(x: Tensor, cell: nn.Module) -> Tensor:
    state = torch.zeros_like(x)
    for _ in range(4):
        state = torch.tanh(cell(x + state))
    return state


def _mixture(x: Tensor, router: nn.Module, first: nn.Module, second: nn.Module) -> Tensor:
    share = router(x.mean((2, 3))).argmax(1).float().view(-1, 1, 1, 1)
    return first(x) * share + second(x) * (1 - share)


def _weights_from_the_picture(x: Tensor, maker: nn.Module) -> Tensor:
    weight = maker(x.mean((2, 3))).view(-1, 1, 3, 3)
    made = F.conv2d(
        x.reshape(1, -1, *x.shape[2:]),
        weight.repeat_interleave(x.shape[1], 0),
        padding=1,
        groups=weight.shape[0] * x.shape[1],
    )
    return made.view_as(x)


def _deformed(x: Tensor, offsets: nn.Module, convolution: nn.Module) -> Tensor:
    return convolution(x, offsets(x) * 5)


def _branches(x: Tensor) -> Tensor:
    """Another way, one picture at a time, by what the whole of it is."""
    return torch.stack([one.flip(1) * 2 if float(one.mean()) > float(one[:, 3, 3].mean()) else one - 1 for one in x])


def _counts_down(x: Tensor) -> Tensor:
    rows = []
    for one in x:
        while float(one.abs().max()) > 1:
            one = one * 0.7  # noqa: PLW2901 (that is what is odd)
        rows.append(one)
    return torch.stack(rows)


def _chosen_row(x: Tensor) -> Tensor:
    return torch.stack([one[:, int(one.mean((0, 2)).argmax())] for one in x])


def _through_numpy(x: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.detach().numpy()[:, :, ::-1])) * 1.0


# Between two convolutions: a function of (N, 8, 16, 16), and the modules it calls.
ODD: dict[str, tuple] = {
    "coordinates": (_coordinates,),
    "instance norm": (lambda x, norm: norm(x), partial(nn.InstanceNorm2d, 8, affine=True)),
    "group norm": (lambda x, norm: norm(x), partial(nn.GroupNorm, 2, 8)),
    "layer norm of all": (lambda x, norm: norm(x), partial(nn.LayerNorm, [8, *SIZE])),
    "layer norm of rows": (lambda x, norm: norm(x), partial(nn.LayerNorm, 16)),
    "functional layer norm": (lambda x: F.layer_norm(x, x.shape[1:]),),
    "self-attention": (
        _attention,
        partial(nn.Conv2d, 8, 8, 1),
        partial(nn.Conv2d, 8, 8, 1),
        partial(nn.Conv2d, 8, 8, 1),
    ),
    "multi-head attention": (
        lambda x, attention: attention(*[x.flatten(2).transpose(1, 2)] * 3, need_weights=False)[0],
        partial(nn.MultiheadAttention, 8, 2, batch_first=True),
    ),
    "softmax over space": (lambda x: x * x.flatten(2).softmax(2).view_as(x) * 50,),
    "softmax over columns": (lambda x, soft: x * soft(x), partial(nn.Softmax, -1)),
    "less its mean": (lambda x: x - x.mean((2, 3), keepdim=True),),
    "less the mean of its row": (lambda x: x - x.mean(3, keepdim=True),),
    "less the mean of its column": (lambda x: x - x.mean(-2, keepdim=True),),
    "by its maximum": (lambda x: x / x.amax((1, 2, 3), keepdim=True),),
    "by its norm": (lambda x: F.normalize(x.flatten(1), dim=1).view_as(x) * 10,),
    "normalized along columns": (lambda x: F.normalize(x, dim=2) * 3,),
    "standardized": (lambda x: (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True),),
    "summed up along rows": (lambda x: x.cumsum(3) / 16,),
    "largest so far": (lambda x: x.cummax(2).values,),
    "sorted": (lambda x: x.sort(3).values,),
    "rolled": (lambda x: x.roll((5, -3), (2, 3)),),
    "flipped": (lambda x: x.flip(2),),
    "transposed": (lambda x: x.transpose(2, 3),),
    "turned": (lambda x: torch.rot90(x, 1, (2, 3)),),
    "mT": (lambda x: x.mT,),
    "plus itself transposed": (lambda x: x + x.transpose(-1, -2),),
    "times itself flipped": (lambda x: x * x.flip(3),),
    "doubled by its mirror": (lambda x: torch.cat([x, x.flip(3)], 3),),
    "doubled downwards": (lambda x: torch.cat((x, x), 2),),
    "reshaped as stored": (lambda x: x.reshape(len(x), 32, 8, 8),),
    "viewed as wider": (lambda x: x.contiguous().view(x.shape[0], 8, 8, 32),),
    "space to depth": (lambda x, shuffle: shuffle(x), partial(nn.PixelUnshuffle, 2)),
    "depth to space": (lambda x, shuffle: shuffle(x), partial(nn.PixelShuffle, 2)),
    "patches": (_patches,),
    "folded": (_folded,),
    "unfold": (lambda x: x.unfold(2, 4, 2).amax(-1),),
    "gathered": (_gathered,),
    "some rows": (lambda x: x[:, :, [3, 1, 14, 0, 7]],),
    "rows of an index": (lambda x: torch.index_select(x, 2, torch.tensor([9, 2, 2, 5])),),
    "stretched": (lambda x: F.interpolate(x, size=(7, 23), mode="bilinear", align_corners=True),),
    "bicubic": (lambda x: F.interpolate(x, scale_factor=0.7, mode="bicubic", antialias=True),),
    "area": (lambda x: F.interpolate(x, size=(5, 9), mode="area"),),
    "nearest-exact": (lambda x: F.interpolate(x, size=(11, 5), mode="nearest-exact"),),
    "warped": (_warped,),
    "warped by itself": (_warped_by_itself, partial(nn.Linear, 8, 6)),
    "unpooled": (_unpooled,),
    "where it is largest": (_where_it_is_largest,),
    "norm of windows": (lambda x, pool: pool(x), partial(nn.LPPool2d, 2, 3, 2)),
    "blurred in frequency": (_fourier,),
    "columns mixed by a matrix": (lambda x, linear: linear(x), partial(nn.Linear, 16, 12)),
    "columns mixed by a product": (lambda x: x @ torch.linspace(-1, 1, 16 * 5).view(16, 5),),
    "rows mixed by einsum": (lambda x: torch.einsum("nchw,hk->nckw", x, torch.linspace(-1, 1, 64).view(16, 4)),),
    "outer product": (lambda x: torch.einsum("nchw,ndhw->ncd", x, x) / 256,),
    "read row by row": (_read_row_by_row, partial(nn.LSTM, 8, 6, batch_first=True)),
    "convolution of rows": (lambda x, convolution: convolution(x.mean(3)), partial(nn.Conv1d, 8, 4, 5)),
    "convolution of a volume": (
        lambda x, convolution: convolution(x[:, None])[:, 0],
        partial(nn.Conv3d, 1, 1, 3, padding=1),
    ),
    "transformer": (
        lambda x, embed, layer: layer(embed(x).flatten(2).transpose(1, 2)),
        partial(nn.Conv2d, 8, 8, 4, 4),
        partial(nn.TransformerEncoderLayer, 8, 2, 16, batch_first=True),
    ),
    "median": (lambda x: x.flatten(2).median(2).values,),
    "strongest pixels": (_strongest_pixels,),
    "spread": (lambda x: torch.cat([x.std((2, 3)), x.var((2, 3), unbiased=False)], 1),),
    "logarithm of a sum": (lambda x: x.logsumexp((2, 3)),),
    "generalized mean": (_generalized_mean,),
    "sum": (lambda x: x.sum((-1, -2)) / 100,),
    "pool of all": (lambda x: F.avg_pool2d(x, x.shape[2:]).flatten(1),),
    "adaptive pool to odd parts": (lambda x: F.adaptive_avg_pool2d(x, (5, 3)),),
    "product of all": (lambda x: (1 + x / 50).prod(3).prod(2),),
    "channels last": (_channels_last, partial(nn.LayerNorm, 8), partial(nn.Linear, 8, 8)),
    "a pyramid with one filter": (_pyramid, partial(nn.Conv2d, 8, 4, 3, padding=1)),
    "again and again": (_again_and_again, partial(nn.Conv2d, 8, 8, 3, padding=1)),
    "mixture": (
        _mixture,
        partial(nn.Linear, 8, 2),
        partial(nn.Conv2d, 8, 8, 1),
        partial(nn.Conv2d, 8, 8, 3, padding=1),
    ),
    "weights from the picture": (_weights_from_the_picture, partial(nn.Linear, 8, 9)),
    "branches": (_branches,),
    "counts down": (_counts_down,),
    "a row chosen": (_chosen_row,),
    "one way for all": (lambda x: torch.where(x.mean((1, 2, 3), keepdim=True) > 0.2, x, -x),),
    "through numpy": (_through_numpy,),
    "written slice": (_written_slice,),
    "written chunk": (_written_chunk,),
    "written view": (_written_view,),
    "written transposed": (_written_transposed,),
    "written into what was read": (_written_into_what_was_read,),
    "copied into": (_copied_into,),
    "masked": (lambda x: x.masked_fill(torch.eye(16).bool(), 3.0),),
    "upper triangle": (lambda x: x.triu(),),
    "odd sizes are padded": (lambda x: F.pad(x, (0, 1)) if x.shape[3] % 2 == 0 else x,),
    "as wide as it is long": (lambda x: F.pad(x, (0, x.shape[2] // 2, 0, 3)),),
    "half of its rows": (lambda x: x[:, :, x.shape[2] // 2 :],),
    "the last pixel": (lambda x: x[:, :, -1, -1],),
    "one position": (lambda x: x[..., 7, 9] + x[:, :, 0, 0],),
    "split along rows": (lambda x: torch.cat([part * k for k, part in enumerate(x.split(5, 2), 1)], 2),),
    "unbound": (lambda x: torch.stack(x.unbind(2)[::-1], 2),),
    "checkpointed": (
        lambda x, part: torch.utils.checkpoint.checkpoint(part, x, use_reentrant=False),
        partial(nn.Conv2d, 8, 8, 3, padding=1),
    ),
    "deformable": (
        _deformed,
        partial(nn.Conv2d, 8, 18, 3, padding=1),
        partial(DeformConv2d, 8, 8, 3, padding=1),
    ),
}


class PositionMap(nn.Module):
    """A learned number for each position, at the size of the picture or drawn out to it."""

    def __init__(self, rows: int, *, times: bool = False) -> None:
        super().__init__()
        self.conv, self.times, self.head = nn.Conv2d(3, 4, 3, padding=1), times, nn.Linear(4, CLASSES)
        self.map = nn.Parameter(torch.randn(1, 4, rows, rows))

    def forward(self, x):
        x, where = self.conv(x), self.map
        if where.shape[2:] != x.shape[2:]:
            where = F.interpolate(where, x.shape[2:], mode="bilinear")
        return self.head(F.relu(x * where if self.times else x + where).mean((2, 3)))


class CoordinateConvolution(nn.Conv2d):
    """Looks like a convolution, and sees where it is."""

    def forward(self, x):
        x = super().forward(x)
        return x * torch.linspace(0, 2, x.shape[3])


class Doubled(torch.autograd.Function):
    """An operation that torch does not know; looks at its neighbor from far away."""

    @staticmethod
    def forward(ctx, x):
        return x * 2 + x.flip(3)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2 + gradient.flip(3)


class Structured(nn.Module):
    """Scores and features, wrapped in something."""

    def __init__(self, wrap):
        super().__init__()
        self.conv, self.head, self.wrap = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES), wrap

    def forward(self, x):
        x = F.relu(self.conv(x))
        return self.wrap(self.head(x.mean((2, 3))), x)


class Options(nn.Module):
    """Takes more than a picture."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES)

    def forward(self, x, scale=None, *rest, twice=True, **more):
        x = F.relu(self.conv(x))
        x = x * 2 if twice else x
        return self.head(x.mean((2, 3)) if scale is None else x.amax((2, 3)) * scale)


class Remembers(nn.Module):
    """Adds what it saw at its first call, which was another picture."""

    def __init__(self):
        super().__init__()
        self.conv, self.head, self.first = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES), None

    def forward(self, x):
        x = F.relu(self.conv(x))
        if self.first is None:
            self.first = x[:1].detach().clone()
        return self.head((x * self.first).mean((2, 3)))


class NotCopied(nn.Module):
    """Holds something that cannot be copied."""

    def __init__(self):
        super().__init__()
        self.conv, self.head, self.lock = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES), threading.Lock()

    def forward(self, x):
        with self.lock:
            return self.head(F.relu(self.conv(x)).mean((2, 3)))


class Wide(nn.Module):
    """Bright pixels are a hundred million: what is left when they are covered drowns in the rounding of a difference."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Linear(4, CLASSES, bias=False)

    def forward(self, x):
        x = self.conv(x)
        x = torch.where(x.amax(1, keepdim=True) > 20, x * 1e7, x)
        return self.head(torch.log1p(x.abs().mean((2, 3))))


class Unused(nn.Module):
    """Most of what it has, and some of what it computes, is not used."""

    def __init__(self):
        super().__init__()
        self.conv, self.side, self.never = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 2, 3), nn.Conv2d(9, 9, 9)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.conv(x)
        self.side(x.flip(3)).mean()
        return self.head(x.relu().mean((2, 3)))


class Autocast(nn.Module):
    """The middle of it is computed in half precision."""

    def __init__(self):
        super().__init__()
        self.conv, self.mid, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3), nn.Linear(6, CLASSES)

    def forward(self, x):
        x = F.relu(self.conv(x))
        with torch.autocast("cpu", torch.bfloat16):
            x = self.mid(x)
        return self.head(x.float().mean((2, 3)))


class NoGradient(nn.Module):
    """Runs under a mode of its own."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES)

    @torch.no_grad()
    def forward(self, x):
        return self.head(F.relu(self.conv(x)).mean((2, 3)))


def plain(*, bias: bool = True) -> nn.Sequential:
    """Nothing odd; oddities are put on it from outside."""
    torch.manual_seed(3)
    first, second = nn.Conv2d(3, 8, 3, padding=1, bias=bias), nn.Conv2d(8, 8, 3, 2, 1, bias=bias)
    middle = (nn.BatchNorm2d(8), nn.ReLU(), second, nn.ReLU())
    return randomized(nn.Sequential(first, *middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES)))


def _with(change: Callable[[nn.Sequential], object]) -> nn.Module:
    model = plain()
    change(model)
    return model


def _forward_replaced(model: nn.Sequential) -> None:
    """The convolution is one of torch's, and its forward is not."""
    layer = model[3]
    layer.forward = MethodType(lambda self, x: nn.Conv2d.forward(self, x.flip(3)), layer)


def _class_of_the_same_name(model: nn.Sequential) -> None:
    model[3] = type("Conv2d", (nn.Conv2d,), {"forward": lambda self, x: nn.Conv2d.forward(self, x.roll(4, 2))})(
        8, 8, 3, 2, 1
    )


def _relu_that_is_none(model: nn.Sequential) -> None:
    model[4] = type("ReLU", (nn.ReLU,), {"forward": lambda self, x: (x - x.mean((2, 3), keepdim=True)).abs()})()


def _parametrized(model: nn.Sequential) -> None:
    nn.utils.parametrizations.weight_norm(model[3])
    nn.utils.parametrizations.spectral_norm(model[0])


def _batchnorm_by_hand(model: nn.Sequential) -> None:
    """Folded by the user: statistics that are views of one tensor, and a factor of zero."""
    with torch.no_grad():
        model[1].weight[2] = 0
        model[1].running_var[1] = 0


def _stride_zero(model: nn.Sequential) -> None:
    """Every filter is the same memory."""
    model[3].weight = nn.Parameter(torch.randn(1, 8, 3, 3).expand(8, 8, 3, 3))


def _not_contiguous(model: nn.Sequential) -> None:
    model[3].weight = nn.Parameter(torch.randn(3, 3, 8, 16)[..., ::2].permute(3, 2, 1, 0))
    model[7].weight = nn.Parameter(torch.randn(8, CLASSES).t())


def _scripted_part(model: nn.Sequential) -> None:
    model[4] = torch.jit.trace(Apply("mirror", lambda x: F.relu(x.flip(3))), torch.rand(1, 8, 8, 8))


def _hook_that_changes(model: nn.Sequential) -> None:
    model[3].register_forward_hook(lambda module, args, output: output.flip(2) * 2)


def _hook_that_changes_a_container(model: nn.Sequential) -> None:
    model.register_forward_hook(lambda module, args, output: output.softmax(1))


def _hook_before(model: nn.Sequential) -> None:
    model[3].register_forward_pre_hook(lambda module, args: (args[0].roll(3, 3),))


def _hook_with_options(model: nn.Sequential) -> None:
    model[3].register_forward_hook(
        lambda module, args, kwargs, output: output - output.amin((2, 3), keepdim=True), with_kwargs=True
    )
    model[0].register_forward_pre_hook(lambda module, args, kwargs: ((args[0].flip(2),), kwargs), with_kwargs=True)


def _hook_that_writes(model: nn.Sequential) -> None:
    def write(module, args, output):
        output[:, :, 2:4].zero_()

    model[3].register_forward_hook(write)


def _reader(model: nn.Sequential) -> None:
    model.seen = []
    model[3].register_forward_hook(lambda module, args, output: model.seen.append(output.shape))


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    """With the same weights at every call."""
    torch.manual_seed(3)
    return randomized(build())


@dataclass(frozen=True)
class Adversary:
    """A network, the channels of its pictures, and how near two ways to its answer can be."""

    build: Callable[[], nn.Module]
    tolerance: float = 1e-5


WHOLE = {
    "position map": Adversary(lambda: seeded(lambda: PositionMap(16))),
    "position map as a factor": Adversary(lambda: seeded(lambda: PositionMap(16, times=True))),
    "position map drawn out": Adversary(lambda: seeded(lambda: PositionMap(5))),
    "coordinate convolution": Adversary(
        lambda: _with(lambda m: m.__setitem__(3, CoordinateConvolution(8, 8, 3, 2, 1)))
    ),
    "an operation of its own": Adversary(lambda: around(Doubled.apply)),
    "a mapping": Adversary(lambda: seeded(lambda: Structured(lambda y, x: {"features": x, "out": y}))),
    "a tuple": Adversary(lambda: seeded(lambda: Structured(lambda y, x: (y, x)))),
    "a named tuple": Adversary(lambda: seeded(lambda: Structured(Pair))),
    "options": Adversary(lambda: seeded(Options)),
    "remembers": Adversary(lambda: seeded(Remembers)),
    "not to be copied": Adversary(lambda: seeded(NotCopied)),
    "unused": Adversary(lambda: seeded(Unused)),
    "autocast": Adversary(lambda: seeded(Autocast), 1e-2),
    "under no_grad": Adversary(lambda: seeded(NoGradient)),
    "forward replaced": Adversary(lambda: _with(_forward_replaced)),
    "a class of the same name": Adversary(lambda: _with(_class_of_the_same_name)),
    "a ReLU that is none": Adversary(lambda: _with(_relu_that_is_none)),
    "parametrized": Adversary(lambda: _with(_parametrized)),
    "BatchNorm with a zero": Adversary(lambda: _with(_batchnorm_by_hand)),
    "weights of stride zero": Adversary(lambda: _with(_stride_zero)),
    "weights not contiguous": Adversary(lambda: _with(_not_contiguous)),
    "a traced part": Adversary(lambda: _with(_scripted_part)),
    "a hook that changes": Adversary(lambda: _with(_hook_that_changes)),
    "a hook that changes the scores": Adversary(lambda: _with(_hook_that_changes_a_container)),
    "a hook before": Adversary(lambda: _with(_hook_before)),
    "hooks with options": Adversary(lambda: _with(_hook_with_options)),
    "a hook that writes": Adversary(lambda: _with(_hook_that_writes)),
    "a hook that reads": Adversary(lambda: _with(_reader)),
    "in training mode": Adversary(lambda: _with(lambda model: model.insert(4, nn.Dropout(0.7)) and model.train())),
    "partly in training mode": Adversary(lambda: _with(lambda model: model[1].train())),
    "double": Adversary(lambda: plain().double(), 1e-9),
    "half": Adversary(lambda: plain().half(), 1e-2),
    "bfloat16": Adversary(lambda: plain().bfloat16(), 5e-2),
    "channels_last": Adversary(lambda: plain().to(memory_format=torch.channels_last)),
}
ADVERSARIES = {name: Adversary(partial(around, *parts)) for name, parts in ODD.items()} | WHOLE
