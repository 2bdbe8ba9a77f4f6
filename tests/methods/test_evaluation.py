"""Each measure against its definition written out slowly, against maps whose worth is known, and on broken maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from methods.nets import CASES, fingerprint, module_of, network_of, pictures_for
from torch import nn

import cnnvis_widgets as cw
from cnnvis_widgets.engine.perturbation import filled, random_map

SCENES = list(cw.scenes(24, seed=11))
IMAGES, LABELS = [scene.image for scene in SCENES], [scene.label for scene in SCENES]
MASKS = np.stack([scene.mask for scene in SCENES])
BROKEN = [np.nan, np.inf, -np.inf]


@pytest.fixture(scope="module")
def network():
    return cw.demo()


def edges(network, images, target):
    """An edge detector: it never asks the network."""
    down, right = torch.gradient(images.mean(1), dim=(1, 2))
    return (down**2 + right**2).sqrt().numpy()


def gradient(network, images, target):
    trace = network.trace(images, wrt="image")
    score = cw.class_score(target)(trace)
    return trace.gradient(score, "image").abs().amax(1).numpy()


def perfect():
    return MASKS.astype(np.float32)


# pointing game and energy, against the truth --------------------------------------------------------------------------


def test_a_map_that_is_the_true_mask_has_all_its_energy_inside_and_points_there():
    centers = np.zeros(MASKS.shape, np.float32)
    for field, mask in zip(centers, MASKS, strict=True):
        inside = np.argwhere(mask)
        row, column = inside[((inside - inside.mean(0)) ** 2).sum(1).argmin()]
        field[row, column] = 1
    np.testing.assert_array_equal(cw.mask_overlap(perfect(), MASKS), 1.0)
    assert cw.pointing_game(perfect(), MASKS).all()
    assert cw.pointing_game(perfect() + centers, MASKS).all()


def test_a_map_of_everything_else_has_no_energy_inside_and_misses():
    np.testing.assert_array_equal(cw.mask_overlap(1 - perfect(), MASKS), 0.0)
    assert not cw.pointing_game(1 - perfect(), MASKS).any()


def test_a_random_map_gets_the_share_of_the_mask():
    draw = np.random.default_rng(0)
    mask, many = np.broadcast_to(MASKS[0], (400, 96, 96)), draw.random((400, 12, 12), np.float32)
    share = MASKS[0].mean()
    assert cw.mask_overlap(many, mask).mean() == pytest.approx(share, abs=0.02)
    assert cw.pointing_game(many, mask).mean() == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, *BROKEN])
def test_a_map_that_is_the_same_everywhere_points_nowhere_and_wins_nothing(value):
    flat = np.full((1, 12, 12), value, np.float32)
    assert not cw.pointing_game(flat, MASKS[0])
    expected = MASKS[0].mean() if value == 3 else 0
    assert cw.mask_overlap(flat, MASKS[0])[0] == pytest.approx(expected)


def test_negative_values_count_as_nothing():
    field = np.full((1, 12, 12), -5.0, np.float32)
    field[0, 2, 3] = 1.0
    alone = np.maximum(field, 0)
    np.testing.assert_array_equal(cw.mask_overlap(field, MASKS[0]), cw.mask_overlap(alone, MASKS[0]))
    assert cw.pointing_game(field, MASKS[0]) == cw.pointing_game(alone, MASKS[0])


@pytest.mark.parametrize("bad", BROKEN)
def test_what_is_not_a_number_counts_as_nothing(bad):
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    field = np.zeros((1, 8, 8), np.float32)
    field[0, 1, 1], field[0, 6, 6] = 2.0, bad
    assert cw.mask_overlap(field, mask)[0] == 1
    assert cw.pointing_game(field, mask)[0]


def test_of_equally_strong_places_all_have_to_lie_on_the_thing():
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    field = np.zeros((1, 8, 8), np.float32)
    field[0, 0, 0] = field[0, 3, 7] = 1
    assert cw.pointing_game(field, mask)[0]
    field[0, 7, 7] = 1
    assert not cw.pointing_game(field, mask)[0]


def pointing_by_definition(field, mask, tolerance):
    best, place = -math.inf, None
    for row in range(field.shape[0]):
        for column in range(field.shape[1]):
            if field[row, column] > best:
                best, place = field[row, column], (row, column)
    if best <= 0:
        return False
    y = int((place[0] + 0.5) * mask.shape[0] / field.shape[0])
    x = int((place[1] + 0.5) * mask.shape[1] / field.shape[1])
    return any(
        mask[row, column] and (row - y) ** 2 + (column - x) ** 2 <= tolerance**2
        for row in range(mask.shape[0])
        for column in range(mask.shape[1])
    )


@pytest.mark.parametrize("tolerance", [0, 1, 7.5, 15])
@pytest.mark.parametrize("size", [(12, 12), (7, 9), (96, 96)])
def test_the_pointing_game_is_its_definition(tolerance, size):
    fields = np.random.default_rng(1).normal(size=(24, *size)).astype(np.float32)
    expected = [pointing_by_definition(*each, tolerance) for each in zip(fields, MASKS, strict=True)]
    assert cw.pointing_game(fields, MASKS, tolerance=tolerance).tolist() == expected
    assert 0 < sum(expected) < 24


def test_energy_at_the_resolution_of_the_picture_is_its_definition():
    fields = np.random.default_rng(2).normal(size=(24, 96, 96)).astype(np.float32)
    for field, mask, found in zip(fields, MASKS, cw.mask_overlap(fields, MASKS), strict=True):
        inside = whole = 0.0
        for row in range(96):
            for column in range(96):
                value = max(0.0, float(field[row, column]))
                whole += value
                inside += value * mask[row, column]
        assert found == pytest.approx(inside / whole, rel=1e-5)


def test_energy_of_a_coarse_map_is_that_of_the_map_drawn_out():
    fields = np.random.default_rng(3).normal(size=(24, 12, 12)).astype(np.float32).clip(0)
    wide = torch.nn.functional.interpolate(torch.from_numpy(fields)[:, None], (96, 96), mode="bilinear")[:, 0].numpy()
    expected = (wide * MASKS).sum((1, 2)) / wide.sum((1, 2))
    np.testing.assert_allclose(cw.mask_overlap(fields, MASKS), expected, rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-8, 0.25, 4096.0])
def test_no_measure_depends_on_the_scale_of_a_map(network, factor):
    field = cw.grad_cam(network, IMAGES[0], LABELS[0]).values
    image, mask = IMAGES[0], MASKS[0]
    assert cw.pointing_game(field * factor, mask) == cw.pointing_game(field, mask)
    np.testing.assert_allclose(cw.mask_overlap(field * factor, mask), cw.mask_overlap(field, mask), rtol=1e-5)
    for sweep in (cw.insertion, cw.deletion):
        scaled, plain = sweep(network, image, field * factor, steps=8), sweep(network, image, field, steps=8)
        np.testing.assert_allclose(scaled.values, plain.values, atol=1e-5)
    drops = [cw.average_drop(network, image, each) for each in (field, field * factor)]
    np.testing.assert_allclose(drops[0].after, drops[1].after, atol=1e-5)

    def scaled(network, images, target):
        return gradient(network, images, target) * factor

    one, other = (cw.max_sensitivity(network, image, each, samples=2) for each in (gradient, scaled))
    np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize(
    ("maps", "masks", "message"),
    [
        (np.ones((2, 4, 4)), np.zeros((2, 8, 8), bool), "Mask 0 is empty"),
        (np.ones((2, 4, 4)), np.ones((3, 8, 8), bool), "2 maps need 2 masks, one each, or a single one; 3"),
        (np.ones((2, 4, 4)), np.ones(8, bool), r"Masks are \(N, height, width\).*shape \(8,\)"),
        (cw.Heatmap(np.ones((1, 4, 4)), np.zeros((1, 8, 9, 3), np.uint8), "x"), np.ones((8, 8)), "8 × 8 and.*8 × 9"),
    ],
)
def test_masks_that_do_not_fit_are_refused(maps, masks, message):
    for measure in (cw.pointing_game, cw.mask_overlap):
        with pytest.raises(cw.ImageError, match=message):
            measure(maps, masks)


def test_what_is_no_map_is_refused():
    with pytest.raises(cw.EvaluationError, match=r"A heatmap is \(N, h, w\).*shape \(1, 3, 4, 4\)"):
        cw.mask_overlap(np.ones((1, 3, 4, 4)), np.ones((8, 8)))


def test_one_mask_serves_several_maps_of_one_picture(network):
    heatmap = cw.grad_cam(network, IMAGES[0], [0, 1, 2])
    several = [cw.mask_overlap(heatmap, MASKS[0]), cw.pointing_game(heatmap, MASKS[0])]
    for found in several:
        assert found.shape == (3,)
    np.testing.assert_array_equal(several[0], cw.mask_overlap(heatmap, np.stack([MASKS[0]] * 3)))


# insertion and deletion, against the network --------------------------------------------------------------------------


def sweep_by_definition(case, model, picture, field, target, fill, steps, *, insert):
    """One picture at a time, pixel by pixel in order; the softmax written out."""
    mean = torch.tensor((0.4, 0.5, 0.45)).view(3, 1, 1)
    std = torch.tensor((0.2, 0.25, 0.22)).view(3, 1, 1)
    height, width = picture.shape[1:]
    order = sorted(range(height * width), key=lambda at: -field[at // width, at % width])
    curve = []
    for step in range(steps + 1):
        count = round(step * height * width / steps)
        current = (fill if insert else picture).clone()
        for at in order[:count]:
            row, column = divmod(at, width)
            current[:, row, column] = (picture if insert else fill)[:, row, column]
        with torch.no_grad():
            powers = [math.exp(score) for score in model(((current - mean) / std)[None])[0].tolist()]
        curve.append(powers[target] / sum(powers))
    return curve


@pytest.mark.parametrize("insert", [True, False])
@pytest.mark.parametrize("fill", ["blur", "gray", "mean"])
@pytest.mark.parametrize("case", ["in-place ReLU", "not square"])
def test_insertion_and_deletion_are_their_definitions(case, fill, insert):
    case = CASES[case]
    network, model, pictures = network_of(case), module_of(case), pictures_for(case)
    fields = np.random.default_rng(0).normal(size=(3, *case.size)).astype(np.float32)
    sweep = cw.insertion if insert else cw.deletion
    found = sweep(network, pictures, fields, [3, 0, 1], steps=7, fill=fill)
    for index, target in enumerate([3, 0, 1]):
        other = filled(pictures[index : index + 1], fill)[0]
        args = (case, model, pictures[index], fields[index], target, other, 7)
        np.testing.assert_allclose(found.values[index], sweep_by_definition(*args, insert=insert), atol=1e-5)
    np.testing.assert_allclose(found.x, np.arange(8) / 7)
    assert found.names == ("label 3", "label 0", "label 1")


def test_both_begin_and_end_where_they_should(network):
    heatmap = cw.grad_cam(network, IMAGES[:4], LABELS[:4])
    whole = network.predict(IMAGES[:4]).probabilities[range(4), LABELS[:4]]
    blurred = network.predict(filled(network.read(IMAGES[:4]), "blur")).probabilities[range(4), LABELS[:4]]
    coming = cw.insertion(network, IMAGES[:4], heatmap, LABELS[:4], steps=5).values
    going = cw.deletion(network, IMAGES[:4], heatmap, LABELS[:4], steps=5, fill="blur").values
    np.testing.assert_allclose(coming[:, [0, -1]], np.stack([blurred, whole], 1), atol=1e-5)
    np.testing.assert_allclose(going[:, [0, -1]], np.stack([whole, blurred], 1), atol=1e-5)


def test_the_true_mask_is_a_better_map_than_chance_and_its_inverse_a_worse_one(network):
    """Averaged over scenes, by more than four standard errors, for both measures."""
    chance = np.stack([random_map((96, 96), seed) for seed in range(24)])
    areas = {
        (sweep.__name__, name): sweep(network, IMAGES, field, LABELS, steps=16).auc
        for sweep in (cw.insertion, cw.deletion)
        for name, field in (("right", perfect()), ("chance", chance), ("wrong", 1 - perfect()))
    }

    def clearly(larger, smaller):
        difference = areas[larger] - areas[smaller]
        return difference.mean() > 4 * difference.std(ddof=1) / math.sqrt(24)

    assert clearly(("insertion", "right"), ("insertion", "chance"))
    assert clearly(("insertion", "chance"), ("insertion", "wrong"))
    assert clearly(("deletion", "chance"), ("deletion", "right"))
    assert clearly(("deletion", "wrong"), ("deletion", "chance"))


@pytest.mark.parametrize("value", [0.0, 1.0, *BROKEN])
def test_a_constant_map_is_worth_as_much_as_the_random_one(network, value):
    flat = np.full((1, 12, 12), value, np.float32)
    for sweep in (cw.insertion, cw.deletion):
        found = sweep(network, IMAGES[0], flat, LABELS[0], steps=6)
        expected = sweep(network, IMAGES[0], random_map((96, 96)), LABELS[0], steps=6)
        np.testing.assert_array_equal(found.values, expected.values)


def test_one_picture_may_have_several_maps_and_targets(network):
    heatmap = cw.grad_cam(network, IMAGES[0], [2, 5])
    both = cw.insertion(network, IMAGES[0], heatmap, [2, 5], steps=4)
    for index, target in enumerate([2, 5]):
        alone = cw.insertion(network, IMAGES[0], heatmap.values[index], target, steps=4)
        np.testing.assert_allclose(both.values[index], alone.values[0], atol=1e-6)
    assert both.names[1] == f"Grad-CAM, {network.labels[5]}"
    one = cw.insertion(network, IMAGES[0], heatmap, 2, steps=4)
    np.testing.assert_allclose(one.values[0], both.values[0], atol=1e-6)


def test_a_batch_is_as_good_as_a_loop(network):
    heatmap = cw.grad_cam(network, IMAGES[:3], LABELS[:3])
    together = cw.deletion(network, IMAGES[:3], heatmap, LABELS[:3], steps=4).values
    drops = cw.average_drop(network, IMAGES[:3], heatmap, LABELS[:3])
    for index in range(3):
        alone = cw.deletion(network, IMAGES[index], heatmap.values[index], LABELS[index], steps=4).values[0]
        np.testing.assert_allclose(together[index], alone, atol=1e-5)
        drop = cw.average_drop(network, IMAGES[index], heatmap.values[index], LABELS[index])
        np.testing.assert_allclose(drops.after[index], drop.after[0], atol=1e-5)


def test_by_default_the_top_class_of_the_whole_picture_is_asked(network):
    field = np.random.default_rng(0).random((2, 12, 12)).astype(np.float32)
    top = network.predict(IMAGES[:2]).probabilities.argmax(1).tolist()
    found, expected = (cw.deletion(network, IMAGES[:2], field, target, steps=4) for target in (None, top))
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.names == expected.names == tuple(network.labels[index] for index in top)


def test_an_objective_is_asked_for_its_value(network):
    field = np.random.default_rng(0).random((1, 12, 12)).astype(np.float32)
    difference = cw.class_score(3) - cw.class_score("fox")
    found = cw.insertion(network, IMAGES[0], field, difference, steps=3)
    whole = difference(network.trace(IMAGES[0])).item()
    assert found.values[0, -1] == pytest.approx(whole, abs=1e-4)
    assert found.y_label == "value of the objective"
    unit = cw.channel("residual2", 4)
    found = cw.insertion(network, IMAGES[0], field, unit, steps=3)
    assert found.values[0, -1] == pytest.approx(unit(network.trace(IMAGES[0], "residual2")).item(), abs=1e-4)


@pytest.mark.parametrize(
    ("maps", "target", "options", "error", "message"),
    [
        (np.ones((3, 4, 4)), 0, {}, cw.EvaluationError, "3 maps need 3 pictures, one each.*2 were given"),
        (np.ones((2, 4, 4)), 12, {}, cw.TargetError, "12 classes, 0–11; 12 is not"),
        (np.ones((2, 4, 4)), [1], {}, cw.TargetError, "2 pictures need 2 targets.*1 were given"),
        (np.ones((2, 4, 4)), [], {}, cw.TargetError, "2 pictures need 2 targets.*0 were given"),
        (np.ones((2, 4, 4)), True, {}, cw.TargetError, "not bool"),
        (np.ones((2, 4, 4)), 0, {"fill": "red"}, cw.ImageError, "no fill 'red'"),
        (np.ones((2, 4, 4)), 0, {"steps": 0}, ValueError, "at least 1"),
        (np.ones((2, 0, 4)), 0, {}, cw.EvaluationError, "A heatmap is"),
    ],
)
def test_what_does_not_fit_is_refused(network, maps, target, options, error, message):
    for sweep in (cw.insertion, cw.deletion):
        with pytest.raises(error, match=message):
            sweep(network, IMAGES[:2], maps, target, **options)


def test_the_passes_go_in_few_batches_without_gradient(network):
    sizes = []

    def look(module, args, output):
        sizes.append(len(args[0]))
        assert not output.requires_grad
        assert not torch.is_grad_enabled()

    heatmap = cw.grad_cam(network, IMAGES[0], LABELS[0])
    with network.model.register_forward_hook(look):
        cw.insertion(network, IMAGES[0], heatmap, LABELS[0])
    assert sizes == [11, 11, 11]


# average drop ---------------------------------------------------------------------------------------------------------


def test_the_average_drop_is_its_definition(network):
    fields = np.random.default_rng(4).normal(size=(4, 96, 96)).astype(np.float32)
    found = cw.average_drop(network, IMAGES[:4], fields, LABELS[:4])
    for index in range(4):
        picture = torch.from_numpy(IMAGES[index]).permute(2, 0, 1)[None] / 255
        positive = fields[index].clip(0)
        masked = picture * torch.from_numpy(positive / positive.max())  # its smallest value is 0
        before = network.predict(picture).probabilities[0, LABELS[index]]
        after = network.predict(masked).probabilities[0, LABELS[index]]
        assert found.drop[index] == pytest.approx(max(0, before - after) / before, abs=1e-5)
        assert found.increase[index] == (after > before)
    np.testing.assert_array_equal(np.asarray(found), found.drop)


def test_the_true_mask_loses_less_than_its_inverse(network):
    right, wrong = (cw.average_drop(network, IMAGES, each, LABELS) for each in (perfect(), 1 - perfect()))
    assert right.drop.mean() < 0.3 < wrong.drop.mean()


@pytest.mark.parametrize("value", [0.0, 3.0, -1.0, *BROKEN])
def test_a_map_that_marks_nothing_leaves_a_black_picture(network, value):
    found = cw.average_drop(network, IMAGES[0], np.full((1, 12, 12), value, np.float32), LABELS[0])
    black = network.predict(np.zeros((96, 96, 3), np.uint8)).probabilities[0, LABELS[0]]
    assert found.after[0] == pytest.approx(black, abs=1e-6)
    assert found.drop[0] > 0.5


def test_drops_show_themselves_and_names_are_text(network):
    found = cw.average_drop(network, IMAGES[:2], perfect()[:2], LABELS[:2])
    assert repr(found).startswith("Drops(2 pictures, mean drop ")
    hostile = type(found)(found.before, found.after, ("<b>", "&"))
    assert "<b>" not in hostile._repr_html_()
    assert "&lt;b&gt;" in hostile._repr_html_()


# sensitivity ----------------------------------------------------------------------------------------------------------


def test_sensitivity_is_its_definition(network):
    seen = []

    def remembering(network, images, target):
        seen.extend(images.split(1))
        return gradient(network, images, target)

    found = cw.max_sensitivity(network, IMAGES[:2], remembering, LABELS[:2], radius=0.03, samples=5, seed=2)
    assert len(seen) == 2 * (1 + 5)
    for index in range(2):
        clean, *noisy = seen[6 * index : 6 * index + 6]
        assert torch.equal(clean, network.read(IMAGES[index]))
        assert all(0 < (each - clean).abs().max() <= 0.03 + 1e-6 for each in noisy)
        assert all(each.min() >= 0 and each.max() <= 1 for each in noisy)
        plain = gradient(network, clean, LABELS[index])[0].astype(float)
        worst = 0.0
        for each in noisy:
            other = gradient(network, each, LABELS[index])[0].astype(float)
            distance = math.sqrt(sum((a - b) ** 2 for a, b in zip(other.ravel(), plain.ravel(), strict=True)))
            worst = max(worst, distance / math.sqrt(sum(a**2 for a in plain.ravel())))
        assert found[index] == pytest.approx(worst, rel=1e-3)


def test_noise_fills_its_radius_and_the_seed_fixes_it(network):
    def mean(network, images, target):
        return images.mean(1).numpy()

    picture = np.full((96, 96, 3), 128, np.uint8)
    first, same = (cw.max_sensitivity(network, picture, mean, 0, radius=0.1, seed=1) for _ in range(2))
    other, wide = (cw.max_sensitivity(network, picture, mean, 0, radius=r, seed=s) for r, s in ((0.1, 2), (0.2, 1)))
    assert first == same != other
    # The mean of three uniform values in ±0.1 has a standard deviation of 0.1 / 3, beside a gray of 0.5.
    assert first[0] == pytest.approx(0.1 / 3 / (128 / 255), rel=0.05)
    assert wide[0] == pytest.approx(2 * first[0], rel=1e-3)


def test_a_map_that_never_changes_has_none_and_a_map_of_zeros_has_no_measure(network):
    found = [
        cw.max_sensitivity(network, IMAGES[0], lambda n, images, t, v=value: np.full((len(images), 3, 3), v), 0)[0]
        for value in (2.0, 0.0)
    ]
    assert found[0] == 0
    assert np.isnan(found[1])


def test_noise_does_not_change_what_is_asked(network):
    asked = []

    def remembering(network, images, target):
        asked.append(target)
        return images.mean(1).numpy()

    cw.max_sensitivity(network, IMAGES[0], remembering, radius=1.0, samples=16)
    assert set(asked) == {int(network.predict(IMAGES[0]).probabilities.argmax())}


@pytest.mark.parametrize("options", [{"radius": -0.1}, {"samples": 0}])
def test_noise_that_cannot_be_drawn_is_refused(network, options):
    with pytest.raises(cw.EvaluationError, match="a radius of 0 or more and at least one sample"):
        cw.max_sensitivity(network, IMAGES[0], edges, 0, **options)


# weights drawn anew ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cascading", "independent"])
def test_an_edge_detector_does_not_notice_that_the_network_is_destroyed_and_a_gradient_does(network, how):
    blind = cw.randomization_check(network, IMAGES[:2], edges, LABELS[:2], how=how)
    sees = cw.randomization_check(network, IMAGES[:2], gradient, LABELS[:2], how=how)
    np.testing.assert_allclose(blind.values, 1, atol=1e-6)
    assert (sees.values < 0.95).all()
    assert (sees.auc < 0.8).all()
    assert blind.x_names == sees.x_names
    assert blind.x_names[0] == "head"
    assert blind.x_names[-1] == "stem.conv"
    assert blind.names[0] == f"edges, {network.labels[LABELS[0]]}"


class Linear(nn.Module):
    """Two layers whose map can be computed by hand: the picture weighted by what a linear network weighs it with."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(48, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.second(self.first(x.flatten(1)))


def weights_as_a_map(network, images, target):
    first, second = network.model.first.weight, network.model.second.weight
    return (second[target] @ first).detach().view(1, 3, 4, 4).sum(1).expand(len(images), -1, -1).numpy()


def test_layers_are_destroyed_one_after_the_other_or_one_at_a_time():
    """By hand: the new weights are read from the networks that the method is given."""
    torch.manual_seed(0)
    model = Linear()
    network, picture = cw.Network(model, cw.Preprocess(channels=3, size=(4, 4))), torch.rand(1, 3, 4, 4)
    intact = {name: value.clone() for name, value in model.state_dict().items()}
    given = []

    def remembering(network, images, target):
        given.append({name: value.clone() for name, value in network.model.state_dict().items()})
        return weights_as_a_map(network, images, target)

    def destroyed(state):
        return {name.partition(".")[0] for name, value in state.items() if not torch.equal(value, intact[name])}

    for how, expected in (
        ("cascading", [set(), {"second"}, {"second", "first"}]),
        ("independent", [set(), {"second"}, {"first"}]),
    ):
        given.clear()
        found = cw.randomization_check(network, picture, remembering, 1, how=how)
        assert [destroyed(state) for state in given] == expected
        assert found.x_names == ("second", "first")
        maps = [(state["second.weight"][1] @ state["first.weight"]).view(3, 16).sum(0).abs().numpy() for state in given]
        ranks = [each.argsort().argsort() for each in maps]
        expected_values = [np.corrcoef(ranks[0], each)[0, 1] for each in ranks[1:]]
        np.testing.assert_allclose(found.values[0], expected_values, atol=1e-6)


def test_the_seed_fixes_the_new_weights(network):
    first, same, other = (cw.randomization_check(network, IMAGES[0], gradient, 0, seed=s).values for s in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_map_that_is_always_zero_explains_nothing(network):
    found = cw.randomization_check(network, IMAGES[0], lambda n, images, t: np.zeros((len(images), 3, 3)), 0)
    assert (found.values == 1).all()


def test_another_way_to_destroy_is_refused(network):
    with pytest.raises(cw.EvaluationError, match="'cascading' or 'independent', not 'all'"):
        cw.randomization_check(network, IMAGES[0], edges, 0, how="all")


# what holds for all ---------------------------------------------------------------------------------------------------

CALLS = {
    "insertion": lambda n, x, case: cw.insertion(n, x, maps_for(x), 1, steps=3),
    "deletion": lambda n, x, case: cw.deletion(n, x, maps_for(x), steps=3),
    "max_sensitivity": lambda n, x, case: cw.max_sensitivity(n, x, cam_at(case), samples=2),
    "cascading": lambda n, x, case: cw.randomization_check(n, x, cam_at(case)),
    "independent": lambda n, x, case: cw.randomization_check(n, x, cam_at(case), 2, how="independent"),
    "average_drop": lambda n, x, case: cw.average_drop(n, x, maps_for(x), [0] * len(x)),
}


def maps_for(pictures):
    return np.random.default_rng(0).random((len(pictures), 5, 6)).astype(np.float32)


def cam_at(case):
    return lambda network, images, target: cw.grad_cam(network, images, target, layer=case.layer)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_module_pictures_and_random_state_stay_as_they_were(case, call):
    model, pictures = module_of(case).train(), pictures_for(case, count=2)
    for index, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(index % 2 == 0)
        parameter.grad = torch.full_like(parameter, 3.0) if index % 4 == 0 else None
    before, pixels, version = fingerprint(model), pictures.clone(), pictures._version
    found = np.asarray(call(network_of(case, model), pictures, case))
    assert len(found) == 2
    assert fingerprint(model) == before
    assert torch.equal(pictures, pixels)
    assert pictures._version == version


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_gradient_mode_of_the_caller_changes_nothing(call, mode):
    case = CASES["BatchNorm and residual"]
    expected = np.asarray(call(network_of(case), pictures_for(case), case))
    network = network_of(case)
    with mode():
        found = np.asarray(call(network, pictures_for(case), case))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("gives", "message"),
    [
        (lambda n, x, t: np.zeros((len(x) + 1, 4, 4)), r"an array of shape \(2, 4, 4\) for 1 pictures"),
        (lambda n, x, t: np.zeros((len(x), 3, 4, 4)), r"shape \(1, 3, 4, 4\)"),
        (lambda n, x, t: None, "gave an array of shape|gave NoneType"),
        (lambda n, x, t: "a map", "gave str for 1 pictures: a method returns a Heatmap, or an array"),
    ],
)
def test_a_method_that_gives_no_map_is_told_so(network, gives, message):
    for ask in (cw.max_sensitivity, cw.randomization_check):
        with pytest.raises(cw.EvaluationError, match=message):
            ask(network, IMAGES[0], gives, 0)


def test_long_methods_are_run_to_their_end(network):
    def long(network, images, target):
        heatmap = cw.grad_cam(network, images, target)
        return cw.Steps(iter([cw.Step(1, 2, None), cw.Step(2, 2, heatmap)]), 2)

    plain, found = (cw.max_sensitivity(network, IMAGES[0], each, 0, samples=2) for each in (cw.grad_cam, long))
    np.testing.assert_array_equal(found, plain)
