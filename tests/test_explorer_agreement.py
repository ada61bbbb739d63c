"""What the screen says in one place agrees with what it says in another, in its files and after it is brought back."""

import io
import re
import threading
from dataclasses import replace

import pandas as pd
import pytest
import test_explorer
from test_trace_view import FakePair, opened, quick

from janus.explorer import Explorer, sources
from janus.explorer.behind import Lane
from janus.explorer.machines import THIS
from janus.figures import accuracy_figure
from janus.figures.style import VERMILLION
from janus.profile import derive_profile
from janus.workbench import Question
from janus.workbench.words import NBSP

alone, made, quick = test_explorer.alone, test_explorer.made, quick
MODEL = "vit_tiny_patch16_224"
ORIN, NANO = "Orin NX (derived)", "Orin Nano (derived)"


def csv_of(explorer, name):
    data = explorer.sheets()[name].file("csv", explorer._facts()).decode()
    return pd.read_csv(io.StringIO(data), comment="#")


def words(explorer):
    return re.sub("<[^>]*>", "", explorer.sentence.value).replace(NBSP, " ")


# -- files -------------------------------------------------------------------------------------------------------------


def test_measured_points_are_in_every_file_of_the_latencies(made, monkeypatch):
    """In the table beside the modelled ones, in the drawings with their names."""
    FakePair(monkeypatch)
    explorer = made(live=False)
    assert "pair_median_ms" not in csv_of(explorer, "latency")
    before = explorer.sheets()["latency"].file("svg", explorer._facts()).decode()
    explorer.desk.measure.click()
    explorer.settle()
    row = csv_of(explorer, "latency").set_index("split").loc[explorer.answer.plan.split]

    assert (row["pair_frames"], row["pair_p10_ms"], row["pair_median_ms"], row["pair_p90_ms"]) == (20, 20, 21, 24)
    assert row["pair_modelled_ms"] == 20
    sheet = explorer.sheets()["latency"]
    assert "pair_…: measured" in sheet.kind
    svg = sheet.file("svg", explorer._facts()).decode()
    assert all(f"{NBSP}{words}" in svg and f"{NBSP}{words}" not in before for words in ("measured", "its model"))
    assert svg.count(f'stroke="{VERMILLION}"') > before.count(f'stroke="{VERMILLION}"')
    assert sheet.file("png", explorer._facts())[:4] == b"\x89PNG"


def test_a_picture_s_measurement_is_not_that_of_the_jpeg_beside_it(made, monkeypatch):
    """Both are at split 0; one of them ran."""
    FakePair(monkeypatch)
    explorer = made(live=False, question=Question(encoding="raw", uplink_mbps=900.0, split=0))
    explorer.desk.measure.click()
    explorer.settle()
    rows = csv_of(explorer, "latency").query("split == 0").set_index("travels_as")["pair_median_ms"]

    assert rows["raw"] == 21 and rows.isna()["jpeg85"]


def test_files_of_the_plan_are_of_the_present_plan_in_the_trace_view_too(made, quick):
    """The figures are not drawn there; a drawing of them is of what is asked now all the same."""
    explorer = opened(made)
    explorer.panel.level.box.value = "0"
    explorer.panel.slo.box.value = "33"
    sheet = explorer.sheets()["latency"]
    svg = sheet.file("svg", explorer._facts()).decode()

    assert "unmerged" in svg and f"33{NBSP}ms" in svg
    shown = [text for _, text in explorer.stage.figures[1]["data"][5]["customdata"]]
    assert set(shown) <= set(explorer.answer.latency["modelled_ms"])


def test_a_screen_that_begins_with_the_trace_view_has_tables_and_files(made, quick):
    """Those of the plan, and of the trace view itself what has been replayed."""
    explorer = made(live=False, state="janus1?view=trace&follow=no")
    explorer.shelf.opened.value = True
    assert explorer.settle()

    assert explorer.banner.layout.display == "none", explorer.banner.value
    sheets = explorer.sheets()
    assert {"tokens", "latency", "course", "policies"} <= set(sheets)
    assert set(csv_of(explorer, "policies")["policy"]) == {leg.policy for leg in explorer.desk.replaying.legs}
    assert "a steady" in sheets["course"].kind and "late_percent" in csv_of(explorer, "course")
    svg = sheets["course"].file("svg", explorer._facts()).decode()
    assert all(f">{title}<" in svg for title in ("Uplink", "Split", "Level", "Modelled latency"))
    explorer.shelf.which.value = "policies"
    assert "cloud-only" in explorer.shelf.table.value
    explorer.desk.view.value = "plan"
    assert "Trace and policies" in explorer.shelf.table.value


def test_groups_of_another_plan_or_picture_are_in_no_file(made, monkeypatch):
    """While the tokens of the present plan are on their way, those of the former stay with their own picture."""
    explorer = made(live=False)
    explorer.settle()
    go, groups = threading.Event(), explorer.subject.groups

    def slow(pixels, plan):
        assert go.wait(30)
        return groups(pixels, plan)

    explorer.subject.groups = slow
    assert "picture" in explorer.sheets()
    name = explorer.stage.which.value
    explorer.stage.which.value = explorer.stage.names[1]
    explorer.stage.block.value = 3
    assert "picture" not in explorer.sheets()
    assert f'alt="{name}"' in explorer.stage.view.value
    go.set()
    explorer.settle()

    assert explorer.stage.names[1] in explorer.sheets()["picture"].kind
    assert f'alt="{explorer.stage.names[1]}"' in explorer.stage.view.value


# -- what runs behind --------------------------------------------------------------------------------------------------


def test_a_result_that_cannot_be_shown_is_an_error_and_not_the_end_of_the_lane():
    """Neither what shows it, nor what shows the error."""
    seen = []

    def failed(why):
        seen.append(str(why))
        raise RuntimeError("nor can this")

    def broken(_result):
        raise ValueError("cannot be shown")

    lane = Lane("test", post=lambda call: call(), failed=failed)
    lane.submit(lambda cancel: iter([1]), show=broken)
    assert lane.join(30) and seen == ["cannot be shown"]
    lane.submit(lambda cancel: iter([2]), show=seen.append)
    assert lane.join(30) and seen[-1] == 2
    lane.close()


# -- words and figures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixed", ("level=0", "split=6", "split=12", "level=0.2"))
@pytest.mark.parametrize("slo_ms", (1, 12, 13, 20))
def test_no_plan_that_was_not_free_to_choose_is_said_to_have_lost(made, fixed, slo_ms):
    """With a fixed level or split only the rest was tried; what would meet the SLO is told as what it is."""
    explorer = made(live=False, state=f"janus1?{fixed}&slo_ms={slo_ms}&uplink_mbps=2&follow=no")
    lost, _, free = words(explorer).partition("Left to choose by itself, Janus would ")
    if "no plan meets" not in lost:
        return
    q = explorer.answer.question
    times = [float(text) for text in re.findall(r"takes ([\d.]+) ms", lost)]
    assert all(time > slo_ms for time in times)
    assert q.split is None or not times
    best = explorer._workbench.ask(replace(q, level=None, split=None))
    assert bool(free) == best.met
    if best.met:
        assert f": modelled {best.modelled_ms:.3g} ms" in free


@pytest.mark.parametrize(("name", "text"), (("level", "0.545"), ("bandwidth", "0.015"), ("slo", "1234.5")))
def test_a_box_shows_the_number_that_its_control_holds(made, name, text):
    """To six digits: what stands there can be typed again."""
    control = test_explorer.numbers(explorer := made(live=False))[name]
    control.box.value = text

    assert control.box.value == text and control.value == float(text), explorer.banner.value
    assert name != "bandwidth" or "Under 0.015 Mbit/s" in words(explorer)


def test_somebody_s_own_weights_have_nobody_else_s_accuracy(made, tmp_path):
    """The architecture's name without a tag: what is stored of a model of that architecture is another model's."""
    own = sources.ModelSource(name=MODEL, weights="file", file=tmp_path / "own.safetensors")

    assert sources.accuracy_of(own) is None and sources.rates_of(own) is None
    assert sources.accuracy_of(replace(own, weights="none", file=None)) is not None
    assert "Accuracy: none is stored for this model." in words(made(live=False, model=MODEL, weights=own.file))


def test_the_last_level_that_meets_the_slo_has_its_band():
    """It has no next one to reach to; the one level of a searched schedule has half of the axis."""
    table, levels = pd.DataFrame(columns=["kind"]), pd.DataFrame({"level": [0.0, 0.5, 1.0], "meets_slo": [0, 0, 1]})
    table.attrs = {"level_range": [-0.05, 1.05], "top1_range": [0, 100]}
    options = {"over": "level", "level": 1.0, "slo_ms": 20, "unit": "", "empty": ""}

    def bands(levels, **more):
        shapes = accuracy_figure(table, levels, **options, **more)["layout"]["shapes"]
        return [(shape["x0"], shape["x1"]) for shape in shapes if shape["type"] == "rect"]

    assert bands(levels) == [(1.0, 1.05)]
    assert bands(levels.iloc[[0, 2]], named="cut4-0.5") == [(0.5, 1.4)]


# -- states and choices ------------------------------------------------------------------------------------------------


def test_a_screen_that_begins_with_a_state_of_other_data_says_so(made):
    """As it does where the line is pasted; Reset forgets a line that was refused."""
    explorer = made(live=False, state="janus1?follow=no&data=00000000")
    assert "its numbers may differ" in explorer.bar.says.value
    explorer.bar.text.value = "garbage"
    explorer.panel.reset.click()
    assert explorer.bar.text.value == explorer.state and "janus-wrong" not in explorer.bar.text._dom_classes


def test_what_a_state_is_silent_about_is_what_was_given_with_it(made):
    """Seed and following; Reset brings that seed back."""
    explorer = made(live=False, seed=3, state="janus1?level=0.4")
    assert not explorer.panel.live.value and "seed=3" in explorer.state
    explorer.restore("janus1?seed=5&follow=no")
    explorer.panel.reset.click()
    assert "seed=3" in explorer.state


def test_a_device_that_was_given_stays_when_this_machine_has_been_timed(made):
    """So does one that was chosen when another model is; Calibrate shows this machine."""
    explorer = made(live=False, calibrate=True, device="orin-nx")
    assert explorer.panel.device.value == ORIN
    explorer.panel.calibrate.click()
    explorer.settle()
    assert explorer.panel.device.value == THIS
    explorer.panel.device.value = NANO
    explorer.panel.cloud.value = "T4 (derived)"
    explorer.panel.model.value = next(one for one in explorer._sources if one.name == "vit_small_patch16_224")
    assert (explorer.panel.device.value, explorer.panel.cloud.value) == (NANO, "T4 (derived)")


def test_this_machine_as_the_cloud_comes_back_when_it_has_been_timed(made):
    """Like as the device; until then the usual one stands in."""
    explorer = made(live=False, calibrate=True, state=f"janus1?follow=no&device={ORIN}&cloud={THIS}".replace(" ", "+"))
    explorer.settle()
    assert (explorer.panel.device.value, explorer.panel.cloud.value) == (ORIN, THIS)


def test_two_profiles_of_one_name_are_two(made):
    """Each in its own role."""
    device, cloud = (replace(derive_profile(one, MODEL), name="my box") for one in ("orin-nx", "v100"))
    explorer = made(live=False, device=device, cloud=cloud)
    assert explorer._workbench.device is device and explorer._workbench.cloud is cloud


def test_a_state_brings_back_the_source_that_it_was_of(made, tmp_path):
    """There is one of each name in the menu, somebody's own first."""
    explorer = made(live=False, model="vit_small_patch16_224", weights=tmp_path / "own.safetensors")
    names = [source.name for source in explorer._sources]
    assert len(names) == len(set(names)) and explorer.source.weights == "file"
    explorer.restore(explorer.state)
    assert explorer.source.weights == "file"


def test_another_seed_s_picture_is_drawn_at_once(made):
    """Under its old name."""
    explorer = made(live=False)
    explorer.stage.which.value = "drawn: a boat"
    explorer.settle()
    before = explorer.stage.view.value
    explorer.restore(explorer.state.replace("seed=0", "seed=5"))
    explorer.settle()
    assert explorer.stage.view.value != before


def test_a_picture_that_has_yet_to_come_is_in_the_state(made):
    """It comes with the model."""
    explorer = made(live=False)
    explorer.restore("janus1?model=vit_small_patch16_224&picture=sample+1&follow=no")
    assert "picture=sample+1" in explorer.state


def test_the_block_of_a_deeper_model_is_kept_in_the_trace_view(made, quick):
    """The slider's end follows the model there, too."""
    explorer = made(live=False, state="janus1?model=vit_large_patch16_384&view=trace&block=20&follow=no")
    assert (explorer.stage.block.value, explorer.stage.block.max) == (20, 24)


@pytest.mark.parametrize(("before", "level", "after"), (("constant", 8.0, "declining"), ("declining", 0.4, "constant")))
def test_a_fixed_level_in_another_schedule_leaves_as_much_to_compute(made, before, level, after):
    """Neither the strongest nor none."""
    explorer = made(live=False, state=f"janus1?family={before}&level={level:g}&follow=no")
    computed = explorer.answer.merging.token_blocks
    explorer.panel.family.value = after

    assert not explorer.panel.auto_level.value
    assert explorer.answer.merging.token_blocks == pytest.approx(computed, rel=0.05)
    state = explorer.state
    explorer.restore(state)
    assert explorer.state == state


def test_images_for_another_model_are_said_to_wait(alone, tmp_path):
    """The demo model has its own; nothing is ignored without a word."""
    explorer = Explorer(calibrate=False, live=False, images=tmp_path)
    assert f"{tmp_path} waits for another model" in explorer.note.value
    explorer.settle()
    assert "waits for another model" not in Explorer(calibrate=False, live=False).note.value


def test_hover_names_the_picture_that_stands_beside_the_splits(made):
    """And no split below 0; the cut of a picture that is sent lies before the embedding."""
    explorer = made(live=False, question=Question(encoding="raw", uplink_mbps=900.0, split=0))
    tokens, latency, _ = explorer.stage.figures

    assert latency["data"][0]["customdata"][:3] == ["split 0 as JPEG", "split 0 as raw", "split 1"]
    assert "customdata" in latency["data"][0]["hovertemplate"]
    assert tokens["layout"]["shapes"][0]["x0"] == -0.5
