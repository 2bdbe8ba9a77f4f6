"""Train the network that comes with the package, and write its weights.

    python scripts/demo_weights.py [--biased]

Seeded; about a quarter of an hour on two cores, making the pictures included. The file is written
only if the network names at least 97 % of held-out scenes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from pathlib import Path

# Before torch: idle threads that spin double the bill on a machine that others use too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from cnnvis_widgets.engine.demo_network import DEMO_MEAN, DEMO_STD, DemoNet
from cnnvis_widgets.engine.scenes import SCENE_CLASSES, scenes

RECIPE = "1"
SEED, HELD_OUT_SEED = 20_000, 30_000
CORES = 2
BATCH = 64
WANTED = 0.97
ASSETS = Path(__file__).parents[1] / "cnnvis_widgets" / "assets"

Pictures = NDArray[np.uint8]
Labels = NDArray[np.int64]


def draw(job: tuple[int, int, int, bool]) -> tuple[Pictures, Labels]:
    """Scenes start..stop of a seed: (N, 96, 96, 3) and (N,)."""
    seed, start, stop, biased = job
    drawn = list(scenes(stop, seed=seed, biased=biased)[start:])
    return np.stack([s.image for s in drawn]), np.array([s.label for s in drawn])


def draw_all(seed: int, count: int, *, biased: bool = False, chunk: int = 600) -> tuple[Tensor, Tensor]:
    """All scenes of a seed, by as many processes as there are cores."""
    jobs = [(seed, start, min(start + chunk, count), biased) for start in range(0, count, chunk)]
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        parts = pool.map(draw, jobs)
    pictures = torch.from_numpy(np.concatenate([p for p, _ in parts]))
    return pictures, torch.from_numpy(np.concatenate([k for _, k in parts]))


def normalized(pictures: Tensor) -> Tensor:
    """(N, 96, 96, 3) bytes to (N, 3, 96, 96) floats, channels last in memory."""
    mean, std = torch.tensor(DEMO_MEAN), torch.tensor(DEMO_STD)
    return ((pictures.float() / 255 - mean) / std).permute(0, 3, 1, 2)


def augmented(x: Tensor, chance: torch.Generator) -> Tensor:
    """Half of the pictures flipped; brightness, contrast and white balance jittered."""
    n = len(x)
    flip = torch.rand(n, 1, 1, 1, generator=chance) < 0.5
    x = torch.where(flip, x.flip(3), x)
    gain = 1 + 0.2 * (torch.rand(n, 1, 1, 1, generator=chance) - 0.5)
    balance = 1 + 0.2 * (torch.rand(n, 3, 1, 1, generator=chance) - 0.5)
    shift = 0.4 * (torch.rand(n, 1, 1, 1, generator=chance) - 0.5)
    return x * (gain * balance) + shift


def train(pictures: Tensor, labels: Tensor, epochs: int, seed: int) -> DemoNet:
    """AdamW under one cosine, with a short warm-up."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    model = DemoNet().to(memory_format=torch.channels_last)
    steps = epochs * (len(labels) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.03)
    for epoch in range(epochs):
        started, total = time.process_time(), 0.0
        order = torch.randperm(len(labels), generator=chance)
        for batch in torch.split(order[: len(labels) // BATCH * BATCH], BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(augmented(normalized(pictures[batch]), chance)), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        spent = time.process_time() - started
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(labels):.3f}, {spent:.0f} CPU s", flush=True)
    return model.eval()


@torch.inference_mode()
def probabilities(model: DemoNet, pictures: Tensor) -> Tensor:
    """(N, classes), batch by batch."""
    return torch.cat([model(normalized(part)).softmax(1) for part in torch.split(pictures, 256)])


def report(model: DemoNet, pictures: Tensor, labels: Tensor) -> float:
    """Print the accuracy, the confidence and the worst classes; return the accuracy."""
    confidence, named = probabilities(model, pictures).max(1)
    right = (named == labels).float()
    print(f"held out: {right.mean():.4f} right, {confidence.mean():.4f} confident, {len(labels)} scenes")
    for k, name in enumerate(SCENE_CLASSES):
        print(f"  {name:10} {right[labels == k].mean():.4f}")
    return float(right.mean())


def write(model: DemoNet, accuracy: float, target: Path, *, biased: bool) -> None:
    """The weights, and what they are, in one safetensors file."""
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    what = {
        "name": f"cnnvis_widgets {'biased ' if biased else ''}demo network",
        "recipe": RECIPE,
        "seed": str(SEED),
        "accuracy": f"{accuracy:.4f}",
        "classes": ",".join(SCENE_CLASSES),
        "input": f"RGB 96 x 96 in 0..1, mean {DEMO_MEAN[0]}, std {DEMO_STD[0]}",
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(save(state, metadata=what))  # save_file would make it readable by its owner alone


def main() -> None:
    """Draw, train, judge on fresh scenes, write."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--scenes", type=int, default=24_000)
    options.add_argument("--epochs", type=int, default=10)
    options.add_argument("--biased", action="store_true", help="foxes only in snow, cats only in meadows")
    options.add_argument("--target", type=Path)
    chosen = options.parse_args()
    torch.set_num_threads(CORES)
    started = time.monotonic()
    pictures, labels = draw_all(SEED, chosen.scenes, biased=chosen.biased)
    print(f"{len(labels)} scenes after {time.monotonic() - started:.0f} s", flush=True)
    model = train(pictures, labels, chosen.epochs, SEED)
    accuracy = report(model, *draw_all(HELD_OUT_SEED, 3_000, biased=chosen.biased))
    print(f"{time.monotonic() - started:.0f} s in all")
    if accuracy < WANTED:
        raise SystemExit(f"{accuracy:.2%} is less than {WANTED:.0%}: nothing written.")
    name = "demo_biased.safetensors" if chosen.biased else "demo.safetensors"
    write(model, accuracy, chosen.target or ASSETS / name, biased=chosen.biased)


if __name__ == "__main__":
    main()
