"""Class activation maps: by their papers' definitions, and equal to other libraries where these are right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from methods.nets import CASES, module_of, network_of, normalized, pictures_for
from methods.references import real_network
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw

ONE_BACKWARD = {
    "grad_cam": cw.grad_cam,
    "grad_cam_plus_plus": cw.grad_cam_plus_plus,
    "hires_cam": cw.hires_cam,
    "layer_cam": cw.layer_cam,
    "xgrad_cam": cw.xgrad_cam,
}
NAMES = ("squeezenet1_1", "mobilenet_v2", "resnet20")


@pytest.fixture(scope="module", params=NAMES)
def real(request, shared_data):
    network, images, layers, targets = real_network(request.param, shared_data)
    network.model.float()
    return network, images.float(), layers, targets


def close(found, expected, tolerance=1e-5):
    expected = np.asarray(expected.detach() if isinstance(expected, torch.Tensor) else expected)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=tolerance * np.abs(expected).max())


def shown(values, size):
    """The picture of pytorch-grad-cam: positive part, to [0, 1], enlarged, to [0, 1] again."""
    scaled = unit(torch.from_numpy(np.maximum(values, 0)))
    return unit(F.interpolate(scaled[:, None], size, mode="bilinear", align_corners=False)[:, 0]).numpy()


def unit(maps):
    low, high = maps.flatten(1).amin(1)[:, None, None], maps.flatten(1).amax(1)[:, None, None]
    return (maps - low) / (1e-7 + high - low)


# against other libraries, on real weights and photos ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        ("grad_cam", "GradCAM"),
        ("grad_cam_plus_plus", "GradCAMPlusPlus"),
        ("hires_cam", "HiResCAM"),
        ("layer_cam", "LayerCAM"),
        ("xgrad_cam", "XGradCAM"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_they_equal_pytorch_grad_cam(name, method, theirs, shared_data):
    library = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, images, layers, targets = real_network(name, shared_data)
    for layer in layers:
        module = dict(network.model.named_modules())[layer]
        with getattr(library, theirs)(network.model, [module]) as other:
            x = network.preprocess.normalize(images)
            expected = other(input_tensor=x, targets=[ClassifierOutputTarget(target) for target in targets])
        network.model.zero_grad(set_to_none=True)
        found = ONE_BACKWARD[method](network, images, targets, layer=layer).values
        np.testing.assert_allclose(shown(found, images.shape[2:]), expected, atol=2e-6)


def test_layer_cam_and_xgrad_cam_equal_torch_cam(real):
    methods = pytest.importorskip("torchcam.methods")
    network, images, (layer, _), targets = real
    for name, ours in (("LayerCAM", cw.layer_cam), ("XGradCAM", cw.xgrad_cam)):
        with getattr(methods, name)(network.model, layer, input_shape=tuple(images.shape[1:])) as extractor:
            scores = network.model(network.preprocess.normalize(images))
            expected = extractor(class_idx=targets, scores=scores, normalized=False)[0]
        network.model.zero_grad(set_to_none=True)
        close(ours(network, images, targets, layer=layer).values.clip(0), expected)


def test_hires_cam_equals_captum(real):
    attr = pytest.importorskip("captum.attr")
    network, images, layers, targets = real
    x = network.preprocess.normalize(images)
    for layer in layers:
        module = dict(network.model.named_modules())[layer]
        expected = attr.LayerGradientXActivation(network.model, module).attribute(x, target=torch.tensor(targets)).sum(1)
        close(cw.hires_cam(network, images, targets, layer=layer).values, expected)


def test_score_cam_equals_torch_cam(real):
    methods = pytest.importorskip("torchcam.methods")
    network, images, layers, targets = real
    layer = layers[1]
    with methods.ScoreCAM(network.model, layer, input_shape=tuple(images.shape[1:])) as extractor, torch.no_grad():
        scores = network.model(network.preprocess.normalize(images[:1]))
        expected = extractor(class_idx=[targets[0]], scores=scores, normalized=False)[0]
    found = cw.score_cam(network, images[:1], targets[0], layer=layer).result()
    close(found.values.clip(0), expected, 2e-5)


def test_eigen_cam_equals_pytorch_grad_cam_but_for_the_sign(real):
    library = pytest.importorskip("pytorch_grad_cam.utils.svd_on_activations")
    network, images, layers, _ = real
    for layer in layers:
        activation = network.trace(images, layer)[layer]
        expected = library.get_2d_projection(activation.numpy().copy())
        found = cw.eigen_cam(network, images, layer=layer).values
        for ours, theirs, maps in zip(found, expected, activation, strict=True):
            turned = -theirs if np.abs(ours + theirs).max() < np.abs(ours - theirs).max() else theirs
            np.testing.assert_allclose(ours, turned, atol=1e-4 * np.abs(theirs).max())
            assert np.corrcoef(ours.ravel(), maps.sum(0).numpy().ravel())[0, 1] > 0


def test_ablation_cam_equals_pytorch_grad_cam_where_its_zero_is_a_zero(shared_data):
    """Its ablation is a zero only after a ReLU; elsewhere it writes −10⁷."""
    library = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, images, (layer, _), targets = real_network("resnet20", shared_data)
    network.model.float()
    images = images.float()
    model = network.model
    with library.AblationCAM(model, [model.layer3], batch_size=16) as other:
        x = network.preprocess.normalize(images)
        expected = other(input_tensor=x, targets=[ClassifierOutputTarget(target) for target in targets])
    scores = network.trace(images).logits[range(3), targets]
    assert (scores > 0).any()
    found = cw.ablation_cam(network, images, targets, layer=layer).result().values
    for picture in np.flatnonzero(scores > 0):  # theirs divides by a negative score and turns the map around
        ours = shown(found[picture : picture + 1], images.shape[2:])[0]
        np.testing.assert_allclose(ours, expected[picture], atol=1e-4)


# by definition, slowly --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_formulas_of_the_papers_written_out(case):
    """From activations and gradients taken by an independent pass, position by position."""
    network, images = network_of(case), pictures_for(case, count=2)
    trace = network.trace(images, wrt=case.layer)
    g = trace.gradient(cw.class_score(2)(trace), case.layer).double().numpy()
    a = trace[case.layer].detach().double().numpy()
    n, c, h, w = a.shape
    expected = {name: np.zeros((n, h, w)) for name in ONE_BACKWARD}
    for i, k in itertools.product(range(n), range(c)):
        total, mean, weight_pp, weight_x = a[i, k].sum(), g[i, k].mean(), 0.0, 0.0
        for y, x in itertools.product(range(h), range(w)):
            slope, value = g[i, k, y, x], a[i, k, y, x]
            if slope != 0:
                alpha = slope**2 / (2 * slope**2 + total * slope**3 + 1e-6)
                weight_pp += alpha * max(slope, 0)
            weight_x += slope * value / (total + 1e-7)
            expected["hires_cam"][i, y, x] += slope * value
            expected["layer_cam"][i, y, x] += max(slope, 0) * value
        expected["grad_cam"][i] += mean * a[i, k]
        expected["grad_cam_plus_plus"][i] += weight_pp * a[i, k]
        expected["xgrad_cam"][i] += weight_x * a[i, k]
    for name, method in ONE_BACKWARD.items():
        close(method(network, images, 2, layer=case.layer).values, expected[name], 1e-4)


def test_grad_cam_plus_plus_divides_by_what_torch_cam_forgets(shared_data):
    """torch-cam 0.5 divides a copy, so that its weights are the cubed gradients: hundreds of times off in raw values."""
    network, images, (layer, _), targets = real_network("resnet20", shared_data)
    trace = network.trace(images, wrt=layer)
    gradient = trace.gradient(cw.class_score(targets)(trace), layer)
    cubed = torch.einsum("nchw,nc->nhw", trace[layer].detach(), (gradient.clamp(min=0) ** 3).sum((2, 3)))
    found = cw.grad_cam_plus_plus(network, images, targets, layer=layer).values
    ratio = np.abs(found).max() / cubed.abs().max()
    assert ratio > 100


def test_score_cam_is_the_paper_s_algorithm_in_a_loop():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case, count=1)
    activation = network.trace(images, "0.3")["0.3"][0]
    neutral = torch.tensor((0.4, 0.5, 0.45)).view(3, 1, 1)
    scores = []
    for channel in activation:
        mask = (channel - channel.min()) / (channel.max() - channel.min() + 1e-8)
        mask = F.interpolate(mask[None, None], images.shape[2:], mode="bilinear", align_corners=False)[0]
        hidden = neutral + mask * (images[0] - neutral)
        with torch.no_grad():
            scores.append(network.model(normalized(case, hidden[None]))[0, 3])
    expected = sum(weight * channel for weight, channel in zip(torch.stack(scores).softmax(0), activation, strict=True))
    close(cw.score_cam(network, images, 3, layer="0.3", batch=3).result().values[0], expected)


def test_score_cam_asks_flat_channels_once_and_gives_them_their_share():
    """A dead channel's mask hides everything; the network is asked about that picture once, not once a channel."""
    case = CASES["in-place ReLU"]
    model = module_of(case)
    with torch.no_grad():
        model[0][3].weight[2:7] = 0
    network, images = network_of(case, model), pictures_for(case, count=1)
    assert network.layers
    passes = []
    with model.register_forward_hook(lambda module, args, output: passes.append(len(output))):
        found = cw.score_cam(network, images, 1, layer="0.3", batch=4).result().values[0]
    assert sum(passes) == 1 + 3
    activation = network.trace(images, "0.3")["0.3"][0]
    neutral = torch.tensor((0.4, 0.5, 0.45)).view(3, 1, 1)
    scores = []
    for channel in activation:
        mask = (channel - channel.min()) / (channel.max() - channel.min() + 1e-8)
        mask = F.interpolate(mask[None, None], images.shape[2:], mode="bilinear", align_corners=False)[0]
        with torch.no_grad():
            scores.append(model(normalized(case, (neutral + mask * (images[0] - neutral))[None]))[0, 1])
    close(found, torch.einsum("chw,c->hw", activation, torch.stack(scores).softmax(0)))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ablation_cam_switches_channels_off_one_by_one(case):
    """By a hook that zeroes one channel in a full pass, also where the skip makes what follows need more than the layer."""
    model = module_of(case)
    network, images = network_of(case, model), pictures_for(case, count=1)
    activation = network.trace(images, case.layer)[case.layer][0]
    module = dict(model.named_modules())[case.layer]
    calls = {"count": 0}

    def score(channel):
        def zeroed(_, args, output):
            calls["count"] += 1
            if channel is None:
                return None
            changed = output.clone()
            changed[:, channel] = 0
            return changed

        with module.register_forward_hook(zeroed), torch.no_grad():
            return model(normalized(case, images))[0, 2]

    whole = score(None)
    weights = torch.stack([(whole - score(k)) / whole.abs() for k in range(len(activation))])
    found = cw.ablation_cam(network, images, 2, layer=case.layer, batch=4).result().values[0]
    close(found, torch.einsum("chw,c->hw", activation, weights), 1e-4)


def test_ablation_runs_what_lies_before_the_layer_once_a_batch():
    case = CASES["BatchNorm and residual"]
    model = module_of(case)
    network, images = network_of(case, model), pictures_for(case, count=1)
    assert network.layers
    before, after = [], []
    with (
        model.stem.register_forward_hook(lambda module, args, output: before.append(len(output))),
        model.head.register_forward_hook(lambda module, args, output: after.append(len(output))),
    ):
        cw.ablation_cam(network, images, 2, layer="norm2", batch=6).result()
    assert max(before) == 1
    assert max(after) == 7


def test_ablation_falls_back_where_an_earlier_output_cannot_meet_several():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(8, 3)

        def forward(self, x):
            x = self.a(x).relu()
            return self.head(torch.cat([x, self.b(x)], 1).mean((2, 3)))

    torch.manual_seed(3)
    model = Joined().eval()
    network, image = cw.Network(model, cw.Preprocess(size=(8, 8))), torch.rand(1, 3, 8, 8)
    found = cw.ablation_cam(network, image, 1, layer="b").result().values[0]
    a = model.a(image).relu()
    b = model.b(a)
    whole = model(image)[0, 1]
    weights = []
    for k in range(4):
        off = b.clone()
        off[:, k] = 0
        weights.append((whole - model.head(torch.cat([a, off], 1).mean((2, 3)))[0, 1]) / whole.abs())
    close(found, torch.einsum("chw,c->hw", b[0], torch.stack(weights)).detach(), 1e-4)


def test_cam_is_the_head_s_weights_and_adds_up_to_the_score(real):
    network, images, _, targets = real
    found = cw.cam(network, images, targets)
    logits = network.trace(images).logits[range(3), targets].numpy()
    head = next((part for part in network.model.modules() if isinstance(part, nn.Linear)), None)
    bias = 0 if head is None else head.bias.detach().numpy()[targets]
    np.testing.assert_allclose(found.values.mean((1, 2)) + bias, logits, rtol=1e-4)
    if head is not None:
        maps = network.trace(images, found.layer)[found.layer]
        close(found.values, torch.einsum("nchw,nc->nhw", maps, head.weight.detach()[targets]))


def test_cam_is_grad_cam_times_the_number_of_positions(real):
    """Zhou's CAM and Grad-CAM agree where both apply (Selvaraju et al. 2017, section 3)."""
    network, images, _, targets = real
    cam = cw.cam(network, images, targets)
    grad = cw.grad_cam(network, images, targets, layer=cam.layer)
    close(grad.values * grad.values.shape[1] * grad.values.shape[2], cam.values, 1e-4)


def test_cam_refuses_a_head_that_is_not_linear():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)
    )
    network = cw.Network(model, cw.Preprocess(size=(8, 8)))
    with pytest.raises(cw.LayerError, match=r"no linear function of the averaged channels of any layer.*use grad_cam"):
        cw.cam(network, torch.rand(1, 3, 8, 8), 1)

    class Squared(nn.Module):
        """The right shapes everywhere, and yet the averages are not what the head sees."""

        def __init__(self):
            super().__init__()
            self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 3)

        def forward(self, x):
            return self.head((self.relu(self.conv(x)) ** 2).mean((2, 3)))

    squared = cw.Network(Squared(), cw.Preprocess(size=(8, 8)))
    with pytest.raises(cw.LayerError, match=r"no linear function of the averaged channels of relu.*use grad_cam"):
        cw.cam(squared, torch.rand(1, 3, 8, 8), 1, layer="relu")
    with pytest.raises(cw.TargetError, match="give an index or a label, not Objective"):
        cw.cam(network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"]), cw.class_score(1))


# what all of them keep ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ONE_BACKWARD.values(), ids=ONE_BACKWARD.keys())
def test_several_layers_are_fused_by_the_definition_given(real, method):
    network, images, layers, targets = real
    apart = [method(network, images, targets, layer=layer).values for layer in layers]
    size = max(each.shape[1:] for each in apart)
    expected = sum(
        F.interpolate(torch.from_numpy(each / np.abs(each).max((1, 2), keepdims=True))[:, None], size, mode="bilinear")[:, 0]
        for each in apart
    ) / len(layers)
    fused = method(network, images, targets, layer=layers)
    close(fused.values, expected)
    assert fused.layer == " + ".join(reversed(layers))  # in execution order
    assert method(network, images, targets, layer=layers[::-1]).layer == fused.layer


def test_long_ones_and_eigen_cam_fuse_too():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case, count=2)
    for method in (cw.score_cam, cw.ablation_cam):
        apart = [method(network, images, 1, layer=layer).result().values for layer in ("0.0", "0.3")]
        fused = method(network, images, 1, layer=("0.0", "0.3")).result().values
        expected = sum(
            F.interpolate(
                torch.from_numpy(each / np.abs(each).max((1, 2), keepdims=True))[:, None], (14, 14), mode="bilinear"
            )[:, 0]
            for each in apart
        )
        close(fused, expected / 2)
    assert cw.eigen_cam(network, images, 1, layer=("0.0", "0.3")).values.shape == (2, 14, 14)
    with pytest.raises(cw.LayerError, match="list of layers is empty"):
        cw.grad_cam(network, images, 1, layer=[])


@pytest.mark.parametrize("method", [*ONE_BACKWARD.values(), cw.eigen_cam])
def test_layers_of_tokens_are_read_through_reshape(method):
    import torchvision

    size = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(**size, num_classes=3).eval()
    nn.init.normal_(model.heads.head.weight)
    network = cw.Network(model, cw.Preprocess(channels=3, size=(32, 32)))
    images, layer = torch.rand(2, 3, 32, 32), "encoder.layers.encoder_layer_1.ln_1"
    with pytest.raises(cw.LayerError, match=r"Token layers need reshape=\(rows, columns\), perhaps \(4, 4\)"):
        method(network, images, 1, layer=layer)
    by_grid = method(network, images, 1, layer=layer, reshape=(4, 4))
    by_hand = method(network, images, 1, layer=layer, reshape=lambda x: x[:, 1:].transpose(1, 2).reshape(-1, 8, 4, 4))
    assert by_grid.values.shape == (2, 4, 4)
    np.testing.assert_array_equal(by_grid.values, by_hand.values)
    assert np.abs(by_grid.values).max() > 0
    with pytest.raises(cw.LayerError, match="does not fill a grid of 5 × 5"):
        method(network, images, 1, layer=layer, reshape=(5, 5))


@pytest.mark.parametrize("method", [cw.score_cam, cw.ablation_cam])
def test_long_ones_read_tokens_and_channels_last(method):
    import torchvision

    size = {"image_size": 32, "patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(**size, num_classes=3).eval()
    nn.init.normal_(model.heads.head.weight)
    network = cw.Network(model, cw.Preprocess(channels=3, size=(32, 32)))
    layer = "encoder.layers.encoder_layer_0"
    assert method(network, torch.rand(1, 3, 32, 32), 1, layer=layer, reshape=(4, 4)).result().values.shape == (1, 4, 4)
    options = {"patch_size": [2, 2], "embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": [2, 2]}
    swin = torchvision.models.SwinTransformer(**options, num_classes=3).eval()
    network = cw.Network(swin, cw.Preprocess(channels=3, size=(16, 16)))
    images = torch.rand(1, 3, 16, 16)
    found = method(network, images, 0, layer="features.1.0").result().values
    assert found.shape == (1, 8, 8)
    if method is cw.ablation_cam:
        maps = network.trace(images, "features.1.0")["features.1.0"]
        whole = network.trace(images).logits[0, 0]
        weights = []
        for k in range(8):
            with network.edit("features.1.0", lambda a, k=k: a * (torch.arange(8) != k)):
                weights.append((whole - network.trace(images).logits[0, 0]) / whole.abs())
        close(found[0], maps[0] @ torch.stack(weights), 1e-3)


def test_the_dog_and_the_cat_peak_on_the_dog_and_on_the_cat(shared_data):
    """The picture of the Grad-CAM paper: the dog sits above, the cat lies below it, to the right of the middle."""
    network, images, _, _ = real_network("mobilenet_v2", shared_data)
    network.model.float()
    found = cw.grad_cam(network, images[:1].float(), [243, 282])
    size = images.shape[2:]
    peaks = []
    for values in found.values:
        large = F.interpolate(torch.from_numpy(values)[None, None], size, mode="bilinear")[0, 0]
        peaks.append(divmod(int(large.argmax()), size[1]))
    (dog_row, dog_column), (cat_row, cat_column) = peaks
    assert 20 <= dog_row <= 125, peaks
    assert 70 <= dog_column <= 160, peaks
    assert 125 <= cat_row <= 215, peaks
    assert 60 <= cat_column <= 200, peaks
