"""What the Grad-CAM viewer sends to its page."""

from __future__ import annotations

import numpy as np
import pytest

import cnnvis_widgets as cw


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
