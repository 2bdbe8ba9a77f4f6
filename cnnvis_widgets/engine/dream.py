"""A picture that a network dreams on: units are pulled up in it, octave after octave, and the picture's own detail is put back."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .beginnings import seeds_of
from .errors import AscentError
from .images import ImageLike, decode
from .network import Network
from .plain_numbers import number, whole
from .pulls import Found, Slope

_LEAST_TILE = 64
_LEAST_SIDE = 16  # pixels of the smallest octave
_STATE = ("photo", "base", "frame", "sizes", "octave", "in_octave", "round", "pull")
_GUIDE_SIDE = 320  # pixels of the longer side at which a guide is looked at


class Dream:
    """DeepDream, step by step: what units respond to in a picture is made stronger in it.

    Octaves go from small to large. In each, the picture climbs by gradients of one mean size; then what was dreamed is enlarged
    and laid on the next larger version of the photo itself, so that the detail lost by scaling comes back.

    Parameters
    ----------
    network
        The network that dreams. Its forward pass ends at the last layer that is pulled.
    image
        The picture, anything `Network.read` takes; it keeps its own size.
    pulls
        What is made stronger: "layer" (all of it: half the mean square of its activations, so what is strong already grows most)
        or "layer:channel" (its mean activation) -> weight. Weights are relative, since each unit counts in multiples of its
        strength in the photo at that octave; a negative one pushes down.
    octaves
        How many sizes. Sizes too small for the layers are left out.
    ratio
        Of one octave's sides to those of the one before; ≥ 1.
    steps
        In each octave.
    rate
        By how much a step changes a pixel on average, where black to white is 1.
    jitter
        Before each step the picture is shifted round by up to so many pixels, in both directions.
    levels
        A gradient is split into so many bands of frequency, each an octave coarser, and they are made equally strong: 1 leaves it as
        it is, which gives finer grain.
    guide
        A second picture: each position of a layer is led to that feature of the guide that it agrees with best. Single channels
        are not.
    tile
        Side in pixels of the tiles a gradient is computed in, each with a margin of what its units see; None: whole pictures up to
        640 × 640 pixels, tiles of 512 above.
    seed
        Of the shifts.

    Raises
    ------
    AscentError
        If nothing is pulled, an option is out of range, or the picture is too small for the layers.
    LayerError
        If there is no such layer or channel.

    References
    ----------
    Mordvintsev, Olah and Tyka, "Inceptionism: Going Deeper into Neural Networks", and "DeepDream", with its guide,
    Google Research Blog, 2015.
    """

    _photo: Tensor
    _base: Tensor  # the photo at the size of the octave
    _frame: Tensor
    _sizes: tuple[tuple[int, int], ...]
    _start: dict[str, Found]
    _pull: dict[str, float]

    def __init__(
        self,
        network: Network,
        image: ImageLike,
        pulls: Mapping[str, float],
        *,
        octaves: int = 4,
        ratio: float = 1.4,
        steps: int = 10,
        rate: float = 0.01,
        jitter: int = 32,
        levels: int = 3,
        guide: ImageLike | None = None,
        tile: int | None = None,
        seed: int = 0,
    ) -> None:
        _check(octaves, ratio, steps, rate, jitter, levels, tile)
        self.octaves, self.ratio, self.steps, self.rate = whole(octaves), number(ratio), whole(steps), number(rate)
        self.jitter, self.levels, self.seed = whole(jitter), whole(levels), seeds_of(seed, 1, alike=True)[0]
        free = network.at_any_size()
        self._guide = None if guide is None else shrunk(read_at_its_size(free, guide), _GUIDE_SIDE)
        self._slope = Slope(free, pulls, self._guide, None if tile is None else whole(tile))
        self._round, self._octave, self._in_octave = 0, 0, 0
        self._begin(read_at_its_size(free, image))

    def __repr__(self) -> str:
        height, width = self.size
        return f"Dream({', '.join(self._slope.pulls)}, {height} × {width}, {self.done} of {self.total} steps)"

    # where it is --------------------------------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the whole picture in pixels."""
        return self._photo.shape[2], self._photo.shape[3]

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of each octave, from the smallest to the whole picture."""
        return self._sizes

    @property
    def octave(self) -> int:
        """Which of `sizes` it is at."""
        return self._octave

    @property
    def step_in_octave(self) -> int:
        """How many steps of this octave are done."""
        return self._in_octave

    @property
    def done(self) -> int:
        """How many steps are done since the start or the last `zoom`."""
        return self._octave * self.steps + self._in_octave

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self._sizes) * self.steps

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.done >= self.total

    @property
    def pulls(self) -> dict[str, float]:
        """Unit -> weight."""
        return {name: pull.weight for name, pull in self._slope.pulls.items()}

    @property
    def pull(self) -> dict[str, float]:
        """Unit -> how active it was as the last step found it: the mean activation of a channel, the mean size of a layer's."""
        return dict(self._pull)

    @property
    def start_pull(self) -> dict[str, float]:
        """Unit -> how active it is in the photo, at the size of this octave."""
        return {name: found.activity for name, found in self._start.items()}

    @property
    def score(self) -> float:
        """Weight × activity, summed over the units, as the last step found it."""
        return sum(weight * self._pull[name] for name, weight in self.pulls.items())

    # what there is to see -----------------------------------------------------------------------------------------

    @property
    def photo(self) -> Tensor:
        """The picture dreamed on, (1, C, H, W) in [0, 1]."""
        return self._photo

    @property
    def frame(self) -> Tensor:
        """The picture as it is, at the size of this octave, (1, C, h, w) in [0, 1]."""
        return self._frame

    @property
    def picture(self) -> Tensor:
        """The picture as it is at full size, with the photo's detail, (1, C, H, W) in [0, 1]."""
        return (self._photo + resized(self._frame - self._base, self.size)).clamp(0, 1)

    # going on -----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Climb once; nothing when every step is done.

        Raises
        ------
        AscentError
            If no change of the picture would change any pulled unit, or a value is no number; the picture stays as it is.
        """
        if self.finished:
            return
        with torch.inference_mode(mode=False), torch.no_grad():
            if self._in_octave == self.steps:
                self._enter(self._octave + 1)
            gradient, self._pull = self._climb()
            gradient = leveled(gradient, self.levels)
            self._frame = (self._frame + self.rate * gradient / gradient.abs().mean()).clamp(0, 1)
        self._in_octave += 1

    def change(self, pulls: Mapping[str, float]) -> None:
        """Go on from the picture as it is with other pulls."""
        slope = Slope(self._slope.network, pulls, self._guide, self._slope.tiling.side)
        start = slope.measure(self._base)
        self._slope, self._start = slope, start
        self._pull = slope.activities(slope.measure(self._frame))

    def zoom(self, factor: float, *, octaves: int | None = None, steps: int | None = None) -> None:
        """Dream on: the middle of the present picture, enlarged by `factor` to full size, is dreamed on anew.

        Parameters
        ----------
        factor
            ≥ 1.
        octaves, steps
            In place of those so far, from now on.
        """
        factor = number(factor)
        if not (math.isfinite(factor) and factor >= 1):
            msg = f"The zoom is {factor}: give a number of at least 1; 1.1 is a gentle one."
            raise AscentError(msg)
        octaves = self.octaves if octaves is None else octaves
        steps = self.steps if steps is None else steps
        _check(octaves, self.ratio, steps, self.rate, self.jitter, self.levels, None)
        middle = enlarged_middle(self.picture, factor)
        self.octaves, self.steps = whole(octaves), whole(steps)
        self._round += 1
        self._begin(middle)

    def state(self) -> dict[str, Any]:
        """All it takes to come back to here: tensors and numbers. Tensors are shared, and never written to."""
        return {name: copy.copy(getattr(self, f"_{name}")) for name in _STATE} | {
            "start": {name: tuple(found) for name, found in self._start.items()},
            "octaves": self.octaves,
            "steps": self.steps,
            "pulls": self.pulls,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Be as when `state` was taken, in this dream or in another of the same network and options.

        Raises
        ------
        AscentError
            If it is no state; then all stays as it was.
        """
        try:
            found = {f"_{name}": copy.copy(state[name]) for name in _STATE}
            start = {name: Found(*each) for name, each in state["start"].items()}
            octaves, steps, pulls = state["octaves"], state["steps"], state["pulls"]
        except (LookupError, TypeError, AttributeError) as error:
            msg = f"This is no state of a dream ({error}): give what state() gave."
            raise AscentError(msg) from error
        if pulls != self.pulls:
            self._slope = Slope(self._slope.network, pulls, self._guide, self._slope.tiling.side)
        vars(self).update(found, _start=start, octaves=octaves, steps=steps)

    # behind the scenes --------------------------------------------------------------------------------------------

    def _begin(self, photo: Tensor) -> None:
        self._photo = photo
        self._sizes = self._workable(_sizes(photo, self.octaves, self.ratio), photo)
        self._base = self._frame = resized(photo, self._sizes[0])
        self._enter(0)
        self._pull = self.start_pull

    def _workable(self, sizes: list[tuple[int, int]], photo: Tensor) -> tuple[tuple[int, int], ...]:
        """The sizes without those too small for the layers; the last one has to do."""
        while (error := self._slope.refusal(resized(photo, sizes[0]))) is not None:
            if len(sizes) == 1:
                why = (str(error) or type(error).__name__).splitlines()[0]
                msg = (
                    f"A picture of {sizes[0][0]}×{sizes[0][1]} pixels does not go through {self._slope.network.name} up to "
                    f"{self._slope.layers[-1]!r} ({why}): give a larger one, or pull an earlier layer."
                )
                raise AscentError(msg) from error
            sizes = sizes[1:]
        return tuple(sizes)

    def _enter(self, octave: int) -> None:
        """The photo at the size of an octave, and on it what was dreamed so far."""
        size = self._sizes[octave]
        base = resized(self._photo, size)
        dreamed = resized(self._frame - self._base, size)
        self._start = self._slope.measure(base)
        self._base, self._frame = base, (base + dreamed).clamp(0, 1)
        self._octave, self._in_octave = octave, 0

    def _climb(self) -> tuple[Tensor, dict[str, float]]:
        """The gradient of the shifted picture, shifted back."""
        chance = np.random.default_rng([self.seed % 2**64, self._round, self.done])
        shift = [int(each) for each in chance.integers(-self.jitter, self.jitter + 1, 2)]
        corner = chance.random(2)
        moved = torch.roll(self._frame, shift, (2, 3))
        gradient, found = self._slope.at(moved, self._start, corner=(corner[0], corner[1]))
        return torch.roll(gradient, [-each for each in shift], (2, 3)), self._slope.activities(found)


def read_at_its_size(network: Network, image: ImageLike) -> Tensor:
    """A picture (1, C, H, W) in [0, 1] with the network's channels, at its own size."""
    return network.preprocess.fit(decode(image)).to(network.device).contiguous()


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) at another size, bilinear; without aliasing where it shrinks."""
    if tuple(picture.shape[2:]) == size:
        return picture
    return functional.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


def shrunk(picture: Tensor, side: int) -> Tensor:
    """A picture whose longer side is at most `side`."""
    scale = side / max(picture.shape[2:])
    return picture if scale >= 1 else resized(picture, _scaled(picture, scale))


def leveled(gradient: Tensor, levels: int) -> Tensor:
    """A gradient whose bands of frequency, an octave each, are equally strong: the Laplacian pyramid of "DeepDream"."""
    total, rest = torch.zeros_like(gradient), gradient
    for level in range(levels):
        size = tuple(max(1, math.ceil(side / 2)) for side in rest.shape[2:])
        coarse = resized(rest, (size[0], size[1])) if level < levels - 1 and min(rest.shape[2:]) > 1 else None
        band = rest if coarse is None else rest - resized(coarse, (rest.shape[2], rest.shape[3]))
        size_of_band = band.abs().mean()
        if size_of_band > 0:
            total += resized(band / size_of_band, (gradient.shape[2], gradient.shape[3]))
        if coarse is None:
            break
        rest = coarse
    return total


def enlarged_middle(picture: Tensor, factor: float) -> Tensor:
    """The middle 1 / `factor` of a picture at the picture's size, bicubic."""
    matrix = picture.new_tensor([[1 / factor, 0, 0], [0, 1 / factor, 0]])[None]
    grid = functional.affine_grid(matrix, list(picture.shape[:1]) + list(picture.shape[1:]), align_corners=False)
    return functional.grid_sample(picture, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def _sizes(photo: Tensor, octaves: int, ratio: float) -> list[tuple[int, int]]:
    sizes = [_scaled(photo, ratio**-k) for k in range(octaves - 1, -1, -1)]
    return [size for size in sizes[:-1] if min(size) >= _LEAST_SIDE] + sizes[-1:]


def _scaled(picture: Tensor, scale: float) -> tuple[int, int]:
    return max(1, round(picture.shape[2] * scale)), max(1, round(picture.shape[3] * scale))


def _check(octaves: int, ratio: float, steps: int, rate: float, jitter: int, levels: int, tile: int | None) -> None:
    if min(whole(octaves), whole(steps), whole(levels), whole(jitter) + 1) < 1 or not (
        1 <= number(ratio) <= 4 and 0 < number(rate) <= 1
    ):
        msg = (
            f"octaves is {octaves!r}, ratio {ratio!r}, steps {steps!r}, rate {rate!r}, jitter {jitter!r} and levels {levels!r}: "
            "give at least one octave, step and level, a ratio of 1 to 4, a rate above 0 and up to 1, and a jitter of at least 0 "
            "pixels."
        )
        raise AscentError(msg)
    if tile is not None and whole(tile) < _LEAST_TILE:
        msg = f"A tile of {tile!r} pixels shows a layer nothing: give at least {_LEAST_TILE}, or None."
        raise AscentError(msg)
