"""Objectives: a number for each picture, and arithmetic on them."""

from __future__ import annotations

import pytest
import torch
from methods.nets import CASES, network_of, pictures_for

import cnnvis_widgets as cw


def test_objectives_add_up_as_numbers_do():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    trace = network.trace(images, "0.0")
    first, unit = cw.class_score(1), cw.neuron("0.0", 2, 1, -1)
    total = 2 - (0.5 * first + unit) * 3 + sum([first, -unit])
    a, b = trace.logits[:, 1], trace["0.0"][:, 2, 1, -1]
    torch.testing.assert_close(total(trace), 2 - (0.5 * a + b) * 3 + a - b)
    assert total.layers == ("0.0",)
    assert total.logits
    assert not unit.logits
    torch.testing.assert_close(cw.channel("0.0", 3)(trace), trace["0.0"][:, 3].mean((1, 2)))
    torch.testing.assert_close(cw.class_probability("label 4")(trace), trace.logits.softmax(1)[:, 4])
    for wrong, message in (
        (cw.channel("0.0", 6), "channels 0–5; 6 is not one"),
        (cw.neuron("0.0", 0, 14, 0), "rows 0–13 and columns 0–13 here; row 14, column 0"),
        (cw.direction("0.0", [1.0]), r"has 6 channels and the direction \(1,\)"),
    ):
        with pytest.raises(cw.LayerError, match=message):
            wrong(trace)
