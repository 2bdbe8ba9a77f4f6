"""Incremental inference against its definition: every covered picture made by hand and asked about alone."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import torch
from engine.adversaries import ADVERSARIES, SIZE, Wide, plain, seeded
from engine.plain_occlusion import (
    EVERY_CLASS,
    answered,
    assert_incremental_is_right,
    assert_same,
    boxes,
    corners_and_more,
    one_by_one,
    painted,
    random_picture,
    true_logits,
    true_scores,
    warmed,
)
from engine.random_nets import CLASSES, Apply, networks, places, randomized
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from methods.nets import CASES, fingerprint, network_of, pictures_for
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import cnnvis_widgets as cw
from cnnvis_widgets.engine.covers import covered, placed, segments, sliding
from cnnvis_widgets.engine.incremental import Incremental

COVERS = sliding(SIZE, 5, 4)
IMAGE, FILL = random_picture(3, SIZE), random_picture(3, SIZE, seed=2)
# torch says so once for kernels of even size; the numbers are right.
EVEN_KERNELS = "ignore:Using padding='same' with even kernel lengths"


def network_around(model: nn.Module, size=SIZE, **options) -> cw.Network:
    return cw.Network(model, cw.Preprocess(3, size, mean=(0.4, 0.5, 0.45), std=(0.2, 0.25, 0.22)), **options)


# random networks ------------------------------------------------------------------------------------------------------


FIFTY = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a seed of another network is no smaller
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.filterwarnings(EVEN_KERNELS)
@pytest.mark.parametrize("odd", [False, True])
def test_it_equals_the_plain_loop_on_random_networks(odd):
    @FIFTY
    @given(networks(odd=odd), st.data())
    def equals(network, data):
        model, channels, size = network
        note(f"{model} on {channels} × {size[0]} × {size[1]}")
        covers = boxes(size, *data.draw(places(size)), *corners_and_more(size).boxes.tolist())
        image, fill = random_picture(channels, size), random_picture(channels, size, seed=2)
        single = cw.Network(model, cw.Preprocess(channels, size))
        true = true_logits(single, image, fill, covers)
        found, _ = answered(warmed(Incremental(single, image, [EVERY_CLASS]), fill), covers, fill)
        double = cw.Network(model.double(), cw.Preprocess(channels, size))
        truer = true_logits(double, image, fill, covers)
        assert_same(found, true, slack=3 * np.abs(true - truer).max())  # what single precision itself is worth here
        found, _ = answered(warmed(Incremental(double, image, [EVERY_CLASS]), fill), covers, fill)
        assert_same(found, truer, 1e-9)

    equals()


@pytest.mark.filterwarnings(EVEN_KERNELS)
@pytest.mark.parametrize("odd", [False, True])
def test_random_networks_hold_what_they_are_for(odd):
    """So that the test above asks what it should: what is drawn has every layer, and most of it changes with the picture."""
    seen, moved = set(), []

    @FIFTY
    @given(networks(odd=odd))
    def draw(network):
        model, channels, size = network
        seen.update(type(part).__name__ for part in model.modules())
        with torch.no_grad():
            image = random_picture(channels, size)
            moved.append(not torch.allclose(model(image), model(1 - image)))

    draw()
    assert {"Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm2d", "ReLU", "Apply"} <= seen
    assert not odd or {"ConvTranspose2d", "AdaptiveMaxPool2d", "Upsample"} <= seen
    assert sum(moved) > 0.8 * len(moved)


@pytest.mark.filterwarnings(EVEN_KERNELS)
def test_random_networks_of_common_layers_are_answered_in_part():
    @FIFTY
    @given(networks(odd=False))
    def in_part(network):
        model, channels, size = network
        note(f"{model} on {channels} × {size[0]} × {size[1]}")
        image, fill = random_picture(channels, size), random_picture(channels, size, seed=2)
        asking = Incremental(cw.Network(model, cw.Preprocess(channels, size)), image, [EVERY_CLASS])
        assert warmed(asking, fill).why_whole == ""

    in_part()


# networks that mislead ------------------------------------------------------------------------------------------------


@pytest.fixture(params=ADVERSARIES.values(), ids=ADVERSARIES.keys())
def adversary(request):
    return request.param


# What torch says of some of these networks, whoever runs them.
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
def test_a_network_that_could_mislead_is_answered_rightly(adversary):
    model = adversary.build()
    before = fingerprint(model)
    network = network_around(model)
    assert_incremental_is_right(
        network, IMAGE, FILL, COVERS, tolerance=adversary.tolerance, moves=adversary.tolerance < 1e-3
    )
    after = fingerprint(model)
    after["attributes"], before["attributes"] = None, None  # some of them keep notes of their own
    assert after == before


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
def test_a_network_that_could_mislead_is_answered_rightly_at_the_corners(adversary):
    network = network_around(adversary.build())
    covers = corners_and_more(SIZE)
    assert_incremental_is_right(
        network, IMAGE, FILL, covers, tolerance=adversary.tolerance, moves=adversary.tolerance < 1e-3, warm=True
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
def test_a_network_that_could_mislead_is_answered_rightly_about_what_does_not_change(adversary):
    """Where the fill is the picture itself nothing changes, and where it differs in one pixel hardly anything does."""
    network = network_around(adversary.build())
    fill = IMAGE.clone()
    fill[:, :, 6, 6] = 1 - fill[:, :, 6, 6]
    assert_incremental_is_right(network, IMAGE, fill, COVERS, tolerance=adversary.tolerance, moves=False)


def test_networks_of_the_package_s_tests_are_answered_rightly():
    for case in CASES.values():
        network = network_of(case)
        image, fill = pictures_for(case, 1), pictures_for(case, 1, seed=5)
        covers = sliding(case.size, (5, 4), (4, 5))
        assert_incremental_is_right(network, image, fill, covers)


NORMALIZATIONS = {
    "per picture": lambda x: (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True),
    "flipped": lambda x: x.flip(3) * 2 - 1,
    "drawn out": lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear"),
    "with coordinates": lambda x: x + torch.linspace(0, 1, x.shape[3]),
    "in place": lambda x: x.sub_(0.5).div_(0.2),
    "contrast of the neighborhood": lambda x: x - F.avg_pool2d(x, 5, 1, 2),
    "by a threshold of all": lambda x: (x > x.mean((1, 2, 3), keepdim=True)).float(),
}


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_a_normalization_of_the_user_s_own_may_look_at_the_whole_picture(name):
    network = cw.Network(plain(), cw.Preprocess(3, SIZE, normalization=NORMALIZATIONS[name]))
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)


def test_a_hook_for_every_module_there_is_is_obeyed():
    from torch.nn.modules.module import register_module_forward_hook

    network = network_around(plain())
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    list(asking.answers(COVERS, FILL))
    mirror = lambda module, args, output: output.flip(3) if isinstance(module, nn.Conv2d) else None  # noqa: E731
    with register_module_forward_hook(mirror):
        assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)


def test_a_hook_that_the_user_adds_or_takes_away_between_two_maps_is_noticed():
    model = plain()
    network = network_around(model)
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    with model[3].register_forward_hook(lambda module, args, output: output.flip(3) + 1):
        assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    with model[0].register_forward_pre_hook(lambda module, args: (args[0].roll(5, 3),)):
        assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)


# A bright pixel that none but the sixth place of COVERS shows: what a few trials do not meet.
DIM, RARE = IMAGE * 0.9, FILL * 0.9
RARE[:, :, 6, 10] = 1


def _rarely(x):
    """The picture, as the network takes it, in the negative where it has a bright pixel."""
    return torch.where(x.amax((1, 2, 3), keepdim=True) > 2.7, -x, x)


def _forward_replaced(model):
    model[0].forward = lambda x: nn.Conv2d.forward(model[0], _rarely(x))


def _hook_before_all(model):
    model.register_forward_pre_hook(lambda module, args: (_rarely(args[0]),))


def _hook_after_all(model):
    with torch.no_grad():
        (met,) = true_logits(network_around(model), DIM, RARE, COVERS, [6])

    def turn(module, args, output):
        alike = (output - torch.from_numpy(met).float()).abs().amax(1, keepdim=True) < 1e-4
        return torch.where(alike, -output, output)

    model.register_forward_hook(turn)


@pytest.mark.parametrize("change", [_forward_replaced, _hook_before_all, _hook_after_all])
@pytest.mark.parametrize("warm", [False, True])
def test_what_no_graph_shows_and_a_few_trials_do_not_meet_is_answered_rightly(change, warm):
    model = plain()
    plainly = true_logits(network_around(model), DIM, RARE, COVERS)
    change(model)
    network = network_around(model)
    differs = np.abs(true_logits(network, DIM, RARE, COVERS) - plainly).max(1) > 1e-3
    assert np.flatnonzero(differs).tolist() == [6]
    assert_incremental_is_right(network, DIM, RARE, COVERS, warm=warm)


@pytest.mark.parametrize("warm", [False, True])
def test_a_normalization_that_seldom_looks_at_the_whole_picture_is_obeyed(warm):
    network = cw.Network(plain(), cw.Preprocess(3, SIZE, normalization=lambda x: _rarely(x * 3)))
    assert_incremental_is_right(network, DIM, RARE, COVERS, warm=warm)


def test_a_hook_for_every_module_that_seldom_does_something_is_obeyed():
    from torch.nn.modules.module import register_module_forward_pre_hook

    network = network_around(plain())
    rarely = lambda module, args: (_rarely(args[0]),) if module is network.model[0] else None  # noqa: E731
    with register_module_forward_pre_hook(rarely):
        assert_incremental_is_right(network, DIM, RARE, COVERS)


def _viewed():
    """Flattened as it was long done, behind a pool that is computed in part."""
    flat = Apply("view", lambda x, head: head(x.contiguous().view(x.size(0), -1)), nn.Linear(8 * 25, CLASSES))
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 3), flat)


OTHERS = {
    "contiguous and view": _viewed,
    "view of what is not contiguous": lambda: Apply(
        "view",
        lambda x, conv, head: head(conv(x).permute(0, 2, 3, 1).contiguous().view(len(x), -1)),
        nn.Conv2d(3, 8, 3, 3),
        nn.Linear(8 * 25, CLASSES),
    ),
    "no convolution": lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, CLASSES)),
    "no weights": lambda: nn.Sequential(nn.AvgPool2d(5, 3), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten()),
    "the picture itself": nn.Identity,
    "its color": lambda: Apply("mean", lambda x: x.mean((2, 3))),
    "only weights of other layers": lambda: nn.Sequential(
        nn.BatchNorm2d(3), nn.ReLU6(), nn.Flatten(), nn.LazyLinear(4)
    ),
    "one channel everywhere": lambda: nn.Sequential(
        nn.Conv2d(3, 1, 1), nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(49, CLASSES)
    ),
    "activations behind one another": lambda: nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.ReLU(inplace=True),
        nn.Sigmoid(),
        nn.Hardswish(inplace=True),
        nn.BatchNorm2d(6),
        nn.ReLU6(inplace=True),
        nn.ELU(inplace=True),
        nn.AdaptiveMaxPool2d(3),
        nn.Flatten(),
        nn.Linear(54, CLASSES),
    ),
    "normalization first": lambda: nn.Sequential(
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, 1),
        nn.Flatten(),
        nn.Linear(384, CLASSES),
    ),
    "a sum of three, and of itself": lambda: Apply(
        "sums",
        lambda x, first, second, head: head(F.relu(first(x) + second(x) + first(x) - second(x) * 0.5).mean((2, 3))),
        nn.Conv2d(3, 6, 3, padding=1),
        nn.Conv2d(3, 6, 5, padding=2),
        nn.Linear(6, CLASSES),
    ),
    "numbers before and behind": lambda: Apply(
        "numbers",
        lambda x, conv, head: head((1 - conv(2 * x - 1) / 3 + 0.5 * conv(x)).relu().sum((2, 3)) / 256),
        nn.Conv2d(3, 6, 3),
        nn.Linear(6, CLASSES),
    ),
    "a skip from the picture": lambda: Apply(
        "skip",
        lambda x, conv, head: head(torch.cat([x, conv(x), x * conv(x)], 1).amax((2, 3))),
        nn.Conv2d(3, 3, 3, padding=1),
        nn.Linear(9, CLASSES),
    ),
    "concatenated in place of summed": lambda: Apply(
        "ReLU in place on what is concatenated",
        lambda x, a, b, head: head(F.relu(torch.cat([F.relu(a(x), inplace=True), b(x)], 1), inplace=True).mean((2, 3))),
        nn.Conv2d(3, 4, 1),
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Linear(8, CLASSES),
    ),
}


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("name", OTHERS)
def test_networks_of_other_makings_are_answered_rightly(name, warm):
    torch.manual_seed(0)
    model = OTHERS[name]()
    with torch.no_grad():
        model(IMAGE)  # a lazy one learns its size
    assert_incremental_is_right(network_around(randomized(model)), IMAGE, FILL, COVERS, warm=warm)
    network = network_around(randomized(model))
    assert_incremental_is_right(network, IMAGE, FILL, corners_and_more(SIZE), warm=warm)


def test_networks_that_flatten_by_a_view_are_answered_in_part():
    network = network_around(seeded(OTHERS["contiguous and view"]))
    asking = warmed(Incremental(network, IMAGE, [EVERY_CLASS]), FILL)
    assert asking.why_whole == ""
    list(asking.answers(COVERS, FILL))
    assert asking.why_whole == ""


@pytest.mark.parametrize("kind", ["noise", "dropout", "rrelu"])
def test_a_network_that_draws_lots_is_answered_as_a_batch_of_covered_pictures(kind):
    class Lots(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES)

        def forward(self, x):
            x = self.conv(x)
            if kind == "noise":
                x = x + torch.randn_like(x)
            x = F.dropout(x, 0.3, training=True) if kind == "dropout" else x
            x = F.rrelu(x, training=True) if kind == "rrelu" else x
            return self.head(x.relu().mean((2, 3)))

    network = network_around(seeded(Lots))
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    answers = list(asking.answers(COVERS, FILL))
    for answer in answers:
        batch = torch.cat([painted(IMAGE, FILL, COVERS, int(place)) for place in answer.places])
        torch.testing.assert_close(answer.trace.logits, network.trace(batch).logits)


def test_a_network_whose_pictures_see_one_another_is_asked_rightly():
    """Without statistics of its own, BatchNorm takes those of the batch, in evaluation mode too: asked alone, those of the picture."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6, track_running_stats=False)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(6 * 14 * 14, CLASSES))
    assert_incremental_is_right(network_around(model), IMAGE, FILL, COVERS)


# numbers that are no numbers, and very large ones ---------------------------------------------------------------------


def test_weights_that_are_not_a_number_give_what_is_not_a_number():
    model = plain()
    with torch.no_grad():
        model[3].weight[2, 1, 0, 0] = float("nan")
    network = network_around(model)
    try:
        assert_incremental_is_right(network, IMAGE, FILL, COVERS, moves=False)
    except cw.CnnvisError as error:
        assert "NaN" in str(error) or "number" in str(error)  # noqa: PT017 (either is right)


class Divides(nn.Module):
    """Not a number, or infinite, where the picture is black."""

    def __init__(self, operation):
        super().__init__()
        self.operation, self.conv, self.head = operation, nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, CLASSES)

    def forward(self, x):
        return self.head(F.relu(self.conv(self.operation(x))).mean((2, 3)))


@pytest.mark.parametrize("operation", [torch.log, lambda x: x / x, torch.reciprocal])
@pytest.mark.parametrize("where", ["picture", "fill"])
def test_what_is_not_a_number_in_one_place_is_gone_when_that_is_covered(operation, where):
    image, fill = IMAGE.clone() + 0.01, FILL.clone() + 0.01
    (image if where == "picture" else fill)[:, :, 9, 6] = 0
    network = cw.Network(seeded(lambda: Divides(operation)), cw.Preprocess(3, SIZE)).unbounded()
    true = true_logits(network, image, fill, COVERS)
    assert np.isfinite(true).all(1).any()
    assert not np.isfinite(true).all()
    found, _ = answered(Incremental(network, image, [EVERY_CLASS]), COVERS, fill)
    assert_same(found, true)


def test_what_is_left_when_something_huge_is_covered_keeps_its_digits():
    """A mean that is kept up by adding the change would have lost them."""
    image = IMAGE * 0.1
    image[:, :, 7:9, 7:9] = 1
    model = seeded(Wide)
    with torch.no_grad():
        model.conv.weight.fill_(2)
    network = cw.Network(model, cw.Preprocess(3, SIZE))
    clean = network.trace(image).logits.abs().max()
    true = true_logits(network, image, image * 0 + 0.05, COVERS)
    assert clean > 3 * np.abs(true).min(1).max()
    found, _ = answered(Incremental(network, image, [EVERY_CLASS]), COVERS, image * 0 + 0.05)
    assert_same(found, true)


# common networks -----------------------------------------------------------------------------------------------------


def _sequential() -> nn.Module:
    body = [
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
    ]
    return nn.Sequential(*body, nn.MaxPool2d(3, 2, ceil_mode=True), nn.Flatten(), nn.Linear(128, CLASSES))


class _Fire(nn.Module):
    def __init__(self):
        super().__init__()
        from torchvision.models.squeezenet import Fire

        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(inplace=True), Fire(8, 4, 6, 6), Fire(12, 4, 6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(12, CLASSES, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


def _depthwise() -> nn.Module:
    from torchvision.models.mobilenetv2 import InvertedResidual

    blocks = [InvertedResidual(8, 8, 1, 3), InvertedResidual(8, 12, 2, 3)]
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, CLASSES)
    )


def _residual() -> nn.Module:
    from torchvision.models.resnet import BasicBlock

    down = nn.Sequential(nn.Conv2d(8, 12, 1, 2, bias=False), nn.BatchNorm2d(12))
    blocks = [BasicBlock(8, 8), BasicBlock(8, 12, 2, down)]
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, CLASSES)
    )


KINDS = {
    "sequential": _sequential,
    "fire": _Fire,
    "depthwise": _depthwise,
    "residual": _residual,
    "residual in place": CASES["BatchNorm and residual"].build,
    "pre-activation": CASES["pre-activation residual"].build,
    "functional": CASES["functional ReLU"].build,
    "reused": CASES["reused ReLU"].build,
    "concatenation": lambda: nn.Sequential(_dense(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(20, CLASSES)),
    "BatchNorm": plain,
    "in training mode": lambda: plain().train(),
}


def _dense() -> nn.Module:
    from torchvision.models.densenet import _DenseBlock

    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), _DenseBlock(3, 8, 2, 4, 0.0))


# what is asked --------------------------------------------------------------------------------------------------------


class Blocks(nn.Module):
    """A residual block, a concatenation, and a block that gives two tensors."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.body, self.relu = nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(inplace=True)
        self.pair, self.mix = Halves(), nn.Conv2d(12, 8, 3, 2, 1)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        x = self.relu(x + self.relu(self.body(x)))
        first, second = self.pair(x)
        x = self.relu(self.mix(torch.cat([first, second, x], 1)))
        return self.head(x.mean((2, 3)))


class Halves(nn.Module):
    def forward(self, x):
        return x[:, :3], x[:, 3:].flip(2)


OBJECTIVES = {
    "score": cw.class_score(2),
    "probability": cw.class_probability(1),
    "difference": cw.class_score(2) - cw.class_score(0),
    "scaled": 3 * cw.class_score(4) + 1,
    "channel": cw.channel("stem.0", 3),
    "channel after a ReLU in place": cw.channel("stem.2", 3),
    "channel of a block": cw.channel("stem", 1),
    "channel of a repeat": cw.channel("relu_1", 2),
    "channel of a part": cw.channel("pair[1]", 2),
    "neuron": cw.neuron("mix", 3, 2, 5),
    "neuron in the middle": cw.neuron("body", 2),
    "neuron in a corner": cw.neuron("mix", 0, 0, 0),
    "direction": cw.direction("mix", [1, -1, 2, 0.5, 0, 0, 0, 1]),
    "score and channel": cw.class_score(2) * cw.channel("mix", 1),
    "head": cw.neuron("head", 3),
    "strongest of a layer": cw.Objective(
        lambda trace: trace["body"].amax((1, 2, 3)), ("body",), "strongest", logits=False
    ),
    "two layers": cw.Objective(
        lambda trace: trace["body"].std((1, 2, 3)) + trace["mix"].abs().sum((1, 2, 3)), ("mix", "body"), logits=False
    ),
    "output": cw.Objective(lambda trace: trace.output.logsumexp(1), name="output"),
    "several classes": cw.Objective(lambda trace: trace.logits[:, 1:3].sum(1), classes=(1, 2)),
    "two hundred pixels": cw.Objective(lambda trace: trace["stem.0"].flatten(1)[:, 200], ("stem.0",), logits=False),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_has_the_value_of_a_pass_of_its_own(name):
    network, objective = network_around(seeded(Blocks)), OBJECTIVES[name]
    asking = Incremental(network, IMAGE, [objective])
    found = list(asking.answers(COVERS, FILL))
    scores = np.zeros(len(COVERS))
    for answer in found:
        scores[answer.places] = answer.scores[0].double().numpy()
    true = true_scores(network, IMAGE, FILL, COVERS, objective)
    assert_same(scores, true)
    assert_same(asking.clean[0].double().numpy(), network.ask(IMAGE, objective)[1][0].double().numpy())
    assert len(np.unique(true.round(6))) > 1


def test_several_objectives_are_answered_at_once():
    network, asked = network_around(seeded(Blocks)), list(OBJECTIVES.values())
    found = answered(Incremental(network, IMAGE, asked), COVERS, FILL)[1]
    for objective, scores in zip(asked, found, strict=True):
        assert_same(scores, true_scores(network, IMAGE, FILL, COVERS, objective))


def test_the_layers_that_objectives_name_are_there_whole():
    network = network_around(seeded(Blocks))
    names = ("stem", "relu", "pair[1]", "mix", "head")
    objective = cw.Objective(lambda trace: trace["mix"].sum((1, 2, 3)), names, logits=False)
    answers = list(Incremental(network, IMAGE, [objective]).answers(COVERS, FILL))
    true = one_by_one(network, IMAGE, FILL, COVERS, *names)
    for answer in answers:
        for row, place in enumerate(answer.places):
            for name in names:
                assert_same(answer.trace[name][row].double().numpy(), true[place][name][0].double().numpy())


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_every_layer_of_common_networks_is_there_whole(name, warm):
    """Alone and together: what is merged with what depends on which are asked for."""
    network = network_around(seeded(KINDS[name]))
    names = [layer.name for layer in network.layers]
    covers = boxes(SIZE, (0, 0, 1, 1), (4, 9, 8, 12), (13, 11, 16, 16), (0, 0, 16, 16))
    true = one_by_one(network, IMAGE, FILL, covers, *names)
    for asked in (names, *([each] for each in names)):
        objective = cw.Objective(lambda trace: trace.logits[:, 0], tuple(asked))
        asking = Incremental(network, IMAGE, [objective])
        for each in asked:
            assert_same(asking.trace[each].double().numpy(), network.trace(IMAGE, each)[each].double().numpy())
        if warm:
            warmed(asking, FILL)
        for answer in list(asking.answers(covers, FILL)):
            for row, place in enumerate(answer.places):
                for each in asked:
                    assert_same(answer.trace[each][row].double().numpy(), true[place][each][0].double().numpy())


def test_an_objective_on_a_layer_that_is_not_there_is_refused():
    network = network_around(seeded(Blocks))
    with pytest.raises(cw.LayerError, match="no layer 'steem'"):
        Incremental(network, IMAGE, [cw.channel("steem", 0)])


def test_a_layer_of_a_network_that_goes_on_to_fail_can_be_asked_about():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.broken = nn.Conv2d(3, 4, 3), False

        def forward(self, x):
            x = self.conv(x)
            if self.broken:
                raise ZeroDivisionError("on purpose")
            return x.mean((2, 3))

    model = Fails()
    network = network_around(model)
    assert network.layers
    model.broken = True
    found = list(Incremental(network, IMAGE, [cw.channel("conv", 1)]).answers(COVERS, FILL))
    scores = np.concatenate([answer.scores[0].numpy() for answer in found])
    true = [painted(IMAGE, FILL, COVERS, int(p)) for answer in found for p in answer.places]
    expected = [float(network.trace(each, "conv", logits=False)["conv"][:, 1].mean()) for each in true]
    assert_same(scores, np.array(expected))


def test_scores_picked_out_of_the_output_are_those_of_the_user_s_function():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, CLASSES)

        def forward(self, x):
            x = F.relu(self.conv(x)).mean((2, 3))
            return {"wrong": x, "right": [self.head(x), self.head(x) * 2]}

    network = network_around(seeded(Two), output=lambda y: y["right"][1].softmax(1))
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    objective = cw.Objective(lambda trace: trace.output["wrong"][:, 2], name="wrong")
    scores = answered(Incremental(network, IMAGE, [objective]), COVERS, FILL)[1][0]
    assert_same(scores, true_scores(network, IMAGE, FILL, COVERS, objective))


def test_a_network_that_segments_is_answered_at_every_pixel():
    class Segments(nn.Module):
        """A small U-Net."""

        def __init__(self):
            super().__init__()
            self.down, self.mid = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
            self.up, self.last = nn.ConvTranspose2d(8, 6, 2, 2), nn.Conv2d(12, CLASSES, 1)

        def forward(self, x):
            first = F.relu(self.down(x))
            deep = F.relu(self.mid(F.max_pool2d(first, 2)))
            out = self.last(torch.cat([first, self.up(deep)], 1))
            return {"out": F.interpolate(out, x.shape[2:], mode="bilinear")}

    network = network_around(seeded(Segments))
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    mask = np.zeros(SIZE, bool)
    mask[3:7, 8:] = True
    for objective in (cw.pixel_score(2, mask), cw.class_score(1)):
        scores = answered(Incremental(network, IMAGE, [objective]), COVERS, FILL)[1][0]
        assert_same(scores, true_scores(network, IMAGE, FILL, COVERS, objective))


def test_a_network_that_detects_is_answered():
    class Detects(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 3, 1)

        def forward(self, x):
            scores = self.head(F.relu(self.conv(x))).sigmoid().flatten(2)
            return [
                {"boxes": torch.eye(4)[:3] + 2, "scores": each.amax(1), "labels": torch.arange(3)} for each in scores
            ]

    network = network_around(seeded(Detects))
    objective = cw.box_score(1, 1)
    scores = answered(Incremental(network, IMAGE, [objective]), COVERS, FILL)[1][0]
    assert_same(scores, true_scores(network, IMAGE, FILL, COVERS, objective))


# networks and pictures of other kinds ---------------------------------------------------------------------------------


def test_weights_that_change_between_two_maps_are_noticed():
    model = plain()
    network = network_around(model)
    other = plain()
    torch.manual_seed(9)
    for parameter in other.parameters():
        nn.init.normal_(parameter)

    def in_place():
        with torch.no_grad():
            model[3].weight.mul_(-1).add_(0.1)

    def through_data():
        model[0].weight.data = torch.randn_like(model[0].weight)

    def behind_the_version():
        model[0].weight.data.mul_(-2)
        model[1].bias.data.add_(1)
        model[3].weight.data.mul_(-2)

    def in_place_of_numpy():
        model[0].weight.detach().numpy()[:] *= -0.5
        model[3].weight.detach().numpy()[:] *= -0.5

    def statistics():
        model[1].running_mean.add_(0.5)
        model[1].running_var.mul_(3)

    def replaced():
        model[0].weight = nn.Parameter(torch.randn_like(model[0].weight))

    def module_replaced():
        model[3] = nn.Conv2d(8, 8, 5, 2, 2)

    def options():
        model[3].stride = (1, 1)
        model[3].dilation, model[3].padding = (2, 2), (4, 4)

    def loaded():
        model[3] = nn.Conv2d(8, 8, 3, 2, 1)
        model.load_state_dict(other.state_dict())

    def slope():
        model[4] = nn.LeakyReLU(0.4)

    def forward_replaced():
        model[4].forward = lambda x: x.flip(3)

    assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    changes = (in_place, through_data, behind_the_version, in_place_of_numpy, statistics, replaced, options)
    for change in (*changes, module_replaced, loaded, slope, forward_replaced):
        change()
        assert_incremental_is_right(network, IMAGE, FILL, COVERS, moves=False, warm=True)


def test_weights_that_change_while_a_map_is_under_way_are_taken_all_old_or_all_new():
    model = plain()
    network = network_around(model)
    old = true_logits(network, IMAGE, FILL, COVERS)
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    with torch.no_grad():
        model[0].weight.mul_(-1)
    new = true_logits(network, IMAGE, FILL, COVERS)
    found, _ = answered(asking, COVERS, FILL)
    error = [np.abs(found - each).max() for each in (old, new)]
    assert min(error) < 1e-5 * np.abs(old).max()


CHANGES = {
    "a channel less": lambda a: a * (torch.arange(a.shape[1]) != 3).view(1, -1, 1, 1),
    "less its mean": lambda a: a - a.mean((2, 3), keepdim=True),
    "mirrored": lambda a: a.flip(3),
    "a place less": lambda a: a * (torch.arange(a.shape[3]) != 5),
    "in place": lambda a: a.mul_(-2),
}


@pytest.mark.parametrize("layer", ["0", "1", "3", "4"])
@pytest.mark.parametrize("name", CHANGES)
def test_an_edited_network_is_answered_as_edited(layer, name):
    network = network_around(plain())
    plainly = answered(Incremental(network, IMAGE, [EVERY_CLASS]), COVERS, FILL)[0]
    edited = network.edited(layer, CHANGES[name])
    assert_incremental_is_right(edited, IMAGE, FILL, COVERS, moves=False)
    with network.edit(layer, CHANGES[name]):
        assert_incremental_is_right(network, IMAGE, FILL, COVERS, moves=False)
        assert_incremental_is_right(network.edited("3", torch.abs), IMAGE, FILL, COVERS, moves=False)
    again = assert_incremental_is_right(network, IMAGE, FILL, COVERS)
    assert_same(answered(again, COVERS, FILL)[0], plainly)


def test_an_edit_that_leaves_the_picture_itself_as_it_was_is_obeyed():
    network = network_around(plain())
    ceiling = network.trace(IMAGE, "0")["0"].amax()
    edited = network.edited("0", lambda a: a.clamp(max=ceiling))
    bright = torch.ones_like(FILL)
    assert_same(edited.trace(IMAGE).logits.numpy(), network.trace(IMAGE).logits.numpy())
    plainly, cut = (true_logits(each, IMAGE, bright, COVERS) for each in (network, edited))
    assert np.abs(plainly - cut).max() > 1e-4
    assert_incremental_is_right(edited, IMAGE, bright, COVERS, moves=False)


def test_an_edit_that_begins_or_ends_while_a_map_is_under_way_counts_for_all_or_for_none():
    """And so for the picture itself, since a fall is the difference of both."""
    network = network_around(plain())
    change = CHANGES["a channel less"]
    edited = network.edited("3", change)
    ways = [(each.trace(IMAGE).logits.numpy(), true_logits(each, IMAGE, FILL, COVERS)) for each in (network, edited)]
    with network.edit("3", change):
        inside = Incremental(network, IMAGE, [EVERY_CLASS])
    outside = Incremental(network, IMAGE, [EVERY_CLASS])
    for asking in (inside, outside):
        if asking is inside:
            found, _ = answered(asking, COVERS, FILL)
        else:
            with network.edit("3", change):
                found, _ = answered(asking, COVERS, FILL)
        falls = float(asking.clean[0]) - found[:, 0]
        assert min(np.abs(falls - (clean[:, 0] - true[:, 0])).max() for clean, true in ways) < 1e-5


@pytest.mark.parametrize("size", [(9, 9), (12, 31), (40, 23), (33, 64)])
def test_a_network_of_no_size_takes_pictures_of_any(size):
    network = cw.Network(plain(), cw.Preprocess(3))
    for each in (size, SIZE, size):
        image, fill = random_picture(3, each), random_picture(3, each, seed=4)
        assert_incremental_is_right(network, image, fill, sliding(each, (4, 7), (5, 6)))


def test_two_pictures_of_different_sizes_are_asked_about_in_turns():
    torch.manual_seed(0)
    pools = (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), nn.MaxPool2d(3, 2, ceil_mode=True))
    body = (nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), pools[0], nn.Conv2d(6, 6, 3, padding=1), pools[1])
    model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))
    network = cw.Network(model, cw.Preprocess(3))
    sizes = [(16, 16), (31, 18), (20, 45)]
    fills = [random_picture(3, size, seed=2) for size in sizes]
    asking = [
        warmed(Incremental(network, random_picture(3, size), [EVERY_CLASS]), fill)
        for size, fill in zip(sizes, fills, strict=True)
    ]
    for size, fill, each in zip(sizes, fills, asking, strict=True):
        covers = corners_and_more(size)
        assert_same(answered(each, covers, fill)[0], true_logits(network, random_picture(3, size), fill, covers))


def test_a_picture_of_another_size_than_the_network_s_is_fitted_after_it_was_covered():
    size = (24, 20)
    image, fill = random_picture(3, size), random_picture(3, size, seed=4)
    assert_incremental_is_right(network_around(plain()), image, fill, sliding(size, 6, 5))


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_pictures_of_any_number_of_channels_are_answered(channels):
    torch.manual_seed(0)
    body = (nn.Conv2d(channels, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, 2), nn.ReLU())
    network = cw.Network(nn.Sequential(*body, nn.Flatten(), nn.Linear(216, CLASSES)), cw.Preprocess(channels, SIZE))
    image, fill = random_picture(channels, SIZE), random_picture(channels, SIZE, seed=2)
    assert_incremental_is_right(network, image, fill, COVERS)


@pytest.mark.parametrize("kind", ["double", "channels_last", "sliced", "requires_grad", "expanded"])
def test_pictures_and_fills_lie_in_memory_as_they_like(kind):
    wide = torch.zeros(1, 3, 16, 32)
    wide[..., ::2] = IMAGE
    image = {
        "double": IMAGE.double(),
        "channels_last": IMAGE.contiguous(memory_format=torch.channels_last),
        "sliced": wide[..., ::2],
        "requires_grad": IMAGE.clone().requires_grad_(),
        "expanded": IMAGE[:, :1].expand(1, 3, *SIZE),
    }[kind]
    fill = torch.tensor([0.1, 0.9, 0.4], dtype=image.dtype).view(1, 3, 1, 1).expand(1, 3, *SIZE)
    pixels, version = image.detach().clone(), image._version
    assert_incremental_is_right(network_around(plain()), image, fill, COVERS)
    assert torch.equal(image, pixels)
    assert image._version == version


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_gradient_mode_of_the_caller_changes_nothing(mode):
    network = network_around(plain())
    with mode():
        assert_incremental_is_right(network, IMAGE.clone(), FILL.clone(), COVERS)
    assert_incremental_is_right(network, IMAGE, FILL, COVERS)


def test_a_network_without_a_bound_takes_pictures_and_fills_of_any_value():
    network = network_around(plain()).unbounded()
    assert_incremental_is_right(network, IMAGE * 4 - 2, FILL * 9 - 3, COVERS)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan"), float("inf")])
def test_a_fill_that_is_no_picture_is_refused(value, warm):
    network = network_around(plain())
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    fill = FILL.clone()
    fill[0, 1, 6, 10] = value
    if warm:
        warmed(asking, FILL)
    with pytest.raises(cw.ImageError):
        list(asking.answers(COVERS, fill))


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("size", [(20, 20), (16, 12), (8, 8)])
def test_covers_of_another_picture_are_refused(size, warm):
    asking = Incremental(network_around(plain()), IMAGE, [EVERY_CLASS])
    if warm:
        warmed(asking, FILL)
    with pytest.raises(cw.ImageError):
        list(asking.answers(sliding(size, 5, 3), FILL))


@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan"), float("inf")])
def test_a_picture_that_is_none_is_refused(value):
    image = IMAGE.clone()
    image[0, 1, 8, 8] = value
    with pytest.raises(cw.ImageError):
        Incremental(network_around(plain()), image, [EVERY_CLASS])


# covers ---------------------------------------------------------------------------------------------------------------

MASK = np.arange(30).reshape(5, 6) % 3 != 1
EVERY_SHAPE = {
    "squares": sliding(SIZE, 5, 3),
    "windows of one pixel": sliding(SIZE, 1, 5),
    "the whole picture": sliding(SIZE, 16, 4),
    "not square": sliding(SIZE, (3, 9), (2, 5)),
    "far apart": sliding(SIZE, 2, 7),
    "circles": sliding(SIZE, (6, 5), 4, "circle"),
    "a mask": sliding(SIZE, 1, 4, MASK),
    "a mask of one pixel": sliding(SIZE, 1, 6, np.ones((1, 1), bool)),
    "a brush": placed(SIZE, MASK, 4, 7),
    "a brush over the edge": placed(SIZE, MASK, -2, 13),
    "segments": segments(np.add.outer(np.arange(16) // 5, np.arange(16) // 3 * 4)),
    "scattered segments": segments(np.random.default_rng(0).integers(-1, 5, SIZE)),
}


@pytest.mark.parametrize("name", EVERY_SHAPE)
def test_covers_of_every_shape_are_answered(name):
    covers = EVERY_SHAPE[name]
    for model in (plain(), seeded(Blocks)):
        assert_incremental_is_right(network_around(model), IMAGE, FILL, covers)


@pytest.mark.parametrize("name", EVERY_SHAPE)
def test_a_covered_picture_is_the_picture_with_some_pixels_of_the_fill(name):
    covers = EVERY_SHAPE[name]
    made = covered(IMAGE, FILL, covers, range(len(covers)))
    for place in range(len(covers)):
        assert torch.equal(made[place : place + 1], painted(IMAGE, FILL, covers, place))


def test_some_places_are_answered_in_any_order_and_again():
    network = network_around(plain())
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    true = true_logits(network, IMAGE, FILL, COVERS)
    for chosen in ([7], [12, 3, 0], list(range(len(COVERS)))[::-1], np.array([5, 1]), [0]):
        assert_same(answered(asking, COVERS, FILL, np.asarray(chosen))[0], true[chosen])


def test_no_place_at_all_gives_no_answer():
    asking = Incremental(network_around(plain()), IMAGE, [EVERY_CLASS])
    assert list(asking.answers(COVERS, FILL, np.array([], np.int64))) == []


def test_one_picture_may_be_asked_about_with_many_covers_and_fills():
    network = network_around(seeded(Blocks))
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    for seed, covers in enumerate((*EVERY_SHAPE.values(), EVERY_SHAPE["squares"])):
        fill = random_picture(3, SIZE, seed=seed + 10)
        assert_same(answered(asking, covers, fill)[0], true_logits(network, IMAGE, fill, covers))


def test_two_maps_take_turns():
    """As when a cover is dragged while a map is under way."""
    network = network_around(seeded(Blocks))
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    others = sliding(SIZE, 7, 1)
    under_way, found = asking.answers(others, FILL), []
    for answer in under_way:
        found.append(answer)
        place = placed(SIZE, MASK, len(found), 2)
        dragged = answered(asking, place, 1 - FILL)[0]
        assert_same(dragged, true_logits(network, IMAGE, 1 - FILL, place))
    logits = np.zeros((len(others), CLASSES))
    for answer in found:
        logits[answer.places] = answer.trace.logits.numpy()
    assert len(found) > 1
    assert_same(logits, true_logits(network, IMAGE, FILL, others))


def test_a_map_can_be_left_at_any_answer():
    network = network_around(seeded(Blocks))
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    many = sliding(SIZE, 7, 1)
    for count in range(1, 5):
        answers = iter(asking.answers(many, FILL))
        for _ in range(count):
            next(answers, None)
        if hasattr(answers, "close"):
            answers.close()
    assert_same(answered(asking, COVERS, FILL)[0], true_logits(network, IMAGE, FILL, COVERS))


# what stays as it was -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [plain, lambda: seeded(Blocks)], ids=["sequential", "blocks"])
def test_module_hooks_modes_and_random_state_stay_as_they_were(build):
    model = build().train()
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index % 2 == 0)
        parameter.grad = torch.full_like(parameter, 3.0) if index % 4 == 0 else None
    seen = []
    first = next(part for part in model.modules() if isinstance(part, nn.Conv2d))
    first.register_forward_hook(lambda *given: seen.append(1))
    before, image, fill = fingerprint(model), IMAGE.clone(), FILL.clone()
    asking = Incremental(network_around(model), image, [EVERY_CLASS])
    answers = asking.answers(COVERS, fill)
    next(iter(answers))
    assert fingerprint(model) == before, "between two answers too"
    list(answers)
    assert fingerprint(model) == before
    assert torch.equal(image, IMAGE)
    assert torch.equal(fill, FILL)


def test_an_error_of_the_network_s_own_leaves_it_as_it_was():
    model = plain().train()
    network = network_around(model)
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    true = true_logits(network, IMAGE, FILL, COVERS)

    def fail(module, args):
        raise ZeroDivisionError("on purpose")

    with model[7].register_forward_pre_hook(fail):
        before = fingerprint(model)
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            Incremental(network, IMAGE, [EVERY_CLASS])
        assert fingerprint(model) == before
    assert_same(answered(asking, COVERS, FILL)[0], true)


def test_threads_that_share_a_network_get_the_answers_of_one():
    network = network_around(seeded(Blocks))
    pictures = [random_picture(3, SIZE, seed=seed) for seed in range(4)]
    true = [true_logits(network, picture, FILL, COVERS) for picture in pictures]
    found: list[list[np.ndarray]] = [[] for _ in pictures]

    def work(index):
        for _ in range(4):
            found[index].append(answered(Incremental(network, pictures[index], [EVERY_CLASS]), COVERS, FILL)[0])

    _together(work, len(pictures))
    for answers, right in zip(found, true, strict=True):
        assert len(answers) == 4
        for answer in answers:
            assert_same(answer, right)


def test_threads_that_share_a_picture_get_the_answers_of_one():
    network = network_around(seeded(Blocks))
    asking = Incremental(network, IMAGE, [EVERY_CLASS])
    fills = [random_picture(3, SIZE, seed=seed) for seed in range(4)]
    true = [true_logits(network, IMAGE, fill, COVERS) for fill in fills]
    found: list[list[np.ndarray]] = [[] for _ in fills]

    def work(index):
        for _ in range(4):
            found[index].append(answered(asking, COVERS, fills[index])[0])

    _together(work, len(fills))
    for answers, right in zip(found, true, strict=True):
        assert len(answers) == 4
        for answer in answers:
            assert_same(answer, right)


def test_an_edited_network_in_another_thread_is_not_seen():
    network = network_around(seeded(Blocks))
    edited = network.edited("body", torch.zeros_like)
    true = [true_logits(each, IMAGE, FILL, COVERS) for each in (network, edited)]
    found: list[list[np.ndarray]] = [[], []]

    def work(index):
        for _ in range(6):
            asking = Incremental((network, edited)[index], IMAGE, [EVERY_CLASS])
            found[index].append(answered(asking, COVERS, FILL)[0])

    _together(work, 2)
    for answers, right in zip(found, true, strict=True):
        assert len(answers) == 6
        for answer in answers:
            assert_same(answer, right)


def _together(work, count):
    workers = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)


def test_a_hundred_maps_leave_no_hook_tensor_or_thread():
    model = seeded(Blocks)
    network = network_around(model)

    def ask():
        asking = Incremental(network, IMAGE, [EVERY_CLASS])
        next(iter(asking.answers(COVERS, FILL)))
        list(asking.answers(COVERS, FILL))

    for _ in range(3):
        ask()
    tensors, *rest = _census(model)
    for _ in range(100):
        ask()
    after, *rest_after = _census(model)
    assert after <= tensors
    assert rest_after == rest


def _census(model):
    gc.collect()
    alive = [each for each in gc.get_objects() if type(each) in (torch.Tensor, nn.Parameter)]
    return len(alive), sum(len(part._forward_hooks) for part in model.modules()), threading.active_count()


def test_asking_the_same_again_gives_the_same_bits():
    network = network_around(seeded(Blocks))
    first = answered(Incremental(network, IMAGE, [EVERY_CLASS]), COVERS, FILL)[0]
    for _ in range(3):
        np.testing.assert_array_equal(answered(Incremental(network, IMAGE, [EVERY_CLASS]), COVERS, FILL)[0], first)


def test_half_a_precision_is_near():
    network = network_around(plain())
    true = true_logits(network, IMAGE, FILL, COVERS)
    found, _ = answered(Incremental(network, IMAGE, [EVERY_CLASS], precision="bfloat16"), COVERS, FILL)
    assert_same(found, true, 5e-2)


def test_a_precision_that_there_is_not_is_refused():
    with pytest.raises((cw.CnnvisError, ValueError), match="float32"):
        Incremental(network_around(plain()), IMAGE, [EVERY_CLASS], precision="float8")


# not whole: only what a cover reaches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_a_network_of_a_common_kind_is_answered_in_part(name):
    model = seeded(KINDS[name])
    if name == "in training mode":
        model.train()
    assert assert_incremental_is_right(network_around(model), IMAGE, FILL, COVERS).why_whole == ""


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18", "vgg11", "mobilenet_v2", "densenet121", "googlenet"])
def test_a_network_of_torchvision_is_answered_in_part(name):
    network = cw.load(name, None, num_classes=6)
    size = (75, 64)
    network = cw.Network(network.model, cw.Preprocess(3, size))
    asking = Incremental(network, random_picture(3, size), [EVERY_CLASS])
    assert asking.why_whole == ""


def test_googlenet_that_takes_other_inputs_is_answered_in_part():
    import torchvision

    model = torchvision.models.googlenet(
        weights=None, transform_input=True, aux_logits=True, init_weights=False, num_classes=6
    )
    network = cw.Network(model.eval(), cw.Preprocess(3, (64, 64)))
    image, fill = random_picture(3, (64, 64)), random_picture(3, (64, 64), seed=2)
    covers = boxes((64, 64), (0, 40, 20, 64), (30, 0, 64, 33))
    assert assert_incremental_is_right(network, image, fill, covers, moves=False).why_whole == ""


@pytest.mark.parametrize("objective", ["score", "channel", "channel of a repeat", "neuron"])
def test_a_question_about_a_layer_is_answered_in_part(objective):
    class Simple(Blocks):
        def forward(self, x):
            x = self.stem(x)
            x = self.relu(x + self.relu(self.body(x)))
            return self.head(self.relu(self.mix(torch.cat([x, x], 1))).mean((2, 3)))

    assert Incremental(network_around(seeded(Simple)), IMAGE, [OBJECTIVES[objective]]).why_whole == ""


class Counted(TorchDispatchMode):
    """The multiply-adds of every convolution, by whatever name, that is computed while it is on."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        name, weight = func.name(), args[1] if len(args) > 1 else None
        if "conv" in name and "weight" not in name and isinstance(weight, torch.Tensor):
            self.count += made.numel() * int(np.prod(weight.shape[1:]))
        return made


def test_a_small_cover_costs_less_than_the_whole_picture():
    torch.manual_seed(0)
    body = [part for _ in range(4) for part in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(inplace=True))]
    size = (64, 64)
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES)
    )
    network = cw.Network(model, cw.Preprocess(3, size))
    image, fill, covers = random_picture(3, size), random_picture(3, size, seed=2), sliding(size, 8, 14)
    with Counted() as whole:
        network.trace(image)
    asking = warmed(Incremental(network, image, [EVERY_CLASS]), fill)
    with Counted() as part:
        list(asking.answers(covers, fill))
    reach = ((8 + 2 * 5) / 64) ** 2  # a cover of 8 pixels, seen by five filters of three
    assert 0 < part.count < 1.2 * reach * len(covers) * whole.count


def test_why_a_network_is_answered_whole_is_said_in_a_sentence():
    for name in ("branches", "through numpy", "a row chosen"):
        asking = Incremental(network_around(ADVERSARIES[name].build()), IMAGE, [EVERY_CLASS])
        assert len(asking.why_whole.split()) > 2


# plans that are kept --------------------------------------------------------------------------------------------------


FINE = sliding(SIZE, 5, 2)  # as many as are worth it


def answer_to(network, covers, size=SIZE, seed=1, **options):
    """The scores of all places, by parts and by the network itself."""
    image, fill = random_picture(3, size, seed), random_picture(3, size, seed=2)
    found, _ = answered(Incremental(network, image, [EVERY_CLASS], **options), covers, fill)
    return found, true_logits(network, image, fill, covers)


def test_what_was_found_about_covers_serves_the_next_picture():
    network = network_around(plain())
    for seed in (1, 2, 3):
        assert_same(*answer_to(network, sliding(SIZE, 5, 2), seed=seed))
    (flow,) = (each for key, each in network._flows.items() if key != "state")
    assert len(flow.prospects) == 1


@pytest.mark.parametrize("other", ["places", "size", "reach"])
def test_a_plan_serves_only_what_it_was_made_for(other):
    network = cw.Network(plain(), cw.Preprocess(3))
    answer_to(network, FINE)
    if other == "places":
        assert_same(*answer_to(network, boxes(SIZE, *FINE.boxes[::-1].tolist())))
    elif other == "size":
        size = (SIZE[0] + 9, SIZE[1] + 5)
        assert_same(*answer_to(network, boxes(size, *FINE.boxes.tolist()), size))
    else:
        near, true = answer_to(network, FINE, limit=0.2)
        assert np.abs(near - true).max() > 1e-3  # what is farther off is left out
        assert_same(*answer_to(network, FINE, seed=3))
