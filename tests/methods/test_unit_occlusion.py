"""Units taken away one by one: by hand in the module itself, and its ranking as a page shows it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, normalized, pictures_for
from torch import nn

import cnnvis_widgets as cw

CASE = CASES["in-place ReLU"]
LAYER = "0.3"  # a convolution of 8 channels, whose output a ReLU overwrites


def by_hand(network, images, layer, channel, change):
    """Logits (N, classes) with one channel of a module's output replaced by a hook."""

    def hook(module, args, output):
        made = output.clone()
        made[:, channel] = change(output[:, channel])
        return made

    with dict(network.model.named_modules())[layer].register_forward_hook(hook), torch.no_grad():
        return network.model(normalized(CASE, images))


CHANGES = {
    "0": (0, torch.zeros_like),
    "a number": (-1.5, lambda channel: torch.full_like(channel, -1.5)),
    "mean": ("mean", lambda channel: channel.mean((1, 2), keepdim=True).expand_as(channel)),
}


@pytest.mark.parametrize(("value", "change"), CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_each_fall_is_the_score_less_the_score_without_the_channel(value, change, batch):
    network, images = network_of(CASE), pictures_for(CASE)
    found = cw.unit_occlusion(network, images, [1, 3, 2], layer=LAYER, value=value, batch=batch).result()
    with torch.no_grad():
        clean = network.model(normalized(CASE, images))
    assert found.falls.shape == (3, 8)
    for channel in range(8):
        without = by_hand(network, images, LAYER, channel, change)
        for picture, target in enumerate([1, 3, 2]):
            expected = (clean[picture, target] - without[picture, target]).item()
            assert found.falls[picture, channel] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(found.clean, [clean[0, 1], clean[1, 3], clean[2, 2]], atol=1e-5)
    assert found.units == tuple(f"{LAYER}:{channel}" for channel in range(8))
    assert found.targets == ("label 1", "label 3", "label 2")


def test_only_the_channels_that_are_named_are_taken_away():
    network, images = network_of(CASE), pictures_for(CASE)
    whole = cw.unit_occlusion(network, images, 2, layer=LAYER).result()
    some = cw.unit_occlusion(network, images, 2, layer=LAYER, channels=[5, 0, -1]).result()
    assert some.units == (f"{LAYER}:5", f"{LAYER}:0", f"{LAYER}:7")
    np.testing.assert_allclose(some.falls, whole.falls[:, [5, 0, 7]], atol=1e-6)


def test_a_unit_without_positions_may_be_taken_away_too():
    network, images = network_of(CASE), pictures_for(CASE)
    found = cw.unit_occlusion(network, images, 2, layer="3").result()  # flattened: what the last linear layer reads
    linear = network.model[4]
    with torch.no_grad():
        vector = network.model[:4](normalized(CASE, images))
    np.testing.assert_allclose(found.falls, (vector * linear.weight[2]).detach(), atol=1e-5)


class SecondOfThree(nn.Module):
    """Three channels, of which class 0 needs the second and class 1 suffers from it; the third is dead."""

    def __init__(self):
        super().__init__()
        self.units = nn.Conv2d(1, 3, 1)
        self.units.weight.data = torch.tensor([1.0, 2.0, 0.0]).view(3, 1, 1, 1)
        self.units.bias.data.zero_()

    def forward(self, x):
        one, two, _ = self.units(x).mean((2, 3)).unbind(1)
        return torch.stack([0.1 * one + 3 * two, one - two], 1)


def small():
    return cw.Network(SecondOfThree(), cw.Preprocess(1, (6, 6)), ["needs", "suffers"])


GRAY = torch.full((1, 1, 6, 6), 0.5)


def test_the_channel_that_a_class_needs_comes_first_and_what_speaks_against_it_last():
    needs, suffers = (cw.unit_occlusion(small(), GRAY, name, layer="units").result() for name in ("needs", "suffers"))
    assert [unit for unit, _ in needs.top()] == ["units:1", "units:0", "units:2"]
    assert [fall for _, fall in needs.top()] == pytest.approx([3.0, 0.05, 0.0])
    assert suffers.order().tolist() == [0, 2, 1]
    assert suffers.top(1, 0) == [("units:0", pytest.approx(0.5))]


def test_channels_that_are_not_changed_cost_no_pass():
    model, passes = SecondOfThree(), []
    network = cw.Network(model, cw.Preprocess(1, (6, 6)))
    steps = cw.unit_occlusion(network, GRAY, 0, layer="units", batch=1)
    with model.register_forward_hook(lambda *_: passes.append(1)):
        seen = list(steps)
    assert len(steps) == 3
    assert [step.done for step in seen] == [2, 3]  # the dead one is known before the first
    assert len(passes) == 3  # as it is, and twice without


def test_steps_begin_with_the_strongest_channel_and_leave_the_others_open():
    first = next(cw.unit_occlusion(small(), GRAY, 0, layer="units", batch=1)).result
    assert np.isnan(first.falls).tolist() == [[True, False, False]]
    assert first.order().tolist() == [1, 2]
    assert "2 of 3 units" in first._repr_html_()


def test_it_is_an_array_and_the_mean_of_pictures_ranks_a_class():
    network, images = network_of(CASE), pictures_for(CASE)
    found = cw.unit_occlusion(network, images, 2, layer=LAYER).result()
    np.testing.assert_array_equal(np.asarray(found), found.falls)
    np.testing.assert_allclose(found.mean, found.falls.mean(0), atol=1e-7)
    assert found.order().tolist() == np.argsort(-found.falls.mean(0), kind="stable").tolist()
    assert len(found) == 3
    assert repr(found).startswith(f"UnitRanking(3 × 8 units, first: {found.top(1)[0][0]} ")


def test_its_page_is_well_formed_names_are_text_and_bars_are_as_long_as_falls():
    hostile = "<script>alert('x')</script>"
    found = cw.UnitRanking(
        np.array([[2.0, -1.0, 0.5, np.nan]], np.float32),
        (hostile, "b", "c", "d"),
        np.array([3.0]),
        (hostile,),
        np.zeros((1, 4, 4, 3), np.uint8),
        (hostile,),
    )
    page = found._repr_html_()
    assert "<script" not in page
    tree = ET.fromstring(page)
    rows = tree.findall(".//tbody/tr")
    assert ["".join(cell.itertext()) for cell in rows[0]] == ["1", hostile, "", "2"]
    assert ["".join(row[1].itertext()) for row in rows] == [hostile, "c", "b"]
    assert "".join(rows[-1][3].itertext()) == "\N{MINUS SIGN}1"
    lengths = [float(row.find(".//rect").get("width")) for row in rows]
    assert lengths[0] == pytest.approx(4 * lengths[1])


def test_the_units_without_which_the_score_rises_most_stand_at_the_end_of_a_long_table():
    falls = np.linspace(1, -1, 40, dtype=np.float32)[None]
    found = cw.UnitRanking(falls, tuple(map(str, range(40))), np.ones(1), ("x",), np.zeros((1, 4, 4, 3), np.uint8))
    places = [row[0].text for row in ET.fromstring(found._repr_html_()).findall(".//tbody/tr")]
    assert places == [*map(str, range(1, 11)), "38", "39", "40"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "0.33"}, cw.LayerError, r"no layer '0.33'. Did you mean"),
        ({"channels": [8]}, cw.LayerError, r"0.3 has channels 0–7; \[8\] are not some of them"),
        ({"channels": [-9]}, cw.LayerError, r"0.3 has channels 0–7"),
        ({"channels": []}, cw.LayerError, r"0.3 has channels 0–7"),
        ({"channels": [1.5]}, cw.LayerError, r"0.3 has channels 0–7"),
        ({"channels": [1, -7]}, cw.LayerError, r"named twice in \[1, -7\]: give each once"),
        (
            {"value": "median"},
            ValueError,
            r"value is 'median': give the number that a channel becomes, such as 0, or 'mean'",
        ),
        ({"value": float("nan")}, ValueError, r"value is nan"),
        ({"batch": 0}, ValueError, r"batch is 0: take away at least one channel"),
        ({"layer": "3", "value": "mean"}, cw.LayerError, r"one value a channel, which is its own mean: use value=0"),
    ],
)
def test_what_is_none_is_refused_in_a_sentence(options, error, message):
    with pytest.raises(error, match=message):
        cw.unit_occlusion(network_of(CASE), pictures_for(CASE), 2, **({"layer": LAYER} | options))


def test_a_class_of_the_demo_network_is_lost_with_the_channels_it_needs_and_not_with_others():
    network, pictures = cw.demo(), [scene.image for scene in cw.scenes(6, seed=9, classes=["fox"])]
    layer, index = network.last_spatial_layer, network.class_index("fox")
    order = cw.unit_occlusion(network, pictures, "fox").result().order()

    def left(units):
        without = network.edited(layer, lambda output: output.index_fill(1, torch.as_tensor(units.copy()), 0))
        return without.predict(pictures).probabilities[:, index].mean()

    quarter, middle = len(order) // 4, len(order) // 2
    assert network.predict(pictures).probabilities[:, index].mean() > 0.9
    assert left(order[:quarter]) < 0.5
    assert left(order[middle - quarter // 2 : middle + quarter // 2]) > 0.9
