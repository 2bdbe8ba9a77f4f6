"""Occlusion against captum's, and against its definition; its partial maps; and what it refuses."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
import torch
from engine.plain_occlusion import painted, random_picture
from engine.random_nets import randomized
from methods.nets import CASES, CLASSES, fingerprint, module_of, network_of, pictures_for
from methods.references import PHOTOS, REAL
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.covers import Covers, placed, segments, sliding

# Height, width, window and stride for each: none square, the last window of a row and of a column cut off.
TORCHVISION = {
    "squeezenet1_1": ((97, 128), (32, 40), (24, 32)),
    "resnet18": ((75, 96), (24, 32), (20, 32)),
    "vgg11": ((48, 64), (24, 16), (16, 16)),
    "mobilenet_v2": ((80, 65), (32, 24), (24, 24)),
    "densenet121": ((64, 75), (24, 32), (24, 24)),
    "googlenet": ((75, 64), (32, 24), (24, 24)),
}
FILLS = ("gray", "mean", "black", "white", "blur", "noise")


class Normalized(nn.Module):
    """Normalization and network as one module, in the layout of memory that torch likes by default."""

    def __init__(self, network):
        super().__init__()
        mean, std = network.preprocess.mean or (0.0,), network.preprocess.std or (1.0,)
        self.mean, self.std = (torch.tensor(each, dtype=torch.float64).view(1, -1, 1, 1) for each in (mean, std))
        self.model = network.model

    def forward(self, x):
        return self.model((x - self.mean.to(x)) / self.std.to(x))


def captum_occlusion(network, images, targets, window, stride, fill):
    """Mean falls (N, H, W) by captum."""
    attr = pytest.importorskip("captum.attr")
    model, channels = Normalized(network).eval(), images.shape[1]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        found = attr.Occlusion(model).attribute(
            images,
            sliding_window_shapes=(channels, *window),
            strides=(channels, *stride),
            baselines=fill,
            target=targets,
            perturbations_per_eval=4,
        )
    return found[:, 0].numpy()


def size_of_logits(network, images):
    return float(network.trace(images).logits.abs().max())


def network_of_torchvision(name):
    """With random weights, statistics of BatchNorm measured on random pictures, and factors that are not 1."""
    torch.manual_seed(0)
    model = cw.load(name, None, num_classes=6).model
    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
        norm.train()
    size = TORCHVISION[name][0]
    if norms:
        with torch.no_grad():
            model(torch.randn(8, 3, *size))
    for norm in norms:  # channels that hardly move are rounding blown up
        norm.running_var.clamp_(min=float(norm.running_var.mean()) / 2)
    return cw.Network(
        model.eval(), cw.Preprocess(3, size, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), name=name
    )


# captum ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TORCHVISION)
def test_it_equals_captum_on_networks_of_torchvision(name):
    size, window, stride = TORCHVISION[name]
    network, images = network_of_torchvision(name), random_picture(3, size)
    fill = random_picture(3, size, seed=2)
    found = cw.occlusion(network, images, 2, window=window, stride=stride, fill=fill.numpy()[0]).result().values
    rough, scale = captum_occlusion(network, images, 2, window, stride, fill), size_of_logits(network, images)
    network.model.double()
    exact = captum_occlusion(network, images.double(), 2, window, stride, fill.double())
    assert np.abs(exact).max() > 1e-3 * scale
    rounding = np.abs(rough - exact).max()  # what single precision is worth in a deep network of random weights
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-5 * scale + rounding)


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v2"])
@pytest.mark.parametrize("photo", PHOTOS[:2])
def test_it_equals_captum_on_real_networks_and_photos(name, photo, shared_data):
    network = cw.load(name, shared_data / REAL[name][0])
    images = network.read(shared_data / "photos" / photo)
    target = int(network.predict(images).logits[0].argmax())
    fill = torch.full_like(images, 0.5)
    found = cw.occlusion(network, images, window=(64, 75), stride=(50, 64)).result()
    expected = captum_occlusion(network, images, target, (64, 75), (50, 64), fill)
    assert found.targets == (network.class_name(target),)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-5 * size_of_logits(network, images))


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@pytest.mark.parametrize(
    ("window", "stride"), [(5, 3), ((3, 7), (2, 5)), (1, 1), (4, 4), ((13, 2), (7, 1)), (6, 1), ((2, 13), 2), (13, 5)]
)
def test_any_window_and_stride_equals_captum(case, window, stride):
    network, images = network_of(case), pictures_for(case, 2)
    pair = [(each, each) if isinstance(each, int) else each for each in (window, stride)]
    pair[1] = tuple(min(each) for each in zip(*pair, strict=True))  # captum takes no stride beyond its window
    found = cw.occlusion(network, images, [1, 3], window=pair[0], stride=pair[1], fill="black").result()
    expected = captum_occlusion(network, images, torch.tensor([1, 3]), *pair, torch.zeros_like(images))
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-5 * size_of_logits(network, images))


@pytest.mark.parametrize("fill", FILLS)
def test_every_fill_equals_captum_with_that_baseline(fill):
    from cnnvis_widgets.engine.perturbation import filled

    case = CASES["not square"]
    network, images = network_of(case), pictures_for(case, 2)
    baseline = filled(images, fill, seed=3).contiguous()
    found = cw.occlusion(network, images, 2, window=(5, 8), stride=4, fill=fill, seed=3).result()
    expected = captum_occlusion(network, images, 2, (5, 8), (4, 4), baseline)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-5 * size_of_logits(network, images))


def test_segments_equal_captum_s_feature_ablation(case):
    attr = pytest.importorskip("captum.attr")
    network, images = network_of(case), pictures_for(case, 1)
    regions = np.add.outer(np.arange(case.size[0]) // 4, np.arange(case.size[1]) // 5 * 7) % 11
    with torch.no_grad():
        expected = attr.FeatureAblation(Normalized(network).eval()).attribute(
            images, baselines=0.5, target=4, feature_mask=torch.from_numpy(regions)[None, None]
        )
    found = cw.occlusion(network, images, 4, regions=regions).result()
    np.testing.assert_allclose(
        found.values, expected[:, 0].numpy(), rtol=0, atol=1e-5 * size_of_logits(network, images)
    )


# its definition -------------------------------------------------------------------------------------------------------


def by_definition(network, image, objective, covers, fill):
    """Scores (P,), the clean score, and the mean fall of each pixel (H, W), by one pass a place and one loop a pixel."""
    with torch.no_grad():
        clean = float(network.ask(image, objective)[1][0])
        scores = [
            float(network.ask(painted(image, fill, covers, place), objective)[1][0]) for place in range(len(covers))
        ]
    falls: dict[tuple[int, int], list[float]] = {}
    for place, score in enumerate(scores):
        top, left, bottom, right = covers.boxes[place]
        mask = covers.mask(place)
        for row in range(top, bottom):
            for column in range(left, right):
                if mask is None or mask[row - top, column - left]:
                    falls.setdefault((row, column), []).append(clean - score)
    values = np.zeros(covers.size)
    for (row, column), fallen in falls.items():
        values[row, column] = np.mean(fallen)
    return np.array(scores), clean, values


MASK = np.arange(20).reshape(4, 5) % 3 != 1


@pytest.mark.parametrize("shape", ["square", "circle", MASK], ids=["square", "circle", "mask"])
def test_a_map_is_the_mean_fall_over_the_covers_of_each_pixel(case, shape):
    network, image = network_of(case), pictures_for(case, 1)
    objective = cw.class_score(2)
    found = cw.occlusion(network, image, objective, window=(6, 5), stride=(4, 3), shape=shape).result()
    covers = sliding(case.size, (6, 5), (4, 3), shape)
    scores, clean, values = by_definition(network, image, objective, covers, torch.full_like(image, 0.5))
    scale = size_of_logits(network, image)
    np.testing.assert_allclose(found.values[0], values, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(found.scores[0].ravel(), scores, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(found.drops[0].ravel(), clean - scores, rtol=0, atol=2e-5 * scale)
    np.testing.assert_allclose(found.clean, [clean], rtol=0, atol=1e-5 * scale)
    assert found.scores.shape == (1, *covers.grid)
    assert found.values.dtype == np.float32


def test_where_windows_are_far_apart_pixels_between_them_are_zero():
    case = CASES["depthwise"]
    network, image = network_of(case), pictures_for(case, 1)
    found = cw.occlusion(network, image, 1, window=3, stride=6).result()
    covers = sliding(case.size, 3, 6)
    _, _, values = by_definition(network, image, cw.class_score(1), covers, torch.full_like(image, 0.5))
    np.testing.assert_allclose(found.values[0], values, rtol=0, atol=1e-5 * size_of_logits(network, image))
    assert (found.values[0][:, 3:6] == 0).all()
    assert (found.values[0][:3, :3] != 0).all()


def test_the_fall_in_probability_is_that_of_the_softmax(case):
    network, image = network_of(case), pictures_for(case, 1)
    covers = sliding(case.size, 5, 4)
    found = cw.occlusion(network, image, cw.class_probability(3), window=5, stride=4).result()
    fill = torch.full_like(image, 0.5)
    pictures = torch.cat([painted(image, fill, covers, place) for place in range(len(covers))])
    shares = np.stack([network.predict(each[None]).probabilities[0] for each in pictures])[:, 3]
    np.testing.assert_allclose(found.scores[0].ravel(), shares, rtol=0, atol=1e-6)
    assert float(found.clean[0]) == pytest.approx(network.predict(image).probabilities[0, 3], abs=1e-6)


@pytest.mark.parametrize("kind", ["channel", "neuron", "difference", "function"])
def test_any_objective_can_be_asked(case, kind):
    network, image = network_of(case), pictures_for(case, 1)
    objective = {
        "channel": cw.channel(case.layer, 1),
        "neuron": cw.neuron(case.layer, 2, 1, 3),
        "difference": cw.class_score(1) - cw.class_score(3),
        "function": lambda output: output.softmax(1)[:, 1] - output[:, 0],
    }[kind]
    found = cw.occlusion(network, image, objective, window=5, stride=3).result()
    asked = cw.Objective(lambda trace: objective(trace.output)) if kind == "function" else objective
    covers = sliding(case.size, 5, 3)
    scores, clean, values = by_definition(network, image, asked, covers, torch.full_like(image, 0.5))
    scale = max(np.abs(scores).max(), abs(clean))
    np.testing.assert_allclose(found.scores[0].ravel(), scores, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(found.values[0], values, rtol=0, atol=1e-5 * scale)


def test_several_pictures_and_several_targets_are_those_of_each_alone(case):
    network, images = network_of(case), pictures_for(case, 3)
    options = {"window": 5, "stride": 4}

    def alone(picture, target):
        return cw.occlusion(network, images[picture : picture + 1], target, **options).result()

    best = network.predict(images).logits.argmax(1).tolist()
    asked = {
        "default": (images, None, [(k, best[k]) for k in range(3)]),
        "one for all": (images, 2, [(k, 2) for k in range(3)]),
        "one each": (images, [0, 4, 1], [(0, 0), (1, 4), (2, 1)]),
        "by label": (images, "label 3", [(k, 3) for k in range(3)]),
        "a tensor": (images, torch.tensor([3, 3, 0]), [(0, 3), (1, 3), (2, 0)]),
        "an objective with one each": (images, cw.class_score([0, 4, 1]), [(0, 0), (1, 4), (2, 1)]),
        "several of one": (images[:1], [1, 0, 3, 2], [(0, 1), (0, 0), (0, 3), (0, 2)]),
    }
    for shown, target, pairs in asked.values():
        found = cw.occlusion(network, shown, target, **options).result()
        assert len(found) == len(found.targets) == len(found.clean) == len(found.images) == len(pairs)
        for row, (picture, index) in enumerate(pairs):
            expected = alone(picture, index)
            scale = np.abs(expected.scores).max()
            np.testing.assert_allclose(found.values[row], expected.values[0], rtol=0, atol=1e-5 * scale)
            np.testing.assert_array_equal(found.images[row], expected.images[0])
        assert len(list(cw.occlusion(network, shown, target, **options))) >= 1


def test_a_window_as_large_as_the_picture_takes_all_of_it_away(case):
    network, image = network_of(case), pictures_for(case, 1)
    found = cw.occlusion(network, image, 2, window=case.size, stride=1).result()
    gray = network.trace(torch.full_like(image, 0.5)).logits[0, 2]
    fall = float(network.trace(image).logits[0, 2] - gray)
    assert found.scores.shape == (1, 1, 1)
    np.testing.assert_allclose(
        found.values, np.full((1, *case.size), fall), rtol=0, atol=1e-5 * size_of_logits(network, image)
    )


def test_a_cover_that_shows_the_picture_itself_changes_nothing(case):
    network, image = network_of(case), pictures_for(case, 1)
    found = cw.occlusion(network, image, 2, window=5, stride=4, fill=image[0].numpy()).result()
    assert np.abs(found.values).max() < 1e-5 * size_of_logits(network, image)


def test_noise_comes_from_the_seed():
    case = CASES["depthwise"]
    network, image = network_of(case), pictures_for(case, 1)

    def with_seed(seed):
        return cw.occlusion(network, image, 1, window=5, stride=4, fill="noise", seed=seed).result().values

    np.testing.assert_array_equal(with_seed(1), with_seed(1))
    assert not np.allclose(with_seed(1), with_seed(2))


# step by step ---------------------------------------------------------------------------------------------------------


def fine_network():
    """Pictures large enough that a map takes many batches."""
    torch.manual_seed(0)
    body = (nn.Conv2d(3, 6, 5, 4, 2), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU())
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))
    return cw.Network(randomized(model), cw.Preprocess(3, (224, 200)))


def test_partial_maps_are_whole_finite_and_come_nearer():
    network, image = fine_network(), random_picture(3, (224, 200))
    steps = cw.occlusion(network, image, 1, window=32, stride=16)
    covers, seen = sliding((224, 200), 32, 16), []
    for step in steps:
        assert step.total == len(steps) == len(covers)
        assert np.isfinite(step.result.values).all()
        assert step.result.values.shape == (1, 224, 200)
        assert int(np.isfinite(step.result.scores).sum()) == step.done
        seen.append(step)
    done = [step.done for step in seen]
    assert done == sorted(set(done)), "every step does something"
    assert done[-1] == len(covers)
    assert len(seen) > 3
    last = seen[-1].result
    for step in seen:
        known = np.isfinite(step.result.scores)
        np.testing.assert_array_equal(step.result.scores[known], last.scores[known])  # what is known stays
        np.testing.assert_array_equal(step.result.clean, last.clean)
    np.testing.assert_array_equal(steps.result().values, last.values)
    errors = [np.abs(step.result.values - last.values).mean() for step in seen]
    assert errors[-2] < errors[0]


def test_the_first_partial_map_is_a_whole_coarse_one():
    network, image = fine_network(), random_picture(3, (224, 200))
    covers = sliding((224, 200), 32, 16)
    first = next(cw.occlusion(network, image, 1, window=32, stride=16))
    known = np.isfinite(first.result.scores[0])
    assert known.ravel()[covers.levels()[0]].all()
    rows, columns = np.flatnonzero(known.any(1)), np.flatnonzero(known.any(0))
    for found, count in ((rows, covers.grid[0]), (columns, covers.grid[1])):
        assert found[0] == 0
        assert found[-1] >= 0.6 * count, "it reaches the other side"
    assert len(np.unique(first.result.values[0])) > 4


def test_the_first_partial_map_of_several_pictures_is_finite():
    network = fine_network()
    images = torch.cat([random_picture(3, (224, 200), seed) for seed in (1, 2)])
    for step in cw.occlusion(network, images, [1, 2], window=64, stride=48):
        assert step.result.values.shape == (2, 224, 200)
        assert np.isfinite(step.result.values).all()
        assert np.isfinite(step.result.clean).all()


def test_a_result_that_was_shown_does_not_change_afterwards():
    network, image = fine_network(), random_picture(3, (224, 200))
    steps = cw.occlusion(network, image, 1, window=64, stride=32)
    first = next(steps).result
    values, scores, clean = first.values.copy(), first.scores.copy(), first.clean.copy()
    steps.result()
    np.testing.assert_array_equal(first.values, values)
    np.testing.assert_array_equal(first.scores, scores)
    np.testing.assert_array_equal(first.clean, clean)


@pytest.mark.parametrize("count", range(5))
def test_closing_at_any_step_leaves_nothing_behind(count):
    network, image = fine_network(), random_picture(3, (224, 200))
    model = network.model.train()
    before, threads = fingerprint(model), threading.active_count()
    steps = cw.occlusion(network, image, 1, window=32, stride=8)
    for _ in range(count):
        next(steps)
        assert fingerprint(model) == before, "nothing is held across a step"
    steps.close()
    assert fingerprint(model) == before
    assert threading.active_count() == threads
    assert list(steps) == []
    with pytest.raises(RuntimeError, match="before its last step"):
        steps.result()
    assert cw.occlusion(network, image, 1, window=112, stride=112).result().values.any()


def test_two_maps_at_once_are_those_of_each_alone():
    network = fine_network()
    images = [random_picture(3, (224, 200), seed) for seed in (1, 2)]
    expected = [cw.occlusion(network, image, 1, window=32, stride=8).result().values for image in images]
    first, second = (cw.occlusion(network, image, 1, window=32, stride=8) for image in images)
    for _ in range(3):
        next(first)
        next(second)
    for steps, right in zip((first, second), expected, strict=True):
        np.testing.assert_allclose(steps.result().values, right, atol=1e-6)
    found: list = [None, None]

    def work(index):
        found[index] = cw.occlusion(network, images[index], 1, window=32, stride=8).result().values

    workers = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    for answer, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(answer, right, atol=1e-6)


def test_the_module_and_the_picture_stay_as_they_were(case):
    model = module_of(case).train()
    network, images = network_of(case, model), pictures_for(case, 2)
    before, pixels, version = fingerprint(model), images.clone(), images._version
    cw.occlusion(network, images, 2, window=5, stride=4).result()
    assert fingerprint(model) == before
    assert torch.equal(images, pixels)
    assert images._version == version


def test_an_edited_network_is_occluded_as_edited(case):
    network, image = network_of(case), pictures_for(case, 1)
    edited = network.edited(case.layer, lambda a: a * (torch.arange(a.shape[1]) % 2).view(1, -1, 1, 1))
    found = cw.occlusion(edited, image, 2, window=5, stride=4).result()
    covers = sliding(case.size, 5, 4)
    _, _, values = by_definition(edited, image, cw.class_score(2), covers, torch.full_like(image, 0.5))
    np.testing.assert_allclose(found.values[0], values, rtol=0, atol=1e-5 * size_of_logits(edited, image))
    with network.edit(case.layer, lambda a: a * (torch.arange(a.shape[1]) % 2).view(1, -1, 1, 1)):
        again = cw.occlusion(network, image, 2, window=5, stride=4).result()
    np.testing.assert_allclose(again.values, found.values, rtol=0, atol=1e-5 * size_of_logits(edited, image))


# approximate ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_approximate_says_by_how_much_and_that_is_true(precision):
    network, image = fine_network(), random_picture(3, (224, 200))
    exact = cw.occlusion(network, image, 1, window=32, stride=16).result()
    found = cw.occlusion(network, image, 1, window=32, stride=16, exact=False, precision=precision).result()
    assert exact.error is None
    assert found.error is not None
    assert found.error.places > 0
    assert 0 <= found.error.mean <= found.error.largest
    off, rounding = np.nanmean(np.abs(found.scores - exact.scores)), 1e-6 * np.abs(exact.scores).max()
    assert off < 5 * found.error.mean + rounding
    assert found.error.mean < 20 * off + rounding
    assert np.corrcoef(found.values.ravel(), exact.values.ravel())[0, 1] > 0.9


def test_an_exact_map_in_half_precision_is_refused():
    network, image = fine_network(), random_picture(3, (224, 200))
    with pytest.raises((cw.CnnvisError, ValueError), match="exact=False"):
        cw.occlusion(network, image, 1, precision="bfloat16").result()


# what is refused ------------------------------------------------------------------------------------------------------

NONE = float("nan")
BAD = {
    "a window of nothing": {"window": 0},
    "a window of less than nothing": {"window": -3},
    "a window of half a pixel": {"window": 2.5},
    "a window that is no number": {"window": NONE},
    "an endless window": {"window": float("inf")},
    "a window that is a word": {"window": "large"},
    "no window": {"window": None},
    "a window of three sides": {"window": (3, 3, 3)},
    "a window that is true": {"window": True},
    "a window larger than the picture": {"window": 17},
    "a window wider than the picture": {"window": (3, 17)},
    "a stride of nothing": {"stride": 0},
    "a stride of less than nothing": {"stride": -1},
    "a stride of nothing across": {"stride": (2, 0)},
    "a stride that is no number": {"stride": NONE},
    "a stride of a quarter": {"stride": 0.25},
    "a stride that is a word": {"stride": "8"},
    "no stride": {"stride": None},
    "a fill that there is not": {"fill": "grey"},
    "no fill": {"fill": None},
    "a fill of another size": {"fill": np.zeros((3, 15, 16), np.float32)},
    "a fill that is too bright": {"fill": np.full((3, 16, 16), 1.5, np.float32)},
    "a fill that is too dark": {"fill": np.full((3, 16, 16), -0.5, np.float32)},
    "a fill that is no number": {"fill": np.full((3, 16, 16), NONE, np.float32)},
    "a color that is none": {"fill": "#12345"},
    "a shape that there is not": {"shape": "triangle"},
    "a mask of nothing": {"shape": np.zeros((3, 3), bool)},
    "a mask of three axes": {"shape": np.ones((3, 3, 3), bool)},
    "a mask larger than the picture": {"shape": np.ones((17, 3), bool)},
    "no shape": {"shape": None},
    "regions of another size": {"regions": np.zeros((15, 16), int)},
    "regions of a larger size": {"regions": np.zeros((17, 16), int)},
    "regions that are no integers": {"regions": np.zeros((16, 16))},
    "regions of three axes": {"regions": np.zeros((1, 16, 16), int)},
    "regions that are all negative": {"regions": np.full((16, 16), -1)},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_cover_is_refused_in_a_sentence(name):
    case = CASES["depthwise"]
    options = {"window": 5, "stride": 4} | BAD[name]
    with pytest.raises(cw.ImageError) as caught:
        cw.occlusion(network_of(case), pictures_for(case, 1), 1, **options)
    assert len(str(caught.value).split()) > 5


def test_regions_for_several_pictures_are_refused_or_lie_over_each():
    case = CASES["depthwise"]
    network, images = network_of(case), pictures_for(case, 2)
    regions = np.add.outer(np.arange(16) // 8, np.arange(16) // 8 * 2)
    found = cw.occlusion(network, images, 1, regions=regions).result()
    for row in range(2):
        alone = cw.occlusion(network, images[row : row + 1], 1, regions=regions).result()
        np.testing.assert_allclose(found.values[row], alone.values[0], atol=1e-6)


@pytest.mark.parametrize("target", [CLASSES, -CLASSES - 1, "label 77", [0, 1], 1.5, object()])
def test_a_target_that_there_is_not_is_refused(target):
    case = CASES["depthwise"]
    with pytest.raises(cw.TargetError):
        cw.occlusion(network_of(case), pictures_for(case, 3), target, window=5, stride=4)


def test_a_precision_that_there_is_not_is_refused():
    case = CASES["depthwise"]
    with pytest.raises((cw.CnnvisError, ValueError), match="bfloat16"):
        cw.occlusion(network_of(case), pictures_for(case, 1), 1, window=5, stride=4, precision="float8").result()


def test_a_network_that_gives_no_numbers_gives_no_map_of_zeros():
    case = CASES["depthwise"]
    model = module_of(case)
    with torch.no_grad():
        model[0].weight[0] = float("nan")
    try:
        found = cw.occlusion(network_of(case, model), pictures_for(case, 1), 1, window=5, stride=4).result()
    except cw.CnnvisError as error:
        assert len(str(error).split()) > 5  # noqa: PT017 (either is right)
    else:
        assert np.isnan(found.values).all()


def test_a_place_where_the_network_gives_no_number_is_not_filled_in_from_its_neighbors():
    class Divides(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, CLASSES)

        def forward(self, x):
            return self.head(self.conv(x / x).mean((2, 3)) + x.mean((1, 2, 3))[:, None])

    torch.manual_seed(0)
    network, image = cw.Network(Divides(), cw.Preprocess(3, (16, 16))), random_picture(3, (16, 16)) * 0.9 + 0.05
    fill = np.full((3, 16, 16), 0.5, np.float32)
    fill[:, 6, 6] = 0
    try:
        found = cw.occlusion(network, image, 1, window=4, stride=4, fill=fill).result()
    except cw.CnnvisError as error:
        assert len(str(error).split()) > 5  # noqa: PT017 (either is right)
    else:
        assert not np.isfinite(found.scores[0, 1, 1])
        assert not np.isfinite(found.values[0, 4:8, 4:8]).any()
        assert np.isfinite(np.delete(found.scores[0].ravel(), 5)).all()


# covers ---------------------------------------------------------------------------------------------------------------


def test_windows_reach_the_end_of_every_picture_and_no_further():
    lots = np.random.default_rng(0)
    for _ in range(300):
        size = tuple(int(each) for each in lots.integers(1, 30, 2))
        window = tuple(int(lots.integers(1, each + 1)) for each in size)
        stride = tuple(int(each) for each in lots.integers(1, 12, 2))
        covers = sliding(size, window, stride)
        rows, columns = covers.grid
        assert len(covers) == rows * columns
        top, left, bottom, right = covers.boxes.T
        assert (bottom > top).all()
        assert (right > left).all()
        for low, high, length, side, step, count in (
            (
                top.reshape(rows, columns)[:, 0],
                bottom.reshape(rows, columns)[:, 0],
                size[0],
                window[0],
                stride[0],
                rows,
            ),
            (left.reshape(rows, columns)[0], right.reshape(rows, columns)[0], size[1], window[1], stride[1], columns),
        ):
            # As captum counts them: as many as fit, and one more where a rest is left that a window begins in.
            fits = -(-(length - side) // step) + 1
            assert low.tolist() == [k * step for k in range(fits) if k * step < length]
            assert len(low) == count
            assert high.tolist() == [min(k * step + side, length) for k in range(count)]


def test_levels_hold_every_place_once_and_the_first_spans_the_picture():
    lots = np.random.default_rng(1)
    for _ in range(200):
        size = tuple(int(each) for each in lots.integers(1, 60, 2))
        covers = sliding(size, 1, tuple(int(each) for each in lots.integers(1, 9, 2)))
        levels = covers.levels()
        assert sorted(np.concatenate(levels).tolist()) == list(range(len(covers)))
        assert len(levels[0]) <= 16
        assert 0 in levels[0]
    single = segments(np.zeros((4, 4), int))
    assert [each.tolist() for each in single.levels()] == [[0]]
    many = segments(np.arange(40).reshape(5, 8))
    assert sorted(np.concatenate(many.levels()).tolist()) == list(range(40))


def test_the_mean_over_covers_is_that_of_a_loop():
    lots = np.random.default_rng(2)
    for shape in ("square", "circle", MASK):
        for covers in (sliding((17, 23), (4, 5), (3, 2), shape), sliding((17, 23), (4, 5), (9, 7), shape)):
            values = lots.normal(size=len(covers))
            total, count = np.zeros(covers.size), np.zeros(covers.size)
            for place, value in enumerate(values):
                top, left, bottom, right = covers.boxes[place]
                mask = covers.mask(place)
                for row in range(top, bottom):
                    for column in range(left, right):
                        if mask is None or mask[row - top, column - left]:
                            total[row, column] += value
                            count[row, column] += 1
            expected = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
            np.testing.assert_allclose(covers.average(values), expected, atol=1e-6)


def test_completed_keeps_what_is_known_and_takes_the_rest_from_the_nearest_of_a_coarser_grid():
    covers = sliding((32, 40), 4, 4)
    truth = np.arange(len(covers), dtype=float)
    known = np.full(len(covers), np.nan)
    for level in covers.levels():
        known[level] = truth[level]
        found = covers.completed(known)
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found[np.isfinite(known)], truth[np.isfinite(known)])
    np.testing.assert_array_equal(covers.completed(known), truth)
    np.testing.assert_array_equal(covers.completed(np.full(len(covers), np.nan)), 0)


def test_a_circle_is_the_ellipse_in_its_window():
    (mask,) = sliding((20, 20), (9, 5), 4, "circle").masks
    rows, columns = np.meshgrid((np.arange(9) - 4) / 4.5, (np.arange(5) - 2) / 2.5, indexing="ij")
    np.testing.assert_array_equal(mask, rows**2 + columns**2 <= 1)
    np.testing.assert_array_equal(mask, mask[::-1, ::-1])
    for side in (1, 2, 3):
        assert sliding((20, 20), side, 4, "circle").masks[0].any()


@pytest.mark.parametrize(("top", "left"), [(16, 0), (0, 16), (-4, 3), (3, -5), (100, 100)])
def test_a_brush_outside_the_picture_is_refused(top, left):
    with pytest.raises(cw.ImageError, match="outside the picture"):
        placed((16, 16), MASK, top, left)


def test_a_brush_of_which_no_covered_pixel_is_in_the_picture_is_refused():
    mask = np.zeros((4, 4), bool)
    mask[:, 3] = True
    with pytest.raises(cw.ImageError):
        placed((16, 16), mask, 0, 14)


@pytest.mark.parametrize("masks", [1, 4])
def test_a_cover_cut_off_at_the_edge_shows_the_upper_left_of_its_mask(masks):
    boxes = np.array([[0, 0, 4, 5], [14, 0, 16, 5], [0, 12, 4, 16], [13, 14, 16, 16]])
    each = (MASK,) if masks == 1 else tuple(MASK[: b - t, : r - c] for t, c, b, r in boxes)
    covers = Covers((16, 16), boxes, (2, 2), each)
    for place, (top, left, bottom, right) in enumerate(boxes):
        np.testing.assert_array_equal(covers.mask(place), MASK[: bottom - top, : right - left])
