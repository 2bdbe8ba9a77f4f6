"""Occlusion maps: exact and approximate, against Captum's, and what limits them.

Windows of 32 pixels at every 16th and every 8th pixel of pictures of 224 × 224, one thread. Captum stands twice: as shipped (a model
and pictures as torchvision and torch give them), and with both in channels_last; each with the best number of perturbations at once of
those tried. squeezenet1_1 and mobilenet_v2 have ImageNet's weights where `../shared/data` (or `$CNNVIS_DATA`) has them; the others,
and all where it is absent, random ones. Exact maps take as long with these; how much approximate ones leave out depends on the map.
Multiply-adds are those of convolutions.

Run it for some networks, and some strides, only: `python benchmarks/occlusion.py resnet18 vgg16 --stride 16`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from _timing import Limit, told
from torch import Tensor

import cnnvis_widgets as cw
from cnnvis_widgets.engine.covers import Covers, sliding
from cnnvis_widgets.engine.falls import LIMITS as LIMITS_OF_REACH
from cnnvis_widgets.engine.incremental import Incremental
from cnnvis_widgets.engine.interpolation import smoothest
from cnnvis_widgets.engine.occlusion_map import OcclusionMap

DATA = Path(os.environ.get("CNNVIS_DATA") or Path(__file__).parents[2] / "shared" / "data")
WEIGHTS = {
    "squeezenet1_1": "squeezenet1_1_imagenet.safetensors",
    "mobilenet_v2": "mobilenet_v2_imagenet_fp16.safetensors",
}
WINDOW = 32
AT_ONCE = (4, 8, 16)
KINDS = ("as shipped", "in channels_last")
PHOTOS = 20
LIMITING = 6  # photos that what stops approximate maps is measured on
#: Against Captum as shipped, in channels_last, share of the ceiling; approximate against Captum as shipped.
LIMITS = {
    "squeezenet1_1": (5.5, 2.4, 0.9, 25.0),
    "resnet18": (3.0, 2.1, 0.9, 15.0),
    "vgg16": (6.0, 5.0, 0.9, 35.0),
    "mobilenet_v2": (2.3, 1.8, 0.9, 15.0),
}


class Clock:
    """CPU and wall seconds of calls."""

    def __init__(self) -> None:
        self.cpu: dict[str, list[float]] = {}
        self.wall: dict[str, list[float]] = {}

    def take(self, name: str, call: Callable[[], Any]) -> Any:
        """Call, and note how long it took."""
        cpu, wall = time.process_time(), time.perf_counter()
        made = call()
        self.cpu.setdefault(name, []).append(time.process_time() - cpu)
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        return made

    def least(self, name: str) -> float:
        """The shortest CPU time."""
        return min(self.cpu[name])

    def told(self, name: str) -> str:
        """In words."""
        return f"{1000 * min(self.cpu[name]):.0f} ms of CPU, {1000 * min(self.wall[name]):.0f} ms by the clock"


def network_of(name: str) -> cw.Network:
    """With ImageNet's weights where they are at hand."""
    torch.manual_seed(0)
    network = cw.load(name, None)
    path = DATA / WEIGHTS.get(name, "none")
    if path.is_file():
        from safetensors.torch import load_file

        state = {key: value.float() if value.is_floating_point() else value for key, value in load_file(path).items()}
        network.model.load_state_dict(state)
    return network


def pictures(network: cw.Network) -> list[Tensor]:
    """Photos where there are any, else scikit-image's."""
    paths = sorted((DATA / "images").glob("*.jpg"))
    if not paths:
        from skimage import data

        return [network.read(each()) for each in (data.chelsea, data.astronaut, data.coffee)]
    return [network.read(path) for path in paths[:: max(1, len(paths) // PHOTOS)][:PHOTOS]]


def captum_maps(network: cw.Network, stride: int, *, channels_last: bool) -> Callable[[Tensor, int, int], Tensor]:
    """Captum's map of (picture, target, how many at once)."""
    from captum.attr import Occlusion

    model = torchvision.models.get_model(network.name, weights=None).eval()
    model.load_state_dict(network.model.state_dict())
    layout = torch.channels_last if channels_last else torch.contiguous_format
    occlusion = Occlusion(model.to(memory_format=layout))

    def make(image: Tensor, target: int, at_once: int) -> Tensor:
        normal, gray = (
            network.preprocess.normalize(each).contiguous(memory_format=layout)
            for each in (image, torch.full_like(image, 0.5))
        )
        return occlusion.attribute(
            normal,
            sliding_window_shapes=(3, WINDOW, WINDOW),
            strides=(3, stride, stride),
            baselines=gray,
            target=target,
            perturbations_per_eval=at_once,
        )

    return make


def compare(name: str, stride: int, turns: int, at_once: dict[str, tuple[int, ...]]) -> None:
    """Exact and approximate maps of a network against Captum's, alternating; `at_once` says what to try, and then what was best."""
    network = network_of(name)
    images = pictures(network)
    targets = [int(network.trace(image).logits.argmax()) for image in images]
    clock = Clock()
    peers = {kind: captum_maps(network, stride, channels_last=kind != "as shipped") for kind in KINDS}
    cw.occlusion(network, images[0], targets[0], window=WINDOW, stride=stride).result()  # the network is read off once
    off = 0.0
    for turn in range(turns):
        asked = images[turn % len(images)], targets[turn % len(images)]
        clock.take("forward", partial(network.trace, asked[0]))
        ours = partial(cw.occlusion, network, *asked, window=WINDOW, stride=stride)
        exact = clock.take("exact", lambda ours=ours: ours().result())
        size = float(network.trace(asked[0]).logits.abs().max())
        for kind, make in peers.items():
            for count in at_once[kind]:
                theirs = clock.take(f"{kind}, {count}", partial(make, *asked, count))
                off = max(off, float(np.abs(exact.values[0] - theirs[0, 0].numpy()).max()) / size)
            at_once[kind] = (best(clock, kind)[1],)  # from then on, only the best
    exact_maps = [make() for make in maps_of(network, images, targets, stride)]
    rough = [
        likeness(exact, make, clock)
        for exact, make in zip(
            exact_maps, maps_of(network, images, targets, stride, exact=False, precision="bfloat16"), strict=True
        )
    ]
    similar, computed = (statistics.median(each) for each in zip(*rough, strict=True))
    shipped, layout, _, fast = LIMITS[name]
    weights = "ImageNet's" if (DATA / WEIGHTS.get(name, "none")).is_file() else "random"
    print(f"\n{name}, {weights} weights, every {stride} pixels")
    print(f"  exact: {clock.told('exact')}; off from Captum's by {off:.1e} of the logits")
    for kind, limit in zip(KINDS, (shipped, layout), strict=True):
        taken, count = best(clock, kind)
        told(f"captum {kind} ({count} at once) / exact", taken / clock.least("exact"), Limit(limit, at_most=False))
    taken = statistics.median(clock.cpu["approximate"])
    told("captum as shipped / approximate, bfloat16", best(clock, "as shipped")[0] / taken, Limit(fast, at_most=False))
    told(f"its SSIM to the exact map, median of {len(images)}", similar, Limit(0.95, at_most=False), "")
    told("share of the places that it computes, median", computed, unit="")
    limits_of_approximation(network, images, targets, exact_maps, best(clock, "as shipped")[0])
    first_map(network, images[0], targets[0], stride, clock)
    ceiling(network, images[0], stride, name)


def best(clock: Clock, kind: str) -> tuple[float, int]:
    """The shortest CPU time of Captum, and with how many at once."""
    return min((clock.least(f"{kind}, {count}"), count) for count in AT_ONCE if f"{kind}, {count}" in clock.cpu)


def maps_of(
    network: cw.Network, images: list[Tensor], targets: list[int], stride: int, **options: Any
) -> Iterator[Callable[[], OcclusionMap]]:
    """What makes the maps of all pictures; kind after kind, as they would be asked for: oneDNN keeps what a thousand shapes need."""
    for image, target in zip(images, targets, strict=True):
        ask = partial(cw.occlusion, network, image, target, window=WINDOW, stride=stride, **options)
        yield lambda ask=ask: ask().result()


def likeness(exact: OcclusionMap, make: Callable[[], OcclusionMap], clock: Clock) -> tuple[float, float]:
    """Structural similarity (Wang et al. 2004) of the approximate map to the exact one, and the share of places computed."""
    rough = clock.take("approximate", make)
    return similarity(exact, rough.values[0]), float(np.isfinite(rough.scores).mean())


def similarity(exact: OcclusionMap, values: np.ndarray) -> float:
    """Of a map to the exact one."""
    from skimage.metrics import structural_similarity

    span = float(exact.values.max() - exact.values.min())
    return float(structural_similarity(exact.values[0], values.astype(np.float32), data_range=span))


def limits_of_approximation(
    network: cw.Network, images: list[Tensor], targets: list[int], exact_maps: list[OcclusionMap], shipped: float
) -> None:
    """What stops approximate maps: how much can be left out at all, and what is gained by each way of leaving something out."""
    known: dict[str, list[float]] = {"1 of 2 places, a checkerboard": [], "1 of 4 places, every other": []}
    for exact in exact_maps[:LIMITING]:
        covers, falls = covers_of(exact), (exact.clean[:, None, None] - exact.scores)[0]
        row, column = np.indices(falls.shape)
        for found, mask in zip(
            known.values(), ((row + column) % 2 == 0, (row % 2 == 0) & (column % 2 == 0)), strict=True
        ):
            found.append(similarity(exact, covers.average(smoothest(np.where(mask, falls, np.nan)).ravel())))
    for title, found in known.items():
        told(f"SSIM with {title} exact, the rest interpolated", statistics.median(found), unit="")
    for limit in (1.0, *LIMITS_OF_REACH):
        clock, found = Clock(), []
        for image, target, exact in zip(images[:LIMITING], targets, exact_maps, strict=False):
            asking = Incremental(network, image, [cw.class_score(target)], precision="bfloat16", limit=limit)
            every = clock.take("bfloat16", partial(scores_of, asking, covers_of(exact)))
            found.append(similarity(exact, covers_of(exact).average(float(asking.base[0]) - every)))
        reach = "" if limit == 1 else f", followed over {limit:.0%} of a map"
        told(f"captum as shipped / every place in bfloat16{reach}", shipped / statistics.median(clock.cpu["bfloat16"]))
        told("its SSIM", statistics.median(found), unit="")


def covers_of(found: OcclusionMap) -> Covers:
    """Where it was covered."""
    assert found.covers is not None
    return found.covers


def scores_of(asking: Incremental, covers: Any) -> np.ndarray:
    """The score of every place."""
    found = np.zeros(len(covers))
    gray = torch.full((1, 3, *covers.size), 0.5)
    for answer in asking.answers(covers, gray):
        found[answer.places] = answer.scores[0].float().numpy()
    return found


def first_map(network: cw.Network, image: Tensor, target: int, stride: int, clock: Clock) -> None:
    """How long the first whole, coarse map takes."""

    def first() -> None:
        with cw.occlusion(network, image, target, window=WINDOW, stride=stride) as steps:
            next(steps)

    for _ in range(5):
        clock.take("first", first)
        clock.take("forward", partial(network.trace, image))
    told("first whole coarse map / plain forward", clock.least("first") / clock.least("forward"), Limit(12))


def ceiling(network: cw.Network, image: Tensor, stride: int, name: str) -> None:
    """Multiply-adds spent, against what each window reaches by itself; all classes are asked for."""
    asking = Incremental(network, image, [cw.class_probability(0)])
    covers = sliding((image.shape[2], image.shape[3]), WINDOW, stride)
    places = len(covers)
    for _ in asking.answers(covers, torch.full_like(image, 0.5)):
        pass  # the first time, some places are computed twice to be sure
    before = asking.multiply_adds
    for _ in asking.answers(covers, torch.full_like(image, 0.5)):
        pass
    after = asking.multiply_adds
    spent, least = (after[key] - before[key] for key in ("spent", "least"))
    print(
        f"  a whole pass {after['full'] / 1e9:.2f} GMAC; ceiling {places * after['full'] / least:.2f} × fewer, ", end=""
    )
    print(f"spent {places * after['full'] / spent:.2f} × fewer; clean activations {asking.memory / 2**20:.0f} MB")
    told("share of the ceiling reached", least / spent, Limit(LIMITS[name][2], at_most=False), "")


def where_time_goes(name: str) -> None:
    """What limits a map: which of torch's operations take how much of its time."""
    network = network_of(name)
    image = pictures(network)[0]
    target = int(network.trace(image).logits.argmax())
    for title, options in (("exact", {}), ("approximate", {"exact": False, "precision": "bfloat16"})):
        ask = partial(cw.occlusion, network, image, target, window=WINDOW, stride=8, **options)
        ask().result()
        began = time.process_time()
        ask().result()
        taken = 1e6 * (time.process_time() - began)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            ask().result()
        times = sorted(((event.self_cpu_time_total, event.key) for event in profile.key_averages()), reverse=True)
        shares = ", ".join(f"{each / taken:.0%} {key.split('::')[-1]}" for each, key in times[:4])
        rest = max(0.0, 1 - sum(each for each, _ in times) / taken)
        print(f"  {name}, {title}, {taken / 1000:.0f} ms: {shares}, {rest:.0%} outside of torch")


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(LIMITS), help="which networks")
    parser.add_argument("--stride", type=int, nargs="*", default=[16, 8], help="which strides")
    parser.add_argument("--turns", type=int, default=2, help="how often the candidates take turns")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in given.networks:
        at_once: dict[str, tuple[int, ...]] = dict.fromkeys(KINDS, AT_ONCE)
        for stride in given.stride:
            compare(name, stride, given.turns, at_once)
    print("\nwhere the time of a map goes (torch's operations, every 8 pixels)")
    for name in given.networks:
        where_time_goes(name)


if __name__ == "__main__":
    main()
