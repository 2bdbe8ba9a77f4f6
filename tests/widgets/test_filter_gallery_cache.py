"""Pictures of a gallery on the disk: none that is another network's, and none lost but the one at work."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import REPOSITORY
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.picture_cache import PictureCache
from cnnvis_widgets.widgets import _filter_wall

from .conftest import small_model
from .galleries import done, finished, wide

STEPS = 3


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("CNNVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Scaled(nn.Module):
    """What it computes stands in no weight."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.factor = nn.Conv2d(3, 4, 3), factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(x * self.factor)


def key_of(network: cw.Network, layer: str = "0", **options: Any) -> str:
    return done(cw.FilterGallery(network, layer, steps=STEPS, **options)).wall["key"]


def small() -> cw.Network:
    return cw.Network(small_model(), cw.Preprocess(size=(16, 16)))


# what is told apart -------------------------------------------------------------------------------------------------------


def test_a_hook_that_changes_what_a_layer_says_changes_the_pictures() -> None:
    network = wide(4)
    before = done(cw.FilterGallery(network, "0", steps=STEPS))
    network.model[0].register_forward_hook(lambda _module, _given, output: -output)
    after = done(cw.FilterGallery(network, "0", steps=STEPS))
    assert after.wall["key"] != before.wall["key"]
    assert np.abs(after.picture(1).astype(int) - before.picture(1)).max() > 20


def test_a_hook_that_only_watches_does_not() -> None:
    network = wide(4)
    before = key_of(network)
    network.model[0].register_forward_hook(lambda *_: None)
    assert key_of(network) == before


def test_what_a_module_computes_without_weights_tells_pictures_apart() -> None:
    one, other = (key_of(cw.Network(Scaled(factor)), "convolution", size=12) for factor in (1, -1))
    assert one != other


def test_an_edit_of_the_network_tells_pictures_apart() -> None:
    network = wide(4)
    assert key_of(network.edited("0", lambda maps: -maps)) != key_of(network)


def test_the_least_training_tells_pictures_apart_also_in_the_same_gallery() -> None:
    network = wide(4)
    gallery = done(cw.FilterGallery(network, "0", steps=STEPS))
    before = gallery.wall["key"]
    with torch.no_grad():
        network.model[0].weight.mul_(1.00001)
    gallery.viewport = [1]
    assert done(gallery).wall["key"] != before


def test_the_same_network_made_again_finds_its_pictures() -> None:
    assert key_of(wide(4)) == key_of(wide(4))


@pytest.mark.parametrize(("name", "value"), [("VERSION", -1), ("__version__", "0.0.0")])
def test_pictures_of_another_version_are_let_lie(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    before = key_of(wide(4))
    monkeypatch.setattr(_filter_wall, name, value)
    assert key_of(wide(4)) != before


# what is found there ------------------------------------------------------------------------------------------------------


def test_records_of_something_else_are_painted_anew(folder: Path) -> None:
    gallery = done(cw.FilterGallery(small(), "3", channel=1, steps=STEPS))
    cache = PictureCache()
    for file in list(folder.rglob("*.cell")):
        cache.put(file.stem, {"another": 1}, {"thing": b"1"})
    again = done(cw.FilterGallery(small(), "3", channel=1, steps=STEPS))
    np.testing.assert_array_equal(again.picture(1), gallery.picture(1))
    assert again.unit["variants"]["data"] == gallery.unit["variants"]["data"]


def test_a_folder_full_of_rubbish_is_put_in_order(folder: Path) -> None:
    gallery = done(cw.FilterGallery(small(), "3", channel=1, steps=STEPS))
    damage = random.Random(1)
    for number, file in enumerate(sorted(folder.rglob("*.cell"))):
        data = bytearray(file.read_bytes())
        if number % 4 == 0:
            file.write_bytes(data[: damage.randrange(len(data))])
        elif number % 4 == 1:
            file.write_bytes(damage.randbytes(300))
        elif number % 4 == 2:
            data[damage.randrange(len(data))] ^= 8
            file.write_bytes(data)
        else:
            file.unlink()
            file.mkdir()
    again = done(cw.FilterGallery(small(), "3", channel=1, steps=STEPS))
    assert finished(again) == list(range(8))
    for channel in range(8):
        np.testing.assert_array_equal(again.picture(channel), gallery.picture(channel))


@pytest.mark.parametrize("wrong", ["", "  ", 5, "a\0b"])
def test_what_is_no_folder_is_refused_in_one_sentence(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^cache is .*: give a folder for finished pictures, or False for none\.$"):
        cw.FilterGallery(wide(4), "0", cache=wrong)


# processes ------------------------------------------------------------------------------------------------------------------

CODE = """
import torch, cnnvis_widgets as cw
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 24, 3, padding=1), torch.nn.ReLU())
network = cw.Network(model, cw.Preprocess(size=(12, 12)))
gallery = cw.FilterGallery(network, "0", steps=STEPS)
print("begun", flush=True)
assert gallery.wait(300)
print(gallery.message)
"""


def process(steps: int) -> subprocess.Popen[str]:
    code = CODE.replace("STEPS", str(steps))
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def test_two_processes_use_the_folder_at_once(folder: Path) -> None:
    both = [process(4), process(4)]
    assert ["24 of 24 units finished" in each.communicate(timeout=300)[0] for each in both] == [True, True]
    assert len(list(folder.rglob("*.cell"))) == 24
    assert list(folder.rglob("*.part")) == []


def test_a_process_that_is_killed_loses_only_the_cells_at_work(folder: Path) -> None:
    killed = process(300)
    deadline = time.monotonic() + 300
    while not list(folder.rglob("*.cell")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert killed.stdout is not None
    killed.stdout.close()
    there = [PictureCache().get(file.stem) for file in folder.rglob("*.cell")]
    assert there
    assert None not in there
    again = process(300)
    assert "24 of 24 units finished" in again.communicate(timeout=300)[0]


# what changes meanwhile -------------------------------------------------------------------------------------------------------


def test_a_network_that_is_trained_meanwhile_is_painted_as_it_is_in_the_end() -> None:
    network = small()
    gallery = cw.FilterGallery(network, "3", steps=30, cache=False)
    for _ in range(20):
        time.sleep(0.02)
        with torch.no_grad():
            network.model[0].weight.add_(0.01)
    gallery._moved(None)
    np.testing.assert_array_equal(
        done(gallery).picture(2), done(cw.FilterGallery(network, "3", steps=30, cache=False)).picture(2)
    )


def test_weights_that_are_written_to_during_a_pass_are_no_failure() -> None:
    network = small()
    network.layers  # noqa: B018 (read once, before the hook counts)
    passes = []

    def train(*_: Any) -> None:
        passes.append(1)
        if len(passes) == 20:
            with torch.no_grad():
                network.model[0].weight.mul_(0.5)
                network.model[3].weight.mul_(0.5)

    network.model[4].register_forward_hook(train)
    gallery = done(cw.FilterGallery(network, "4", steps=30, cache=False))
    assert finished(gallery) == list(range(8))


def test_the_chosen_unit_is_painted_though_it_is_not_in_view() -> None:
    gallery = done(cw.FilterGallery(wide(64), "0", steps=STEPS))
    gallery.viewport = [30, 31]
    gallery.channel = 50
    done(gallery)
    assert {30, 31, 50} <= set(finished(gallery))
    assert gallery.unit["done"] == STEPS
    assert len(gallery.unit["variants"]["data"]) == 3


def test_closing_while_it_is_busy_raises_nothing_and_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    network = small()
    for turn in range(20):
        gallery = cw.FilterGallery(network, "3", [np.zeros((16, 16, 3))] * 3, steps=500, cache=False, channel=1)
        time.sleep(0.01 * (turn % 4))
        task = gallery._task
        gallery.close()
        assert task.wait(30)
    assert raised == []
    assert sum(each.name.startswith("cnnvis") for each in threading.enumerate()) <= 8


# what is asked for ------------------------------------------------------------------------------------------------------------


def test_an_optimizer_that_climbs_one_picture_climbs_one_after_the_other() -> None:
    recipe = cw.Recipe(optimizer=cw.LBFGS(), transforms=cw.Transforms())
    gallery = done(cw.FilterGallery(wide(5), "0", steps=2, recipe=recipe, channel=1))
    assert finished(gallery) == list(range(5))
    assert gallery.message == "5 of 5 units finished"  # its variants cannot be had, and were not asked for


@pytest.mark.parametrize(
    ("option", "wrong", "said"),
    [
        ("steps", 0, r"steps is 0: give a whole number from 1 to 1,000,000, such as 96\."),
        ("steps", 2.5, r"steps is 2\.5: give a whole number"),
        ("size", -1, r"size is -1: give a whole number from 0 to 8,192 pixels, such as 128\."),
        ("size", (16, 20), r"size is \(16, 20\): give a whole number"),
        ("seed", "a", r"seed is 'a': give a whole number from 0 on, such as 0\."),
        ("mode", "wieghts", r"mode is 'wieghts': give 'weights' or 'synthesized' or 'patches'\."),
        ("sort", "alpha", r"sort is 'alpha': give 'channel' or"),
        ("channel", 99, r"0 has channels 0–3; 99 is not one of them\."),
        ("channel", "3", r"0 has channels 0–3; '3' is not one of them\."),
        ("recipe", "standart", r"There is no recipe 'standart'\. Did you mean 'standard'"),
        ("recipe", {"kind": "Recpie"}, r"A recipe has no part 'Recpie'\. Did you mean 'Recipe'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_one_sentence(option: str, wrong: Any, said: str) -> None:
    with pytest.raises(cw.CnnvisError, match=f"^{said}"):
        cw.FilterGallery(wide(4), "0", **{option: wrong})


@pytest.mark.parametrize("three", [np.int64(3), torch.tensor(3), 3.0])
def test_numbers_of_numpy_and_torch_are_numbers(three: Any) -> None:
    gallery = done(cw.FilterGallery(wide(4), "0", channel=three, steps=three, cache=False))
    assert (gallery.channel, gallery.steps) == (3, 3)
