"""The workbench's answers: plans, tables and the sentence, against sums done by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rooms import TINY, accuracy_table, machine, rate_table

from janus.errors import JanusError
from janus.geometry import find_geometry
from janus.grid import CODECS, ENCODINGS, GridSettings, PlanGrid, find_codec, find_encoding
from janus.schedule import MergeSchedule
from janus.workbench import JPEG, Question, Workbench, explain, levels_of
from janus.workbench import accuracy_table as table_of
from janus.workbench.tables import PARTS
from janus.workbench.words import NBSP, kilobytes, mbps, ms, ms_short, percent, significant

DEVICE, CLOUD = machine(0.4, name="box"), machine(0.02, name="rack")
BENCH = Workbench(DEVICE, CLOUD, accuracy_table())
FAMILIES = ("declining", "constant", "linear", "none")

questions = st.builds(
    Question,
    family=st.sampled_from(FAMILIES),
    split=st.none() | st.integers(0, TINY.depth),
    uplink_mbps=st.floats(0.05, 500),
    rtt_ms=st.floats(0, 100),
    slo_ms=st.floats(1, 500),
    codec=st.sampled_from(tuple(CODECS)),
    encoding=st.sampled_from(ENCODINGS),
)


def by_hand(q, level, split):
    """Modelled milliseconds of one plan: the parts of `design.md` summed one by one."""
    plan = TINY.plan(MergeSchedule(family=q.family, level=level))
    device, cloud = DEVICE.predict_blocks_ms(plan).tolist(), CLOUD.predict_blocks_ms(plan).tolist()
    if split == TINY.depth:
        return DEVICE.embed_ms + sum(device) + DEVICE.head_ms
    if split == 0:
        picture = find_encoding(q.encoding, TINY)
        size, before, after = picture.size_bytes, picture.encode_ms, picture.decode_ms + CLOUD.embed_ms
    else:
        tokens = plan.tokens[split]
        size = int(find_codec(q.codec).payload_bytes(tokens, TINY.width, tokens < TINY.tokens))
        before, after = (
            DEVICE.embed_ms + sum(device[:split]) + float(DEVICE.encode_ms(size)),
            float(CLOUD.decode_ms(size)),
        )
    answer_ms = 4000 * 8 / 50e6 * 1000
    return before + size * 8 / q.uplink_mbps / 1000 + q.rtt_ms + after + sum(cloud[split:]) + CLOUD.head_ms + answer_ms


@settings(max_examples=20)
@given(questions)
def test_the_plan_is_what_trying_every_plan_by_hand_gives(q):
    """The smallest level whose fastest split meets the SLO; where none does, the fastest plan."""
    splits = BENCH.candidates if q.split is None else (q.split,)
    every = {(level, k): by_hand(q, level, k) for level in BENCH.levels(q.family) for k in splits}
    answer = BENCH.ask(q)
    chosen = every[answer.plan.level, answer.plan.split]
    meeting = [level for (level, _), took in every.items() if took <= q.slo_ms - 1e-9]

    assert answer.modelled_ms == pytest.approx(chosen, rel=1e-9)
    if answer.met:
        assert answer.plan.level <= min(meeting, default=math.inf)
        assert chosen <= min(every[answer.plan.level, k] for k in splits) + 1e-9
    else:
        assert meeting == []
        assert chosen == pytest.approx(min(every.values()), rel=1e-9)


@given(questions.filter(lambda q: q.split is None))
def test_the_plan_is_that_of_the_published_policy(q):
    """What the screen says Janus would do is what the plan grid decides, to the last bit."""
    plans = GridSettings(family=q.family, levels=BENCH.levels(q.family), codec=q.codec, encoding=q.encoding)
    grid = PlanGrid.build(DEVICE, CLOUD, plans)
    level, split, took = grid.decide(q.uplink_mbps, q.rtt_ms, q.slo_ms)
    answer = BENCH.ask(q)

    assert (answer.plan.level, answer.plan.split) == (grid.levels[level], grid.splits[split])
    assert answer.modelled_ms == took


@given(questions, st.floats(0, 0.9))
def test_the_parts_of_every_bar_sum_to_what_is_written_on_it(q, level):
    """Device, encode, uplink, round trip and cloud are the whole latency, at levels off the grid, too."""
    level = round(level, 3) if q.family in ("declining", "linear") else 0.0
    table = BENCH.ask(Question(**{**vars(q), "level": level})).latency

    assert table[list(PARTS)].sum(axis=1).tolist() == pytest.approx(table["modelled_ms"].tolist(), rel=1e-9)
    rows = table[table["position"] >= 0]
    assert rows["split"].tolist() == list(range(TINY.depth + 1))
    assert rows["modelled_ms"].tolist() == pytest.approx([by_hand(q, level, k) for k in rows["split"]], rel=1e-9)


@given(questions)
def test_the_jpeg_always_stands_beside_another_encoding(q):
    """The practitioner's choice is in the table exactly once, whatever is chosen."""
    table = BENCH.ask(q).latency

    assert (table["travels_as"] == JPEG).sum() == 1
    assert table["chosen"].sum() == 1
    assert table.attrs["top_ms"] > table[table["chosen"]]["modelled_ms"].iloc[0]
    assert table[~table["over"]]["modelled_ms"].max() < table.attrs["top_ms"]


def test_tokens_stand_on_the_side_that_computes_them():
    """Up to the split on the device, the rest in the cloud; all in the cloud where the picture travels."""
    cut = BENCH.ask(Question(level=0.4, split=2)).tokens

    assert cut["side"].tolist() == ["device"] * 3 + ["cloud"] * 4
    assert cut["tokens"].tolist() == list(TINY.plan(MergeSchedule(level=0.4)).tokens)
    assert set(BENCH.ask(Question(level=0.4, split=0)).tokens["side"]) == {"cloud"}
    assert set(BENCH.ask(Question(level=0.4, split=6)).tokens["side"]) == {"device"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("model", ["vit_tiny_patch16_224", "vit_large_patch16_384"])
def test_levels_are_round_and_nothing_is_clipped(family, model):
    """Levels rise from 0 in steps a person would choose, and no block is asked for more than it can merge."""
    geometry = find_geometry(model)
    levels = levels_of(family, geometry)

    assert levels[0] == 0 and list(levels) == sorted(set(levels))
    assert [level for level in levels if level != round(level, 3)] == []
    assert [level for level in levels if geometry.plan(MergeSchedule(family=family, level=level)).clipped] == []
    if family in ("declining", "linear"):
        assert len(levels) > 30


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("uplink_mbps", 0.0, "bandwidth"), ("uplink_mbps", math.nan, "bandwidth"), ("uplink_mbps", -3.0, "bandwidth"),
        ("uplink_mbps", 1e9, "bandwidth"), ("rtt_ms", -1.0, "round trip"), ("rtt_ms", math.inf, "round trip"),
        ("slo_ms", 0.0, "SLO"), ("slo_ms", math.nan, "SLO"), ("slo_ms", 1e9, "SLO"), ("slo_ms", True, "SLO"),
        ("codec", "lzw", "codec"),
    ],
)  # fmt: skip
def test_a_question_out_of_range_is_refused_by_name(setting, value, named):
    """One sentence that names what is wrong, before anything is computed."""
    with pytest.raises(JanusError, match=named):
        Question(**{setting: value})


def test_a_plan_beyond_the_model_is_refused():
    """A split or a level that the model does not have; an encoding nobody knows."""
    for wrong, named in (({"split": 7}, "split 7"), ({"level": 1e12}, r"level 1e\+12"), ({"encoding": "gif"}, "'gif'")):
        with pytest.raises(JanusError, match=named):
            BENCH.ask(Question(**wrong))


def test_profiles_of_two_models_do_not_meet():
    """A device and a cloud of different models are refused."""
    with pytest.raises(JanusError, match="not of tiny"):
        Workbench(DEVICE, machine(0.1, geometry=find_geometry("vit_tiny_patch16_224")))


def said(**question):
    q = Question(**question)
    answer = BENCH.ask(q)
    return answer, str(explain(answer, BENCH.accuracy)).replace(NBSP, " ")


def test_the_sentence_of_a_plan_that_meets_the_slo():
    """Network, plan, latency, slack, why this level, what the rivals take and the accuracy with its source."""
    answer, text = said(uplink_mbps=2, rtt_ms=10, slo_ms=50, encoding="raw")
    k, level = answer.plan.split, answer.plan.level

    assert answer.met and level > 0
    assert text.startswith("Under 2 Mbit/s and 10 ms RTT, Janus would ")
    assert f"at level {level:g}: modelled {ms(answer.modelled_ms)}".replace(NBSP, " ") in text
    assert f"{ms(50 - answer.modelled_ms)} under the SLO of 50 ms".replace(NBSP, " ") in text
    assert "It is the smallest level that meets the SLO" in text
    unmerged = answer.grid.modelled_ms(2, 10)[0]
    assert k == TINY.depth or f"device-only {ms(unmerged[-1])}".replace(NBSP, " ") in text
    assert f"cloud-only {ms(unmerged[0])} as raw pixels".replace(NBSP, " ") in text
    assert "as JPEG 85" in text
    assert "(stored, 500 images; 80.0 % unmerged)" in text


def test_the_sentence_when_no_merging_is_needed():
    """A lax SLO needs no merging, and the sentence says so."""
    answer, text = said(slo_ms=5000)

    assert answer.plan.level == 0
    assert "without merging" in text and "No merging is needed" in text
    assert "Accuracy there 80.0 % (stored, 500 images)." in text


def test_the_sentence_of_an_slo_that_cannot_be_met():
    """It says so plainly, gives the fastest plan as the least bad, and says what each alternative takes."""
    answer, text = said(uplink_mbps=1, rtt_ms=50, slo_ms=2, encoding="raw")
    every = answer.grid.modelled_ms(1, 50)[:, list(answer.candidates)]

    assert answer.modelled_ms == every.min() and not answer.met
    assert "no plan meets the SLO of 2 ms. The least bad: " in text
    assert f"{ms(answer.modelled_ms - 2)} too late".replace(NBSP, " ") in text
    assert "Cloud-only takes" in text and "to send 9.41 kB as raw pixels" in text
    assert "as JPEG 85 it takes" in text
    assert "the best cut, after block" in text
    assert "Without merging, this plan would take" in text


def test_the_sentence_says_when_a_jpeg_would_have_done():
    """A target that only the JPEG meets is not called impossible without saying so."""
    answer, text = said(uplink_mbps=2, rtt_ms=10, slo_ms=30, encoding="raw")

    assert not answer.met
    assert "As JPEG 85, cloud-only would meet it in" in text


def test_the_sentence_says_who_chose():
    """What a person fixed is not called Janus's choice."""
    assert "you cut after block 3 of 6 at level 0.4" in said(level=0.4, split=3)[1]
    assert "with the level you chose, Janus would " in said(level=0.4, slo_ms=5000)[1]
    assert "with the split you chose, Janus would cut after block 3" in said(split=3, slo_ms=5000)[1]
    assert "with the split you chose, no plan meets" in said(split=3, slo_ms=1)[1]


def test_the_sentence_says_what_is_known_of_the_accuracy():
    """Exactly measured, bounded by a stronger level, beyond what was measured, or nothing at all."""
    assert "Accuracy there 79.0 % (stored" in said(level=0.2)[1]
    assert "Accuracy at least that at level 0.5, 75.0 % (stored" in said(level=0.3)[1]
    assert "none is stored for so strong a level; at level 0.8 it is 60.0 %" in said(level=0.9)[1]
    assert "none is stored for this model" in str(explain(BENCH.ask(Question())))


def test_accuracies_of_the_present_schedule_and_where_they_lie():
    """Stored rows, live rows with their intervals, and ranges that hold them all."""
    answer = BENCH.ask(Question(level=0.4))
    live = {
        "schedule": "declining",
        "level": 0.4,
        "top1": 70.0,
        "ci95": [40.0, 90.0],
        "n": 16,
        "now": True,
        "model": "tiny",
    }
    other = live | {"schedule": "constant", "level": 3.0}
    table = table_of(answer, BENCH.accuracy, [live, other]).frame()

    assert table["kind"].tolist() == ["live"] + ["stored"] * 4
    assert table["level"].tolist() == [0.4, 0.0, 0.2, 0.5, 0.8]
    low, high = table.attrs["top1_range"]
    assert low < 40 and 90 < high <= 100
    assert table["modelled_ms"].iloc[0] == pytest.approx(answer.modelled_ms)
    assert len(table_of(answer, None)) == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (significant(1234.5), "1,234"), (significant(23.04), "23"), (significant(0.0), "0"),
        (significant(0.12), "0.12"),
        (ms(19.62), "19.6 ms"), (ms(6027), "6.03 s"), (ms(0.001), "less than 0.01 ms"), (mbps(0.5), "0.5 Mbit/s"),
        (ms_short(8.55), "8.6"), (ms_short(564.2), "564"), (ms_short(1500), "1.5 s"), (kilobytes(13942), "13.9 kB"),
        (percent(78.61), "78.6 %"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(words, text):
    """Three digits, a unit behind a space that does not break, no exponent."""
    assert words.replace(NBSP, " ") == text


def test_a_picture_that_was_measured_says_what_it_keeps():
    """Its bytes and its accuracy with interval, from the row of exactly that plan; its format is in the menu."""
    bench = Workbench(machine(4.0), machine(0.02), accuracy_table(), rate_table())
    asked = Question(level=0.0, split=0, encoding="webp40", slo_ms=100.0)
    answer = bench.ask(asked)
    words = explain(answer, bench.accuracy).accuracy

    assert "webp40" in bench.encodings and "webp40" not in Workbench(machine(4.0), machine(0.02)).encodings
    assert answer.grid.payload_bytes[0, 0] == 900
    assert words == (
        f"Accuracy of exactly this plan 77.0{NBSP}% (75.0 to 79.0{NBSP}%) with 0.9{NBSP}kB sent (stored, "
        f"500{NBSP}images; 80.0{NBSP}% with nothing merged or lost)."
    )
    with pytest.raises(JanusError, match="encoding 'webp40' is unknown"):
        Workbench(machine(4.0), machine(0.02)).ask(asked)
