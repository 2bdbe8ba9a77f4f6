"""Caricature: dot product times a power of the cosine of the picture's own activations, climbed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, pictures_for

import cnnvis_widgets as cw
from cnnvis_widgets import Recipe
from cnnvis_widgets.engine.images import decode
from cnnvis_widgets.engine.transforms import NONE

CASE, LAYER = CASES["in-place ReLU"], "0.3"


@pytest.fixture(scope="module")
def demo():
    return cw.demo()


@pytest.fixture(scope="module")
def scene():
    return decode(cw.scenes(1, seed=3)[0].image)


def both(network, pictures, image, layer):
    """(mean product, cosine) of the activations of two pictures."""
    found, wanted = (network.trace(each, layer)[layer].flatten().numpy() for each in (pictures, image))
    return float((found * wanted).mean()), float(found @ wanted / np.linalg.norm(found) / np.linalg.norm(wanted))


@pytest.mark.parametrize("power", [0.0, 1.0, 4.0])
def test_the_score_is_the_mean_product_times_the_cosine_to_the_power(power):
    network, image = network_of(CASE), pictures_for(CASE, 1)
    made = cw.caricature(network, image, LAYER, power=power, recipe=Recipe(transforms=NONE, steps=10)).result()
    product, cosine = both(network, torch.from_numpy(made.images), image, LAYER)
    assert made.scores[0] == pytest.approx(product * max(cosine, 0.1) ** power, rel=1e-4)
    assert np.asarray(made).shape == (3, 16, 16)


def test_what_the_layer_sees_is_exaggerated_in_the_same_direction(demo, scene):
    layer = "residual2"
    made = cw.caricature(demo, scene, layer, recipe=Recipe(transforms=NONE, steps=60)).result()
    product, cosine = both(demo, torch.from_numpy(made.images), scene, layer)
    own, _ = both(demo, scene, scene, layer)
    assert product > 1.5 * own
    assert cosine > 0.6


def test_a_larger_power_keeps_the_direction_better_and_a_smaller_one_gets_stronger(demo, scene):
    recipe = Recipe(transforms=NONE, steps=50)
    free, held = (cw.caricature(demo, scene, "residual2", power=p, recipe=recipe).result() for p in (0.0, 6.0))
    strong, loose = both(demo, torch.from_numpy(free.images), scene, "residual2")
    weak, close = both(demo, torch.from_numpy(held.images), scene, "residual2")
    assert strong > weak
    assert close > loose


def test_it_is_taken_for_what_the_picture_shows(demo, scene):
    made = cw.caricature(demo, scene, recipe=Recipe(transforms=NONE, steps=60)).result()
    assert demo.predict(torch.from_numpy(made.images)).order()[0] == demo.predict(scene).order()[0]


@pytest.mark.parametrize("power", [-1.0, float("nan"), float("inf")])
def test_a_power_that_is_none_is_refused(demo, scene, power):
    with pytest.raises(cw.AscentError, match="power is"):
        cw.caricature(demo, scene, power=power)
