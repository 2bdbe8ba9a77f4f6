"""What the layer explorer sends to its page."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import cnnvis_widgets as cw
from cnnvis_widgets.widgets.layer_explorer import BINS, TILE, packed, similar


@pytest.fixture
def explorer(network: cw.Network, photo: np.ndarray) -> cw.LayerExplorer:
    made = cw.LayerExplorer(network, photo, layer="1")
    assert made.wait(20)
    return made


def test_tiles_are_the_maps_to_a_255th_of_their_range(explorer: cw.LayerExplorer, photo: np.ndarray) -> None:
    true = cw.activation_maps(explorer.network, photo, "1").values[0]
    sent = explorer.maps
    low, high = (np.frombuffer(sent[name], np.float32)[:, None, None] for name in ("lo", "hi"))
    steps = np.frombuffer(sent["data"], np.uint8).reshape(true.shape)
    assert np.abs(low + steps / 255 * (high - low) - true).max() <= ((high - low) / 255 / 2).max() + 1e-6


def test_statistics_are_those_of_the_maps(explorer: cw.LayerExplorer, photo: np.ndarray) -> None:
    true = cw.activation_maps(explorer.network, photo, "1")
    for name, values in (("lo", true.minimum), ("hi", true.maximum), ("mean", true.mean), ("zeros", true.sparsity)):
        np.testing.assert_allclose(np.frombuffer(explorer.maps[name], np.float32), values[0], rtol=1e-5, atol=1e-7)
    peaks = np.frombuffer(explorer.maps["peak"], np.int32)
    assert [true.values[0, channel].flat[peak] for channel, peak in enumerate(peaks)] == list(true.maximum[0])


def test_the_chosen_map_is_exact(explorer: cw.LayerExplorer, photo: np.ndarray) -> None:
    explorer.channel = 4
    assert explorer.wait(20)
    true = cw.activation_maps(explorer.network, photo, "1").values[0, 4]
    sent = np.frombuffer(explorer.unit["data"], np.float32).reshape(explorer.unit["height"], explorer.unit["width"])
    np.testing.assert_array_equal(sent, true)


def test_the_strongest_unit_is_chosen_where_none_is(explorer: cw.LayerExplorer) -> None:
    means = np.frombuffer(explorer.maps["mean"], np.float32)
    assert explorer.channel == explorer.unit["channel"] == means.argmax()


def test_letting_go_of_the_unit_leaves_none_chosen(explorer: cw.LayerExplorer) -> None:
    explorer.channel = -1
    assert explorer.wait(20)
    assert (explorer.channel, explorer.unit) == (-1, {})
    explorer.layer = "4"
    assert explorer.wait(20)
    assert explorer.unit["channel"] == explorer.channel >= 0


def test_a_channel_the_layer_does_not_have_is_said(explorer: cw.LayerExplorer) -> None:
    explorer.channel = 99
    assert explorer.wait(20)
    assert explorer.status == "failed"
    assert "1 has channels 0–5; 99 is not one of them." in explorer.notice["text"]


def test_a_channel_beyond_a_smaller_layer_gives_way_to_the_strongest(explorer: cw.LayerExplorer) -> None:
    explorer.layer = "4"
    explorer.channel = 7
    assert explorer.wait(20)
    explorer.layer = "1"
    assert explorer.wait(20)
    assert explorer.status == "ready"
    assert explorer.channel < 6


def test_every_layer_has_a_histogram_of_its_activations(explorer: cw.LayerExplorer) -> None:
    bins = explorer.activity["bins"]
    assert set(bins) == {layer.name for layer in explorer.network.layers}
    assert all(len(each) == BINS for each in bins.values())
    assert max(bins["1"]) == 255


def test_large_maps_are_averaged_by_area_for_the_wall() -> None:
    values = np.random.default_rng(0).random((3, 2 * TILE, 2 * TILE)).astype(np.float32)
    sent = packed(values, 0, "x")
    assert (sent["height"], sent["width"], sent["full"]) == (TILE, TILE, [2 * TILE, 2 * TILE])
    mean = values.reshape(3, TILE, 2, TILE, 2).mean((2, 4))
    low, high = values.min((1, 2))[:, None, None], values.max((1, 2))[:, None, None]
    shown = low + np.frombuffer(sent["data"], np.uint8).reshape(3, TILE, TILE) / 255 * (high - low)
    assert np.abs(shown - mean).max() < 1 / 255


def test_maps_with_nan_are_packed_with_a_range_that_says_so() -> None:
    values = np.ones((2, 4, 4), np.float32)
    values[1, 0, 0] = np.nan
    low = np.frombuffer(packed(values, 0, "x")["lo"], np.float32)
    assert low[0] == 1
    assert np.isnan(low[1])


def test_the_most_similar_maps_point_the_same_way() -> None:
    base = np.random.default_rng(1).random((4, 4)).astype(np.float32)
    values = np.stack([base, -base, 3 * base, np.zeros_like(base), base[::-1]])
    assert similar(values, 0) == [2, 4]


def test_an_archive_holds_every_layer_deflated(explorer: cw.LayerExplorer) -> None:
    entries = explorer._archived()["entries"]
    assert {key.split("|")[1] for key in entries} == {layer.name for layer in explorer.network.layers}
    one = entries["0|1"]
    assert len(zlib.decompress(one["data"])) == one["channels"] * one["height"] * one["width"]
