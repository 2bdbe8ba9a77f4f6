"""The objectives of feature visualization, by loops over units, pictures and positions; and against Lucent's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, pictures_for

import cnnvis_widgets as cw

CASE, LAYER = CASES["in-place ReLU"], "0.3"


@pytest.fixture(scope="module")
def network():
    return network_of(CASE)


@pytest.fixture(scope="module")
def images():
    return pictures_for(CASE, 4)


@pytest.fixture(scope="module")
def maps(network, images):
    return network.trace(images, LAYER)[LAYER].numpy()


def asked(network, images, objective):
    (score,) = network.ask(images, objective)[1]
    return score.numpy()


def test_channels_asks_each_picture_for_its_own_channel(network, images, maps):
    found = asked(network, images, cw.channels(LAYER, [3, 0, 3, -1]))
    expected = [maps[index, channel].mean() for index, channel in enumerate([3, 0, 3, -1])]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert cw.channels(LAYER, [3, 0]).layers == (LAYER,)
    assert not cw.channels(LAYER, [3, 0]).logits


def test_channels_that_do_not_exist_or_do_not_fit_the_batch_are_refused(network, images):
    with pytest.raises(cw.LayerError, match="channels 0–7; 8 is not one"):
        asked(network, images, cw.channels(LAYER, [0, 1, 2, 8]))
    with pytest.raises(cw.LayerError, match="2 channels need 2 pictures, one each; there are 4"):
        asked(network, images, cw.channels(LAYER, [0, 1]))


def test_layer_energy_is_half_the_mean_square_and_its_gradient_the_activations(network, images, maps):
    np.testing.assert_allclose(
        asked(network, images, cw.layer_energy(LAYER)), [(one**2).mean() / 2 for one in maps], rtol=1e-5
    )
    np.testing.assert_allclose(
        asked(network, images, cw.layer_energy(LAYER, 5)), [(one[5] ** 2).mean() / 2 for one in maps], rtol=1e-5
    )
    trace = network.trace(images, LAYER, wrt=LAYER, logits=False)
    gradient = trace.gradient(cw.layer_energy(LAYER)(trace), LAYER)
    np.testing.assert_allclose(gradient.numpy() * maps[0].size, maps, rtol=1e-4, atol=1e-6)
    with pytest.raises(cw.LayerError, match="8 is not one"):
        asked(network, images, cw.layer_energy(LAYER, 8))


def test_each_its_own_asks_each_picture_for_its_objective(network, images, maps):
    wanted = [
        cw.channel(LAYER, 2),
        cw.class_score(1),
        cw.channel(LAYER, 2) - cw.class_score(0),
        cw.neuron(LAYER, 1, 0, 0),
    ]
    logits = network.trace(images).logits.numpy()
    found = asked(network, images, cw.each_its_own(wanted))
    second = maps[2, 2].mean() - logits[2, 0]
    np.testing.assert_allclose(found, [maps[0, 2].mean(), logits[1, 1], second, maps[3, 1, 0, 0]], rtol=1e-4, atol=1e-6)
    assert cw.each_its_own(wanted).classes == (1, 0)
    assert not cw.each_its_own([cw.channel(LAYER, 0)]).logits


def grams(maps):
    found = [one.reshape(len(one), -1) @ one.reshape(len(one), -1).T for one in maps]
    return [gram / np.linalg.norm(gram) for gram in found]


def test_diversity_is_minus_the_mean_cosine_of_gram_matrices(network, images, maps):
    found = asked(network, images, cw.diversity(LAYER))
    unit = grams(maps)
    for index in range(4):
        others = [float((unit[index] * unit[other]).sum()) for other in range(4) if other != index]
        assert found[index] == pytest.approx(-np.mean(others), rel=1e-4)
    assert asked(network, images[:1], cw.diversity(LAYER)).tolist() == [0.0]


def test_diversity_sums_to_lucents(network, images, maps):
    objectives = pytest.importorskip("lucent.optvis.objectives")
    theirs = objectives.diversity(LAYER)(lambda _: torch.from_numpy(maps))
    ours = asked(network, images, cw.diversity(LAYER)).sum()
    # Lucent's is what is minimized, of the other sign, over all ordered pairs, by the size of the batch. Its matrices are divided by
    # their norm, which is ours.
    assert float(abs(theirs)) == pytest.approx(abs(float(ours)) * 3 / 4, rel=1e-4)


def test_pictures_that_are_alike_are_not_diverse(network, images):
    same = images[:1].expand(3, -1, -1, -1)
    np.testing.assert_allclose(asked(network, same, cw.diversity(LAYER)), [-1, -1, -1], atol=1e-5)
    assert asked(network, images, cw.diversity(LAYER)).min() > -1


@pytest.mark.parametrize("layer", [LAYER, "image"])
def test_alignment_is_minus_what_neighbors_differ_by_less_the_further_apart(network, images, maps, layer):
    found = asked(network, images, cw.alignment(layer, reach=2, decay=3.0))
    values = maps if layer == LAYER else images.numpy()
    for index in range(4):
        expected = 0.0
        for other in range(4):
            apart = abs(index - other)
            if 1 <= apart <= 2:
                expected -= ((values[index] - values[other]) ** 2).mean() / 3.0**apart / 2
        assert found[index] == pytest.approx(expected, rel=1e-4)
    assert asked(network, images[:1], cw.alignment(layer)).tolist() == [0.0]


def test_a_match_in_l2_is_minus_the_relative_squared_distance(network, images, maps):
    wanted = torch.from_numpy(maps[:1])
    found = asked(network, images, cw.activation_match(LAYER, wanted))
    expected = [-((one - maps[0]) ** 2).sum() / (maps[0] ** 2).sum() for one in maps]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)
    each = asked(network, images, cw.activation_match(LAYER, torch.from_numpy(maps)))
    np.testing.assert_allclose(each, np.zeros(4), atol=1e-9)


def test_a_match_by_product_grows_with_the_cosine_to_a_power(network, images, maps):
    wanted = maps[1].ravel()
    cosines = [float(one.ravel() @ wanted / np.linalg.norm(one) / np.linalg.norm(wanted)) for one in maps]
    given = torch.from_numpy(maps[1:2])
    np.testing.assert_allclose(asked(network, images, cw.activation_match(LAYER, given, "cosine")), cosines, rtol=1e-4)
    for power in (0.0, 1.0, 3.5):
        found = asked(network, images, cw.activation_match(LAYER, given, "dot", power=power))
        products = [float((one.ravel() * wanted).mean()) for one in maps]
        expected = [product * max(cosine, 0.1) ** power for product, cosine in zip(products, cosines, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_maps_of_another_size_cannot_be_matched(network, images, maps):
    with pytest.raises(cw.LayerError, match=r"0\.3 is 8×\d+×\d+ for this picture and 8×2×2 for the one"):
        asked(network, images, cw.activation_match(LAYER, torch.from_numpy(maps[:1, :, :2, :2])))


def test_what_is_wanted_is_kept_when_the_given_tensor_changes(network, images, maps):
    wanted = torch.from_numpy(maps[:1].copy())
    objective = cw.activation_match(LAYER, wanted)
    wanted.zero_()
    assert math.isclose(asked(network, images, objective)[0], 0, abs_tol=1e-9)
