"""Class maximization: the picture of a class is taken for that class, also when it is moved and turned."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of

import cnnvis_widgets as cw
from cnnvis_widgets import L2, Adam, Pixels, Plain, Recipe, Transforms
from cnnvis_widgets.engine.transforms import NONE, transformed


@pytest.fixture(scope="module")
def demo():
    return cw.demo()


@pytest.fixture(scope="module")
def made(demo):
    recipe = replace(Recipe.named("standard"), steps=128, optimizer=Adam(0.1))
    return cw.class_maximization(demo, range(12), recipe=recipe, batch=12).result()


def probabilities(network, images) -> np.ndarray:
    """Of class i for picture i."""
    return network.predict(images).probabilities[range(len(images)), range(len(images))]


def test_the_image_of_every_class_is_classified_as_that_class(demo, made):
    assert made.names == tuple(demo.labels)
    assert probabilities(demo, torch.from_numpy(made.images)).min() >= 0.99


@pytest.mark.parametrize("seed", range(5))
def test_it_still_is_after_a_random_jitter_and_a_turn_by_ten_degrees(demo, made, seed):
    draw = Transforms(jitter=8, rotate=10).draw([torch.Generator().manual_seed(100 * seed + k) for k in range(12)])
    turned = replace(draw, angles=[math.copysign(math.radians(10), each) for each in draw.angles])
    assert probabilities(demo, transformed(torch.from_numpy(made.images), turned)).min() >= 0.9


def test_it_beats_the_scenes_of_its_class_in_score(demo, made):
    pictures = np.stack([scene.image for scene in cw.scenes(240, seed=5)])
    logits = demo.predict(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255).logits
    assert (made.scores > logits.max(0)).all()


def test_the_papers_own_recipe_is_gradient_ascent_with_l2():
    network = network_of(CASES["functional ReLU"])
    weights, picture = [], torch.full((1, 3, 16, 16), 0.5)
    recipe = Recipe(Pixels(), NONE, (L2(0.5),), Plain(3.0, normalized=False), steps=4)
    found = cw.class_maximization(network, 2, recipe=recipe, start="gray").result()
    leaf = torch.zeros(1, 3, 16, 16)
    for _ in range(4):
        leaf.requires_grad_()
        picture = torch.sigmoid(leaf)
        trace = network.trace(picture.detach(), wrt="image")
        through = trace.gradient(trace.logits[:, 2], "image")
        penalty = 0.5 * (picture - 0.5).square().mean()
        (gradient,) = torch.autograd.grad((picture * through).sum() - penalty, leaf)
        weights.append(float(gradient.abs().sum()))
        leaf = (leaf + 3.0 * gradient).detach()
    np.testing.assert_allclose(found.images, torch.sigmoid(leaf).numpy(), atol=1e-5)
    assert min(weights) > 0


def test_a_class_is_given_by_index_or_label_and_a_layer_is_no_class(demo):
    by_label = cw.class_maximization(demo, "cat", recipe=Recipe(steps=2)).result()
    by_index = cw.class_maximization(demo, demo.class_index("cat"), recipe=Recipe(steps=2)).result()
    np.testing.assert_array_equal(by_label.images, by_index.images)
    assert np.asarray(by_label).shape == (3, 96, 96)
    with pytest.raises(cw.TargetError, match="reads a layer, not a class"):
        cw.class_maximization(demo, cw.channel("residual1", 0))
    with pytest.raises(cw.TargetError, match=r"No class is called 'catt'\. Did you mean 'cat'"):
        cw.class_maximization(demo, "catt")
    with pytest.raises(cw.TargetError, match="12 classes, 0–11; 12 is not one"):
        cw.class_maximization(demo, 12)
