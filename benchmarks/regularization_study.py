"""Which regularization helps, on photos: what lectures say of it, tried on squeezenet1_1 with ImageNet's weights.

The table of notebooks/regularization_study.ipynb. Two sets of four channels of one layer, three seeds, pictures of 112 px; references
are the strongest patches of 200 photos, one of each of 200 classes. Every picture is painted once and judged three times: by LPIPS,
and by features of two networks, of which one had no part in painting. Weights and photos are those of `../shared/data` (or
`$CNNVIS_DATA`); without the package `lpips`, the first judge is the second. About five minutes on two cores.

With `--store FOLDER` it goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

import cnnvis_widgets as cw
from cnnvis_widgets.engine.study import RegularizationStudy

DATA = Path(os.environ.get("CNNVIS_DATA") or Path(__file__).parents[2] / "shared" / "data")
WEIGHTS = {
    "squeezenet1_1": "squeezenet1_1_imagenet.safetensors",
    "mobilenet_v2": "mobilenet_v2_imagenet_fp16.safetensors",
}
LAYER = "features.9"
#: Channels, and how many steps they are climbed.
SETS = {"first": ((2, 10, 20, 22), 256), "second": ((50, 120, 200, 300), 128)}


def network_of(name: str) -> cw.Network:
    """With ImageNet's weights."""
    from safetensors.torch import load_file

    network = cw.load(name, None)
    network.model.load_state_dict(load_file(DATA / WEIGHTS[name]))
    return network


def told(name: str, study: RegularizationStudy) -> None:
    """Print the table of one set of channels by one judge, and what of the lectures' order comes out."""
    low, high = study.low, study.high
    print(f"\n  {name} channels {study.channels}, {study.measure}")
    none = study.distances[0].mean()
    print(f"  no regularization {none:.3f}, another real patch {study.among.mean():.3f}, gray {study.gray.mean():.3f}")
    for family in study.order():
        row = study.best(family)
        values = ", ".join(
            f"{study.variants[each].value:g} {study.mean[each]:+.1f}{' faint' if study.faint[each] else ''}"
            for each in study.rows(family)
            if study.variants[each].value is not None
        )
        ends = f"({low[row]:+.1f} to {high[row]:+.1f})"
        print(
            f"  {study.variants[row].title:<22} {study.mean[row]:+5.1f} %  {ends:<18} {study.distances[row].mean():.3f}   {values}"
        )
    order = [each for each in study.order() if each not in ("none", "standard", "fourier")]
    better = [each for each in order if study.mean[study.best(each)] > 0]
    print(
        f"  of {len(order)} families better than none: {len(better)}; at the top: {', '.join(order[:2])}; last: {order[-1]}"
    )


def compare(store: Path | None) -> None:
    """Paint both sets of channels, and ask every judge."""
    painter, judge = network_of("squeezenet1_1"), network_of("mobilenet_v2")
    photos = cw.folder(DATA / "images")
    for name, (channels, steps) in SETS.items():
        study = cw.regularization_study(
            painter, LAYER, channels, references=photos, steps=steps, size=112, store=store
        ).result()
        assert np.isfinite(study.distances).all()  # no unit stayed silent
        told(name, study)
        told(name, study.judged_by(painter, "features"))
        told(name, study.judged_by(judge))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, help="a folder for what is painted")
    asked = parser.parse_args()
    missing = [each for each in ("images", *WEIGHTS.values()) if not (DATA / each).exists()]
    if missing:
        print(f"not run: {DATA} has no {', '.join(missing)}")
    else:
        print(
            f"squeezenet1_1, {LAYER}: closer to real patches than without regularization, 95 % intervals over channels"
        )
        compare(asked.store)
