"""How pictures are written as numbers: against Lucent's, against numpy's FFT, and there and back."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnvis_widgets.engine.errors import AscentError
from cnnvis_widgets.engine.parameterization import (
    IMAGENET_COLORS,
    Fourier,
    Laplacian,
    MaCo,
    Pixels,
    color_matrix,
    frequencies,
    mixed,
    spectrum_of,
)
from cnnvis_widgets.engine.recipe import Recipe

EVERY = [Pixels(), Pixels(decorrelated=True), Fourier(), Fourier(decay=1.5), Laplacian(), Laplacian(levels=2), MaCo()]
EXACT = [each for each in EVERY if not isinstance(each, MaCo)]
SIZES = [(8, 8), (7, 9), (9, 8), (6, 13), (1, 5), (5, 1), (1, 1), (2, 2)]


def drawn(seed: int = 0, batch: int = 2):
    """A function that draws noise for a batch."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *size: torch.randn(batch, *size, generator=generator)


def photos(batch: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.05


@pytest.mark.parametrize("size", [(8, 8), (16, 10), (9, 12), (9, 7), (12, 9), (10, 7)])
def test_fourier_equals_lucents_transform(size):
    spatial = pytest.importorskip("lucent.optvis.param.spatial")
    torch.manual_seed(4)
    (theirs,), picture = spatial.fft_image((2, 3, *size), sd=0.4)
    ours = theirs.detach()[
        :, :, :, : size[1] // 2 + 1
    ]  # Lucent keeps one column more for odd widths, which is never read
    found = Fourier().values([ours], (2, 3, *size))
    torch.testing.assert_close(found, picture().detach(), atol=1e-6, rtol=1e-6)


def test_decorrelation_equals_lucents_matrix_and_picture():
    color = pytest.importorskip("lucent.optvis.param.color")
    assert np.allclose(IMAGENET_COLORS, color.color_correlation_svd_sqrt, atol=1e-6)
    values = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(1))
    expected = color.to_valid_rgb(lambda: values, decorrelate=True)()
    canvas = Pixels(decorrelated=True).canvas((2, 3, 5, 7))
    canvas.leaves[0].data.copy_(values)
    torch.testing.assert_close(canvas.pictures().detach(), expected, atol=1e-6, rtol=1e-6)
    flat = Pixels().canvas((2, 3, 5, 7))
    flat.leaves[0].data.copy_(values)
    torch.testing.assert_close(flat.pictures().detach(), color.to_valid_rgb(lambda: values)(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("decay", [0.0, 1.0, 2.0])
def test_fourier_is_numpys_inverse_transform_of_scaled_frequencies(size, decay):
    height, width = size
    (leaf,) = Fourier(decay=decay, spread=1.0).noise((2, 4, *size), drawn())
    spectrum = torch.view_as_complex(leaf.clone()).numpy()
    for down in range(height):
        for across in range(width // 2 + 1):
            f = math.hypot(np.fft.fftfreq(height)[down], across / width)
            spectrum[:, :, down, across] *= 1 / max(f, 1 / max(size)) ** decay / 4
    expected = np.fft.irfft2(spectrum, s=size, norm="ortho")
    found = Fourier(decay=decay).values([leaf], (2, 4, *size))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("size", SIZES)
def test_frequencies_are_in_cycles_a_pixel(size):
    height, width = size
    table = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, : width // 2 + 1])
    np.testing.assert_allclose(frequencies(*size), table, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("written", EVERY, ids=repr)
def test_every_parameterization_shows_pictures_of_every_size_and_number_of_channels(written, channels, size):
    canvas = written.canvas((2, channels, *size), drawn())
    pictures = canvas.pictures()
    assert pictures.shape == (2, channels, *size)
    assert torch.isfinite(pictures).all()
    assert 0 <= pictures.min() <= pictures.max() <= 1
    gradients = torch.autograd.grad(pictures.square().sum(), canvas.leaves)
    assert all(torch.isfinite(each).all() for each in gradients)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("written", EXACT, ids=repr)
def test_a_start_picture_is_shown_as_it_is(written, channels, size):
    start = photos(2, channels, *size)
    found = written.canvas((2, channels, *size), start=start).pictures()
    torch.testing.assert_close(found.detach(), start, atol=2e-5, rtol=0)


def test_a_start_picture_keeps_its_phases_where_strengths_are_given():
    start = photos(1, 3, 16, 16)
    canvas = MaCo(decorrelated=False).canvas((1, 3, 16, 16), start=start)
    torch.testing.assert_close(
        canvas.leaves[0].detach(), torch.fft.rfft2(torch.logit(start)).angle(), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("written", EVERY, ids=repr)
def test_gradients_are_those_of_small_differences(written):
    shape = (1, 3, 5, 6)
    canvas = written.canvas(shape, drawn(batch=1))
    leaves = [(leaf.detach() * 20).double().requires_grad_() for leaf in canvas.leaves]
    double = type(written)(**{**vars(written), "decorrelated": False})
    assert torch.autograd.gradcheck(lambda *given: torch.sigmoid(double.values(list(given), shape)), leaves, atol=1e-6)


@pytest.mark.parametrize("written", EVERY, ids=repr)
def test_a_picture_of_a_batch_is_that_of_the_picture_alone(written):
    together = written.canvas((3, 3, 9, 10), drawn(batch=3))
    whole = together.pictures()
    for index in range(3):
        alone = written.canvas((1, 3, 9, 10), drawn(batch=1))
        for leaf, part in zip(alone.leaves, together.leaves, strict=True):
            leaf.data.copy_(part.detach()[index : index + 1])
        torch.testing.assert_close(alone.pictures()[0], whole[index], atol=1e-6, rtol=0)


def test_without_noise_a_canvas_is_gray():
    for written in EXACT:
        torch.testing.assert_close(written.canvas((1, 3, 6, 7)).pictures().detach(), torch.full((1, 3, 6, 7), 0.5))


def test_a_step_in_fourier_is_smoother_than_one_in_pixels():
    roughness = []
    for written in (Pixels(), Laplacian(), Fourier(decorrelated=False), Fourier(decay=2.0, decorrelated=False)):
        canvas = written.canvas((1, 3, 64, 64))
        wanted = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        step = torch.autograd.grad((canvas.pictures() * wanted).sum(), canvas.leaves)
        change = written.values(list(step), (1, 3, 64, 64))  # linear in the leaves, where all begins at zero
        roughness.append(float(change.diff(dim=-1).norm() / change.norm()))
    assert roughness[0] > roughness[2] > roughness[3]
    assert roughness[0] > roughness[1]


def test_maco_keeps_the_strength_of_every_frequency_and_the_contrast():
    written, shape = MaCo(decorrelated=False, contrast=0.7), (2, 3, 12, 14)
    values = written.values(written.noise(shape, drawn()), shape)
    strength = torch.fft.rfft2(values).abs()
    expected = torch.as_tensor(1 / np.maximum(frequencies(12, 14), 1 / 14), dtype=torch.float32)
    # Columns 0 and 7 are their own mirror images, where a phase is not free; all others keep the ratios.
    inner = strength[..., 1:-1] / expected[:, 1:-1]
    torch.testing.assert_close(inner, inner.mean((2, 3), keepdim=True).expand_as(inner), rtol=1e-3, atol=0)
    torch.testing.assert_close(values.std((1, 2, 3), unbiased=False), torch.full((2,), 0.7), rtol=1e-3, atol=0)
    assert values.mean((2, 3)).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(16, 16), (12, 20)])
def test_maco_equals_horamas_where_its_phases_are_standardized(size):
    theirs = pytest.importorskip("horama.maco_fv")
    spectrum = spectrum_of(photos(6, 3, 32, 32, seed=2), size=size)
    phases = torch.randn(3, size[0], size[1] // 2 + 1, generator=torch.Generator().manual_seed(3))
    phases = (phases - phases.mean()) / phases.std()  # horama does that at every step, the paper does not
    expected = theirs.maco_preconditioner(torch.from_numpy(spectrum), phases, (0.0, 1.0), torch.device("cpu"))
    matrix = theirs.recorrelate_colors(torch.eye(3).T[:, :, None], torch.device("cpu"))[:, :, 0].T
    colors = matrix.T.numpy()
    length = float(np.linalg.norm(colors, axis=0).max())  # by which ours divides the matrix
    written = MaCo(spectrum=spectrum, colors=tuple(map(tuple, colors.tolist())), contrast=length)
    canvas = written.canvas((1, 3, *size))
    canvas.leaves[0].data.copy_(phases[None])
    # Deviations are taken over n - 1 there and over n here, and 1e-4 is added.
    torch.testing.assert_close(canvas.pictures().detach()[0], expected, atol=2e-3, rtol=0)


def test_maco_takes_the_spectrum_of_photos_at_any_size():
    images = photos(5, 3, 40, 30)
    spectrum = spectrum_of(images, size=(16, 16))
    assert spectrum.shape == (3, 16, 9)
    assert (spectrum[:, 0, 0] < 1e-3).all()
    for size in ((16, 16), (9, 31), (2, 2)):
        picture = MaCo(spectrum=spectrum).canvas((1, 3, *size), drawn(batch=1)).pictures()
        assert torch.isfinite(picture).all()
    with pytest.raises(AscentError, match=r"spectrum is \(2, 16, 9\)"):
        MaCo(spectrum=spectrum[:2]).canvas((1, 3, 8, 8), drawn(batch=1)).pictures()


def test_the_spectrum_is_the_mean_size_of_numpys_transform():
    images = photos(3, 2, 12, 10)
    centered = images.numpy() - images.numpy().mean((2, 3), keepdims=True)
    np.testing.assert_allclose(spectrum_of(images, size=(12, 10)), np.abs(np.fft.rfft2(centered)).mean(0), atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_the_color_matrix_is_a_square_root_of_the_covariance_of_the_channels(channels):
    images = photos(3, channels, 15, 11)
    images[:, -1] = 0.7 * images[:, 0] + 0.3 * images[:, -1]
    root = color_matrix(images)
    pixels = images.permute(1, 0, 2, 3).flatten(1).numpy()
    np.testing.assert_allclose(root @ root.T, np.atleast_2d(np.cov(pixels, bias=True)), atol=1e-7)
    square = root.T @ root
    assert np.abs(square - np.diag(np.diag(square))).max() < 1e-9  # its columns are independent
    assert list(np.diag(square)) == sorted(np.diag(square), reverse=True)


def test_the_color_matrix_takes_pictures_of_different_sizes_and_changes_what_a_step_does():
    images = [photos(1, 3, 4, 5)[0], photos(1, 3, 7, 3, seed=1)[0]]
    colors = color_matrix(images)
    given = Pixels(decorrelated=True, colors=colors)
    values = photos(1, 3, 4, 4)
    canvas = given.canvas((1, 3, 4, 4))
    canvas.leaves[0].data.copy_(values)
    longest = np.linalg.norm(colors, axis=0).max()
    expected = np.einsum("ij,njhw->nihw", colors / longest, values.numpy())
    torch.testing.assert_close(
        torch.logit(canvas.pictures().detach()), torch.as_tensor(expected).float(), atol=1e-4, rtol=0
    )


def test_mixing_is_the_matrix_times_the_color_of_each_pixel():
    values, matrix = photos(2, 4, 3, 5), torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    expected = np.einsum("ij,njhw->nihw", matrix.numpy(), values.numpy())
    np.testing.assert_allclose(mixed(values, matrix).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pixels(spread=-1.0), "spread is -1"),
        (lambda: Fourier(spread=float("nan")), "spread is nan"),
        (
            lambda: Pixels(decorrelated=True, colors=((1.0, 0.0), (0.0, 1.0))).canvas((1, 3, 4, 4)),
            "colors is 2 × 2 .* 3 channels",
        ),
        (lambda: Pixels(decorrelated=True, colors=((0.0,) * 3,) * 3).canvas((1, 3, 4, 4)), "square matrix"),
        (lambda: color_matrix([]), "at least one pixel"),
        (lambda: spectrum_of([]), "at least one"),
    ],
)
def test_what_cannot_be_written_is_refused_with_what_to_give(make, message):
    with pytest.raises(AscentError, match=message):
        make()


@pytest.mark.parametrize(
    "written", [*EVERY, Fourier(colors=color_matrix(photos(2, 3, 4, 4))), MaCo(contrast=0.5)], ids=repr
)
def test_a_parameterization_can_be_written_down_and_read_again(written):
    recipe = Recipe(written)
    assert Recipe.of_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_recipes_with_other_spectra_are_others_and_the_same_are_equal_and_found_in_a_dict():
    one, other = (np.random.default_rng(seed).random((3, 8, 5)) for seed in (0, 1))
    assert MaCo(spectrum=one) == MaCo(spectrum=one.astype(np.float32))
    assert MaCo(spectrum=one) != MaCo(spectrum=other)
    assert MaCo(spectrum=one) != MaCo()
    assert {MaCo(spectrum=one): 1}[MaCo(spectrum=torch.from_numpy(one))] == 1
