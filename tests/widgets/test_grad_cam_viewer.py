"""What the Grad-CAM viewer sends to its page."""

from __future__ import annotations

import importlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.objectives import box_score, pixel_score
from cnnvis_widgets.engine.steps import Steps
from cnnvis_widgets.widgets._findings import connected
from cnnvis_widgets.widgets.grad_cam_viewer import LONG, METHODS

from .conftest import Slow


@pytest.fixture
def viewer(network: cw.Network, photo: np.ndarray) -> cw.GradCAMViewer:
    made = cw.GradCAMViewer(network, photo, layer="3")
    assert made.wait(20)
    return made


def sent(entry: dict) -> np.ndarray:
    return np.frombuffer(entry["data"], np.float32).reshape(entry["height"], entry["width"])


def test_the_most_probable_class_is_chosen_where_none_is(viewer: cw.GradCAMViewer, photo: np.ndarray) -> None:
    assert viewer.target == viewer.network.predict(photo).order()[0]


def test_the_map_is_that_of_grad_cam(viewer: cw.GradCAMViewer, photo: np.ndarray) -> None:
    for target in range(5):
        viewer.target = target
        assert viewer.wait(20)
        np.testing.assert_array_equal(
            sent(viewer.heatmaps[0]), cw.grad_cam(viewer.network, photo, target, layer="3").values[0]
        )


def test_two_classes_give_two_maps(network: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(network, photo, classes=["dog", "owl"])
    assert viewer.wait(20)
    assert (viewer.target, viewer.compare) == (1, 3)
    assert [entry["target"] for entry in viewer.heatmaps] == [1, 3]


def test_three_classes_are_refused(network: cw.Network, photo: np.ndarray) -> None:
    with pytest.raises(TypeError, match="one class or two; 3 were given"):
        cw.GradCAMViewer(network, photo, classes=[1, 2, 3])


def test_an_unknown_class_is_refused_with_those_like_it(network: cw.Network, photo: np.ndarray) -> None:
    with pytest.raises(cw.TargetError, match=r"No class is called 'fix'\. Did you mean 'fox'"):
        cw.GradCAMViewer(network, photo, target="fix")


def test_a_class_out_of_range_set_later_is_said(viewer: cw.GradCAMViewer) -> None:
    viewer.target = 12
    assert viewer.wait(20)
    assert viewer.status == "failed"
    assert "5 classes, 0–4; 12 is not one of them" in viewer.notice["text"]


def test_a_layer_without_positions_says_why(viewer: cw.GradCAMViewer) -> None:
    viewer.layer = "7"
    assert viewer.wait(20)
    assert viewer.status == "ready"
    assert "one position only" in viewer.heatmaps[0]["why"]


def test_nan_weights_are_said_not_drawn_as_blank(photo: np.ndarray, network: cw.Network) -> None:
    network.model[3].weight.data[0] = float("nan")
    viewer = cw.GradCAMViewer(network, photo, layer="1")
    assert viewer.wait(20)
    assert "NaN" in viewer.heatmaps[0]["why"]


def test_a_choice_made_while_the_first_answer_was_on_its_way_is_kept(network: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(network, photo)
    viewer.target = 2
    assert viewer.wait(20)
    assert viewer.target == viewer.heatmaps[0]["target"] == 2


def test_an_archive_holds_every_spatial_layer_for_the_top_classes(viewer: cw.GradCAMViewer, photo: np.ndarray) -> None:
    entries = viewer._archived()["entries"]
    spatial = {layer.name for layer in viewer.network.layers if layer.spatial}
    assert {tuple(key.split("|")[1:]) for key in entries} == {(name, str(k)) for name in spatial for k in range(5)}
    np.testing.assert_allclose(
        sent(entries["0|1|2"]), cw.grad_cam(viewer.network, photo, 2, layer="1").values[0], atol=1e-7
    )


# the family ---------------------------------------------------------------------------------------------------------------


def made_by(method: str, network: cw.Network, picture: Any, target: Any, layer: Any) -> np.ndarray:
    """The map of a method, asked for without a viewer."""
    found = getattr(importlib.import_module(f"cnnvis_widgets.methods.{method}"), method)(
        network, picture, target, layer=layer
    )
    return np.asarray(found.result() if isinstance(found, Steps) else found)


@pytest.mark.parametrize("method", METHODS)
def test_the_map_is_that_of_the_method_chosen(network: cw.Network, photo: np.ndarray, method: str) -> None:
    viewer = cw.GradCAMViewer(network, photo, classes=[2, 1], layer="4", method=method)
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice
    for entry, target in zip(viewer.heatmaps, (2, 1), strict=True):
        assert (entry["method"], entry["done"], entry["target"]) == (method, 1, target)
        np.testing.assert_allclose(sent(entry), made_by(method, network, photo, target, "4")[0], atol=1e-6)


def test_a_method_that_refuses_says_why_and_offers_the_way_back(network: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(network, photo, target=1, layer="1", method="cam")
    assert viewer.wait(20)
    assert viewer.status == "failed"
    assert "no linear function of the averaged channels of 1" in viewer.notice["text"]
    assert viewer.message == viewer.notice["title"]
    assert len(np.frombuffer(viewer.pictures[0]["scores"], np.float32)) == 5
    there, back = viewer.notice["actions"]
    assert back["set"] == {"method": "grad_cam"}
    for name, value in there["set"].items():
        setattr(viewer, name, value)
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice
    viewer.layer, viewer.method = "1", back["set"]["method"]
    assert viewer.wait(20)
    assert viewer.status == "ready"


def test_a_wrong_layer_is_no_fault_of_the_method(network: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(network, photo, method="hires_cam")
    viewer.fused = ["1", "12"]
    assert viewer.wait(20)
    assert "has no layer '12'" in viewer.notice["text"]
    assert viewer.notice["actions"] == []


class Wide(nn.Sequential):
    """Forty channels, and a pass that takes its time."""

    def __init__(self, seconds: float) -> None:
        torch.manual_seed(0)
        super().__init__(
            Slow(seconds), nn.Conv2d(3, 40, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(160, 5)
        )


@pytest.fixture
def slow() -> cw.Network:
    return cw.Network(Wide(0.12), cw.Preprocess(size=(16, 16)), name="slow")


def test_asking_again_right_after_a_cancel_is_heard_although_the_last_step_still_runs(
    slow: cw.Network, photo: np.ndarray
) -> None:
    viewer = cw.GradCAMViewer(slow, photo, target=1, layer="2")
    assert viewer.wait(20)
    begun = threading.Event()
    handle = slow.model.register_forward_pre_hook(lambda *_: begun.set())
    viewer.method = "score_cam"
    assert begun.wait(20)
    viewer.cancel()
    viewer._received(viewer, {"type": "run", "again": True}, [])
    assert viewer.status == "busy"
    assert viewer.wait(20)
    handle.remove()
    assert viewer.heatmaps[0]["done"] == 1


def test_a_long_method_fills_in_and_is_not_asked_twice(slow: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(slow, photo, target=1, layer="2")
    assert viewer.wait(20)
    shares: list[float] = []
    said: list[str] = []
    viewer.observe(lambda change: shares.append(change["new"][0]["done"]), names=["heatmaps"])
    viewer.observe(lambda change: said.append(change["new"]), names=["message"])
    viewer.method = "score_cam"
    assert viewer.wait(20)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 2
    assert said[0].startswith("Score-CAM: ")
    assert viewer.progress == -1
    calls = slow.model[0].calls  # type: ignore[union-attr]
    viewer.method = "grad_cam"
    assert viewer.wait(20)
    viewer.method = "score_cam"
    assert viewer.wait(20)
    assert slow.model[0].calls == calls + 1  # type: ignore[union-attr]


def test_a_long_method_is_cancelled_at_once_and_can_be_taken_up_again(slow: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(slow, photo, target=1, layer="2")
    assert viewer.wait(20)
    viewer.method = "score_cam"
    while viewer.heatmaps[0]["method"] != "score_cam":
        time.sleep(0.01)
    started = time.monotonic()
    viewer._received(viewer, {"type": "cancel"}, [])
    assert time.monotonic() - started < 0.2
    assert viewer.status == "ready"
    assert viewer.wait(20)
    assert viewer.heatmaps[0]["done"] < 1
    viewer._received(viewer, {"type": "run", "again": True}, [])
    assert viewer.wait(20)
    assert viewer.heatmaps[0]["done"] == 1


def test_layers_are_fused_as_the_method_does(network: cw.Network, photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(network, photo, target=2, layers=["4", "1"])
    assert viewer.wait(20)
    assert viewer.heatmaps[0]["layer"] == "1 + 4"
    np.testing.assert_array_equal(sent(viewer.heatmaps[0]), made_by("grad_cam", network, photo, 2, ["1", "4"])[0])
    viewer.layer = "3"
    assert viewer.fused == []
    viewer.fused = ["0", "1"]
    assert viewer.layer == "1"
    assert viewer.wait(20)
    assert viewer.heatmaps[0]["layer"] == "0 + 1"


def test_an_unknown_layer_to_fuse_is_refused(network: cw.Network, photo: np.ndarray) -> None:
    with pytest.raises(cw.LayerError, match="has no layer 'conv'"):
        cw.GradCAMViewer(network, photo, layers=["conv", "1"])


@pytest.mark.parametrize("method", ["grad_cam", "layer_cam", "cam"])
def test_a_contrast_is_one_map_of_the_difference_of_two_scores(
    network: cw.Network, photo: np.ndarray, method: str
) -> None:
    viewer = cw.GradCAMViewer(network, photo, classes=["dog", "owl"], contrast=True, layer="4", method=method)
    assert viewer.wait(20)
    (entry,) = viewer.heatmaps
    assert (entry["target"], entry["against"]) == (1, 3)
    if method == "cam":
        expected = made_by("cam", network, photo, 1, "4") - made_by("cam", network, photo, 3, "4")
    else:
        expected = made_by(method, network, photo, cw.class_score(1) - cw.class_score(3), "4")
    np.testing.assert_allclose(sent(entry), expected[0], atol=1e-6)
    viewer.compare = -1
    assert viewer.wait(20)
    assert viewer.heatmaps[0]["against"] == -1


# places -------------------------------------------------------------------------------------------------------------------


class Segmenter(nn.Module):
    """Which color a pixel has."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 3, 3, padding=1)
        self.tell = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.tell(torch.relu(self.look(x))) + 4 * x}


class Detector(nn.Module):
    """Scores of three boxes, from what lies in them."""

    def __init__(self, boxes: list[list[float]]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.look = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)
        self.boxes = boxes

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        found = []
        for maps in torch.relu(self.look(x)):
            boxes = torch.tensor(self.boxes).reshape(-1, 4)
            rows = [
                maps[:, int(top) : int(bottom), int(left) : int(right)].mean((1, 2))
                for left, top, right, bottom in boxes
            ]
            scores = self.head(torch.stack(rows)).softmax(1) if rows else x.new_zeros(0, 3)
            found.append({"boxes": boxes, "labels": torch.tensor([1, 2, 1][: len(rows)]), "scores": scores.amax(1)})
        return found


PREPROCESS = cw.Preprocess(channels=3, size=(16, 16))
BOXES = [[0.0, 0.0, 8.0, 8.0], [4.0, 4.0, 12.0, 16.0], [0.0, 6.0, 16.0, 10.0]]


@pytest.fixture
def halves() -> np.ndarray:
    """Red on the left, with a blue corner; green on the right."""
    picture = np.zeros((16, 16, 3), np.float32)
    picture[:, :8, 0] = picture[:, 8:, 1] = 1
    picture[:4, :4] = [0, 0, 1]
    picture[12:, 12:] = [1, 0, 0]
    return picture


def test_a_pixel_of_a_segmentation_network_asks_about_its_region(halves: np.ndarray) -> None:
    network = cw.Network(Segmenter(), PREPROCESS, ["red", "green", "blue"])
    viewer = cw.GradCAMViewer(network, halves, layer="look", place=[10, 2])
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice
    assert (viewer.target, viewer.place) == (0, [10, 2])
    mask = np.zeros((16, 16), bool)
    mask[:, :8] = True
    mask[:4, :4] = False  # the red corner on the right is not reached
    expected = made_by("grad_cam", network, halves, pixel_score(0, mask), "look")
    np.testing.assert_allclose(sent(viewer.heatmaps[0]), expected[0], atol=1e-6)
    (regions,) = viewer.regions
    assert (regions["kind"], regions["height"], regions["width"]) == ("segments", 16, 16)


def test_connected_is_what_a_walk_over_neighbors_reaches() -> None:
    classes = np.random.default_rng(3).integers(0, 2, (23, 31))
    for start in [(0, 0), (11, 15), (22, 30)]:
        waiting, reached = [start], {start}
        while waiting:
            row, column = waiting.pop()
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                inside = 0 <= near[0] < 23 and 0 <= near[1] < 31
                if inside and near not in reached and classes[near] == classes[start]:
                    reached.add(near)
                    waiting.append(near)
        assert {
            (int(row), int(column)) for row, column in zip(*np.nonzero(connected(classes, *start)), strict=True)
        } == reached


def test_the_best_box_of_a_detection_network_is_asked_about_first(photo: np.ndarray) -> None:
    network = cw.Network(Detector(BOXES), PREPROCESS, ["nothing", "cat", "dog"])
    viewer = cw.GradCAMViewer(network, [photo, 1 - photo])
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice
    found = network.trace(photo).output[0]
    best = int(found["scores"].argmax())
    assert (viewer.place, viewer.target) == ([0], int(found["labels"][best]))
    expected = made_by(
        "grad_cam", network, photo, box_score(viewer.target, found["boxes"][best].tolist()), viewer.layer
    )
    np.testing.assert_allclose(sent(viewer.heatmaps[0]), expected[0], atol=1e-7)
    assert np.frombuffer(viewer.regions[0]["boxes"], np.float32).reshape(-1, 4)[0].tolist() == BOXES[best]
    viewer.image = 1
    assert viewer.wait(20)
    assert viewer.place == []
    assert [each["image"] for each in viewer.regions] == [0, 1]


def test_a_place_that_is_not_there_is_said(photo: np.ndarray) -> None:
    network = cw.Network(Detector(BOXES), PREPROCESS, ["nothing", "cat", "dog"])
    viewer = cw.GradCAMViewer(network, photo, place=[3])
    assert viewer.wait(20)
    assert "3 boxes, so there is no box 3" in viewer.notice["text"]
    assert viewer.notice["actions"][0]["set"] == {"place": []}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lraspp_mobilenet_v3_large", {}),
        ("deeplabv3_resnet50", {}),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", {"box_score_thresh": 0.0}),
        ("ssdlite320_mobilenet_v3_large", {"score_thresh": 0.0}),
    ],
)
def test_networks_of_torchvision_that_segment_or_detect_are_asked_about_a_place(name: str, options: dict) -> None:
    torch.manual_seed(0)
    network = cw.load(name, weights=None, **options)
    if name == "deeplabv3_resnet50":  # at its own size it takes ten seconds
        network = cw.Network(network.model, cw.Preprocess(channels=3, size=(96, 128)), network.labels)
    picture = np.random.default_rng(0).random((96, 128, 3)).astype(np.float32)
    viewer = cw.GradCAMViewer(network, picture)
    assert viewer.wait(120)
    assert viewer.status == "ready", viewer.notice
    viewer.place = [40, 50] if viewer.regions[0]["kind"] == "segments" else [1]
    assert viewer.wait(120)
    assert viewer.status == "ready", viewer.notice
    assert viewer.heatmaps[0]["place"] == viewer.place
    assert sent(viewer.heatmaps[0]).any()


def test_the_layer_before_a_pyramid_of_features_is_found() -> None:
    detector = cw.load("fasterrcnn_mobilenet_v3_large_320_fpn", weights=None)
    assert detector.last_spatial_layer == "backbone.body[1]"
    assert cw.load("ssdlite320_mobilenet_v3_large", weights=None).last_spatial_layer == "backbone[0]"
    assert cw.demo().last_spatial_layer == "separable3"


# why it is empty ----------------------------------------------------------------------------------------------------------


def why(model: nn.Module, picture: np.ndarray, **options: Any) -> str:
    """What is said of the one map of a module."""
    viewer = cw.GradCAMViewer(cw.Network(model, PREPROCESS), picture, **options)
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice
    return str(viewer.heatmaps[0]["why"])


def test_a_network_too_sure_to_have_a_gradient_is_said_to_be_saturated(photo: np.ndarray) -> None:
    head = nn.Linear(4, 2)
    nn.init.constant_(head.bias[:1], 200)
    parts = (nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    assert "saturated" in why(nn.Sequential(*parts, nn.Softmax(1)), photo, target=0, layer="0")
    nn.init.zeros_(head.weight)
    assert "saturated" not in why(nn.Sequential(*parts), photo, target=0, layer="0")  # it gives no probability


def test_a_zero_gradient_is_said(photo: np.ndarray) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    nn.init.zeros_(model[4].weight)  # type: ignore[arg-type]
    assert "gradient is zero" in why(model, photo, target=0, layer="0")
    assert "gradient" not in why(model, photo, target=0, layer="0", method="ablation_cam")


def test_a_map_that_is_negative_everywhere_is_said(photo: np.ndarray) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    nn.init.constant_(model[4].weight, -1)  # type: ignore[arg-type]
    assert "No position speaks for it" in why(model, photo, target=0, layer="1")


class Unrecorded(nn.Module):
    """Its head records no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.look, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        means = self.look(x).mean((2, 3))
        with torch.no_grad():
            return self.head(means)


def test_a_gradient_that_was_never_recorded_is_said_with_a_method_that_needs_none(photo: np.ndarray) -> None:
    viewer = cw.GradCAMViewer(cw.Network(Unrecorded(), PREPROCESS), photo, target=0, layer="look")
    assert viewer.wait(20)
    assert viewer.notice["title"] == "This method cannot be used here"
    (action,) = viewer.notice["actions"]
    viewer.method = action["set"]["method"]
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice


def test_a_class_without_a_box_is_said_beside_one_that_has_some(photo: np.ndarray) -> None:
    network = cw.Network(Detector(BOXES), PREPROCESS, ["nothing", "cat", "dog"])
    viewer = cw.GradCAMViewer(network, photo, classes=["cat", "nothing"])
    assert viewer.wait(20)
    assert [entry["why"].startswith("No box of nothing is predicted") for entry in viewer.heatmaps] == [False, True]
    nothing = cw.GradCAMViewer(cw.Network(Detector([]), PREPROCESS, ["nothing", "cat", "dog"]), photo)
    assert nothing.wait(20)
    assert nothing.heatmaps[0]["why"].startswith("No box is predicted")


# what stays ---------------------------------------------------------------------------------------------------------------


def test_a_page_holds_what_was_computed_besides_and_the_probabilities_of_every_picture(
    network: cw.Network, photo: np.ndarray, tmp_path: Path
) -> None:
    viewer = cw.GradCAMViewer(network, [photo, 1 - photo], classes=[1, 2], layer="4", method="hires_cam")
    assert viewer.wait(20)
    viewer.contrast = True
    assert viewer.wait(20)
    text = viewer.to_html(tmp_path / "page.html").read_text()
    state = json.loads(text.split('id="cnn-state">', maxsplit=1)[1].split("</script>", maxsplit=1)[0])
    assert {"0|4|1", "0|4|1|hires_cam", "0|4|2|hires_cam", "0|4|1|hires_cam|-2"} <= set(state["archive"]["entries"])
    assert all(picture["scores"]["$bytes"] for picture in state["pictures"])


def test_a_page_of_a_detection_network_holds_its_boxes(photo: np.ndarray) -> None:
    network = cw.Network(Detector(BOXES), PREPROCESS, ["nothing", "cat", "dog"])
    viewer = cw.GradCAMViewer(network, photo, layer="look")
    assert viewer.wait(20)
    entries = viewer._archived()["entries"]
    assert {key.split("@")[1] for key in entries} == {"0", "1", "2"}
    assert set(LONG) < set(METHODS)
