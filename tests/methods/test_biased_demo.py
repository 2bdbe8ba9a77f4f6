"""The network that learned foxes in snow and cats in meadows: right for the wrong reason, and the tools show it."""

from __future__ import annotations

import numpy as np
import pytest

import cnnvis_widgets as cw
from cnnvis_widgets.engine.pictures import upsample
from cnnvis_widgets.engine.scenes import BIASED_BACKGROUNDS, SCENE_BACKGROUNDS, SCENE_CLASSES

FRESH_SEED = 765_432
COUNT = 40


@pytest.fixture(scope="module")
def networks():
    return cw.demo(biased=True), cw.demo()


def pictures(scenes):
    return np.stack([scene.image for scene in scenes])


def share_right(network, scenes):
    named = network.predict(pictures(scenes)).probabilities.argmax(1)
    return float(np.mean(named == [scene.label for scene in scenes]))


def test_biased_scenes_tie_two_classes_to_a_background_and_keep_the_others_off_it():
    for scene in cw.scenes(240, seed=3, biased=True):
        if scene.name in BIASED_BACKGROUNDS:
            assert scene.background == BIASED_BACKGROUNDS[scene.name]
        else:
            assert scene.background not in BIASED_BACKGROUNDS.values()
    with pytest.raises(ValueError, match="give either biased or backgrounds"):
        cw.scenes(2, biased=True, backgrounds={"fox": "snow"})


def test_it_is_right_on_scenes_like_those_it_learned_from(networks):
    assert share_right(networks[0], list(cw.scenes(360, seed=FRESH_SEED, biased=True))) >= 0.97


def test_with_the_backgrounds_exchanged_it_takes_one_for_the_other(networks):
    exchanged = {"fox": "meadow", "cat": "snow"}
    scenes = list(cw.scenes(2 * COUNT, seed=FRESH_SEED, classes=["cat", "fox"], backgrounds=exchanged))
    biased, fair = networks
    assert share_right(biased, scenes) < 0.5
    assert share_right(fair, scenes) > 0.97


METHODS = {
    "grad_cam": (cw.grad_cam, 1.5),
    "hires_cam": (cw.hires_cam, 1.5),
    "layer_cam": (cw.layer_cam, 1.5),
    "score_cam": (cw.score_cam, 0.8),
    "integrated_gradients": (cw.integrated_gradients, 0.8),
}


def background_shares(network, method, scenes, name):
    """Of each heatmap, how much of its positive part lies off the object."""
    found = method(network, pictures(scenes), name)
    found = found.result() if isinstance(found, cw.Steps) else found
    shares = []
    for values, scene in zip(found.values, scenes, strict=True):
        large = upsample(values.clip(0), scene.mask.shape)
        shares.append(large[~scene.mask].sum() / large.sum())
    return np.array(shares)


def effect(first, second):
    """Cohen's d of the paired difference's two groups, and the lower end of its bootstrapped 95 % interval."""

    def cohen(rows):
        a, b = first[rows], second[rows]
        return (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)

    chance = np.random.default_rng(0)
    drawn = [cohen(chance.integers(0, len(first), len(first))) for _ in range(400)]
    return cohen(np.arange(len(first))), float(np.quantile(drawn, 0.025))


@pytest.mark.parametrize("name", BIASED_BACKGROUNDS)
@pytest.mark.parametrize(("method", "large"), METHODS.values(), ids=METHODS.keys())
def test_its_heatmaps_lie_in_the_background_clearly_more_than_the_fair_network_s(networks, method, large, name):
    count = COUNT if method is cw.grad_cam else COUNT // 2
    scenes = list(cw.scenes(count, seed=FRESH_SEED, classes=[name], biased=True))
    biased, fair = (background_shares(network, method, scenes, name) for network in networks)
    size, least = effect(biased, fair)
    assert least > large, (size, least)


def test_classes_without_a_background_of_their_own_are_looked_at_as_before(networks):
    """The control: the effect is that of the two classes, not of the training as such."""
    tied, free = [], []
    for name in SCENE_CLASSES:
        scenes = list(cw.scenes(12, seed=FRESH_SEED + 1, classes=[name], biased=True))
        biased, fair = (background_shares(network, cw.grad_cam, scenes, name) for network in networks)
        (tied if name in BIASED_BACKGROUNDS else free).append((biased - fair).mean())
    assert min(tied) > 3 * abs(np.mean(free)), (tied, free)
    assert set(BIASED_BACKGROUNDS.values()) <= set(SCENE_BACKGROUNDS)
