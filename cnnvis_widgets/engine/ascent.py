"""The one loop that climbs: pictures are changed, step by step, so that what is asked of a network's view of them grows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .beginnings import Start, generators, normal, objectives_of, pair, resized, start_pictures
from .errors import AscentError
from .feature_objectives import each_its_own
from .network import Network
from .objectives import Target
from .octave_plan import Octave, planned, shared
from .optimizers import optimizer_of, uphill
from .parameterization import Canvas, MaCo, Pixels
from .plain_numbers import whole
from .recipe import LBFGS, Recipe
from .transforms import Drawn, transformed
from .viewing import Silence, View, recording

#: So many steps an ascent tries to wake a unit that nothing leads up to.
_PATIENCE_WITH_SILENCE = 64
#: Steps after which an ascent is taken for a long one; of all, so that a resumed one goes the same way.
_SETTLED = 8
_SILENT = (
    "The unit stayed silent: no small change of the picture raises it. Another seed or a start picture may wake it."
)
_BROKEN = "The score or its gradient was not a finite number at step {}: the picture is the one before it."
_SIZE_IF_ANY = 128  # of pictures for networks that have no size of their own


class Ascent:
    """Pictures on their way up.

    Parameters
    ----------
    network
        Whose view of them counts; its module is not changed.
    objectives
        What grows: an `Objective`, a class index or a label; or several of these, one picture each.
    recipe
        How.
    size
        Height and width of the pictures in pixels, or their side; by default that of the network, 128 if it has none.
    start
        None: noise. "gray", or a picture or one for each objective.
    seed
        Of noise and transforms, the same for all pictures, so that a picture does not depend on its company; or one for each picture.
    count
        How many pictures climb one single objective, with seeds one after the other.

    Attributes
    ----------
    done, total : int
        Steps.
    notes : list of str
        For each picture why nothing came of it, or "".
    importance : Tensor or None
        With `MaCo`: how much each pixel mattered on the way, float (N, H, W): the sum of the sizes of its gradients.

    Raises
    ------
    AscentError
        If recipe, size, start or count are none that can be climbed with.
    LayerError, TargetError
        If the network has no such layer, channel or class.
    """

    _octave: Octave

    def __init__(
        self,
        network: Network,
        objectives: Target | Sequence[Target],
        recipe: Recipe | None = None,
        *,
        size: int | tuple[int, int] | None = None,
        start: Start = None,
        seed: int | Sequence[int] = 0,
        count: int = 1,
    ) -> None:
        self.network = network
        self.recipe = Recipe() if recipe is None else Recipe.of(recipe)
        listed, _ = objectives_of(objectives, network)
        if whole(count) < 1:
            msg = f"count is {count!r}: give how many pictures climb, at least 1."
            raise AscentError(msg)
        count = whole(count)
        several = len(listed) > 1 or count == 1
        self.count = len(listed) if several else count
        self.names = tuple(each.name for each in (listed if several else listed * count))
        self.objective = each_its_own(listed) if len(listed) > 1 else listed[0]
        for layer in self.objective.layers:
            network.layer(layer)
        self._view = View(network, self.objective, self.count)
        self.size = pair(size) or network.preprocess.size or (_SIZE_IF_ANY, _SIZE_IF_ANY)
        self._generators = generators(seed, self.count, alike=several)
        self.notes = [""] * self.count
        self.done = 0
        self.importance: Tensor | None = None
        self._history: list[Tensor] = []
        with recording(on=False):
            self._held = torch.zeros(self.count, dtype=torch.bool)  # no longer climbed
            self._silence = torch.zeros(self.count, dtype=torch.long)
        self._check(self.recipe)
        self._plan = planned(self.size, self.recipe.octaves, self.recipe.steps)
        self._begin(self._plan[0], self._started(start))

    def __repr__(self) -> str:
        return f"Ascent({', '.join(self.names[:3])}, step {self.done} of {self.total}, {self.size[0]} × {self.size[1]})"

    # where it is ----------------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many steps there are to be."""
        return self._plan[-1].end

    @property
    def finished(self) -> bool:
        """Whether the last step is done, nothing is left to climb, or patience is out."""
        return self.done >= self.total or bool(self._held.all()) or self._out_of_patience()

    @property
    def pictures(self) -> Tensor:
        """The pictures as they are, float (N, C, H, W) in [0, 1], at the size of the present octave."""
        with recording(on=False):
            return self._canvas.pictures()

    @property
    def opacities(self) -> Tensor | None:
        """With `alpha`: float (N, H, W) in [0, 1], what may be ignored is near 0; else None."""
        with recording(on=False):
            return None if self._alpha is None else self._alpha.pictures()[:, 0]

    @property
    def scores(self) -> Tensor:
        """The scores (N,) of the last step, of the pictures as they were transformed then."""
        if not self._history:
            return self.measure()
        return self._history[-1]

    @property
    def history(self) -> np.ndarray:
        """The scores of each step, float32 (done, N)."""
        if not self._history:
            return np.zeros((0, self.count), np.float32)
        found: np.ndarray = torch.stack(self._history).numpy()
        return found

    def measure(self) -> Tensor:
        """The scores (N,) of the pictures as they are, neither transformed nor penalized."""
        with recording(on=False):
            return self._view.scores(self.pictures).float().cpu()

    # climbing -------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One step of all pictures; at the end of an octave the next one begins.

        Raises
        ------
        GradientError
            If the objective cannot be differentiated.
        """
        if self.finished:
            return
        with recording(on=True):
            scores = self._moved_by(self.recipe.transforms.draw(self._generators))
        self._history.append(scores)
        self._count_in_vain(scores)
        self.done += 1
        if self._held.all() and self._octave != self._plan[-1]:
            # Nothing is left to climb, but the pictures are to have the size that was asked for.
            self._begin(self._plan[-1], self.pictures, self.opacities)
        elif self.done >= self._octave.end and self.done < self.total:
            following = self._plan[self._plan.index(self._octave) + 1]
            self._begin(following, self.pictures, self.opacities)

    def _moved_by(self, drawn: Drawn) -> Tensor:
        """Take the step of the optimizer; the scores before it."""
        scores: list[Tensor] = []
        up = uphill(self._optimizer)

        def ascend() -> Tensor:
            score, gradients = self._gradients(drawn)
            scores.append(score)
            for leaf, gradient in zip(self._leaves, gradients, strict=True):
                # Optimizers take gradients to lie in memory as their leaves do.
                gradient = gradient.contiguous()  # noqa: PLW2901
                leaf.grad = gradient if up else -gradient
            return -score.sum()

        if isinstance(self._optimizer, torch.optim.LBFGS):
            self._optimizer.step(ascend)
        else:
            ascend()
            # Averages of earlier gradients would still move what is held.
            kept = [leaf.detach()[self._held] for leaf in self._leaves] if self._held.any() else []
            self._optimizer.step()
            for leaf, values in zip(self._leaves, kept, strict=False):
                leaf.data[self._held] = values
        for leaf in self._leaves:
            leaf.grad = None
        return scores[0]

    def _gradients(self, drawn: Drawn) -> tuple[Tensor, list[Tensor]]:
        """The scores (N,) and what they change by with each leaf, penalties and all."""
        pictures = self._canvas.pictures()
        moved = self._view.sized(transformed(self._laid(pictures), drawn, self._pad))
        score, gradient, silent = self._view.climb(moved.detach(), ~self._held, often=self.done >= _SETTLED)
        self._let_sleep(silent)
        outputs, weights = [moved], [gradient]
        if self._alpha is not None:
            opacity = self._alpha.pictures().flatten(1).mean(1)
            # What is climbed is score × (1 − mean opacity): the picture pays for every pixel it needs.
            weights[0] = gradient * (1 - opacity.detach()).view(-1, 1, 1, 1)
            outputs.append(opacity)
            weights.append(-score.to(opacity))
        penalty = self._penalty(pictures)
        if penalty is not None:
            outputs.append(penalty)
            weights.append(-torch.ones_like(penalty))
        wanted = [*self._leaves, pictures] if self.importance is not None else self._leaves
        found = list(torch.autograd.grad(outputs, wanted, weights))
        if self.importance is not None:
            self.importance += found.pop().abs().sum(1)
        self._hold(score, found)
        # A copy: a score may be a view of a whole feature map, which the history would keep at every step.
        return score.detach().float().cpu().clone(), found

    def _let_sleep(self, silent: Silence) -> None:
        """Units that nothing wakes are given up after a while, and it is said."""
        if not silent.before.any() and not self._silence.any():
            return
        self._silence = torch.where(silent.before, self._silence + 1, 0)
        given_up = silent.still | (self._silence > _PATIENCE_WITH_SILENCE)
        for index in given_up.nonzero()[:, 0].tolist():
            self.notes[index] = _SILENT
        self._held |= given_up

    def _hold(self, score: Tensor, gradients: list[Tensor]) -> None:
        """Pictures whose score or gradient is no number stay as they are, and it is said."""
        size = score + sum(torch.linalg.vector_norm(each.flatten(1), dim=1) for each in gradients)
        broken = ~torch.isfinite(size).cpu() & ~self._held
        if broken.any():
            for index in broken.nonzero()[:, 0].tolist():
                self.notes[index] = _BROKEN.format(self.done + 1)
            self._held |= broken
        if self._held.any():
            for gradient in gradients:
                gradient[self._held] = 0

    def _penalty(self, pictures: Tensor) -> Tensor | None:
        """What the regularizers take from the scores, (N,); None if there are none."""
        found: Tensor | None = None
        for each in self.recipe.regularizers:
            one = each.penalty(pictures) * (each.weight * self.recipe.unit)
            found = one if found is None else found + one
        return found

    def _laid(self, pictures: Tensor) -> Tensor:
        """With `alpha`: the pictures over noise, so that what shows through cannot be counted on."""
        if self._alpha is None:
            return pictures
        opacity = self._alpha.pictures()
        ground = torch.stack([torch.rand(pictures.shape[1:], generator=each) for each in self._generators])
        return pictures * opacity + ground.to(pictures) * (1 - opacity)

    # beginnings -----------------------------------------------------------------------------------------------------

    def change(self, recipe: Recipe) -> None:
        """Go on from the pictures as they are with another recipe, for as many steps as it has.

        Raises
        ------
        AscentError
            If the recipe cannot be climbed with; then all stays as it was.
        """
        recipe = Recipe.of(recipe)
        self._check(recipe)
        with self._as_it_was_after_errors():
            self._change(recipe)

    def _change(self, recipe: Recipe) -> None:
        before, pictures, opacities = self.recipe, self.pictures, self.opacities
        self.recipe = recipe
        again = recipe.octaves != before.octaves
        sizes = [each.size for each in self._plan[self._plan.index(self._octave) :]]
        plan = planned(self.size, recipe.octaves, recipe.steps) if again else shared(sizes, recipe.steps)
        self._plan = [replace(each, end=each.end + self.done) for each in plan]
        with recording(on=False):
            self._held, self._silence = torch.zeros_like(self._held), torch.zeros_like(self._silence)
        self.notes = [""] * self.count
        self._hope()
        same = (recipe.parameterization, recipe.alpha) == (before.parameterization, before.alpha)
        if same and not again and self._plan[0].size == self._octave.size:
            self._octave = self._plan[0]
            self._pad = self._view.room(self._octave.size, recipe.transforms.pad)
            if recipe.optimizer != before.optimizer:
                self._optimizer = optimizer_of(self.recipe.optimizer, self._leaves)
            return
        self._begin(self._plan[0], pictures, opacities)

    def state(self) -> dict[str, Any]:
        """Everything it takes to go on later: tensors and numbers, as `torch.save` writes and `weights_only` reads them."""
        return {
            "recipe": self.recipe.as_dict(),
            "plan": [(*each.size, each.end) for each in self._plan],
            "octave": self._plan.index(self._octave),
            "done": self.done,
            "leaves": [leaf.detach().cpu().clone() for leaf in self._leaves],
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),  # its tensors are written to at every step
            "generators": [each.get_state() for each in self._generators],
            "history": torch.from_numpy(self.history),
            "notes": list(self.notes),
            "held": self._held.clone(),
            "silence": self._silence.clone(),
            "best": self._best.clone(),
            "in_vain": self._in_vain,
            "importance": None if self.importance is None else self.importance.cpu().clone(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where another ascent of the same network, objectives and size was when it gave its `state`.

        Raises
        ------
        AscentError
            If the state is that of other pictures.
        """
        with self._as_it_was_after_errors():
            try:
                self._resume(state)
            except AscentError:
                raise
            except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
                what = str(error).splitlines()[0] if str(error) else type(error).__name__
                msg = f"This is no state of such an ascent ({what}): give what state() gave for the same network and objectives."
                raise AscentError(msg) from error

    def _resume(self, state: dict[str, Any]) -> None:
        recipe = Recipe.of_dict(state["recipe"])
        self._check(recipe)
        plan = [Octave((height, width), end) for height, width, end in state["plan"]]
        leaves, octave = state["leaves"], plan[state["octave"]]
        if plan[-1].size != self.size or len(state["notes"]) != self.count:
            msg = f"This state is of {len(state['notes'])} pictures of {plan[-1].size}, the ascent of {self.count} of {self.size}."
            raise AscentError(msg)
        self.recipe, self._plan, self.done = recipe, plan, state["done"]
        self._begin(octave, None)
        with recording(on=False):
            for leaf, values in zip(self._leaves, leaves, strict=True):
                if leaf.shape != values.shape:
                    msg = f"its numbers are {tuple(values.shape)} where {tuple(leaf.shape)} are climbed"
                    raise ValueError(msg)
                leaf.data.copy_(values)
            self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        for generator, stored in zip(self._generators, state["generators"], strict=True):
            generator.set_state(stored)
        self._history = list(state["history"])
        self.notes = list(state["notes"])
        with recording(on=False):
            self._held, self._silence = state["held"].clone(), state["silence"].clone()
            self._best, self._in_vain = state["best"].clone(), int(state["in_vain"])
        if state["importance"] is not None:
            self.importance = state["importance"].to(self.network.device).clone()

    @property
    def _channels(self) -> int:
        return self.network.preprocess.channels or 3

    @property
    def _leaves(self) -> list[Tensor]:
        return self._canvas.leaves + (self._alpha.leaves if self._alpha is not None else [])

    def _begin(self, octave: Octave, pictures: Tensor | None, opacities: Tensor | None = None) -> None:
        """Write pictures, or noise where there are none, as numbers of the octave's size."""
        self._octave = octave
        self._hope()
        self._view.check(octave.size)
        shape = (self.count, self._channels, *octave.size)
        with recording(on=True):
            self._canvas = self._canvas_of(self.recipe.parameterization, shape, pictures)
            self._alpha = self._opaque(shape, opacities) if self.recipe.alpha else None
            self._optimizer = optimizer_of(self.recipe.optimizer, self._leaves)
            self.importance = self._carried(octave.size) if isinstance(self.recipe.parameterization, MaCo) else None
        self._pad = self._view.room(octave.size, self.recipe.transforms.pad)

    def _started(self, start: Start) -> Tensor | None:
        """Start pictures (N, C, H, W) at the size of the first octave; None for noise."""
        if start is None:
            return None
        shape = (self.count, self._channels, *self._plan[0].size)
        if isinstance(start, str) and start == "gray":
            return torch.full(shape, 0.5, device=self.network.device)
        return start_pictures(start, self.network, shape)

    def _canvas_of(self, written: Any, shape: tuple[int, int, int, int], pictures: Tensor | None) -> Canvas:
        if pictures is not None:
            canvas: Canvas = written.canvas(shape, start=resized(pictures, shape[2:]))
        else:
            canvas = written.canvas(shape, lambda *size: normal(self._generators, size))
        if canvas.leaves[0].device != self.network.device:
            canvas.leaves = [leaf.detach().to(self.network.device).requires_grad_() for leaf in canvas.leaves]
        return canvas

    def _opaque(self, shape: tuple[int, int, int, int], opacities: Tensor | None) -> Canvas:
        one = (shape[0], 1, *shape[2:])
        known = None if opacities is None else opacities[:, None]
        return self._canvas_of(Pixels(self.recipe.parameterization.spread), one, known)

    def _carried(self, size: tuple[int, int]) -> Tensor:
        if self.importance is None:
            return torch.zeros(self.count, *size, device=self.network.device)
        return resized(self.importance[:, None], size)[:, 0].clone()

    def _check(self, recipe: Recipe) -> None:
        if isinstance(recipe.optimizer, LBFGS) and self.count > 1:
            msg = f"LBFGS climbs one picture at a time, and there are {self.count}: give them one by one, or Adam()."
            raise AscentError(msg)

    def _hope(self) -> None:
        """Be patient anew: scores of another size or recipe say nothing about these."""
        with recording(on=False):
            self._best = torch.full((self.count,), -torch.inf)
        self._in_vain = 0

    def _count_in_vain(self, scores: Tensor) -> None:
        """For how many steps the score of no picture has become better."""
        with recording(on=False):
            better = scores > self._best
            self._best = torch.where(better, scores, self._best)
        self._in_vain = 0 if better.any() else self._in_vain + 1

    def _out_of_patience(self) -> bool:
        """Not before the last octave: a picture that is not whole is none."""
        patience = self.recipe.patience
        return patience is not None and self._octave == self._plan[-1] and self._in_vain >= patience

    @contextmanager
    def _as_it_was_after_errors(self) -> Iterator[None]:
        before, chances = dict(vars(self)), [each.get_state() for each in self._generators]
        try:
            yield
        except BaseException:
            vars(self).update(before)
            for generator, state in zip(self._generators, chances, strict=True):
                generator.set_state(state)
            raise
