"""What the filter gallery computes when, what it keeps, and what it tells its page."""

from __future__ import annotations

import gc
import io
import json
import re
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.picture_cache import PictureCache
from cnnvis_widgets.widgets import _filter_facts as facts
from cnnvis_widgets.widgets._filter_wall import BATCH, Wall, decoded, film_steps, small_recipe

from .galleries import done, finished, wide

STEPS = 4


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("CNNVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def gallery(network: cw.Network) -> cw.FilterGallery:
    return done(cw.FilterGallery(network, "3", steps=STEPS))


@pytest.fixture
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.random((16, 16, 3)).astype(np.float32) for _ in range(6)]


def listened(gallery: cw.FilterGallery) -> list[tuple[dict[str, Any], list[bytes]]]:
    """What the gallery sends to its page from now on."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    gallery.send = lambda content, buffers=None: sent.append((content, list(buffers or [])))  # type: ignore[method-assign]
    return sent


def wall_of(network: cw.Network, layer: str = "0", cache: PictureCache | None = None, steps: int = STEPS) -> Wall:
    return Wall(network, layer, small_recipe().with_steps(steps), (12, 12), 0, cache, "print")


# what is computed when ---------------------------------------------------------------------------------------------------


def test_every_channel_that_is_wanted_gets_a_few_steps_before_any_gets_more() -> None:
    wall = wall_of(wide(40), steps=24)
    wanted = list(range(24))
    spread = []
    while (batch := wall.next(wanted)) is not None:
        wall.step(batch)
        spread.append([each.done for each in wall._batches])
    early = [row for row in spread if len(row) == 3 and min(row) <= 2]
    assert max(max(row) for row in early) <= 3
    assert wall.done[:24].tolist() == [24] * 24
    assert not wall.done[24:].any()


def test_the_chosen_channel_goes_first_once_all_have_begun() -> None:
    wall = wall_of(wide(40), steps=24)
    while not wall.whole(17):
        batch = wall.next(range(24), first=17)
        assert batch is not None
        wall.step(batch)
    assert wall.done[:8].max() < 24
    assert wall.done[:8].min() >= film_steps(24)[3]


def test_a_picture_does_not_depend_on_those_it_is_climbed_with() -> None:
    together, alone = wall_of(wide(20)), wall_of(wide(20))
    for wall, wanted in ((together, list(range(20))), (alone, [11])):
        while (batch := wall.next(wanted)) is not None:
            wall.step(batch)
    one, other = together.cell(11), alone.cell(11)
    assert one is not None
    assert other is not None
    assert np.abs(decoded(one.jpeg).astype(int) - decoded(other.jpeg)).max() <= 8  # both are JPEG files
    assert one.history == pytest.approx(other.history, rel=1e-3)


def test_only_what_is_in_view_is_computed_and_scrolling_computes_more(network: cw.Network) -> None:
    gallery = done(cw.FilterGallery(wide(64), "0", steps=STEPS))
    assert finished(gallery) == list(range(24))
    gallery.viewport = list(range(40, 48))
    assert finished(done(gallery)) == [*range(24), *range(40, 48)]


def test_a_finished_unit_that_is_chosen_is_told_while_others_are_climbed() -> None:
    gallery = done(cw.FilterGallery(wide(512), "0", steps=9, cache=False))
    gallery.viewport = list(range(24, 512))
    while not gallery._walls.shown.done[24]:
        time.sleep(0.01)
    gallery.channel = 3
    deadline = time.monotonic() + 10
    while gallery.unit.get("channel") != 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not gallery._walls.shown.done[24:].all()  # most have not begun
    gallery.cancel()


def test_the_whole_layer_is_computed_when_that_is_asked_for() -> None:
    gallery = done(cw.FilterGallery(wide(40), "0", steps=1, whole=True))
    assert finished(gallery) == list(range(40))


def test_what_is_begun_and_scrolled_past_is_not_lost_until_there_is_too_much_of_it() -> None:
    wall = wall_of(wide(400), steps=9)
    for start in range(0, 400, BATCH):
        for _ in range(2):
            batch = wall.next(range(start, start + BATCH))
            assert batch is not None
            wall.step(batch)
    assert len(wall._batches) <= 14
    assert wall.done[392] == 1
    assert wall.done[0] == 0


def test_frames_of_the_film_are_close_together_in_the_beginning() -> None:
    assert film_steps(1) == [0, 1]
    assert film_steps(96)[:4] == [0, 1, 3, 7]
    assert film_steps(96)[-1] == 96


# what is kept -------------------------------------------------------------------------------------------------------------


def test_another_gallery_of_the_same_network_finds_every_picture_on_the_disk(network: cw.Network, gallery: Any) -> None:
    again = cw.FilterGallery(network, "3", steps=STEPS)
    calls = count_calls(network)
    done(again)
    np.testing.assert_array_equal(again.picture(5), gallery.picture(5))
    assert again.wall["done"] == gallery.wall["done"]
    assert calls() <= 8  # of 64 pictures of noise, 16 at once


@pytest.mark.parametrize(
    "other",
    [{"steps": 5}, {"seed": 1}, {"size": 12}, {"recipe": "plain"}, {"layer": "0"}],
    ids=lambda each: next(iter(each)),
)
def test_what_decides_a_picture_tells_it_apart_on_the_disk(network: cw.Network, gallery: Any, other: Any) -> None:
    again = done(cw.FilterGallery(network, **{"layer": "3", "steps": STEPS, **other}))
    assert again.wall["key"] != gallery.wall["key"]


def test_a_trained_network_is_asked_anew(network: cw.Network, gallery: Any) -> None:
    before, key = gallery.picture(2), gallery.wall["key"]
    with torch.no_grad():
        network.model[3].weight.mul_(-1)
    gallery.mode = "weights"
    gallery.mode = "synthesized"
    done(gallery)
    assert gallery.wall["key"] != key
    assert np.abs(gallery.picture(2).astype(int) - before).max() > 20


def test_a_damaged_file_is_computed_again(network: cw.Network, gallery: Any, folder: Path) -> None:
    for file in folder.rglob("*.cell"):
        file.write_bytes(file.read_bytes()[:-7])
    again = done(cw.FilterGallery(network, "3", steps=STEPS))
    np.testing.assert_array_equal(again.picture(5), gallery.picture(5))


def test_a_gallery_goes_on_where_the_disk_cannot_be_written_to(network: cw.Network, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    gallery = done(cw.FilterGallery(network, "3", cache=tmp_path / "file" / "x", steps=STEPS))
    assert finished(gallery) == list(range(8))
    assert "cannot be written to" in gallery.message


def test_nothing_is_kept_where_that_is_not_wanted(network: cw.Network, folder: Path) -> None:
    done(cw.FilterGallery(network, "3", cache=False, steps=STEPS))
    done(cw.FilterGallery(wide(64), "0", cache=False, steps=1))  # most of it out of view
    assert not folder.exists()


def test_a_process_that_is_killed_loses_only_the_pictures_it_was_at(folder: Path) -> None:
    network = wide(64)
    gallery = cw.FilterGallery(network, "0", steps=40)
    deadline = time.monotonic() + 60
    while not list(folder.rglob("*.cell")) and time.monotonic() < deadline:
        time.sleep(0.01)
    gallery._task.cancel()  # nothing more of this one is heard
    gallery.wait()
    there = len(list(folder.rglob("*.cell")))
    again = cw.FilterGallery(network, "0", steps=40)
    again.cancel()
    again.viewport = list(range(64))
    done(again)
    assert there >= BATCH
    assert len(finished(again)) == there


# what the page is told -----------------------------------------------------------------------------------------------------


def test_the_page_gets_each_picture_in_view_and_none_twice(
    network: cw.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[dict[str, Any], list[bytes]]] = []
    monkeypatch.setattr(cw.FilterGallery, "send", lambda _, content, buffers: sent.append((content, buffers)))
    gallery = done(cw.FilterGallery(network, "3", steps=STEPS))
    gallery.viewport = [0, 1, 2]
    done(gallery)
    parcels = [pair for content, _ in sent for pair in zip(content["channels"], content["done"], strict=True)]
    assert len(parcels) == len(set(parcels))
    assert {channel for channel, step in parcels if step == STEPS} == set(range(8))
    image = Image.open(io.BytesIO(sent[-1][1][0]))
    assert image.size == (16, 16)


def test_a_page_that_is_opened_gets_all_that_is_in_view(gallery: Any) -> None:
    sent = listened(gallery)
    gallery._received(gallery, {"type": "run"}, [])
    done(gallery)
    assert sent[0][0] == {"type": "alive"}
    assert sorted({channel for content, _ in sent[1:] for channel in content["channels"]}) == list(range(8))


def test_the_film_of_the_chosen_unit_has_its_frames_and_every_score(gallery: Any) -> None:
    gallery.channel = 3
    unit = done(gallery).unit
    assert unit["film"]["steps"] == film_steps(STEPS)
    assert len(np.frombuffer(unit["history"], np.float32)) == STEPS
    assert all(Image.open(io.BytesIO(file)).size == (16, 16) for file in unit["film"]["data"])


def test_the_film_ends_with_the_picture_and_comes_back_from_the_disk(network: cw.Network) -> None:
    def film() -> list[bytes]:
        gallery = done(cw.FilterGallery(network, "3", channel=3, steps=12))
        assert gallery.unit["film"]["data"][-1] == gallery._walls.shown.cell(3).jpeg
        assert len(np.frombuffer(gallery.unit["history"], np.float32)) == 12
        return gallery.unit["film"]["data"]

    first = film()
    assert len(set(first)) == len(first)
    assert film() == first


def test_the_score_of_a_finished_cell_is_what_the_unit_answers_to_its_picture(network: cw.Network) -> None:
    gallery = done(cw.FilterGallery(network, "3", steps=20))
    score = np.frombuffer(gallery.wall["score"], np.float32)[5]
    maps = cw.activation_maps(network, gallery.picture(5), "3").values[0, 5]
    assert maps.mean() == pytest.approx(score, rel=0.1)


def test_it_is_measured_without_the_shaking_of_the_last_step() -> None:
    wall = wall_of(wide(3), steps=6)
    batch = wall.next([0, 1, 2])
    assert batch is not None
    while not batch.finished:
        wall.step(batch)
    assert batch._ascent is not None
    assert wall.score.tolist() == pytest.approx(batch._ascent.measure().tolist())
    assert wall.score.tolist() != pytest.approx(batch._ascent.scores.tolist(), rel=1e-3)


def test_variants_come_by_themselves_and_are_none_of_the_picture(network: cw.Network) -> None:
    gallery = cw.FilterGallery(network, "3", channel=5, steps=12)
    variants = [decoded(file).astype(int) for file in done(gallery).unit["variants"]["data"]]
    assert len(variants) == 3
    own = gallery.picture(5)
    assert min(np.abs(each - own).mean() for each in variants) > 5


def test_a_large_picture_goes_on_from_the_small_one(network: cw.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnvis_widgets.widgets._filter_study.LARGE", 64)
    monkeypatch.setattr("cnnvis_widgets.widgets._filter_study.LARGE_STEPS", 2)
    gallery = done(cw.FilterGallery(network, "3", channel=5, steps=20))
    gallery.sharpen()
    sharp = done(gallery).unit["sharp"]
    large = Image.open(io.BytesIO(sharp["data"][0]))
    assert large.size == (64, 64)
    small = np.asarray(large.resize((16, 16), Image.Resampling.BOX)).astype(float).ravel()
    assert np.corrcoef(small, gallery.picture(5).astype(float).ravel())[0, 1] > 0.5


def test_what_was_asked_of_a_unit_is_not_taken_up_again_after_a_cancel(
    gallery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnnvis_widgets.widgets._filter_study.LARGE", 64)
    monkeypatch.setattr("cnnvis_widgets.widgets._filter_study.LARGE_STEPS", 200)
    gallery.sharpen(2)
    gallery.cancel()
    gallery._received(gallery, {"type": "run", "again": True}, [])
    assert done(gallery).unit["channel"] == 2
    assert gallery.unit["sharp"].get("done", 0) < 200


def test_the_way_begins_with_one_unit_and_ends_with_the_other(network: cw.Network) -> None:
    gallery = done(cw.FilterGallery(network, "3", steps=24))
    gallery.interpolate(1, 6)
    way = done(gallery).unit["between"]
    assert (gallery.channel, way["other"], len(way["data"])) == (1, 6, 7)
    answers = np.stack([cw.activation_maps(network, decoded(file), "3").values[0].mean((1, 2)) for file in way["data"]])
    assert answers[0, 1] > answers[-1, 1]
    assert answers[-1, 6] > answers[0, 6]


def test_an_errand_that_cannot_be_done_is_said_and_all_else_goes_on(
    gallery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        msg = "The network takes no such size."
        raise cw.AscentError(msg)

    monkeypatch.setattr("cnnvis_widgets.widgets._filter_study._large", refused)
    gallery.sharpen(2)
    assert done(gallery).message == "The network takes no such size."
    gallery.channel = 4
    assert done(gallery).unit["channel"] == 4


@pytest.mark.parametrize(
    "content",
    [{"type": "sharp"}, {"type": "between", "channel": 1, "other": 1}, {"type": "sharp", "channel": 99}],
)
def test_a_deed_that_makes_no_sense_is_said(gallery: Any, content: Any) -> None:
    gallery._received(gallery, content, [])
    assert gallery.status == "failed"
    gallery.layer = "0"
    assert done(gallery).status == "ready"


def test_strongest_patches_are_those_of_the_data_set(network: cw.Network, pictures: list[np.ndarray]) -> None:
    gallery = done(cw.FilterGallery(network, "3", pictures, channel=5, steps=STEPS))
    true = [cw.activation_maps(network, picture, "3").values[0, 5].max() for picture in pictures]
    values = [patch["value"] for patch in gallery.unit["patches"]]
    assert values == pytest.approx(sorted(true, reverse=True), rel=1e-4)
    assert Image.open(io.BytesIO(gallery.unit["sheet"])).size == (3 * facts.LARGE_PATCH,) * 2
    assert np.frombuffer(gallery.wall["peak"], np.float32)[5] == pytest.approx(max(true), rel=1e-4)


def test_a_picture_that_is_dropped_joins_the_data_set(gallery: Any, pictures: list[np.ndarray]) -> None:
    assert gallery.wall["pictures"] == 0
    for picture in pictures[:2]:
        gallery.add_image(picture)
    gallery.channel = 1
    assert done(gallery).wall["seen"] == 2
    assert len(gallery.unit["patches"]) == 2


def test_units_that_answer_alike_are_alike(network: cw.Network, pictures: list[np.ndarray]) -> None:
    answered = facts.answers(network, network.layer("3"), facts.probes(network, pictures))
    assert answered.shape == (len(pictures), 8)
    near = facts.likeness(facts.profiles(answered), 2)
    true = np.corrcoef(answered.T)[2]
    np.testing.assert_allclose(near, true, atol=0.03)


def test_filters_are_sent_to_a_127th_of_their_largest_weight(network: cw.Network) -> None:
    told = facts.weights_of(network, "0")
    bound = np.frombuffer(told["bound"], np.float32)[:, None, None, None]
    levels = np.frombuffer(told["data"], np.int8).reshape(6, 3, 3, 3)
    true = network.model[0].weight.detach().numpy()
    assert told["rgb"]
    assert np.abs(levels / 127 * bound - true).max() <= bound.max() / 127 / 2 + 1e-6


def test_a_layer_without_filters_names_those_that_have_some(network: cw.Network) -> None:
    told = facts.weights_of(network, "4")
    assert "has no filters" in told["why"]
    assert told["near"] == ["3"]


# what can go wrong ------------------------------------------------------------------------------------------------------------


def test_cancel_is_taken_at_once_what_is_there_stays_and_it_goes_on_when_asked() -> None:
    gallery = cw.FilterGallery(wide(64), "0", steps=400)
    while not gallery._has_result():
        time.sleep(0.01)
    started = time.monotonic()
    gallery._received(gallery, {"type": "cancel"}, [])
    assert time.monotonic() - started < 0.5
    assert gallery.status == "ready"
    gallery.wait()
    before = gallery._walls.shown.done.copy()
    gallery.viewport = [30, 31]  # looking does not begin it again
    done(gallery)
    assert gallery._walls.shown.done.tolist() == before.tolist()
    gallery._received(gallery, {"type": "run", "again": True}, [])
    time.sleep(0.3)
    assert gallery._walls.shown.done.sum() > before.sum()
    gallery.cancel()


def test_a_dead_unit_is_named_with_the_reason() -> None:
    network = wide(6)
    with torch.no_grad():
        network.model[0].weight[2] = 0
        network.model[0].bias[2] = -1
    gallery = done(cw.FilterGallery(network, "1", steps=80))
    assert "silent" in gallery.wall["notes"]["2"]
    assert 2 in finished(gallery)


def test_weights_that_are_no_numbers_are_named_and_the_page_can_read_it() -> None:
    network = wide(6)
    with torch.no_grad():
        network.model[0].weight[3] = float("nan")
    gallery = done(cw.FilterGallery(network, "0", channel=3, steps=STEPS))
    assert "not a finite number" in gallery.wall["notes"]["3"]
    json.dumps(ipywidgets.widgets.widget._remove_buffers(gallery.get_state())[0], allow_nan=False)


@pytest.mark.parametrize("channels", [1, 2048])
def test_a_layer_may_have_one_unit_or_thousands(channels: int) -> None:
    gallery = done(cw.FilterGallery(wide(channels), "0", steps=1))
    assert gallery.wall["channels"] == channels
    assert len(finished(gallery)) == min(24, channels)
    state = sum(len(part) for part in ipywidgets.widgets.widget._remove_buffers(gallery.get_state())[2])
    assert state < 1_000_000


@pytest.mark.parametrize("inputs", [1, 4])
def test_networks_of_other_channels_than_three_have_pictures_variants_and_weights(inputs: int) -> None:
    gallery = done(cw.FilterGallery(wide(5, inputs), "0", channel=2, steps=STEPS))
    assert gallery.picture(2).shape == (12, 12, 3)
    assert len(gallery.unit["variants"]["data"]) == 3
    assert gallery.weights["shown"] == inputs


def test_a_layer_behind_a_flattened_one_is_climbed_at_the_networks_own_size() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 120 * 120, 3))
    gallery = done(cw.FilterGallery(cw.Network(model, cw.Preprocess(size=(120, 120))), "3", steps=1))
    assert gallery.wall["size"] == [120, 120]
    gallery.layer = "1"
    assert done(gallery).wall["size"] == [96, 96]


def test_another_layer_lets_go_of_a_channel_it_does_not_have(gallery: Any) -> None:
    gallery.channel = 7
    gallery.layer = "0"
    done(gallery)
    assert (gallery.channel, gallery.wall["layer"], gallery.unit) == (-1, "0", {})


def test_going_through_many_layers_computes_the_last(network: cw.Network) -> None:
    gallery = cw.FilterGallery(network, "0", steps=200)
    for name in ("1", "2", "3", "4") * 5:
        gallery.layer = name
    gallery.layer = "3"
    deadline = time.monotonic() + 20
    while gallery.wall.get("layer") != "3" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gallery._walls.shown.layer == "3"
    gallery.cancel()


def test_an_unknown_layer_is_refused_and_one_set_later_is_said(network: cw.Network, gallery: Any) -> None:
    with pytest.raises(cw.LayerError, match="has no layer 'convolution'"):
        cw.FilterGallery(network, "convolution")
    gallery.layer = "convolution"
    gallery.wait(20)
    assert gallery.status == "failed"
    assert "has no layer" in gallery.notice["text"]
    gallery.layer = "3"
    assert done(gallery).notice == {}


def test_a_misspelled_keyword_and_a_path_as_data_set_are_refused(network: cw.Network) -> None:
    with pytest.raises(TypeError, match="did you mean 'steps'"):
        cw.FilterGallery(network, "3", step=3)
    with pytest.raises(TypeError, match=r"give a list of pictures, or cw.folder"):
        cw.FilterGallery(network, "3", "photos")
    with pytest.raises(cw.AscentError, match="no recipe 'standart'"):
        cw.FilterGallery(network, "3", recipe="standart")


# what stays ---------------------------------------------------------------------------------------------------------------------


def test_a_page_without_python_holds_pictures_and_films(gallery: Any, tmp_path: Path) -> None:
    gallery.channel = 2
    text = done(gallery).to_html(tmp_path / "page.html").read_text()
    state = json.loads(text.split('id="cnn-state">', maxsplit=1)[1].split("</script>", maxsplit=1)[0])
    entry = state["archive"]["entries"]["3"]
    assert entry["cells"]["channels"] == list(range(8))
    assert sorted(map(int, entry["units"])) == list(range(8))
    assert len(entry["units"]["7"]["film"]["data"]) == len(film_steps(STEPS))
    assert not re.search(r"(src|href)=[\"']?https?:", text)


def test_the_saved_state_has_the_pictures_in_view(gallery: Any) -> None:
    assert gallery.cells["channels"] == list(range(8))
    assert all(file.startswith(b"\xff\xd8") for file in gallery.cells["data"])


def test_they_are_saved_in_the_order_seen(gallery: Any) -> None:
    gallery.viewport = [5, 2, 7]
    assert done(gallery).cells["channels"] == [5, 2, 7]


def test_the_contact_sheet_holds_every_picture_there_is(gallery: Any) -> None:
    sent = listened(gallery)
    gallery._received(gallery, {"type": "export", "format": "png"}, [])
    content, (file,) = sent[0]
    assert content["mime"] == "image/png"
    assert Image.open(io.BytesIO(file)).width > 1000


def test_closing_lets_go_of_the_network_and_threads_do_not_grow() -> None:
    network = wide(4)
    for _ in range(10):
        gallery = done(cw.FilterGallery(network, "0", steps=1))
        gallery.close()
    threads = threading.active_count()
    for _ in range(10):
        done(cw.FilterGallery(network, "0", steps=1)).close()
    assert threading.active_count() <= max(threads, 10)
    alive = weakref.ref(network.model)
    del network, gallery
    gc.collect()
    assert alive() is None


def test_what_is_released_is_computed_or_read_again(gallery: Any) -> None:
    before = gallery.picture(3)
    gallery._release()
    gallery.viewport = [3]
    np.testing.assert_array_equal(done(gallery).picture(3), before)


def test_the_module_is_as_it_was(network: cw.Network) -> None:
    model = network.model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    done(cw.FilterGallery(network, "3", steps=2))
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def count_calls(network: cw.Network) -> Callable[[], int]:
    calls: list[int] = []
    network.model[0].register_forward_hook(lambda *_: calls.append(1))
    return lambda: len(calls)
