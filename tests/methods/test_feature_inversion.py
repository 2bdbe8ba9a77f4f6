"""Feature inversion: the picture looks the same to the layer, and its error is what it is by definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, pictures_for

import cnnvis_widgets as cw
from cnnvis_widgets import Adam, Pixels, Recipe, TotalVariation, Transforms
from cnnvis_widgets.engine.images import decode
from cnnvis_widgets.engine.transforms import NONE

CASE, LAYER = CASES["in-place ReLU"], "0.3"


@pytest.fixture(scope="module")
def network():
    return network_of(CASE)


@pytest.fixture(scope="module")
def image():
    return pictures_for(CASE, 1)


def error_of(network, pictures, image, layer) -> np.ndarray:
    found, wanted = network.trace(pictures, layer)[layer], network.trace(image, layer)[layer]
    return ((found - wanted) ** 2).flatten(1).sum(1).numpy() / float((wanted**2).sum())


def test_the_error_is_the_squared_distance_relative_to_the_activations_themselves(network, image):
    made = cw.feature_inversion(network, image, LAYER, recipe=Recipe(transforms=NONE, steps=20)).result()
    expected = error_of(network, torch.from_numpy(made.images), image, LAYER)
    np.testing.assert_allclose(made.error, expected, rtol=1e-4)
    assert np.asarray(made).shape == (3, 16, 16)
    assert f"error {made.error[0]:.3g}" in repr(made)


def test_the_picture_itself_has_no_error_and_stays(network, image):
    recipe = Recipe(Pixels(), NONE, optimizer=cw.Plain(1e-6, normalized=False), steps=2)
    made = cw.feature_inversion(network, image * 0.9 + 0.05, LAYER, recipe=recipe, start=image * 0.9 + 0.05).result()
    assert made.error[0] < 1e-6
    np.testing.assert_allclose(made.images, image * 0.9 + 0.05, atol=1e-4)


def test_the_layer_comes_to_see_the_same_and_an_early_one_keeps_the_picture_itself(network, image):
    recipe = Recipe(Pixels(), NONE, optimizer=Adam(0.1), steps=150)
    made = cw.feature_inversion(network, image, "0.0", recipe=recipe).result()
    noise = error_of(network, torch.full_like(image, 0.5), image, "0.0")
    assert made.error[0] < 0.01 * noise[0]
    assert np.abs(made.images - image.numpy()).mean() < 0.05


def test_total_variation_makes_it_smoother_and_the_error_larger(network, image):
    smooth, rough = (
        cw.feature_inversion(
            network, image, LAYER, recipe=Recipe(transforms=NONE, regularizers=(TotalVariation(w),), steps=60)
        ).result()
        for w in (3.0, 0.0)
    )
    variation = [float(cw.TotalVariation(1).penalty(torch.from_numpy(made.images))) for made in (smooth, rough)]
    assert variation[0] < 0.8 * variation[1]
    assert smooth.error[0] > rough.error[0]


def test_every_partial_result_has_its_error_and_it_falls():
    network = cw.demo()
    scene = decode(cw.scenes(1, seed=3)[0].image)
    errors = [
        step.result.error[0] for step in cw.feature_inversion(network, scene, recipe=Recipe(transforms=NONE, steps=40))
    ]
    assert errors[-1] < 0.5 * errors[0]
    deep = cw.feature_inversion(network, scene, recipe=Recipe(transforms=NONE, steps=40)).result()
    shallow = cw.feature_inversion(network, scene, "residual1", recipe=Recipe(transforms=NONE, steps=40)).result()
    assert deep.names == (network.last_spatial_layer,)
    apart = [np.abs(made.images - scene.numpy()).mean() for made in (shallow, deep)]
    assert apart[0] < apart[1]


def test_padding_and_several_pictures_are_refused(network, image):
    with pytest.raises(cw.LayerError, match="give both pictures the same size"):
        cw.feature_inversion(network, image, LAYER, recipe=Recipe(transforms=Transforms(pad=4)))
    with pytest.raises(cw.ImageError, match="2 pictures were given"):
        cw.feature_inversion(network, pictures_for(CASE, 2), LAYER)
    with pytest.raises(cw.LayerError, match="no layer"):
        cw.feature_inversion(network, image, "0.33")
