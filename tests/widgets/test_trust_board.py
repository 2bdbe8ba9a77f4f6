"""What the trust board sends to its page, and how it takes scenes, stops and goes on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.widgets import _poster
from cnnvis_widgets.widgets._trust_map import drawn, levels
from cnnvis_widgets.widgets.trust_board import RANDOM

from .conftest import small_model

QUICK: dict[str, Any] = {"methods": ["saliency", "grad_cam"], "measures": ["pointing", "energy", "insertion"]}


def square(top: int = 4, left: int = 6, side: int = 6) -> np.ndarray:
    mask = np.zeros((16, 16), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def pictures(count: int) -> list[np.ndarray]:
    return [np.random.default_rng(seed).random((16, 16, 3)).astype(np.float32) for seed in range(count)]


def scenes(count: int = 3) -> list[tuple[np.ndarray, np.ndarray, int]]:
    return [(picture, square(k), k % 5) for k, picture in enumerate(pictures(count))]


@pytest.fixture
def board(network: cw.Network) -> cw.TrustBoard:
    made = cw.TrustBoard(network, scenes(), layer="3", **QUICK)
    assert made.wait(60)
    assert made.status == "ready", made.notice
    return made


def sent(board: cw.TrustBoard, name: str) -> np.ndarray:
    table = board.table
    shape = [len(table["rows"]), len(table["measures"]), len(table["images"])]
    return np.frombuffer(table[name], np.float32).reshape(shape if name == "values" else shape[:2])


class Gate:
    """A method that waits to be let through, once for each map."""

    def __init__(self, count: int = 0) -> None:
        self.calls, self.passes = 0, threading.Semaphore(count)

    def __call__(self, network: cw.Network, images: Any, target: Any) -> np.ndarray:
        self.calls += 1
        assert self.passes.acquire(timeout=20)
        return np.random.default_rng(0).random((len(images), 4, 4)).astype(np.float32)


# what it measures ---------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_rank_methods(board: cw.TrustBoard, network: cw.Network) -> None:
    @dataclass
    class Scene:
        image: np.ndarray
        mask: np.ndarray
        label: int
        name: str = ""

    methods = {"saliency": cw.saliency, "grad_cam": lambda n, images, target: cw.grad_cam(n, images, target, layer="3")}
    right = cw.rank_methods(network, [Scene(*each) for each in scenes()], methods, measures=QUICK["measures"]).result()
    np.testing.assert_allclose(sent(board, "values"), right.values, rtol=1e-5)
    np.testing.assert_allclose(sent(board, "mean"), right.mean, rtol=1e-5)
    assert board.table["rows"] == ["saliency", "grad_cam", RANDOM]
    assert board.ranking is not None
    assert board.ranking.done == 3


def test_the_map_behind_a_number_is_that_of_the_method(board: cw.TrustBoard, network: cw.Network) -> None:
    picture, _, label = scenes()[1]
    true = cw.grad_cam(network, picture, label, layer="3").values[0]
    entry = board.kept[f"1|3|grad_cam|{label}"]
    np.testing.assert_allclose(levels(entry), true, atol=(true.max() - true.min()) / 255)
    assert {key.split("|")[2] for key in board.kept} == {"saliency", "grad_cam", RANDOM}
    assert len(board.kept) == 9


def test_the_layer_of_the_cams_is_the_boards_and_another_one_leaves_the_table_as_it_is(board: cw.TrustBoard) -> None:
    before = board.table
    board.layer = "0"
    assert board.wait(20)
    assert board.table["layer"] == "3"
    assert board.table["values"] == before["values"]
    assert board.heatmaps[-1]["layer"] == "0"
    board.run()
    assert board.wait(60)
    assert board.table["layer"] == "0"
    assert not np.allclose(sent(board, "values")[1], np.frombuffer(before["values"], np.float32).reshape(3, 3, 3)[1])


def test_a_method_that_cannot_be_used_is_left_out_and_says_why() -> None:
    model = small_model()
    model[1], model[4] = nn.GELU(), nn.GELU()
    board = cw.TrustBoard(
        cw.Network(model, cw.Preprocess(size=(16, 16))), scenes(), **{**QUICK, "methods": ["deconvnet", "saliency"]}
    )
    assert board.wait(60)
    assert board.status == "ready"
    assert board.table["rows"] == ["saliency", RANDOM]
    assert [each["title"] for each in board.table["left_out"]] == ["DeconvNet"]
    assert "ReLU" in board.table["left_out"][0]["why"]


def test_a_method_of_ones_own_is_a_row_under_its_title(network: cw.Network) -> None:
    def middle(network: cw.Network, images: Any, target: Any) -> np.ndarray:
        field = np.zeros((len(images), 4, 4), np.float32)
        field[:, 1:3, 1:3] = 1
        return field

    board = cw.TrustBoard(network, scenes(), methods={"In the middle": middle}, measures=["energy"])
    assert board.wait(60)
    assert board.status == "ready", board.notice
    assert board.methods[0]["title"] == "In the middle"
    assert sent(board, "mean")[0, 0] > 0


def test_a_method_that_fails_halfway_is_named_and_what_was_measured_stays(network: cw.Network) -> None:
    class Moody:
        calls = 0

        def __call__(self, network: cw.Network, images: Any, target: Any) -> np.ndarray:
            if target == 1 and not self.calls:
                self.calls += 1
                raise ZeroDivisionError("one day")
            return np.ones((len(images), 2, 2), np.float32)

    board = cw.TrustBoard(network, scenes(), methods={"Moody": Moody()}, measures=["energy"])
    assert board.wait(60)
    assert board.status == "failed"
    assert "Moody failed on scene 2" in board.notice["text"]
    assert np.isfinite(sent(board, "values")[0, 0]).tolist() == [True, False, False]
    board._received(board, {"type": "run"}, [])
    assert board.wait(60)
    assert board.status == "ready"
    assert np.isfinite(sent(board, "values")[0, 0]).all()


# what it is given ---------------------------------------------------------------------------------------------------


def test_its_own_scenes_stand_in_for_the_network_that_learned_them() -> None:
    board = cw.TrustBoard(cw.demo(), methods=["saliency"], measures=["energy"])
    board.cancel()
    assert len(board.pictures) == 12
    assert all(scene["height"] == 96 for scene in board.scenes)
    assert len({scene["label"] for scene in board.scenes}) == 12


def test_a_network_of_other_classes_waits_for_scenes_and_says_so(network: cw.Network) -> None:
    board = cw.TrustBoard(network)
    assert board.status == "empty"
    assert "scenes with masks" in board.message


@pytest.mark.parametrize("kind", ["bool", "0 and 1", "0 to 255", "a picture of it"])
def test_masks_of_any_kind_mean_the_same(network: cw.Network, kind: str) -> None:
    from PIL import Image

    mask = square()
    given = {
        "bool": mask,
        "0 and 1": mask.astype(np.int64),
        "0 to 255": mask.astype(np.uint8) * 255,
        "a picture of it": Image.fromarray(mask.astype(np.uint8) * 255),
    }[kind]
    board = cw.TrustBoard(network, [(pictures(1)[0], given, "dog")], **QUICK)
    assert board.wait(60)
    packed = np.frombuffer(board.scenes[0]["mask"], np.uint8)
    np.testing.assert_array_equal(np.unpackbits(packed)[:256].reshape(16, 16), mask)
    assert board.scenes[0]["label"] == 1


def test_one_scene_alone_and_one_picture_with_its_mask_are_scenes(network: cw.Network) -> None:
    demo = cw.demo()
    for given, net in ((cw.scenes(1)[0], demo), ((pictures(1)[0], square(), 2), network)):
        board = cw.TrustBoard(net, given, methods=["saliency"], measures=["energy"])
        assert board.wait(60)
        assert len(board.pictures) == 1
        assert board.table["done"] == 1


def test_a_mask_is_cropped_as_its_picture_is() -> None:
    network = cw.Network(small_model(), cw.Preprocess(size=(16, 16), resize=32))
    picture, mask = np.zeros((64, 96, 3), np.float32), np.zeros((64, 96), bool)
    mask[:, 54:] = True
    board = cw.TrustBoard(network, [(picture, mask, 0)], **QUICK)
    assert board.wait(60)
    seen = np.unpackbits(np.frombuffer(board.scenes[0]["mask"], np.uint8))[:256].reshape(16, 16)
    np.testing.assert_array_equal(seen, np.arange(16)[None].repeat(16, 0) >= 11)


@pytest.mark.parametrize(
    ("mask", "why"), [(np.zeros((16, 16), bool), "is empty"), (np.ones((8, 8), bool), "8 × 8 and its picture 16 × 16")]
)
def test_a_mask_that_says_nothing_is_refused_at_once(network: cw.Network, mask: np.ndarray, why: str) -> None:
    with pytest.raises(cw.ImageError, match=why):
        cw.TrustBoard(network, [(pictures(1)[0], mask, "dog")])


def test_a_picture_without_a_mask_is_looked_at_and_not_measured(network: cw.Network) -> None:
    board = cw.TrustBoard(network, [pictures(1)[0], *scenes(3)], layer="3", **QUICK)
    assert board.wait(60)
    assert board.table["images"] == [1, 2, 3]
    label = network.predict(pictures(1)[0]).order()[0]
    assert f"0|3|grad_cam|{label}" in {each["key"] for each in board.heatmaps}


def test_a_scene_that_is_added_joins_the_table(board: cw.TrustBoard) -> None:
    assert board.add_image((pictures(4)[3], square(), "owl")) == 3
    assert board.wait(60)
    assert board.table["images"] == [0, 1, 2, 3]
    assert board.table["done"] == 4


def test_the_still_picture_of_a_table_can_be_drawn_while_another_question_begins(
    board: cw.TrustBoard, network: cw.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[list[str]] = []
    monkeypatch.setattr(_poster, "board", lambda _title, ranking, names: named.append(list(names)) or bytes(ranking.done))
    whole = board._poster()
    assert named == [["Saliency", "Grad-CAM"]]
    board._question = {"rows": ["grad_cam", RANDOM]}  # the next table leaves one out
    assert board._poster() == whole
    board._question = {}  # and before that there is none
    assert board._poster() == whole
    assert named == [named[0]] * 3
    own = cw.TrustBoard(network, scenes(), methods={"here at 3": lambda *_: np.ones((1, 16, 16))}, measures=["energy"])
    assert own.wait(60)
    own._poster()
    assert named[-1] == ["here at 3"]


def test_a_method_it_does_not_have_is_refused_with_those_like_it(network: cw.Network) -> None:
    with pytest.raises(ValueError, match="Did you mean 'saliency'"):
        cw.TrustBoard(network, scenes(), method="salience", **QUICK)


# how it goes ---------------------------------------------------------------------------------------------------------


def test_it_fills_cell_by_cell_and_cancelled_it_keeps_them_and_goes_on(network: cw.Network) -> None:
    gate = Gate(2)  # the map that is looked at, and the first cell
    board = cw.TrustBoard(network, scenes(), methods={"Gate": gate}, measures=["energy"])
    deadline = time.monotonic() + 20
    while not (board.table and np.isfinite(sent(board, "values")[0]).any()) and time.monotonic() < deadline:
        time.sleep(0.01)
    known = np.isfinite(sent(board, "values")[0, 0])
    assert known.tolist() == [True, False, False]
    assert board.status == "busy"
    assert board.message == "Scene 2 of 3: Gate"
    started = time.monotonic()
    board.cancel()
    assert time.monotonic() - started < 2  # the gate stays shut for longer
    assert board.status == "ready"
    assert board.message == "Cancelled; 1 of 3 scenes are kept."
    assert np.isfinite(sent(board, "values")[0, 0]).tolist() == known.tolist()
    gate.passes.release(99)
    assert board._task.wait(20)
    before = gate.calls
    board._received(board, {"type": "run", "again": True}, [])
    assert board.wait(60)
    assert board.table["done"] == 3
    assert gate.calls - before <= 2  # one map a scene that was not measured yet


def test_choosing_a_scene_whose_map_is_there_does_not_disturb_the_work(network: cw.Network) -> None:
    gate = Gate(99)
    board = cw.TrustBoard(network, scenes(), methods={"Gate": gate}, measures=["energy"])
    assert board.wait(60)
    gate.passes = threading.Semaphore(0)
    board.run()
    ticket = board._task._ticket
    board.image = 1
    assert board._task._ticket == ticket
    gate.passes.release(99)
    assert board.wait(60)


def test_a_full_table_that_is_run_again_is_computed_again(network: cw.Network) -> None:
    gate = Gate(99)
    board = cw.TrustBoard(network, scenes(), methods={"Gate": gate}, measures=["energy"])
    assert board.wait(60)
    before = gate.calls
    board.run()
    assert board.wait(60)
    assert gate.calls == before + 3


def test_what_a_store_holds_is_not_measured_again(network: cw.Network, tmp_path: Path) -> None:
    for turn in range(2):
        gate = Gate(99)
        board = cw.TrustBoard(network, scenes(), methods={"Gate": gate}, measures=["energy"], store=tmp_path)
        assert board.wait(60)
        assert board.table["done"] == 3
        assert gate.calls <= (4, 1)[turn]  # the second time only to show the first map


def test_the_leader_and_those_it_is_not_told_apart_from_are_marked(board: cw.TrustBoard) -> None:
    lead = np.frombuffer(board.table["lead"], np.uint8).reshape(3, 3)
    weak = np.frombuffer(board.table["weak"], np.uint8).reshape(3, 3)
    mean = sent(board, "mean")
    assert lead[-1].tolist() == [0, 0, 0]
    assert weak[-1].tolist() == [1, 1, 1]
    for column in range(3):
        assert lead[int(mean[:-1, column].argmax()), column] == 1


def test_a_page_without_python_has_every_map_and_number(board: cw.TrustBoard, tmp_path: Path) -> None:
    archive = board._archived()["entries"]
    keys = {*archive, *board.kept}
    for image, (_, _, label) in enumerate(scenes()):
        assert {f"{image}|3|grad_cam|{label}", f"{image}||saliency|{label}", f"{image}||{RANDOM}|{label}"} <= keys
        assert f"{image}|0|grad_cam|{label}" in archive
    assert all(picture["scores"] for picture in board.pictures)
    assert not set(archive) & set(board.kept)
    assert "trust_board" in board.to_html(tmp_path / "board.html").read_text()


def test_large_maps_are_averaged_down_and_their_strongest_place_is_the_true_one() -> None:
    values = np.zeros((224, 224), np.float32)
    values[30, 200] = 4
    entry = drawn(values)
    assert (entry["height"], entry["full"]) == (112, [224, 224])
    assert entry["peak"] == pytest.approx([30.5 / 224, 200.5 / 224])
    assert levels(entry).max() == pytest.approx(1)


def test_real_photos_with_boxes_for_masks_are_measured_too(shared_data: Path) -> None:
    network = cw.load("squeezenet1_1", weights=str(shared_data / "squeezenet1_1_imagenet.safetensors"))
    photo = shared_data / "photos" / "cat_dog.png"
    from PIL import Image

    with Image.open(photo) as image:
        dog = np.zeros(image.size[::-1], bool)
    dog[: dog.shape[0] // 2] = True
    given = [(str(photo), dog, "boxer"), (str(photo), ~dog, "tiger cat")]
    board = cw.TrustBoard(network, given, methods=["saliency", "grad_cam"], measures=["pointing", "energy"])
    assert board.wait(120)
    assert board.status == "ready", board.notice
    assert np.isfinite(sent(board, "values")[:2]).all()
    assert len(board.kept) == 6
