"""What the saliency viewer computes and sends to its page."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets import methods
from cnnvis_widgets.engine.agreement import rank_correlation
from cnnvis_widgets.widgets._fields import packed, unpacked
from cnnvis_widgets.widgets._page import encoded
from cnnvis_widgets.widgets._stages import strength

SHORT = ["saliency", "guided_backprop", "grad_cam"]


@pytest.fixture
def viewer(network: cw.Network, photo: np.ndarray) -> cw.SaliencyViewer:
    return ready(cw.SaliencyViewer(network, photo, layer="3"))


def ready(viewer: cw.SaliencyViewer) -> cw.SaliencyViewer:
    assert viewer.wait(20)
    assert viewer.status == "ready", viewer.notice
    return viewer


def entry(viewer: cw.SaliencyViewer, method: str) -> dict[str, Any]:
    (found,) = [each for each in viewer.heatmaps if each["method"] == method]
    return found


def true_map(viewer: cw.SaliencyViewer, photo: np.ndarray, method: str) -> np.ndarray:
    more = {"saliency": {"signed": True}, "grad_cam": {"layer": viewer.layer}}.get(method, {})
    made = getattr(methods, method)(viewer.network, photo, viewer.target, **more)
    return (made.result() if isinstance(made, cw.Steps) else made).values[0]


def test_every_map_is_that_of_its_method_to_three_digits(viewer: cw.SaliencyViewer, photo: np.ndarray) -> None:
    assert [each["method"] for each in viewer.heatmaps] == viewer.shown
    for method in viewer.shown:
        sent, true = entry(viewer, method), true_map(viewer, photo, method)
        np.testing.assert_allclose(unpacked(sent), true, rtol=5e-4, atol=np.abs(true).max() * 1e-7)
        np.testing.assert_allclose([sent["low"], sent["high"]], [true.min(), true.max()], rtol=1e-5)
        assert sent["sum"] == pytest.approx(true.sum(dtype=np.float64), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
def test_a_packed_field_is_right_to_three_digits_at_any_size(size: float) -> None:
    values = (np.random.default_rng(0).normal(size=(40, 40)) ** 3 * size).astype(np.float32)
    values[0, 0] = np.nan
    back = unpacked(packed(values))
    assert np.isnan(back[0, 0])
    large = np.abs(values) > np.nanmax(np.abs(values)) * 1e-4
    np.testing.assert_allclose(back[large], values[large], rtol=1 / 2048)


def test_correlations_are_those_of_the_exact_maps(viewer: cw.SaliencyViewer, photo: np.ndarray) -> None:
    told = {}
    for each in viewer.heatmaps:
        told |= {frozenset([each["method"], name.split("|")[-1]]): value for name, value in each["rho"].items()}
    assert len(told) == 15
    for pair, value in told.items():
        first, second = (true_map(viewer, photo, method) for method in pair)
        assert value == pytest.approx(rank_correlation(first, second), abs=1e-3)


def test_only_what_is_shown_is_computed(network: cw.Network, photo: np.ndarray) -> None:
    calls: list[str] = []

    def counted(title: str) -> Any:
        return lambda network, images, target: calls.append(title) or cw.grad_cam(network, images, target, layer="3")

    viewer = ready(cw.SaliencyViewer(network, photo, methods={"a": counted("a"), "b": counted("b")}, shown=["b"]))
    assert calls == ["b"]
    viewer.shown = ["a", "b"]
    ready(viewer)
    assert calls == ["b", "a"]
    viewer.shown = ["b"]
    viewer.shown = ["b", "a"]
    ready(viewer)
    assert calls == ["b", "a"]
    assert [each["method"] for each in viewer.heatmaps] == ["b", "a"]


@pytest.mark.parametrize("form", ["heatmap", "steps", "array", "channels", "tensor"])
def test_a_method_of_ones_own_may_return_a_heatmap_steps_or_an_array(
    network: cw.Network, photo: np.ndarray, form: str
) -> None:
    def mine(network: cw.Network, images: Any, target: int) -> Any:
        """Whatever I like. And more."""
        heatmap = cw.saliency(network, images, target, signed=True)
        steps = (cw.Step(done, 2, heatmap) for done in (1, 2))
        return {
            "heatmap": heatmap,
            "steps": cw.Steps(steps, 2),
            "array": heatmap.values[0],
            "channels": heatmap.channels,
            "tensor": images,
        }[form]

    viewer = ready(cw.SaliencyViewer(network, photo, methods={"Mine": mine}))
    true = photo.sum(-1) if form == "tensor" else true_map(viewer, photo, "saliency")
    np.testing.assert_allclose(unpacked(entry(viewer, "Mine")), true, atol=np.abs(true).max() * 1e-3)
    assert viewer.methods[0]["how"] == "Whatever I like."
    assert viewer.methods[0]["family"] == "own"


def test_a_method_that_is_refused_says_why_in_its_own_place_and_the_others_go_on(photo: np.ndarray) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    viewer = ready(
        cw.SaliencyViewer(cw.Network(model, cw.Preprocess(size=(16, 16))), photo, methods=[*SHORT, "deconvnet"])
    )
    refused = {each["method"]: each["failed"] for each in viewer.heatmaps}
    assert refused["saliency"] == refused["grad_cam"] == ""
    assert "computes no ReLU" in refused["deconvnet"]
    assert "\n" not in refused["guided_backprop"]
    assert viewer.message.startswith("2 of 4 maps")


def test_a_fault_in_ones_own_method_is_said_in_its_place(network: cw.Network, photo: np.ndarray) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    def odd(*_: Any) -> np.ndarray:
        return np.zeros(3)

    viewer = ready(cw.SaliencyViewer(network, photo, methods={"Fine": cw.saliency, "Broken": broken, "Odd": odd}))
    assert entry(viewer, "Broken")["failed"] == "ZeroDivisionError: no reason given"
    assert "an array over the picture" in entry(viewer, "Odd")["failed"]
    assert entry(viewer, "Fine")["failed"] == ""


def test_an_unknown_method_is_refused_with_those_like_it(network: cw.Network) -> None:
    with pytest.raises(TypeError, match=r"no method 'salency'\. Did you mean 'saliency'"):
        cw.SaliencyViewer(network, methods=["salency"])
    with pytest.raises(TypeError, match="no method 'mine'"):
        cw.SaliencyViewer(network, shown=["mine"])


def test_methods_are_taken_by_name_by_function_and_in_the_order_given(network: cw.Network, photo: np.ndarray) -> None:
    viewer = ready(cw.SaliencyViewer(network, photo, methods=["hires_cam", cw.grad_cam, "saliency"]))
    assert viewer.shown == ["hires_cam", "grad_cam", "saliency"]
    listed = [method["key"] for method in viewer.methods if method["listed"]]
    assert listed == viewer.shown
    assert "score_cam" in [method["key"] for method in viewer.methods]


class Gate:
    """A long method that goes on when it is told to."""

    def __init__(self, total: int = 6) -> None:
        self.total, self.reached = total, 0
        self.go = threading.Semaphore(0)

    def __call__(self, network: cw.Network, images: Any, target: int) -> cw.Steps[cw.Heatmap]:
        """Waits."""
        return cw.Steps(self.steps(cw.saliency(network, images, target)), self.total)

    def steps(self, heatmap: cw.Heatmap) -> Iterator[Any]:
        for done in range(1, self.total + 1):
            self.go.acquire(timeout=5)
            self.reached += 1
            yield cw.Step(done, self.total, heatmap)


def until(true: Any) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_quick_maps_are_there_while_a_long_one_grows(network: cw.Network, photo: np.ndarray) -> None:
    gate = Gate()
    viewer = cw.SaliencyViewer(network, photo, methods=["saliency", "grad_cam", gate])
    gate.go.release()
    until(lambda: viewer.partial)
    assert [each["method"] for each in viewer.heatmaps] == ["saliency", "grad_cam"]
    assert (viewer.partial["method"], viewer.partial["done"], viewer.partial["total"]) == ("Gate", 1, 6)
    assert viewer.message == "Gate: 1 of 6."
    assert 0.6 < viewer.progress < 0.8
    for _ in range(5):
        gate.go.release()
    ready(viewer)
    assert viewer.partial == {}
    assert viewer.heatmaps[-1]["done"] == 6


def test_work_that_is_still_wanted_goes_on_where_it_was(network: cw.Network, photo: np.ndarray) -> None:
    gate = Gate()
    viewer = cw.SaliencyViewer(network, photo, methods=["saliency", gate])
    gate.go.release()
    until(lambda: viewer.partial)
    viewer.shown = ["Gate"]
    for _ in range(5):
        gate.go.release()
    ready(viewer)
    assert gate.reached == 6
    assert [each["method"] for each in viewer.heatmaps] == ["Gate"]


def test_cancel_stops_a_long_method_and_it_can_be_taken_up_again(network: cw.Network, photo: np.ndarray) -> None:
    gate = Gate()
    viewer = cw.SaliencyViewer(network, photo, methods=["saliency", gate])
    gate.go.release()
    until(lambda: viewer.partial)
    started = time.monotonic()
    viewer.cancel()
    assert time.monotonic() - started < 2  # the gate stays shut for longer
    gate.go.release()
    assert viewer.wait(5)
    assert viewer.status == "ready"
    assert [each["method"] for each in viewer.heatmaps] == ["saliency"]
    assert gate.reached == 2
    for _ in range(4):
        gate.go.release()
    viewer._received(viewer, {"type": "run", "again": True}, [])
    ready(viewer)
    assert gate.reached == 6
    assert [each["method"] for each in viewer.heatmaps] == ["saliency", "Gate"]


def test_another_class_keeps_the_older_maps_until_the_new_ones_are_there(
    network: cw.Network, photo: np.ndarray
) -> None:
    gate = Gate(2)
    viewer = cw.SaliencyViewer(network, photo, methods=["saliency", gate], target=0)
    gate.go.release()
    gate.go.release()
    ready(viewer)
    viewer.target = 1
    until(lambda: viewer.heatmaps[0]["target"] == 1)
    assert [(each["method"], each["target"]) for each in viewer.heatmaps] == [("saliency", 1), ("Gate", 0)]
    gate.go.release()
    gate.go.release()
    ready(viewer)
    assert [each["target"] for each in viewer.heatmaps] == [1, 1]


def test_the_last_class_asked_for_is_the_one_shown(viewer: cw.SaliencyViewer) -> None:
    for target in [0, 1, 2, 3, 4] * 10:
        viewer.target = target
    ready(viewer)
    assert {each["target"] for each in viewer.heatmaps} == {4}


def test_a_layer_is_for_the_cam_family_alone(viewer: cw.SaliencyViewer, photo: np.ndarray) -> None:
    before = entry(viewer, "saliency")
    viewer.layer = "1"
    ready(viewer)
    assert entry(viewer, "saliency") == before
    assert [entry(viewer, method)["layer"] for method in ("saliency", "grad_cam")] == ["", "1"]
    np.testing.assert_allclose(
        unpacked(entry(viewer, "grad_cam")),
        cw.grad_cam(viewer.network, photo, viewer.target, layer="1").values[0],
        atol=1e-3,
    )
    viewer.layer = "7"
    ready(viewer)
    assert "without spatial axes" in entry(viewer, "grad_cam")["failed"]


def test_the_stages_are_those_of_deconvnet_steps(viewer: cw.SaliencyViewer, photo: np.ndarray) -> None:
    viewer.mode = "steps"
    ready(viewer)
    stages = methods.deconvnet_steps(viewer.network, photo, viewer.target)
    rows = viewer.stages["rows"]
    assert [(row["layer"], row["deed"], row["text"]) for row in rows] == [(s.layer, s.deed, s.text) for s in stages]
    for row, stage in zip(rows, stages, strict=True):
        np.testing.assert_allclose(unpacked(row["signal"]), strength(stage.signal), rtol=5e-4, atol=1e-9)
        assert row["zeros"] == pytest.approx(stage.zeros)
    np.testing.assert_allclose(
        unpacked(viewer.stages["pixels"]), stages.values.sum(0), atol=np.abs(stages.values).max() * 1e-3
    )
    assert viewer.stages["relus"] == stages.relus


def test_switches_lie_in_their_windows(viewer: cw.SaliencyViewer) -> None:
    viewer.mode = "steps"
    ready(viewer)
    (row,) = [row for row in viewer.stages["rows"] if row["deed"] == "unpool"]
    switches = row["switches"]
    assert (switches["height"], switches["width"], switches["across"]) == (8, 8, 16)
    places = np.frombuffer(switches["data"], np.int32).reshape(8, 8)
    np.testing.assert_array_equal(places // 16 // 2, np.arange(8)[:, None].repeat(8, 1))
    np.testing.assert_array_equal(places % 16 // 2, np.arange(8)[None].repeat(8, 0))


def test_the_stages_may_begin_at_one_unit(viewer: cw.SaliencyViewer, photo: np.ndarray) -> None:
    viewer.mode, viewer.unit = "steps", " 3:2 "
    ready(viewer)
    assert viewer.stages["unit"] == "3:2"
    true = methods.deconvnet_steps(viewer.network, photo, unit="3:2")
    assert len(viewer.stages["rows"]) == len(true)
    np.testing.assert_allclose(
        unpacked(viewer.stages["pixels"]), true.values.sum(0), atol=np.abs(true.values).max() * 1e-3
    )


@pytest.mark.parametrize("unit", ["3:99", "nowhere:1", "nonsense"])
def test_a_unit_that_does_not_exist_is_said_where_the_stages_would_be(viewer: cw.SaliencyViewer, unit: str) -> None:
    viewer.mode, viewer.unit = "steps", unit
    ready(viewer)
    assert len(viewer.stages["failed"]) > 20
    assert viewer.stages["rows"] == []
    viewer.unit = ""
    ready(viewer)
    assert viewer.stages["failed"] == ""


def test_a_vector_stands_in_a_square_of_its_values() -> None:
    square = strength(np.arange(-5, 0, dtype=np.float32).reshape(5, 1, 1))
    np.testing.assert_array_equal(square, [[5, 4, 3], [2, 1, np.nan]])
    maps = np.stack([np.full((2, 2), -3.0), np.eye(2)])
    np.testing.assert_array_equal(strength(maps), np.full((2, 2), 3.0))


def test_an_archive_holds_every_shown_method_for_the_top_classes_with_their_stages(
    viewer: cw.SaliencyViewer, photo: np.ndarray
) -> None:
    viewer.add_image(1 - photo)
    ready(viewer)
    entries = viewer._archived()["entries"]
    for image, picture in enumerate([photo, 1 - photo]):
        for target in viewer.network.predict(picture).order()[:3]:
            for method in viewer.shown:
                layer = viewer.layer if method == "grad_cam" else ""
                found = entries[f"{image}|{layer}|{target}|{method}"]
                assert found["failed"] == ""
            assert len(entries[f"{image}|{target}|"]["rows"]) > 5
            assert f"{image}|1|{target}|grad_cam" in entries
    json.dumps(encoded(entries), allow_nan=False)


def test_nan_weights_are_said_and_can_be_written_to_a_page(
    network: cw.Network, photo: np.ndarray, tmp_path: Any
) -> None:
    network.model[3].weight.data[0] = float("nan")
    viewer = ready(cw.SaliencyViewer(network, photo, methods=SHORT))
    assert "NaN" in entry(viewer, "saliency")["why"]
    assert entry(viewer, "saliency")["low"] is None
    viewer.to_html(tmp_path / "page.html")


def test_the_poster_has_the_picture_and_every_map(viewer: cw.SaliencyViewer) -> None:
    whole = Image.open(io.BytesIO(viewer._poster() or b""))
    viewer.shown = ["saliency"]
    ready(viewer)
    assert Image.open(io.BytesIO(viewer._poster() or b"")).height < whole.height
