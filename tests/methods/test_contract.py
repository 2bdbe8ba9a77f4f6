"""What every method keeps, on every small network. A new method is one line in METHODS."""

from __future__ import annotations

import contextlib
import gc
import re
import threading

import numpy as np
import pytest
import torch
from methods.nets import CASES, CLASSES, fingerprint, module_of, network_of, pictures_for
from torch import nn

import cnnvis_widgets as cw


def _read_at(method, **options):
    """A method that reads a layer, for class 2."""
    return lambda network, images, layer: _finished(method(network, images, 2, layer=layer, **options))


def _at_pixels(method, **options):
    """A method that leads to the pixels, for class 2."""
    return lambda network, images, layer: _finished(method(network, images, 2, **options))


def _finished(made):
    return made.result() if isinstance(made, cw.Steps) else made


def _painted(method, **options):
    """A method that paints a picture for each one given; pixels and score, since no scale of the network shows in the pixels."""
    return lambda network, images, layer: np.concatenate(
        [_pixels_and_scores(method(network, image, layer, **options)) for image in images]
    )


def _climbed(method, asked):
    """A method that climbs from each picture, all at once."""
    brief = cw.Recipe(cw.Pixels(), cw.Transforms(), optimizer=cw.Plain(0.05), steps=2)
    return lambda network, images, layer: _pixels_and_scores(
        method(network, [asked(layer)] * len(images), recipe=brief, start=images)
    )


def _pixels_and_scores(steps):
    made = steps.result()
    return np.concatenate([made.images.reshape(len(made), -1), made.scores[:, None]], 1)


def _studied(network, images, layer):
    """A study whose reference is each picture in turn."""
    grid, options = {"jitter": (2,)}, {"steps": 2, "seeds": 1, "size": tuple(images.shape[2:])}
    return np.stack(
        [
            cw.regularization_study(network, layer, [2], grid, references={2: image}, **options)
            .result()
            .distances[:, 0, 0]
            for image in images
        ]
    )


METHODS = {
    "activation_maximization": _climbed(cw.activation_maximization, lambda layer: cw.channel(layer, 2)),
    "activation_maps": cw.activation_maps,
    "ablation_cam": _read_at(cw.ablation_cam, batch=3),
    "caricature": _painted(cw.caricature, recipe=cw.Recipe(cw.Fourier(), cw.Transforms(jitter=2), steps=2)),
    "class_maximization": _climbed(cw.class_maximization, lambda layer: 2),
    "deconvnet": _at_pixels(cw.deconvnet),
    "deconvnet of a unit": lambda network, images, layer: cw.deconvnet(network, images, unit=f"{layer}:2"),
    "deepdream": _painted(cw.deepdream, steps=2, octaves=2, jitter=3),
    "eigen_cam": _read_at(cw.eigen_cam),
    "feature_inversion": _painted(cw.feature_inversion, recipe=cw.Recipe(cw.Pixels(), cw.Transforms(), steps=2)),
    "grad_cam_plus_plus": _read_at(cw.grad_cam_plus_plus),
    "guided_backprop": _at_pixels(cw.guided_backprop),
    "guided_grad_cam": _read_at(cw.guided_grad_cam),
    "hires_cam": _read_at(cw.hires_cam),
    "input_x_gradient": _at_pixels(cw.input_x_gradient),
    "integrated_gradients": _at_pixels(cw.integrated_gradients, steps=4, batch=3),
    "layer_cam": _read_at(cw.layer_cam),
    "occlusion": _at_pixels(cw.occlusion, window=8, stride=6),
    "occlusion, circles on noise": _at_pixels(cw.occlusion, window=(6, 9), stride=8, shape="circle", fill="noise"),
    "perceptual_distance": lambda network, images, layer: cw.perceptual_distance(
        images, torch.full_like(images[:1], 0.5), backbone=network
    ),
    "regularization_study": _studied,
    "rise": _at_pixels(cw.rise, masks=6, cells=3, batch=4),
    "saliency": _at_pixels(cw.saliency),
    "saliency, signed": _at_pixels(cw.saliency, signed=True),
    "score_cam": _read_at(cw.score_cam, batch=3),
    "smooth_grad": _at_pixels(cw.smooth_grad, samples=4, batch=3),
    "smooth_grad of grad_cam": lambda network, images, layer: _finished(
        cw.smooth_grad(network, images, 2, of=lambda *asked: cw.grad_cam(*asked, layer=layer), samples=2)
    ),
    "sensitivity_to": lambda network, images, layer: cw.sensitivity_to(network, images, 2, windows=(3, 8)),
    "unit_occlusion": _read_at(cw.unit_occlusion, batch=3),
    "xgrad_cam": _read_at(cw.xgrad_cam),
    "grad_cam": lambda network, images, layer: cw.grad_cam(network, images, 2, layer=layer),
    "grad_cam of the top class": lambda network, images, layer: cw.grad_cam(network, images, layer=layer),
    "grad_cam of each": lambda network, images, layer: cw.grad_cam(network, images, [3] * len(images), layer=layer),
    "predict": lambda network, images, layer: network.predict(images),
    "survey": lambda network, images, layer: network.survey(images, lambda _, a: a.sum((1,)), [layer])[0][
        layer
    ].numpy(),
    "gradient of the image": lambda network, images, layer: _saliency(network, images),
}
# These look at the weights alone: no pictures, so no batch.
WEIGHTS_ONLY = {"filters": lambda network, images, layer: cw.filters(network, _convolution(network))}
EVERY = METHODS | WEIGHTS_ONLY
MAY_STOP_AT_THE_LAYER = [
    METHODS[name]
    for name in (
        *("activation_maps", "deconvnet of a unit", "eigen_cam"),
        *("activation_maximization", "caricature", "deepdream", "feature_inversion"),
        *("perceptual_distance", "regularization_study"),
    )
]


def _saliency(network, images):
    trace = network.trace(images, wrt="image")
    return trace.gradient(cw.class_score(1)(trace), "image").numpy()


def _convolution(network):
    return next(layer.name for layer in network.layers if layer.kind == "Conv2d")


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def method(request):
    return request.param


@pytest.fixture(params=METHODS.values(), ids=METHODS.keys())
def picture_method(request):
    return request.param


def test_a_module_in_training_mode_with_frozen_parameters_and_gradients_stays_as_it_was(method, case):
    model, images = module_of(case).train(), pictures_for(case)
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index % 2 == 0)
        parameter.grad = torch.full_like(parameter, 3.0) if index % 4 == 0 else None
    before, pixels, version = fingerprint(model), images.clone(), images._version
    method(network_of(case, model), images, case.layer)
    assert fingerprint(model) == before
    assert torch.equal(images, pixels)
    assert images._version == version
    assert not images.requires_grad


def test_a_picture_in_any_layout_of_memory_is_left_as_it_was(picture_method, case):
    plain = pictures_for(case)
    expected = np.asarray(picture_method(network_of(case), plain, case.layer))
    wide = torch.zeros(*plain.shape[:3], 2 * plain.shape[3])
    wide[..., ::2] = plain
    for images in (plain.contiguous(memory_format=torch.channels_last), wide[..., ::2], plain.clone().requires_grad_()):
        version = images._version
        found = np.asarray(picture_method(network_of(case), images, case.layer))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert images._version == version
        assert torch.equal(images, plain)
        assert images.grad is None


def test_every_parameter_may_be_frozen(method, case):
    model = module_of(case)
    expected = np.asarray(method(network_of(case, model), pictures_for(case), case.layer))
    model.requires_grad_(requires_grad=False)
    np.testing.assert_array_equal(np.asarray(method(network_of(case, model), pictures_for(case), case.layer)), expected)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_gradient_mode_of_the_caller_changes_nothing(method, case, mode):
    expected = np.asarray(method(network_of(case), pictures_for(case), case.layer))
    network = network_of(case)
    with mode():
        images = pictures_for(case)
        found = np.asarray(method(network, images, case.layer))
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    np.testing.assert_array_equal(found, expected)


def test_hooks_of_the_user_are_called_and_obeyed_and_none_of_ours_stay(picture_method, case):
    model, calls = module_of(case), []
    part = dict(model.named_modules())[case.layer]
    with (
        part.register_forward_hook(lambda module, args, output: calls.append("after") or output * 2 + 0.5),
        part.register_forward_pre_hook(lambda module, args: calls.append("before")),
    ):
        before = fingerprint(model)
        hooked = np.asarray(picture_method(network_of(case, model), pictures_for(case), case.layer))
        assert fingerprint(model) == before
        assert {"before", "after"} <= set(calls)
    plain = np.asarray(picture_method(network_of(case, model), pictures_for(case), case.layer))
    assert not np.allclose(hooked, plain)


@pytest.mark.parametrize("place", ["head", "layer"])
def test_an_error_within_the_forward_leaves_nothing_behind(picture_method, case, place):
    model = module_of(case).train()
    network = network_of(case, model)
    assert network.layers
    last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
    failing = last if place == "head" else dict(model.named_modules())[case.layer]
    expected = picture_method(network, pictures_for(case), case.layer)

    def fail(module, args):
        raise ZeroDivisionError("on purpose")

    # The hook of the failing module is the user's own: it has to be there before and after.
    with failing.register_forward_pre_hook(fail):
        before = fingerprint(model)
        if place == "head" and picture_method in MAY_STOP_AT_THE_LAYER:
            with contextlib.suppress(ZeroDivisionError):
                picture_method(network, pictures_for(case), case.layer)
        else:
            with pytest.raises(ZeroDivisionError, match="on purpose"):
                picture_method(network, pictures_for(case), case.layer)
        assert fingerprint(model) == before
    found = picture_method(network, pictures_for(case), case.layer)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_a_network_that_never_runs_leaves_nothing_behind_and_says_so(case):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = module_of(case)

        def forward(self, x):
            self.inner(x)
            raise ZeroDivisionError("on purpose")

    model = Broken().train()
    before = fingerprint(model)
    with pytest.raises(cw.ModelError, match=r"does not run on a picture of \d channels.*on purpose"):
        _ = network_of(case, model).layers
    assert fingerprint(model) == before


def test_the_same_request_gives_the_same_bits(method, case):
    torch.manual_seed(5)
    first = np.asarray(method(network_of(case), pictures_for(case), case.layer))
    torch.manual_seed(6)
    np.testing.assert_array_equal(np.asarray(method(network_of(case), pictures_for(case), case.layer)), first)


def test_a_batch_equals_a_loop(picture_method, case):
    network, images = network_of(case), pictures_for(case, count=5)
    together = np.asarray(picture_method(network, images, case.layer))
    one_by_one = [np.asarray(picture_method(network, images[i : i + 1], case.layer)) for i in range(5)]
    np.testing.assert_allclose(together, np.concatenate(one_by_one), atol=2e-6)


def test_an_unknown_layer_is_refused_naming_those_most_like_it(case):
    network, images = network_of(case), pictures_for(case)
    typo = case.layer + "x"
    for ask in (
        cw.activation_maps,
        lambda *given: cw.grad_cam(*given[:2], layer=given[2]),
        lambda n, _, name: cw.filters(n, name),
    ):
        with pytest.raises(
            cw.LayerError, match=rf"no layer {re.escape(repr(typo))}\. (Did you mean|It has) "
        ) as caught:
            ask(network, images, typo)
        assert repr(case.layer) in str(caught.value)
        assert isinstance(caught.value, LookupError)


def test_a_class_that_does_not_exist_is_refused_naming_the_range(case):
    with pytest.raises(cw.TargetError, match=rf"{CLASSES} classes, 0–{CLASSES - 1}; {CLASSES} is not one"):
        cw.grad_cam(network_of(case), pictures_for(case), CLASSES, layer=case.layer)


def test_threads_that_share_a_network_get_the_answers_of_one(picture_method, case):
    network = network_of(case)
    batches = [pictures_for(case, seed=seed) for seed in range(4)]
    expected = [np.asarray(picture_method(network, images, case.layer)) for images in batches]
    found: list[list] = [[] for _ in batches]

    def work(index):
        found[index] = [np.asarray(picture_method(network, batches[index], case.layer)) for _ in range(5)]

    workers = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    for answers, right in zip(found, expected, strict=True):
        assert len(answers) == 5
        for answer in answers:
            np.testing.assert_allclose(answer, right, atol=2e-6)


def test_two_hundred_calls_leave_no_hook_tensor_or_thread(method):
    case = CASES["BatchNorm and residual"]
    model, images = module_of(case), pictures_for(case, count=1)
    network = network_of(case, model)
    for _ in range(3):
        method(network, images, case.layer)
    tensors, *rest = _census(model)
    for _ in range(200):
        method(network, images, case.layer)
    after, *rest_after = _census(model)
    assert after <= tensors  # what an exception held may be gone by now
    assert rest_after == rest


def _census(model):
    gc.collect()
    alive = [each for each in gc.get_objects() if type(each) in (torch.Tensor, nn.Parameter)]
    return len(alive), sum(len(part._forward_hooks) for part in model.modules()), threading.active_count()
