"""Occlusion against the truth: it points at the thing in drawn scenes, and at the background where a network learned that."""

from __future__ import annotations

import numpy as np
import pytest
from methods.test_biased_demo import FRESH_SEED, effect

import cnnvis_widgets as cw
from cnnvis_widgets.engine.intervals import wilson
from cnnvis_widgets.engine.scenes import BIASED_BACKGROUNDS

WINDOW, STRIDE = 16, 8  # a sixth of the frame, half overlapping: about a head, a wheel, a window
SURE = 0.9


def occluded(network, scene, target, fill):
    """The map of one scene, (96, 96)."""
    found = cw.occlusion(network, scene.image, target, window=WINDOW, stride=STRIDE, fill=fill).result()
    return found.values[0]


def points_at(values, mask):
    """Whether the middle of the map's strongest cell lies on the mask: no pixel of a cell is stronger than another."""
    row, column = np.floor(np.argwhere(values == values.max()).mean(0) + 0.5).astype(int)
    return bool(mask[row, column])


def test_its_peak_lies_on_the_object_where_the_network_is_surely_right():
    network, scenes = cw.demo(), list(cw.scenes(180, seed=FRESH_SEED))
    said = network.predict([scene.image for scene in scenes]).probabilities
    labels = np.array([scene.label for scene in scenes])
    sure = np.flatnonzero((said.argmax(1) == labels) & (said.max(1) >= SURE))
    assert len(sure) >= 150
    hits = [points_at(occluded(network, scenes[k], scenes[k].label, "mean"), scenes[k].mask) for k in sure]
    share, chance = np.mean(hits), np.mean([scenes[k].mask.mean() for k in sure])
    least, _ = wilson(np.array(share), np.array(len(hits)))
    assert share >= 0.9
    assert least >= 0.88, (share, len(hits))
    assert chance < 0.2


def background_shares(network, scenes, name, fill):
    """Of each map, how much of what falls lies off the object."""
    shares = []
    for scene in scenes:
        fallen = occluded(network, scene, name, fill).clip(0)
        shares.append(fallen[~scene.mask].sum() / fallen.sum())
    return np.array(shares)


@pytest.mark.parametrize("name", BIASED_BACKGROUNDS)
@pytest.mark.parametrize(("fill", "large"), [("gray", 2.0), ("mean", 1.0)])
def test_the_biased_network_s_maps_lie_in_the_background_clearly_more_than_the_fair_one_s(name, fill, large):
    scenes = list(cw.scenes(20, seed=FRESH_SEED, classes=[name], biased=True))
    biased, fair = (background_shares(network, scenes, name, fill) for network in (cw.demo(biased=True), cw.demo()))
    size, least = effect(biased, fair)
    assert least > large, (size, least)


def test_the_biased_network_s_peak_leaves_the_fox_for_the_snow():
    scenes = list(cw.scenes(20, seed=FRESH_SEED, classes=["fox"], biased=True))
    away = [
        np.mean([not points_at(occluded(network, scene, "fox", "gray"), scene.mask) for scene in scenes])
        for network in (cw.demo(biased=True), cw.demo())
    ]
    assert away[0] >= away[1] + 0.25, away
