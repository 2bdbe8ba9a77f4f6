"""Filters are the weights themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of
from torch import nn

import cnnvis_widgets as cw


def _network(*parts):
    return cw.Network(nn.Sequential(*parts), cw.Preprocess(channels=3, size=(12, 12)))


def test_filters_are_the_weights_unit_by_unit():
    network = network_of(CASES["in-place ReLU"])
    found = cw.filters(network, "0.0")
    weight = network.model[0][0].weight.detach().numpy()
    np.testing.assert_array_equal(found.values, weight.swapaxes(0, 1))
    assert found.rgb
    assert len(found) == 6
    assert found.addresses[5] == "0.0:5"
    assert not cw.filters(network, "0.3").rgb


def test_changing_what_was_returned_changes_no_weight():
    network = network_of(CASES["in-place ReLU"])
    before = network.model[0][0].weight.detach().clone()
    np.asarray(cw.filters(network, "0.0"))[:] = 7
    cw.filters(network, "0.0").values[:] = 7
    assert torch.equal(network.model[0][0].weight, before)


@pytest.mark.parametrize("groups", [1, 2])
def test_filters_of_a_transposed_convolution_are_one_for_each_output(groups):
    network = _network(nn.Conv2d(3, 4, 1), nn.ConvTranspose2d(4, 6, 3, groups=groups))
    found = cw.filters(network, "1")
    assert found.values.shape == (4 // groups, 6, 3, 3)
    weight = network.model[1].weight.detach().numpy()
    per_group = 6 // groups
    for unit in range(6):
        group, place = divmod(unit, per_group)
        inputs = slice(group * 4 // groups, (group + 1) * 4 // groups)
        np.testing.assert_array_equal(found.values[:, unit], weight[inputs, place])


def test_a_network_of_transposed_convolutions_alone_has_filters():
    assert cw.filters(_network(nn.ConvTranspose2d(3, 5, 2)), "0").values.shape == (3, 5, 2, 2)


def test_depthwise_filters_have_one_input():
    network = network_of(CASES["depthwise"])
    assert cw.filters(network, "1").values.shape == (1, 6, 3, 3)


def test_a_layer_without_filters_names_those_that_have_them():
    network = network_of(CASES["in-place ReLU"])
    with pytest.raises(cw.LayerError, match=r"0 is a Sequential, which has no filters. Inside it are '0.0', '0.3'"):
        cw.filters(network, "0")
    with pytest.raises(cw.LayerError, match=r"4 is a Linear, which has no filters. .*'0.0'"):
        cw.filters(network, "4")


def test_dead_filters_are_marked():
    network = network_of(CASES["in-place ReLU"])
    with torch.no_grad():
        network.model[0][0].weight[2] *= 1e-6
    assert cw.filters(network, "0.0").dead.tolist() == [False, False, True, False, False, False]
