"""Weights drawn anew: which, in which order, fixed by the seed, and never the user's own."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.randomization import redraw, separate, similarity, weights_from_the_output


def values_of(network):
    return {name: tensor.clone() for name, tensor in network.model.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_the_layers_come_from_the_output_down_each_with_the_norms_after_it():
    layers = weights_from_the_output(cw.demo())
    assert [layer.name for layer in layers][:3] == ["head", "separable3.pointwise", "separable3.depthwise"]
    assert layers[1].modules == ("separable3.norm2", "separable3.pointwise")
    assert layers[-1].modules == ("stem.norm", "stem.conv")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_module_with_weights_is_drawn_once(case):
    network = network_of(case)
    owners = {name for name, part in network.model.named_modules() if list(part.parameters(recurse=False))}
    found = [name for layer in weights_from_the_output(network) for name in layer.modules]
    assert len(found) == len(set(found))
    assert set(found) == owners


@pytest.mark.parametrize("most", [1, 2, 4, 12, 13, 50])
def test_neighbors_are_joined_to_no_more_than_asked(most):
    network = cw.demo()
    alone, joined = weights_from_the_output(network), weights_from_the_output(network, most)
    assert len(joined) == min(most, len(alone))
    assert [name for each in joined for name in each.modules] == [name for each in alone for name in each.modules]


def test_weights_that_another_module_uses_stand_where_that_one_does():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.attend = nn.Conv2d(3, 8, 3), nn.MultiheadAttention(8, 2, batch_first=True)
            self.token, self.head = nn.Parameter(torch.randn(1, 1, 8)), nn.Linear(8, 4)

        def forward(self, x):
            tokens = self.conv(x).flatten(2).mT + self.token
            return self.head(self.attend(tokens, tokens, tokens)[0].mean(1))

    network = cw.Network(Attention().eval(), cw.Preprocess(size=(8, 8)))
    order = [name for layer in weights_from_the_output(network) for name in layer.modules]
    assert order == ["head", "attend.out_proj", "attend", "conv", ""]
    other = separate(network)
    before = values_of(other)
    redraw(other, weights_from_the_output(network)[-1], 0)
    assert changed(before, values_of(other)) == {"token"}
    assert torch.equal(before["token"].flatten().sort()[0], other.model.token.detach().flatten().sort()[0])  # shuffled


def test_only_the_layer_that_is_meant_changes_and_becomes_as_when_it_was_built():
    network = separate(cw.demo())
    before = values_of(network)
    layer = weights_from_the_output(network)[1]
    redraw(network, layer, 0)
    found = values_of(network)
    names = changed(before, found)
    assert all(name.startswith(("separable3.pointwise", "separable3.norm2")) for name in names)
    assert "separable3.pointwise.weight" in names
    bound = 1 / np.sqrt(128)  # torch's own limit for 128 inputs
    assert found["separable3.pointwise.weight"].abs().max() <= bound
    assert found["separable3.pointwise.weight"].std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    assert (found["separable3.norm2.weight"] == 1).all()
    assert (found["separable3.norm2.running_var"] == 1).all()


def test_a_seed_means_the_same_weights_whatever_was_drawn_before():
    layers = weights_from_the_output(cw.demo())
    alone, after = separate(cw.demo()), separate(cw.demo())
    redraw(alone, layers[3], 7)
    for layer in layers[:4]:
        torch.rand(5)
        redraw(after, layer, 7)
    name = layers[3].name + ".weight"
    assert torch.equal(values_of(alone)[name], values_of(after)[name])
    other = separate(cw.demo())
    redraw(other, layers[3], 8)
    assert not torch.equal(values_of(alone)[name], values_of(other)[name])


def test_layers_of_one_shape_do_not_get_the_same_weights():
    network = separate(cw.demo())
    for layer in weights_from_the_output(network):
        redraw(network, layer, 0)
    weights = values_of(network)
    assert not torch.equal(weights["residual2.conv1.weight"], weights["residual2.conv2.weight"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_users_module_and_the_random_state_stay_as_they_were(case):
    model = module_of(case).train()
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index % 2 == 0)
    network, before = network_of(case, model), fingerprint(model)
    other = separate(network)
    for layer in weights_from_the_output(network):
        redraw(other, layer, 0)
    assert fingerprint(model) == before
    own = {part.data_ptr() for part in model.state_dict().values()}
    assert not own & {part.data_ptr() for part in other.model.state_dict().values()}


def test_hooks_and_edits_of_the_user_hold_in_the_copy():
    case = CASES["in-place ReLU"]
    model = module_of(case)
    network, pictures = network_of(case, model), torch.rand(1, 3, 16, 16)
    plain = network.trace(pictures).logits
    with model[0][0].register_forward_hook(lambda module, args, output: output * 2), network.edit("0.3", torch.neg):
        here, there = network.trace(pictures).logits, separate(network).trace(pictures).logits
    assert torch.equal(here, there)
    assert not torch.allclose(plain, here)


def test_a_module_that_cannot_be_copied_is_refused_in_one_sentence():
    case = CASES["in-place ReLU"]
    model = module_of(case)
    model.kept = model[0][0].weight * 2  # not a leaf: torch does not copy it
    with pytest.raises(cw.ModelError, match="Sequential cannot be copied"):
        separate(network_of(case, model))


def test_a_network_without_weights_is_refused():
    network = cw.Network(nn.Sequential(nn.ReLU(), nn.Flatten()), cw.Preprocess(channels=3, size=(2, 2)))
    with pytest.raises(cw.ModelError, match="no weights"):
        weights_from_the_output(network)


def spearman_by_definition(first, second):
    """Ranks by counting, ties at their mean; then Pearson's correlation written out."""

    def ranks(values):
        flat = [abs(float(value)) for value in np.ravel(values)]
        return [sum(v < x for v in flat) + (sum(v == x for v in flat) + 1) / 2 for x in flat]

    a, b = ranks(first), ranks(second)
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    shared = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    lengths = sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)
    return shared / lengths**0.5


@pytest.mark.parametrize("seed", range(4))
def test_similarity_is_spearmans_correlation_of_strengths(seed):
    draw = np.random.default_rng(seed)
    first = draw.integers(-4, 5, (6, 7)).astype(np.float32)  # many ties
    second = first + draw.normal(0, 2, (6, 7)).astype(np.float32)
    assert similarity(first, second) == pytest.approx(spearman_by_definition(first, second), abs=1e-9)
    assert similarity(first, second) == similarity(second, first)


def test_similarity_knows_no_sign_and_no_scale():
    field = np.random.default_rng(0).normal(size=(6, 7))
    assert similarity(field, -3 * field) == pytest.approx(1)
    assert similarity(field, 1 / np.abs(field)) == pytest.approx(-1)


@pytest.mark.parametrize("flat", [np.zeros((6, 7)), np.full((6, 7), 2.0), np.full((6, 7), np.nan)])
def test_a_flat_map_is_like_a_flat_one_and_like_no_other(flat):
    field = np.random.default_rng(0).normal(size=(6, 7))
    assert similarity(flat, copy.copy(flat)) == 1
    assert similarity(flat, field) == similarity(field, flat) == 0
