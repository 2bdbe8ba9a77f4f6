"""Feature visualization: an ascent against torch-lucent's, many channels at once, and what a step costs beside the network's own work.

One thread and its CPU time; but batches are timed as their user waits for them, with as many threads as torch takes. torch-lucent runs
as its readme says (Fourier, decorrelated colors, its standard transforms, Adam at 0.05); ours has the same size, steps and ranges of
transforms. Both see pictures of 224 px with 12 px of gray around them. Weights are ImageNet's where `../shared/data` (or
`$CNNVIS_DATA`) has them, else random ones, which take as long. Where torch-lucent is not installed, that is said.

Run it for one network only: `python benchmarks/feature_visualization.py squeezenet1_1`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torchvision
from _timing import Limit, take_turns, told
from torch import nn
from torch.nn import functional

import cnnvis_widgets as cw
from cnnvis_widgets.engine import ascent as ascents

DATA = Path(os.environ.get("CNNVIS_DATA") or Path(__file__).parents[2] / "shared" / "data")
LAYERS = {"squeezenet1_1": ("features.9", "features.12"), "resnet18": ("layer3", "layer4")}
CHANNEL = 10
STEPS = 128
#: `activation_maximization` climbs as many as `TOGETHER` at once if nothing is said.
FEW, TOGETHER = 4, 8


class Reached(Exception):  # noqa: N818 (it ends a pass, it is no error)
    """The layer that was asked for has its output."""


def network_of(name: str) -> cw.Network:
    """With ImageNet's weights where they are at hand."""
    torch.manual_seed(0)
    network = cw.load(name, None)
    path = DATA / "squeezenet1_1_imagenet.safetensors"
    if name == "squeezenet1_1" and path.is_file():
        from safetensors.torch import load_file

        network.model.load_state_dict(load_file(path))
    return network


def lucent_render(network: cw.Network, layer: str) -> Callable[[], object] | None:
    """torch-lucent's picture of a channel, as shipped: a model as torchvision gives it; None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from lucent.optvis import param, render
    except ImportError:
        return None
    model = torchvision.models.get_model(network.name, weights=None).eval()
    model.load_state_dict(network.model.state_dict())

    def call() -> object:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return render.render_vis(
                model,
                f"{layer.replace('.', '_')}:{CHANNEL}",
                lambda: param.image(224, fft=True, decorrelate=True),
                thresholds=(STEPS,),
                progress=False,
                show_image=False,
            )

    return call


def picture(network: cw.Network, layer: str, channels: list[int], size: int, batch: int) -> Callable[[], object]:
    """Our pictures of some channels."""
    wanted = [cw.channel(layer, index) for index in channels]
    recipe = cw.Recipe(steps=STEPS)
    return lambda: cw.activation_maximization(network, wanted, recipe=recipe, size=size, batch=batch).result()


def forward_to(network: cw.Network, layer: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """What the layer's channel makes of a picture, by plain torch: channels_last, and stopped there."""
    model = network.model
    module = dict(model.named_modules())[layer]
    kept: dict[str, torch.Tensor] = {}

    def reached(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        kept["output"] = output
        raise Reached

    def call(image: torch.Tensor) -> torch.Tensor:
        handle = module.register_forward_hook(reached)
        try:
            model(network.preprocess.normalize(image))
        except Reached:
            pass
        finally:
            handle.remove()
        return kept["output"][:, CHANNEL].mean()

    return call


def bare_pass(network: cw.Network, layer: str, size: int) -> Callable[[], object]:
    """Forward from a picture to the layer and back, and nothing but the picture's gradient."""
    score = forward_to(network, layer)
    image = torch.rand(1, 3, size, size, requires_grad=True)
    return lambda: torch.autograd.grad(score(image), image)


def step_by_hand(network: cw.Network, layer: str, size: int, pad: int) -> Callable[[], object]:
    """The least that such a step is when written in torch: nothing is drawn, watched or kept."""
    score = forward_to(network, layer)
    frequencies, colors = torch.randn(1, 3, size, size // 2 + 1, 2) / 100, torch.rand(3, 3)
    scale = torch.rand(size, size // 2 + 1, 2)
    frequencies.requires_grad_()
    optimizer = torch.optim.Adam([frequencies], 0.05, fused=True, maximize=True)
    turn = torch.tensor([[[1.02, 0.1, 0.01], [-0.1, 1.02, 0.02]]])
    grid = functional.affine_grid(turn, [1, 3, size + 2 * pad, size + 2 * pad], align_corners=False)

    def call() -> None:
        waves = torch.fft.irfft2(torch.view_as_complex(frequencies * scale), s=(size, size), norm="ortho")
        image = torch.sigmoid((colors @ waves.flatten(2)).view(1, 3, size, size))
        found = score(functional.grid_sample(image, grid, align_corners=False))
        (frequencies.grad,) = torch.autograd.grad(found, frequencies)
        optimizer.step()

    return call


def against_lucent(network: cw.Network, layer: str, turns: int) -> None:
    """A whole picture of 224 px."""
    peer = lucent_render(network, layer)
    if peer is None:
        print("  torch-lucent is not installed: pip install torch-lucent")
        return
    times = take_turns({"ours": picture(network, layer, [CHANNEL], 224, 1), "lucent": peer}, turns, 1)
    told(f"{layer}: torch-lucent / ours, {STEPS} steps at 224 px", times["lucent"].over(times["ours"]), Limit(2, at_most=False))
    told(f"{layer}: ours", times["ours"].least / STEPS, unit="ms a step")


def in_batches(network: cw.Network, layer: str, turns: int, threads: int) -> None:
    """Several channels at once against one after the other, at 128 px."""
    channels = list(range(CHANNEL, CHANNEL + TOGETHER))
    candidates = {str(batch): picture(network, layer, channels, 128, batch) for batch in (1, FEW, TOGETHER)}
    torch.set_num_threads(threads)
    times = take_turns(candidates, turns, 1, time.perf_counter)
    torch.set_num_threads(1)
    for batch, limit in ((TOGETHER, Limit(1.5, at_most=False)), (FEW, None)):
        ratio = times["1"].over(times[str(batch)])
        told(f"{layer}: one at a time / {batch} at once, 128 px, {threads} threads", ratio, limit)


def cost_of_a_step(network: cw.Network, layer: str, turns: int) -> None:
    """A step against forward and backward alone, at the same size."""
    ascent = cw.Ascent(network, cw.channel(layer, CHANNEL), cw.Recipe(steps=10**6), size=224)
    by_hand = step_by_hand(network, layer, 224, 12)
    candidates = {"step": ascent.step, "pass": bare_pass(network, layer, 248), "by hand": by_hand}
    times = take_turns(candidates, 15 * turns, 5)
    told(f"{layer}: a step / forward and backward, 224 px", times["step"].over(times["pass"]), Limit(1.15))
    told(f"{layer}: such a step by hand / forward and backward", times["by hand"].over(times["pass"]))
    told(f"{layer}: forward and backward", times["pass"].least, unit="ms")
    for part, taken in parts_of_a_step(ascent, 15 * turns).items():
        told(f"{layer}: of a step, {part}", taken, unit="ms")


def parts_of_a_step(ascent: cw.Ascent, steps: int) -> dict[str, float]:
    """Where the milliseconds of a step go: the median of each part."""
    taken: dict[str, list[float]] = {}

    def timed(part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            started = time.process_time()
            try:
                return call(*arguments, **options)
            finally:
                taken.setdefault(part, []).append(1000 * (time.process_time() - started))

        return run

    with ExitStack() as watching:
        for owner, name, part in (
            (ascent._canvas, "pictures", "the picture from its numbers"),  # noqa: SLF001
            (ascents, "transformed", "its transforms"),
            (ascent._view, "climb", "the network, there and back"),  # noqa: SLF001
            (ascent._optimizer, "step", "the optimizer"),  # noqa: SLF001
        ):
            watching.enter_context(mock.patch.object(owner, name, timed(part, getattr(owner, name))))
        step = timed("all", ascent.step)
        for _ in range(steps):
            step()
    found = {part: statistics.median(values) for part, values in taken.items()}
    whole = found.pop("all")
    return found | {"back from the transforms to the numbers, and the rest": whole - sum(found.values())}


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(LAYERS), help="which networks")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for name in given.networks:
        network = network_of(name)
        print(f"{name}, CPU time of one thread, medians over turns that alternate")
        for layer in LAYERS[name]:
            cost_of_a_step(network, layer, given.turns)
            against_lucent(network, layer, given.turns)
            in_batches(network, layer, given.turns, threads)


if __name__ == "__main__":
    main()
