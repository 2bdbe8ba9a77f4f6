"""A Network: what it takes, what it reads, what it answers to what it cannot use."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, pictures_for
from torch import nn

import cnnvis_widgets as cw


def _tiny():
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_no_module_is_refused():
    for given, message in (
        ("resnet50", "str is none.*cw.load"),
        (torch.jit.script(_tiny()), "scripted model hides"),
        (nn.ReLU, "type is none"),
    ):
        with pytest.raises(cw.ModelError, match=message):
            cw.Network(given)


def test_a_lazy_model_is_refused_and_stays_lazy():
    model = nn.Sequential(nn.LazyConv2d(4, 1))
    with pytest.raises(cw.ModelError, match=r"0.weight has no shape yet.*run the lazy model"):
        cw.Network(model)
    assert type(model[0]) is nn.LazyConv2d


def test_a_model_made_for_inference_alone_is_refused():
    with torch.inference_mode():
        model = _tiny()
    with pytest.raises(cw.ModelError, match=r"0.weight was made under torch.inference_mode.*build the model outside"):
        cw.Network(model)


def test_an_absent_device_is_said_and_another_gets_a_copy():
    for device in ("cuda:99", "warp"):
        with pytest.raises(cw.ModelError, match=rf"no device '{device}' here .*device='cpu'"):
            cw.Network(_tiny(), device=device)
    model = _tiny()
    assert cw.Network(model, device="cpu").model is model
    assert cw.Network(model, device="meta").model is not model
    assert model[0].weight.device.type == "cpu"


def test_lists_that_cannot_be_one_batch_say_why():
    network = cw.Network(_tiny())
    with pytest.raises(cw.ImageError, match=r"different sizes \(3×4×4, 3×6×4\).*one by one, or preprocess"):
        network.read([np.zeros((4, 4, 3)), np.zeros((6, 4, 3))])
    with pytest.raises(cw.ImageError, match="list of pictures is empty: give at least one"):
        network.read([])
    with pytest.raises(cw.ImageError, match=r"shape \(0, 3, 4, 4\)"):
        network.read(torch.zeros(0, 3, 4, 4))


def test_a_batch_of_any_type_is_read_picture_by_picture():
    network = cw.Network(_tiny(), cw.Preprocess(size=(4, 4)))
    batch = torch.randint(0, 256, (3, 3, 6, 5), dtype=torch.uint8)
    assert network.read(batch).shape == (3, 3, 4, 4)
    torch.testing.assert_close(network.read(batch), network.read(batch.permute(0, 2, 3, 1).numpy()))
    with pytest.raises(cw.ImageError, match="from -1 to -1"):
        network.read(torch.full((2, 3, 4, 4), -1.0))


def test_gradients_that_were_not_recorded_are_refused():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    trace = network.trace(images, "0.0")
    with pytest.raises(cw.GradientError, match=r"No gradient was recorded at '0.0': trace with wrt='0.0'"):
        trace.gradient(trace.logits[:, 0], "0.0")
    with pytest.raises(cw.LayerError, match=r"did not keep '0.3'. It has '0.0'|did not keep '0.3'. Did you mean '0.0'"):
        _ = trace["0.3"]
    with pytest.raises(cw.LayerError, match="It kept none"):
        _ = network.trace(images)["0.3"]


def test_a_score_that_does_not_depend_on_a_layer_has_zero_gradient():
    case = CASES["in-place ReLU"]
    trace = network_of(case).trace(pictures_for(case), wrt=["0.0", "0.3"])
    first, second = trace.gradients(trace["0.0"].sum((1, 2, 3)), ["0.0", "0.3"])
    assert (first == 1).all()
    assert (second == 0).all()


def test_layers_know_their_order_their_blocks_and_their_size():
    layers = {layer.name: layer for layer in network_of(CASES["reused ReLU"]).layers}
    assert list(layers) == ["conv1", "relu", "conv2", "relu_1_", "relu_1", "relu_2", "head"]
    assert layers["conv2"].size == (12, 12)
    assert layers["conv2"].channels == 8
    assert layers["head"].size == (0, 0)
    network = cw.load("resnet18", None)
    layers = {layer.name: layer for layer in network.layers}
    assert layers["layer2"].container
    assert layers["layer2.0"].parent == ""
    assert layers["layer2.0.downsample.0"].parent == "layer2.0"
    assert network.last_spatial_layer == "layer4.1"


def test_unknown_layers_and_labels_are_answered_with_the_nearest():
    network = cw.Network(_tiny(), cw.Preprocess(size=(4, 4)))
    with pytest.raises(cw.LayerError, match=r"Sequential has no layer 'conv'. It has '0', '1', '2'."):
        network.layer("conv")
    with pytest.raises(cw.TargetError, match=r"has no labels, so 'cat' cannot be looked up"):
        network.class_index("cat")


def test_a_survey_keeps_a_summary_of_every_layer():
    case = CASES["in-place ReLU"]
    network, images = network_of(case), pictures_for(case)
    found, predictions = network.survey(images, lambda _, a: a.flatten(1).amin(1))
    trace = network.trace(images, *found)
    for name, lowest in found.items():
        torch.testing.assert_close(lowest, trace[name].flatten(1).amin(1))
    np.testing.assert_allclose(predictions.logits, trace.logits, atol=1e-6)


def test_data_parallel_is_looked_through():
    model = _tiny()
    assert cw.Network(nn.DataParallel(model)).model is model


def test_listing_the_layers_changes_nothing():
    for case in CASES.values():
        model = module_of(case).train()
        before = fingerprint(model)
        assert network_of(case, model).layers
        assert fingerprint(model) == before


def test_a_batch_that_was_right_is_checked_again_once_it_is_written_to():
    network = cw.Network(torch.nn.Conv2d(3, 2, 1), cw.Preprocess(size=(4, 4)))
    images = torch.rand(2, 3, 4, 4)
    assert network.read(images) is network.read(images) is images
    images[0, 0, 0, 0] = float("nan")
    with pytest.raises(cw.ImageError, match="NaN"):
        network.read(images)
    images[0, 0, 0, 0] = 7
    with pytest.raises(cw.ImageError, match=r"from .* to 7"):
        network.read(images)
