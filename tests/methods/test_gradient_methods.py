"""Methods that lead to the pixels: by their papers' definitions, and equal to Captum where Captum is right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from methods.nets import CASES, module_of, network_of, normalized, pictures_for
from methods.references import REAL, Whole, real_network, reference_gradient
from torch import nn

import cnnvis_widgets as cw


@pytest.fixture(scope="module", params=REAL)
def real(request, shared_data):
    return real_network(request.param, shared_data)


def close(found, expected, tolerance=2e-6):
    expected = np.asarray(expected.detach() if isinstance(expected, torch.Tensor) else expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=tolerance * np.abs(expected).max())


def asking(images):
    """A copy whose gradient Captum may take."""
    return images.clone().requires_grad_()


# against Captum, on real weights and photos -------------------------------------------------------------------------


def test_saliency_equals_captum(real):
    attr = pytest.importorskip("captum.attr")
    network, images, _, targets = real
    expected = attr.Saliency(Whole(network)).attribute(asking(images), target=torch.tensor(targets), abs=False)
    signed = cw.saliency(network, images, targets, signed=True)
    close(signed.channels, expected)
    close(signed.values, expected.sum(1))
    close(cw.saliency(network, images, targets).values, expected.abs().amax(1))


def test_input_x_gradient_equals_captum(real):
    attr = pytest.importorskip("captum.attr")
    network, images, _, targets = real
    expected = attr.InputXGradient(Whole(network)).attribute(asking(images), target=torch.tensor(targets))
    found = cw.input_x_gradient(network, images, targets)
    close(found.channels, expected)
    close(found.values, expected.sum(1))


@pytest.mark.parametrize(
    ("name", "baseline"), [("squeezenet1_1", "mean"), ("mobilenet_v2", "black"), ("resnet20", 0.3), ("resnet20", "black")]
)
def test_integrated_gradients_equal_captum(name, baseline, shared_data):
    attr = pytest.importorskip("captum.attr")
    network, images, _, targets = real_network(name, shared_data)
    levels = {"black": (0.0,) * 3, "mean": network.preprocess.mean}.get(baseline, (0.3,) * 3)
    start = images.new_tensor(levels).view(1, 3, 1, 1)
    expected, error = attr.IntegratedGradients(Whole(network)).attribute(
        images[:1].clone().requires_grad_(),
        start.expand_as(images[:1]),
        target=targets[0],
        n_steps=10,
        method="gausslegendre",
        internal_batch_size=5,
        return_convergence_delta=True,
    )
    found = cw.integrated_gradients(network, images[:1], targets[0], baseline=baseline, steps=10).result()
    close(found.channels, expected)
    np.testing.assert_allclose(found.completeness_error, error.detach(), rtol=1e-3)


def test_smooth_grad_equals_captum_with_the_same_noise(real, monkeypatch):
    attr = pytest.importorskip("captum.attr")
    network, images, _, targets = real
    noise = torch.randn(4, *images.shape[1:], generator=torch.Generator().manual_seed(9)) * 0.1
    monkeypatch.setattr(torch, "normal", lambda mean, std: mean + noise.to(std))
    tunnel = attr.NoiseTunnel(attr.Saliency(Whole(network)))
    for picture, target in enumerate(targets[:1]):
        options = {"nt_type": "smoothgrad", "nt_samples": 4, "stdevs": 0.1, "abs": False}
        expected = tunnel.attribute(asking(images[picture : picture + 1]), target=target, **options)
        found = cw.smooth_grad(network, images[picture : picture + 1], target, samples=4, noise=0.1, seed=9).result()
        close(found.channels, expected)


SWITCHED = ("squeezenet1_1", "resnet20")  # MobileNet's ReLU6 is not seen by Captum: see below


@pytest.mark.parametrize("name", SWITCHED)
def test_guided_backprop_and_deconvnet_equal_captum_where_it_sees_every_relu(name, shared_data):
    attr = pytest.importorskip("captum.attr")
    network, images, _, targets = real_network(name, shared_data)
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        guided = attr.GuidedBackprop(Whole(network)).attribute(asking(images), target=torch.tensor(targets))
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        deconv = attr.Deconvolution(Whole(network)).attribute(asking(images), target=torch.tensor(targets))
    close(cw.guided_backprop(network, images, targets).channels, guided)
    close(cw.deconvnet(network, images, targets).channels, deconv)


@pytest.mark.parametrize("name", SWITCHED)
def test_guided_grad_cam_equals_captum(name, shared_data):
    attr = pytest.importorskip("captum.attr")
    network, images, (layer, _), targets = real_network(name, shared_data)
    whole = Whole(network)
    module = dict(whole.model.named_modules())[layer]
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        expected = attr.GuidedGradCam(whole, module).attribute(
            asking(images), target=torch.tensor(targets), interpolate_mode="bilinear"
        )
    close(cw.guided_grad_cam(network, images, targets, layer=layer).channels, expected)


@pytest.mark.parametrize("layer", ["features.4", "features.1"])
def test_a_unit_s_deconvnet_equals_captum_s_neuron_deconvolution(layer, shared_data):
    """For a plain sequence of layers Captum starts at the neuron; the paper's signal is its activation."""
    attr = pytest.importorskip("captum.attr")
    network, images, _, _ = real_network("squeezenet1_1", shared_data)
    whole, channel = Whole(network), 5
    module = dict(whole.model.named_modules())[layer]
    for picture in range(2):
        image = images[picture : picture + 1]
        maps = network.trace(image, layer)[layer][0, channel]
        row, column = divmod(int(maps.argmax()), maps.shape[1])
        with pytest.warns(UserWarning, match="Setting backward hooks"):
            expected = attr.NeuronDeconvolution(whole, module).attribute(asking(image), (channel, row, column))
        found = cw.deconvnet(network, image, unit=f"{layer}:{channel}")
        close(found.channels, expected * maps.max())
        close(cw.deconvnet(network, image, unit=f"{layer}:{channel}@{row},{column}").channels, expected * maps.max())


# by definition, where Captum is wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize(("name", "count"), [("googlenet", 57), ("densenet121", 121), ("resnet18", 17)])
def test_functional_relus_of_real_architectures_are_met(rule, name, count):
    """Captum touches modules only: on googlenet its guided backprop is the plain gradient."""
    torch.manual_seed(0)
    network = cw.load(name, weights=None)
    images = torch.rand(2, 3, 64, 64)
    network = cw.Network(network.model, cw.Preprocess(3, mean=(0.5,) * 3, std=(0.25,) * 3))
    method = cw.guided_backprop if rule == "guided" else cw.deconvnet
    found = method(network, images, [3, 7])
    close(found.channels, reference_gradient(network, images, [3, 7], rule))
    assert found.relus == count
    plain = cw.saliency(network, images, [3, 7]).channels
    assert np.abs(found.channels - plain).max() > 0.1 * np.abs(plain).max()


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_relu6_is_met(rule, shared_data):
    network, images, _, targets = real_network("mobilenet_v2", shared_data)
    method = cw.guided_backprop if rule == "guided" else cw.deconvnet
    found = method(network, images, targets)
    close(found.channels, reference_gradient(network, images, targets, rule))
    assert found.relus == 35


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_small_network_agrees_with_replaced_functions(rule, case):
    """Among them a pre-activation residual, where a hook on the module also clamps what the skip hands back."""
    network, images = network_of(case), pictures_for(case)
    method = cw.guided_backprop if rule == "guided" else cw.deconvnet
    close(method(network, images, [1, 2, 3]).channels, reference_gradient(network, images, [1, 2, 3], rule))


RELUS = {
    "F.relu": nn.functional.relu,
    "F.relu in place": lambda x: nn.functional.relu(x, inplace=True),
    "F.relu_": nn.functional.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "Tensor.relu": lambda x: x.relu(),
    "Tensor.relu_": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_": lambda x: x.clamp_(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "torch.clamp": lambda x: torch.clamp(x, 0),
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU in place": nn.ReLU(inplace=True),
}


@pytest.mark.parametrize("relu", RELUS.values(), ids=RELUS.keys())
def test_a_relu_is_met_however_it_is_written(relu):
    """Loops over a two-layer network: what a rectifier hands back, number by number."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 3, 2, bias=True), nn.Linear(3 * 12, 2)

        def forward(self, x):
            return self.head(relu(self.conv(x) * 1.0).flatten(1))

    torch.manual_seed(1)
    model = Two().double()
    network = cw.Network(model, cw.Preprocess(channels=1, size=(4, 5)))
    image = torch.rand(1, 1, 4, 5).double()
    before = model.conv(image)[0].detach()
    arriving = model.head.weight[1].view(3, 3, 4).detach()
    for rule, method in (("guided", cw.guided_backprop), ("deconvnet", cw.deconvnet)):
        expected = torch.zeros(4, 5).double()
        for k, i, j in itertools.product(range(3), range(3), range(4)):
            signal = arriving[k, i, j]
            open_before = before[k, i, j] > 0
            if signal > 0 and (rule == "deconvnet" or open_before):
                expected[i : i + 2, j : j + 2] += signal * model.conv.weight[k, 0].detach()
        found = method(network, image, 1)
        np.testing.assert_allclose(found.channels[0, 0], expected, atol=1e-7)
        assert found.relus == 1


def test_networks_without_relu_are_refused_with_the_reason():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    network = cw.Network(model, cw.Preprocess(size=(8, 8)))
    image = torch.rand(1, 3, 8, 8)
    asked = (
        lambda: cw.guided_backprop(network, image, 0),
        lambda: cw.guided_grad_cam(network, image, 0, layer="1"),
        lambda: cw.deconvnet(network, image, 0),
        lambda: cw.deconvnet(network, image, unit="0:1"),
        lambda: cw.deconvnet_steps(network, image, 0),
        lambda: cw.deconvnet_steps(network, image, unit="0:1"),
    )
    for ask in asked:
        with pytest.raises(cw.GradientError, match=r"computes no ReLU on the way.*use saliency"):
            ask()


def test_other_activation_functions_are_told():
    network, images = network_of(CASES["depthwise"]), pictures_for(CASES["depthwise"])
    found = cw.guided_backprop(network, images, 1)
    assert found.relus == 1
    assert any("hardswish passed back their own gradient" in note for note in found.notes)


def test_a_relu_outside_of_the_pass_is_left_alone():
    """What another thread, or the objective, computes meanwhile is not rectified."""
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"])
    whole = cw.guided_backprop(network, images, lambda y: torch.relu(y[:, 1] - y[:, 2] + 10) - 10)
    close(whole.channels, cw.guided_backprop(network, images, cw.class_score(1) - cw.class_score(2)).channels)
    model = network.model
    seen = []

    def during(module, args, output):
        import threading

        def elsewhere():
            x = torch.tensor([1.0, -1.0], requires_grad=True)
            seen.append(torch.autograd.grad(-torch.relu(x).sum(), x)[0].tolist())

        worker = threading.Thread(target=elsewhere)
        worker.start()
        worker.join()

    with model[0][0].register_forward_hook(during):
        cw.guided_backprop(network, images, 1)
    assert [-1.0, 0.0] in seen


# definitions written out ----------------------------------------------------------------------------------------------


def test_saliency_is_the_derivative_by_finite_differences():
    case = CASES["BatchNorm and residual"]
    model, images = module_of(case).double(), pictures_for(case, count=1).double()
    network = network_of(case, model)
    found = cw.saliency(network, images, 2, signed=True).channels[0]
    for channel, row, column in ((0, 3, 4), (1, 8, 8), (2, 15, 0)):
        up, down = images.clone(), images.clone()
        up[0, channel, row, column] += 1e-5
        down[0, channel, row, column] -= 1e-5
        with torch.no_grad():
            slope = (model(normalized(case, up)) - model(normalized(case, down)))[0, 2] / 2e-5
        assert found[channel, row, column] == pytest.approx(float(slope), rel=1e-4, abs=1e-7)


def test_integrated_gradients_are_complete_and_say_how_far_they_are_not():
    network, images = network_of(CASES["functional ReLU"]), pictures_for(CASES["functional ReLU"])
    logits = network.trace(images).logits
    black = network.trace(torch.zeros_like(images)).logits
    for steps in (1, 8, 200):
        found = cw.integrated_gradients(network, images, [0, 1, 2], steps=steps).result()
        rise = torch.stack([(logits - black)[k, k] for k in range(3)]).detach().numpy()
        np.testing.assert_allclose(found.completeness_error, found.values.sum((1, 2)) - rise, atol=1e-5)
    assert np.abs(found.completeness_error).max() < 2e-3 * np.abs(rise).max()


def test_a_linear_network_is_explained_exactly():
    """One step suffices, and pixel times gradient is the same."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    network = cw.Network(model, cw.Preprocess(channels=3, size=(2, 2)))
    images = torch.rand(2, 3, 2, 2)
    exact = images * model[1].weight[1].detach().view(3, 2, 2)
    close(cw.integrated_gradients(network, images, 1, steps=1).result().channels, exact)
    close(cw.input_x_gradient(network, images, 1).channels, exact)
    white = cw.integrated_gradients(network, images, 1, steps=1, baseline="white").result()
    close(white.channels, (images - 1) * model[1].weight[1].detach().view(3, 2, 2))


@pytest.mark.parametrize("baseline", ["black", "white", "mean", "blur", "noise", 0.5, np.full((3, 16, 16), 0.2)])
def test_any_baseline_gives_a_map_that_adds_up(baseline):
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"], count=2)
    found = cw.integrated_gradients(network, images, 1, baseline=baseline, steps=64).result()
    assert np.abs(found.completeness_error).max() < 0.02 * np.abs(found.values).sum((1, 2)).max()


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("gray", "no baseline 'gray': choose black, white, mean"),
        (1.5, r"values in \[0, 1\]"),
        (np.full((3, 16, 16), np.nan), r"values in \[0, 1\]"),
        (np.zeros((3, 5, 5)), r"baseline is \(3, 5, 5\) and the pictures are \(3, 16, 16\)"),
    ],
)
def test_a_baseline_that_does_not_fit_is_refused(baseline, message):
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"])
    with pytest.raises(cw.ImageError, match=message):
        cw.integrated_gradients(network, images, 1, baseline=baseline)


def test_smooth_grad_is_the_mean_over_noisy_pictures():
    network, images = network_of(CASES["reused ReLU"]), pictures_for(CASES["reused ReLU"], count=1)
    noise = torch.randn(5, *images.shape[1:], generator=torch.Generator().manual_seed(4)) * 0.2
    expected = torch.zeros_like(images[0])
    for grain in noise:
        x = (images + grain).requires_grad_()
        expected += torch.autograd.grad(network.model(normalized(CASES["reused ReLU"], x))[:, 1].sum(), x)[0][0] / 5
    close(cw.smooth_grad(network, images, 1, samples=5, noise=0.2, seed=4, batch=2).result().channels[0], expected)


def test_smooth_grad_averages_any_method():
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"], count=1)
    still = cw.smooth_grad(network, images, 2, of=cw.guided_backprop, samples=2, noise=0).result()
    close(still.channels, cw.guided_backprop(network, images, 2).channels)
    assert still.relus == 2
    assert still.method == "SmoothGrad of Guided backprop"
    long = cw.smooth_grad(network, images, 2, of=cw.integrated_gradients, samples=2, noise=0).result()
    close(long.values, cw.integrated_gradients(network, images, 2).result().values)
    cam = cw.smooth_grad(network, images, 2, of=cw.layer_cam, samples=2, noise=0).result()
    close(cam.values, cw.layer_cam(network, images, 2).values)


@pytest.mark.parametrize("options", [{"samples": 0}, {"noise": -1}, {"noise": float("nan")}, {"batch": 0}])
def test_smooth_grad_without_samples_or_with_impossible_noise_is_refused(options):
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"])
    with pytest.raises(ValueError, match="at least"):
        cw.smooth_grad(network, images, 1, **options)


@pytest.mark.parametrize("method", [cw.smooth_grad, cw.integrated_gradients, cw.score_cam, cw.ablation_cam])
def test_long_methods_show_partial_maps_and_can_be_closed_at_any_step(method):
    network, images = network_of(CASES["BatchNorm and residual"]), pictures_for(CASES["BatchNorm and residual"], count=2)
    whole = method(network, images, [1, 2], batch=2)
    steps = list(method(network, images, [1, 2], batch=2))
    assert [step.done for step in steps] == list(range(1, len(steps) + 1))
    assert len(whole) == steps[-1].total == len(steps)
    assert all(step.result.values.shape == steps[-1].result.values.shape for step in steps)
    assert not np.array_equal(steps[0].result.values, steps[-1].result.values)
    np.testing.assert_array_equal(whole.result().values, steps[-1].result.values)
    part = method(network, images, [1, 2], batch=2)
    next(part)
    part.close()
    with pytest.raises(RuntimeError, match="closed before"):
        part.result()


def test_partial_results_do_not_change_afterwards():
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"], count=1)
    for method in (cw.smooth_grad, cw.integrated_gradients, cw.score_cam, cw.ablation_cam):
        steps = method(network, images, 1, batch=2)
        first = next(steps).result
        kept = first.values.copy()
        steps.result()
        np.testing.assert_array_equal(first.values, kept)


def test_a_list_of_targets_and_objectives_are_understood_by_long_methods():
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"])
    each = cw.integrated_gradients(network, images, cw.class_score([0, 1, 4]), steps=3).result()
    for index, target in enumerate([0, 1, 4]):
        alone = cw.integrated_gradients(network, images[index], target, steps=3).result()
        np.testing.assert_allclose(each.values[index], alone.values[0], atol=1e-6)
    several = cw.integrated_gradients(network, images[:1], ["label 1", cw.class_score(1) - cw.class_score(0)], steps=3).result()
    assert several.targets == ("label 1", "(score of 1 − score of 0)")
    assert several.images.shape[0] == 2
    top = cw.smooth_grad(network, images, samples=1, noise=0).result()
    close(top.channels, cw.saliency(network, images).channels)
    with pytest.raises(cw.TargetError, match="3 pictures need 3 targets"):
        cw.smooth_grad(network, images, cw.class_score([0, 1]))


CAPPED = {
    "F.relu6": nn.functional.relu6,
    "F.relu6 in place": lambda x: nn.functional.relu6(x, inplace=True),
    "nn.ReLU6": nn.ReLU6(),
    "nn.ReLU6 in place": nn.ReLU6(inplace=True),
    "F.hardtanh": lambda x: nn.functional.hardtanh(x, 0, 6),
    "clamp": lambda x: x.clamp(0, 6),
    "torch.clamp": lambda x: torch.clamp(x, min=0, max=6),
}


@pytest.mark.parametrize("relu", CAPPED.values(), ids=CAPPED.keys())
def test_above_its_ceiling_a_relu6_is_closed_to_guided_backprop_but_not_to_a_deconvnet(relu):
    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Conv2d(1, 1, 1, bias=False)
            nn.init.constant_(self.scale.weight, 10.0)

        def forward(self, x):
            return relu(self.scale(x)).flatten(1).sum(1, keepdim=True)

    network = cw.Network(One(), cw.Preprocess(channels=1, size=(1, 4)))
    image = torch.tensor([[[[0.0, 0.3, 0.59, 0.9]]]])  # times ten: closed, open, open, above 6
    assert cw.guided_backprop(network, image, 0).channels.ravel().tolist() == [0, 10, 10, 0]
    assert cw.deconvnet(network, image, 0).channels.ravel().tolist() == [10, 10, 10, 10]
    assert network.trace(image).logits.item() == pytest.approx(3 + 5.9 + 6)
