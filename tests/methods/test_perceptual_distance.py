"""How far pictures look apart: LPIPS as its package computes it, the plain distance by its definition, each called by its name."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings

import numpy as np
import pytest
import torch
import torchvision
from methods.nets import CASES, fingerprint, module_of, network_of, pictures_for
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perception import feature_layers, perception_of

BUILDERS = {"alex": "alexnet", "squeeze": "squeezenet1_1", "vgg": "vgg16"}


def pictures(count=3, size=(64, 80), seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def module(trunk):
    torch.manual_seed(4)
    return torchvision.models.get_model_builder(BUILDERS[trunk])(weights=None).eval()


def lpips_itself(trunk, model):
    """The package's own metric, with the weights of `model` written into its slices one by one."""
    lpips = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
    for slice_ in metric.net.children():
        for number, part in slice_.named_children():
            part.load_state_dict(model.features[int(number)].state_dict())
    return metric.eval()


@pytest.mark.parametrize("trunk", BUILDERS)
def test_it_equals_lpips_with_the_same_weights(trunk):
    model = module(trunk)
    metric = lpips_itself(trunk, model)
    first, second = pictures(seed=1), pictures(seed=2)
    with torch.no_grad():
        expected, layers = metric(first, second, normalize=True, retPerLayer=True)
    found = cw.perceptual_distance(first, second, backbone=model)
    np.testing.assert_allclose(found.values, expected.flatten().numpy(), atol=1e-6)
    np.testing.assert_allclose(found.parts, torch.stack([each.flatten() for each in layers], 1).numpy(), atol=1e-6)
    assert found.measure.startswith("LPIPS (")
    assert len(found.layers) == found.parts.shape[1]


def test_real_weights_give_what_lpips_gives_and_order_damage_as_people_do(shared_data):
    network = cw.load("squeezenet1_1", shared_data / "squeezenet1_1_imagenet.safetensors")
    metric = lpips_itself("squeeze", network.model)
    photo = network.read(shared_data / "photos" / "cat_dog.png")
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    damaged = torch.cat([photo, *((photo + share * noise).clamp(0, 1) for share in (0.02, 0.1, 0.4))])
    found = cw.perceptual_distance(damaged, photo, backbone=network)
    with torch.no_grad():
        expected = metric(damaged, photo.expand(4, -1, -1, -1), normalize=True).flatten().numpy()
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert found.values[0] < 1e-9  # a batch of four and a picture alone differ by rounding
    assert (np.diff(found.values) > 0).all()


@pytest.mark.parametrize("trunk", ["alex", "squeeze"])
def test_a_reference_that_is_kept_gives_what_pairs_give(trunk):
    pytest.importorskip("lpips")
    perception = perception_of(module(trunk))
    many, one = pictures(5, seed=1), pictures(1, seed=2)
    kept = perception.reference(one)
    each = cw.perceptual_distance(many, one.expand(5, -1, -1, -1), backbone=module(trunk))
    np.testing.assert_allclose(kept.distances(many).numpy(), each.values, atol=1e-6)
    pairs = perception.reference(many)
    assert float(pairs.distances(many).abs().max()) == 0


def by_definition(network, names, first, second):
    """Features of length 1 at each position, squared difference: mean over positions and layers, position by position."""
    parts = []
    for name in names:
        a, b = (network.trace(each, name)[name][0].permute(1, 2, 0).double().numpy() for each in (first, second))
        apart = []
        for row in range(a.shape[0]):
            for column in range(a.shape[1]):
                u, v = (
                    x[row, column] / np.linalg.norm(x[row, column]) if x[row, column].any() else x[row, column]
                    for x in (a, b)
                )
                apart.append(((u - v) ** 2).sum())
        parts.append(np.mean(apart) / len(names))
    return parts


def test_by_default_it_is_the_plain_distance_of_the_demo_network_and_says_so():
    first, second = cw.scenes(2)
    found = cw.perceptual_distance(first.image, second.image)
    assert found.measure == "deep-feature distance (demo)"
    network = cw.demo()
    expected = by_definition(network, found.layers, network.read(first.image), network.read(second.image))
    np.testing.assert_allclose(found.parts[0], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.values, [sum(expected)], rtol=1e-4)
    assert found.layers == ("stem.relu", "residual1", "separable1", "residual2", "separable2", "separable3")
    assert "LPIPS" not in repr(found)
    assert np.asarray(found).shape == (1,)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_any_network_measures_and_stays_as_it_was(case):
    model = module_of(case).train()
    network = network_of(case, model)
    before, first, second = fingerprint(model), pictures_for(case, seed=1), pictures_for(case, seed=2)
    found = cw.perceptual_distance(first, second, backbone=network)
    assert fingerprint(model) == before
    for index in range(3):
        expected = by_definition(network, found.layers, first[index : index + 1], second[index : index + 1])
        np.testing.assert_allclose(found.parts[index], expected, rtol=1e-3, atol=1e-5)
    assert (found.values > 0).all()
    assert (cw.perceptual_distance(first, first, backbone=network).values == 0).all()


def test_pictures_keep_their_size():
    network = cw.demo()
    first, second = pictures(1, (50, 70), seed=1), pictures(1, (50, 70), seed=2)
    found = cw.perceptual_distance(first, second, backbone=network)
    free = cw.Network(network.model, cw.Preprocess(3, mean=(0.5,) * 3, std=(0.25,) * 3))
    np.testing.assert_allclose(found.parts[0], by_definition(free, found.layers, first, second), rtol=1e-4, atol=1e-6)


def test_a_batch_equals_a_loop_and_the_size_of_a_batch_changes_nothing():
    first, second = pictures(5, (96, 96), 1), pictures(5, (96, 96), 2)
    whole = cw.perceptual_distance(first, second)
    some = cw.perceptual_distance(first, second, batch=2)
    alone = [cw.perceptual_distance(first[k], second[k]).values[0] for k in range(5)]
    np.testing.assert_allclose(some.values, whole.values, atol=1e-6)
    np.testing.assert_allclose(alone, whole.values, atol=1e-6)


def test_it_is_symmetric_and_gray_pictures_are_taken():
    first, second = pictures(2, (96, 96), 1), pictures(2, (96, 96), 2)
    there, back = cw.perceptual_distance(first, second), cw.perceptual_distance(second, first)
    np.testing.assert_allclose(there.values, back.values, atol=1e-6)
    gray = cw.perceptual_distance(first[:, :1], first[:, :1].expand(-1, 3, -1, -1))
    assert gray.values.max() == 0


def test_an_architecture_or_a_normalization_that_lpips_does_not_know_is_measured_plainly():
    from cnnvis_widgets.engine.perception import _trunk

    def network(name, preprocess=None):
        model = torchvision.models.get_model_builder(name)(weights=None)
        return cw.Network(model, preprocess or cw.Preprocess(3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))

    assert [_trunk(network(name)) for name in BUILDERS.values()] == list(BUILDERS)
    assert [_trunk(network(name)) for name in ("squeezenet1_0", "vgg11", "vgg16_bn", "resnet18")] == [None] * 4
    assert _trunk(network("squeezenet1_1", cw.Preprocess(3))) is None
    plain = cw.perceptual_distance(pictures(1), pictures(1, seed=3), backbone=network("squeezenet1_0"))
    assert plain.measure == "deep-feature distance (SqueezeNet)"
    with pytest.raises(cw.ModelError, match="ResNet is no backbone of LPIPS"):
        perception_of(network("resnet18"), "lpips")
    with pytest.raises(cw.ModelError, match="'lpips' or 'features'"):
        perception_of(None, "ssim")


def test_without_the_package_it_is_a_plain_distance_that_says_so(monkeypatch):
    from cnnvis_widgets.engine import perception

    monkeypatch.setattr(perception, "find_spec", lambda name: None)
    found = cw.perceptual_distance(pictures(1), pictures(1, seed=3), backbone=module("squeeze"))
    assert found.measure == "deep-feature distance (SqueezeNet)"
    assert found.notes[-1] == "This is not LPIPS: the package lpips is not installed."
    with pytest.raises(cw.ModelError, match=r"pip install 'cnnvis-widgets\[lpips\]'"):
        perception_of(module("squeeze"), "lpips")


def test_nothing_is_printed_warned_of_or_drawn_from_the_users_random_numbers():
    pytest.importorskip("lpips")
    model = module("alex")
    torch.manual_seed(1)
    before, out = torch.random.get_rng_state(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
        warnings.simplefilter("error")
        cw.perceptual_distance(pictures(1), pictures(1), backbone=model)
    assert out.getvalue() == ""
    assert torch.equal(torch.random.get_rng_state(), before)


def test_nothing_is_downloaded(monkeypatch):
    pytest.importorskip("lpips")

    def refuse(*args, **options):
        raise AssertionError("a download")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torchvision.models._api, "load_state_dict_from_url", refuse)
    cw.perceptual_distance(pictures(1), pictures(1), backbone=module("squeeze"))


def test_importing_the_method_does_not_import_lpips():
    import subprocess

    code = "import sys, cnnvis_widgets as cw; cw.perceptual_distance; sys.exit('lpips' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_users_module_is_left_alone():
    pytest.importorskip("lpips")
    model = module("squeeze").train()
    before = fingerprint(model)
    cw.perceptual_distance(pictures(2), pictures(1), backbone=model)
    assert fingerprint(model) == before


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(cw.ImageError, match="different sizes"):
        cw.perceptual_distance([np.zeros((9, 9, 3)), np.zeros((8, 9, 3))], np.zeros((9, 9, 3)))
    with pytest.raises(cw.ImageError, match="pictures are 64×80 pixels and the reference 32×32"):
        cw.perceptual_distance(pictures(1), pictures(1, (32, 32)))
    with pytest.raises(cw.ImageError, match="3 pictures are to be compared with 2"):
        cw.perceptual_distance(pictures(3), pictures(2))
    with pytest.raises(cw.ModelError, match=r"No layer of \w+ has spatial axes"):
        feature_layers(cw.Network(nn.Sequential(nn.Flatten(), nn.Linear(48, 4)), cw.Preprocess(3, (4, 4))))


def test_layers_are_found_inside_a_module_that_only_wraps_another():
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = cw.demo().model

        def forward(self, x):
            return self.inner(x)

    within = feature_layers(cw.Network(Wrapped(), cw.Preprocess(3, (96, 96))))
    assert within == tuple(f"inner.{name}" for name in feature_layers(cw.demo()))


def test_the_result_shows_its_parts():
    found = cw.perceptual_distance(pictures(3, (96, 96), 1), pictures(1, (96, 96), 2))
    text = found._repr_html_()
    assert text.count("<tr>") == 4
    assert "deep-feature distance (demo)" in text
    assert f"{found.values[0]:.3g}" in text
    assert repr(found).startswith("Distances(deep-feature distance (demo): 0.")
    np.testing.assert_allclose(found.parts.sum(1), found.values, rtol=1e-6)


def test_the_default_backbone_takes_none_of_the_users_random_numbers_and_works_in_inference_mode():
    before = torch.get_rng_state()
    with torch.inference_mode():
        found = cw.perceptual_distance(pictures(1), pictures(1, seed=1))
    assert float(found) > 0 if np.ndim(found) == 0 else np.asarray(found)[0] > 0
    assert torch.equal(before, torch.get_rng_state())


def test_pictures_too_small_for_the_backbone_and_options_of_the_wrong_kind_are_refused():
    with pytest.raises(cw.ImageError, match="does not take pictures of 1×1 pixels"):
        cw.perceptual_distance(pictures(1, (1, 1)), pictures(1, (1, 1)))
    for batch in (0, None, "x"):
        with pytest.raises(cw.ImageError, match="batch is"):
            cw.perceptual_distance(pictures(), pictures(), batch=batch)
    with pytest.raises(cw.ModelError, match="not int"):
        cw.perceptual_distance(pictures(), pictures(), backbone=5)
