"""What the occlusion slider computes and sends to its page, and in which order."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perturbation import filled
from cnnvis_widgets.widgets import occlusion_slider
from cnnvis_widgets.widgets._cover_maps import fitted

from .conftest import small_model

#: Pictures that show whether a picture's scores depend on which others are in the batch.
TRIED = 3


class Wayward(nn.Module):
    """Counts the pictures and takes its time for each batch; it cannot be read off, so every picture comes through here."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds, self.pictures, self.batches = seconds, 0, 0

    def forward(self, x: Tensor) -> Tensor:
        if float(x.detach().abs().max()) > 1e9:
            raise ValueError
        self.pictures += len(x)
        self.batches += 1
        time.sleep(self.seconds)
        return x


def wayward(seconds: float = 0.0) -> tuple[cw.Network, Wayward]:
    first = Wayward(seconds)
    return cw.Network(nn.Sequential(first, small_model()), cw.Preprocess(size=(16, 16)), name="slow"), first


def ready(viewer: cw.OcclusionSlider) -> cw.OcclusionSlider:
    assert viewer.wait(30)
    assert viewer.status == "ready", viewer.notice
    return viewer


def until(happened: Callable[[], Any], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def numbers(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.float32)


def table(entry: dict[str, Any], name: str, kind: Any = np.float32) -> np.ndarray:
    return np.frombuffer(entry[name], kind).reshape(-1, len(entry["classes"]))


def covered(network: cw.Network, photo: np.ndarray, mask: np.ndarray, fill: str = "gray") -> Any:
    """What the network says of the picture covered by hand."""
    image = network.read(photo)
    under = torch.where(torch.from_numpy(mask), filled(image, fill), image)
    return network.predict(under)


def square(row: int, column: int, side: int) -> np.ndarray:
    mask = np.zeros((16, 16), bool)
    mask[max(0, row) : row + side, max(0, column) : column + side] = True
    return mask


def drawing(mask: np.ndarray, stroke: int = 1, image: int = 0) -> dict[str, Any]:
    height, width = mask.shape
    data = np.packbits(mask).tobytes()
    return {"image": image, "height": height, "width": width, "data": memoryview(data), "stroke": stroke}


# answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fill", ["gray", "mean", "black", "white", "blur", "noise", "#3060c0"])
@pytest.mark.parametrize("place", [(0, 0), (5, 7), (12, 12), (14, -2)])
def test_the_answer_is_what_the_network_says_of_the_covered_picture(
    network: cw.Network, photo: np.ndarray, fill: str, place: tuple[int, int]
) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo, fill=fill))
    viewer.place = list(place)
    ready(viewer)
    said = covered(network, photo, square(*place, viewer.window), fill)
    np.testing.assert_allclose(numbers(viewer.answer["probabilities"]), said.probabilities[0], atol=1e-6)
    np.testing.assert_allclose(numbers(viewer.answer["logits"]), said.logits[0], atol=1e-5)
    assert (viewer.answer["row"], viewer.answer["column"]) == place
    assert (viewer.answer["image"], viewer.answer["fill"], viewer.answer["window"]) == (0, fill, viewer.window)


def test_a_round_cover_leaves_its_corners(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo, shape="circle", window=6))
    viewer.place = [3, 4]
    ready(viewer)
    down, across = np.mgrid[:16, :16]
    said = covered(network, photo, (down - 5.5) ** 2 + (across - 6.5) ** 2 <= 9)
    np.testing.assert_allclose(numbers(viewer.answer["probabilities"]), said.probabilities[0], atol=1e-6)


def test_what_is_drawn_is_covered_and_the_answer_says_which_drawing(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    viewer.mode = "brush"
    mask = np.random.default_rng(1).random((16, 16)) < 0.3
    viewer.brush = drawing(mask, stroke=7)
    ready(viewer)
    said = covered(network, photo, mask)
    np.testing.assert_allclose(numbers(viewer.answer["probabilities"]), said.probabilities[0], atol=1e-6)
    assert (viewer.answer["brush"], viewer.answer["stroke"]) == (True, 7)
    viewer.brush = drawing(np.zeros((16, 16), bool), stroke=8)
    assert ready(viewer).answer == {}
    viewer.brush = drawing(mask, stroke=9, image=1)  # one over another picture
    assert ready(viewer).answer == {}


def test_without_a_cover_there_is_no_answer(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    assert viewer.answer == {}
    viewer.place = [1, 1]
    assert ready(viewer).answer != {}
    viewer.place = []
    assert ready(viewer).answer == {}


@pytest.mark.parametrize("change", [{"window": 7}, {"fill": "black"}, {"shape": "circle"}, {"image": 1}])
def test_another_cover_at_the_same_place_is_answered_anew(
    network: cw.Network, photo: np.ndarray, change: dict[str, Any]
) -> None:
    viewer = ready(cw.OcclusionSlider(network, [photo, 1 - photo]))
    viewer.place = [2, 3]
    before = ready(viewer).answer
    for name, value in change.items():
        setattr(viewer, name, value)
        assert ready(viewer).answer[name] == value
    assert viewer.answer["logits"] != before["logits"]


def test_of_fifty_places_in_a_row_the_last_is_answered_and_nothing_queues(photo: np.ndarray) -> None:
    network, first = wayward(0.02)
    viewer = ready(cw.OcclusionSlider(network, photo))
    first.batches = 0
    for step in range(50):
        viewer.place = [step % 12, step // 5]
    ready(viewer)
    assert (viewer.answer["row"], viewer.answer["column"]) == (1, 9)
    assert first.batches <= 4


def test_bars_follow_while_the_cover_never_rests(photo: np.ndarray) -> None:
    """A new place before the last one is answered must not keep every answer from being shown."""
    network, _ = wayward(0.02)
    viewer = ready(cw.OcclusionSlider(network, photo))
    seen: list[int] = []
    viewer.observe(lambda change: seen.append(change["new"]["column"]), "answer")
    for step in range(100):
        viewer.place = [0, step % 12]
        time.sleep(0.005)
    assert len(seen) >= 10


def test_no_move_is_lost_however_it_meets_the_end_of_the_work(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    random = np.random.default_rng(0)
    for step in range(300):
        viewer.place = [step % 12, step // 12 % 12]
        time.sleep(float(random.random()) * 0.004)
        if step % 10 == 0:
            ready(viewer)
            assert (viewer.answer["row"], viewer.answer["column"]) == tuple(viewer.place)


def test_a_move_between_the_last_look_and_the_end_is_answered(
    network: cw.Network, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    end = viewer._end

    def late() -> bool:
        monkeypatch.undo()
        viewer.place = [3, 5]
        return end()

    monkeypatch.setattr(viewer, "_end", late)
    viewer.place = [1, 1]
    until(lambda: viewer.answer.get("row") == 3)


# the map ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["square", "circle"])
def test_every_place_of_the_map_is_what_the_network_says_there(
    network: cw.Network, photo: np.ndarray, shape: str
) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo, window=5, stride=3, shape=shape))
    (entry,) = viewer.maps
    boxes = np.frombuffer(entry["boxes"], np.int32).reshape(-1, 4)
    best = np.frombuffer(entry["best"], np.int32)
    assert (entry["rows"], entry["columns"]) == (5, 5)
    assert (entry["done"], entry["left"], sorted(entry["classes"])) == (1, 0, [0, 1, 2, 3, 4])
    down, across = np.mgrid[:16, :16]
    for place, (top, left, _, _) in enumerate(boxes):
        mask = square(top, left, 5)
        if shape == "circle":
            mask &= (down - top - 2) ** 2 + (across - left - 2) ** 2 <= 6.25
        said = covered(network, photo, mask)
        np.testing.assert_allclose(
            table(entry, "probabilities")[place], said.probabilities[0][entry["classes"]], atol=1e-6
        )
        np.testing.assert_allclose(table(entry, "logits")[place], said.logits[0][entry["classes"]], atol=1e-5)
        assert best[place] == said.probabilities[0].argmax()
    clean = network.predict(photo)
    np.testing.assert_allclose(numbers(entry["uncovered"]), clean.logits[0][entry["classes"]], atol=1e-5)
    np.testing.assert_allclose(numbers(viewer.uncovered["logits"]), clean.logits[0], atol=1e-5)
    assert viewer.target == clean.probabilities[0].argmax()


def test_the_first_part_of_a_map_spans_the_picture(photo: np.ndarray) -> None:
    network, _ = wayward(0.05)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    until(lambda: viewer.maps and viewer.maps[0]["done"] > 0)
    known = np.frombuffer(viewer.maps[0]["best"], np.int32).reshape(13, 13) >= 0
    assert known[::4, ::4].all()
    assert known.sum() < 13 * 13
    assert viewer.maps[0]["left"] > 0
    assert "to go" in viewer.message


def test_a_drag_is_answered_before_the_map_goes_on_which_then_takes_up_where_it_was(photo: np.ndarray) -> None:
    network, first = wayward(0.1)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    until(lambda: viewer.maps and viewer.maps[0]["done"] > 0.3)  # the finest grid: eight batches
    viewer.held = True
    for column in range(5):
        started = time.monotonic()
        viewer.place = [2, column]
        until(lambda column=column: viewer.answer.get("column") == column)
        assert time.monotonic() - started < 0.4
        assert viewer.maps[0]["done"] < 1
    assert viewer.status == "busy"
    viewer.held = False
    ready(viewer)
    assert viewer.maps[0]["done"] == 1
    # the first to read the layers, the picture itself, every place once, five drags
    assert first.pictures == 1 + 1 + TRIED + 169 + 5


def test_while_the_cover_is_held_the_map_waits_without_work(photo: np.ndarray) -> None:
    network, first = wayward(0.02)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    until(lambda: viewer.maps and viewer.maps[0]["done"] > 0)
    viewer.held = True
    viewer.place = [1, 1]
    until(lambda: viewer.answer)
    time.sleep(0.1)
    before, spent = first.pictures, time.process_time()
    time.sleep(0.6)
    assert first.pictures == before
    assert time.process_time() - spent < 0.2
    assert "waits while you drag" in viewer.message
    viewer.held = False
    ready(viewer)


def test_a_page_that_vanished_while_holding_does_not_stall_the_map(
    photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occlusion_slider, "PATIENCE", 0.3)
    network, _ = wayward(0.02)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=2)
    viewer.held = True
    assert not viewer.wait(0.2)
    assert ready(viewer).maps[0]["done"] == 1


def test_something_else_is_computed_at_once_while_the_cover_is_held(photo: np.ndarray) -> None:
    network, _ = wayward(0.01)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=2)
    viewer.held = True
    viewer.place = [1, 1]
    until(lambda: viewer.answer)
    started = time.monotonic()
    viewer.fill = "black"
    until(lambda: viewer.answer.get("fill") == "black")
    assert time.monotonic() - started < 0.5


def test_coming_back_to_a_map_computes_nothing(photo: np.ndarray) -> None:
    network, first = wayward()
    viewer = ready(cw.OcclusionSlider(network, photo))
    before = viewer.maps
    viewer.fill = "black"
    assert ready(viewer).maps[0]["fill"] == "black"
    first.pictures = 0
    viewer.fill = "gray"
    assert ready(viewer).maps == before
    assert first.pictures == 0


@pytest.mark.parametrize("change", [{"target": 3}, {"compare": 2}, {"measure": "score"}, {"opacity": 0.5}])
def test_another_class_or_measure_asks_the_network_nothing(photo: np.ndarray, change: dict[str, Any]) -> None:
    network, first = wayward()
    viewer = ready(cw.OcclusionSlider(network, photo))
    first.pictures = 0
    for name, value in change.items():
        setattr(viewer, name, value)
    ready(viewer)
    assert first.pictures == 0
    assert set(change.values()) & {3, 2} <= set(viewer.maps[0]["classes"])


def test_a_change_while_the_map_fills_keeps_what_is_computed(photo: np.ndarray) -> None:
    network, first = wayward(0.02)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    for target in (1, 2, 3):
        until(lambda: viewer.maps and viewer.maps[0]["done"] > 0)
        viewer.target = target
    ready(viewer)
    assert first.pictures == 1 + 1 + TRIED + 169


def test_of_many_classes_the_page_gets_the_chosen_the_best_and_those_that_lead() -> None:
    """Class 42 is unlikely, and leads wherever the black picture is covered by gray."""
    head = nn.Linear(3 * 256, 200)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[42] = 1
        head.bias.copy_(torch.arange(200) / 100)
        head.bias[42] = -1
    network = cw.Network(nn.Sequential(nn.MaxPool2d(1), nn.Flatten(), head), cw.Preprocess(size=(16, 16)))
    black = np.zeros((16, 16, 3), np.float32)
    viewer = ready(cw.OcclusionSlider(network, black, window=8, stride=2, target=150, compare=151))
    assert set(viewer.maps[0]["classes"]) == {150, 151, 199, 198, 197, 196, 195, 42}
    viewer.target = 77
    assert 77 in ready(viewer).maps[0]["classes"]


def test_two_fills_are_two_maps(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo, compare_fill="black"))
    assert [entry["fill"] for entry in viewer.maps] == ["gray", "black"]
    assert viewer.maps[0]["logits"] != viewer.maps[1]["logits"]
    viewer.compare_fill = "gray"  # the same twice is one
    assert len(ready(viewer).maps) == 1


def test_a_fast_map_is_smooth_where_nothing_moves_says_how_far_off_it_is_and_a_drag_is_exact() -> None:
    scenes = [scene.image for scene in cw.scenes(1, seed=7)]
    viewer = ready(cw.OcclusionSlider(cw.demo(), scenes, stride=4, exact=False))
    found = viewer.maps[0]
    asked = viewer._sweep._maps[0].computed  # type: ignore[union-attr]
    assert not found["exact"]
    assert 0.25 < asked.mean() < 0.8
    assert f"{asked.sum()} of 361 places computed, the others lie between them" in found["note"]
    assert f"{asked.sum()} of 361 places in" in viewer.message
    viewer.place = [4, 4]
    said = covered(viewer.network, scenes[0], np.pad(np.ones((24, 24), bool), ((4, 68), (4, 68)))).logits[0]
    np.testing.assert_allclose(numbers(ready(viewer).answer["logits"]), said, atol=1e-4)
    viewer.exact = True
    exact = ready(viewer).maps[0]
    assert exact["note"] == ""
    truth, told = (table(each, "probabilities")[:, each["classes"].index(viewer.target)] for each in (exact, found))
    off = 100 * np.abs(truth - told)
    sampled = list(viewer._shelf.finished()[0].sampled)
    assert 0 < off.mean() < 3
    mean, most = (
        float(part) for part in re.findall(r"([\d.]+) points on average, ([\d.]+) points at most", found["note"])[0]
    )
    assert (mean, most) == pytest.approx((off[sampled].mean(), off[sampled].max()), abs=0.06)
    assert "measured at 8 places" in found["note"]


def test_a_fast_map_stops_for_a_drag_and_takes_up_where_it_was(photo: np.ndarray) -> None:
    network, first = wayward(0.05)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1, exact=False)
    until(lambda: viewer.maps and viewer.maps[0]["done"] > 0.2)
    for column in range(5):
        started = time.monotonic()
        viewer.place = [2, column]
        until(lambda column=column: viewer.answer.get("column") == column)
        assert time.monotonic() - started < 0.4
    assert ready(viewer).maps[0]["done"] == 1
    assert first.pictures <= 1 + 1 + TRIED + 169 + 5 + 8


def test_two_fast_maps_are_compared_from_the_first(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo, window=4, stride=1, exact=False, compare_fill="black"))
    assert [entry["done"] for entry in viewer.maps] == [1, 1]
    assert all("measured at 8 places" in entry["note"] for entry in viewer.maps)
    before = viewer.maps[0]["note"]
    viewer.target = (viewer.target + 1) % 5
    assert ready(viewer).maps[0]["note"] != before  # of the class that is shown


# training -----------------------------------------------------------------------------------------------------------


def test_once_the_network_is_trained_everything_is_asked_anew(photo: np.ndarray) -> None:
    model = small_model()
    network = cw.Network(model, cw.Preprocess(size=(16, 16)))
    viewer = ready(cw.OcclusionSlider(network, [photo, photo[::-1]]))
    viewer.place = [1, 1]
    before = (ready(viewer).maps[0], viewer.answer, viewer.pictures[0]["scores"], viewer.uncovered["logits"])
    sent = []
    viewer.observe(lambda change: sent.append(change["new"]), "maps")
    with torch.no_grad():
        model[-1].bias += torch.tensor([0.0, 3, 0, 0, 0])
    viewer.held = True  # any sign of life
    viewer.held = False
    ready(viewer)
    after = (viewer.maps[0], viewer.answer, viewer.pictures[0]["scores"], viewer.uncovered["logits"])
    assert sent[0] == []  # the page forgets
    assert all(one != other for one, other in zip(before, after, strict=True))
    said = covered(network, photo, square(1, 1, 4))
    np.testing.assert_allclose(numbers(viewer.answer["probabilities"]), said.probabilities[0], atol=1e-6)
    np.testing.assert_allclose(
        numbers(viewer.pictures[0]["scores"]), network.predict(photo).probabilities[0], atol=1e-6
    )
    assert viewer.pictures[1]["scores"] == b""


def test_a_network_trained_while_the_map_fills_has_one_map_of_its_last_state(photo: np.ndarray) -> None:
    network, _ = wayward(0.02)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    for step in range(3):
        until(lambda: viewer.maps and viewer.maps[0]["done"] > 0)
        with torch.no_grad():
            network.model[1][-1].bias[step] += 2
    ready(viewer)
    said = covered(network, photo, square(3, 5, 4))
    column = viewer.maps[0]["classes"].index(0)
    assert table(viewer.maps[0], "logits")[3 * 13 + 5, column] == pytest.approx(float(said.logits[0][0]), abs=1e-4)


def test_a_network_that_cannot_be_followed_is_computed_whole_and_that_is_said(photo: np.ndarray) -> None:
    network, _ = wayward()
    note = ready(cw.OcclusionSlider(network, photo)).maps[0]["note"]
    assert note == "Every picture is computed whole: torch.fx cannot follow the model."


def test_the_cover_fits_a_small_picture_unless_it_is_chosen(network: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.OcclusionSlider(network)
    assert viewer.window == 32
    viewer.add_image(photo)
    assert (ready(viewer).window, viewer.stride) == (4, 2)
    viewer = ready(cw.OcclusionSlider(network, photo, window=8))
    assert (viewer.window, viewer.stride) == (8, 4)
    assert [fitted(size) for size in ((1, 1), (28, 28), (224, 300), (3000, 4000))] == [1, 7, 32, 214]
    viewer = ready(cw.OcclusionSlider(network, photo, stride=5))
    assert (viewer.window, viewer.stride) == (4, 5)


# cancel -----------------------------------------------------------------------------------------------------------


def test_after_a_cancel_covers_are_answered_and_the_map_stays_until_it_is_asked_for(photo: np.ndarray) -> None:
    network, first = wayward(0.05)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    until(lambda: viewer.maps and viewer.maps[0]["done"] > 0)
    started = time.monotonic()
    viewer._received(viewer, {"type": "cancel"}, [])
    assert time.monotonic() - started < 0.2
    assert (viewer.status, "Cancelled" in viewer.message) == ("ready", True)
    viewer.wait()
    share = viewer.maps[0]["done"]
    viewer.place = [3, 3]
    until(lambda: viewer.answer)
    ready(viewer)
    assert viewer.maps[0]["done"] < min(1, share + 0.3)
    viewer.send = lambda *_: None  # type: ignore[method-assign]
    viewer._received(viewer, {"type": "run", "again": True}, [])
    assert ready(viewer).maps[0]["done"] == 1
    assert first.pictures <= 1 + 1 + TRIED + 169 + 1


def test_cancelling_while_the_cover_is_held_frees_the_thread(photo: np.ndarray) -> None:
    network, _ = wayward(0.01)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    viewer.held = True
    viewer.place = [1, 1]
    until(lambda: viewer.answer)
    viewer.cancel()
    assert viewer.wait(occlusion_slider.PATIENCE / 2)


# what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fill": "#zz"}, "There is no fill '#zz'"),
        ({"fill": ""}, "There is no fill ''"),
        ({"compare_fill": "purple"}, "There is no fill 'purple'"),
        ({"window": 17}, "does not fit into a picture of 16 × 16"),
        ({"window": 0}, "window is 0"),
        ({"window": -3}, "window is -3"),
        ({"stride": 0}, "stride is 0"),
        ({"place": [40, 40]}, "lies outside the picture"),
    ],
)
def test_a_cover_that_cannot_be_laid_is_said_with_a_way_out_and_nothing_is_lost(
    network: cw.Network, photo: np.ndarray, change: dict[str, Any], said: str
) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    before = viewer.maps
    for name, value in change.items():
        setattr(viewer, name, value)
    assert viewer.wait(10)
    assert viewer.status == "failed"
    assert said in viewer.notice["text"]
    assert viewer.notice["title"] == "This cover cannot be used"
    assert viewer.maps == before
    for name, value in viewer.notice["actions"][0]["set"].items():
        setattr(viewer, name, value)
    assert ready(viewer).notice == {}
    assert viewer.maps[0]["done"] == 1


def test_a_drawing_of_another_size_is_said(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    viewer.mode = "brush"
    viewer.brush = drawing(np.ones((8, 8), bool))
    assert viewer.wait(10)
    assert "clear it and draw again" in viewer.notice["text"]
    viewer.brush = {}
    ready(viewer)


@pytest.mark.parametrize("name", ["target", "compare"])
def test_a_class_that_does_not_exist_is_said(network: cw.Network, photo: np.ndarray, name: str) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    setattr(viewer, name, 99)
    assert viewer.wait(10)
    assert "5 classes" in viewer.notice["text"]
    setattr(viewer, name, 1)
    ready(viewer)
    with pytest.raises(cw.TargetError, match="No class is called 'catt'"):
        cw.OcclusionSlider(network, photo, **{name: "catt"})


def test_scores_that_are_not_numbers_are_said(photo: np.ndarray) -> None:
    model = small_model()
    with torch.no_grad():
        model[-1].bias[2] = float("nan")
    viewer = cw.OcclusionSlider(cw.Network(model, cw.Preprocess(size=(16, 16))), photo)
    assert viewer.wait(10)
    assert viewer.status == "failed"
    assert "not numbers" in viewer.notice["text"]


class Segmenting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.head(x)}


class Detecting(nn.Module):
    """One box of class 2, as sure as the picture's middle is bright, and one of class 1 where it is dark."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        level = self.head(x)[:, 0] * 0 + x.mean(1)
        return [
            {
                "boxes": torch.tensor([[4.0, 4.0, 12.0, 12.0]]),
                "labels": torch.tensor([2 if float(one[4:12, 4:12].mean()) > 0.3 else 1]),
                "scores": one[4:12, 4:12].mean()[None].clamp(0, 1),
            }
            for one in level
        ]


def test_where_each_pixel_has_scores_their_mean_counts(photo: np.ndarray) -> None:
    network = cw.Network(Segmenting(), cw.Preprocess(size=(16, 16)))
    viewer = ready(cw.OcclusionSlider(network, photo))
    viewer.place = [2, 3]
    ready(viewer)
    said = covered(network, photo, square(2, 3, 4))
    np.testing.assert_allclose(numbers(viewer.answer["probabilities"]), said.probabilities[0], atol=1e-6)
    np.testing.assert_allclose(numbers(viewer.answer["logits"]), said.logits[0].mean((1, 2)), atol=1e-5)


def test_of_a_detector_the_best_box_of_each_class_counts(photo: np.ndarray) -> None:
    network = cw.Network(Detecting(), cw.Preprocess(size=(16, 16)), ["none", "dark", "bright"])
    viewer = ready(cw.OcclusionSlider(network, photo, fill="black", window=8))
    assert viewer.target == 2
    viewer.place = [4, 4]
    ready(viewer)
    scores = numbers(viewer.answer["probabilities"])
    assert len(scores) == 3
    assert scores[2] == 0
    assert numbers(viewer.pictures[0]["scores"])[2] == pytest.approx(photo[4:12, 4:12].mean(), abs=1e-3)


# what stays -------------------------------------------------------------------------------------------------------


def test_a_page_holds_a_whole_map_of_every_picture_in_half_the_bytes(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, [photo, 1 - photo, photo[::-1]], window=2, stride=1))
    entries = viewer._archived()["entries"]
    assert {entry["image"] for entry in entries.values()} == {0, 1, 2}
    own = entries["0|gray|square|2|1|true"]
    np.testing.assert_allclose(
        table(own, "probabilities", np.float16), table(viewer.maps[0], "probabilities"), rtol=1e-3, atol=1e-6
    )
    for entry in entries.values():
        assert entry["done"] == 1
        assert len(entry["probabilities"]) == 2 * len(entry["classes"]) * entry["rows"] * entry["columns"]
        if entry["image"]:
            assert max(entry["rows"], entry["columns"]) <= 8
    assert all(picture["scores"] for picture in viewer.pictures)


def test_a_page_may_be_written_while_the_map_fills(photo: np.ndarray, tmp_path: Any) -> None:
    network, _ = wayward(0.02)
    viewer = cw.OcclusionSlider(network, photo, window=4, stride=1)
    until(lambda: viewer.maps and viewer.maps[0]["done"] > 0)
    assert "0|gray|square|4|2|true" in viewer.to_html(tmp_path / "page.html").read_text()
    ready(viewer)


@pytest.mark.parametrize("options", [{"fill": "bad"}, {"exact": False}])
def test_a_page_may_be_written_when_nothing_was_computed_or_a_class_is_none(
    network: cw.Network, photo: np.ndarray, options: dict[str, Any], tmp_path: Any
) -> None:
    viewer = cw.OcclusionSlider(network, photo, **options)
    viewer.cancel()
    viewer.wait()
    assert viewer.to_html(tmp_path / "page.html").exists()
    viewer.target = 99
    viewer.wait()
    entries = viewer._archived()["entries"].values()
    assert all(max(entry["classes"]) < 5 for entry in entries)


def test_the_still_picture_shows_the_cover_where_it_lies(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo, fill="black"))
    stills = []
    for place in ([], [1, 1], [9, 9]):
        viewer.place = place
        stills.append(np.asarray(Image.open(io.BytesIO(ready(viewer)._poster() or b"")).convert("L")))
    assert stills[0].shape == stills[1].shape
    changed = [np.abs(first.astype(int) - stills[2]).max(0) > 40 for first in stills[:2]]
    assert all(each.any() for each in changed)
    viewer.measure = "score"
    assert viewer._poster()


def test_letting_go_of_what_can_be_computed_again_ends_all_waiting(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.OcclusionSlider(network, photo))
    viewer._release()
    assert not viewer._subjects
    viewer.fill = "black"
    assert ready(viewer).maps[0]["fill"] == "black"
    viewer.held = True
    threads = threading.active_count()
    viewer.close()
    assert threading.active_count() <= threads
