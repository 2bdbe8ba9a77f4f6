"""The dream canvas: what is dreamed, what is kept of it, and how one goes on."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.widgets._alone import listed
from cnnvis_widgets.widgets._film import MOST_FRAMES, Film, Frame, animation, decoded, encoded

from .conftest import small_model

SHORT = {"octaves": 2, "steps": 3, "size": 48}


def done(canvas: cw.DreamCanvas) -> cw.DreamCanvas:
    assert canvas.wait(30), "the task did not end"
    return canvas


def made(network: cw.Network, image: Any, layers: Any = None, **options: Any) -> cw.DreamCanvas:
    canvas = done(cw.DreamCanvas(network, image, layers, **{**SHORT, **options}))
    assert canvas.status == "ready", canvas.notice
    return canvas


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def slow_network(seconds: float = 0.03) -> cw.Network:
    return cw.Network(small_model(slow=seconds), cw.Preprocess(size=(16, 16)), name="slow")


def steps(canvas: cw.DreamCanvas) -> list[int]:
    return [frame["step"] for frame in canvas.film["frames"]]


def curve(canvas: cw.DreamCanvas, unit: str) -> np.ndarray:
    told = canvas.curves
    values = np.frombuffer(told["values"], np.float32).reshape(len(told["units"]), -1)
    return values[told["units"].index(unit)]


def sections(canvas: cw.DreamCanvas) -> list[tuple[str, int, int, int]]:
    return [(each["kind"], each["number"], each["first"], each["last"]) for each in canvas.plan["sections"]]


# a dream -------------------------------------------------------------------------------------------------------------


def test_the_film_goes_from_the_photo_through_every_octave(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0}, octaves=3)
    assert steps(canvas) == list(range(10))
    assert sections(canvas) == [("octave", 1, 1, 3), ("octave", 2, 4, 6), ("octave", 3, 7, 9)]
    assert [each["height"] for each in canvas.plan["sections"]] == [24, 34, 48]
    assert (canvas.plan["step"], canvas.plan["total"]) == (9, 9)
    assert canvas.live == {}
    assert canvas.message.startswith("9 steps on picture 1 in ")


def test_it_dreams_what_the_engine_dreams(network: cw.Network, photo: np.ndarray) -> None:
    from cnnvis_widgets.engine.dream import Dream, read_at_its_size, resized

    canvas = made(network, photo, {"3": 1.0, "0:2": 0.5}, seed=4, jitter=5, levels=1)
    start = resized(read_at_its_size(network.at_any_size(), photo), (48, 48)).clamp(0, 1)
    dream = Dream(network, start, {"3": 1.0, "0:2": 0.5}, octaves=2, steps=3, jitter=5, levels=1, seed=4)
    while not dream.finished:
        dream.step()
    wanted = (dream.picture[0] * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    assert np.abs(canvas.picture().astype(int) - wanted).max() <= 1


def test_what_pulls_grows_and_the_photos_own_activity_is_1(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"1": 1.0}, octaves=1, steps=12, jitter=0, rate=0.02)
    grown = curve(canvas, "1")
    assert grown[0] == pytest.approx(1, abs=1e-4)  # found by the first step, before it
    assert grown[-1] > 1.5
    assert np.frombuffer(canvas.curves["steps"], "<i4").tolist() == list(range(1, 13))


def test_a_unit_silent_in_the_photo_is_told_as_it_is(photo: np.ndarray) -> None:
    model = small_model()
    with torch.no_grad():
        model[0].bias[1] = -3.0  # its ReLU never opens on a picture
    network = cw.Network(model, cw.Preprocess(size=(16, 16)))
    canvas = made(network, photo, {"1:1": 1.0, "1": 1.0})
    assert canvas.curves["silent"] == ["1:1"]
    assert np.isfinite(curve(canvas, "1:1")).all()


def test_the_same_seed_gives_the_same_film_and_another_seed_another(network: cw.Network, photo: np.ndarray) -> None:
    films = [made(network, photo, {"3": 1.0}, seed=seed).film["frames"] for seed in (1, 1, 2)]
    assert films[0] == films[1]
    assert films[0][-1]["data"] != films[2][-1]["data"]


def test_frames_come_one_by_one_while_it_dreams(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **{**SHORT, "steps": 8})
    seen: list[int] = []
    films: dict[int, int] = {}

    def look(change: Any) -> None:
        seen.append(change["new"].get("step", -1))
        films[seen[-1]] = len(canvas.film.get("frames", []))

    canvas.observe(look, "live")
    until(lambda: len(seen) > 3)
    assert canvas.status == "busy"
    assert canvas.message.startswith("Dreaming: octave ")
    assert 0 <= canvas.progress <= 1
    assert canvas.plan["total"] == 16
    done(canvas)
    shown = [step for step in seen if step > 0]
    assert shown == sorted(shown)
    assert all(count == 0 for step, count in films.items() if 0 < step < 8)  # frames travel one by one
    assert seen[-1] == -1
    assert steps(canvas) == list(range(17))


def test_the_film_so_far_is_there_to_be_saved_whenever_an_octave_ends(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **{**SHORT, "octaves": 3})
    seen: list[tuple[int, str]] = []
    canvas.observe(lambda change: seen.append((len(change["new"].get("frames", [])), canvas.status)), "film")
    assert done(canvas).status == "ready"
    # Its first words may have been said before one listened.
    assert [each for each in seen if each[0]] == [(4, "busy"), (7, "busy"), (10, "busy")]


def test_a_guide_leads_the_dream_and_one_that_does_not_exist_is_said(network: cw.Network, photo: np.ndarray) -> None:
    plain = made(network, [photo, 1 - photo], {"3": 1.0}).picture()
    guided = made(network, [photo, 1 - photo], {"3": 1.0}, guide=1)
    assert np.abs(guided.picture().astype(int) - plain).mean() > 1
    guided.guide = 7
    guided.dream()
    assert done(guided).status == "failed"
    assert "There are 2 pictures, 0–1; 7 is not one of them." in guided.notice["text"]


# changing on the way ---------------------------------------------------------------------------------------------------


def test_a_new_weight_acts_at_once_and_the_dream_goes_on_from_there(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **{**SHORT, "steps": 20})
    until(lambda: canvas.live.get("step", 0) >= 3)
    reel, before = canvas.plan["reel"], canvas.live["step"]
    canvas.mix = {"4": 0.0, "1": 1.5}
    canvas.jitter = 2
    done(canvas)
    assert canvas.plan["reel"] == reel
    assert steps(canvas) == list(range(41))
    assert canvas.plan["asked"]["pulls"] == {"4": 0.0, "1": 1.5}
    assert canvas.plan["asked"]["jitter"] == 2
    late, early = curve(canvas, "1"), curve(canvas, "4")
    assert np.isnan(late[:before]).all()
    assert np.isfinite(late[-5:]).all()
    assert np.isfinite(early[:before]).all()
    assert np.isnan(early[-5:]).all()


def test_more_or_fewer_steps_an_octave_act_on_the_way(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **{**SHORT, "steps": 40})
    until(lambda: canvas.live.get("step", 0) >= 3)
    canvas.steps = 2
    done(canvas)
    (_, _, first, last), (_, _, begun, ended) = sections(canvas)
    assert first == 1
    assert 3 <= last < 40
    assert (begun, ended) == (last + 1, last + 2)
    assert canvas.plan["step"] == canvas.plan["total"] == ended


def test_a_change_while_nothing_is_dreamed_changes_no_picture(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    before = canvas.film
    canvas.mix, canvas.octaves, canvas.seed = {"0": 2.0}, 3, 9
    done(canvas)
    assert canvas.film is before
    assert canvas.plan["asked"]["pulls"] == {"3": 1.0}
    canvas.dream()
    done(canvas)
    assert canvas.plan["asked"]["pulls"] == {"0": 2.0}
    assert len(canvas.plan["sections"]) == 3


# stopping and going on -------------------------------------------------------------------------------------------------


def test_cancelling_keeps_the_frames_and_it_goes_on_from_there(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **{**SHORT, "steps": 6})
    until(lambda: canvas.live.get("step", 0) >= 4)
    started = time.monotonic()
    canvas.cancel()
    assert time.monotonic() - started < 0.2  # the eight steps that are left take longer
    assert canvas.status == "ready"
    assert steps(canvas)[-1] >= 4
    assert "it can go on from here" in canvas.message
    done(canvas)
    kept = canvas.film["frames"]
    canvas.dream_on()
    done(canvas)
    assert steps(canvas) == list(range(13))
    assert canvas.film["frames"][: len(kept)] == kept
    assert canvas.plan["step"] == canvas.plan["total"] == 12


def test_a_stopped_dream_that_goes_on_ends_as_one_that_never_stopped(photo: np.ndarray) -> None:
    network = slow_network(0.01)
    whole = made(network, photo, {"4": 1.0}, steps=6)
    canvas = cw.DreamCanvas(network, photo, {"4": 1.0}, **{**SHORT, "steps": 6})
    until(lambda: canvas.live.get("step", 0) >= 3)
    canvas.cancel()
    canvas.dream_on()
    np.testing.assert_array_equal(done(canvas).picture(), whole.picture())


def test_dream_on_zooms_into_the_middle(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0}, zoom=2.0, rate=1e-5)
    before = canvas.picture().astype(float)
    canvas.dream_on()
    done(canvas)
    assert sections(canvas)[2:4] == [("zoom", 1, 7, 8), ("zoom", 2, 9, 10)]
    assert canvas.plan["step"] == canvas.plan["total"] == 6 + 6 * 2
    once = canvas.picture(7).astype(float)
    enlarged = np.asarray(
        Image.fromarray(before[12:36, 12:36].astype(np.uint8)).resize((48, 48), Image.Resampling.BICUBIC)
    )
    assert np.abs(once - enlarged).mean() < 6


def test_going_on_from_an_earlier_frame_drops_what_came_after(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0}, octaves=3)
    whole, film = canvas.picture().astype(int), canvas.film["frames"]
    canvas.shown = 4
    canvas.dream_on()
    done(canvas)
    assert steps(canvas) == list(range(10))
    assert canvas.film["frames"][:5] == film[:5]
    assert canvas.shown == -1
    assert np.abs(canvas.picture().astype(int) - whole).mean() < 4  # the frame was kept as JPEG
    assert np.abs(whole - decoded(film[0]["data"])).mean() > 10


def test_going_on_from_a_frame_of_a_zoom_stays_in_that_zoom(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    canvas.dream_on()
    done(canvas)
    whole = canvas.picture(10).astype(int)
    canvas.dream_on(9)
    done(canvas)
    assert sections(canvas)[-1] == ("zoom", 2, 9, 10)
    assert steps(canvas)[-1] == 10
    assert np.abs(canvas.picture().astype(int) - whole).mean() < 4


def test_what_was_released_goes_on_from_its_film(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    canvas._release()
    canvas.dream_on(3)
    assert done(canvas).status == "ready", canvas.notice
    assert steps(canvas) == list(range(7))


def test_each_picture_has_a_dream_of_its_own(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, [photo, 1 - photo], {"3": 1.0})
    first = canvas.film
    canvas.image = 1
    assert done(canvas).plan["image"] == 1
    assert canvas.film["frames"] != first["frames"]
    canvas.image = 0
    assert done(canvas).film == first  # nothing is dreamed again


# what goes wrong -------------------------------------------------------------------------------------------------------


def test_a_layer_or_channel_that_does_not_exist_is_refused_in_one_sentence(
    network: cw.Network, photo: np.ndarray
) -> None:
    with pytest.raises(cw.LayerError, match=r"small has no layer 'features\.3'"):
        cw.DreamCanvas(network, photo, {"features.3": 1.0})
    with pytest.raises(cw.LayerError, match="3 has channels 0–7; 8 is not one of them"):
        cw.DreamCanvas(network, photo, {"3:8": 1.0})
    canvas = made(network, photo, {"3": 1.0})
    canvas.mix = {"7:99": 1.0}
    assert canvas.status == "failed"
    assert canvas.notice["title"] == "This layer cannot be used"
    canvas.mix = {"3": 1.0}
    assert done(canvas).status == "ready"
    assert canvas.notice == {}


HINT = "give a layer's name, or units with weights, such as {'features.9': 1.0, 'features.9:3': 0.5}."
BAD_MIXES = [
    (5, f"layers is 5: {HINT}"),
    ([], f"layers is []: {HINT}"),
    (["3", "4"], f"layers is ['3', '4']: {HINT}"),
    ({}, "layers is {}, so nothing pulls: give a layer or a channel a weight, such as {'4': 1.0}."),
    ({"3": 0}, "layers is {'3': 0}, so nothing pulls: give a layer or a channel a weight, such as {'4': 1.0}."),
    ({"x": "y"}, "The weight of x is 'y': give a number, such as 1."),
    ({"3": float("nan")}, "The weight of 3 is nan: give a number, such as 1."),
    ({"3": None}, "The weight of 3 is None: give a number, such as 1."),
    ({"x": 1}, "small has no layer 'x'. It has '0', '1'"),
    ({"3:99": 1}, "3 has channels 0–7; 99 is not one of them."),
]
BAD_OPTIONS = [
    ("octaves", -1, "octaves is -1: give a whole number from 1 to 12, such as 4."),
    ("octaves", "a", "octaves is 'a': give a whole number from 1 to 12, such as 4."),
    ("octaves", True, "octaves is True: give a whole number from 1 to 12, such as 4."),
    ("steps", 0, "steps is 0: give a whole number from 1 to 500, such as 10."),
    ("steps", "many", "steps is 'many': give a whole number from 1 to 500, such as 10."),
    ("ratio", float("nan"), "ratio is nan: give a number from 1 to 4, such as 1.4."),
    ("rate", -1, "rate is -1: give a number from 1e-05 to 1, such as 0.01."),
    ("levels", 0, "levels is 0: give a whole number from 1 to 8, such as 2."),
    ("jitter", -3, "jitter is -3: give a whole number from 0 to 512 pixels, such as 32."),
    ("zoom", None, "zoom is None: give a number from 1 to 4, such as 1.1."),
    ("size", -1, "size is -1: give a whole number from 0 to 4,096 pixels on the longest side (0: the picture's own)"),
    ("size", 10**5, "size is 100000: give a whole number from 0 to 4,096 pixels on the longest side"),
    ("size", "x", "size is 'x': give a whole number from 0 to 4,096 pixels on the longest side"),
    ("seed", 1.5, "seed is 1.5: give a whole number from 0 to 2^53 − 1, such as 0."),
    ("speed", 0, "speed is 0: give a number from 0.5 to 50 frames a second, such as 12."),
    ("view", "x", "view is 'x': give 'dream' or 'split' or 'photo'."),
    ("shown", "x", "shown is 'x': give a whole number from −1 on that says which step is shown (−1: the newest)"),
    ("guide", "x", "guide is 'x': give a whole number from −1 on that says which picture guides the dream (−1: none)"),
    ("guide", np.zeros((8, 8, 3)), "guide is an array of 8 × 8 × 3: give a whole number from −1 on that says which picture"),
    ("mix", 5, f"mix is 5: {HINT}"),
    ("mix", {"3": "y"}, "The weight of 3 is 'y': give a number, such as 1."),
]


@pytest.mark.parametrize(("layers", "sentence"), BAD_MIXES, ids=str)
def test_a_mix_that_cannot_pull_is_refused_in_one_sentence(
    network: cw.Network, photo: np.ndarray, layers: Any, sentence: str
) -> None:
    with pytest.raises((cw.AscentError, cw.LayerError), match=re.escape(sentence)):
        cw.DreamCanvas(network, photo, layers, **SHORT)


@pytest.mark.parametrize(("name", "value", "sentence"), BAD_OPTIONS, ids=str)
def test_a_bad_option_is_refused_in_one_sentence(
    network: cw.Network, photo: np.ndarray, name: str, value: Any, sentence: str
) -> None:
    if name != "mix":  # given as layers
        with pytest.raises(cw.CnnvisError, match=re.escape(sentence)):
            cw.DreamCanvas(network, photo, **{**SHORT, name: value})
    canvas = cw.DreamCanvas(network)
    before = getattr(canvas, name)
    with pytest.raises(cw.CnnvisError, match=re.escape(sentence)):
        setattr(canvas, name, value)
    assert getattr(canvas, name) == before


def test_a_guide_that_is_no_picture_of_the_canvas_is_refused(network: cw.Network, photo: np.ndarray) -> None:
    with pytest.raises(cw.ImageError, match="There are 1 pictures, 0–0; 7 is not one of them"):
        cw.DreamCanvas(network, photo, guide=7, **SHORT)
    with pytest.raises(cw.ImageError, match="There is no picture yet; 0 is not one of them"):
        cw.DreamCanvas(network, guide=0)


@pytest.mark.parametrize(("name", "value"), [("octaves", "a"), ("seed", -1), ("size", 1e9), ("rate", None)])
def test_what_a_page_sets_in_bad_shape_is_a_notice_and_nothing_is_lost(
    network: cw.Network, photo: np.ndarray, name: str, value: Any
) -> None:
    canvas = made(network, photo)
    before, film = getattr(canvas, name), steps(canvas)
    canvas.set_state({name: value})
    assert canvas.status == "failed"
    assert f"{name} is {value!r}: give a " in canvas.notice["text"]
    assert (getattr(canvas, name), steps(canvas)) == (before, film)
    canvas.dream_on()
    assert done(canvas).status == "ready"


def test_with_every_weight_at_0_it_stops_keeps_its_frames_and_offers_the_last_mix(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **{**SHORT, "steps": 6})
    until(lambda: canvas.live.get("step", 0) >= 2)
    canvas.mix = {"4": 0.0}
    assert done(canvas).status == "failed"
    assert canvas.notice["title"] == "Nothing is left to climb"
    assert steps(canvas)[-1] >= 2
    [way_out] = canvas.notice["actions"]
    canvas.mix = way_out["set"]["mix"]
    assert done(canvas).status == "ready"
    assert steps(canvas) == list(range(13))


def test_weights_that_are_no_numbers_are_said_and_what_was_dreamed_stays(photo: np.ndarray) -> None:
    network = slow_network()
    canvas = cw.DreamCanvas(network, photo, {"4": 1.0}, **{**SHORT, "steps": 6})

    def spoil(model: nn.Module, _inputs: object) -> None:  # between two passes, in the thread that computes
        if canvas.live.get("step", 0) >= 2:
            with torch.no_grad():
                model[1].weight.fill_(float("nan"))

    network.model.register_forward_pre_hook(spoil)
    assert done(canvas).status == "failed"
    assert "no numbers" in canvas.notice["text"]
    assert steps(canvas)[-1] >= 2
    assert np.isfinite(curve(canvas, "4")).all()


def test_a_picture_too_small_for_the_layers_is_said(photo: np.ndarray) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 15), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    network = cw.Network(model, cw.Preprocess(size=(32, 32)), name="wide")
    canvas = done(cw.DreamCanvas(network, photo, {"0": 1.0}, **{**SHORT, "size": 12}))
    assert canvas.status == "failed"
    assert "give a larger one, or pull an earlier layer" in canvas.notice["text"]
    canvas.size = 40
    assert done(canvas).status == "ready"


# pictures of all kinds ---------------------------------------------------------------------------------------------------


def test_a_picture_keeps_its_shape(network: cw.Network) -> None:
    wide = np.random.default_rng(1).random((30, 90, 3)).astype(np.float32)
    canvas = made(network, wide, {"3": 1.0})
    assert canvas.picture().shape == (16, 48, 3)
    assert (canvas.plan["height"], canvas.plan["width"]) == (16, 48)
    assert (canvas.pictures[0]["height"], canvas.pictures[0]["width"]) == (16, 48)


def test_the_canvas_is_as_large_as_the_picture_within_reason(network: cw.Network) -> None:
    sizes = {16: 48, 100: 100, 900: 512}  # small ones are enlarged to three times what the network takes
    for own, wanted in sizes.items():
        picture = np.zeros((own, own, 3), np.float32)
        assert cw.DreamCanvas(network, picture, {"0": 1.0}, octaves=1, steps=1).pictures[0]["width"] == wanted


def test_a_gray_network_dreams_in_gray() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    network = cw.Network(model, cw.Preprocess(size=(8, 8)))
    canvas = made(network, np.random.default_rng(0).random((20, 20)).astype(np.float32), {"0:1": 1.0})
    canvas.dream_on(4)
    picture = done(canvas).picture()
    assert canvas.status == "ready", canvas.notice
    assert picture.shape == (48, 48, 3)
    assert (picture == picture[..., :1]).all()


def test_a_large_photo_is_dreamed_whole_and_shown_small(network: cw.Network) -> None:
    large = np.random.default_rng(0).random((1500, 2000, 3)).astype(np.float32)
    canvas = made(network, large, {"0": 1.0}, size=2000, octaves=1, steps=2)
    assert canvas.picture().shape == (1500, 2000, 3)
    assert max(decoded(canvas.film["frames"][-1]["data"]).shape) == 768
    canvas.dream_on(1)  # from a frame that was kept at full size
    assert done(canvas).picture(1).shape == (1500, 2000, 3)


# the film ----------------------------------------------------------------------------------------------------------------


def test_a_film_is_bounded_and_keeps_its_ends() -> None:
    film = Film()
    for step in range(1000):
        film.add(Frame(step, bytes(100), last=step % 50 == 0))
        assert len(film) <= MOST_FRAMES
    kept = [frame.step for frame in film.frames]
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (0, 999)
    assert max(np.diff(kept)) < 60
    heavy = Film(most_bytes=1000)
    for step in range(50):
        heavy.add(Frame(step, bytes(100)))
        assert sum(frame.size for frame in heavy.frames) <= 1000
    assert heavy.at(-1).step == 49
    assert heavy.at(0).step == 0
    assert heavy.cut(20).step <= 20


def test_curves_of_a_long_dream_are_thinned_and_end_at_its_last_step(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"0": 1.0}, octaves=1, steps=500, size=16)
    told = np.frombuffer(canvas.curves["steps"], "<i4")
    assert len(told) <= 480
    assert told[-1] == 500
    assert len(canvas.film["frames"]) <= MOST_FRAMES


def test_it_saves_pictures_and_films(network: cw.Network, photo: np.ndarray, tmp_path: Any) -> None:
    canvas = made(network, photo, {"3": 1.0}, speed=10)
    exact = np.asarray(Image.open(canvas.save(tmp_path / "dream.png")))
    np.testing.assert_array_equal(exact, canvas.picture())
    for form in ("webp", "gif"):
        with Image.open(canvas.save(tmp_path / f"dream.{form}")) as film:
            assert film.n_frames == 7
            assert film.size == (48, 48)
            film.seek(2)
            film.load()
            assert film.info["duration"] == 100
            film.seek(6)
            shown = np.asarray(film.convert("RGB")).astype(int)
        assert np.abs(shown - canvas.picture()).mean() < 16
    with Image.open(canvas.save(tmp_path / "part.webp", step=3)) as film:
        assert film.n_frames == 4
    with pytest.raises(cw.ImageError, match=r"saved as \.png, \.webp or \.gif"):
        canvas.save(tmp_path / "dream.mp4")
    with pytest.raises(cw.ImageError, match="no dream of this picture yet"):
        cw.DreamCanvas(network).save(tmp_path / "none.png")


def test_frames_of_other_sizes_fit_into_one_animation() -> None:
    frames = [encoded(torch.rand(1, 3, side, side)) for side in (20, 70, 90)]
    with Image.open(io.BytesIO(animation(frames, "gif", 12, (90, 90)))) as film:
        assert film.n_frames == 3
        assert film.size == (90, 90)


def test_frames_are_there_as_arrays(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    assert [frame.shape for frame in canvas.frames()] == [(48, 48, 3)] * 7


# beside the dream --------------------------------------------------------------------------------------------------------


def test_single_units_are_pictured_when_a_page_shows_them(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    assert canvas.alone == {}
    canvas.wanted = ["0", "3:2", "7"]
    done(canvas)
    assert list(canvas.alone) == ["0|0", "0|3:2", "0|7"]
    assert canvas.alone["0|0"]["data"] != canvas.alone["0|3:2"]["data"]
    assert max(decoded(canvas.alone["0|0"]["data"]).shape[:2]) <= 128
    assert canvas.status == "ready"


def test_a_dream_goes_before_the_pictures_of_single_units(photo: np.ndarray) -> None:
    canvas = cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **SHORT)
    canvas.wanted = ["1"]
    until(lambda: canvas.live.get("step", 0) >= 1)
    assert canvas.alone == {}
    done(canvas)
    assert list(canvas.alone) == ["0|1"]


def test_a_dream_that_begins_stops_the_pictures_of_single_units(photo: np.ndarray) -> None:
    canvas = done(cw.DreamCanvas(slow_network(), photo, {"4": 1.0}, **SHORT))
    canvas.wanted = ["1", "2", "4", "1:1", "1:2"]
    canvas.dream()
    until(lambda: canvas.status == "ready")
    assert len(canvas.alone) <= 1  # the one at work may end
    done(canvas)
    assert len(canvas.alone) == 5  # the others come after the dream


def test_what_a_mix_is_offered_from_are_blocks_with_positions(network: cw.Network) -> None:
    assert listed(network) == ["0", "3"]
    assert listed(cw.demo())[:3] == ["stem.conv", "residual1", "separable1"]
    canvas = cw.DreamCanvas(network)
    assert canvas.rows == ["0", "3"]
    assert canvas.mix == {canvas.layer: 1.0}


# the page ----------------------------------------------------------------------------------------------------------------


def test_the_page_starts_dreams_and_asks_for_files(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    sent: list[tuple[Any, Any]] = []
    canvas.send = lambda content, buffers=None: sent.append((content, buffers))  # type: ignore[method-assign]
    canvas._received(canvas, {"type": "dream", "from": 2}, [])
    done(canvas)
    assert steps(canvas) == list(range(7))
    reel = canvas.plan["reel"]
    canvas._received(canvas, {"type": "dream", "from": "photo"}, [])
    assert done(canvas).plan["reel"] == reel + 1
    for form in ("png", "webp", "gif"):
        canvas._received(canvas, {"type": "save", "format": form, "step": 4}, [])
        done(canvas)
    files = [(content, buffers) for content, buffers in sent if content["type"] == "dream file"]
    assert [content["name"] for content, _ in files] == [f"picture 1_dream.{form}" for form in ("png", "webp", "gif")]
    assert [getattr(Image.open(io.BytesIO(buffers[0])), "n_frames", 1) for _, buffers in files] == [1, 5, 5]
    assert canvas.saving == ""


@pytest.mark.parametrize("content", [{"type": "dream", "from": "nowhere"}, {"type": "save", "format": "exe"}])
def test_a_message_that_makes_no_sense_is_said_and_harms_nothing(
    network: cw.Network, photo: np.ndarray, content: Any
) -> None:
    canvas = made(network, photo, {"3": 1.0})
    film = canvas.film
    canvas._received(canvas, content, [])
    done(canvas)
    assert canvas.status == "failed" or "not as 'exe'" in canvas.saving
    assert canvas.film == film
    canvas.dream_on(2)
    assert done(canvas).status == "ready"


def test_a_saved_page_has_the_film_the_curves_and_the_small_pictures(
    network: cw.Network, photo: np.ndarray, tmp_path: Any
) -> None:
    canvas = made(network, photo, {"3": 1.0, "0:1": 0.5})
    text = canvas.to_html(tmp_path / "dream.html").read_text()
    assert set(canvas._archived()["entries"]) == {"0|3", "0|0:1", "0|0"}
    for key in ('"film":{"reel":1', '"curves":{"reel":1', '"0|0:1"'):
        assert key in text


def test_the_still_picture_shows_the_frame_looked_at(network: cw.Network, photo: np.ndarray) -> None:
    canvas = made(network, photo, {"3": 1.0})
    newest = canvas._poster()
    canvas.shown = 0
    assert newest is not None
    assert canvas._poster() != newest
    assert cw.DreamCanvas(network)._poster() is None
