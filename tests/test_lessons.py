"""The lessons: tables that agree with what they tell of, and notebooks whose commands exist."""

import shlex

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import CHECKOUT
from hypothesis import given
from hypothesis import strategies as st
from rooms import small_grid
from safetensors.torch import save_file

from janus import lessons
from janus.cli import cli
from janus.codec import encode
from janus.data import open_images
from janus.demo import CLASSES, LABEL, sample
from janus.errors import JanusError
from janus.geometry import find_geometry
from janus.lessons.bytes import FAMILIES
from janus.lessons.splits import convolutional_values
from janus.lessons.strip import GAP, SIDE, WORDS, strip
from janus.models import DEMO_NAME, load_model
from janus.picture import encode_picture
from janus.preprocess import preprocess_for
from janus.rates import find_rates
from janus.reproduce import accuracy_table, input_table
from janus.reproduce.figures import accuracy_figure
from janus.schedule import MergeSchedule
from janus.schedules import searched
from janus.vit import open_vit

TINY = find_geometry("vit_tiny_patch16_224")
STRONG = MergeSchedule(level=0.5)


@pytest.fixture(scope="module")
def subject():
    """A ViT of two blocks with random weights."""
    import timm

    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=len(CLASSES)).eval()
    return lessons.Subject(
        vit=open_vit(model), preprocess=preprocess_for(model), trained=False, about="two blocks", label="random"
    )


MERGING = MergeSchedule(family="constant", level=60)


# The model


def test_random_weights_stand_in_until_the_demo_model_is_there(monkeypatch, tmp_path):
    """Without the file the subject says that it is untrained; with it, it is the demo model and its numbers say so."""
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))
    before = lessons.open_subject(seed=3)
    (tmp_path / "models").mkdir()
    halves = {name: tensor.half() for name, tensor in before.vit.model.state_dict().items()}
    save_file(halves, tmp_path / "models" / f"{DEMO_NAME}.safetensors")
    after = lessons.open_subject()

    assert (before.trained, "random weights, seed 3" in before.about, before.label == LABEL) == (False, True, False)
    assert (after.trained, DEMO_NAME in after.about, after.label) == (True, True, LABEL)
    assert before.vit.geometry.classes == after.vit.geometry.classes == len(CLASSES)


def test_random_weights_follow_their_seed():
    """The same seed gives the same model, and leaves the caller's own random numbers alone."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (lessons.random_model("vit_tiny_patch16_224", 3, 1).state_dict() for _ in range(2))

    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(expected, torch.rand(3))


# What merges


def test_groups_keep_every_patch(subject):
    """After every block each patch is in one token, and tokens are as many as the plan says, class token included."""
    table = lessons.group_table(subject, sample("val", 0).pixels, MERGING)

    assert table["patches"].tolist() == [196] * 3
    assert table["tokens"].tolist() == list(subject.vit.plan(MERGING).tokens) == [197, 137, 77]
    assert table["largest"].is_monotonic_increasing and table["single"].is_monotonic_decreasing


def test_a_strip_has_a_place_for_each_picture(subject):
    """Two rows of three and two; its words stand in the alternative text."""
    pixels = sample("val", 0).pixels
    shown = lessons.merged_strip(subject, pixels, MERGING, (0, 1, 2))
    whole = strip([("a", "b")] * 5, [pixels] * 5)

    assert whole.size == (3 * SIDE + 2 * GAP, 2 * (SIDE + WORDS) + GAP)
    assert "after block 2: 76 tokens, largest of" in shown.alt
    assert shown.data.startswith(b"\x89PNG")


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 50)), min_size=1, max_size=5))
def test_sizes_make_merging_equal_tokens_exact(scores):
    """Proportional attention over merged equal tokens is plain attention over all of them, whatever they score."""
    table = lessons.share_table({str(i): score for i, score in enumerate(scores)})

    np.testing.assert_allclose(table["unmerged_percent"], table["merged_percent"], rtol=1e-9)
    assert table["forgotten_percent"].sum() == pytest.approx(100)


def test_memory_matters(subject):
    """Unmerged nothing moves; merged, the features stay closer with the sizes than without."""
    none, merged = MergeSchedule(family="none"), MERGING
    table = lessons.memory_table(subject, [none, merged], pictures=2)

    assert table.loc[0, ["remembered_percent", "forgotten_percent"]].tolist() == [0, 0]
    assert 0 < table.loc[1, "remembered_percent"] < table.loc[1, "forgotten_percent"]


def test_answers_are_paired_and_labelled(subject):
    """Every schedule sees the same pictures, and every row says where its number is from."""
    table = lessons.answer_table(subject, [MergeSchedule(family="none"), MERGING], pictures=4)

    assert table["n"].tolist() == [4, 4]
    assert table["label"].tolist() == ["random"] * 2
    assert (table["low_percent"] <= table["top1_percent"]).all()
    assert (table["top1_percent"] <= table["high_percent"]).all()


def test_what_crosses_is_itemised(subject):
    """Parts sum to the payload; only fp32 is exact."""
    state = lessons.state_behind(subject, MERGING, 1)
    table = lessons.crossing_table(state).set_index("codec")

    assert (table[["header", "tokens", "scales", "sizes"]].sum(axis=1) == table["all"]).all()
    assert table.loc["int8", "all"] == len(encode(state, "int8"))
    assert table["exact"].tolist() == [True, False, False, False]


# Schedules at a cut


@given(r=st.integers(1, 16), split=st.integers(1, 11))
def test_equal_payload_is_as_near_as_a_level_comes(r, split):
    """No level on a fine grid comes nearer to the constant schedule's tokens at that cut."""
    wanted = TINY.plan(MergeSchedule(family="constant", level=r)).tokens[split]
    found = TINY.plan(lessons.equal_payload(TINY, r, split)).tokens[split]
    others = [TINY.plan(MergeSchedule(level=float(level))).tokens[split] for level in np.linspace(0, 0.545, 60)]

    assert abs(found - wanted) <= min(abs(other - wanted) for other in others)


def test_payload_pairs_send_the_same():
    """Golden, by hand: r = 13 leaves 197 - 4 * 13 tokens behind block 4, 198 bytes each; the pair has as many."""
    table = lessons.payload_pairs(TINY, 13, (4,))

    assert table["tokens_at_split"].tolist() == [145, 145]
    assert table["payload_kb"].tolist() == [round((24 + 145 * 198) / 1000, 2)] * 2
    assert table["giga_multiply_adds"].is_monotonic_increasing


def test_accuracy_at_a_cut_is_what_is_stored():
    """The accuracies are those of the stored table, and an unmerged row sends all tokens without sizes."""
    table = lessons.accuracy_at_cut(4)
    stored = accuracy_table().query("schedule in ['constant', 'declining']")

    assert table["top1_percent"].tolist() == stored["top1_percent"].tolist()
    assert set(table.loc[table["level"] == 0, "payload_kb"]) == {round((24 + 197 * 196) / 1000, 2)}


def test_accuracy_over_payload_is_drawn_with_its_intervals():
    """The axis names the split, and every trace has error bars and the payloads of its rows."""
    table = lessons.accuracy_at_cut(8)
    figure = accuracy_figure(table, over="payload_kb", split=8)
    drawn = sorted(x for trace in figure.data for x in trace.x)

    assert "split 8" in figure.layout.xaxis.title.text
    assert drawn == sorted(table["payload_kb"])
    assert all(len(trace.error_y.array) == len(trace.x) for trace in figure.data)


# Splits


def test_a_convolutional_network_falls_in_steps():
    """Golden, He et al., CVPR 2016, table 1, 50 layers: sides 56 to 7, channels 256 to 2048; 3, 4, 6, 3 blocks."""
    stages = ((56, 256, 3), (28, 512, 4), (14, 1024, 6), (7, 2048, 3))

    assert convolutional_values(224) == [side**2 * channels for side, channels, count in stages for _ in range(count)]


def test_a_plain_vit_does_not_shrink():
    """Unmerged every block sends the same; merged each sends what the plan says."""
    table = lessons.activation_table(TINY, (0.0, 0.5))
    values = {name: rows["values"].tolist() for name, rows in table.groupby("network", sort=False)}

    assert set(values["ViT, no merging"]) == {197 * 192}
    assert values["ViT, α = 0.5"] == [192 * tokens for tokens in TINY.plan(STRONG).tokens[1:]]


@pytest.mark.parametrize("encoding", ["raw", "jpeg85"])
def test_parts_of_a_split_sum_to_what_is_modelled(encoding):
    """Bars stacked upon each other end at the modelled latency of the grid, and the best is the lowest."""
    grid = small_grid(encoding=encoding)
    table = lessons.stack_table(grid, 0.4, (1.0, 20.0), rtt_ms=7.0)
    parts = table[["device_ms", "encode_ms", "uplink_ms", "round_trip_ms", "cloud_ms"]].sum(axis=1)

    np.testing.assert_allclose(parts, table["modelled_ms"], rtol=1e-3)
    for mbps, rows in table.groupby("mbps"):
        level = grid.levels.index(0.4)
        np.testing.assert_allclose(rows["modelled_ms"], grid.modelled_ms(mbps, 7.0)[level], rtol=1e-3)
        assert rows.loc[rows["best"], "modelled_ms"].item() == rows["modelled_ms"].min()


def test_the_best_split_is_that_of_brute_force():
    """At every bandwidth of the table no split of the grid is faster."""
    grid = small_grid()
    table = lessons.best_split_table({"raw": grid}, (0.0, 0.8), rtt_ms=2.0)

    for row in table.iloc[::13].itertuples():
        modelled = grid.modelled_ms(row.mbps, 2.0)[grid.levels.index(row.level)]
        assert modelled[row.split] == modelled.min()


def test_stacked_bars_keep_their_colours():
    """Patterns lie over a bar's colour: without a template plotly would draw them in white on nothing."""
    table = lessons.stack_table(small_grid(), 0.4, (1.0, 20.0), rtt_ms=7.0)
    bars = [trace for trace in lessons.stack_figure(table, title="t").data if trace.type == "bar"]
    patterned = [bar.marker.pattern.fillmode for bar in bars if bar.marker.pattern.shape]

    assert len(bars) == 2 * 5
    assert patterned == ["overlay"] * 2 * 4
    assert sum(sum(bar.y) for bar in bars) == pytest.approx(table["modelled_ms"].sum(), rel=1e-3)


def test_figures_hold_what_their_tables_hold():
    """No point is lost on the way: networks and the picture, best splits, shares."""
    activations = lessons.activation_table(TINY, (0.0, 0.5))
    drawn = lessons.activation_figure(activations, input_table(TINY)).data
    assert [trace.name for trace in drawn] == [
        "ResNet-50", "ViT, no merging", "ViT, α = 0.5", "the picture as raw pixels", "the picture as JPEG 85"
    ]  # fmt: skip
    assert sorted(y for trace in drawn[:3] for y in trace.y) == sorted(activations["kilobytes"])

    best = lessons.best_split_table({"raw": small_grid(), "jpeg85": small_grid()}, (0.0, 0.8), rtt_ms=2.0)
    assert sorted(y for trace in lessons.best_split_figure(best).data for y in trace.y) == sorted(best["split"])

    shares = lessons.share_table({"sky": (1.0, 60), "dog": (3.0, 10)})
    assert [trace.x[0] for trace in lessons.share_figure(shares).data] == shares["unmerged_percent"].tolist()


def test_intervals_cover_every_bandwidth_once():
    """In words: ends apart, neighbours inside as one range, in the order of the links."""
    import pandas as pd

    splits = [6, 6, 4, 3, 3, 2, 5, 0]
    table = pd.DataFrame({"input": "raw", "level": 0.1, "mbps": np.arange(1.0, 9.0), "split": splits})

    assert lessons.interval_table(table).iloc[0, 2] == "6 (1–2), 4 to 2 (3–6), 5 (7–7), 0 (8–8)"


def test_the_tokens_that_fit_fit():
    """So many tokens are no larger than the picture, and one more is: golden for ViT-S, 13942 bytes of JPEG."""
    row = lessons.fitting_table(("vit_small_patch16_224",)).iloc[0]

    assert 24 + 35 * (384 + 4 + 2) <= 13942 < 24 + 36 * (384 + 4 + 2)
    assert (row["int8"], row["fp16"], row["fp32"]) == (35, 18, 9)


def test_candidates_are_those_of_the_splitter():
    """Growth 1 is every split."""
    table = lessons.candidate_table(6, (1.0, 2.0))

    assert table["splits"].tolist() == ["0 1 2 3 4 5 6", "0 1 3 6"]
    assert table["candidates"].tolist() == [7, 4]


def test_every_split_is_the_unsplit_model(subject):
    """Through bytes, as fp32 to the last bit; int8 is not, and the table would show it."""
    table = lessons.exact_table(subject, MERGING, ("fp32", "int8"), pictures=1).set_index("codec")

    assert table.loc["fp32", ["splits", "equal", "same_answer"]].tolist() == [1, 1, 1]
    assert table.loc["int8", "equal"] == 0


def test_zstd_is_measured_on_real_payloads(subject):
    """Plain and packed sizes are those of the codec."""
    state = lessons.state_behind(subject, MERGING, 1)
    row = lessons.packing_table(state).set_index("codec").loc["bf16"]

    assert row["zstd_kb"] == len(encode(state, "bf16+zstd")) / 1000 < row["plain_kb"]


# Bytes


@pytest.fixture(scope="module")
def codec():
    """What is stored of every way to send."""
    return lessons.codec_table()


def test_a_front_is_what_nothing_passes(codec):
    """By brute force: no other way of the family and model is as small and as accurate; all ways have a family."""
    table = lessons.front_table(codec)
    assert set(table["family"]) == set(FAMILIES)
    for _, rows in table.groupby(["model", "family"]):
        points = rows[["payload_kb", "top1_percent"]].to_numpy()
        passed = [
            any(b[0] <= a[0] and b[1] >= a[1] and tuple(a) != tuple(b) for b in points) for a in points
        ]  # fmt: skip
        assert rows["front"].tolist() == [not one for one in passed]


def test_equal_accuracy_is_what_the_bench_reckons(codec):
    """The smallest share of each claim is the bench's own verdict, and every way loses at most a point."""
    close, claims = lessons.equal_table(codec), lessons.claim_table(codec)
    verdicts = codec.attrs["verdicts"]

    assert len(claims) == len(verdicts) == 4
    for verdict in verdicts:
        assert f"≤ {verdict['most']} of" in verdict["asked"] and f"up to {verdict['last_split']} " in verdict["asked"]
        fit = close[(close["model"] == verdict["model"]) & (close["split"] <= verdict["last_split"])]
        assert fit["ratio"].min() == pytest.approx(verdict["ratio"], abs=2e-4)
    assert (claims["of them keep to it"] <= claims["lose ≤ 1 point"]).all()
    assert claims["ways"].tolist() == [27, 45, 27, 45]
    assert claims["holds"].tolist() == ["yes", "yes", "yes, not surely", "yes, not surely"]
    turned = codec.copy()
    turned.attrs |= {"verdicts": verdicts[::-1]}
    pd.testing.assert_frame_equal(lessons.claim_table(turned), claims[::-1].reset_index(drop=True))


def test_early_ways_are_those_of_the_codecs_bench_and_more(codec):
    """Every way at those splits that loses at most a point, by the stored rates, which have more than the bench."""
    model = codec["model"].iloc[0]
    table = lessons.early_table(codec, model, (4, 6))
    old = lessons.equal_table(codec).query("model == @model and split in (4, 6)")

    assert table["ratio"].is_monotonic_increasing and (table["points"] >= -1).all()
    assert set(old["ratio"]) <= set(table["ratio"])


def test_finds_travel_beside_those_that_they_stand_for(codec):
    """Both at the same split and step, and only finds: a name that means the paper's own has no rates of its own."""
    models = list(dict.fromkeys(codec["model"]))
    table = lessons.coded_table(models)

    for model in models:
        finds = {one.name: one for one in searched(model) if one.better and one.like}
        rates, rows = find_rates("stored", model), table[table["model"] == model.partition(".")[0]]
        assert set(rows["searched"]) == set(finds)
        for row in rows.itertuples():
            theirs = rates.row(*finds[row.searched].like, row.split, f"transform{row.step:g}")
            assert row.split == finds[row.searched].split
            assert row.paper_payload_kb == pytest.approx(theirs.bytes_mean / 1000, abs=1e-3)
            assert row.points == pytest.approx(row.top1_percent - theirs.top1, abs=1e-3)


def test_plain_tokens_are_larger_than_the_picture(codec):
    """Golden, `janus bench codec`: the paper's LZW takes 136 kB where a JPEG of quality 85 takes 14."""
    table = lessons.plain_table(codec, 4).set_index("sent").iloc[:, 0]

    assert table.index[0] == "tokens, r 13, as fp32+lzw"
    assert (round(table.iloc[0]), round(table["picture as jpeg 85"])) == (136, 14)


def test_gains_are_told_cell_by_cell():
    """Every cell is drawn, those where the paper's own stayed say so, and losses are named."""
    gains = lessons.gain_table()
    words = lessons.gain_words(gains)
    drawn = [trace for trace in lessons.gain_figure(gains).data if trace.y]

    assert sorted(y for trace in drawn for y in trace.y) == sorted(gains["points"])
    assert (gains.loc[~gains["found"], "points"] == 0).all()
    assert sum(line.startswith("  less at") for line in words) == (gains["points"] < 0).sum()
    vit = gains["model"].iloc[0]
    traced = lessons.trace_table(gains, vit, 0.5, (4, 6))
    assert traced.groupby("schedule")["tokens"].first().tolist() == [197] * 3
    with pytest.raises(JanusError, match="holds nothing of"):
        lessons.trace_table(gains, vit, 0.1, (4,))


def test_a_stored_document_that_is_none_is_refused(tmp_path, monkeypatch):
    """In a sentence that names the file and the command."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "measured-codec.json").write_text('{"results": 3}')
    monkeypatch.setenv("JANUS_DATA", str(tmp_path))

    with pytest.raises(JanusError, match=r"measured-codec.json: is not what `janus bench codec --out` writes"):
        lessons.codec_table()


@pytest.fixture(scope="module")
def desk():
    """One demo picture behind block 4 of the demo model."""
    trained = lessons.open_subject()
    pixels = lessons.demo_picture(trained, 1)
    schedule = MergeSchedule(level=0.4)
    return lessons.Desk(subject=trained, book=lessons.demo_codebook(), pixels=pixels, split=4, schedule=schedule)


def test_what_is_sent_is_really_encoded(desk):
    """Parts sum to the payload; fp32 is exact; a coarser step is smaller; the picture's bytes are its encoder's."""
    table = lessons.sent_table(desk, ("fp32", "int8", "transform0.5", "transform2"), ("jpeg85",)).set_index("sent")
    tokens = table.iloc[:4]
    whole = desk.chances(desk.state())

    assert (tokens[["header", "sizes", "prefix", "tokens"]].sum(axis=1) == 1000 * tokens["payload_kb"]).all()
    assert table.loc["tokens as fp32", "confidence_percent"] == pytest.approx(100 * float(whole.max()))
    assert tokens["payload_kb"].is_monotonic_decreasing
    assert table.loc["picture as jpeg85", "payload_kb"] == len(encode_picture(desk.pixels, "jpeg85")) / 1000


def test_a_step_leaves_mostly_zeros(desk):
    """More of them the coarser it is, and what is sent stays below the entropy of a coder that knows no components."""
    table = lessons.count_table(desk, (0.5, 1, 2))

    assert table["values"].tolist() == [192 * (desk.state().n_tokens - 1)] * 3
    assert table["zero_percent"].is_monotonic_increasing and table["payload_kb"].is_monotonic_decreasing
    assert (table["bits"] < table["entropy_bits"]).all()


def test_an_error_map_covers_the_picture(desk):
    """Patches of one token share its error; the slider has a step for each map, and one map is shown."""
    maps = lessons.error_maps(desk, (0.5, 1, 4))
    groups = desk.subject.groups(desk.pixels, desk.schedule)[4].reshape(14, 14)
    figure = lessons.error_figure(desk.pixels, maps)

    assert [one.error_percent.shape for one in maps] == [(14, 14)] * 3
    assert np.mean([one.error_percent.mean() for one in maps[:1]]) < maps[-1].error_percent.mean()
    for group in np.unique(groups):
        assert len(set(maps[0].error_percent[groups == group])) == 1
    assert [step.label for step in figure.layout.sliders[0].steps] == ["0.5", "1", "4"]
    assert [trace.visible for trace in figure.data if trace.type == "heatmap"] == [False, True, False]


def test_bytes_are_drawn_as_they_stand(codec, desk):
    """Every way is a mark, every front has its intervals, and a component deviates less than the one before it."""
    table = lessons.front_table(codec)
    figure = lessons.rate_figure(table)
    components = lessons.component_table([desk.book], 4)

    assert sorted(x for trace in figure.data for x in trace.x) == sorted(table["payload_kb"])
    assert all(len(trace.error_y.array) == len(trace.x) for trace in figure.data if "lines" in trace.mode)
    assert components["deviation"].is_monotonic_decreasing and components["share_percent"].iloc[-1] == 100
    assert lessons.component_figure(components, 4).data[0].y == tuple(components["deviation"])
    with pytest.raises(JanusError, match="no codebook is among the data"):
        lessons.shipped("vit_none_patch16_224")


# One's own


def test_a_playground_has_weights_and_pictures(capsys):
    """What it writes opens as a person's own would, and its path is never printed."""
    here = lessons.Playground()
    file = here.weights("mine.safetensors", "vit_tiny_patch16_224", classes=2)
    folder = here.pictures("mine", {"b": CLASSES[0], "a": CLASSES[5]}, each=3)
    here.tree(folder)
    table = lessons.label_table(open_images(folder, classes=2))

    assert load_model("vit_tiny_patch16_224", weights=file).model.num_classes == 2
    assert table.to_numpy().tolist() == [[0, "a", 3, 0], [1, "b", 3, 0]]
    assert capsys.readouterr().out.splitlines() == [
        "~/mine",
        "  a/  000.png, 001.png, 002.jpg  (3 files)",
        "  b/  000.png, 001.png, 002.jpg  (3 files)",
    ]


def test_there_are_only_demo_pictures():
    """A word of no demo class is refused by name, with what there is."""
    with pytest.raises(JanusError, match=r"'cats'.*choose from"):
        lessons.Playground().pictures("mine", {"a": "cats"}, each=1)


def test_what_is_broken_is_named():
    """A cut-off file counts as skipped, with its reason; a NaN in a file is refused by name."""
    here = lessons.Playground()
    folder = here.pictures("mine", {"a": CLASSES[0], "b": CLASSES[1]}, each=3)
    (folder / "a" / "001.png").write_bytes(b"\x89PNG")
    images = open_images(folder, classes=2)

    assert lessons.label_table(images)["skipped"].tolist() == [1, 0]
    assert [line.split(":")[0] for line in lessons.skipped_pictures(images)] == ["a/001.png"]
    spoiled = lessons.spoil(here.weights("mine.safetensors", "vit_tiny_patch16_224", classes=2), "bad.safetensors")
    with pytest.raises(JanusError, match="NaN"):
        load_model("vit_tiny_patch16_224", weights=spoiled)


def test_a_refusal_is_printed_and_its_absence_is_an_error(capsys):
    """A lesson on errors fails where there is none any more."""
    here = lessons.Playground()
    here.refused(lambda: open_images(here.path / "nowhere" / "at all"))

    assert capsys.readouterr().out.startswith("JanusError: images ~/nowhere/at all: ")
    with pytest.raises(AssertionError):
        here.refused(lambda: None)


def commands():
    """The commands that the notebook on one's own things ends with."""
    notebook = nbformat.read(CHECKOUT / "notebooks" / "your_model.ipynb", as_version=4)
    lines = [line.strip() for cell in notebook.cells if cell.id == "cli" for line in cell.source.splitlines()]
    return [line for line in lines if line.startswith("janus ")]


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_notebook_exist(command):
    """Each parses: the command and every option are there, and take such values."""
    _, name, *arguments = shlex.split(command)
    found = cli.get_command(None, name)

    assert found.make_context(name, arguments).params


def test_there_are_commands():
    """The test above is about at least five."""
    assert len(commands()) >= 5


@pytest.mark.parametrize(
    "name", ["token_merging", "your_model", "splitting", "scheduling", "measured", "paper_figures"]
)
def test_a_lesson_ends_with_three_exercises(name):
    """Numbered, each with its answer folded away, and it opens with what kind its numbers are."""
    notebook = nbformat.read(CHECKOUT / "notebooks" / f"{name}.ipynb", as_version=4)
    end = notebook.cells[-1].source

    assert end.count("<details><summary>Answer</summary>") == end.count("</details>") == 3
    assert all(f"**{number}.**" in end for number in (1, 2, 3))
    assert "You will learn" in notebook.cells[0].source and "What kind of number is it?" in notebook.cells[0].source
