"""What every widget keeps to."""

from __future__ import annotations

import base64
import gc
import io
import json
import re
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
from PIL import Image

import cnnvis_widgets as cw
from cnnvis_widgets import widgets
from cnnvis_widgets.widgets import _poster
from cnnvis_widgets.widgets._base import Viewer

from .conftest import Slow, small_model

#: These take no pictures to look at; tests of their own ask the same of them.
WITHOUT_PICTURES = ("FeatureLab", "FilterGallery")
EVERY = [getattr(widgets, name) for name in widgets.__all__ if name not in WITHOUT_PICTURES]
#: These know their maps by another name than `heatmaps`.
WITH_MAPS = (cw.LayerExplorer, cw.OcclusionSlider)
every_widget = pytest.mark.parametrize("widget", EVERY, ids=lambda widget: widget.__name__)


def done(viewer: Viewer) -> Viewer:
    assert viewer.wait(20), "the task did not end"
    return viewer


def said(viewer: Viewer, **content: Any) -> None:
    """As if the page had sent this message."""
    buffers = content.pop("buffers", [])
    viewer._received(viewer, content, buffers)


@every_widget
def test_a_misspelled_keyword_is_refused_with_the_right_one(widget: Any, network: cw.Network) -> None:
    with pytest.raises(TypeError, match=r"no option 'chanel'; did you mean 'channel'"):
        widget(network, chanel=3)


@every_widget
def test_a_plain_module_is_made_into_a_network(widget: Any, photo: np.ndarray) -> None:
    viewer = done(widget(small_model(), photo))
    assert viewer.status == "ready", viewer.notice
    assert viewer.subject == "Sequential"


@every_widget
def test_without_a_picture_it_waits_for_one(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network))
    assert viewer.status == "empty"
    assert viewer.image == -1
    viewer.add_image(photo)
    assert done(viewer).status == "ready"
    assert viewer.image == 0


@every_widget
def test_an_unknown_layer_is_refused_at_once_in_python(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    with pytest.raises(cw.LayerError, match="has no layer 'convolution'"):
        widget(network, photo, layer="convolution")


@every_widget
def test_an_unknown_layer_set_later_is_said_and_the_widget_lives_on(
    widget: Any, network: cw.Network, photo: np.ndarray
) -> None:
    viewer = done(widget(network, photo))
    viewer.layer = "12"
    assert done(viewer).status == "failed"
    assert "small has no layer '12'" in viewer.notice["text"]
    assert "Traceback" in viewer.notice["detail"]
    viewer.layer = "3"
    assert done(viewer).status == "ready"
    assert viewer.notice == {}


@every_widget
def test_a_picture_index_that_does_not_exist_is_said(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network, photo))
    viewer.image = 4
    assert done(viewer).status == "failed"
    assert "There are 1 pictures" in viewer.notice["text"]


@every_widget
def test_a_model_that_raises_anything_does_not_kill_the_widget(
    widget: Any, network: cw.Network, photo: np.ndarray
) -> None:
    viewer = done(widget(network, photo))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    handle = network.model.register_forward_pre_hook(broken)
    viewer.image = -1
    viewer._release()
    viewer.image = 0
    if isinstance(viewer, cw.DreamCanvas):
        viewer.dream()  # its film is kept when it is released
    viewer.layer = "0"
    assert done(viewer).status == "failed"
    assert "ZeroDivisionError" in viewer.notice["text"]
    handle.remove()
    viewer.layer = "3"
    assert done(viewer).status == "ready"


@every_widget
def test_the_still_picture_is_taken_when_it_is_shown_and_again_when_what_took_longer_is_done(
    widget: Any, network: cw.Network, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bool] = []
    monkeypatch.setattr(_poster, "publish", lambda png, name, again=False: taken.append(again) or True)
    viewer = done(widget(network, photo))
    assert taken == []  # nobody sees it yet
    viewer._repr_mimebundle_()
    assert taken == [False]
    if widget not in (cw.DreamCanvas, cw.OcclusionSlider, cw.TrustBoard):
        return  # what these show was waited for
    viewer.layer = "0"
    if isinstance(viewer, cw.DreamCanvas):
        viewer.dream()
    if isinstance(viewer, cw.OcclusionSlider):
        viewer.fill = "black"
    if isinstance(viewer, cw.TrustBoard):
        viewer.add_image((photo, np.eye(*photo.shape[:2], dtype=bool), 1))
    done(viewer)
    assert taken[:2] == [False, True]


@pytest.mark.parametrize("widget", [cw.FeatureLab, cw.FilterGallery], ids=lambda widget: widget.__name__)
def test_so_it_is_where_pictures_are_painted(
    widget: Any, network: cw.Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNNVIS_CACHE", str(tmp_path))
    taken: list[bool] = []
    monkeypatch.setattr(_poster, "publish", lambda png, name, again=False: taken.append(again) or True)
    short = {"steps": 2} if widget is cw.FilterGallery else {"channel": 2, "recipe_a": {"steps": 2}, "size": 16}
    viewer = done(widget(network, "3", **short))
    assert taken == []
    viewer._repr_mimebundle_()
    assert taken == [False]
    viewer.layer = "0"
    done(viewer)
    assert taken[:2] == [False, True]


def test_what_is_done_while_the_still_picture_is_drawn_is_on_it_in_the_end(
    network: cw.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[str, bool]] = []
    monkeypatch.setattr(_poster, "publish", lambda png, name, again=False: taken.append((png, again)) or True)
    gallery = done(cw.FilterGallery(network, "3", steps=2, cache=False))
    monkeypatch.setattr(gallery, "wait", lambda timeout: False)  # patience ends just before it is done
    drawings = iter(["half", "whole"])
    monkeypatch.setattr(gallery, "_poster", lambda: next(drawings))
    gallery._repr_mimebundle_()
    assert gallery._stills.wait(20)
    assert taken == [("half", False), ("whole", True)]


def test_nobody_waits_while_the_still_picture_is_drawn_and_the_last_one_stays(
    network: cw.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bytes] = []
    monkeypatch.setattr(_poster, "publish", lambda png, name, again=False: taken.append(png) or True)
    gallery = done(cw.FilterGallery(network, "3", steps=2, cache=False))
    gallery._repr_mimebundle_()
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> bytes:
        layer = gallery.layer
        begun.set()
        assert go_on.wait(20)
        return layer.encode()

    monkeypatch.setattr(gallery, "_poster", slow)
    gallery.layer = "0"
    assert begun.wait(20)  # the task is over, its picture is being drawn
    assert gallery.status == "ready"
    assert not gallery.wait(0.01)
    gallery.layer = "3"  # what was in the memory is shown at once
    assert gallery._task.wait(20)
    go_on.set()
    assert gallery.wait(20)
    assert taken[1:] == [b"3"]


def test_a_still_picture_that_cannot_be_drawn_is_told_in_the_log_and_nothing_else_is_lost(
    network: cw.Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gallery = done(cw.FilterGallery(network, "3", steps=2, cache=False))
    gallery._repr_mimebundle_()

    def broken() -> bytes:
        msg = "no ink"
        raise OSError(msg)

    monkeypatch.setattr(gallery, "_poster", broken)
    gallery.layer = "0"
    assert done(gallery).status == "ready"
    assert "no ink" in caplog.text


@every_widget
def test_several_pictures_are_shown_in_order(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    own_size = {"size": 16} if widget is cw.DreamCanvas else {}
    viewer = done(widget(network, [photo, 1 - photo], **own_size))
    assert [picture["name"] for picture in viewer.pictures] == ["picture 1", "picture 2"]
    shown = np.asarray(Image.open(io.BytesIO(viewer.pictures[1]["data"])))
    assert np.abs(shown / 255 - (1 - photo)).max() < 0.5 / 255 + 1e-6


@every_widget
def test_probabilities_of_the_chosen_picture_arrive(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network, photo))
    scores = np.frombuffer(viewer.pictures[0]["scores"], np.float32)
    np.testing.assert_allclose(scores, network.predict(photo).probabilities[0], atol=1e-6)


@every_widget
def test_dragging_through_a_hundred_values_computes_the_last_not_all(widget: Any, photo: np.ndarray) -> None:
    model = small_model(slow=0.02)
    viewer = done(widget(cw.Network(model, cw.Preprocess(size=(16, 16)), name="slow"), photo))
    slow = model[0]
    assert isinstance(slow, Slow)
    slow.calls = 0
    names = [layer.name for layer in viewer.network.layers if layer.spatial]
    for step in range(100):
        viewer.layer = names[step % len(names)]
    viewer.layer = names[-1]
    done(viewer)
    assert slow.calls <= 6
    if isinstance(viewer, (cw.DreamCanvas, cw.OcclusionSlider)):  # look at no single layer
        return
    shown = viewer.maps if isinstance(viewer, cw.LayerExplorer) else viewer.heatmaps[-1]
    assert shown["layer"] == names[-1]


@every_widget
def test_cancel_is_taken_at_once_and_what_was_shown_stays(widget: Any, photo: np.ndarray) -> None:
    model = small_model(slow=0.5)
    short = {"octaves": 1, "steps": 1, "size": 16} if widget is cw.DreamCanvas else {}
    viewer = done(widget(cw.Network(model, cw.Preprocess(size=(16, 16)), name="slow"), photo, layer="1", **short))
    shown = "film" if widget is cw.DreamCanvas else "maps" if isinstance(viewer, WITH_MAPS) else "heatmaps"
    before = viewer.get_state([shown])
    if isinstance(viewer, cw.OcclusionSlider):
        viewer._release()  # for another layer alone it asks nothing
    if isinstance(viewer, cw.DreamCanvas):
        viewer.dream_on()  # nor does this one
    viewer.layer = "4"
    time.sleep(0.1)
    assert viewer.status == "busy"
    started = time.monotonic()
    said(viewer, type="cancel")
    assert viewer.status == "ready"
    assert time.monotonic() - started < 0.4  # its step takes half a second
    assert "Cancelled" in viewer.message
    done(viewer)
    time.sleep(0.6)
    assert viewer.get_state(list(before)) == before


@every_widget
def test_linked_widgets_mean_the_same_by_the_same_traits(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    first, second = done(widget(network, photo)), done(cw.LayerExplorer(network, photo))
    ipywidgets.link((first, "layer"), (second, "layer"))
    first.layer = "0"
    assert second.layer == "0"
    assert done(second).status == done(first).status == "ready"
    for name in ("layer", "channel", "target", "image"):
        assert type(first.traits()[name]) is type(second.traits()[name])


@every_widget
def test_an_uploaded_picture_is_put_together_from_its_parts(
    widget: Any, network: cw.Network, photo: np.ndarray
) -> None:
    viewer = done(widget(network, photo))
    file = io.BytesIO()
    Image.fromarray((photo * 255).astype(np.uint8)).save(file, "PNG")
    data, half = file.getvalue(), len(file.getvalue()) // 2
    said(viewer, type="upload", id="a", name="b.png", part=1, parts=2, buffers=[memoryview(data[half:])])
    assert len(viewer.pictures) == 1
    said(viewer, type="upload", id="a", name="b.png", part=0, parts=2, buffers=[memoryview(data[:half])])
    assert [picture["name"] for picture in viewer.pictures] == ["picture 1", "b.png"]
    assert viewer.image == 1
    assert done(viewer).status == "ready"


@every_widget
def test_a_broken_upload_is_said_and_nothing_is_lost(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network, photo))
    said(viewer, type="upload", id="a", name="b.png", part=0, parts=1, buffers=[memoryview(b"no picture")])
    assert viewer.status == "failed"
    assert "no picture in a known format" in viewer.notice["text"]
    assert len(viewer.pictures) == 1
    viewer.layer = "1"
    assert done(viewer).status == "ready"


@every_widget
@pytest.mark.parametrize("content", [None, {}, {"type": "upload"}, {"type": "export"}, {"type": 3}, "run", []])
def test_a_message_that_makes_no_sense_does_no_harm(
    widget: Any, network: cw.Network, photo: np.ndarray, content: Any
) -> None:
    viewer = done(widget(network, photo))
    viewer._received(viewer, content, [])
    viewer.layer = "0"
    assert done(viewer).status == "ready"


@every_widget
def test_a_question_from_the_page_is_answered(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network, photo))
    sent: list[tuple[Any, Any]] = []
    viewer.send = lambda content, buffers=None: sent.append((content, buffers))  # type: ignore[method-assign]
    said(viewer, type="run")
    said(viewer, type="export", format="png")
    said(viewer, type="export", format="html")
    kinds = [content.get("mime", content["type"]) for content, _ in sent]
    assert kinds == ["alive", "image/png", "text/html"]
    assert Image.open(io.BytesIO(sent[1][1][0])).width > 300


@every_widget
def test_a_picture_stays_in_the_notebook(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    data, _ = widget(network, photo)._repr_mimebundle_()
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width > 300
    assert "application/vnd.jupyter.widget-view+json" in data


@every_widget
def test_an_exported_page_asks_nobody_and_holds_hostile_names_as_text(
    widget: Any, network: cw.Network, photo: np.ndarray, tmp_path: Any
) -> None:
    network.name = "</script><script>alert(1)</script>"
    viewer = done(widget(network, photo))
    text = viewer.to_html(tmp_path / "page.html").read_text()
    head = text.split("<body>", maxsplit=1)[0]
    assert "default-src 'none'" in head
    assert "<script>alert" not in text
    assert "onerror=alert" in json.dumps(viewer.labels)
    assert "<img src=x" not in text
    assert not re.search(r"(src|href)=[\"']?https?:", text)
    state = json.loads(text.split('id="cnn-state">', maxsplit=1)[1].split("</script>", maxsplit=1)[0])
    assert state["labels"][2] == "<img src=x onerror=alert(1)>"
    spatial = [layer.name for layer in network.layers if layer.spatial and not layer.container]
    if isinstance(viewer, cw.DreamCanvas):
        spatial = list(viewer.mix)
    for name in ["gray"] if isinstance(viewer, cw.OcclusionSlider) else spatial:
        assert any(key.startswith(f"0|{name}") for key in state["archive"]["entries"])


@every_widget
def test_closing_lets_go_of_the_network(widget: Any, photo: np.ndarray) -> None:
    network = cw.Network(small_model(), cw.Preprocess(size=(16, 16)))
    viewer = done(widget(network, photo))
    alive = weakref.ref(network.model)
    viewer.close()
    del network, viewer
    gc.collect()
    assert alive() is None


@every_widget
def test_fifty_of_them_leave_no_growth_in_hooks_or_threads(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    for _ in range(10):
        done(widget(network, photo))
    threads = threading.active_count()
    for _ in range(50):
        done(widget(network, photo))
    assert threading.active_count() <= max(threads, 9 + 1)
    hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.model.modules())
    assert hooks == 0


@every_widget
def test_no_trait_holds_a_tensor(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network, photo))
    assert "Tensor" not in " ".join(_kinds(viewer.get_state()))


def _kinds(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(_kinds, value.values())) if value else set()
    if isinstance(value, (list, tuple)):
        return set().union(*map(_kinds, value)) if value else set()
    return {type(value).__name__}


@every_widget
def test_what_is_released_is_read_again_when_asked_for(widget: Any, network: cw.Network, photo: np.ndarray) -> None:
    viewer = done(widget(network, [photo, 1 - photo]))
    viewer._release()
    assert not viewer._inputs._read
    viewer.image = 1
    assert done(viewer).status == "ready"
    np.testing.assert_array_equal(viewer._inputs[1], network.read(1 - photo))
