"""The loop that climbs: against loops of plain torch and Lucent's, batch against single pictures, and what can go wrong."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, normalized, pictures_for
from torch import Tensor, nn

import cnnvis_widgets as cw
from cnnvis_widgets import (
    LBFGS,
    Adam,
    Ascent,
    AscentError,
    Fourier,
    Laplacian,
    MaCo,
    Octaves,
    Pixels,
    Plain,
    Recipe,
    Transforms,
)
from cnnvis_widgets.engine.transforms import NONE

CASE, LAYER = CASES["in-place ReLU"], "0.3"
UNIT = cw.channel(LAYER, 2)
OPTIMIZERS = [Adam(), Plain(0.1), Plain(1.0, normalized=False)]
WRITTEN = [Pixels(), Fourier(), Laplacian(2), MaCo()]


@pytest.fixture(scope="module")
def network():
    return network_of(CASE)


@pytest.fixture(scope="module")
def demo():
    return cw.demo()


def climbed(ascent: Ascent, steps: int | None = None) -> Ascent:
    while not ascent.finished and ascent.done != steps:
        ascent.step()
    return ascent


def recipe(written=None, steps: int = 6, **options) -> Recipe:
    return Recipe(written or Fourier(), steps=steps, **options)


def plainly(leaf: Tensor, optimizer, steps: int, penalty=lambda pictures: 0.0) -> Tensor:
    """The ascent of a channel in pixels as anyone would write it."""
    leaf = leaf.clone().requires_grad_()
    model, chosen = module_of(CASE), optimizer([leaf])
    for _ in range(steps):
        pictures = torch.sigmoid(leaf)
        maps = model[0](normalized(CASE, pictures))
        (-(maps[:, 2].mean((1, 2)) - penalty(pictures)).sum()).backward()
        chosen.step()
        chosen.zero_grad()
    return torch.sigmoid(leaf).detach()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Adam(0.05), lambda leaves: torch.optim.Adam(leaves, 0.05)),
        (Plain(2.0, normalized=False), lambda leaves: torch.optim.SGD(leaves, 2.0)),
        (LBFGS(0.5, 5), None),
    ],
    ids=["Adam", "Plain", "LBFGS"],
)
def test_an_ascent_in_pixels_is_the_loop_that_anyone_would_write(network, ours, theirs):
    ascent = Ascent(network, UNIT, recipe(Pixels(), 5, transforms=NONE, optimizer=ours), seed=3)
    leaf = torch.logit(ascent.pictures)
    climbed(ascent)
    if theirs is None:  # torch's own takes a closure
        assert float(ascent.measure()) > ascent.history[0, 0]
        return
    torch.testing.assert_close(ascent.pictures, plainly(leaf, theirs, 5), atol=2e-4, rtol=0)


def test_a_penalty_is_subtracted_times_its_weight_and_the_unit(network):
    regularizers = (cw.L2(0.4), cw.TotalVariation(0.2))
    given = recipe(
        Pixels(), 5, transforms=NONE, optimizer=Plain(2.0, normalized=False), regularizers=regularizers, unit=3.0
    )
    ascent = Ascent(network, UNIT, given, seed=3)
    leaf = torch.logit(ascent.pictures)

    def penalty(pictures):
        variation = pictures.diff(dim=2).abs().mean((1, 2, 3)) + pictures.diff(dim=3).abs().mean((1, 2, 3))
        return 3.0 * (0.4 * (pictures - 0.5).square().mean((1, 2, 3)) + 0.2 * variation)

    expected = plainly(leaf, lambda leaves: torch.optim.SGD(leaves, 2.0), 5, penalty)
    torch.testing.assert_close(climbed(ascent).pictures, expected, atol=2e-4, rtol=0)


def test_a_normalized_step_changes_the_numbers_by_the_rate_on_average(network):
    ascent = Ascent(network, [UNIT, -100 * UNIT], recipe(Pixels(), 1, transforms=NONE, optimizer=Plain(0.03)))
    before = torch.logit(ascent.pictures)
    ascent.step()
    change = (torch.logit(ascent.pictures) - before).abs().mean((1, 2, 3))
    torch.testing.assert_close(change, torch.full((2,), 0.03), atol=1e-5, rtol=0)


def test_an_ascent_in_fourier_equals_lucents_from_the_same_noise():
    spatial, color = (pytest.importorskip(f"lucent.optvis.param.{name}") for name in ("spatial", "color"))
    torch.manual_seed(0)
    (leaf,), values = spatial.fft_image((1, 3, 16, 16))
    network = network_of(CASE)
    ascent = Ascent(network, UNIT, recipe(Fourier(), 8, transforms=NONE))
    ascent._canvas.leaves[0].data.copy_(leaf.detach())
    picture, optimizer = color.to_valid_rgb(values, decorrelate=True), torch.optim.Adam([leaf], 0.05)
    model = module_of(CASE)
    for _ in range(8):
        optimizer.zero_grad()
        (-model[0](normalized(CASE, picture()))[:, 2].mean()).backward()
        optimizer.step()
    torch.testing.assert_close(climbed(ascent).pictures, picture().detach(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("written", WRITTEN, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_unit_rises_whatever_the_recipe(network, written, optimizer):
    ascent = Ascent(network, UNIT, recipe(written, 20, transforms=Transforms(jitter=2), optimizer=optimizer))
    before = ascent.measure()
    assert climbed(ascent).measure() > before
    assert ascent.history.shape == (20, 1)
    assert ascent.notes == [""]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda each: type(each).__name__)
def test_a_batch_equals_a_loop(network, written):
    objectives = [cw.channel(LAYER, 2), cw.channel(LAYER, 5), cw.class_score(1)]
    given = recipe(written, 4, transforms=Transforms(2, 4, (0.9, 1.1), 10, 2), optimizer=Plain(0.05), alpha=True)
    together = climbed(Ascent(network, objectives, given, seed=[4, 5, 4]))
    for index, objective in enumerate(objectives):
        alone = climbed(Ascent(network, objective, given, seed=[4, 5, 4][index]))
        torch.testing.assert_close(alone.pictures[0], together.pictures[index], atol=2e-5, rtol=0)
        torch.testing.assert_close(alone.opacities[0], together.opacities[index], atol=2e-5, rtol=0)
        np.testing.assert_allclose(alone.history[:, 0], together.history[:, index], atol=1e-4)


def test_one_objective_may_be_climbed_by_several_pictures_from_different_seeds(network):
    several = climbed(Ascent(network, UNIT, recipe(), count=3, seed=[0, 1, 2]))
    assert several.pictures.shape == (3, 3, 16, 16)
    alone = climbed(Ascent(network, UNIT, recipe(), seed=1))
    torch.testing.assert_close(several.pictures[1], alone.pictures[0], atol=1e-3, rtol=0)
    assert not torch.allclose(several.pictures[0], several.pictures[2])


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, LBFGS()], ids=repr)
@pytest.mark.parametrize(
    "options", [{}, {"alpha": True}, {"octaves": Octaves(2, 1.4)}], ids=["plain", "alpha", "octaves"]
)
def test_an_ascent_resumed_is_one_never_interrupted(network, optimizer, options):
    for written in (Fourier(), MaCo()):
        given = recipe(written, 6, optimizer=optimizer, **options)
        ascent, states = Ascent(network, UNIT, given, seed=5), []
        while not ascent.finished:
            file = io.BytesIO()
            torch.save(ascent.state(), file)
            states.append((ascent.state(), file.getvalue()))
            ascent.step()
        for index, (state, data) in enumerate(states):
            for one in (state, torch.load(io.BytesIO(data), weights_only=True)):
                other = Ascent(network, UNIT, recipe(Pixels()), seed=9)
                other.resume(one)
                assert other.done == index
                climbed(other)
                assert torch.equal(other.pictures, ascent.pictures)
                np.testing.assert_array_equal(other.history, ascent.history)


def test_a_state_of_other_pictures_is_refused_and_changes_nothing(network):
    state = climbed(Ascent(network, [UNIT, UNIT], recipe()), 2).state()
    other = Ascent(network, UNIT, recipe())
    before = other.pictures
    with pytest.raises(AscentError, match="This state is of 2 pictures"):
        other.resume(state)
    assert torch.equal(other.pictures, before)


def test_the_seed_decides_and_the_callers_random_state_does_not(network):
    torch.manual_seed(1)
    one = climbed(Ascent(network, UNIT, recipe(), seed=8)).pictures
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert torch.equal(climbed(Ascent(network, UNIT, recipe(), seed=8)).pictures, one)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(climbed(Ascent(network, UNIT, recipe(), seed=9)).pictures, one)


def test_octaves_grow_to_the_whole_size_and_share_the_steps(network):
    ascent, sizes = Ascent(network, UNIT, recipe(steps=9, octaves=Octaves(3, 2.0)), size=(48, 64)), []
    while not ascent.finished:
        sizes.append(tuple(ascent.pictures.shape[2:]))
        ascent.step()
    assert sizes == [(12, 16)] * 3 + [(24, 32)] * 3 + [(48, 64)] * 3
    assert ascent.pictures.shape == (1, 3, 48, 64)


def test_an_octave_begins_with_the_one_before_enlarged(network):
    ascent = climbed(
        Ascent(network, UNIT, recipe(Pixels(), 2, octaves=Octaves(2, 2.0), optimizer=Plain(1.0)), size=32), 0
    )
    small = ascent.pictures
    ascent.step()
    large = torch.nn.functional.adaptive_avg_pool2d(ascent.pictures, 16)
    assert float((large - 0.5).flatten() @ (small - 0.5).flatten()) != 0
    assert ascent.pictures.shape[-1] == 32
    assert ascent.pictures.diff(dim=-1).abs().mean() < 0.6 * ascent.pictures.std()


@pytest.mark.parametrize("size", [(16, 16), (9, 23), 31])
def test_pictures_have_the_size_that_was_asked(network, size):
    ascent = climbed(Ascent(network, UNIT, recipe(steps=2), size=size))
    expected = (size, size) if isinstance(size, int) else size
    assert tuple(ascent.pictures.shape[2:]) == expected


def test_a_network_that_takes_one_size_only_gets_it_and_the_picture_has_its_own():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    network = cw.Network(model, cw.Preprocess(size=(8, 8)))
    ascent = Ascent(network, 3, recipe(steps=20, transforms=NONE), size=13)
    before = ascent.measure()
    assert climbed(ascent).measure() > before
    assert ascent.pictures.shape == (1, 1, 13, 13)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_kind_of_small_network_is_climbed_and_left_as_it_was(case):
    model = module_of(case).train()
    network = network_of(case, model)
    before = fingerprint(model)
    for mode in (torch.enable_grad, torch.no_grad, torch.inference_mode):
        with mode():
            ascent = Ascent(network, [cw.channel(case.layer, 1), 2], recipe(steps=3))
            start = ascent.pictures
            assert (climbed(ascent).pictures != start).flatten(1).any(1).all()
            assert ascent.notes == ["", ""]
    assert fingerprint(model) == before


def test_nothing_behind_the_layer_is_computed():
    model, calls = module_of(CASE), []
    network = network_of(CASE, model)
    assert network.layers
    with model[4].register_forward_hook(lambda *_: calls.append("head")):
        climbed(Ascent(network, UNIT, recipe(steps=2)))
    assert calls == []


def test_a_start_picture_is_where_it_begins(network):
    start = pictures_for(CASE, 2)
    ascent = Ascent(network, [UNIT, UNIT], recipe(), start=start)
    torch.testing.assert_close(ascent.pictures, start.clamp(5e-3, 1 - 5e-3), atol=1e-4, rtol=0)
    torch.testing.assert_close(Ascent(network, UNIT, recipe(), start="gray").pictures, torch.full((1, 3, 16, 16), 0.5))
    with pytest.raises(cw.ImageError, match="3 pictures are climbed and 2 given"):
        Ascent(network, [UNIT] * 3, recipe(), start=start)


def test_another_recipe_goes_on_from_the_picture_as_it_is(network):
    ascent = climbed(Ascent(network, UNIT, recipe(Fourier(), 4)))
    before = ascent.pictures
    for other in (recipe(Pixels(), 3), recipe(Laplacian(2), 3), recipe(Laplacian(2), 3, regularizers=(cw.L2(1.0),))):
        done = ascent.done
        ascent.change(other)
        torch.testing.assert_close(ascent.pictures, before, atol=1e-2, rtol=0)
        assert (ascent.done, ascent.total, ascent.finished) == (done, done + 3, False)
        before = climbed(ascent).pictures
    assert ascent.history.shape == (13, 1)


def test_a_recipe_that_cannot_be_climbed_with_leaves_everything_as_it_was(network):
    ascent = climbed(Ascent(network, [UNIT, UNIT], recipe()), 2)
    before, picture = ascent.recipe, ascent.pictures
    with pytest.raises(AscentError, match="LBFGS climbs one picture at a time"):
        ascent.change(recipe(optimizer=LBFGS()))
    assert (ascent.recipe, ascent.done) == (before, 2)
    assert torch.equal(ascent.pictures, picture)


def test_importance_is_the_sum_of_the_sizes_of_gradients(network):
    given = recipe(MaCo(), 3, transforms=NONE)
    ascent, expected = Ascent(network, UNIT, given, seed=2), torch.zeros(1, 16, 16)
    while not ascent.finished:
        picture = ascent.pictures.clone().requires_grad_()
        score = module_of(CASE)[0](normalized(CASE, picture))[:, 2].mean()
        expected += torch.autograd.grad(score, picture)[0].abs().sum(1)
        ascent.step()
    torch.testing.assert_close(ascent.importance, expected, atol=1e-6, rtol=1e-4)
    assert Ascent(network, UNIT, recipe()).importance is None


def test_what_a_unit_does_not_see_becomes_see_through(demo):
    middle = (
        cw.neuron("stem.conv", 0)
        if "stem.conv" in {layer.name for layer in demo.layers}
        else cw.neuron(demo.layers[0].name, 0)
    )
    ascent = climbed(Ascent(demo, 2 * middle, recipe(steps=40, alpha=True, transforms=NONE)))
    opacity = ascent.opacities
    assert opacity.shape == (1, 96, 96)
    center, border = opacity[0, 46:51, 46:51].mean(), opacity[0, :20].mean()
    assert center > border


def test_patience_ends_an_ascent_that_gets_no_better(network):
    model = module_of(CASE)
    flat = cw.Objective(lambda trace: trace[LAYER][:, 2].mean((1, 2)).clamp(max=1e-3), (LAYER,), logits=False)
    ascent = climbed(Ascent(network_of(CASE, model), flat, recipe(steps=500, patience=10, optimizer=Plain(1.0))))
    assert ascent.done < 500
    assert climbed(Ascent(network, UNIT, recipe(steps=30, optimizer=Plain(1.0)))).done == 30


# what can go wrong ------------------------------------------------------------------------------------------------------


def shut(dead: bool) -> nn.Module:
    """All units of the first convolution are silent on any noise; dead ones have no weights that could wake them."""
    model = module_of(CASE)
    with torch.no_grad():
        model[0][0].bias[:3] = -3.0
        if dead:
            model[0][0].weight[:3] = 0
    return model


def test_a_silent_unit_is_woken_and_the_picture_beside_it_is_none_the_worse():
    network, units = network_of(CASE, shut(dead=False)), [cw.channel("0.1", 1), cw.channel("0.1", 4)]
    given = recipe(Pixels(), 60, transforms=NONE, optimizer=Adam(0.1))
    ascent = Ascent(network, units, given)
    assert ascent.measure()[0] == 0
    climbed(ascent)
    assert ascent.notes == ["", ""]
    assert (ascent.measure() > 0).all()
    alone = climbed(Ascent(network, units[1], given))
    torch.testing.assert_close(alone.pictures[0], ascent.pictures[1], atol=1e-3, rtol=0)


def test_a_dead_unit_ends_at_once_and_says_so_while_the_others_go_on():
    network, units = network_of(CASE, shut(dead=True)), [cw.channel("0.1", 1), cw.channel("0.1", 4)]
    ascent = Ascent(network, units, recipe(steps=5))
    start = ascent.pictures
    climbed(ascent)
    assert "stayed silent" in ascent.notes[0]
    assert ascent.notes[1] == ""
    assert torch.equal(ascent.pictures[0], start[0])
    assert not torch.equal(ascent.pictures[1], start[1])
    alone = climbed(Ascent(network, units[0], recipe(steps=5)))
    assert alone.done < 5
    assert alone.finished


def test_values_that_are_no_numbers_stop_a_picture_at_the_last_good_one(network):
    factors = torch.tensor([1.0, float("nan")])
    bad = cw.Objective(lambda trace: trace[LAYER][:, 2].mean((1, 2)) * factors, (LAYER,), "bad", logits=False)
    ascent = Ascent(network, bad, recipe(steps=4), count=2)
    start = ascent.pictures
    climbed(ascent)
    assert ascent.notes[0] == ""
    assert ascent.notes[1].startswith("The score or its gradient was not a finite number at step 1")
    assert torch.equal(ascent.pictures[1], start[1])
    assert torch.isfinite(ascent.pictures).all()
    alone = climbed(Ascent(network, UNIT, recipe(steps=4))).pictures[0]
    torch.testing.assert_close(ascent.pictures[0], alone, atol=1e-3, rtol=0)


def test_weights_that_are_no_numbers_are_said_to_be():
    model = module_of(CASE)
    with torch.no_grad():
        model[0][0].weight[0, 0, 0, 0] = float("nan")
    ascent = climbed(Ascent(network_of(CASE, model), [UNIT, cw.class_score(1)], recipe()))
    assert ascent.finished
    assert all("not a finite number at step 1" in note for note in ascent.notes)
    assert torch.isfinite(ascent.pictures).all()


def test_a_constant_objective_is_said_to_lead_nowhere(network):
    constant = cw.Objective(lambda trace: trace[LAYER].flatten(1).sum(1) * 0 + 3, (LAYER,), "constant", logits=False)
    ascent = climbed(Ascent(network, constant, recipe(steps=3)))
    assert "stayed silent" in ascent.notes[0]
    assert ascent.finished


@pytest.mark.parametrize("written", WRITTEN, ids=lambda each: type(each).__name__)
def test_a_picture_of_one_pixel_is_climbed_where_the_layer_can_see_it(written):
    case = CASES["depthwise"]
    ascent = climbed(Ascent(network_of(case), cw.channel("0", 1), recipe(written, 3, octaves=Octaves(3)), size=1))
    assert ascent.pictures.shape == (1, 3, 1, 1)
    assert torch.isfinite(ascent.pictures).all()


def test_a_million_steps_cost_nothing_until_they_are_taken(network):
    begun = time.perf_counter()
    steps = cw.activation_maximization(network, UNIT, recipe=recipe(steps=1_000_000))
    first = next(steps)
    steps.close()
    assert time.perf_counter() - begun < 5
    assert (first.total, first.done < 100) == (1_000_000, True)
    with pytest.raises(RuntimeError, match="closed"):
        steps.result()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda network: Ascent(network, []), "nothing to climb"),
        (lambda network: Ascent(network, UNIT, size=0), "size is 0"),
        (lambda network: Ascent(network, UNIT, size=(4, -1)), r"size is \(4, -1\)"),
        (lambda network: Ascent(network, [UNIT, UNIT], seed=[1]), "2 pictures need 2 seeds"),
        (lambda network: Ascent(network, [UNIT, UNIT], Recipe(optimizer=LBFGS())), "one picture at a time"),
        (
            lambda network: climbed(Ascent(network, cw.Objective(lambda trace: trace.logits), recipe())),
            "one number each",
        ),
    ],
)
def test_what_cannot_be_climbed_is_refused_with_what_to_give(network, make, message):
    with pytest.raises(AscentError, match=message):
        make(network)


def test_layers_and_classes_that_do_not_exist_are_refused_at_once(network):
    with pytest.raises(cw.LayerError, match=r"no layer '0\.33'"):
        Ascent(network, cw.channel("0.33", 0))
    with pytest.raises(cw.TargetError, match="No class is called"):
        climbed(Ascent(network, "label x", recipe()))


def dead(layer_and_channel: tuple[str, int] = ("3", 3)) -> cw.Network:
    """A network of which one channel never says anything."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1), nn.Identity(), nn.ReLU(), nn.Conv2d(6, 2, 1)
    )
    model[1].bias.data[layer_and_channel[1]] = -1e9
    return cw.Network(model, preprocess=cw.Preprocess(size=(32, 32)))


def test_steps_of_several_batches_can_be_shown_while_a_later_one_is_at_a_small_octave():
    objectives = [cw.channel("1", index) for index in range(3)]
    given = recipe(steps=16, octaves=Octaves(3, 1.4))
    shapes = {
        step.result.images.shape[2:] for step in cw.activation_maximization(dead(), objectives, recipe=given, batch=1)
    }
    assert shapes == {(32, 32)}


def test_a_picture_that_is_given_up_in_a_small_octave_still_has_the_size_that_was_asked_for():
    given = recipe(steps=200, octaves=Octaves(2, 1.4), alpha=True)
    made = cw.activation_maximization(dead(), [cw.channel("3", 3), cw.channel("3", 2)], recipe=given, batch=1).result()
    assert (made.images.shape, made.alpha.shape) == ((2, 3, 32, 32), (2, 32, 32))
    assert made.notes[0]
    assert not made.notes[1]


def test_patience_ends_no_octave_but_the_last_so_that_the_picture_is_whole(network):
    flat = cw.Objective(lambda trace: trace.logits.sum(1) * 1e-20 - trace.images.new_tensor(1.0))
    ascent = climbed(Ascent(network, flat, recipe(steps=60, octaves=Octaves(2, 1.4), patience=2)))
    assert ascent.pictures.shape[2:] == ascent.size
    assert 30 < ascent.done < 60


def test_an_ascent_out_of_patience_goes_on_when_its_recipe_is_changed(network):
    flat = cw.Objective(lambda trace: trace.logits.sum(1) * 1e-20 - trace.images.new_tensor(1.0))
    ascent = climbed(Ascent(network, flat, recipe(steps=60, patience=2)))
    done = ascent.done
    ascent.change(recipe(steps=60, patience=9))
    assert not ascent.finished
    assert climbed(ascent).done > done + 8


def test_patience_is_remembered_by_a_state(network):
    given = recipe(steps=60, patience=4)
    flat = cw.Objective(lambda trace: trace.logits.sum(1) * 1e-20 - trace.images.new_tensor(1.0))
    ascent = climbed(Ascent(network, flat, given), 3)
    other = Ascent(network, flat, given)
    other.resume(ascent.state())
    assert climbed(other).done == climbed(ascent).done


def test_a_change_to_fewer_steps_than_octaves_are_left_goes_on_at_the_whole_size(network):
    ascent = climbed(Ascent(network, UNIT, recipe(steps=40, octaves=Octaves(4, 1.4))), 1)
    ascent.change(recipe(steps=1, octaves=Octaves(4, 1.4)))
    assert ascent.pictures.shape[2:] == ascent.size


def test_a_change_of_the_spectrum_alone_changes_the_picture(network):
    ascent = Ascent(network, UNIT, recipe(MaCo()))
    before = ascent.pictures
    spectrum = np.random.default_rng(0).random((3, 8, 5))
    ascent.change(recipe(MaCo(spectrum=spectrum)))
    assert (ascent.pictures - before).abs().max() > 0.01


def test_a_picture_whose_score_became_no_number_is_the_one_before_also_with_an_optimizer_of_momentum(network):
    passes = []

    def failing(output):
        passes.append(1)
        return output[:, 0] * (float("nan") if len(passes) == 6 else 1.0)

    ascent = Ascent(network, failing, recipe(steps=20, transforms=NONE))
    while not ascent.finished:
        before = ascent.pictures
        ascent.step()
    assert ascent.notes[0].endswith("the picture is the one before it.")
    torch.testing.assert_close(ascent.pictures, before, atol=0, rtol=0)


def test_the_history_keeps_a_number_a_step_and_not_the_feature_map_it_was_read_from(network):
    ascent = climbed(Ascent(network, cw.neuron(LAYER, 1), recipe(steps=3)))
    assert [scores.untyped_storage().nbytes() for scores in ascent._history] == [4, 4, 4]


@pytest.mark.parametrize("error", [ValueError, AssertionError, NotImplementedError])
def test_a_network_may_refuse_a_size_in_any_way(error):
    class Picky(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3)

        def forward(self, images):
            if images.shape[2:] != (24, 24):
                raise error(f"not {tuple(images.shape)}")
            return self.convolution(images).mean((2, 3))

    picky = cw.Network(Picky(), preprocess=cw.Preprocess(size=(24, 24)))
    made = cw.activation_maximization(picky, 1, recipe=recipe(octaves=Octaves(2, 1.4)), size=30).result()
    assert made.images.shape[2:] == (30, 30)
    assert cw.deepdream(picky, torch.rand(1, 3, 24, 24), "convolution", steps=1).result().images.shape[2:] == (24, 24)


def test_a_size_that_no_layer_takes_is_refused_at_once_and_a_change_to_it_changes_nothing():
    free = cw.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(4), nn.Conv2d(4, 2, 1)))
    with pytest.raises(AscentError, match="does not take pictures of 2×2 pixels"):
        Ascent(free, cw.channel("2", 1), recipe(), size=2)
    ascent = climbed(Ascent(free, cw.channel("2", 1), recipe(), size=8), 2)
    before, state = ascent.pictures, ascent.state()
    with pytest.raises(AscentError, match="fewer octaves"):
        ascent.change(recipe(octaves=Octaves(4, 2.0)))
    torch.testing.assert_close(ascent.pictures, before, atol=0, rtol=0)
    again = Ascent(free, cw.channel("2", 1), recipe(), size=8)
    again.resume(state)
    torch.testing.assert_close(climbed(ascent).pictures, climbed(again).pictures, atol=0, rtol=0)


def test_what_is_no_state_of_the_ascent_is_refused_and_changes_nothing(network):
    ascent = climbed(Ascent(network, [UNIT, UNIT], recipe(steps=9)), 2)
    good, before = ascent.state(), ascent.pictures
    one_channel = [leaf[:, :1] for leaf in good["leaves"]]
    for bad in (
        None,
        {},
        {**good, "leaves": one_channel},
        {**good, "optimizer": {}},
        {**good, "octave": 7},
        {**good, "held": None},
    ):
        with pytest.raises(AscentError, match="no state of such an ascent"):
            ascent.resume(bad)
    torch.testing.assert_close(ascent.pictures, before, atol=0, rtol=0)
    assert ascent.done == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda output: output[:, :1],
        lambda output: output.sum(),
        lambda _: 3.0,
        lambda _: None,
        lambda output: output[:, 0] * 1j,
    ],
    ids=["column", "scalar", "float", "None", "complex"],
)
@pytest.mark.parametrize("company", [False, True])
def test_an_objective_that_is_not_one_number_for_each_picture_is_said_to_be(network, answer, company):
    with pytest.raises(AscentError, match="one number each"):
        cw.activation_maximization(network, [answer, 0] if company else answer, recipe=recipe()).result()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "big"}, "size is 'big'"),
        ({"size": (3, 3, 3)}, "size is"),
        ({"size": 10**9}, "megapixels"),
        ({"seed": None}, "seed is None"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"seed": 2**70}, "seed is"),
        ({"batch": None}, "batch is None"),
        ({"batch": 1.5}, "batch is 1.5"),
        ({"recipe": None}, "no recipe None"),
        ({"recipe": {"steps": 3}}, "no recipe"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_with_what_to_give(network, options, message):
    with pytest.raises(AscentError, match=message):
        cw.activation_maximization(network, UNIT, **options)


def test_a_channel_that_is_no_number_is_refused(network):
    for index in (None, "1", 1.0):
        with pytest.raises(cw.LayerError, match="is not one of them"):
            cw.activation_maximization(network, cw.channel(LAYER, index), recipe=recipe()).result()


def test_numbers_may_be_numpys_or_whole_floats(network):
    made = cw.activation_maximization(
        network,
        [UNIT, UNIT],
        recipe=recipe(steps=4.0, patience=np.int64(3)),
        size=np.array([16, 20]),
        batch=2.0,
        seed=np.array([1, 2]),
    )
    assert made.result().images.shape == (2, 3, 16, 20)
