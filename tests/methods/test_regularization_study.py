"""The study of regularization: each number is that of one ascent alone, kept on the disk, and a crash costs at most one cell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, pictures_for
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw
from cnnvis_widgets.engine.ascent import Ascent
from cnnvis_widgets.engine.recipe import Recipe
from cnnvis_widgets.engine.strongest import strongest_patches
from cnnvis_widgets.engine.study_grid import variants_of

SCENES = cw.scenes(24, seed=3)
GRID = {"tv": (1,), "jitter": (8,), "octaves": (1.2,)}
OPTIONS = {"references": SCENES, "patches": 2, "steps": 12, "seeds": 2}


@pytest.fixture(scope="module")
def network():
    return cw.demo()


@pytest.fixture(scope="module")
def study(network):
    return cw.regularization_study(network, "separable1", [3, 8], GRID, **OPTIONS).result()


def climbed(network, layer, channel, recipe, seed, size):
    """The picture of one recipe, by itself."""
    ascent = Ascent(network, cw.channel(layer, channel), recipe, size=size, seed=seed)
    while not ascent.finished:
        ascent.step()
    return ascent


def test_each_number_is_that_of_one_picture_climbed_by_itself(network, study):
    assert study.references[0].shape[1:] == (64, 64, 3)  # the least; a unit sees 33 pixels
    for row, variant in enumerate(study.variants):
        for column, channel in enumerate(study.channels):
            response = study.scores[0, column].mean()
            recipe = replace(variant.recipe, unit=response) if variant.family == "tv" else variant.recipe
            for place, seed in enumerate(study.seeds):
                ascent = climbed(network, "separable1", channel, recipe, seed, (64, 64))
                expected = [
                    cw.perceptual_distance(ascent.pictures, reference, backbone=network).values[0]
                    for reference in study.references[column]
                ]
                assert study.distances[row, column, place] == pytest.approx(np.mean(expected), rel=1e-3)
                assert study.scores[row, column, place] == pytest.approx(float(ascent.measure()[0]), rel=1e-3)
                shown = ascent.pictures[0].permute(1, 2, 0).numpy() * 255
                assert np.abs(study.pictures[row, column][place] - shown).mean() < 1


def test_the_references_are_the_strongest_patches_that_are_whole(network, study):
    found = strongest_patches(network, "separable1", SCENES, count=24, channels=[3, 8]).result()
    for column, channel in enumerate((3, 8)):
        full = [rank for rank in range(24) if found.patch(channel, rank).shape == (33, 33, 3)]
        assert len(full) > 2
        for kept, rank in zip(study.references[column], full, strict=False):
            patch = torch.from_numpy(found.patch(channel, rank)).permute(2, 0, 1)[None].float()
            wanted = F.interpolate(patch, (64, 64), mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()
            assert np.abs(kept - wanted).mean() < 1


def test_patches_that_are_cut_off_come_last_however_strong(network):
    from cnnvis_widgets.methods.regularization_study import _whole

    found = strongest_patches(network, "separable1", SCENES, count=8).result()
    cut_off_first = 0
    for channel in range(64):
        patches = [found.patch(channel, rank) for rank in range(8)]
        full = [patch for patch in patches if patch.shape == (33, 33, 3)]
        if not full:
            continue
        cut = [patch for patch in patches if patch.shape != (33, 33, 3)]
        cut_off_first += patches[0].shape != (33, 33, 3)
        for kept, wanted in zip(_whole(found, channel, 3), [*full, *cut], strict=False):
            np.testing.assert_array_equal(kept, wanted)
    assert cut_off_first > 3


def test_the_curve_begins_with_the_noise_and_ends_at_the_distance(network, study):
    assert study.points[0] == 0
    assert study.points[-1] == 12
    np.testing.assert_allclose(study.curves[..., -1], study.distances, rtol=1e-5)
    start = Ascent(network, cw.channel("separable1", 3), study.variants[0].recipe, size=64, seed=0).pictures
    expected = [cw.perceptual_distance(start, each, backbone=network).values[0] for each in study.references[0]]
    assert study.curves[0, 0, 0, 0] == pytest.approx(np.mean(expected), rel=1e-4)
    assert study.curve().values.shape == (4, len(study.points))


def test_the_response_to_the_references_is_that_of_the_channel_to_them(network, study):
    free = network.at_any_size()
    for column, channel in enumerate(study.channels):
        pictures = torch.from_numpy(study.references[column]).permute(0, 3, 1, 2).float() / 255
        maps = free.trace(pictures, "separable1")["separable1"][:, channel]
        # Written as pixels that are climbed, black and white come out a little gray.
        assert study.reference_scores[column] == pytest.approx(float(maps.mean()), rel=0.01)
    assert (study.response[0] > 1).all()


def test_what_gray_and_what_real_pictures_get_are_measured_as_the_rest_is(network, study):
    gray = np.full((64, 64, 3), 0.5)
    for column, references in enumerate(study.references):
        far = [cw.perceptual_distance(gray, each, backbone=network).values[0] for each in references]
        assert study.gray[column] == pytest.approx(np.mean(far), rel=1e-4)
        first, second = references
        assert study.among[column] == pytest.approx(
            cw.perceptual_distance(first, second, backbone=network).values[0], rel=1e-4
        )


def test_what_it_is_stands_on_it(study):
    assert study.measure == "deep-feature distance (demo)"
    assert (study.layer, study.channels, study.seeds) == ("separable1", (3, 8), (0, 1))
    assert [each.title for each in study.variants] == [
        "No regularization",
        "Total variation 1",
        "Jitter 8 px",
        "Octaves 1.2",
    ]
    assert (study.done, study.total) == (8, 8)
    assert np.isfinite(study.distances).all()
    assert "12 steps, 64\u2009×\u200964 px" in study._repr_html_()


def test_steps_rise_and_each_can_be_shown_and_does_not_change_later(network):
    work = cw.regularization_study(network, "separable1", [3], {"jitter": (8,)}, **OPTIONS)
    steps = list(work)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == len(work)
    assert [step.result.done for step in steps][-1] == 2
    first = next(step.result for step in steps if step.result.done == 1)
    assert np.isfinite(first.distances[0]).all()
    assert np.isnan(first.distances[1]).all()
    assert all("<table" in step.result._repr_html_() for step in steps)


def test_the_same_seeds_give_the_same_study_and_others_another(network, study):
    again = cw.regularization_study(network, "separable1", [3, 8], GRID, **OPTIONS).result()
    np.testing.assert_array_equal(again.distances, study.distances)
    other = cw.regularization_study(network, "separable1", [3], GRID, **OPTIONS | {"seeds": [1, 5]}).result()
    np.testing.assert_allclose(other.distances[0, 0, 0], study.distances[0, 0, 1], rtol=1e-4)
    assert not np.isclose(other.distances[0, 0, 1], study.distances[0, 0, 0])


def test_references_may_be_given_as_pictures_or_as_what_was_found(network, study):
    given = {channel: list(study.references[column]) for column, channel in enumerate(study.channels)}
    same = cw.regularization_study(network, "separable1", [3, 8], GRID, **OPTIONS | {"references": given}).result()
    np.testing.assert_allclose(same.distances, study.distances, rtol=1e-5)
    found = strongest_patches(network, "separable1", SCENES, count=8, channels=[8, 3]).result()
    same = cw.regularization_study(network, "separable1", [3, 8], GRID, **OPTIONS | {"references": found}).result()
    np.testing.assert_allclose(same.distances, study.distances, rtol=1e-5)
    one = cw.regularization_study(
        network, "separable1", [3], "jitter", **OPTIONS | {"references": {3: SCENES[0].image}}
    )
    assert next(one).result.references[0].shape == (1, 64, 64, 3)
    one.close()


def test_another_backbone_measures_the_same_pictures(network, study):
    from torchvision.models import squeezenet1_1

    pytest.importorskip("lpips")
    torch.manual_seed(0)
    backbone = squeezenet1_1(weights=None).eval()
    other = cw.regularization_study(network, "separable1", [3], GRID, backbone=backbone, **OPTIONS).result()
    assert other.measure == "LPIPS (SqueezeNet 1.1)"
    np.testing.assert_array_equal(other.pictures[2, 0], study.pictures[2, 0])
    pictures = torch.from_numpy(other.pictures[2, 0]).permute(0, 3, 1, 2).float() / 255
    expected = [cw.perceptual_distance(pictures, each, backbone=backbone).values for each in other.references[0]]
    np.testing.assert_allclose(other.distances[2, 0], np.mean(expected, 0), atol=2e-3)  # pictures are kept in 8 bits


def test_another_judge_measures_the_same_pictures_and_nothing_is_climbed_again(network, study, monkeypatch):
    torch.manual_seed(0)
    judge = cw.load("resnet18", None)
    asked = cw.regularization_study(network, "separable1", [3, 8], GRID, backbone=judge, **OPTIONS).result()
    monkeypatch.setattr(Ascent, "step", None)
    judged = study.judged_by(judge)
    assert judged.measure == asked.measure != study.measure
    assert judged.notes == asked.notes != study.notes
    for found, right, before in (
        (judged.distances, asked.distances, study.distances),  # pictures are kept in 8 bits
        (judged.gray, asked.gray, study.gray),
        (judged.among, asked.among, study.among),
    ):
        np.testing.assert_allclose(found, right, rtol=0.01, atol=2e-3)
        assert not np.allclose(found, before, rtol=0.02, atol=4e-3)
    np.testing.assert_allclose(judged.mean, asked.mean, atol=0.03)  # in %
    np.testing.assert_array_equal(judged.scores, study.scores)
    np.testing.assert_array_equal(judged.curves[..., -1], judged.distances.astype(np.float32))
    assert np.isnan(judged.curves[..., :-1]).all()
    assert np.isfinite(study.curves).all()
    assert "resnet18" in judged._repr_html_()
    assert "<svg" in judged.curve()._repr_html_()
    with pytest.raises(cw.ModelError, match="no backbone of LPIPS"):
        study.judged_by(judge, "lpips")


def test_what_was_not_painted_or_stayed_silent_has_no_distance_by_another_judge_either(network):
    work = cw.regularization_study(network, "separable1", [3, 8], {"jitter": (8,)}, **OPTIONS)
    half = next(step.result for step in work if step.result.done == 1)
    work.close()
    judged = half.judged_by(network)
    np.testing.assert_allclose(judged.distances, half.distances, rtol=0.01)
    assert np.isfinite(judged.distances).sum() == 2
    silent = replace(half, distances=np.full_like(half.distances, np.nan))
    assert np.isnan(silent.judged_by(network).distances).all()


def test_a_unit_that_stays_silent_has_no_distance():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with torch.no_grad():
        model[0].weight[1].zero_()
        model[0].bias[1] = -1
    network = cw.Network(model, cw.Preprocess(3, (32, 32)))
    found = cw.regularization_study(
        network, "1", [0, 1], {"jitter": (8,)}, references={0: SCENES[0].image, 1: SCENES[1].image}, steps=4, size=32
    ).result()
    assert np.isfinite(found.distances[:, 0]).all()
    assert np.isnan(found.distances[:, 1]).all()
    assert "silent" in found._repr_html_()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_works_on_every_small_network_and_leaves_it_alone(case):
    model = module_of(case).train()
    before = fingerprint(model)
    found = cw.regularization_study(
        network_of(case, model), case.layer, [1, 2], references=pictures_for(case, 4), steps=4, seeds=1, patches=1
    ).result()
    assert fingerprint(model) == before
    assert found.done == found.total
    assert np.isfinite(found.distances).all()


# kept on the disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [1, 3, 7])
def test_what_is_stored_is_not_computed_again_and_the_study_is_the_same(network, study, tmp_path, cells, monkeypatch):
    work = cw.regularization_study(network, "separable1", [3, 8], GRID, store=tmp_path, **OPTIONS)
    while next(work).result.done < cells:
        pass
    work.close()
    assert len((tmp_path / "regularization.jsonl").read_bytes().splitlines()) == cells
    found = cw.regularization_study(cw.demo(), "separable1", [3, 8], GRID, store=tmp_path, **OPTIONS).result()
    np.testing.assert_array_equal(found.distances, study.distances)
    np.testing.assert_array_equal(found.scores, study.scores)
    np.testing.assert_array_equal(found.curves, study.curves)
    for place, pictures in study.pictures.items():
        np.testing.assert_array_equal(found.pictures[place], pictures)
    monkeypatch.setattr(Ascent, "step", lambda self: pytest.fail("climbed again"))
    again = cw.regularization_study(network, "separable1", [3, 8], GRID, store=tmp_path, **OPTIONS).result()
    np.testing.assert_array_equal(again.distances, study.distances)


def test_more_channels_and_recipes_add_to_what_is_there(network, study, tmp_path):
    cw.regularization_study(network, "separable1", [8], {"tv": (1,)}, store=tmp_path, **OPTIONS).result()
    kept = tmp_path / "regularization.jsonl"
    assert len(kept.read_bytes().splitlines()) == 2
    found = cw.regularization_study(network, "separable1", [3, 8], GRID, store=tmp_path, **OPTIONS).result()
    assert len(kept.read_bytes().splitlines()) == 8
    np.testing.assert_array_equal(found.distances, study.distances)


@pytest.mark.parametrize("other", ["network", "steps", "seeds", "size", "references", "kind", "backbone"])
def test_another_question_is_another_entry(network, tmp_path, other):
    def lines(network, **options):
        cw.regularization_study(network, "separable1", [3], [], store=tmp_path, **OPTIONS | options).result()
        return len((tmp_path / "regularization.jsonl").read_bytes().splitlines())

    assert lines(network) == lines(cw.demo()) == 1
    changed = {"steps": 13, "seeds": 3, "size": 72, "references": SCENES[:6], "backbone": cw.demo(biased=True)}
    if other == "kind":
        pytest.importorskip("lpips")
        from torchvision.models import squeezenet1_1

        torch.manual_seed(0)
        backbone = squeezenet1_1(weights=None).eval()
        assert lines(network, backbone=backbone) == 2
        assert lines(network, backbone=backbone, kind="features") == 3
    elif other == "network":
        network = cw.demo()
        with torch.no_grad():
            network.model.separable1.norm2.bias[0] += 1e-3
        assert lines(network) == 2
    else:
        assert lines(network, **{other: changed[other]}) == 2


KILLED = """
import os, sys, signal
import cnnvis_widgets as cw
from cnnvis_widgets.engine.ascent import Ascent
whole = Ascent.step
def step(self):
    step.calls += 1
    if step.calls == 12 * 2 + 7:
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self)
step.calls = 0
Ascent.step = step
options = dict(references=cw.scenes(24, seed=3), patches=2, steps=12, seeds=2)
grid = dict(tv=(1,), jitter=(8,), octaves=(1.2,))
cw.regularization_study(cw.demo(), "separable1", [3, 8], grid, store=sys.argv[1], **options).result()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_process_killed_in_the_middle_of_a_cell_loses_that_cell_only(network, study, tmp_path, monkeypatch):
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path], check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == -signal.SIGKILL
    steps, whole = [], Ascent.step
    monkeypatch.setattr(Ascent, "step", lambda self: steps.append(1) or whole(self))
    found = cw.regularization_study(network, "separable1", [3, 8], GRID, store=tmp_path, **OPTIONS).result()
    assert len(steps) == 12 * 6  # of eight cells two were whole
    np.testing.assert_allclose(found.distances, study.distances, rtol=1e-5)


# what goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_closed_at_any_step_it_leaves_nothing_behind(taken):
    case = CASES["BatchNorm and residual"]
    model = module_of(case).train()
    before = fingerprint(model)
    work = cw.regularization_study(network_of(case, model), case.layer, [1], references=pictures_for(case, 3), steps=8)
    for _ in range(taken):
        next(work)
    work.close()
    assert fingerprint(model) == before
    with pytest.raises(RuntimeError, match="closed before its last step"):
        work.result()


def test_what_cannot_be_asked_is_refused_at_once(network):
    def ask(*given, **options):
        return cw.regularization_study(network, *given, **options)

    with pytest.raises(cw.LayerError, match="no layer 'separable9'"):
        ask("separable9", [0])
    with pytest.raises(cw.LayerError, match="channels 0–63"):
        ask("separable1", [64])
    with pytest.raises(cw.EvaluationError, match="no regularization 'jit'"):
        ask("separable1", [0], ["jit"])
    with pytest.raises(cw.EvaluationError, match="seeds is"):
        ask("separable1", [0], seeds=0)
    with pytest.raises(cw.EvaluationError, match="seeds is"):
        ask("separable1", [0], seeds=[1, 1])
    with pytest.raises(cw.EvaluationError, match="at least one reference"):
        ask("separable1", [0], patches=0)
    with pytest.raises(cw.EvaluationError, match="no reference for channel 1"):
        ask("separable1", [0, 1], references={0: SCENES[0].image}).result()
    with pytest.raises(cw.EvaluationError, match="references of channel 0 are empty"):
        ask("separable1", [0], references={0: []}).result()


def test_the_default_size_is_that_of_a_patch_and_at_most_the_networks_own(network):
    from cnnvis_widgets.methods.regularization_study import _size

    assert _size(network, network.layer("stem.conv"), None) == (64, 64)
    assert _size(network, network.layer("separable1"), None) == (64, 64)
    assert _size(network, network.layer("separable3"), None) == (96, 96)
    assert _size(network, network.layer("separable3"), (40, 50)) == (40, 50)


def test_every_family_of_the_default_grid_is_a_recipe_that_can_be_climbed(network):
    for variant in variants_of(None, 3):
        ascent = climbed(network, "separable1", 3, variant.recipe, 0, (64, 64))
        assert ascent.pictures.shape == (1, 3, 64, 64)
        assert isinstance(variant.recipe, Recipe)


def test_a_damaged_cell_of_a_store_is_computed_again(network, study, tmp_path):
    store = tmp_path / "study.jsonl"
    asked = {"grid": ["tv"], "references": cw.scenes(3), "steps": 2, "seeds": 1, "patches": 1, "size": 32}
    whole = cw.regularization_study(network, study.layer, study.channels[:1], store=store, **asked).result()
    records = [json.loads(line) for line in store.read_text().splitlines()]
    damaged = [{**record, "curve": {"shape": [1], "dtype": "<f4", "data": "AAAA"}} for record in records]
    store.write_text("".join(json.dumps(record) + "\n" for record in damaged))
    again = cw.regularization_study(network, study.layer, study.channels[:1], store=store, **asked).result()
    np.testing.assert_array_equal(again.distances, whole.distances)


@pytest.mark.parametrize(
    "options",
    [{"seeds": None}, {"seeds": "x"}, {"seeds": [1.5]}, {"patches": None}, {"grid": 5}, {"grid": {"l2": ["x"]}}],
)
def test_options_of_the_wrong_kind_are_refused_at_once(network, study, options):
    with pytest.raises(cw.EvaluationError):
        cw.regularization_study(network, study.layer, study.channels, **options)
