"""How far two maps agree, against the definition."""

from __future__ import annotations

import numpy as np
import pytest

from cnnvis_widgets.engine.agreement import coarse, rank_correlation, ranks


def slow_ranks(values: list[float]) -> list[float]:
    """By definition: how many are smaller, and half of those that are equal."""
    return [sum(other < value for other in values) + sum(other == value for other in values) / 2 for value in values]


def test_it_is_the_correlation_of_ranks_with_ties_shared() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 9, (28, 28)).astype(np.float32), rng.normal(size=(28, 28)).astype(np.float32)
    second += first
    true = np.corrcoef(slow_ranks(np.abs(first).ravel().tolist()), slow_ranks(np.abs(second).ravel().tolist()))[0, 1]
    assert rank_correlation(first, second) == pytest.approx(true, abs=1e-12)


def test_a_map_agrees_wholly_with_itself_its_negative_and_any_growing_function_of_its_strength() -> None:
    values = np.random.default_rng(1).normal(size=(28, 28)).astype(np.float32)
    for other in (values, -values, values * 1e-6, values**3):
        assert rank_correlation(values, other) == pytest.approx(1)


def test_maps_of_different_sizes_meet_on_one_grid() -> None:
    small = np.random.default_rng(2).random((7, 7)).astype(np.float32)
    large = np.kron(small, np.ones((32, 32), np.float32))
    large[::2] *= 2
    large[1::2] = 0  # the mean of each cell stays
    assert coarse(large).shape == coarse(small).shape == (28, 28)
    assert rank_correlation(small, large) > 0.85
    np.testing.assert_allclose(coarse(large), np.kron(small, np.ones((4, 4))), atol=1e-6)


def test_a_map_without_ranks_agrees_with_none() -> None:
    flat, nan = np.ones((9, 9), np.float32), np.full((9, 9), np.nan, np.float32)
    assert np.isnan(ranks(flat)).all()
    assert np.isnan(rank_correlation(nan, np.eye(9, dtype=np.float32)))
