"""The search itself: shapes drawn over the whole range, then near the best, each generation a race. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from janus.errors import JanusError
from janus.geometry import ModelGeometry
from janus.schedule import MergePlan, MergeSchedule
from janus.search.journal import Removed
from janus.search.race import Judges, mean_interval, race
from janus.search.shape import Budget, Shape, counts

# Ranges of a shape: least, most. A burst that leans backward by e^-4 is all but one block's.
LOW, HIGH = np.array([0.7, -4.0, -4.0]), np.array([1.0, 3.0, 4.0])
# How far neighbours lie in each generation behind the first, as a share of the ranges.
STEPS = (0.12, 0.05)
KEPT = 2
# Standard errors of 95 % confidence in 15 intervals at once (Bonferroni): a usual search has three cuts and five
# levels. Where each interval holds with 95 % by itself, all 15 hold in about every second search only.
SURE = 2.935


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much a search tries.

    Attributes:
        shapes: Drawn over the whole range, in the first generation.
        neighbours: Of the best shapes, in each generation after it.
        first: Batches that all shapes of a generation see; those that stay see twice, then four times as many.
        margin: Share of the divergence by which a find must surely beat the schedule that it is compared with. Below
            it the first guesses of so few pictures would change that nobody could tell.
        seed: Of all draws.
    """

    shapes: int = 32
    neighbours: int = 12
    first: int = 1
    margin: float = 0.1
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of a search.

    Attributes:
        budget: That was kept to.
        plan: The answer: the best schedule, or that of the budget where none is surely better.
        shape: Of the best schedule; None where it is that of the budget.
        better: Whether the answer is a find: with 95 % confidence it is nearer by the margin, and with `SURE` its first
            guess is the unmerged model's more often. What is claimed of a find is its first guesses, so they decide,
            too, and it is claimed of all finds of a model at once. (At first no fewer equal guesses were enough, then
            95 % in each cell. Both times a find had one test picture less right than the schedule that it stood for,
            and this rule was made stricter, for all.)
        divergence: Mean over the calibration pictures, in nats, of the answer.
        ci95: 95 % interval of `divergence`.
        difference: Mean divergence of the best find less that of the budget's schedule; None without one.
        difference_ci95: 95 % interval of `difference`.
        agreement_difference: Share of pictures on which the first guess is the unmerged model's, of the best find less
            that of the budget's schedule, in percentage points; None without one.
        agreement_difference_ci95: 95 % interval of `agreement_difference`.
        finalists: All that saw every picture, the best first.
    """

    budget: Budget
    plan: MergePlan
    shape: Shape | None
    better: bool
    divergence: float
    ci95: tuple[float, float]
    difference: float | None
    difference_ci95: tuple[float, float] | None
    agreement_difference: float | None
    agreement_difference_ci95: tuple[float, float] | None
    finalists: tuple[Removed, ...]


def hunt(
    budget: Budget,
    geometry: ModelGeometry,
    judges: Judges,
    originals: int,
    batches: int,
    *,
    effort: Effort | None = None,
    hints: Sequence[Shape] = (),
) -> Found:
    """Search for the schedule nearest to the unmerged model within a budget.

    Args:
        budget: What it may cost.
        geometry: The model.
        judges: Who answers.
        originals: Batches of pictures as they are; the first of all.
        batches: All batches; those behind the originals are further views of the same pictures, in the same order.
        effort: How much to try.
        hints: Shapes that were good in a similar search; tried too.

    Raises:
        JanusError: If no schedule of any shape keeps to the budget.
    """
    effort = effort or Effort()
    draws = np.random.default_rng(effort.seed)
    budget.check(geometry)
    like = None if budget.like is None else geometry.plan(budget.like).removed
    shapes: dict[Removed, Shape] = {}

    def add(points: Float[np.ndarray, "n 3"]) -> list[Removed]:
        fresh = []
        for point in np.clip(points, LOW, HIGH):
            shape = Shape(at_cut=float(point[0]), before=float(point[1]), after=float(point[2]))
            removed = counts(shape, budget, geometry)
            if removed is not None:
                shapes.setdefault(removed, shape)
                fresh.append(removed)
        return fresh

    rounds = [range(min(times * effort.first, originals)) for times in (1, 2, 4)]
    runners = add(np.array([_point(shape) for shape in hints]).reshape(-1, 3))
    runners += add(_spread(effort.shapes, effort.seed))
    if not runners and like is None:
        raise JanusError(f"budget: no schedule was found that keeps to {budget.words}; allow more.")
    best = race(judges, runners, rounds, keep=KEPT) if runners else []
    for step in STEPS if best else ():
        near = np.array([_point(shapes[best[i % len(best)]]) for i in range(effort.neighbours)])
        runners = add(near + draws.normal(0, 1, near.shape) * step * (HIGH - LOW))
        best = race(judges, [*best, *runners], rounds, keep=KEPT)
    everything = range(batches)
    judges.ask([*best, *([like] if like else [])], everything)

    def of_pictures(measure: Callable, removed: Removed) -> Float[np.ndarray, " pictures"]:
        """Mean over the views of each picture: views of one picture are no more independent than it is."""
        views = [measure(removed, range(at, at + originals)) for at in range(0, batches, originals)]
        return np.mean(views, axis=0)

    best.sort(key=lambda removed: float(of_pictures(judges.divergence, removed).mean()))
    difference, ends, agreement, agreement_ends, better = None, None, None, None, bool(best)
    if like is not None and best:
        own = of_pictures(judges.divergence, like)
        apart = of_pictures(judges.divergence, best[0]) - own
        difference, ends = float(apart.mean()), mean_interval(apart)
        more = 100 * (of_pictures(judges.agrees, best[0]) - of_pictures(judges.agrees, like))
        agreement, agreement_ends = float(more.mean()), mean_interval(more)
        better = ends[1] < -effort.margin * float(own.mean()) and mean_interval(more, SURE)[0] > 0
    answer = best[0] if better else like
    seen = of_pictures(judges.divergence, answer)
    return Found(
        budget=budget,
        plan=geometry.plan(MergeSchedule.explicit(answer)),
        shape=shapes.get(answer) if better else None,
        better=better,
        divergence=float(seen.mean()),
        ci95=mean_interval(seen),
        difference=difference,
        difference_ci95=ends,
        agreement_difference=agreement,
        agreement_difference_ci95=agreement_ends,
        finalists=tuple(best),
    )


def hunts(budgets: Sequence[Budget], *args, **how) -> Iterator[Found]:
    """`hunt` for one budget after another; what was good for a cut is tried again for the next budget of that cut."""
    done: list[Found] = []
    for budget in budgets:
        finds = [found for found in done if found.shape is not None]
        near = [found.shape for found in finds if found.budget.split == budget.split] or [f.shape for f in finds]
        done.append(hunt(budget, *args, hints=near[-2:], **how))
        yield done[-1]


def _spread(count: int, seed: int) -> Float[np.ndarray, "n 3"]:
    """Points all over the range, evenly."""
    from scipy.stats import qmc

    power = max(count - 1, 1).bit_length()
    return LOW + (HIGH - LOW) * qmc.Sobol(3, rng=np.random.default_rng(seed)).random_base2(power)[:count]


def _point(shape: Shape) -> Float[np.ndarray, " 3"]:
    return np.array([shape.at_cut, shape.before, shape.after])
