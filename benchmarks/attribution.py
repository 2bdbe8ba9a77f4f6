"""What attribution methods cost over Grad-CAM, and what other libraries take for the same maps.

CPU time on one thread, squeezenet1_1 with random weights, 224 × 224 pixels. Other libraries stand twice: as shipped (a model and
pictures as torchvision and torch give them, default batches), and put into channels_last with the best batch of those tried
here. Captum's integrated gradients give the error of completeness only when asked to, at the cost of two forward passes;
ours always do. Both are told: with the error, and the map alone. Memory: what the process holds after 200, and after 1,000
calls more, and over a training loop that is watched.
"""

from __future__ import annotations

import gc
import resource
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torchvision
from _timing import Limit, Timing, take_turns, told
from torch import Tensor, nn

import cnnvis_widgets as cw

MODEL, LAYER, TARGET = "squeezenet1_1", "features.12", 5
SAMPLES = 16
BATCHES = (4, 8, 16)
ONE_BACKWARD = ("grad_cam_plus_plus", "hires_cam", "layer_cam", "xgrad_cam")


def model(*, channels_last: bool) -> nn.Module:
    """As torchvision gives it, or in the faster layout."""
    made = torchvision.models.get_model(MODEL, weights=None).eval()
    return made.to(memory_format=torch.channels_last) if channels_last else made


def captum_peers(image: Tensor, batch: int | None, *, channels_last: bool = False) -> dict[str, Callable[[], object]]:
    """SmoothGrad and integrated gradients."""
    from captum.attr import IntegratedGradients, NoiseTunnel, Saliency

    network = model(channels_last=channels_last)
    tunnel, integrated = NoiseTunnel(Saliency(network)), IntegratedGradients(network)
    noise = {"nt_type": "smoothgrad", "nt_samples": SAMPLES, "nt_samples_batch_size": batch, "stdevs": 0.6}
    walk = {"target": TARGET, "n_steps": SAMPLES, "internal_batch_size": batch}
    return {
        "smooth_grad": lambda: tunnel.attribute(image, target=TARGET, abs=False, **noise),
        "integrated_gradients": lambda: integrated.attribute(image, **walk, return_convergence_delta=True),
        "integrated_gradients, map alone": lambda: integrated.attribute(image, **walk),
    }


def score_cam_peers(image: Tensor, batch: int, *, channels_last: bool = False) -> dict[str, Callable[[], object]]:
    """Score-CAM by torch-cam and pytorch-grad-cam."""
    import pytorch_grad_cam.score_cam as theirs
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    from torchcam.methods import ScoreCAM

    theirs.tqdm.tqdm = lambda steps: steps  # no bar
    for_torchcam, for_grad_cam = model(channels_last=channels_last), model(channels_last=channels_last)
    torchcam = ScoreCAM(for_torchcam, LAYER, batch_size=batch)
    grad_cam = theirs.ScoreCAM(for_grad_cam, [for_grad_cam.get_submodule(LAYER)])
    grad_cam.batch_size = batch

    @torch.no_grad()
    def by_torchcam() -> object:
        return torchcam(class_idx=TARGET, scores=for_torchcam(image))

    return {
        "torch-cam": by_torchcam,
        "pytorch-grad-cam": lambda: grad_cam(input_tensor=image, targets=[ClassifierOutputTarget(TARGET)]),
    }


def one_backward(network: cw.Network) -> None:
    """The CAMs that take one backward pass, over Grad-CAM."""
    for batch in (1, 16):
        images = torch.rand(batch, 3, 224, 224)
        calls = {
            name: lambda name=name, images=images: getattr(cw, name)(network, images, TARGET, layer=LAYER)
            for name in ("grad_cam", *ONE_BACKWARD)
        }
        taken = take_turns(calls, turns=30 if batch == 1 else 5)
        print(f"\n{MODEL}, {LAYER}, batch {batch}")
        for name in ONE_BACKWARD:
            told(f"{name} / grad_cam", taken[name].over(taken["grad_cam"]), Limit(1.2))


def against(title: str, ours: Callable[[], object], peers: dict[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Print how many times as long each peer takes."""
    taken: dict[str, Timing] = take_turns({"ours": ours, **peers}, turns=turns, warm=1)
    print(f"\n{title}: ours {taken['ours'].least:.0f} ms of CPU time")
    return {name: taken[name].over(taken["ours"]) for name in peers}


def long_methods(network: cw.Network) -> None:
    """SmoothGrad, integrated gradients and Score-CAM against others, as shipped and at their best."""
    image = torch.rand(1, 3, 224, 224)
    plain = network.preprocess.normalize(image).contiguous()
    fast = plain.contiguous(memory_format=torch.channels_last)
    shipped: dict[str, int | None] = {"smooth_grad": SAMPLES, "integrated_gradients": None}
    for name, ours in {
        "smooth_grad": lambda: cw.smooth_grad(network, image, TARGET, samples=SAMPLES).result(),
        "integrated_gradients": lambda: cw.integrated_gradients(network, image, TARGET, steps=SAMPLES).result(),
    }.items():
        peers = {"captum as shipped": captum_peers(plain, shipped[name])[name]}
        for batch in BATCHES:
            calls = captum_peers(fast, batch, channels_last=True)
            peers |= {
                key.replace(name, "captum", 1) + f", channels_last, {batch}": call
                for key, call in calls.items()
                if key.startswith(name)
            }
        report(against(f"{name}, {SAMPLES} points", ours, peers, turns=9))
    peers = {f"{key} as shipped": call for key, call in score_cam_peers(plain, 32).items() if key == "torch-cam"}
    peers |= {f"{key} as shipped": call for key, call in score_cam_peers(plain, 16).items() if key != "torch-cam"}
    for batch in BATCHES:
        peers |= {f"{key}, channels_last, {batch}": call for key, call in score_cam_peers(fast, batch, channels_last=True).items()}
    report(against("score_cam, 512 channels", lambda: cw.score_cam(network, image, TARGET, layer=LAYER).result(), peers, 3))


def report(ratios: dict[str, float]) -> None:
    """As shipped each; at their best only the fastest of each library."""
    best: dict[str, tuple[float, str]] = {}
    for name, ratio in ratios.items():
        if name.endswith("as shipped"):
            told(f"{name} / ours", ratio, Limit(1.8, at_most=False))
        else:
            library = name.split(", channels_last")[0]
            best[library] = min(best.get(library, (float("inf"), "")), (ratio, name))
    for ratio, name in best.values():
        told(f"{name} (its best) / ours", ratio, Limit(1.1, at_most=False))


def held() -> float:
    """Megabytes of memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize() / 2**20


@contextmanager
def growth(title: str, limit: float) -> Iterator[None]:
    """Print by how much the process grew."""
    gc.collect()
    before = held()
    yield
    gc.collect()
    told(title, held() - before, Limit(limit), "MB")


def memory() -> None:
    """1,000 calls of every instant method, and a training loop in which one is called at each step."""
    network = cw.demo()
    image = torch.rand(1, 3, 96, 96)
    instant = [getattr(cw, name) for name in ("saliency", "guided_backprop", "deconvnet", "grad_cam", *ONE_BACKWARD)]
    long = [cw.score_cam, cw.ablation_cam, cw.smooth_grad, cw.integrated_gradients]

    def call(count: int) -> None:
        for index in range(count):
            instant[index % len(instant)](network, image, 3)
        for method in long:
            method(network, image, 3).result()

    print("\nmemory")
    call(200)
    with growth("grown by 1,000 calls more", 10):
        call(1000)
    trained = cw.demo()
    optimizer = torch.optim.SGD(trained.model.parameters(), lr=1e-3)
    batch, labels = torch.rand(16, 3, 96, 96), torch.randint(0, 12, (16,))

    def train(steps: int) -> None:
        trained.model.train()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(trained.model(trained.preprocess.normalize(batch)), labels)
            cw.grad_cam(trained, image, 3)
            cw.guided_backprop(trained, image, 3)
            loss.backward()
            optimizer.step()

    train(50)
    with growth("grown by a training loop of 300 watched steps", 10):
        train(300)


def main() -> None:
    """Print the report."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = cw.load(MODEL, None)
    one_backward(network)
    long_methods(network)
    memory()


if __name__ == "__main__":
    main()
