"""Grad-CAM by definition, and equal to Captum's on real networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, module_of, network_of, pictures_for
from torch import nn

import cnnvis_widgets as cw

LAYERS = {
    "squeezenet1_1": ("features.0", "features.2", "features.3.squeeze", "features.7", "features.12"),
    "mobilenet_v2": ("features.0.0", "features.3.conv.0.1", "features.8", "features.18", "features.18.1"),
}
FILES = {
    "squeezenet1_1": "squeezenet1_1_imagenet.safetensors",
    "mobilenet_v2": "mobilenet_v2_imagenet_fp16.safetensors",
}


@pytest.fixture(scope="module", params=FILES)
def real(request, shared_data):
    network = cw.load(request.param, shared_data / FILES[request.param])
    photos = [shared_data / "photos" / name for name in ("cat_dog.png", "pets.jpg", "owl.jpg")]
    return network, network.read(photos), LAYERS[request.param]


def _close(found, expected):
    expected = expected.detach().numpy()
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5 * max(1, np.abs(expected).max()))


def test_it_equals_captum_on_real_networks_and_photos(real):
    attr = pytest.importorskip("captum.attr")
    network, images, layers = real
    x, targets = network.preprocess.normalize(images), [243, 171, 24]
    for layer in layers:
        module = dict(network.model.named_modules())[layer]
        oracle = attr.LayerGradCam(network.model, module)
        batch = oracle.attribute(x, target=torch.tensor(targets))[:, 0]
        _close(cw.grad_cam(network, images, targets, layer=layer), batch)
        _close(cw.grad_cam(network, images[:1], 243, layer=layer), oracle.attribute(x[:1], target=243)[:, 0])


def test_many_layers_and_classes_at_once_equal_one_by_one(real):
    from cnnvis_widgets.methods.grad_cam import grad_cam_of_layers

    network, images, layers = real
    together = grad_cam_of_layers(network, images[:1], [243, 7], layers)
    for (layer, target), values in together.items():
        alone = np.asarray(cw.grad_cam(network, images[:1], target, layer=layer))[0]
        np.testing.assert_allclose(values, alone, atol=1e-5 * max(1, np.abs(alone).max()))


def test_the_dog_and_the_cat_are_where_they_are(real):
    """The picture of the paper: the dog fills the upper left, the cat the lower half."""
    network, images, _ = real
    values = np.asarray(cw.grad_cam(network, images[0:1], [243, 281])).clip(0)
    rows = [np.average(np.arange(len(field)), weights=field.sum(1) + 1e-9) for field in values]
    assert rows[0] < rows[1]


def test_it_is_the_definition_of_the_paper_written_out():
    """alpha_k = mean over positions of dy/dA_k; map = sum of alpha_k A_k, by finite differences and loops."""
    torch.manual_seed(0)
    kernel, head = torch.randn(3, 2, 2, 2).double(), torch.randn(4, 3).double()

    def activations(picture):
        maps = torch.zeros(3, 4, 5).double()
        for k in range(3):
            for i in range(4):
                for j in range(5):
                    maps[k, i, j] = (kernel[k] * picture[:, i : i + 2, j : j + 2]).sum()
        return maps

    def score(maps, target):
        total = 0.0
        for k in range(3):
            best = maps[k].clamp(min=0) ** 2
            total = total + head[target, k] * best.sum() / 20
        return total

    def paper(picture, target, step=1e-5):
        maps = activations(picture)
        field = torch.zeros(4, 5).double()
        for k in range(3):
            alpha = 0.0
            for i in range(4):
                for j in range(5):
                    up, down = maps.clone(), maps.clone()
                    up[k, i, j] += step
                    down[k, i, j] -= step
                    alpha += (score(up, target) - score(down, target)) / (2 * step) / 20
            field += alpha * maps[k]
        return field

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu, self.head = (
                nn.Conv2d(2, 3, 2, bias=False),
                nn.ReLU(inplace=True),
                nn.Linear(3, 4, bias=False),
            )
            self.conv.weight.data, self.head.weight.data = kernel.clone(), head.clone()

        def forward(self, x):
            return self.head((self.relu(self.conv(x)) ** 2).mean((2, 3)))

    network = cw.Network(Tiny(), cw.Preprocess(channels=2, size=(5, 6)))
    images = torch.rand(2, 2, 5, 6).double()
    found = np.asarray(cw.grad_cam(network, images, [1, 3], layer="conv"))
    for picture, target, field in zip(images, (1, 3), found, strict=True):
        np.testing.assert_allclose(field, paper(picture, target), atol=1e-6)


def test_values_are_signed_and_raw():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    plus = np.asarray(cw.grad_cam(network, images, cw.class_score(1), layer="0.0"))
    minus = np.asarray(cw.grad_cam(network, images, -1000.0 * cw.class_score(1), layer="0.0"))
    np.testing.assert_allclose(minus, -1000 * plus, rtol=1e-4, atol=1e-4 * np.abs(minus).max())
    assert plus.min() < 0 or minus.min() < 0


@pytest.mark.parametrize(
    "target", [2, "label 2", "LABEL 2", np.int64(2), -3, torch.tensor(2), np.array(2), cw.class_score(2)]
)
def test_a_class_may_be_given_in_every_usual_way(target):
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    expected = np.asarray(cw.grad_cam(network, images, 2, layer="0.0"))
    np.testing.assert_array_equal(np.asarray(cw.grad_cam(network, images, target, layer="0.0")), expected)


@pytest.mark.parametrize(
    "targets", [[0, 1, 4], (0, 1, 4), range(0, 6, 2), np.array([0, 1, 4]), torch.tensor([0, 1, 4])]
)
def test_each_picture_may_have_a_class_and_one_picture_several(targets):
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    each, several = (
        cw.grad_cam(network, images, targets, layer="0.0"),
        cw.grad_cam(network, images[:1], targets, layer="0.0"),
    )
    for index, target in enumerate(int(target) for target in targets if True):
        target = min(target, 4)  # noqa: PLW2901
        alone = cw.grad_cam(network, images[index], target, layer="0.0")
        np.testing.assert_allclose(each.values[index], alone.values[0], atol=1e-6)
        first = cw.grad_cam(network, images[0], target, layer="0.0")
        np.testing.assert_allclose(several.values[index], first.values[0], atol=1e-6)
        assert each.targets[index] == several.targets[index] == f"label {target}"
    assert several.images.shape[0] == 3


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (5, r"5 classes, 0–4; 5 is not one of them"),
        (-6, r"5 classes, 0–4; -6 is not one"),
        ("labl 3", r"No class is called 'labl 3'. Did you mean 'label 3'"),
        ([1, 2], r"3 pictures need 3 targets.*2 were given"),
        ([], r"list of targets is empty"),
        (True, r"not bool"),
        (1.5, r"not float"),
        ([0, 1, 9], r"9 is not one of them"),
        (cw.class_score([0, 1, 9]), r"9 is not one of them"),
        (cw.class_score([0, 1]), r"3 pictures need 3 targets.*2 were given"),
    ],
)
def test_targets_that_do_not_exist_are_refused(target, message):
    case = CASES["in-place ReLU"]
    with pytest.raises(cw.TargetError, match=message):
        cw.grad_cam(network_of(case), pictures_for(case), target, layer="0.0")


def test_a_layer_without_axes_is_refused_naming_one_that_has_them():
    case = CASES["in-place ReLU"]
    with pytest.raises(cw.LayerError, match=r"3 gives \(8,\) for a picture, without spatial axes. Try '1'"):
        cw.grad_cam(network_of(case), pictures_for(case), 0, layer="3")
    flat = cw.Network(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), cw.Preprocess(channels=3, size=(2, 2)))
    for layer in ("1", None):
        with pytest.raises(cw.LayerError, match="spatial axes"):
            cw.grad_cam(flat, torch.rand(1, 3, 2, 2), 0, layer=layer)


def test_tokens_of_a_vision_transformer_are_refused_not_misread():
    import torchvision

    size = {"image_size": 32, "patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    model = torchvision.models.VisionTransformer(**size, num_classes=3)
    network = cw.Network(model, cw.Preprocess(channels=3, size=(32, 32)))
    with pytest.raises(cw.LayerError, match=r"\(17, 8\).*Token layers need reshape=.*Try 'conv_proj'"):
        cw.grad_cam(network, torch.rand(1, 3, 32, 32), 0, layer="encoder.layers.encoder_layer_0")


def test_maps_with_channels_last_are_not_averaged_over_the_wrong_axes():
    """A Swin block gives (N, h, w, C): its map is h × w, its weights one a channel."""
    import torchvision

    options = {"patch_size": [2, 2], "embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": [2, 2]}
    torch.manual_seed(0)
    model = torchvision.models.SwinTransformer(**options, num_classes=3).eval()
    network = cw.Network(model, cw.Preprocess(channels=3, size=(16, 16)))
    images = torch.rand(1, 3, 16, 16)
    found = cw.grad_cam(network, images, 0, layer="features.1.0").values
    trace = network.trace(images, wrt="features.1.0")
    gradient = trace.gradient(cw.class_score(0)(trace), "features.1.0")
    expected = (gradient.mean((1, 2), keepdim=True) * trace["features.1.0"].detach()).sum(-1)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_objective_that_cannot_be_differentiated_says_so():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    for target in (lambda y: y.argmax(1).float(), cw.channel("0.0", 0)):
        with pytest.raises(cw.GradientError, match=r"does not depend on '1'"):
            cw.grad_cam(network, images, target, layer="1")


def test_a_function_of_the_output_is_an_objective():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    found = cw.grad_cam(network, images, lambda y: y[:, 1] - 2 * y[:, 0], layer="0.0")
    expected = cw.grad_cam(network, images, cw.class_score(1) - 2 * cw.class_score("label 0"), layer="0.0")
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)


def test_an_empty_map_says_why():
    case = CASES["in-place ReLU"]
    model, images = module_of(case), pictures_for(case, count=1)
    assert "one position only" in cw.grad_cam(network_of(case, model), images, 0, layer="2").why_empty[0]
    one = cw.grad_cam(network_of(case, model), images, lambda y: -y.sum(1) * 0, layer="0.0")
    assert "gradient is zero" in one.why_empty[0]
    with torch.no_grad():
        model[0][3].weight[0, 0, 0, 0] = float("nan")
    assert "not finite" in cw.grad_cam(network_of(case, model), images, 0, layer="1").why_empty[0]
