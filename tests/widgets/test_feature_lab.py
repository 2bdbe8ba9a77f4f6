"""The feature laboratory in Python: sliders and recipes, an ascent that goes on, what it is compared with, and what stays."""

from __future__ import annotations

import base64
import gc
import io
import json
import re
import sys
import threading
import time
import weakref
from dataclasses import replace
from typing import Any

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.objectives import channel, neuron, unit
from cnnvis_widgets.engine.perception import perception_of
from cnnvis_widgets.engine.pictures import resize
from cnnvis_widgets.engine.recipe import LBFGS, NAMED, Octaves, Recipe
from cnnvis_widgets.engine.regularizers import L1, Blur, TotalVariation
from cnnvis_widgets.engine.strongest import strongest_patches
from cnnvis_widgets.engine.transforms import RANGES, Transforms
from cnnvis_widgets.methods.regularization_study import regularization_study
from cnnvis_widgets.widgets._climb import Climb, Unit
from cnnvis_widgets.widgets._recipes import TITLES, flat, presets, recipe_of, settings

from .conftest import small_model

QUICK = {"recipe_a": {"steps": 12}, "recipe_b": {"preset": "plain", "steps": 12}}


def done(lab: cw.FeatureLab) -> cw.FeatureLab:
    assert lab.wait(30), "the task did not end"
    return lab


def lab_of(network: Any, layer: str = "3", channel: int = 2, **options: Any) -> cw.FeatureLab:
    return cw.FeatureLab(network, layer, channel, **{**QUICK, **options})


def said(lab: cw.FeatureLab, **content: Any) -> None:
    lab._received(lab, content, [])


def ran(code: str, **names: Any) -> np.ndarray:
    scope = dict(names)
    exec(code, scope)
    return np.asarray(scope["picture"])


@pytest.fixture
def photos() -> list[np.ndarray]:
    return list(np.random.default_rng(1).random((10, 16, 16, 3)).astype(np.float32))


@pytest.fixture
def slow_network() -> cw.Network:
    return cw.Network(small_model(slow=0.02), cw.Preprocess(size=(16, 16)), name="slow")


# sliders and recipes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_by_name_is_the_same_after_the_sliders(name: str) -> None:
    assert recipe_of(flat(Recipe.named(name), name)) == Recipe.named(name)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(transforms=Transforms(3, 5, (0.7, 1.2), 33.5, 2), octaves=Octaves(3, 1.3), alpha=True, patience=9),
        Recipe(regularizers=(Blur(0.5, sigma=2.5), L1(1.5), TotalVariation(2)), unit=3.5),
        Recipe(optimizer=LBFGS(0.5, memory=4), steps=7),
    ],
)
def test_what_the_sliders_cannot_show_is_kept(recipe: Recipe) -> None:
    again = recipe_of(json.loads(json.dumps(flat(recipe))))
    assert set(again.regularizers) == set(recipe.regularizers)
    assert replace(again, regularizers=recipe.regularizers) == recipe


def test_each_slider_moves_its_own_part() -> None:
    moved = {
        "pad": 1,
        "jitter": 2,
        "scale": [0.8, 1.3],
        "rotate": 40,
        "settle": 3,
        "octaves": 2,
        "ratio": 1.2,
        "l2": 1,
        "l1": 2,
    }
    moved |= {"tv": 3, "blur": 4, "rate": 0.5, "steps": 9, "painted": "laplacian", "climber": "plain"}
    recipe = recipe_of({**flat(Recipe()), **moved}, unit=7)
    assert recipe.transforms == Transforms(1, 2, (0.8, 1.3), 40, 3)
    assert (recipe.octaves, recipe.steps, recipe.unit) == (Octaves(2, 1.2), 9, 7)
    assert {type(each).__name__: each.weight for each in recipe.regularizers} == {
        "L2": 1,
        "L1": 2,
        "TotalVariation": 3,
        "Blur": 4,
    }
    assert (type(recipe.parameterization).__name__, type(recipe.optimizer).__name__, recipe.optimizer.rate) == (
        "Laplacian",
        "Plain",
        0.5,
    )


def test_a_slider_that_moves_leaves_the_base_of_a_recipe_as_it_was() -> None:
    own = Recipe(parameterization=cw.Fourier(decay=2.0))
    assert recipe_of({**flat(own), "jitter": 30}).parameterization == own.parameterization
    assert recipe_of({**flat(own), "painted": "pixels"}).parameterization == cw.Pixels()


def test_recipes_are_given_by_name_as_recipe_or_as_some_sliders(network: cw.Network) -> None:
    assert settings("maco")["painted"] == "maco"
    assert settings(Recipe(steps=5))["steps"] == 5
    assert settings({"jitter": 40}) == {**flat(Recipe(), "standard"), "jitter": 40}
    lab = cw.FeatureLab(network, recipe_a="plain", recipe_b=Recipe(steps=3))
    assert (lab.recipe_a["preset"], lab.recipe_b["steps"]) == ("plain", 3)
    lab.recipe_a = "smooth"
    assert lab.recipe_a["preset"] == "smooth"


def test_unknown_recipes_and_sliders_are_refused_with_those_like_them(network: cw.Network) -> None:
    with pytest.raises(cw.AscentError, match=r"no recipe 'standart'.*standard"):
        cw.FeatureLab(network, recipe_a="standart")
    with pytest.raises(cw.AscentError, match=r"no 'jiter'.*jitter"):
        cw.FeatureLab(network, recipe_a={"jiter": 4})
    with pytest.raises(TypeError, match="no option 'recipe_c'"):
        cw.FeatureLab(network, recipe_c="plain")


def test_presets_and_usual_ranges_are_those_of_the_engine(network: cw.Network) -> None:
    lab = cw.FeatureLab(network)
    assert {name: tuple(ends) for name, ends in lab.ranges.items()} == RANGES
    assert [each["key"] for each in lab.presets] == list(TITLES) == [each["key"] for each in presets()]
    assert set(TITLES) == set(NAMED)


# units --------------------------------------------------------------------------------------------------------------------


def test_without_a_channel_it_waits_for_one(network: cw.Network) -> None:
    lab = cw.FeatureLab(network, **QUICK)
    assert (lab.status, lab.layer, lab.run_a) == ("empty", network.last_spatial_layer, {})
    lab.channel = 1
    assert done(lab).status == "ready"
    lab.channel = -1
    assert lab.status == "empty"


def test_a_unit_is_given_by_its_address_or_by_layer_and_channel(network: cw.Network) -> None:
    assert done(cw.FeatureLab(network, "3:4", **QUICK)).run_a["unit"] == "3:4"
    assert done(lab_of(small_model(), "3", 4)).run_a["unit"] == "3:4"


def test_units_that_do_not_exist_are_refused_at_once_or_said_later(network: cw.Network) -> None:
    with pytest.raises(cw.LayerError, match="no layer 'convolution'"):
        cw.FeatureLab(network, "convolution", 1)
    with pytest.raises(cw.LayerError, match="channels 0–7; 8 is not"):
        cw.FeatureLab(network, "3", 8)
    lab = done(lab_of(network))
    lab.channel = 99
    assert done(lab).status == "failed"
    assert "99 is not one of them" in lab.notice["text"]
    lab.channel = 1
    assert done(lab).status == "ready"
    assert lab.notice == {}


@pytest.mark.parametrize("kind", ["mean", "center", "square", "peak"])
def test_each_objective_is_what_it_is_called(network: cw.Network, kind: str) -> None:
    lab = done(lab_of(network, recipe_a={"steps": 6, "objective": kind}))
    picture = torch.from_numpy(lab.picture())[None]
    asked = {"mean": channel("3", 2), "center": neuron("3", 2), "peak": unit("3:2", network)}
    if kind == "square":
        wanted = float(network.trace(picture, "3")["3"][:, 2].square().mean() / 2)
    else:
        wanted = float(asked[kind](network.trace(picture, "3")))
    np.testing.assert_allclose(np.frombuffer(lab.run_a["responses"], np.float32)[-1], wanted, rtol=1e-4)


# climbing -----------------------------------------------------------------------------------------------------------------


def test_both_recipes_are_climbed_and_the_unit_answers_more(network: cw.Network) -> None:
    lab = done(lab_of(network, recipe_a={"steps": 40}, recipe_b={"preset": "plain", "steps": 20}))
    for run, steps in ((lab.run_a, 40), (lab.run_b, 20)):
        responses = np.frombuffer(run["responses"], np.float32)
        assert (run["done"], run["total"]) == (steps, steps)
        assert responses[-1] > responses[0]
    assert "A 40 steps, B 20 steps" in lab.message


def test_the_picture_is_the_one_that_the_method_makes(network: cw.Network) -> None:
    lab = done(lab_of(network))
    wanted = cw.activation_maximization(network, channel("3", 2), recipe=Recipe(steps=12), seed=0).result()
    np.testing.assert_allclose(lab.picture("A"), np.asarray(wanted), atol=1e-6)
    shown = np.asarray(Image.open(io.BytesIO(lab.run_a["picture"]))) / 255
    assert np.abs(np.moveaxis(shown, -1, 0) - lab.picture("A")).max() <= 0.5 / 255 + 1e-6


def test_a_changed_slider_goes_on_from_the_picture_as_it_is(network: cw.Network) -> None:
    lab = done(lab_of(network))
    before = lab.picture("A")
    lab.recipe_a = {**lab.recipe_a, "jitter": 2, "rate": 1e-4}
    after = done(lab).picture("A")
    assert lab.run_a["changes"] == [12]
    assert (lab.run_a["done"], lab.run_a["total"]) == (24, 24)
    assert 0 < np.abs(after - before).max() < 0.05
    assert lab.run_b["changes"] == []
    assert lab.run_b["done"] == 12


def test_an_objective_that_changes_goes_on_from_the_picture_too(network: cw.Network) -> None:
    lab = done(lab_of(network))
    before = lab.picture("A")
    lab.recipe_a = {**lab.recipe_a, "objective": "center", "rate": 1e-4}
    done(lab)
    assert lab.run_a["changes"] == [12]
    assert lab.run_a["done"] == 24
    assert np.abs(lab.picture("A") - before).max() < 0.05


def test_another_unit_begins_anew(network: cw.Network) -> None:
    lab = done(lab_of(network))
    lab.channel = 5
    done(lab)
    assert (lab.run_a["unit"], lab.run_a["done"], lab.run_b["unit"]) == ("3:5", 12, "3:5")


def test_recipes_that_are_exchanged_take_their_pictures_along(network: cw.Network) -> None:
    lab = done(lab_of(network))
    a, b = lab.picture("A"), lab.picture("B")
    with lab.hold_trait_notifications():
        lab.recipe_a, lab.recipe_b = lab.recipe_b, lab.recipe_a
    done(lab)
    np.testing.assert_array_equal(lab.picture("A"), b)
    np.testing.assert_array_equal(lab.picture("B"), a)
    assert lab.run_a["done"] == lab.run_b["done"] == 12


def test_restart_begins_one_side_again_and_comes_to_the_same(network: cw.Network) -> None:
    lab = done(lab_of(network))
    first = lab.picture("A")
    lab.recipe_a = {**lab.recipe_a, "rotate": 0}
    changed = done(lab).picture("A")
    lab.recipe_a = {**lab.recipe_a, "rotate": 10}
    done(lab)
    said(lab, type="run", again=True, restart="A")
    done(lab)
    np.testing.assert_array_equal(lab.picture("A"), first)
    assert lab.run_a["changes"] == []
    assert np.abs(first - changed).max() > 0.01


def test_a_finished_side_goes_further_when_it_is_told_to(network: cw.Network) -> None:
    lab = done(lab_of(network))
    said(lab, type="run", again=True)
    done(lab)
    assert (lab.run_a["done"], lab.run_b["done"]) == (24, 12)
    lab.side = "B"
    lab.go_on()
    assert done(lab).run_b["done"] == 24


def test_cancelled_it_keeps_what_it_has_and_goes_on_from_there(slow_network: cw.Network) -> None:
    lab = lab_of(slow_network, "4", 2, recipe_a={"steps": 1000}, recipe_b={"preset": "plain", "steps": 2})
    while not lab.run_a or lab.run_a["done"] < 3:
        time.sleep(0.01)
    started = time.monotonic()
    said(lab, type="cancel")
    assert time.monotonic() - started < 0.2
    assert lab.status == "ready"
    assert "Cancelled" in lab.message
    done(lab)
    kept = lab._sides.climbs["A"].done
    assert 3 <= kept < 200
    assert lab.film_a[0]["data"]
    lab.go_on()
    while lab.run_a["done"] < kept + 3:
        time.sleep(0.01)
    assert lab.run_a["changes"] == []
    lab.cancel()


def test_the_side_in_hand_is_climbed_first_and_both_in_turn_side_by_side(slow_network: cw.Network) -> None:
    lab = lab_of(slow_network, "4", 2, side="B", recipe_b={"preset": "plain", "steps": 1000})
    while not lab.run_b or lab.run_b["done"] < 3:
        time.sleep(0.01)
    assert lab.run_a == {}
    lab.view = "both"
    while "A" not in lab._sides.climbs or lab._sides.climbs["A"].done < 4:
        time.sleep(0.01)
        assert not lab._sides.climbs["B"].over
    lab.cancel()


def test_dragging_a_slider_through_a_hundred_places_takes_no_longer_than_a_few_steps(slow_network: cw.Network) -> None:
    lab = lab_of(slow_network, "4", 2, recipe_a={"steps": 10}, recipe_b={"preset": "plain", "steps": 1})
    done(lab)
    started = time.monotonic()
    for jitter in range(100):
        lab.recipe_a = {**lab.recipe_a, "jitter": jitter}
    assert time.monotonic() - started < 2
    done(lab)
    assert lab.run_a["recipe"]["jitter"] == 99
    assert lab.run_a["done"] < 10 + 100


def test_about_ten_pictures_a_second_are_shown(slow_network: cw.Network) -> None:
    lab = lab_of(slow_network, "4", 2, recipe_a={"steps": 1000})
    seen: list[float] = []
    lab.observe(lambda _: seen.append(time.monotonic()), names=["run_a"])
    time.sleep(2)
    lab.cancel()
    assert 8 <= len(seen) <= 22


def test_weights_of_penalties_are_multiples_of_the_units_response(network: cw.Network) -> None:
    lab = done(lab_of(network, recipe_a={"steps": 12, "tv": 1.5}))
    trial = Climb(network, Unit("3", 2, 0, 0), {**flat(Recipe(steps=32))})
    while not trial.over:
        trial.step()
    best = max(abs(each.response) for each in trial.kept.values())
    recipe = lab._sides.climbs["A"].stretches[0].recipe
    assert recipe.regularizers == (TotalVariation(1.5),)
    assert recipe.unit == pytest.approx(best, rel=5e-3)


def test_a_penalty_makes_the_picture_have_less_of_it(network: cw.Network) -> None:
    lab = done(
        lab_of(network, recipe_a={"preset": "plain", "steps": 40, "tv": 30}, recipe_b={"preset": "plain", "steps": 40})
    )
    variation = [np.abs(np.diff(lab.picture(side), axis=2)).mean() for side in "AB"]
    assert variation[0] < 0.7 * variation[1]


# film and curves ----------------------------------------------------------------------------------------------------------


def test_the_film_has_wells_in_their_final_places_from_the_beginning(slow_network: cw.Network) -> None:
    lab = lab_of(slow_network, "4", 2, recipe_a={"steps": 320})
    while not lab.run_a or lab.run_a["done"] < 12:
        time.sleep(0.01)
    lab.cancel()
    done(lab)
    assert [frame["step"] for frame in lab.film_a] == [0, 10, 20, 40, 60, 90, 120, 180, 240, 320]
    there = [bool(frame["data"]) for frame in lab.film_a]
    assert there[:2] == [True, True]
    assert not any(there[5:])


def test_the_frames_are_the_pictures_of_their_steps(network: cw.Network) -> None:
    lab = done(lab_of(network, recipe_a={"steps": 32}))
    climb = Climb(network, Unit("3", 2, 0, 0), flat(Recipe(steps=32)))
    for frame in lab.film_a:
        while climb.done < frame["step"]:
            climb.step()
        shown = np.asarray(Image.open(io.BytesIO(frame["data"]))) / 255
        wanted = np.moveaxis(climb.picture[0].numpy(), 0, -1)
        assert np.abs(shown - wanted).max() <= 0.5 / 255 + 1e-6, frame["step"]


def test_a_transparent_picture_travels_with_its_opacity(network: cw.Network) -> None:
    lab = done(lab_of(network, recipe_a={"steps": 12, "alpha": True}))
    shown = np.asarray(Image.open(io.BytesIO(lab.run_a["picture"])))
    np.testing.assert_allclose(shown[..., 3] / 255, lab.opacity(), atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(shown[..., :3] / 255, np.moveaxis(lab.picture(), 0, -1), atol=0.5 / 255 + 1e-6)
    assert all(Image.open(io.BytesIO(frame["data"])).mode == "RGBA" for frame in lab.film_a)
    assert lab._poster() is not None
    assert Image.open(io.BytesIO(lab.run_b["picture"])).mode == "RGB"


def test_a_large_transparent_picture_is_sent_as_webp_until_it_is_done(network: cw.Network) -> None:
    lab = done(lab_of(network, size=160, recipe_a={"steps": 3, "alpha": True}))
    frame = Image.open(io.BytesIO(lab.film_a[-1]["data"]))
    assert (frame.format, frame.mode, frame.size) == ("WEBP", "RGBA", (160, 160))
    assert Image.open(io.BytesIO(lab.run_a["picture"])).format == "PNG"


def test_what_mattered_is_there_with_maco_alone(network: cw.Network) -> None:
    lab = done(lab_of(network, recipe_a={"preset": "maco", "steps": 12}))
    told, importance = lab.run_a["mattered"], lab.importance()
    assert importance is not None
    assert (told["height"], told["width"], importance.max()) == (16, 16, 1)
    levels = np.frombuffer(told["data"], np.uint8).reshape(16, 16)
    np.testing.assert_allclose(levels / 255, importance, atol=0.5 / 255 + 1e-6)
    true = cw.activation_maximization(network, channel("3", 2), recipe=Recipe.named("maco").with_steps(12)).result()
    np.testing.assert_allclose(importance, true.importance[0], atol=1e-5)
    assert (lab.run_b["mattered"], lab.importance("B")) == ({}, None)
    lab.recipe_a = {**lab.recipe_a, "painted": "fourier"}
    assert done(lab).run_a["mattered"] == {}


def test_a_very_long_ascent_keeps_few_pictures(network: cw.Network) -> None:
    climb = Climb(network, Unit("0", 2, 4, 0), flat(Recipe.named("plain"), "plain") | {"steps": 4})
    for _ in range(300):
        climb.further()
        for _ in range(4):
            climb.step()
    assert climb.done == 1200
    assert len(climb.kept) < 400
    assert {0, climb.done} <= climb.kept.keys()
    assert len(climb.film()) == 10


def test_curves_are_what_was_measured(network: cw.Network, photos: list[np.ndarray]) -> None:
    lab = done(lab_of(network, dataset=photos))
    curves = lab.curves()
    assert curves.names == ("A", "B")
    np.testing.assert_array_equal(curves.x, np.frombuffer(lab.run_a["steps"], np.int32))
    np.testing.assert_array_equal(curves.values[0], np.frombuffer(lab.run_a["responses"], np.float32))
    assert "distance to the strongest patch" in lab.curves("distance").y_label
    with pytest.raises(ValueError, match="not of 'loss'"):
        lab.curves("loss")
    with pytest.raises(ValueError, match="No response was measured yet"):
        cw.FeatureLab(network).curves()


def test_bqplot_curves_follow_the_laboratory(network: cw.Network, photos: list[np.ndarray]) -> None:
    bqplot = pytest.importorskip("bqplot")
    lab = done(lab_of(network, dataset=photos))
    figure = lab.bqplot_curves()
    assert isinstance(figure, bqplot.Figure)
    lines = {line.labels[0]: line for line in figure.marks}
    assert set(lines) == {"A, response", "B, response", "A, distance", "B, distance"}
    assert (lines["A, response"].line_style, lines["B, response"].line_style) == ("solid", "dashed")
    np.testing.assert_array_equal(lines["A, response"].y, lab.curves().values[0])
    lab.recipe_a = {**lab.recipe_a, "jitter": 3}
    done(lab)
    assert lines["A, response"].x[-1] == 24
    assert np.isfinite(lines["A, distance"].y).all()


def test_without_bqplot_one_sentence_says_what_to_install(network: cw.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bqplot", None)
    with pytest.raises(ImportError, match=r"needs bqplot.*pip install bqplot"):
        done(lab_of(network)).bqplot_curves()


# what it is compared with ---------------------------------------------------------------------------------------------------


def test_the_strongest_patch_of_a_data_set_stands_beside_it(network: cw.Network, photos: list[np.ndarray]) -> None:
    lab = done(lab_of(network, dataset=iter(photos)))
    strongest = strongest_patches(network, "3", photos, count=1).result()
    shown = np.asarray(Image.open(io.BytesIO(lab.reference["data"])))
    np.testing.assert_array_equal(shown, strongest.patch(2))
    assert lab.reference["kind"] == "patch"
    assert lab.reference["response"] == pytest.approx(float(strongest.values[2, 0]))
    assert "of 10 pictures" in lab.reference["about"]
    lab.channel = 4
    done(lab)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(lab.reference["data"]))), strongest.patch(4))
    lab.layer = "0"
    done(lab)
    assert lab.reference["response"] == pytest.approx(
        float(strongest_patches(network, "0", photos, count=1).result().values[4, 0])
    )


def test_distances_are_those_of_the_perception_to_the_reference(network: cw.Network, photo: np.ndarray) -> None:
    lab = done(lab_of(network, reference=photo))
    distances = np.frombuffer(lab.run_a["distances"], np.float32)
    assert np.isfinite(distances).all()
    kept = perception_of(network).reference(resize((photo * 255).round().astype(np.uint8), (16, 16)))
    wanted = float(kept.distances(torch.from_numpy(lab.picture())[None])[0])
    assert distances[-1] == pytest.approx(wanted, rel=1e-4)
    assert lab.distance() == pytest.approx(wanted, rel=1e-4)
    assert lab.reference["kind"] == "picture"


def test_a_backbone_that_cannot_measure_stops_no_ascent_and_is_said(network: cw.Network, photo: np.ndarray) -> None:
    blind = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 5))
    backbone = cw.Network(blind, cw.Preprocess(size=(16, 16)), name="blind")
    lab = done(lab_of(network, reference=photo, backbone=backbone))
    assert (lab.status, lab.run_a["done"]) == ("ready", 12)
    assert lab.reference["distance"].startswith("No distance is measured. No layer of blind has spatial axes")
    assert np.isnan(lab.distance())


def test_a_picture_that_is_dropped_becomes_the_reference(network: cw.Network, photo: np.ndarray) -> None:
    lab = done(lab_of(network))
    assert lab.reference == {}
    assert np.isnan(lab.distance())
    file = io.BytesIO()
    Image.fromarray((photo * 255).astype(np.uint8)).save(file, "PNG")
    lab._received(
        lab, {"type": "upload", "id": "a", "name": "b.png", "part": 0, "parts": 1}, [memoryview(file.getvalue())]
    )
    done(lab)
    assert lab.reference["name"] == "b.png"
    assert np.isfinite(np.frombuffer(lab.run_a["distances"], np.float32)).all()
    assert lab.run_a["done"] == 12
    lab.add_image(1 - photo, "negative")
    assert done(lab).reference["name"] == "negative"
    assert lab.distance() == pytest.approx(float(np.frombuffer(lab.run_a["distances"], np.float32)[-1]), rel=1e-4)


def test_a_broken_picture_is_said_and_nothing_is_lost(network: cw.Network) -> None:
    lab = done(lab_of(network))
    lab._received(
        lab, {"type": "upload", "id": "a", "name": "b.png", "part": 0, "parts": 1}, [memoryview(b"no picture")]
    )
    assert lab.status == "failed"
    assert "no picture in a known format" in lab.notice["text"]
    lab.channel = 1
    assert done(lab).status == "ready"


def test_a_study_is_shown_as_its_own_numbers_and_its_recipes_can_be_climbed(
    network: cw.Network, photos: list[np.ndarray]
) -> None:
    steps = regularization_study(network, "3", [2, 5], ["l2", "jitter"], references=photos, steps=4, seeds=1)
    study = steps.result()
    lab = done(lab_of(network, study=study))
    rows = [study.best(family) for family in study.families]
    assert [row["title"] for row in lab.study["rows"]] == [study.variants[row].title for row in rows]
    for told, row in zip(lab.study["rows"], rows, strict=True):
        numbers = np.array([told["distances"], told["improvements"], told["responses"]], float)
        wanted = [study.distances[row, :, 0], study.by_channel[row], study.scores[row, :, 0]]
        np.testing.assert_allclose(numbers, wanted)
        assert [Image.open(io.BytesIO(each)).width for each in told["pictures"]] == [16, 16]
    assert lab.study["channels"] == [2, 5]
    lab.recipe_a = {**lab.study["rows"][1]["recipe"], "steps": 6}
    assert done(lab).status == "ready", lab.notice
    assert type(lab._sides.climbs["A"].stretches[-1].recipe.regularizers[0]).__name__ == "L2"


def test_a_study_that_is_not_done_has_gaps_that_json_can_hold(network: cw.Network, photos: list[np.ndarray]) -> None:
    steps = regularization_study(network, "3", [2, 5], ["l2"], references=photos, steps=4, seeds=1)
    lab = cw.FeatureLab(network, study=next(iter(steps)).result)
    assert lab.study["done"] < lab.study["total"]
    assert None in lab.study["rows"][1]["distances"]
    assert "NaN" not in json.dumps(lab.study, default=repr)


# code -----------------------------------------------------------------------------------------------------------------------


def test_the_code_makes_the_same_picture(network: cw.Network) -> None:
    lab = done(
        lab_of(
            network,
            size=20,
            seed=3,
            recipe_a={"steps": 9, "tv": 0.5, "octaves": 2, "painted": "laplacian", "objective": "square"},
        )
    )
    for side in "AB":
        assert "activation_maximization" in lab.code(side)
        np.testing.assert_allclose(ran(lab.code(side), network=network), lab.picture(side), atol=1e-6)
        assert lab.run_a["code"] == lab.code("A")


def test_the_code_makes_the_same_opacity_at_the_same_size(network: cw.Network) -> None:
    lab = done(lab_of(network, size=24, recipe_a={"steps": 9, "alpha": True}, recipe_b={"steps": 9}))
    assert lab.picture().shape == (3, 24, 24)
    opacity = lab.opacity()
    assert opacity is not None
    assert lab.opacity("B") is None
    scope: dict[str, Any] = {"network": network}
    exec(lab.code("A"), scope)
    np.testing.assert_allclose(scope["picture"], lab.picture(), atol=1e-6)
    np.testing.assert_allclose(scope["opacity"], opacity, atol=1e-6)
    lab.recipe_a = {**lab.recipe_a, "jitter": 3}
    lab.recipe_b = {**lab.recipe_b, "alpha": True}
    done(lab)
    for side in "AB":
        exec(lab.code(side), scope)
        np.testing.assert_array_equal(scope["picture"], lab.picture(side))
        np.testing.assert_array_equal(scope["opacity"], lab.opacity(side))


@pytest.mark.parametrize("kind", ["mean", "center", "square", "peak"])
def test_the_code_goes_through_every_change(network: cw.Network, kind: str) -> None:
    lab = done(lab_of(network))
    lab.recipe_a = {**lab.recipe_a, "jitter": 3, "l2": 2.0}
    done(lab)
    lab.recipe_a = {**lab.recipe_a, "objective": kind, "painted": "pixels", "climber": "plain"}
    done(lab)
    lab.go_on()
    done(lab)
    assert lab.run_a["done"] == 48
    np.testing.assert_array_equal(ran(lab.code("A"), network=network), lab.picture("A"))


def test_the_code_of_a_cancelled_ascent_stops_where_it_did(slow_network: cw.Network) -> None:
    lab = lab_of(slow_network, "4", 2, recipe_a={"steps": 1000})
    while not lab.run_a or lab.run_a["done"] < 4:
        time.sleep(0.01)
    lab.cancel()
    done(lab)
    np.testing.assert_array_equal(ran(lab.code("A"), network=slow_network), lab.picture("A"))


def test_a_side_that_was_not_climbed_has_no_picture(network: cw.Network) -> None:
    with pytest.raises(ValueError, match="'A' has no picture yet"):
        cw.FeatureLab(network).picture()


# what is given in bad shape -----------------------------------------------------------------------------------------------------

UNKNOWN_UNITS = [
    ({"channel": "x"}, "3 has channels 0–7; 'x' is not one of them."),
    ({"channel": -2}, "3 has channels 0–7; -2 is not one of them."),
    ({"channel": 10**6}, "3 has channels 0–7; 1000000 is not one of them."),
    ({"channel": 1.5}, "3 has channels 0–7; 1.5 is not one of them."),
    ({"channel": True}, "3 has channels 0–7; True is not one of them."),
    ({"layer": 5}, "small has no layer 5. Did you mean '5'?"),
    ({"layer": "nope"}, "small has no layer 'nope'. It has '0', '1'"),
    ({"layer": ["3"]}, "small has no layer ['3']. It has '0', '1'"),
    ({"layer": "3:99"}, "3 has channels 0–7; 99 is not one of them."),
]
PIXELS = "give a whole number from 0 to 4,096 pixels a side (0: that of the network), such as 128."
BAD_OPTIONS = [
    ("size", "big", f"size is 'big': {PIXELS}"),
    ("size", -1, f"size is -1: {PIXELS}"),
    ("size", 1.5, f"size is 1.5: {PIXELS}"),
    ("size", True, f"size is True: {PIXELS}"),
    ("size", None, f"size is None: {PIXELS}"),
    ("size", (16, 20), f"size is (16, 20): {PIXELS}"),
    ("size", 10**9, f"size is 1000000000: {PIXELS}"),
    ("seed", "x", "seed is 'x': give a whole number from 0 to 2^53 − 1, such as 0."),
    ("seed", 2**53, "seed is 9007199254740992: give a whole number from 0 to 2^53 − 1"),
    ("seed", np.zeros((2, 3)), "seed is an array of 2 × 3: give a whole number"),
    ("side", "C", "side is 'C': give 'A' or 'B'."),
    ("view", 2, "view is 2: give 'one' or 'both'."),
    ("recipe_a", "standart", "There is no recipe 'standart'. Did you mean 'standard'?"),
    ("recipe_a", 5, "A recipe is 5: give a Recipe, the name of one, or a dict of some sliders, such as {'jitter': 16}."),
    ("recipe_a", {"steps": "many"}, "steps is 'many': give a whole number, at least 1."),
    ("recipe_a", {"steps": 1.5}, "steps is 1.5: give a whole number, at least 1."),
    ("recipe_b", {"jitter": float("nan")}, "jitter is nan: give whole pixels, 0 or more."),
    ("recipe_b", {"rate": -1}, "rate is -1: give a number above 0, such as 0.05."),
    ("recipe_b", {"tv": "x"}, "The weight of TotalVariation is 'x': give a number"),
    ("recipe_b", {"scale": [2, 1]}, "scale is [2, 1]: give the least and the largest factor, such as (0.9, 1.1)."),
    ("recipe_b", {"painted": "oil"}, "There is no parameterization 'oil'. It has 'fourier', 'pixels', 'laplacian', 'maco'."),
    ("recipe_b", {"objective": ["mean"]}, "There is no objective ['mean']. Did you mean 'mean'?"),
    ("recipe_b", {"alpha": "yes"}, "alpha is 'yes': give True where parts of the picture may be transparent"),
    ("recipe_b", {5: 6}, "A recipe of the laboratory has no 5. It has 'preset'"),
]
BAD_PARTS = [
    ({"reference": 5}, cw.ImageError, "A picture is a path, bytes, a Pillow image, an array or a tensor; int is none"),
    ({"dataset": 5}, cw.ImageError, "5 is no data set, but one picture, one folder or none: give a list of pictures"),
    ({"backbone": 5}, cw.ModelError, "backbone is 5: give a Network, a module, or the name of a torchvision model."),
    ({"study": 5}, cw.EvaluationError, "study is 5: give what regularization_study found"),
]


@pytest.mark.parametrize(("given", "sentence"), UNKNOWN_UNITS, ids=str)
def test_a_unit_that_is_none_is_refused_naming_those_there_are(
    network: cw.Network, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(cw.LayerError, match=re.escape(sentence)):
        cw.FeatureLab(network, **{"layer": "3", "channel": -1, **given})


@pytest.mark.parametrize(("name", "value", "sentence"), BAD_OPTIONS, ids=str)
def test_a_bad_option_is_refused_in_one_sentence(network: cw.Network, name: str, value: Any, sentence: str) -> None:
    with pytest.raises(cw.AscentError, match=re.escape(sentence)):
        lab_of(network, **{name: value})
    lab = cw.FeatureLab(network)
    before = getattr(lab, name)
    with pytest.raises(cw.AscentError, match=re.escape(sentence)):
        setattr(lab, name, value)
    assert getattr(lab, name) == before


@pytest.mark.parametrize(("given", "kind", "sentence"), BAD_PARTS, ids=str)
def test_what_it_is_to_work_with_is_looked_at_before_anything_is_made(
    network: cw.Network, given: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=re.escape(sentence)):
        lab_of(network, **given)


@pytest.mark.parametrize(("name", "value"), [("channel", 1.5), ("channel", "x"), ("layer", 3), ("size", "big")])
def test_what_a_page_sets_in_bad_shape_is_a_notice_and_nothing_is_lost(
    network: cw.Network, name: str, value: Any
) -> None:
    lab = done(lab_of(network))
    before, picture = getattr(lab, name), lab.picture()
    lab.set_state({name: value})
    assert lab.status == "failed"
    assert f"{name} is {value!r}: give " in lab.notice["text"]
    assert getattr(lab, name) == before
    np.testing.assert_array_equal(lab.picture(), picture)
    said(lab, type="run")
    assert done(lab).status == "ready"
    assert lab.notice == {}


# when it goes wrong -----------------------------------------------------------------------------------------------------------


def dead_model() -> nn.Sequential:
    model = small_model()
    with torch.no_grad():
        model[3].weight[2], model[3].bias[2] = 0, -1
    return model


def test_a_dead_unit_is_said_and_the_lab_lives_on() -> None:
    lab = done(lab_of(cw.Network(dead_model(), cw.Preprocess(size=(16, 16))), "4", 2))
    assert lab.status == "ready", lab.notice
    assert "silent" in lab.run_a["note"]
    lab.channel = 3
    done(lab)
    assert lab.run_a["note"] == ""


class Breaks(nn.Module):
    """NaN from its hundredth pass on."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        return x * (float("nan") if self.passes > 100 else 1)


def test_a_picture_that_breaks_apart_keeps_its_film_and_offers_a_way_out() -> None:
    model = nn.Sequential(Breaks(), *small_model())
    lab = done(lab_of(cw.Network(model, cw.Preprocess(size=(16, 16))), "4", 2, recipe_a={"steps": 200}))
    assert lab.status == "failed"
    assert lab.message.startswith("The picture of A broke apart at step ")
    assert "not a finite number" in lab.notice["text"]
    assert lab.film_a[1]["data"]
    assert np.isfinite(lab.picture()).all()
    done_before = lab.run_a["done"]
    said(lab, type="run")  # as a page that opens does
    assert done(lab).run_a["done"] == done_before
    assert lab.message.startswith("The picture of A broke apart at step ")
    (action,) = lab.notice["actions"]
    assert action["set"]["recipe_a"]["rate"] == lab.recipe_a["rate"] / 2
    model[0].passes = -1_000_000
    ((name, value),) = action["set"].items()
    setattr(lab, name, value)
    assert done(lab).message.startswith("The picture of B broke apart at step ")  # which was broken all the time
    lab.restart("B")
    assert done(lab).status == "ready"
    assert lab.notice == {}
    assert lab.run_a["note"] == ""


def test_a_model_that_raises_anything_does_not_kill_the_lab(network: cw.Network) -> None:
    lab = done(lab_of(network))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    handle = network.model.register_forward_pre_hook(broken)
    lab.channel = 4
    assert done(lab).status == "failed"
    assert "ZeroDivisionError" in lab.notice["text"]
    handle.remove()
    said(lab, type="run")
    assert done(lab).status == "ready"


@pytest.mark.parametrize(
    "content", [None, {}, {"type": "upload"}, {"type": "export"}, {"type": 3}, "run", [], {"type": "run", "restart": 7}]
)
def test_a_message_that_makes_no_sense_does_no_harm(network: cw.Network, content: Any) -> None:
    lab = done(lab_of(network))
    lab._received(lab, content, [])
    lab.channel = 0
    assert done(lab).status == "ready"


def test_a_layer_without_positions_and_a_gray_network_work() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    lab = done(lab_of(cw.Network(model, cw.Preprocess(size=(12, 10))), "4", 1))
    assert lab.status == "ready", lab.notice
    assert lab.picture().shape == (1, 12, 10)
    assert Image.open(io.BytesIO(lab.run_a["picture"])).size == (10, 12)


# what stays -------------------------------------------------------------------------------------------------------------------


def test_a_page_and_a_picture_are_sent_when_asked_for(network: cw.Network) -> None:
    lab = done(lab_of(network))
    sent: list[tuple[Any, Any]] = []
    lab.send = lambda content, buffers=None: sent.append((content, buffers))  # type: ignore[method-assign]
    for content in ({"type": "run"}, {"type": "export", "format": "png"}, {"type": "export", "format": "html"}):
        said(lab, **content)
    assert [content.get("mime", content["type"]) for content, _ in sent] == ["alive", "image/png", "text/html"]
    assert Image.open(io.BytesIO(sent[1][1][0])).width > 600
    assert lab.run_a["done"] == 12


def test_the_page_holds_film_curves_code_and_recipes(
    network: cw.Network, photos: list[np.ndarray], tmp_path: Any
) -> None:
    network.name = "</script><script>alert(1)</script>"
    lab = done(lab_of(network, dataset=photos))
    text = lab.to_html(tmp_path / "page.html").read_text()
    assert "<script>alert" not in text
    state = json.loads(text.split('id="cnn-state">', maxsplit=1)[1].split("</script>", maxsplit=1)[0])
    assert state["archive"]["kind"] == "feature_lab"
    assert base64.b64decode(state["run_a"]["responses"]["$bytes"]) == lab.run_a["responses"]
    assert len(state["film_b"]) == len(lab.film_b)
    assert state["reference"]["kind"] == "patch"


def test_a_picture_stays_in_the_notebook_and_the_saved_state_is_small(network: cw.Network) -> None:
    lab = done(lab_of(network))
    data, _ = lab._repr_mimebundle_()
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width > 600
    state = lab.get_state()
    assert len(state["film_a"]) == len(lab.film_a)
    assert sum(len(frame["data"]) for frame in state["film_a"]) < 100_000


def test_what_is_released_is_climbed_again_when_asked_for(network: cw.Network, photos: list[np.ndarray]) -> None:
    lab = done(lab_of(network, dataset=photos))
    lab._release()
    assert not lab._sides.climbs
    lab.channel = 1
    assert done(lab).status == "ready"
    assert lab.reference["kind"] == "patch"


def test_a_misspelled_keyword_is_refused_with_the_right_one(network: cw.Network) -> None:
    with pytest.raises(TypeError, match=r"no option 'chanels'; did you mean 'channel'"):
        cw.FeatureLab(network, chanels=3)


def test_linked_widgets_mean_the_same_by_the_same_traits(network: cw.Network, photo: np.ndarray) -> None:
    lab, explorer = done(lab_of(network)), cw.LayerExplorer(network, photo, layer="3")
    ipywidgets.link((explorer, "channel"), (lab, "channel"))
    explorer.channel = 6
    assert done(lab).run_a["unit"] == "3:6"


def test_closing_lets_go_of_the_network(photos: list[np.ndarray]) -> None:
    network = cw.Network(small_model(), cw.Preprocess(size=(16, 16)))
    lab = done(lab_of(network, dataset=photos))
    alive = weakref.ref(network.model)
    lab.close()
    del network, lab
    gc.collect()
    assert alive() is None


def test_twenty_of_them_leave_no_growth_in_hooks_or_threads(network: cw.Network) -> None:
    for _ in range(10):
        done(lab_of(network, recipe_a={"steps": 1}, recipe_b={"steps": 1}))
    threads = threading.active_count()
    for _ in range(20):
        done(lab_of(network, recipe_a={"steps": 1}, recipe_b={"steps": 1}))
    assert threading.active_count() <= max(threads, 9 + 1)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.model.modules())


def test_no_trait_holds_a_tensor(network: cw.Network, photo: np.ndarray) -> None:
    lab = done(lab_of(network, reference=photo))
    kinds: set[str] = set()
    waiting: list[Any] = [lab.get_state()]
    while waiting:
        value = waiting.pop()
        kinds.add(type(value).__name__)
        waiting += (
            list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, (list, tuple)) else []
        )
    assert kinds.isdisjoint({"Tensor", "ndarray"})


def test_the_module_is_left_as_it_was(network: cw.Network) -> None:
    before = {name: value.clone() for name, value in network.model.state_dict().items()}
    network.model.train()
    done(lab_of(network))
    assert network.model.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.model.parameters())
    for name, value in network.model.state_dict().items():
        assert torch.equal(value, before[name])
