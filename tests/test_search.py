"""Searched schedules: within budget, the same from a journal, and never tested on what they were chosen by."""

import json
import math
import statistics
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from vits import build

from janus.apart import alike, bits_of, fingerprint
from janus.arithmetic import multiply_adds
from janus.data import open_images
from janus.errors import JanusError
from janus.geometry import ModelGeometry, find_geometry
from janus.models import LoadedModel
from janus.paired import Z95
from janus.preprocess import preprocess_for
from janus.profile import derive_profile
from janus.schedule import MergeSchedule
from janus.schedules import load_schedules
from janus.search import (
    Budget,
    Effort,
    Journal,
    Panel,
    Search,
    Shape,
    Stopped,
    check_disjoint,
    counts,
    hunt,
    read_pictures,
    write_document,
)
from janus.search.answers import through
from janus.search.document import entry, front, front_name, merge_document
from janus.search.hunt import SURE
from janus.search.journal import Answers
from janus.search.race import mean_interval, race
from janus.search.shape import deal
from janus.vit import open_vit
from janus.weights import Weights

TINY = find_geometry("vit_tiny_patch16_224")
SMALL = ModelGeometry(
    name="small", depth=4, width=48, hidden=192, tokens=65, patch_inputs=48, classes=10, input_shape=(3, 32, 32)
)
shapes = st.builds(Shape, at_cut=st.floats(0, 1), before=st.floats(-6, 6), after=st.floats(-6, 6))


@given(
    shape=shapes, share=st.floats(0, 1), split=st.integers(1, 11), tokens=st.integers(120, 600),
    protected=st.integers(0, 3), family=st.sampled_from(["declining", "constant", "linear"]),
)  # fmt: skip
def test_what_a_shape_comes_to_keeps_to_the_budget(shape, share, split, tokens, protected, family):
    """Counts never cost more tokens at the cut, token-blocks or multiply-adds than the schedule that they are to match,
    and no block merges more than half of its unprotected tokens."""
    geometry = ModelGeometry(name="any", depth=12, width=192, hidden=768, tokens=tokens, protected=protected)
    level = share * MergeSchedule(family=family).max_level(12, tokens, protected)
    schedule = MergeSchedule(family=family, level=int(level) if family == "constant" else level)
    budget = Budget.of(schedule, split, geometry)

    found = counts(shape, budget, geometry)

    if found is None:
        return
    plan, own = geometry.plan(MergeSchedule.explicit(found)), geometry.plan(schedule)
    assert (found, False) == (plan.removed, plan.clipped)
    assert plan.tokens[split] <= own.tokens[split]
    assert plan.token_blocks <= own.token_blocks
    assert multiply_adds(geometry.arithmetic, plan) <= multiply_adds(geometry.arithmetic, own)


@given(
    tokens=st.integers(1, 300), share=st.floats(0, 1), weights=st.lists(st.floats(0.01, 50), min_size=1, max_size=12)
)
def test_tokens_are_dealt_whole(tokens, share, weights):
    """What is dealt sums to the total, or there is no such deal; no block takes more than half of what it has."""
    total = round(share * tokens)

    found = deal(tokens, 1, total, weights)

    if found is not None:
        assert sum(found) == total
        left = tokens
        for took in found:
            assert 0 <= took <= max(left - 1, 0) // 2
            left -= took


def test_the_hand_made_schedule_is_a_shape():
    """An even burst and an even slope are near the schedule by hand that this search began with."""
    found = counts(Shape(at_cut=1.0, before=0.0, after=0.0), Budget.of(MergeSchedule(level=0.5), 4, TINY), TINY)

    assert found == (29, 29, 28, 29, 8, 8, 8, 9, 8, 8, 5, 0)


@pytest.mark.parametrize("schedule", [MergeSchedule(level=0.45), MergeSchedule(family="constant", level=13)])
def test_a_schedule_keeps_to_its_own_budget(schedule):
    """And just so: one token-block less would be too few."""
    budget = Budget.of(schedule, 4, TINY)

    assert budget.allows(TINY.plan(schedule), TINY)
    assert budget.token_blocks == TINY.plan(schedule).token_blocks


def test_a_latency_is_a_budget_too():
    """On a machine's profile; what is found is modelled to be no slower."""
    profile = derive_profile("orin-nano", "vit_tiny_patch16_224")
    latency_ms = 0.97 * profile.predict_ms(TINY.plan(MergeSchedule(family="none")))
    budget = Budget(split=6, payload_tokens=120, latency_ms=latency_ms, profile=profile).check(TINY)

    found = counts(Shape(at_cut=1.0, before=0.0, after=0.0), budget, TINY)

    assert profile.predict_ms(TINY.plan(MergeSchedule.explicit(found))) <= latency_ms


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"split": 0, "payload_tokens": 90, "token_blocks": 1000}, "split 0: no tokens travel there"),
        ({"split": 12, "payload_tokens": 90, "token_blocks": 1000}, "split 12: no tokens travel there"),
        ({"split": 4, "payload_tokens": 90}, "nothing limits the compute"),
        ({"split": 4, "payload_tokens": 90, "latency_ms": 3.0}, "a latency needs the profile"),
        ({"split": 4, "payload_tokens": 5, "token_blocks": 1000}, r"5 tokens at the cut, 1000 token-blocks cannot be"),
        ({"split": 4, "payload_tokens": 90, "token_blocks": 300}, r"cannot be kept to at split 4"),
    ],
)
def test_an_impossible_budget_is_refused(budget, message):
    """With what it lacks, or what the strongest merging would cost."""
    with pytest.raises(JanusError, match=message):
        Budget(**budget).check(TINY)


class Fake:
    """A panel whose pictures are numbers: a schedule diverges by its distance from ``best``, with noise."""

    def __init__(self, best, noise=0.0, floor=0.5, agree_below=math.inf):
        self.best, self.noise, self.floor, self.agree_below = np.array(best), noise, floor, agree_below
        self.asked = []

    def ask(self, schedules, batches):
        self.asked += [(removed, batch) for removed in schedules for batch in batches]

    def divergence(self, removed, batches):
        apart = np.abs(np.cumsum(removed) - np.cumsum(self.best)).sum() / 100 + self.floor
        drawn = [np.random.default_rng([batch, *removed]).normal(0, self.noise, 25) for batch in batches]
        return apart + np.concatenate(drawn)

    def agrees(self, removed, batches):
        return self.divergence(removed, batches) < self.agree_below


def test_who_is_surely_behind_leaves_the_race():
    """Of three the far one sees only the first batches, and the near ones all."""
    judges = Fake([10, 10], noise=0.3)
    near, nearer, far = (10, 9), (10, 10), (90, 90)

    left = race(judges, [near, far, nearer], [range(1), range(4)], keep=2)

    assert set(left) == {near, nearer}
    assert max(batch for removed, batch in judges.asked if removed == far) == 0
    assert max(batch for removed, batch in judges.asked if removed == near) == 3


def test_an_interval_of_a_mean():
    """The textbook's: 1.96 standard errors to both sides, or as many as are asked for."""
    values = np.array([1.0, 2.0, 3.0, 4.0])

    assert np.round(mean_interval(values), 3).tolist() == [1.235, 3.765]
    assert np.round(mean_interval(values, 3.0), 3).tolist() == [0.564, 4.436]


def test_sure_is_95_percent_shared_among_the_cells_of_a_usual_search():
    """Three cuts and five levels; by another way than the constant was: the normal distribution's own quantile."""
    expected = statistics.NormalDist().inv_cdf(1 - 0.05 / (3 * 5) / 2)

    assert expected == pytest.approx(SURE, abs=5e-4)


BUDGET = Budget.of(MergeSchedule(level=0.5), 4, TINY)
LITTLE = Effort(shapes=6, neighbours=3)


def test_a_search_finds_what_is_nearer():
    """It comes nearer to a schedule of the family than the even one does, and says that it is better."""
    best = counts(Shape(at_cut=0.9, before=-1.5, after=1.5), BUDGET, TINY)
    judges = Fake(best, noise=0.05, agree_below=2.0)

    found = hunt(BUDGET, TINY, judges, 8, 16)

    even = counts(Shape(at_cut=1.0, before=0.0, after=0.0), BUDGET, TINY)
    assert found.better
    assert found.divergence < judges.divergence(even, range(8)).mean()
    assert found.difference_ci95[1] < 0


def test_a_search_is_the_same_again():
    """By its seed; another seed draws others."""
    judges = Fake(counts(Shape(at_cut=0.9, before=-1.5, after=1.5), BUDGET, TINY), noise=0.2)

    found = [hunt(BUDGET, TINY, judges, 4, 8, effort=Effort(seed=seed)) for seed in (1, 1, 2)]

    assert found[0] == found[1]
    assert found[0].finalists != found[2].finalists


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_without_a_margin_the_budgets_own_schedule_stays(margin):
    """Nothing is nearer than the paper's schedule, or not by enough: it is the answer, and said to be no find."""
    own = TINY.plan(BUDGET.like).removed
    judges = Fake(own if not margin else [r + 1 for r in own], noise=0.1, floor=5.0)

    found = hunt(BUDGET, TINY, judges, 8, 16, effort=Effort(margin=margin))

    assert (found.plan.removed, found.better, found.shape) == (own, False, None)
    assert found.difference_ci95[0] <= found.difference <= found.difference_ci95[1]


def test_a_find_must_not_guess_less_well():
    """Nearer by far, but with other first guesses: the budget's own schedule stays."""
    best = counts(Shape(at_cut=0.9, before=-1.5, after=1.5), BUDGET, TINY)

    class Contrary(Fake):
        def agrees(self, removed, batches):
            return ~super().agrees(removed, batches)

    found = [hunt(BUDGET, TINY, kind(best, agree_below=2.0), 8, 16).better for kind in (Fake, Contrary)]

    assert found == [True, False]


class Counted(Fake):
    """Nearer by far, and of 200 pictures the first guesses of some are won, of others lost, in both views alike."""

    def __init__(self, gained, lost):
        super().__init__(counts(Shape(at_cut=0.9, before=-1.5, after=1.5), BUDGET, TINY))
        self.gained, self.lost = gained, lost

    def agrees(self, removed, batches):
        picture = np.concatenate([np.arange(25) + 25 * (batch % 8) for batch in batches])
        own = removed == TINY.plan(BUDGET.like).removed
        return picture >= self.gained if own else picture < 200 - self.lost


@pytest.mark.parametrize(
    ("gained", "lost", "better"), [(0, 0, False), (1, 0, False), (9, 8, False), (9, 4, False), (4, 9, False),
                                   (12, 3, False), (16, 3, True)],
)  # fmt: skip
def test_a_find_must_surely_guess_better(gained, lost, better):
    """As many or a few more equal first guesses, which could be chance, are not enough, however much nearer it is."""
    found = hunt(BUDGET, TINY, Counted(gained, lost), 8, 16)

    assert found.difference_ci95[1] < 0
    assert (found.better, found.shape is None) == (better, not better)
    assert (found.plan.removed == TINY.plan(BUDGET.like).removed) == (not better)


def test_a_find_is_sure_in_all_cells_at_once():
    """12 first guesses won and 3 lost are 2.4 standard errors: enough for one cell alone, and no find among 15. The
    document still tells the 95 % interval of the cell itself."""
    found = hunt(BUDGET, TINY, Counted(12, 3), 8, 16)
    low, high = found.agreement_difference_ci95

    errors = found.agreement_difference / ((high - low) / 2 / Z95)
    assert Z95 < 2.3 < errors < 2.4 < SURE
    assert low > 0
    assert (found.better, found.plan.removed) == (False, TINY.plan(BUDGET.like).removed)


@given(gained=st.integers(0, 100), lost=st.integers(0, 100))
@settings(max_examples=20)
def test_first_guesses_are_counted_picture_by_picture(gained, lost):
    """The difference is that of the counts, in points; a second view that says the same narrows no interval."""
    once, twice = (hunt(BUDGET, TINY, Counted(gained, lost), 8, batches, effort=LITTLE) for batches in (8, 16))

    assert once.agreement_difference == pytest.approx((gained - lost) / 2)
    assert once.agreement_difference_ci95 == twice.agreement_difference_ci95
    low, high = once.agreement_difference_ci95
    assert low <= once.agreement_difference <= high
    assert once.better == (once.agreement_difference > SURE / Z95 * (high - low) / 2)


def test_a_document_tells_how_far_first_guesses_differ():
    """Beside the difference in nats, whether or not the find stands; both are null where there is nothing to compare
    with."""
    like = hunt(BUDGET, TINY, Counted(9, 4), 8, 16)
    alone = hunt(replace(BUDGET, like=None), TINY, Counted(9, 4), 8, 16)

    told = [entry(found, TINY, 90.0, {}) for found in (like, alone)]

    assert told[0]["agreement_difference"] == 2.5
    assert told[0]["agreement_difference_ci95"][0] < 0 < told[0]["agreement_difference_ci95"][1]
    assert [told[1]["agreement_difference"], told[1]["agreement_difference_ci95"], told[1]["better"]] == [
        None,
        None,
        True,
    ]


points = st.builds(
    lambda i, t, b, d: {"removed": [i], "split": 4, "tokens_at_cut": t, "token_blocks": b, "divergence": d},
    st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.1, 0.2, 0.3]),
)  # fmt: skip


@given(st.lists(points, max_size=12, unique_by=lambda point: point["removed"][0]))
def test_nothing_on_a_front_is_dominated(some):
    """And all that is off it is, or equalled, by something on it; no two points there bear one name."""
    axes = ("tokens_at_cut", "token_blocks", "divergence")
    left = front(some)

    def passes(one, other):
        mine, its = [one[axis] for axis in axes], [other[axis] for axis in axes]
        return all(a <= b for a, b in zip(mine, its, strict=True))

    assert not any(passes(one, other) for one in left for other in left if one is not other)
    assert all(any(passes(one, other) for one in left) for other in some)
    places = {(point["tokens_at_cut"], point["token_blocks"]) for point in left}
    assert len(places) == len(left)
    assert left == front(reversed(some))


def spot(tokens_at_cut, token_blocks, divergence, removed=1, **more):
    """A point of the front of cut 1."""
    name = front_name(token_blocks, tokens_at_cut, 1)
    cost = {"split": 1, "removed": [removed, 0], "tokens_at_cut": tokens_at_cut, "token_blocks": token_blocks}
    return {"name": name, **cost, "divergence": divergence, **more}


def answered(schedules, points, model="m", pixels="p" * 64):
    """What a search gives to be merged into its file."""
    calibration = {"pixels_sha256": pixels, "fingerprints": ["ab"]}
    return {
        "model": model, "weights": "w", "calibration": calibration, "schedules": schedules, "front": points,
    }  # fmt: skip


def test_no_point_has_the_name_of_a_schedule(tmp_path):
    """What was searched within numbers is called by its cost and stands for itself on the front: points that cost the
    same are left out, and so are those that it passes, then and in a later search."""
    path = tmp_path / "found.json"
    found = spot(5, 20, 0.1, like=None, made={"pixels": "p" * 16})

    once = merge_document(path, answered([found], [spot(5, 20, 0.1), spot(4, 20, 0.3, removed=4)]))
    write_document(path, once)
    more = [spot(5, 20, 0.1, removed=2), spot(5, 21, 0.2, removed=3), spot(3, 20, 0.4, removed=5)]
    twice = merge_document(path, answered([], more))
    write_document(path, twice)

    assert [one["name"] for one in once["front"]] == ["cut1-20b4t"]
    assert [one["name"] for one in twice["front"]] == ["cut1-20b3t", "cut1-20b4t"]
    assert [one.name for one in load_schedules(path)] == ["cut1-20b5t", "cut1-20b3t", "cut1-20b4t"]


def test_a_file_of_two_equal_names_is_mended(tmp_path):
    """Even one that cannot be loaded: the next search leaves each name once."""
    path = tmp_path / "found.json"
    write_document(path, answered([], [spot(5, 20, 0.1, removed=1), spot(5, 20, 0.1, removed=2)]))
    with pytest.raises(JanusError, match="cannot be the name of a schedule, or of two"):
        load_schedules(path)

    write_document(path, merge_document(path, answered([], [])))

    assert [one.removed for one in load_schedules(path)] == [(1, 0)]


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (answered([1], []), "schedule 1 has no name; remove it and write it again"),
        (answered([], [spot(5, 20, None)]), "'cut1-20b5t' has None where a divergence belongs"),
        (answered([spot(5, 20, 0.1, made=3)], []), "has no command and date"),
        (answered([], []) | {"calibration": None}, "has None where pictures for calibration belong"),
        (answered([], [], model="other"), "holds schedules of other, which those of m would replace; name another"),
    ],
)
def test_answers_join_only_a_file_of_their_kind(tmp_path, held, message):
    """Of the same model, and such as Janus could load."""
    path = tmp_path / "found.json"
    path.write_text(json.dumps(held))

    with pytest.raises(JanusError, match=message):
        merge_document(path, answered([], []))


@pytest.fixture(scope="module")
def loaded():
    torch.manual_seed(0)
    model = build()().eval()
    return LoadedModel(model=model, name="small", weights=Weights(source="random", sha256="0" * 64))


@pytest.fixture(scope="module")
def pictures(loaded, tmp_path_factory):
    return read_pictures(open_images(scribbles(tmp_path_factory.mktemp("pictures"), 12)), preprocess_for(loaded.model))


def scribbles(folder, count, seed=0):
    """Pictures of coarse noise, which no two sets of other seeds share."""
    for i in range(count):
        noise = np.random.default_rng([seed, i]).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((96, 96)).save(folder / f"{i}.png")
    return folder


def test_shared_blocks_change_nothing(loaded):
    """Schedules that begin alike are answered to the last bit as each by itself."""
    vit = open_vit(loaded.model)
    state = vit.embed(torch.randn(3, 3, 32, 32))
    schedules = [(0, 0, 0, 0), (5, 3, 0, 1), (5, 3, 2, 0), (5, 9, 0, 0), (20, 3, 0, 0)]

    found = dict(through(vit, state, schedules))

    for removed in schedules:
        assert torch.equal(found[removed], vit.head(vit.blocks(state, 0, 4, removed)))


SMALL_BUDGET = Budget.of(MergeSchedule(family="constant", level=12), 2, SMALL)


def test_a_killed_search_goes_on_to_the_same_end(loaded, pictures, tmp_path):
    """Stopped after every few batches, and once in the middle of a line, it ends as one that never was; nothing that
    the journal holds is asked again."""
    whole = Search.open(loaded, None, pictures, journal=tmp_path / "whole")
    expected = list(whole.run([SMALL_BUDGET], LITTLE))
    passes, halts = 0, 0

    def run():
        nonlocal passes, halts
        cancel, seen = threading.Event(), 0

        def tell(count):
            nonlocal seen, passes
            seen, passes = seen + 1, passes + count
            if seen == 2:
                cancel.set()

        search = Search.open(
            loaded, None, pictures, journal=tmp_path / "killed", resume=halts > 0, cancel=cancel, tell=tell
        )
        try:
            return list(search.run([SMALL_BUDGET], LITTLE))
        except Stopped:
            halts += 1
            if halts == 1:
                with open(tmp_path / "killed", "a") as file:
                    file.write('{"removed": [1, 2')
            return None

    while (actual := run()) is None:
        pass

    assert expected == actual
    assert halts > 1
    lines = (tmp_path / "killed").read_text().splitlines()[1:]
    assert passes == 12 * len(lines)
    assert sorted(lines) == sorted((tmp_path / "whole").read_text().splitlines()[1:])


def test_the_answers_are_real(loaded, pictures):
    """What a panel keeps is the divergence and the first guess that the model itself gives."""
    panel = Panel(lambda: open_vit(loaded.model), pictures.pixels, Journal(None, {}), size=5)
    panel.ask([(8, 4, 0, 2)], range(3))
    vit, images = open_vit(loaded.model), preprocess_for(loaded.model).normalise(pictures.pixels)

    with torch.inference_mode():
        merged = vit(images, MergeSchedule.explicit((8, 4, 0, 2))).log_softmax(-1)
        whole = vit(images).log_softmax(-1)

    expected = (whole.exp() * (whole - merged)).sum(-1).numpy()
    assert np.allclose(expected, panel.divergence((8, 4, 0, 2), range(3)), atol=1e-5)
    assert merged.argmax(-1).tolist() == panel.best((8, 4, 0, 2), range(3)).tolist()


def test_a_journal_is_not_overwritten_nor_mixed(tmp_path):
    """One that is there must be asked for, and be of the same search; a broken line is named."""
    path = tmp_path / "journal"
    Journal(path, {"model": "a"}).put(0, {})

    with pytest.raises(JanusError, match="a journal is there already"):
        Journal(path, {"model": "a"})
    with pytest.raises(JanusError, match=r"^\S+: this journal is of another search \(model differ"):
        Journal(path, {"model": "b"}, resume=True)
    path.write_text(path.read_text() + '{"removed": [1]}\n')
    with pytest.raises(JanusError, match="line 2 is not one of a journal"):
        Journal(path, {"model": "a"}, resume=True)


@pytest.mark.parametrize(
    ("divergence", "best"), [([0.1], [3]), ([0.1, 0.2], [3]), ([0.1], [3, 4]), ([0.1, 0.2, 0.3], [3, 4, 5])]
)
def test_a_line_of_too_few_answers_is_named(tmp_path, divergence, best):
    """Or of too many; by one sentence with what to do, and only where it is known how many there are."""
    path = tmp_path / "journal"
    Journal(path, {"model": "a"}).put(0, {(1,): Answers(divergence, best)})

    with pytest.raises(JanusError) as caught:
        Journal(path, {"model": "a"}, resume=True, size=2)

    assert str(caught.value) == (
        f"{path}: line 2 has not an answer for each picture of a batch; remove this line, or name another --journal."
    )
    if len(divergence) == len(best):
        assert Journal(path, {"model": "a"}, resume=True)[(1,), 0].best == best


def test_a_short_line_ends_a_search_before_it_begins(loaded, pictures, tmp_path):
    """The search knows how many pictures a batch has."""
    path = tmp_path / "journal"
    next(Search.open(loaded, None, pictures, journal=path).run([SMALL_BUDGET], LITTLE))
    head, line, *rest = path.read_text().splitlines()
    line = json.loads(line)
    line |= {key: line[key][:-1] for key in ("divergence", "best")}
    path.write_text("\n".join([head, json.dumps(line), *rest]) + "\n")

    with pytest.raises(JanusError, match="line 2 has not an answer for each picture"):
        Search.open(loaded, None, pictures, journal=path, resume=True)


def test_one_picture_is_too_few(loaded, tmp_path):
    """Nothing is sure from it; no journal is begun."""
    one = read_pictures(open_images(scribbles(tmp_path, 1)), preprocess_for(loaded.model))

    with pytest.raises(JanusError, match=r"one picture is too few to search by: .* give two or more"):
        Search.open(loaded, None, one, journal=tmp_path / "journal")
    assert not (tmp_path / "journal").exists()


def test_a_file_that_is_no_journal_stays_as_it_is(tmp_path):
    """What a killed run has torn off is cut away, but only from a journal of this very search."""
    other, mine = tmp_path / "notes", tmp_path / "journal"
    other.write_text("Dear diary,\nno newline here")
    with pytest.raises(JanusError, match="line 1 is not one of a journal"):
        Journal(other, {"model": "a"}, resume=True)
    Journal(mine, {"model": "a"})
    whole = mine.read_text()
    mine.write_text(whole + '{"remov')
    with pytest.raises(JanusError, match="of another search"):
        Journal(mine, {"model": "b"}, resume=True)
    torn = mine.read_text()
    Journal(mine, {"model": "a"}, resume=True)

    assert other.read_text() == "Dear diary,\nno newline here"
    assert torn == whole + '{"remov'
    assert mine.read_text() == whole


def test_a_picture_is_known_again(loaded, pictures, tmp_path):
    """Smaller, squashed and as a JPEG it is still the same, and refused; others are not."""
    scribbles(tmp_path, 4, seed=1)
    fresh = read_pictures(open_images(tmp_path), preprocess_for(loaded.model))
    (tmp_path / "twin").mkdir()
    again = np.random.default_rng([0, 3]).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(again).resize((96, 96)).resize((70, 60)).save(tmp_path / "twin" / "0.jpg", quality=80)
    twin = read_pictures(open_images(tmp_path / "twin"), preprocess_for(loaded.model))

    check_disjoint(pictures.fingerprints, fresh)
    with pytest.raises(JanusError, match=r"1 of 1 pictures to test on are among those for calibration, 0.jpg"):
        check_disjoint(pictures.fingerprints, twin)


def test_drawings_on_white_are_told_apart():
    """Their fingerprints have few bits, so few may differ; the very same drawing is known again."""
    marks = []
    for at in (4, 10, 16):
        drawing = np.full((28, 28), 255, np.uint8)
        drawing[at : at + 4, at : at + 4] = 0
        marks.append(fingerprint(Image.fromarray(drawing)))
    bits = bits_of(marks)

    assert [alike(bits, mark).tolist() for mark in bits] == np.eye(3, dtype=bool).tolist()
    assert not alike(bits_of([]), bits[0]).any()
    with pytest.raises(JanusError, match="'ab' is no fingerprint of a picture"):
        bits_of([*marks, "ab"])


def test_processes_answer_as_one(tmp_path):
    """The demo model in two processes gives what it gives in this one."""
    from janus.models import load_model

    demo = load_model("demo")
    some = read_pictures(open_images("demo:train"), preprocess_for(demo.model), limit=4)
    found = []
    for jobs in (1, 2):
        search = Search.open(demo, None, some, journal=tmp_path / str(jobs), jobs=jobs)
        search.panel.ask([(9,) * 12], range(2))
        found.append(search.panel.divergence((9,) * 12, range(2)))

    assert np.allclose(*found, atol=1e-4)
    head = json.loads((tmp_path / "1").read_text().splitlines()[0])
    assert (head["model"], math.isfinite(found[0].sum())) == ("vit_tiny_patch16_224.janus_demo", True)
