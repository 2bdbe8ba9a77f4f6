"""Penalties by definition: their values, their signs, and what climbing with them does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnvis_widgets.engine.errors import AscentError
from cnnvis_widgets.engine.regularizers import L1, L2, Blur, TotalVariation, blurred

EVERY = [L1(1.0), L2(1.0), TotalVariation(1.0), Blur(1.0), Blur(1.0, sigma=2.5)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [(6, 6), (5, 8), (7, 1), (1, 7), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_each_penalty_is_its_definition_summed_pixel_by_pixel(channels, size):
    pictures = noise(2, channels, *size)
    height, width = size
    for picture, l1, l2, variation in zip(
        pictures.tolist(),
        L1(3).penalty(pictures).tolist(),
        L2(3).penalty(pictures).tolist(),
        TotalVariation(3).penalty(pictures).tolist(),
        strict=True,
    ):
        values = [value for plane in picture for row in plane for value in row]
        down = [abs(p[r + 1][c] - p[r][c]) for p in picture for r in range(height - 1) for c in range(width)]
        across = [abs(p[r][c + 1] - p[r][c]) for p in picture for r in range(height) for c in range(width - 1)]
        assert l1 == pytest.approx(np.mean([abs(value - 0.5) for value in values]))
        assert l2 == pytest.approx(np.mean([(value - 0.5) ** 2 for value in values]))
        assert variation == pytest.approx(sum(np.mean(each) for each in (down, across) if each))


def test_the_blur_penalty_is_the_mean_square_of_what_a_gaussian_takes_away():
    pictures = noise(1, 2, 12, 9)
    steps = np.arange(-3, 4)
    kernel = np.exp(-(steps**2) / 2)
    kernel /= kernel.sum()
    padded = np.pad(pictures[0].numpy(), ((0, 0), (3, 3), (3, 3)), mode="edge")
    smooth = np.zeros((2, 12, 9))
    for down in range(7):
        for across in range(7):
            smooth += kernel[down] * kernel[across] * padded[:, down : down + 12, across : across + 9]
    np.testing.assert_allclose(blurred(pictures, 1.0)[0].numpy(), smooth, atol=1e-9)
    assert float(Blur(1.0).penalty(pictures)) == pytest.approx(((pictures[0].numpy() - smooth) ** 2).mean())


@pytest.mark.parametrize("regularizer", EVERY, ids=repr)
def test_a_penalty_is_never_negative_and_zero_for_plain_gray(regularizer):
    assert (regularizer.penalty(noise(5, 3, 7, 8)) > 0).all()
    torch.testing.assert_close(regularizer.penalty(torch.full((2, 3, 7, 8), 0.5)), torch.zeros(2), atol=1e-12, rtol=0)


def test_penalties_stay_in_the_ranges_that_are_documented():
    black_and_white = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(4, 4)[None, None]
    assert L1(1).penalty(black_and_white).item() == 0.5
    assert L2(1).penalty(black_and_white).item() == 0.25
    assert TotalVariation(1).penalty(black_and_white).item() == 2
    assert 0 < Blur(1).penalty(black_and_white).item() <= 1


@pytest.mark.parametrize("regularizer", EVERY, ids=repr)
def test_a_step_against_the_penalty_lowers_it(regularizer):
    pictures = noise(1, 3, 9, 9).requires_grad_()
    before = regularizer.penalty(pictures)
    (gradient,) = torch.autograd.grad(before.sum(), pictures)
    after = regularizer.penalty(pictures.detach() - 0.3 * gradient)
    assert (after < before).all()


@pytest.mark.parametrize("regularizer", EVERY[:3], ids=repr)
@pytest.mark.parametrize("size", [(4, 5), (1, 4), (1, 1)])
def test_gradients_are_those_of_small_differences(regularizer, size):
    assert torch.autograd.gradcheck(regularizer.penalty, noise(2, 2, *size).requires_grad_())


def test_the_gradient_of_blur_moves_each_pixel_towards_the_blurred_picture():
    pictures = noise(1, 1, 6, 7).requires_grad_()
    (gradient,) = torch.autograd.grad(Blur(1.0).penalty(pictures).sum(), pictures)
    expected = 2 * (pictures - blurred(pictures, 1.0)) / 42
    torch.testing.assert_close(gradient, expected.detach())


@pytest.mark.parametrize("kind", [L1, L2, TotalVariation, Blur])
@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_a_weight_below_zero_is_refused_since_penalties_are_subtracted(kind, weight):
    with pytest.raises(AscentError, match=rf"weight of {kind.__name__} is .* subtracted"):
        kind(weight)
