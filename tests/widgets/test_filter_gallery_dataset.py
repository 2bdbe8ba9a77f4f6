"""The pictures that a gallery looks through: whatever is wrong with them, the wall goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import cnnvis_widgets as cw
from cnnvis_widgets.widgets._filter_dataset import DataSet

from .galleries import done, finished

STEPS = 2


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of this test's own."""
    monkeypatch.setenv("CNNVIS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.random((16, 16, 3)).astype(np.float32) for _ in range(6)]


class Lazy:
    """A data set as torch's are: a length, and items that are fetched by number."""

    def __init__(self, items: list[Any], broken: int = -1) -> None:
        self.items, self.broken = items, broken

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        if index == self.broken:
            msg = "the disk has gone"
            raise OSError(msg)
        return self.items[index], 0


def gallery_of(network: cw.Network, dataset: Any, **options: Any) -> cw.FilterGallery:
    return done(cw.FilterGallery(network, "3", dataset, **{"steps": STEPS, "channel": 5, **options}))


@pytest.mark.parametrize("mode", ["synthesized", "patches"])
def test_a_file_that_is_no_picture_is_passed_over_and_named(
    network: cw.Network, pictures: list[Any], tmp_path: Path, mode: str
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    gallery = gallery_of(network, [tmp_path / "broken.png", *pictures, "/nowhere.png"], mode=mode)
    assert (gallery.wall["pictures"], gallery.wall["seen"]) == (8, 6)
    assert gallery.wall["unreadable"] == ["broken.png", "nowhere.png"]
    assert len(gallery.unit["patches"]) == 6
    assert gallery.wall["probe"] == "6 pictures of the data set"


@pytest.mark.parametrize("mode", ["synthesized", "patches"])
@pytest.mark.parametrize("item", ["/nowhere.png", None, object()], ids=["missing", "None", "object"])
def test_a_data_set_without_a_picture_is_said_and_all_cells_are_painted(
    network: cw.Network, item: Any, mode: str
) -> None:
    gallery = gallery_of(network, [item], mode=mode)
    assert finished(gallery) == list(range(8))
    assert "The data set could not be looked through" in gallery.wall["unread"]
    assert gallery.message == gallery.wall["unread"]
    assert gallery.wall["probe"] == "64 pictures of noise"
    gallery.layer = "0"
    assert finished(done(gallery)) == list(range(6))


def test_where_a_data_set_breaks_off_what_came_before_is_kept(network: cw.Network, pictures: list[Any]) -> None:
    gallery = gallery_of(network, Lazy(pictures, broken=4))
    assert gallery.wall["seen"] == 4
    assert "Picture 5 of the data set cannot be fetched (OSError: the disk has gone)" in gallery.message
    assert len(gallery.unit["patches"]) == 4
    assert finished(gallery) == list(range(8))


def test_it_is_looked_through_again_when_that_is_asked_for(network: cw.Network, pictures: list[Any]) -> None:
    dataset = Lazy(pictures, broken=4)
    gallery = gallery_of(network, dataset)
    dataset.broken = -1
    assert gallery.wall["probe"] == "5 pictures of the data set"
    gallery._received(gallery, {"type": "run", "again": True}, [])
    assert (done(gallery).wall["seen"], gallery.wall["unread"]) == (6, "")
    assert gallery.wall["probe"] == "6 pictures of the data set"


def test_a_data_set_that_the_network_cannot_take_is_said() -> None:
    torch.manual_seed(0)
    network = cw.Network(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 7), torch.nn.ReLU()))
    gallery = done(cw.FilterGallery(network, "0", [torch.rand(3, 4, 4)] * 2, steps=STEPS, size=16, channel=0))
    assert "could not be looked through" in gallery.message
    assert finished(gallery) == list(range(4))


def test_an_iterator_without_an_end_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnvis_widgets.widgets._filter_dataset._MOST", 20)
    assert len(DataSet(itertools.islice(itertools.repeat("a.png"), 20))) == 20
    with pytest.raises(ValueError, match="more than 20 pictures and has no length: give a part of it"):
        DataSet(itertools.repeat("a.png"))


def test_an_iterator_is_gone_through_once_and_kept(network: cw.Network, pictures: list[Any]) -> None:
    def stream() -> Iterator[np.ndarray]:
        yield from pictures

    gallery = gallery_of(network, stream())
    gallery.layer = "0"
    assert done(gallery).wall["seen"] == 6


def test_a_long_data_set_is_not_fetched_before_it_is_needed(network: cw.Network, pictures: list[Any]) -> None:
    gallery = cw.FilterGallery(network, "3", Lazy(pictures * 1000, broken=0), steps=STEPS)
    assert len(gallery.dataset) == 6000
    done(gallery)
    assert gallery.wall["seen"] == 0


def test_one_that_grows_is_looked_through_again_and_one_that_shrinks_breaks_nothing(
    network: cw.Network, pictures: list[Any]
) -> None:
    dataset = Lazy(pictures[:4])
    gallery = gallery_of(network, dataset)
    assert gallery.wall["seen"] == 4
    dataset.items = pictures
    gallery.channel = 4
    assert done(gallery).wall["seen"] == 6
    dataset.items = pictures[:1]
    gallery.channel = 5
    assert done(gallery).wall["seen"] == 1


def test_going_through_one_that_becomes_shorter_ends_there() -> None:
    class Shrinking(Lazy):
        def __len__(self) -> int:
            return 3

    assert [item for item, _ in DataSet(Shrinking(["a", "b"]))] == ["a", "b"]


def test_a_dropped_picture_stands_behind_those_that_were_given(network: cw.Network, pictures: list[Any]) -> None:
    gallery = gallery_of(network, tuple(pictures[:2]))
    assert gallery.add_image(pictures[2]) == 2
    assert gallery.dataset[1:] == [pictures[1], pictures[2]]
    assert done(gallery).wall["seen"] == 3


def test_one_picture_is_a_data_set_too(network: cw.Network, pictures: list[Any]) -> None:
    gallery = gallery_of(network, pictures[:1], mode="patches")
    assert len(gallery.unit["patches"]) == 1


def test_arrays_and_tensors_of_pictures_are_data_sets(network: cw.Network, pictures: list[Any]) -> None:
    assert gallery_of(network, np.stack(pictures)).wall["seen"] == 6
    assert gallery_of(network, torch.rand(3, 3, 16, 16)).wall["seen"] == 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("photos", r"dataset is 'photos': give a list of pictures, or cw\.folder\(path\)\."),
        (Path("photos"), r"dataset is 'photos': give a list"),
        (5, r"dataset is 5: give a list of pictures"),
        ({"cat": 1}, r"dataset is a dict: give a list of pictures"),
        (object(), r"dataset is a object: give a list of pictures"),
        (np.zeros((8, 8, 3)), r"dataset is one picture: give a list of them, \[picture\]\."),
        (torch.zeros(3, 8, 8), r"dataset is one picture"),
        (Image.new("RGB", (8, 8)), r"dataset is one picture"),
        (torch.utils.data.DataLoader([1]), r"dataset is a DataLoader, which gives batches: .*loader\.dataset\."),
    ],
    ids=["path", "Path", "number", "dict", "object", "array", "tensor", "Pillow", "DataLoader"],
)
def test_what_is_no_data_set_is_refused_in_one_sentence(network: cw.Network, wrong: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        cw.FilterGallery(network, "3", wrong)
