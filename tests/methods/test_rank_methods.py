"""The table of all measures: the same numbers as each measure alone, kept on the disk, and honest when something fails."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, pictures_for

import cnnvis_widgets as cw
from cnnvis_widgets.engine.ranking import MEASURES, RANDOM

EVERY = [measure.key for measure in MEASURES]
QUICK = ["pointing", "energy", "insertion", "deletion"]
SCENES = cw.scenes(4, seed=7)


@pytest.fixture(scope="module")
def network():
    return cw.demo()


def edges(network, images, target):
    down, right = torch.gradient(images.mean(1), dim=(1, 2))
    return (down**2 + right**2).sqrt().numpy()


def gradient(network, images, target):
    trace = network.trace(images, wrt="image")
    return trace.gradient(cw.class_score(target)(trace), "image").abs().amax(1).numpy()


METHODS = {"Grad-CAM": cw.grad_cam, "Gradient": gradient, "Edges": edges}


@pytest.fixture(scope="module")
def table(network):
    return cw.rank_methods(network, SCENES, METHODS, measures=EVERY, seed=3).result()


def passes(network):
    """Counts forward passes while it is open."""
    counted = []
    handle = network.model.register_forward_hook(lambda module, args, output: counted.append(len(args[0])))
    return counted, handle


def test_each_number_is_that_of_the_measure_alone(network, table):
    for scene, truth in enumerate(SCENES):
        for row, method in enumerate(METHODS.values()):
            values = method(network, network.read(truth.image), truth.label)
            found = dict(zip(EVERY, table.values[row, :, scene], strict=True))
            assert found["pointing"] == cw.pointing_game(values, truth.mask)[0]
            assert found["energy"] == pytest.approx(cw.mask_overlap(values, truth.mask)[0])
            for place, sweep in enumerate((cw.insertion, cw.deletion)):
                curves = sweep(network, truth.image, values, truth.label)
                assert found[sweep.__name__] == pytest.approx(curves.auc[0], abs=1e-5)
                np.testing.assert_allclose(table.curves[row, place, scene], curves.values[0], atol=1e-5)
            sensitivity = cw.max_sensitivity(network, truth.image, method, truth.label, seed=3)
            assert found["sensitivity"] == pytest.approx(sensitivity[0], rel=1e-4)
            drops = cw.average_drop(network, truth.image, values, truth.label)
            assert found["drop"] == pytest.approx(drops.drop[0], abs=1e-5)
            np.testing.assert_allclose(table.maps[row, scene], np.asarray(values)[0], atol=1e-6)


def test_the_four_stages_of_destruction_are_stages_of_the_whole_check(network, table):
    """13 layers in four parts end after 4, 7, 10 and 13 of them."""
    for row, method in enumerate(METHODS.values()):
        checked = cw.randomization_check(network, SCENES[0].image, method, SCENES[0].label, seed=3)
        expected = checked.values[0, [3, 6, 9, 12]].mean()
        assert table.values[row, EVERY.index("randomization"), 0] == pytest.approx(expected, abs=1e-4)


def test_maps_are_asked_for_the_true_class_whatever_is_predicted(network):
    asked = []

    def remembering(network, images, target):
        asked.append(target)
        return edges(network, images, target)

    wrong = [replace(scene, label=(scene.label + 1) % 12) for scene in SCENES[:2]]
    found = cw.rank_methods(network, wrong, [remembering], measures=["energy", "insertion"]).result()
    assert asked == [scene.label for scene in wrong]
    assert [name for name, _ in found.predictions] == [scene.name for scene in SCENES[:2]]
    assert found.mean[0, 1] < 0.3


def test_the_table_says_what_it_is(network, table):
    assert table.methods == ("Grad-CAM", "Gradient", "Edges", RANDOM)
    assert [each.key for each in table.measures] == EVERY
    assert (table.done, table.scenes, table.seed) == (4, 4, 3)
    assert table.names == tuple(scene.name for scene in SCENES)
    assert table.values.shape == (4, 8, 4)
    assert table.curves.shape == (4, 2, 4, 33)
    assert repr(table) == "Ranking(4 methods × 8 measures, 4 of 4 scenes)"
    assert np.isfinite(table.values[:-1]).all()
    for scene, (name, share) in zip(SCENES, table.predictions, strict=True):
        assert network.predict(scene.image).top(1) == [(name, pytest.approx(share, abs=1e-6))]


def test_the_random_map_is_chance_and_has_no_cost(table):
    pointing, energy, *_ = table.values[-1]
    shares = [scene.mask.mean() for scene in SCENES]
    np.testing.assert_allclose(pointing, shares)
    assert np.abs(energy - shares).max() < 0.12
    without = [EVERY.index(key) for key in ("sensitivity", "randomization", "cost")]
    assert np.isnan(table.values[-1, without]).all()
    assert np.isfinite(np.delete(table.values[-1], without, 0)).all()
    assert not np.array_equal(table.maps[3, 0], table.maps[3, 1])


def test_a_good_method_is_told_apart_and_an_edge_detector_is_found_out(table):
    assert table.told_apart_from_random("insertion")[0]
    assert table.values[2, EVERY.index("randomization")].min() > 0.999
    assert table.values[1, EVERY.index("randomization")].max() < 0.8
    assert table.order("randomization")[-1] == "Edges"


def test_the_cost_of_a_gradient_is_a_few_forward_passes_and_of_edges_next_to_none(table):
    cost = table.mean[:, EVERY.index("cost")]
    assert 1 < cost[1] < 12
    assert cost[2] < 0.7
    assert cost[2] < cost[0]


def test_the_peak_is_the_strongest_place_in_pixels(table):
    for scene in range(4):
        field = table.maps[0, scene]
        row, column = np.unravel_index(field.argmax(), field.shape)
        np.testing.assert_array_equal(table.peaks[0, scene], [int((row + 0.5) * 8), int((column + 0.5) * 8)])
        hit = SCENES[scene].mask[tuple(table.peaks[0, scene].astype(int))]
        assert table.values[0, 0, scene] == hit


def test_every_step_is_one_method_on_one_scene_and_can_be_shown(network):
    work = cw.rank_methods(network, SCENES[:2], METHODS, measures=QUICK)
    assert len(work) == 8
    steps = list(work)
    assert [step.done for step in steps] == list(range(1, 9))
    assert [step.result.done for step in steps] == [0, 0, 0, 1, 1, 1, 1, 2]
    for step in steps:
        assert np.isfinite(step.result.values).all(1).sum() == step.done
        assert "<table" in step.result._repr_html_()
        assert len(step.result.maps) == step.done
    assert steps[0].result.names == (SCENES[0].name, "")


def test_a_partial_table_does_not_change_when_more_is_filled_in(network):
    work = cw.rank_methods(network, SCENES[:1], METHODS, measures=QUICK)
    first = next(work).result
    before = np.asarray(first)
    work.result()
    np.testing.assert_array_equal(first.values, before)
    assert len(first.maps) == 1


def test_the_same_seed_gives_the_same_table_but_for_the_cost(network, table):
    again = cw.rank_methods(network, SCENES, METHODS, measures=EVERY, seed=3).result()
    other = cw.rank_methods(network, SCENES, METHODS, measures=EVERY, seed=4).result()
    fixed = [column for column, key in enumerate(EVERY) if key != "cost"]
    np.testing.assert_array_equal(again.values[:, fixed], table.values[:, fixed])
    np.testing.assert_array_equal(again.curves, table.curves)
    for key in ("sensitivity", "randomization"):
        assert not np.array_equal(other.values[1, EVERY.index(key)], table.values[1, EVERY.index(key)])
    assert not np.array_equal(other.values[3, 1], table.values[3, 1])


@pytest.mark.parametrize("taken", [0, 1, 3, 5])
def test_closed_at_any_step_it_leaves_nothing_behind(taken):
    case = CASES["BatchNorm and residual"]
    model = module_of(case).train()
    before = fingerprint(model)
    network = network_of(case, model)
    work = cw.rank_methods(network, scenes_for(case), {"CAM": cam_at(case)}, measures=EVERY)
    for _ in range(taken):
        next(work)
    work.close()
    assert fingerprint(model) == before
    with pytest.raises(RuntimeError, match="closed before its last step"):
        work.result()


def test_copies_of_the_network_go_when_the_work_goes(network):
    seen = []

    def remembering(network, images, target):
        seen.append(weakref.ref(network.model))
        return edges(network, images, target)

    work = cw.rank_methods(network, SCENES[:2], [remembering], measures=["randomization"])
    next(work)
    work.close()
    gc.collect()
    assert len(seen) == 5
    assert [ref() for ref in seen] == [network.model] + [None] * 4


class Scene:
    """The least that a scene is."""

    def __init__(self, image, mask, label, name=""):
        self.image, self.mask, self.label, self.name = image, mask, label, name


def scenes_for(case, count=3):
    pictures = pictures_for(case, count)
    mask = np.zeros(case.size, bool)
    mask[2:9, 3:8] = True
    return [Scene(picture.numpy(), mask, index) for index, picture in enumerate(pictures)]


def cam_at(case):
    return lambda network, images, target: cw.grad_cam(network, images, target, layer=case.layer)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_works_on_every_small_network_and_leaves_it_alone(case):
    model = module_of(case).train()
    before = fingerprint(model)
    scenes = scenes_for(case)
    found = cw.rank_methods(network_of(case, model), scenes, {"CAM": cam_at(case)}, measures=EVERY).result()
    assert np.isfinite(found.values[0, EVERY.index("insertion")]).all()
    assert found.done == 3
    assert fingerprint(model) == before


# kept on the disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [1, 3, 6])
def test_what_is_stored_is_not_measured_again_and_the_table_is_the_same(network, table, tmp_path, taken):
    first = cw.rank_methods(network, SCENES, METHODS, measures=EVERY, seed=3, store=tmp_path / "kept.jsonl")
    for _ in range(taken):
        next(first)
    first.close()
    steps = cw.rank_methods(network, SCENES, METHODS, measures=EVERY, seed=3, store=tmp_path / "kept.jsonl")
    counted, handle = passes(network)
    with handle:
        for _ in range(taken):
            next(steps)
        assert counted == []
        found = steps.result()
        assert counted
    fixed = [column for column, key in enumerate(EVERY) if key != "cost"]
    np.testing.assert_array_equal(found.values[:, fixed], table.values[:, fixed])
    np.testing.assert_array_equal(found.curves, table.curves)
    np.testing.assert_array_equal(found.peaks, table.peaks)
    assert found.predictions == table.predictions
    for key, field in table.maps.items():
        np.testing.assert_array_equal(found.maps[key], field)
    counted, handle = passes(network)
    with handle:
        again = cw.rank_methods(
            cw.demo(), SCENES, METHODS, measures=EVERY, seed=3, store=tmp_path / "kept.jsonl"
        ).result()
    assert counted == []
    np.testing.assert_array_equal(again.values, found.values)


KILLED = """
import os, sys, signal
import cnnvis_widgets as cw
def slow(network, images, target):
    slow.calls = getattr(slow, "calls", 0) + 1
    if slow.calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return cw.grad_cam(network, images, target)
cw.rank_methods(cw.demo(), cw.scenes(4, seed=7), {"slow": slow}, measures=["energy", "deletion"], store=sys.argv[1]).result()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_that_is_killed_loses_the_one_cell_at_work(network, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == -signal.SIGKILL
    calls = []

    def slow(network, images, target):
        calls.append(target)
        return cw.grad_cam(network, images, target)

    options = {"measures": ["energy", "deletion"]}
    found = cw.rank_methods(network, SCENES, {"slow": slow}, store=tmp_path, **options).result()
    assert calls == [scene.label for scene in SCENES[2:]]  # two scenes were finished
    whole = cw.rank_methods(network, SCENES, {"slow": cw.grad_cam}, **options).result()
    np.testing.assert_allclose(found.values, whole.values, atol=1e-6)


def test_a_line_cut_short_costs_that_cell_only(network, tmp_path):
    path = tmp_path / "kept.jsonl"
    whole = cw.rank_methods(network, SCENES[:2], METHODS, measures=QUICK, store=path).result()
    path.write_bytes(path.read_bytes()[:-30])
    calls = []

    def counting(network, images, target):
        calls.append(1)
        return edges(network, images, target)

    methods = METHODS | {"Edges": counting}
    again = cw.rank_methods(network, SCENES[:2], methods, measures=QUICK, store=path).result()
    np.testing.assert_array_equal(again.values, whole.values)
    assert calls == []  # the last line is the random map's
    assert len(path.read_bytes().splitlines()) == 9


def test_more_scenes_methods_and_measures_add_to_what_is_there(network, tmp_path):
    calls = []

    def counting(network, images, target):
        calls.append(len(images))
        return edges(network, images, target)

    def rank(scenes, methods, measures):
        return cw.rank_methods(network, scenes, methods, measures=measures, store=tmp_path).result()

    rank(SCENES[:2], {"Edges": counting}, ["energy"])
    assert calls == [1, 1]
    rank(SCENES[:3], {"Edges": counting}, ["energy"])
    assert calls == [1, 1, 1]
    found = rank(SCENES[1:3], {"Grad-CAM": cw.grad_cam, "Edges": counting}, ["pointing", "energy", "deletion"])
    assert calls == [1, 1, 1]  # the maps themselves are kept
    fresh = cw.rank_methods(
        network, SCENES[1:3], {"Grad-CAM": cw.grad_cam, "Edges": edges}, measures=["pointing", "energy", "deletion"]
    ).result()
    np.testing.assert_allclose(found.values, fresh.values, atol=1e-6)
    rank(SCENES[:2], {"Edges": counting}, ["cost", "sensitivity"])
    assert 8 in calls


@pytest.mark.parametrize("other", ["network", "seed", "pixels", "mask", "label", "title"])
def test_another_question_is_another_entry(network, tmp_path, other):
    calls = []

    def counting(network, images, target):
        calls.append(1)
        return edges(network, images, target)

    scenes, options = list(SCENES[:1]), {"measures": ["energy"], "store": tmp_path}
    cw.rank_methods(network, scenes, {"Edges": counting}, **options).result()
    cw.rank_methods(network, scenes, {"Edges": counting}, **options).result()
    assert len(calls) == 1
    title, seed = "Edges", 0
    if other == "network":
        network = cw.demo()
        with torch.no_grad():
            network.model.head.bias[0] += 1e-3
    elif other == "seed":
        seed = 1
    elif other == "title":
        title = "Other edges"
    else:
        changed = {"pixels": 255 - scenes[0].image, "mask": ~scenes[0].mask, "label": (scenes[0].label + 1) % 12}
        scenes = [replace(scenes[0], **{"image" if other == "pixels" else other: changed[other]})]
    cw.rank_methods(network, scenes, {title: counting}, seed=seed, **options).result()
    assert len(calls) == 2


# what goes wrong ------------------------------------------------------------------------------------------------------


def test_a_method_that_fails_is_named_with_its_scene_and_the_rest_is_kept(network, tmp_path):
    def failing(network, images, target):
        if target == SCENES[1].label:
            raise ZeroDivisionError("on purpose")
        return edges(network, images, target)

    work = cw.rank_methods(network, SCENES, {"Edges": edges, "Fails": failing}, measures=["energy"], store=tmp_path)
    done = []
    with pytest.raises(cw.EvaluationError) as caught:
        done.extend(work)
    assert str(caught.value) == (
        f"Fails failed on scene 2 ({SCENES[1].name}): on purpose. What was measured before is kept."
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert len(done) == 4  # the whole first scene, and the method before it on the second
    assert done[-1].result.done == 1
    counted, handle = passes(network)
    with handle:
        again = cw.rank_methods(
            network, SCENES[:1], {"Edges": edges, "Fails": edges}, measures=["energy"], store=tmp_path
        )
        again.result()
    assert counted == []


def test_a_method_that_gives_no_numbers_does_not_win(network):
    def nothing(network, images, target):
        return np.full((len(images), 12, 12), np.nan, np.float32)

    found = cw.rank_methods(network, SCENES, {"Nothing": nothing, "Grad-CAM": cw.grad_cam}, measures=EVERY).result()
    row = dict(zip(EVERY, found.mean[0], strict=True))
    assert (row["pointing"], row["energy"], row["randomization"]) == (0, 0, 1)
    assert np.isnan(row["sensitivity"])
    assert not found.told_apart_from_random("insertion")[0]
    assert not found.told_apart_from_random("deletion")[0]
    assert not found.told_apart_from_random("drop")[0]
    assert found.counts[0, 0] == 4


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"mask": np.zeros((96, 96), bool)},
            cw.ImageError,
            r"The mask of scene 2 \(cat\) is empty, so nothing can lie",
        ),
        (
            {"mask": np.ones((96, 95), bool)},
            cw.ImageError,
            r"The mask of scene 2 \(cat\) is 96 × 95 and its picture 96 × 96",
        ),
        ({"mask": np.ones((96, 96, 3))}, cw.ImageError, r"scene 2 \(cat\) is 96 × 96 × 3 and"),
        ({"mask": None}, cw.EvaluationError, r"Scene 2 \(cat\) has no mask"),
        ({"label": None}, cw.EvaluationError, r"Scene 2 \(cat\) has no label"),
        ({"image": np.zeros((2, 3, 96, 96), np.float32)}, cw.ImageError, r"Scene 2 \(cat\) holds 2 pictures"),
        ({"label": 12}, cw.EvaluationError, r"Edges failed on scene 2 \(cat\): .*12 is not one of them"),
        ({"label": "dog"}, cw.EvaluationError, r"Edges failed on scene 2 \(cat\): No class is called 'dog'"),
    ],
)
def test_a_scene_that_cannot_be_measured_is_named(network, change, error, message):
    first, second = SCENES[:2]
    scenes = [first, replace(second, name="cat", **change)]
    with pytest.raises(error, match=message):
        cw.rank_methods(network, scenes, {"Edges": edges}, measures=["energy"]).result()


def test_wrong_masks_are_found_before_the_work_begins(network):
    scenes = [*SCENES[:1], replace(SCENES[1], mask=np.zeros((96, 96), bool))]
    with pytest.raises(cw.ImageError, match="is empty"):
        cw.rank_methods(network, scenes, METHODS)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([], "nothing was given"),
        ({}, "nothing was given"),
        (["grad_cam"], r"A method is a function.*str was given"),
        ({"Grad-CAM": None}, "NoneType was given"),
        ([edges, edges], "'edges' is the title of two methods"),
        ({RANDOM: edges}, "'Random map' is what the reference is called"),
        ([lambda n, x, t: x], r"has no name: give a mapping from titles to methods"),
    ],
)
def test_methods_that_cannot_be_told_apart_are_refused(network, methods, message):
    with pytest.raises(cw.EvaluationError, match=message):
        cw.rank_methods(network, SCENES, methods)


def test_no_scenes_and_unknown_measures_are_refused(network):
    with pytest.raises(cw.EvaluationError, match="There are no scenes"):
        cw.rank_methods(network, [], METHODS)
    with pytest.raises(cw.EvaluationError, match=r"no measure 'enrgy'. Did you mean 'energy'"):
        cw.rank_methods(network, SCENES, METHODS, measures=["enrgy"])


# what may be given ----------------------------------------------------------------------------------------------------


def test_methods_may_be_a_list_or_one_and_scenes_any_iterable(network):
    one = cw.rank_methods(network, iter(SCENES[:2]), edges, measures="energy").result()
    listed = cw.rank_methods(network, list(SCENES[:2]), [edges, cw.grad_cam], measures=["energy"]).result()
    assert one.methods == ("edges", RANDOM)
    assert listed.methods == ("edges", "grad_cam", RANDOM)
    np.testing.assert_array_equal(one.values[0], listed.values[0])


def test_a_mask_is_scaled_and_cropped_as_its_picture_is(network):
    """The network sees the middle of the picture at half its size."""
    seen = cw.Network(network.model, replace(network.preprocess, resize=100), network.labels)
    big = np.kron(np.pad(SCENES[0].image, ((2, 2), (2, 2), (0, 0)), mode="edge"), np.ones((2, 2, 1), np.uint8))
    mask = np.kron(np.pad(SCENES[0].mask, 2), np.ones((2, 2), bool))
    asked = []

    def true_mask(network, images, target):
        asked.append(images.shape)
        return SCENES[0].mask[None].astype(np.float32)

    scene = Scene(big, mask, SCENES[0].label, "big")
    found = cw.rank_methods(seen, [scene], [true_mask], measures=["energy", "pointing"]).result()
    assert asked == [(1, 3, 96, 96)]
    assert found.values[0, 0, 0] > 0.98
    assert found.values[-1, 1, 0] == pytest.approx(SCENES[0].mask.mean(), rel=0.01)
    outside = np.zeros_like(mask)
    outside[:2] = True
    with pytest.raises(cw.ImageError, match=r"mask of scene 1 \(big\) is empty where the network looks"):
        cw.rank_methods(seen, [Scene(big, outside, 0, "big")], [true_mask])


def test_labels_may_be_words_and_masks_numbers(network):
    scene = SCENES[0]
    plain = cw.rank_methods(network, [scene], METHODS, measures=QUICK).result()
    other = Scene(network.read(scene.image), scene.mask.astype(np.float32), scene.name, scene.name)
    found = cw.rank_methods(network, [other], METHODS, measures=QUICK).result()
    np.testing.assert_allclose(found.values, plain.values, atol=1e-6)


def test_long_methods_are_run_to_their_end(network):
    found = cw.rank_methods(network, SCENES[:1], {"SmoothGrad": cw.smooth_grad}, measures=["energy"]).result()
    alone = cw.smooth_grad(network, SCENES[0].image, SCENES[0].label).result()
    np.testing.assert_allclose(found.maps[0, 0], alone.values[0], atol=1e-6)
