"""Objectives beyond a class: pixels of a segmentation network, boxes of a detector, regression, differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from methods.nets import CASES, network_of, pictures_for
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw


class Segmenter(nn.Module):
    """Scores for each pixel at half the picture's resolution, in a mapping."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(6, 4, 1)

    def forward(self, x):
        return {"out": self.head(self.relu(self.conv(x)))}


class Detector(nn.Module):
    """Boxes in a fixed place, whose scores come from the picture."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Linear(6, 3)

    def forward(self, x):
        maps = self.relu(self.conv(x))
        found = []
        for picture in maps:
            halves = torch.stack([picture[:, :, :8].mean((1, 2)), picture[:, :, 8:].mean((1, 2))])
            scores, labels = self.head(halves).sigmoid()[:, 1:].max(1)
            boxes = torch.tensor([[0.0, 0.0, 8.0, 16.0], [8.0, 0.0, 16.0, 16.0]])
            found.append({"boxes": boxes, "scores": scores, "labels": labels + 1})
        return found


@pytest.fixture
def segmenter():
    torch.manual_seed(0)
    return cw.Network(Segmenter().eval(), cw.Preprocess(channels=3, size=(16, 16)), ["a", "b", "c", "d"])


@pytest.fixture
def detector():
    torch.manual_seed(0)
    return cw.Network(Detector().eval(), cw.Preprocess(channels=3, size=(16, 16)))


def test_a_pixel_score_is_the_mean_score_over_the_mask(segmenter):
    images = torch.rand(2, 3, 16, 16)
    logits = segmenter.model(images)["out"].detach()
    mask = np.zeros((16, 16), bool)
    mask[4:8, 2:10] = True  # rows 2–3 and columns 1–4 of the output
    found = cw.pixel_score("c", mask)(segmenter.trace(images))
    torch.testing.assert_close(found, logits[:, 2, 2:4, 1:5].mean((1, 2)))
    own = np.stack([mask, ~mask])
    rest = logits[1, 2].sum() - logits[1, 2, 2:4, 1:5].sum()
    torch.testing.assert_close(cw.pixel_score(2, own)(segmenter.trace(images))[1], rest / (64 - 8))
    exact = np.zeros((8, 8), bool)
    exact[5, 6] = True
    torch.testing.assert_close(cw.pixel_score(1, exact)(segmenter.trace(images)), logits[:, 1, 5, 6])


def test_one_pixel_between_the_network_s_own_is_still_asked(segmenter):
    mask = np.zeros((16, 16), bool)
    mask[5, 7] = True
    images = torch.rand(1, 3, 16, 16)
    found = cw.pixel_score(0, mask)(segmenter.trace(images))
    torch.testing.assert_close(found, segmenter.model(images)["out"].detach()[:, 0, 2, 3])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((16, 16), bool), "is an empty mask"),
        (np.ones((2, 2, 2, 2), bool), "is no mask of pixels"),
        (np.stack([np.ones((16, 16), bool), np.zeros((16, 16), bool)]), "is an empty mask"),
    ],
)
def test_a_mask_that_is_none_is_refused(mask, message):
    with pytest.raises(cw.TargetError, match=message):
        cw.pixel_score(0, mask)


def test_masks_and_pictures_must_be_as_many(segmenter):
    with pytest.raises(cw.TargetError, match="1 pictures need 1 masks"):
        cw.pixel_score(0, np.ones((2, 16, 16), bool))(segmenter.trace(torch.rand(1, 3, 16, 16)))


def test_pixels_of_a_classifier_and_boxes_of_one_are_refused():
    network, images = network_of(CASES["in-place ReLU"]), pictures_for(CASES["in-place ReLU"])
    with pytest.raises(cw.TargetError, match="not one a pixel: use class_score"):
        cw.pixel_score(0, np.ones((16, 16), bool))(network.trace(images))
    with pytest.raises(cw.TargetError, match="does not detect boxes"):
        cw.box_score(0, 0)(network.trace(images))


def test_only_the_pixels_asked_about_have_a_gradient(segmenter):
    mask = np.zeros((16, 16), bool)
    mask[:, :8] = True
    found = cw.saliency(segmenter, torch.rand(1, 3, 16, 16), cw.pixel_score(1, mask)).values[0]
    assert found[:, :8].max() > 0
    assert not found[:, 9:].any()


def test_each_mask_is_for_its_own_picture_in_long_methods_too(segmenter):
    images = torch.rand(2, 3, 16, 16)
    masks = np.zeros((2, 16, 16), bool)
    masks[0, :, :8], masks[1, :, 8:] = True, True
    both = cw.integrated_gradients(segmenter, images, cw.pixel_score(1, masks), steps=4).result().values
    for picture in range(2):
        alone = cw.integrated_gradients(segmenter, images[picture], cw.pixel_score(1, masks[picture]), steps=4).result()
        np.testing.assert_allclose(both[picture], alone.values[0], atol=1e-6)


def test_a_box_s_score_is_that_of_the_box_of_the_class_which_overlaps_it_most(detector):
    images = torch.rand(2, 3, 16, 16)
    trace = detector.trace(images, wrt="image")
    for picture, found in enumerate(trace.output):
        for box in (0, 1):
            label = int(found["labels"][box])
            by_index = cw.box_score(label, box)(trace)[picture]
            near = (1.0, 0.5, 7.0, 15.0) if box == 0 else (9.0, 0.0, 16.0, 14.0)
            torch.testing.assert_close(by_index, found["scores"][box])
            torch.testing.assert_close(cw.box_score(label, near)(trace)[picture], found["scores"][box])
            assert float(cw.box_score(0, near)(trace)[picture].detach()) == 0
    assert float(cw.box_score(1, (6.0, 0.0, 10.0, 4.0))(trace)[0].detach()) == 0


@pytest.mark.parametrize(
    ("box", "message"), [(5, "2 boxes in this picture, so there is no box 5"), ((1.0, 2.0), "left, top, right and bottom")]
)
def test_a_box_that_does_not_exist_is_refused(detector, box, message):
    with pytest.raises(cw.TargetError, match=message):
        cw.box_score(1, box)(detector.trace(torch.rand(1, 3, 16, 16)))


def test_a_box_is_explained_by_its_own_half_of_the_picture(detector):
    images = torch.rand(1, 3, 16, 16)
    label = int(detector.trace(images).output[0]["labels"][0])
    found = cw.saliency(detector, images, cw.box_score(label, 0)).values[0]
    assert found[:, :8].max() > 0
    assert not found[:, 9:].any()
    cam = cw.score_cam(detector, images, cw.box_score(label, (0, 0, 8, 16)), layer="relu").result()
    assert np.isfinite(cam.values).all()


def test_the_difference_of_two_classes_and_a_regression_s_only_output():
    case = CASES["reused ReLU"]
    network, images = network_of(case), pictures_for(case)
    difference = cw.saliency(network, images, cw.class_score(1) - cw.class_score(4), signed=True).channels
    apart = [cw.saliency(network, images, target, signed=True).channels for target in (1, 4)]
    np.testing.assert_allclose(difference, apart[0] - apart[1], atol=1e-6)
    for output in (lambda y: y, lambda y: y[:, 0]):
        regression = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
        model = cw.Network(nn.Sequential(regression), cw.Preprocess(size=(8, 8)))
        target = 0 if output(torch.zeros(1, 1)).ndim == 2 else output
        assert cw.grad_cam(model, torch.rand(2, 3, 8, 8), target, layer="0.1").values.shape == (2, 6, 6)


FEW = {"box_score_thresh": 0.0, "rpn_post_nms_top_n_test": 20, "box_detections_per_img": 10}
EVERY = {
    "saliency": cw.saliency,
    "guided_backprop": cw.guided_backprop,
    "deconvnet": cw.deconvnet,
    "grad_cam": cw.grad_cam,
    "hires_cam": cw.hires_cam,
    "smooth_grad": lambda *asked: cw.smooth_grad(*asked, samples=2).result(),
    "integrated_gradients": lambda *asked: cw.integrated_gradients(*asked, steps=2).result(),
}


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_resnet50"])
def test_torchvision_s_segmentation_networks_are_explained_at_their_pixels(name):
    torch.manual_seed(0)
    network = cw.load(name, weights=None)
    network = cw.Network(network.model, cw.Preprocess(3, (96, 96), mean=(0.5,) * 3, std=(0.25,) * 3), network.labels)
    images = torch.rand(1, 3, 96, 96)
    mask = np.zeros((96, 96), bool)
    mask[20:50, 30:60] = True
    layer = network.last_spatial_layer
    for method in EVERY.values():
        found = method(network, images, cw.pixel_score(3, mask))
        assert np.isfinite(found.values).all()
        assert found.values.any()
    short = cw.score_cam(network, images, cw.pixel_score(3, mask), layer=layer)
    next(short)
    short.close()
    logits = network.trace(images).logits
    expected = F.interpolate(torch.from_numpy(mask)[None, None].float(), logits.shape[2:], mode="area")[0, 0] > 0.5
    torch.testing.assert_close(
        cw.pixel_score(3, mask)(network.trace(images))[0], logits[0, 3][expected].mean(), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("name", "layer", "options"),
    [
        ("fasterrcnn_mobilenet_v3_large_320_fpn", "backbone.body.16", FEW),
        ("fasterrcnn_resnet50_fpn", "backbone.body.layer4", FEW | {"min_size": 96, "max_size": 128}),
        ("ssdlite320_mobilenet_v3_large", "backbone.features.0", {"score_thresh": 0.0, "topk_candidates": 5}),
    ],
)
def test_torchvision_s_detectors_are_explained_at_their_boxes(name, layer, options):
    torch.manual_seed(0)
    network = cw.load(name, weights=None, **options)
    images = torch.rand(1, 3, 128, 128)
    found = network.trace(images).output[0]
    assert len(found["scores"])
    label, box = int(found["labels"][0]), found["boxes"][0].tolist()
    objective = cw.box_score(label, box)
    torch.testing.assert_close(objective(network.trace(images))[0], found["scores"][0])
    assert network.last_spatial_layer.startswith("backbone")
    for name_of_method, method in EVERY.items():
        made = method(network, images, objective, **({"layer": layer} if "cam" in name_of_method else {}))
        assert np.isfinite(made.values).all(), name_of_method
        # Noise, or half the way from black, may leave no box there: then the score is 0, and so is its gradient.
        assert made.values.any() or name_of_method in ("smooth_grad", "integrated_gradients")
