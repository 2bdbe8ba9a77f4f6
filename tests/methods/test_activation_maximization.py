"""Activation maximization: what comes out responds more than anything seen, and every way to ask gives what was asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of

import cnnvis_widgets as cw
from cnnvis_widgets import Adam, Recipe, Transforms

CASE, LAYER = CASES["in-place ReLU"], "0.3"
SHORT = Recipe(steps=4)
#: Large steps and small jitter: what a test has time for.
FAST = Recipe(transforms=Transforms(jitter=4), optimizer=Adam(0.2), steps=32)


@pytest.fixture(scope="module")
def network():
    return network_of(CASE)


def strongest(network, pictures, layer, batch: int = 25) -> torch.Tensor:
    """The largest mean activation of each channel over many pictures."""
    parts = [network.trace(part, layer, logits=False)[layer].mean((2, 3)) for part in pictures.split(batch)]
    return torch.cat(parts).amax(0)


def share_above(network, layer, best, channels, recipe=FAST, **options) -> float:
    """The share of live channels that a synthesized picture excites more than any picture does."""
    live = [index for index in channels if best[index] > 0]
    objectives = [cw.channel(layer, index) for index in live]
    made = cw.activation_maximization(network, objectives, recipe=recipe, **options).result()
    again = network.at_any_size().trace(torch.from_numpy(made.images), layer, logits=False)[layer].mean((2, 3))
    np.testing.assert_allclose(again[range(len(live)), live].numpy(), made.scores, rtol=1e-3)
    return float((torch.from_numpy(made.scores) > best[live]).float().mean())


@pytest.fixture(scope="module")
def scenes():
    images = np.stack([scene.image for scene in cw.scenes(2000, seed=11)])
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize(("layer", "every"), [("residual1", 1), ("residual2", 2), ("separable3", 5)])
def test_a_channels_optimum_is_above_its_strongest_activation_over_two_thousand_scenes(scenes, layer, every):
    network = cw.demo()
    best = strongest(network, scenes, layer)
    assert (best > 0).float().mean() > 0.9
    assert share_above(network, layer, best, range(0, len(best), every)) >= 0.95


# The first block needs more steps: 32 are enough for 91 % of its channels.
@pytest.mark.parametrize(
    ("layer", "every", "optimizer", "steps"),
    [("features.3", 1, Adam(0.05), 256), ("features.7", 8, Adam(0.2), 32), ("features.12", 16, Adam(0.2), 32)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_channels_optimum_is_above_every_photo(shared_data, layer, every, optimizer, steps):
    network = cw.load("squeezenet1_1", shared_data / "squeezenet1_1_imagenet.safetensors")
    files = [file for name in ("images", "photos", "art") for file in sorted((shared_data / name).glob("*.*"))]
    assert len(files) > 200
    best = strongest(network, network.read(files), layer, batch=4)
    plain = Recipe(transforms=Transforms(), optimizer=optimizer, steps=steps)
    share = share_above(network, layer, best, range(0, len(best), every), plain, size=96)
    assert share >= 0.95


def test_the_result_of_one_objective_is_one_picture_and_of_several_a_batch(network):
    one = cw.activation_maximization(network, cw.channel(LAYER, 1), recipe=SHORT).result()
    assert np.asarray(one).shape == (3, 16, 16)
    assert np.asarray(one).dtype == np.float32
    assert 0 <= np.asarray(one).min() <= np.asarray(one).max() <= 1
    several = cw.activation_maximization(network, [cw.channel(LAYER, 1), 3], recipe=SHORT).result()
    assert np.asarray(several).shape == (2, 3, 16, 16)
    assert several.names == (f"{LAYER}:1", "label 3")
    np.testing.assert_allclose(several.images[0], one.images[0], atol=1e-3)
    assert several.display(1).shape == (16, 16, 3)
    assert several.display(1).dtype == np.uint8
    assert several._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_pictures_do_not_depend_on_how_many_are_climbed_together(network, batch):
    objectives, recipe = [cw.channel(LAYER, index) for index in range(5)], Recipe(steps=3, optimizer=cw.Plain(0.05))
    steps = cw.activation_maximization(network, objectives, recipe=recipe, batch=batch, seed=range(5))
    seen = [(step.done, step.total, len(step.result)) for step in steps]
    assert [done for done, _, _ in seen] == sorted({done for done, _, _ in seen})
    assert seen[-1] == (15, 15, 5)
    expected = [
        cw.activation_maximization(network, one, recipe=recipe, seed=seed).result().images[0]
        for seed, one in enumerate(objectives)
    ]
    np.testing.assert_allclose(steps.result().images, expected, atol=2e-5)


def test_partial_results_can_be_shown_and_the_last_scores_are_of_the_pictures_as_they_are(network):
    steps = cw.activation_maximization(network, cw.channel(LAYER, 1), recipe=SHORT)
    for step in steps:
        assert step.result.history.shape == (step.done, 1)
        assert step.result.display().shape == (16, 16, 3)
    made = steps.result()
    maps = network.trace(torch.from_numpy(made.images), LAYER)[LAYER]
    np.testing.assert_allclose(made.scores, maps[:, 1].mean((1, 2)).numpy(), rtol=1e-4)
    curve = made.curve
    assert np.asarray(curve).shape[-1] == 4


def test_a_recipe_may_be_named_and_one_that_is_not_is_refused_with_those_most_like_it(network):
    named = cw.activation_maximization(network, 1, recipe="maco")
    assert named._total == Recipe.named("maco").steps
    with pytest.raises(cw.AscentError, match=r"no recipe 'macco'\. Did you mean 'maco'"):
        cw.activation_maximization(network, 1, recipe="macco")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"seed": [1, 2]}, "1 pictures need 1 seeds"),
        ({"size": -3}, "size is -3"),
    ],
)
def test_what_cannot_be_climbed_is_refused_before_the_first_step(network, options, message):
    with pytest.raises(cw.AscentError, match=message):
        cw.activation_maximization(network, cw.channel(LAYER, 0), **options)


def test_an_interpolation_goes_from_one_channel_to_another(network):
    first, second = cw.channel(LAYER, 1), cw.channel(LAYER, 5)
    mixes = [(1 - share) * first + share * second for share in (0.0, 0.5, 1.0)]
    made = cw.activation_maximization(network, mixes, recipe=Recipe(steps=30, transforms=Transforms())).result()
    maps = network.trace(torch.from_numpy(made.images), LAYER)[LAYER].mean((2, 3))
    assert maps[0, 1] > maps[1, 1] > maps[2, 1]
    assert maps[0, 5] < maps[1, 5] < maps[2, 5]
