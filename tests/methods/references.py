"""Reference implementations and real networks that the tests of attribution methods share."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional as F

import cnnvis_widgets as cw

REAL = {
    "squeezenet1_1": ("squeezenet1_1_imagenet.safetensors", ["features.12", "features.7"], [243, 171, 24]),
    "mobilenet_v2": ("mobilenet_v2_imagenet_fp16.safetensors", ["features.18", "features.13"], [243, 171, 24]),
    "resnet20": ("resnet20_cifar10.safetensors", ["layer3", "layer2"], [5, 3, 2]),
}
PHOTOS = ("cat_dog.png", "pets.jpg", "owl.jpg")


class ResNet20(nn.Module):
    """The CIFAR network of He et al. 2016, of torchvision's blocks, as its weights in the shared folder want it."""

    def __init__(self):
        from torchvision.models.resnet import BasicBlock

        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)

        def layer(inputs, outputs, stride):
            down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            first = BasicBlock(inputs, outputs, stride, down if stride > 1 else None)
            return nn.Sequential(first, BasicBlock(outputs, outputs), BasicBlock(outputs, outputs))

        self.layer1, self.layer2, self.layer3 = layer(16, 16, 1), layer(16, 32, 2), layer(32, 64, 2)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def real_network(name, folder):
    """A network with trained weights, and three photos as it takes them.

    In double precision: in single, a pixel's gradient jumps wherever two libraries round to other sides of a ReLU's corner.
    """
    file, layers, targets = REAL[name]
    if name == "resnet20":
        from safetensors.torch import load_file

        model = ResNet20()
        model.load_state_dict(load_file(folder / file))
        imagenet = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
        network = cw.Network(model.eval(), cw.Preprocess(channels=3, size=(32, 32), resize=32, **imagenet), name=name)
    else:
        network = cw.load(name, folder / file)
    network.model.double()
    return network, network.read([folder / "photos" / each for each in PHOTOS]).double(), layers, targets


class Whole(nn.Module):
    """Normalization and network as one module, so that others differentiate with respect to the same pixels."""

    def __init__(self, network):
        super().__init__()
        self.mean = torch.tensor(network.preprocess.mean, dtype=torch.float64).view(1, -1, 1, 1)
        self.std = torch.tensor(network.preprocess.std, dtype=torch.float64).view(1, -1, 1, 1)
        self.model = network.model

    def forward(self, x):
        return self.model((x - self.mean.to(x)) / self.std.to(x))


class ReferenceReLU(torch.autograd.Function):
    """A ReLU written by the definitions of the two papers."""

    @staticmethod
    def forward(ctx, x, ceiling, rule):
        ctx.rule = rule
        ctx.save_for_backward(x.clone(), torch.tensor(ceiling))
        return torch.where(x > 0, torch.where(x < ceiling, x, torch.full_like(x, ceiling)), torch.zeros_like(x))

    @staticmethod
    def backward(ctx, gradient):
        x, ceiling = ctx.saved_tensors
        positive = torch.where(gradient > 0, gradient, torch.zeros_like(gradient))
        if ctx.rule == "deconvnet":
            return positive, None, None
        return torch.where((x > 0) & (x < ceiling), positive, torch.zeros_like(gradient)), None, None


@contextmanager
def replaced_relus(rule):
    """Every ReLU of torch's library replaced by the reference, by another mechanism than the package's."""
    names = ("relu", "relu_", "relu6", "hardtanh")
    kept = {name: getattr(F, name) for name in names}
    F.relu = lambda x, inplace=False: ReferenceReLU.apply(x, float("inf"), rule)
    F.relu_ = lambda x: ReferenceReLU.apply(x, float("inf"), rule)
    F.relu6 = lambda x, inplace=False: ReferenceReLU.apply(x, 6.0, rule)
    F.hardtanh = lambda x, min_val=-1.0, max_val=1.0, inplace=False: ReferenceReLU.apply(x, float(max_val), rule)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(F, name, function)


def reference_gradient(network, images, targets, rule):
    """The gradient of each picture's class with respect to its pixels, with every ReLU replaced."""
    x = images.clone().requires_grad_()
    with replaced_relus(rule):
        logits = Whole(network)(x)
    return torch.autograd.grad(logits.gather(1, torch.tensor(targets)[:, None]).sum(), x)[0]
