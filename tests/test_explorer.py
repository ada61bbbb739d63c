"""The screen's handlers, called as ipywidgets calls them, with a model whose answers the test decides."""

import os
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from janus.errors import JanusError
from janus.explorer import Explorer, about, screen, sources
from janus.explorer.banner import Banner
from janus.explorer.behind import LAST, Lane
from janus.explorer.controls import Number, number_in, round_steps
from janus.explorer.machines import THIS
from janus.explorer.sources import HUB_MODELS, ModelSource
from janus.profile import derive_profile
from janus.workbench import Question

MODEL = "vit_tiny_patch16_224"
TAG = f"{MODEL}.augreg_in21k_ft_in1k"
# At the default the device merges; see `Question`.
STORED = "2-core EPYC (stored)"


def row(answer_key, n, top1=75.0):
    """A row as `Running.row` makes it, with an interval that shrinks."""
    _, family, level, split, codec = answer_key
    half = 100 / n**0.5
    return {
        "schedule": family, "level": level, "split": split, "codec": codec, "n": n, "top1": top1,
        "ci95": [max(top1 - half, 0), min(top1 + half, 100)],
    }  # fmt: skip


class FakeSubject:
    """Stands for a loaded model. Accuracy comes batch by batch, when the test opens the gate."""

    def __init__(self, source, images=True):
        self.source, self.name = source, source.name
        self.images = SimpleNamespace(name="some images") if images else None
        self.samples = {"sample 1": np.zeros((224, 224, 3), np.uint8)}
        self.gate, self.started, self.runs = threading.Event(), threading.Event(), []

    def groups(self, pixels, plan):
        removed = np.cumsum([0, *plan.removed])
        return [np.maximum(np.arange(196) - merged, 0) for merged in removed]

    def accuracy(self, family, level, split, codec, limit, cancel):
        self.runs.append((family, level, split, codec))
        self.started.set()
        for n in (16, 64, limit):
            assert self.gate.wait(30)
            if cancel.is_set():
                return
            yield row((None, family, level, split, codec), n)

    def calibrate(self):
        return derive_profile("t4", MODEL)


@pytest.fixture
def alone(monkeypatch):
    """Nothing but the checkout: no shared folder, no hub, no debounce."""
    monkeypatch.delenv("JANUS_SHARED", raising=False)
    monkeypatch.setattr(screen, "ask_hub", lambda cancel: iter([False]))
    monkeypatch.setattr(screen, "SETTLE_S", 0.0)


@pytest.fixture
def made(alone, monkeypatch):
    """A function that makes an Explorer around a `FakeSubject`."""
    screens = []

    def make(*, images=True, calibrate=False, gate=True, **options):
        subjects = []

        def load(source, _images, fit, seed, cancel, *, give_way, then_calibrate):
            subjects.append(FakeSubject(source, images))
            if gate:
                subjects[-1].gate.set()
            yield subjects[-1]
            if then_calibrate:
                yield subjects[-1].calibrate()

        monkeypatch.setattr(screen, "load", load)
        explorer = Explorer(calibrate=calibrate, **options)
        screens.append(explorer)
        assert explorer._loading.join(30)
        return explorer

    yield make
    for explorer in screens:
        if explorer.subject:
            explorer.subject.gate.set()
        explorer.live.cancel()
        explorer.settle()


def say(explorer):
    return explorer.sentence.value


def numbers(explorer):
    panel = explorer.panel
    return {
        "level": panel.level, "split": panel.split, "bandwidth": panel.uplink, "round trip": panel.rtt,
        "slo": panel.slo, "images": panel.images,
    }  # fmt: skip


GOOD = {"level": "0.3", "split": "4", "bandwidth": "37", "round trip": "12.5", "slo": "33", "images": "96"}


@pytest.mark.parametrize("name", GOOD)
def test_wrong_input_is_named_and_the_next_good_one_works(made, name):
    """The banner names the control, the plan stays as it was, and the next number is taken."""
    explorer = made(live=False)
    control = numbers(explorer)[name]
    for wrong in ("abc", "", "nan", "inf", "-3", "1e12", "3..4"):
        before, said, value = explorer.answer, say(explorer), control.value
        control.box.value = wrong

        assert explorer.banner.layout.display == ""
        assert name.split()[0] in explorer.banner.value.lower()
        assert explorer.answer is before and say(explorer) == said
        assert control.value == value
        assert "janus-wrong" in control.box._dom_classes

        control.box.value = GOOD[name]

        assert explorer.banner.layout.display == "none", explorer.banner.value
        assert control.value == float(GOOD[name])
        assert "janus-wrong" not in control.box._dom_classes


def test_a_number_may_lie_between_the_slider_s_stops_and_be_written_in_many_ways(made):
    """What is typed is taken exactly; the slider goes to the nearest stop. Commas and units are understood."""
    explorer = made()
    explorer.panel.uplink.box.value = "37,5 Mbit/s"

    assert explorer.answer.question.uplink_mbps == 37.5
    assert explorer.panel.uplink.slider.value == 40
    assert explorer.panel.uplink.box.value == "37.5"


def test_a_moved_slider_changes_sentence_figures_and_box(made):
    """Bandwidth decides between device and cloud, and all of the screen follows."""
    explorer = made(device=None)
    explorer.panel.device.value = STORED
    before = [plot.figures for plot in explorer.stage.plots]
    assert "run all 12 blocks on the device" in say(explorer)
    explorer.panel.uplink.slider.value = 20.0

    assert "send the picture as JPEG" in say(explorer)
    assert explorer.panel.uplink.box.value == "20"
    assert explorer.panel.split.value == 0 and explorer.panel.split.slider.value == 0
    after = [plot.figures for plot in explorer.stage.plots]
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_who_moves_a_slider_takes_it_from_janus(made):
    """Level and split show what Janus chose until a person moves them; the tick gives them back."""
    explorer = made()
    panel = explorer.panel
    assert panel.auto_level.value and panel.level.value == explorer.answer.plan.level
    panel.level.slider.value = 0.3

    assert not panel.auto_level.value and explorer.answer.plan.level == 0.3
    assert "with the level you chose" in say(explorer)

    panel.split.slider.value = 4

    assert (explorer.answer.plan.level, explorer.answer.plan.split) == (0.3, 4)
    assert "you cut after block 4 of 12" in say(explorer)

    panel.auto_level.value = panel.auto_split.value = True

    assert "Janus would" in say(explorer)


def test_another_schedule_brings_its_own_levels(made):
    """A level that the new schedule does not have goes to the nearest one; no error is shown for it."""
    explorer = made()
    explorer.panel.level.slider.value = 0.44
    for family in ("constant", "linear", "none", "declining"):
        explorer.panel.family.value = family

        assert explorer.banner.layout.display == "none"
        assert explorer.answer.question.family == family
    explorer.panel.family.value = "constant"
    explorer.panel.level.box.value = "3.5"

    assert "give an integer" in explorer.banner.value


def test_an_impossible_slo_is_said_plainly(made):
    """The sentence says that no plan meets it, and is marked as such by more than a colour."""
    explorer = made()
    explorer.panel.slo.box.value = "1"

    assert "no plan meets the SLO of 1" in say(explorer).replace("\N{NO-BREAK SPACE}", " ")
    assert 'class="unmet"' in say(explorer)


def test_another_model_has_its_own_machines_and_no_tokens_without_weights(made):
    """Latency is there at once; the picture says why it shows no tokens."""
    explorer = made()
    large = next(source for source in explorer._sources if "large" in source.name)
    explorer.panel.model.value = large

    assert explorer.answer.depth == 24
    assert explorer.panel.split.slider.options[-1][1] == 24
    assert "no weights are loaded" in explorer.stage.view.value
    assert explorer.panel.device.value == "Orin NX (derived)"
    assert explorer.panel.evaluate.disabled


def test_random_weights_say_that_they_have_no_accuracy(made, monkeypatch):
    """Where not even the demo model is there: the reason and the remedy; stored results are still shown."""
    monkeypatch.setattr(sources, "demo_sources", list)
    explorer = made(images=False)

    assert "Random weights: no live accuracy" in explorer.note.value
    assert "JANUS_SHARED" in explorer.note.value
    assert explorer.panel.evaluate.disabled
    assert "stored, 650" in say(explorer)


def test_accuracy_streams_in_and_its_interval_shrinks(made, monkeypatch):
    """Each batch moves the live point; the last one stays."""
    seen = []
    show = Explorer._show

    def watched(self):
        show(self)
        live = self.stage.plots[2].trace("live")
        seen.extend((n[3], error) for n, error in zip(live["customdata"], live["error_y"]["array"], strict=True))

    monkeypatch.setattr(Explorer, "_show", watched)
    explorer = made()
    explorer.settle()
    counts = list(dict(seen))

    assert counts == [16, 64, 200]
    assert [error for _, error in dict(seen).items()] == sorted(dict(seen).values(), reverse=True)
    assert "on 200 images" in say(explorer)
    assert explorer.panel.status.value == "" and explorer.panel.cancel.disabled


def test_the_latest_plan_wins(made):
    """A run under way is given up for the plan that the controls moved to, and its results are not shown as its."""
    explorer = made(gate=False)
    subject = explorer.subject
    assert subject.started.wait(30)
    first = subject.runs[0]
    explorer.panel.level.slider.value = 0.2
    explorer.panel.level.slider.value = 0.3
    subject.gate.set()
    explorer.settle()

    assert subject.runs[0] == first and subject.runs[-1][1] == 0.3
    assert {key.level for key in explorer.live._finished} == {0.3}
    assert explorer.live.row(explorer.live.key(explorer.answer, subject.name))["n"] == 200


def test_a_value_of_the_plan_before_is_grey_until_the_new_one_is_there(made):
    """Stale accuracy is marked as such, in words too."""
    explorer = made()
    explorer.settle()
    explorer.subject.gate.clear()
    explorer.subject.started.clear()
    explorer.panel.level.slider.value = 0.2
    assert explorer.subject.started.wait(30)

    assert 'class="stale"' in say(explorer) and "of the plan before" in say(explorer)
    explorer.subject.gate.set()
    explorer.settle()
    assert "stale" not in say(explorer)


def test_a_plan_that_was_measured_is_not_measured_again(made):
    """Back at a plan, its accuracy is there at once; asking for more images measures more."""
    explorer = made()
    explorer.settle()
    explorer.panel.level.slider.value = 0.2
    explorer.settle()
    runs = len(explorer.subject.runs)
    explorer.panel.auto_level.value = True
    explorer.settle()

    assert len(explorer.subject.runs) == runs
    assert "on 200 images" in say(explorer)
    explorer.panel.images.box.value = "300"
    explorer.settle()
    assert len(explorer.subject.runs) == runs + 1


def test_cancel_stops_and_evaluate_starts_again(made):
    """Cancel keeps what was measured and stops following; Evaluate measures this plan."""
    explorer = made(gate=False)
    assert explorer.subject.started.wait(30)
    assert not explorer.panel.cancel.disabled and "janus-busy" in explorer.panel.status.value
    explorer.panel.cancel.click()

    assert not explorer.panel.live.value and explorer.live.running is None
    assert explorer.panel.status.value == "" and not explorer.panel.evaluate.disabled
    explorer.subject.gate.set()
    explorer.settle()
    explorer.panel.level.slider.value = 0.2
    explorer.settle()
    assert len(explorer.subject.runs) == 1
    explorer.panel.evaluate.click()
    explorer.settle()
    assert explorer.subject.runs[-1][1] == 0.2 and "on 200 images" in say(explorer)


def test_to_follow_no_more_stops_and_says_so(made):
    """Unticked, nothing runs and nothing looks as if it did; ticked again, it goes on."""
    explorer = made(gate=False)
    assert explorer.subject.started.wait(30)
    explorer.panel.live.value = False
    explorer.subject.gate.set()

    assert explorer.live.running is None and explorer.panel.cancel.disabled
    assert explorer.panel.status.value == "" and not explorer.panel.evaluate.disabled
    explorer.panel.live.value = True
    assert not explorer.panel.cancel.disabled and "janus-busy" in explorer.panel.status.value
    explorer.settle()


def test_an_error_behind_the_screen_comes_to_the_banner(made):
    """A failing evaluation is shown, and nothing stays busy."""
    explorer = made(gate=False)
    assert explorer.subject.started.wait(30)

    def broken(*_):
        raise JanusError("images x: none of 3 images could be used; give others.")
        yield

    explorer.subject.accuracy = broken
    explorer.panel.level.slider.value = 0.2
    explorer.subject.gate.set()
    explorer.settle()

    assert "none of 3 images could be used" in explorer.banner.value
    assert explorer.panel.status.value == ""


def test_a_model_that_cannot_be_loaded_leaves_latency_working(alone, monkeypatch):
    """The banner says why; the controls still answer."""

    def load(*_, **__):
        raise JanusError("weights.safetensors: not a whole safetensors file; fetch it again.")
        yield

    monkeypatch.setattr(screen, "load", load)
    explorer = Explorer(calibrate=False)
    explorer.settle()

    assert "not a whole safetensors file" in explorer.banner.value
    explorer.panel.uplink.box.value = "100"
    assert explorer.answer.question.uplink_mbps == 100
    assert "see the message" in explorer.stage.view.value


def test_this_machine_takes_the_place_of_the_device_once_it_is_timed(made):
    """The calibration is offered and selected, and the note says that it was measured."""
    explorer = made(calibrate=True)

    assert explorer.panel.device.value == THIS
    assert explorer.answer.grid.device is explorer._machines.of(explorer.source.name)[THIS]


def test_a_device_that_a_person_chose_stays(made):
    """The calibration does not overrule a choice; the button does."""
    explorer = made()
    explorer.panel.device.value = "T4 (derived)"
    explorer.banner.guard(explorer._loaded)(derive_profile("a100", MODEL))

    assert explorer.panel.device.value == "T4 (derived)"
    assert THIS in dict.fromkeys(explorer.panel.device.options)
    explorer.panel.calibrate.click()
    explorer.settle()
    assert explorer.panel.device.value == THIS


def test_reset_brings_everything_back(made):
    """Controls, plan, sentence and measured points are those of the first moment."""
    explorer = made(live=False)
    first = say(explorer)
    explorer.panel.uplink.box.value = "3"
    explorer.panel.level.slider.value = 0.1
    explorer.panel.encoding.value = "png"
    explorer.panel.over.value = "latency"
    explorer.panel.evaluate.click()
    explorer.settle()
    assert say(explorer) != first
    explorer.panel.reset.click()
    explorer.settle()

    assert say(explorer) == first
    assert explorer.panel.question() == Question()
    assert explorer.panel.over.value == "level"
    assert explorer.live._rows == {}


def test_the_picture_follows_plan_and_block(made):
    """Outlines are those of the present plan; the slider goes through the blocks."""
    explorer = made()
    explorer.settle()
    last = explorer.stage.view.value
    explorer.stage.block.value = 0

    assert "none merged yet" in explorer.stage.view.value
    explorer.stage.block.value = 12
    assert explorer.stage.view.value == last
    explorer.panel.level.slider.value = 0.1
    explorer.settle()
    assert explorer.stage.view.value != last
    explorer.stage.which.value = "drawn: a boat"
    explorer.settle()
    assert 'alt="drawn: a boat"' in explorer.stage.view.value


def test_profiles_of_one_s_own(alone, made):
    """A profile, a file or a machine's name can be given for device and cloud; another model's is refused."""
    explorer = made(device="orin-nano", cloud=derive_profile("a100", MODEL))

    assert (explorer.panel.device.value, explorer.panel.cloud.value) == ("Orin Nano (derived)", "A100 (derived)")
    with pytest.raises(JanusError, match="profile 'V100' is of vit_base"):
        Explorer(device=derive_profile("v100", "vit_base_patch16_224"))
    with pytest.raises(JanusError, match="not known without torch"):
        Explorer("swin_tiny_patch4_window7_224")


def test_the_hub_s_model_is_offered_where_the_hub_answers(made, monkeypatch):
    """Nothing is loaded from it unless a person chooses it."""
    monkeypatch.setattr(screen, "ask_hub", lambda cancel: iter([True]))
    explorer = made()
    explorer.settle()

    assert [source.name for source in explorer._sources if source.weights == "hub"] == list(HUB_MODELS)
    assert explorer.source.weights == "demo"
    assert "DeiT-Ti/16, from the hub" in dict(explorer.panel.model.options)


def test_it_names_itself_in_one_line(made):
    """A stored notebook does not hold the inside of a hundred widgets."""
    assert repr(made()) == "janus.Explorer()"


def test_about_says_where_everything_comes_from(alone):
    """Versions, hardware, seed, models, images and stored results, and no path of this machine."""
    text = about(seed=3)

    assert [line.split(":")[0] for line in text.splitlines()] == [
        "versions", "hardware", "seed", "models", "images", "stored accuracy",
    ]  # fmt: skip
    assert (
        "seed:            3" in text and "demo model, procedural images" in text and "/" not in text.split("models:")[0]
    )


def test_an_unexpected_error_is_shown_with_its_traceback():
    """The banner keeps what a report needs, folded away."""
    banner = Banner(threading.RLock())

    def handler(_change):
        raise ZeroDivisionError("in a handler")

    banner.guard(handler)(None)

    assert "This should not have happened: ZeroDivisionError: in a handler" in banner.value
    assert "<details>" in banner.value and "Traceback" in banner.value


def test_a_lane_does_the_latest_and_delivers_nothing_late():
    """A job that was overtaken is cancelled; what it still yields is thrown away."""
    shown, failed, entered, go = [], [], threading.Event(), threading.Event()
    lane = Lane("test", post=lambda call: call(), failed=failed.append)

    def slow(cancel):
        entered.set()
        assert go.wait(30)
        shown.append(("cancelled", cancel.is_set()))
        yield "late"

    lane.submit(slow, shown.append, lambda: shown.append("done late"))
    assert entered.wait(30)
    lane.submit(lambda cancel: iter(["skipped"]), shown.append)
    lane.submit(lambda cancel: iter(["latest"]), shown.append, lambda: shown.append("done"))
    go.set()

    assert lane.join(30)
    assert shown == [("cancelled", True), "latest", "done"]
    assert failed == []


def test_a_lane_goes_on_after_an_error():
    """What a job raises is handed over, and the next job runs."""
    shown, failed = [], []
    lane = Lane("test", post=lambda call: call(), failed=failed.append)
    lane.submit(lambda cancel: (1 / 0 for _ in "x"))
    assert lane.join(30)
    lane.submit(lambda cancel: iter([1]), shown.append)

    assert lane.join(30)
    assert [type(why) for why in failed] == [ZeroDivisionError] and shown == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_accuracy_gives_the_processor_to_handlers():
    """The lane that is served last has the lowest priority, and whoever gave it work keeps their own."""
    found = []
    lane = Lane("test", post=lambda call: call(), failed=found.append, last=True)
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    lane.submit(lambda cancel: iter([os.getpriority(os.PRIO_PROCESS, threading.get_native_id())]), found.append)

    assert lane.join(30)
    assert found == [LAST]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_numbers_in_boxes():
    """Units, spaces and decimal commas are understood; nothing else is."""
    assert [number_in(text, "x", "ms") for text in ("12", " 1,5 ms", "2e1")] == [12, 1.5, 20]
    with pytest.raises(JanusError, match=r"x: '1.2.3' is not a number; type one in ms"):
        number_in("1.2.3", "x", "ms")


@pytest.mark.parametrize("before, after", [(5, 9), (9, 5)])
def test_a_slider_with_other_stops_never_points_beyond_those_that_a_page_knows(monkeypatch, before, after):
    """A page sets the handle by the stops it had, moves it to the last of them, and says that a person did."""
    number = Number("Split", "", range(before), before - 1, tooltip="", guard=lambda handler: handler, changed=int)
    slider, known, told = number.slider, before, []

    def send_state(key):
        told.append({name: getattr(slider, name) for name in ([key] if isinstance(key, str) else key)})

    monkeypatch.setattr(slider, "send_state", send_state)
    number.put(after - 1, range(after))

    for message in told:
        assert message.get("index", 0) < known
        known = len(message.get("_options_labels", ())) or known
    assert (known, slider.index, number.value) == (after, after - 1, after - 1)


def test_sliders_stop_at_round_numbers():
    """Ten stops in each power of ten, both ends among them."""
    steps = round_steps(0.1, 100)

    assert steps[0] == 0.1 and steps[-1] == 100 and len(steps) == 31
    assert steps == sorted(set(steps))


def test_the_real_model_behind_the_screen(shared, monkeypatch):
    """ViT-Tiny on real photographs: tokens on a photograph, accuracy of the plan, and no error anywhere."""
    monkeypatch.setenv("JANUS_SHARED", str(shared))
    explorer = Explorer(calibrate=False, state="janus1?device=Orin+NX+(derived)&level=0&split=12&n_images=32")
    assert explorer.settle(120)
    shown = explorer.live.row(explorer.live.key(explorer.answer, TAG))

    assert explorer.source == ModelSource(name=TAG, weights="file", file=shared / f"weights/{TAG}.safetensors")
    assert explorer.banner.value == ""
    assert shown["n"] == 32 and shown["top1"] > 60
    assert explorer.stage.which.value == "imagenet_val 1"
    assert "none merged yet" in explorer.stage.view.value
