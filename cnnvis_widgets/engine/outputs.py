"""Where the scores are in what a model returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .errors import ModelError


def default_output(output: Any) -> Tensor:
    """The scores (N, classes, …) in what common models return.

    Raises
    ------
    ModelError
        If there is no tensor where one is usual.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        for key in ("out", "logits"):
            if isinstance(output.get(key), Tensor):
                return output[key]
    if hasattr(output, "logits") and isinstance(output.logits, Tensor):
        return output.logits
    if isinstance(output, (list, tuple)) and output:
        if is_detection(output):
            return best_scores(output)
        if isinstance(output[0], Tensor):
            return output[0]
    msg = f"The model returns {type(output).__name__}: say where its scores are with output=lambda y: …."
    raise ModelError(msg)


def is_detection(output: Any) -> bool:
    """Whether a model's output is boxes with scores, one mapping a picture."""
    return isinstance(output, list) and bool(output) and all(isinstance(o, Mapping) and "scores" in o for o in output)


def best_scores(detections: Sequence[Mapping[str, Tensor]], classes: int = 0) -> Tensor:
    """The best score of each class among the boxes of each picture, (N, classes); 0 for classes without a box."""
    found = [int(each["labels"].max()) + 1 for each in detections if each["labels"].numel()]
    rows = [each["scores"].new_zeros(max([classes, 1, *found])) for each in detections]
    pairs = zip(rows, detections, strict=True)
    return torch.stack([row.scatter_reduce(0, each["labels"], each["scores"], "amax") for row, each in pairs])
