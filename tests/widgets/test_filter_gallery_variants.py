"""Variants of a unit's picture: unlike it, and pictures of the unit all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.objectives import channel
from cnnvis_widgets.widgets._filter_unlike import kept_apart
from cnnvis_widgets.widgets._filter_wall import decoded

from .galleries import done


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of this test's own."""
    monkeypatch.setenv("CNNVIS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def network() -> cw.Network:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU())
    with torch.no_grad():
        model[2].bias[2] = 1  # this one answers to every picture
    return cw.Network(model, cw.Preprocess(size=(12, 12)))


def scores_and_gradient(network: cw.Network, pictures: torch.Tensor, worth: float) -> tuple[torch.Tensor, torch.Tensor]:
    trace = network.trace(pictures, "3", wrt="image", logits=False)
    scores = kept_apart("3", 2, worth)(trace)
    return scores.detach(), trace.gradient(scores, "image")


def test_what_is_climbed_is_the_response_less_a_share_of_it_for_being_alike(network: cw.Network) -> None:
    pictures = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    trace = network.trace(pictures, "3", logits=False)
    maps = trace["3"].detach().numpy().reshape(3, 8, -1)
    response = channel("3", 2)(trace).detach().numpy()
    grams = [(each @ each.T).ravel() / np.linalg.norm(each @ each.T) for each in maps]
    likeness = [np.mean([grams[k] @ grams[other] for other in range(3) if other != k]) for k in range(3)]
    wanted = [response[0], *(response[k] * (1 - 0.5 * likeness[k]) for k in (1, 2))]
    found, _ = scores_and_gradient(network, pictures, 0.5)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4)


def test_a_picture_that_does_not_show_the_unit_yet_is_asked_for_nothing_else(network: cw.Network) -> None:
    with torch.no_grad():
        network.model[2].bias[2] = -100  # silent for every picture
    pictures = torch.rand(3, 3, 12, 12)
    _, gradient = scores_and_gradient(network, pictures, 1.0)
    assert not gradient.any()


def test_the_first_picture_is_not_pushed_away_from_the_others(network: cw.Network) -> None:
    pictures = torch.rand(3, 3, 12, 12)
    _, apart = scores_and_gradient(network, pictures, 1.0)
    _, alone = scores_and_gradient(network, pictures, 0.0)
    torch.testing.assert_close(apart[0], alone[0])
    assert (apart[1] - alone[1]).abs().max() > 1e-3 * alone[1].abs().max()


def test_every_variant_shows_the_unit_of_the_demo_network() -> None:
    network = cw.demo()
    gallery = done(cw.FilterGallery(network, "residual2", steps=64, cache=False, channel=9))
    pictures = [gallery.picture(9), *map(decoded, gallery.unit["variants"]["data"])]
    answers = [cw.activation_maps(network, each, "residual2").values[0, 9].mean() for each in pictures]
    assert min(answers[1:]) > 0.3 * answers[0]
    assert min(each.std() for each in pictures[1:]) > 0.4 * pictures[0].std()
