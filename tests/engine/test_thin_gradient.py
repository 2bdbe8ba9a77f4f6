"""The gradient of one class through a convolution that gives the classes: the same numbers as autograd's, for less."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.thin_gradient import GlobalAverage, ThinConvolution, thin_layers

CLASSES = 40


def model_of(kernel: int = 1, **options: int) -> nn.Sequential:
    torch.manual_seed(0)
    head = nn.Conv2d(6, CLASSES, kernel, **options)
    nn.init.uniform_(head.bias, 0.1, 1.0)  # no class is off everywhere
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), head, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()


def gradients(model: nn.Sequential, images: torch.Tensor, score) -> tuple[torch.Tensor, torch.Tensor]:
    """By a trace, and by plain autograd."""
    network = cw.Network(model, cw.Preprocess(size=(12, 12)))
    trace = network.trace(images, wrt="1")
    found = trace.gradient(score(trace.logits), "1")
    leaf = model[1](model[0](images)).detach().requires_grad_()
    (true,) = torch.autograd.grad(score(model[2:](leaf)).sum(), leaf)
    return found, true


@pytest.mark.parametrize(
    "options", [{}, {"kernel": 3}, {"kernel": 3, "stride": 2, "padding": 1}, {"kernel": 2, "dilation": 2}]
)
@pytest.mark.parametrize(
    "score",
    [
        lambda logits: logits[:, 7],
        lambda logits: logits[:, [1, 2, 3]].sum(1),
        lambda logits: logits.softmax(1)[:, 7],
        lambda logits: logits.gather(1, torch.tensor([[3], [30]]))[:, 0],
    ],
    ids=["one class", "three classes", "all classes", "one each"],
)
def test_it_equals_autograd(options: dict[str, int], score) -> None:
    found, true = gradients(model_of(**options), torch.rand(2, 3, 12, 12), score)
    torch.testing.assert_close(found, true, atol=1e-7, rtol=1e-5)
    assert true.abs().max() > 0


def test_it_is_in_use_where_it_pays() -> None:
    network = cw.Network(model_of(), cw.Preprocess(size=(12, 12)))
    assert tuple(thin_layers(network.model, network.classes)) == (network.model[2], network.model[4])
    trace = network.trace(torch.rand(1, 3, 12, 12), "2", "4", wrt="1")
    assert ThinConvolution.__name__ in type(trace["2"].grad_fn).__name__
    assert GlobalAverage.__name__ in type(trace["4"].grad_fn).__name__
    assert tuple(thin_layers(network.model, 10)) == (network.model[4],)


def test_a_class_that_is_off_everywhere_has_the_gradient_zero() -> None:
    model = model_of()
    model[2].bias.data[7] = -1e3
    found, true = gradients(model, torch.rand(2, 3, 12, 12), lambda logits: logits[:, 7])
    assert torch.equal(found, true)
    assert not found.any()


def test_nan_is_not_lost() -> None:
    model = model_of()
    model[2].weight.data[7, 0] = float("nan")
    found, _ = gradients(model, torch.rand(1, 3, 12, 12), lambda logits: logits[:, 7] * float("nan"))
    assert found.isnan().any()


def test_nothing_of_it_stays_in_the_model() -> None:
    model = model_of()
    gradients(model, torch.rand(1, 3, 12, 12), lambda logits: logits[:, 7])
    assert not model[2]._forward_hooks
    assert not model[2]._forward_pre_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_training_step_in_another_thread_meanwhile_gets_its_own_gradients() -> None:
    model, images = model_of(), torch.rand(1, 3, 12, 12)
    network = cw.Network(model, cw.Preprocess(size=(12, 12)))
    assert network.layers  # found now, so that the hooks below are those of a trace
    found: list[torch.Tensor | None] = []

    def train(*_: object) -> None:
        """Called while the hooks of a trace are in place."""
        if not found:
            found.append(None)
            step = threading.Thread(
                target=lambda: found.append(torch.autograd.grad(model(images).sum(), model[2].weight)[0])
            )
            step.start()
            step.join()

    with model[1].register_forward_hook(train):
        network.trace(images, wrt="0")
    (true,) = torch.autograd.grad(model(images).sum(), model[2].weight)
    assert found[1] is not None
    torch.testing.assert_close(found[1], true)


# only the classes asked for ---------------------------------------------------------------------------------------------


def counted(model: nn.Sequential) -> list[int]:
    """How many pictures the head has run on, in each pass."""
    seen: list[int] = []
    whole = model[2].forward
    model[2].forward = lambda x: seen.append(len(x)) or whole(x)
    return seen


def test_a_class_s_score_takes_that_class_s_channel_alone() -> None:
    model, images = model_of(), torch.rand(2, 3, 12, 12)
    network = cw.Network(model, cw.Preprocess(size=(12, 12)))
    with torch.no_grad():
        true = model(images)
    network.ask(images, cw.class_score(7))  # the first time it is tried whether that is right
    seen = counted(model)
    for objective in (cw.class_score(7), cw.class_score([3, 30]), cw.class_score(7) - 2 * cw.class_score(9)):
        trace, (score,) = network.ask(images, objective, wrt="1")
        torch.testing.assert_close(score, objective(network.trace(images)), atol=1e-6, rtol=1e-5)
        assert torch.isnan(trace.logits[:, 20]).all()
        torch.testing.assert_close(trace.logits[:, 7].nan_to_num(0), true[:, 7] * (not trace.logits[:, 7].isnan().any()))
    assert seen == [0, 2] * 3  # on no picture when asked, on both when traced


def test_an_objective_that_may_read_any_class_gets_all_of_them() -> None:
    network = cw.Network(model_of(), cw.Preprocess(size=(12, 12)))
    for target in (cw.class_probability(3), cw.channel("1", 2) + cw.class_probability(3), lambda y: y[:, 3]):
        from cnnvis_widgets.engine.objectives import as_objective

        trace, _ = network.ask(torch.rand(2, 3, 12, 12), as_objective(target, network))
        assert torch.isfinite(trace.logits).all()


def test_a_network_that_mixes_its_classes_is_asked_again_in_full() -> None:
    """A softmax within the model makes every class depend on all: NaN tells, and nothing wrong is returned."""
    model = nn.Sequential(*model_of(), nn.Softmax(1))
    network, images = cw.Network(model, cw.Preprocess(size=(12, 12))), torch.rand(2, 3, 12, 12)
    trace, (score,) = network.ask(images, cw.class_score(5), wrt="image")
    with torch.no_grad():
        torch.testing.assert_close(score.detach(), model(images)[:, 5])
    leaf = images.clone().requires_grad_()
    (true,) = torch.autograd.grad(model(leaf)[:, 5].sum(), leaf)
    torch.testing.assert_close(trace.gradient(score, "image"), true, atol=1e-8, rtol=1e-4)


def test_a_network_that_decides_by_its_own_scores_is_found_out_before_it_answers() -> None:
    """No NaN comes out of a comparison: what is left out would change the answer without a sign."""

    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model_of()

        def forward(self, x):
            logits = self.inner(x)
            largest = torch.nan_to_num(logits, nan=-9.0).argmax(1)
            return torch.where(torch.arange(CLASSES) == largest[:, None], 2 * logits, logits)

    model, images = Gated().eval(), torch.rand(2, 3, 12, 12)
    with torch.no_grad():
        true = model(images)
    network = cw.Network(model, cw.Preprocess(size=(12, 12)))
    for index in (int(true[0].argmax()), int(true[0].argmin())):
        _, (score,) = network.ask(images, cw.class_score(index))
        torch.testing.assert_close(score, true[:, index])
        _, (score,) = network.unbounded().ask(images, cw.class_score(index))
        torch.testing.assert_close(score, true[:, index])


def test_a_head_with_the_user_s_hooks_runs_in_full_and_they_see_it() -> None:
    model, images = model_of(), torch.rand(2, 3, 12, 12)
    network = cw.Network(model, cw.Preprocess(size=(12, 12)))
    assert network.layers
    seen = []
    with model[2].register_forward_hook(lambda module, args, output: seen.append((len(args[0]), output.isnan().any()))):
        network.ask(images, cw.class_score(7))
    assert seen == [(2, False)]


def test_a_head_that_is_kept_or_edited_runs_in_full() -> None:
    network, images = cw.Network(model_of(), cw.Preprocess(size=(12, 12))), torch.rand(2, 3, 12, 12)
    trace, _ = network.ask(images, cw.class_score(7), layers=["2"])
    assert torch.isfinite(trace["2"]).all()
    with network.edit("2", lambda a: a * 0 + 3):
        _, (score,) = network.ask(images, cw.class_score(7))
    assert score.tolist() == [3, 3]


def test_a_layer_after_the_head_is_read_whole() -> None:
    network, images = cw.Network(model_of(), cw.Preprocess(size=(12, 12))), torch.rand(2, 3, 12, 12)
    trace, _ = network.ask(images, cw.class_score(7), layers=["3"], wrt="1")
    assert torch.isfinite(trace["3"]).all()
    inside = nn.Sequential(nn.Sequential(*model_of()[:2]), nn.Sequential(*model_of()[2:4]), *model_of()[4:])
    network = cw.Network(inside, cw.Preprocess(size=(12, 12)))
    trace, _ = network.ask(images, cw.class_score(7), layers=["1"], wrt="0")
    assert torch.isfinite(trace["1"]).all()
