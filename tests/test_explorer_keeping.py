"""What the screen can be brought back from and what can be taken away: states, lessons, tables and files."""

import io
import re
import threading
import xml.etree.ElementTree

import numpy as np
import pandas as pd
import pytest
import test_explorer
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from janus.errors import JanusError
from janus.explorer import Explorer, keeping
from janus.explorer.export import FORMATS
from janus.explorer.lessons import LESSONS, Lesson
from janus.explorer.state import LONGEST, VERSION, join, take_apart, text_of
from janus.figures import still as stills
from janus.figures.drawn import drawn
from janus.grid import CODECS, ENCODINGS, PlanGrid
from janus.policy import POLICIES

alone, made = test_explorer.alone, test_explorer.made
say, numbers = test_explorer.say, test_explorer.numbers
BOX = "2-core+EPYC+(stored)"
TEXT = st.text(min_size=1, max_size=20)


def seen(explorer):
    """All that a state must restore and a failing one must leave."""
    panel, stage = explorer.panel, explorer.stage
    return {
        **{name: control.value for name, (control, _) in panel.settings.items()},
        **{name: control.value for name, control in numbers(explorer).items()},
        "auto": (panel.auto_level.value, panel.auto_split.value), "machines": (panel.device.value, panel.cloud.value),
        "model": explorer.source, "block": stage.block.value, "picture": stage.which.value,
        "said": say(explorer).partition("<span")[0].removesuffix("</div>").strip(), "state": explorer.state,
    }  # fmt: skip


# -- states ------------------------------------------------------------------------------------------------------------


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.floats(allow_nan=False) | st.booleans(), max_size=5))
def test_fields_come_out_of_a_state_as_they_went_in(fields):
    """Any text, signs of its own grammar among it; numbers to the last bit."""
    text = join(fields)
    if len(text) <= LONGEST:
        assert take_apart(f"  {text}\n") == {name: text_of(value) for name, value in fields.items()}
    for value in fields.values():
        if isinstance(value, float):
            assert float(text_of(value)) == value


states = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(("vit_tiny_patch16_224.janus_demo", "vit_small_patch16_224")),
        "device": st.sampled_from(("Orin Nano (derived)", "Orin NX (derived)")),
        "cloud": st.sampled_from(("T4 (derived)", "A100 (derived)")),
        "family": st.sampled_from(("declining", "constant", "linear", "none")),
        "level": st.sampled_from((0, 2)),
        "split": st.integers(0, 12),
        "uplink_mbps": st.floats(0.02, 900),
        "rtt_ms": st.floats(0, 300),
        "slo_ms": st.floats(1, 900),
        "codec": st.sampled_from(tuple(CODECS)),
        "encoding": st.sampled_from(tuple(ENCODINGS)),
        "plot_over": st.sampled_from(("level", "latency")),
        "n_images": st.integers(1, 5000),
        "follow": st.booleans(),
        "trace": st.sampled_from(("5g-driving", "lte-walking@7")),
        "policy": st.sampled_from(tuple(POLICIES)),
        "camera_fps": st.sampled_from((0, 10, 30)),
        "measure_on": st.sampled_from(("here", "imitated")),
        "picture": st.sampled_from(("drawn: a boat", "sample 1")),
        "block": st.integers(0, 12),
        "seed": st.integers(0, 5),
    },
).filter(lambda fields: fields.get("level") != 2 or fields.get("family") == "constant")


def test_a_state_brings_everything_back(made):
    """What one screen says of itself makes another say the same, and the first again after it was changed."""
    one, other = made(live=False), made(live=False)

    @settings(max_examples=12)
    @given(states)
    def there_and_back(fields):
        one.restore(join(fields))
        other.restore(one.state)

        assert seen(other) == seen(one)
        for name, value in fields.items():
            if name in one.panel.settings:
                assert one.panel.settings[name].control.value == value

    there_and_back()


@pytest.mark.parametrize("how", (lambda explorer: explorer.restore("janus1?slo_ms=33"), Explorer.reset))
def test_what_comes_in_behind_waits_until_a_script_s_restore_is_over(made, how):
    """Else it shows, last of all, what was asked before."""
    explorer = made(live=False)
    shown, early, follow = threading.Event(), [], explorer.desk.follow

    def meanwhile(bench, answer):
        threading.Thread(target=explorer._post, args=(shown.set,)).start()
        early.append(shown.wait(0.3))
        follow(bench, answer)

    explorer.desk.follow = meanwhile
    how(explorer)

    assert early and not any(early)
    assert shown.wait(30)


def test_what_a_state_is_silent_about_is_the_same_for_ever(made):
    """The defaults of this version; who changes one of them needs a new version."""
    explorer = made(live=False, state="janus1?slo_ms=33&family=linear&codec=fp32")
    explorer.restore("janus1?")
    values = {name: control.value for name, (control, _) in explorer.panel.settings.items()}

    assert VERSION == "janus1"
    assert values == values | {
        "family": "declining", "uplink_mbps": 10.0, "rtt_ms": 10.0, "slo_ms": 20.0, "codec": "int8",
        "encoding": "jpeg85", "plot_over": "level", "n_images": 200, "follow": True,
    }  # fmt: skip
    assert explorer.panel.auto_level.value and explorer.panel.auto_split.value


BAD = {
    "": "the box is empty",
    "hello": "does not begin with janus1?",
    "janus2?slo_ms=3": "does not begin with janus1?",
    "janus1?slo_ms": "not a list of NAME=VALUE",
    "janus1?slo_ms=3&slo_ms=4": "stands in it twice",
    "janus1?slo_ms=": "has no value",
    "janus1?" + "&".join(f"a{i}=1" for i in range(900)): "more than any",
    "janus1?solo_ms=3": "is no setting of janus1",
    "janus1?slo_ms=nan": "SLO: 'nan' is not a number",
    "janus1?slo_ms=-3": "SLO -3.0 ms is out of range",
    "janus1?uplink_mbps=1e99": "out of range",
    "janus1?uplink_mbps=abc&slo_ms=30": "Bandwidth: 'abc' is not a number",
    "janus1?rtt_ms=3&codec=lzw": "Tokens as: there is no 'lzw'",
    "janus1?follow=perhaps": "neither yes nor no",
    "janus1?n_images=2.5": "not a whole number",
    "janus1?n_images=0": "out of range",
    "janus1?model=swin": "the model 'swin' is not here",
    "janus1?device=toaster": "device 'toaster' is not here",
    "janus1?slo_ms=30&level=7": "level 7",
    "janus1?split=13": "split 13",
    "janus1?split=1.5": "not a whole number",
    "janus1?block=13": "block '13'",
    "janus1?seed=-1": "seed '-1'",
    "janus1?seed=\N{SUPERSCRIPT TWO}": "seed",
    "janus1?images=/etc": "it was made with the images '/etc'",
    "janus1?slo_ms=%ff": "not a list of NAME=VALUE",
}


def test_a_bad_state_is_named_and_nothing_of_it_is_applied(made):
    """The banner says what is wrong, the screen is as it was, and the next good line works."""
    explorer = made(live=False)
    for text, why in BAD.items():
        before = seen(explorer)
        explorer.bar.text.value = text

        assert explorer.banner.layout.display == ""
        assert why in explorer.banner.value.replace("&#x27;", "'"), text
        assert seen(explorer) == before
        assert "janus-wrong" in explorer.bar.text._dom_classes
        explorer.bar.text.value = f"janus1?device={BOX}&slo_ms=14&split=3"

        assert explorer.banner.layout.display == "none", explorer.banner.value
        assert "janus-wrong" not in explorer.bar.text._dom_classes
        assert (explorer.answer.question.slo_ms, explorer.answer.plan.split) == (14, 3)
        assert explorer.bar.text.value == explorer.state == explorer.bar.browser.text


def test_a_bad_state_is_refused_in_a_script():
    """Where there is no banner yet, the error is raised."""
    with pytest.raises(JanusError, match="is no setting of janus1"):
        test_explorer.Explorer(state="janus1?colour=blue", calibrate=False)


def test_a_screen_can_begin_with_a_state_and_be_reset_to_it(made):
    """`Explorer(state=…)` and Reset."""
    explorer = made(state=f"janus1?device={BOX}&uplink_mbps=37.5&slo_ms=14&follow=no&seed=3")
    first = seen(explorer)
    explorer.panel.uplink.box.value = "3"
    explorer.panel.encoding.value = "png"

    assert first["uplink_mbps"] == 37.5 and "seed=3" in first["state"]
    assert seen(explorer) != first
    explorer.panel.reset.click()
    assert seen(explorer) == first


def test_the_seed_is_that_of_the_drawn_pictures(made):
    """Another seed draws other pictures; the same one the same."""
    explorer = made(live=False)
    drawn = explorer.stage.picture_of("drawn: a boat").copy()
    explorer.restore("janus1?seed=5")

    assert not np.array_equal(explorer.stage.picture_of("drawn: a boat"), drawn)
    explorer.restore("janus1?seed=0")
    assert np.array_equal(explorer.stage.picture_of("drawn: a boat"), drawn)


def test_a_state_of_other_data_says_so(made):
    """Controls come back, and who reads the numbers is warned; with the same data nothing is said."""
    explorer = made(live=False)
    own = explorer.state
    explorer.bar.text.value = own.replace("seed=0", "seed=1")
    assert explorer.bar.says.value == ""
    explorer.bar.text.value = own.partition("&data=")[0] + "&data=00000000"

    assert "its numbers may differ" in explorer.bar.says.value
    assert explorer.state == own


def test_a_hub_s_model_is_loaded_for_a_state_that_names_it(made):
    """It need not be in the menu yet."""
    explorer = made(live=False)
    explorer.restore("janus1?model=deit_small_patch16_224.fb_in1k&images=timm/mini-imagenet")

    assert explorer.source.weights == "hub" and explorer.source in dict(explorer.panel.model.options).values()
    assert "images=timm/mini-imagenet" in explorer.state


# -- lessons -----------------------------------------------------------------------------------------------------------


def learn(explorer, name):
    """Choose a lesson; it is the chosen one, and nothing went wrong."""
    explorer.bar.lesson.value = name

    assert explorer.banner.layout.display == "none", explorer.banner.value
    assert explorer.bar.lesson.value == name
    assert name in explorer.bar.says.value
    return explorer.answer


def test_each_lesson_shows_what_it_teaches(made):
    """The six states, on a bare checkout."""
    explorer = made(live=False)
    jpeg, whole, alpha, split, tunnel, impossible = (lesson.name for lesson in LESSONS)
    answer = learn(explorer, jpeg)
    assert answer.met and 0 < answer.plan.split < answer.depth
    assert answer.latency["modelled_ms"].iloc[0] < answer.modelled_ms
    explorer.panel.encoding.value = "jpeg85"
    assert (explorer.answer.plan.split, explorer.answer.plan.level) == (0, 0)

    answer = learn(explorer, whole)
    assert answer.tokens["tokens"].nunique() == 1
    assert answer.latency["payload_bytes"].iloc[1:-1].nunique() == 1
    explorer.panel.level.slider.value = 0.4
    assert explorer.answer.latency["payload_bytes"].iloc[1:-1].is_monotonic_decreasing

    assert learn(explorer, alpha).question.level == 0.4 and explorer.answer.met

    answer = learn(explorer, split)
    assert answer.met and 0 < answer.plan.split < answer.depth
    for uplink, where in (("2", 24), ("30", 0)):
        explorer.panel.uplink.box.value = uplink
        assert explorer.answer.plan.split == where
    for uplink in ("20", "30"):
        explorer.panel.uplink.box.value = uplink
        explorer.panel.encoding.value = "jpeg85"
        assert explorer.answer.plan.split == 0

    answer = learn(explorer, tunnel)
    assert answer.met and answer.plan.split == answer.depth and answer.plan.level > 0
    explorer.panel.uplink.box.value = "50"
    assert explorer.answer.plan.split == 0

    assert not learn(explorer, impossible).met
    explorer.panel.slo.box.value = "13.1"
    assert explorer.answer.met


def test_a_lesson_whose_controls_were_moved_can_be_chosen_again(made):
    """The menu lets go of it; its words stay until another one or Reset."""
    explorer = made(live=False)
    name = LESSONS[0].name
    learn(explorer, name)
    explorer.panel.uplink.box.value = "3"

    assert explorer.bar.lesson.value != name and name in explorer.bar.says.value
    learn(explorer, name)
    assert explorer.answer.question.uplink_mbps == 50
    explorer.panel.reset.click()
    assert explorer.bar.says.value == "" and explorer.bar.lesson.value != name


def test_lessons_are_prepared_once_a_model_is_there(made, monkeypatch):
    """Choosing one builds no table of plans that had not been built before; one that cannot be had stays silent."""
    monkeypatch.setattr(keeping.Keeping, "_unprepared", (*LESSONS, Lesson(name="?", state="janus9?", teaches="")))
    explorer = made(live=False)
    explorer.settle()
    assert explorer.banner.layout.display == "none"
    built = []
    build = PlanGrid.build.__func__
    monkeypatch.setattr(
        PlanGrid, "build", classmethod(lambda cls, *given, **more: built.append(1) or build(cls, *given, **more))
    )

    learn(explorer, LESSONS[0].name)

    assert explorer.answer.question.encoding == "raw" and built == []
    assert not explorer._unprepared


# -- tables and files --------------------------------------------------------------------------------------------------


@pytest.fixture
def full(made):
    """A screen with merged tokens on its picture."""
    explorer = made(live=False)
    explorer.settle()
    return explorer


def test_a_csv_comes_back_as_the_table_with_its_provenance(full, tmp_path):
    """pandas skips the comments; they say whether it is modelled or measured, by what, and how to come back."""
    written = full.export(tmp_path, formats="csv")

    assert [path.name for path in written] == [f"janus-{name}.csv" for name in full.sheets()]
    for path, sheet in zip(written, full.sheets().values(), strict=True):
        table = pd.read_csv(path, comment="#", keep_default_na=False)
        pd.testing.assert_frame_equal(table, sheet.table.reset_index(drop=True), check_dtype=False)
        head = [line for line in path.read_text().splitlines() if line.startswith("#")]
        assert f"# state: {full.state}" in head and f"# numbers: {sheet.kind}" in head
        assert {line.split(":")[0] for line in head} >= {"# versions", "# hardware", "# seed", "# data", "# model"}
    assert full.sheets()["latency"].kind.startswith("modelled, from ")
    assert full.sheets()["accuracy"].kind.startswith("measured, as `kind` says: stored")


def test_drawings_hold_their_provenance(full, tmp_path):
    """An SVG with its texts as texts, a PNG with a description; both say where they are from."""
    for path in full.export(tmp_path, only=("latency", "picture"), formats=("svg", "png")):
        if path.suffix == ".svg":
            words = " ".join(xml.etree.ElementTree.parse(path).getroot().itertext())
        else:
            picture = Image.open(path)
            words = picture.text["Description"]
            assert picture.width > 1000 and len(picture.convert("RGB").getcolors(1 << 24)) > 20
        assert full.state in words and "hardware" in words
    svg = (tmp_path / "janus-latency.svg").read_text()
    assert "modelled, ms" in svg and "Modelled latency by split" in svg


def test_a_drawing_shows_what_the_figure_shows(full):
    """Title, key, names of the axes, numbers and notes are texts; bars, points and patterns are there; it is the same
    whenever it is drawn."""
    for number, figure in enumerate(full.stage.figures):
        text = stills.still([figure], "svg", {"figure": "costs <$5> & more"}).decode()
        root = xml.etree.ElementTree.fromstring(text)
        words = " ".join(" ".join(root.itertext()).split())
        panel = drawn(figure)
        for run in (*panel["title"], *panel["key"], *({"text": row["text"][0]} for row in panel["tables"]["texts"])):
            assert " ".join(run["text"].split()) in words
        assert "costs <$5> & more" in words and panel["signals"]["x_title"] in words
        bars, dots = (len(panel["tables"][name]) for name in ("bars", "dots"))
        assert len(root.findall(".//{*}path")) >= bars + dots > 5, number
        ids = {found.get("id") for found in root.iter() if found.get("id")}
        assert set(re.findall(r"url\(#([\w-]+)\)", text)) <= ids
        assert "currentColor" not in text or 'color="#222222"' in text
        assert text == stills.still([figure], "svg", {"figure": "costs <$5> & more"}).decode()
    with pytest.raises(JanusError, match="format 'gif' is unknown"):
        stills.still([figure], "gif", {})


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"only": "lattency"}, "figure 'lattency' is not on the screen; choose one of tokens"),
        ({"formats": "gif"}, "format 'gif' is unknown; choose one of csv, svg, png"),
        ({"folder": "/nowhere/at/all"}, "does not exist"),
    ],
)
def test_what_cannot_be_exported_is_named(full, tmp_path, options, why):
    """A figure, a format or a folder that is not there; nothing is written."""
    with pytest.raises(JanusError, match=why):
        full.export(**{"folder": tmp_path} | options)
    assert list(tmp_path.iterdir()) == []


def test_the_buttons_hand_files_to_the_browser(full, monkeypatch):
    """Name, media type and content of the figure that the menu says; what has no figure is said in the banner."""
    sent = []
    monkeypatch.setattr(full.bar.browser, "send", lambda message, buffers: sent.append((message, buffers)))
    full.shelf.which.value = "latency"
    for format, media in FORMATS.items():
        full.shelf.buttons[format].click()
        message, (data,) = sent[-1]

        assert message == {"name": f"janus-latency.{format}", "type": media}
        assert data == full.sheets()["latency"].file(format, full._facts()) or format != "csv"
        assert message["name"] in full.shelf.says.value
    assert Image.open(io.BytesIO(sent[-1][1][0])).format == "PNG"
    full.shelf.which.value = "levels"
    full.shelf.buttons["svg"].click()
    assert "save it as CSV" in full.banner.value and len(sent) == len(FORMATS)


def test_the_table_follows_the_controls_while_it_is_open(full):
    """Each figure's numbers can be read without its colours; closed, nothing is made."""
    shelf = full.shelf
    assert shelf.table.value == "" and shelf.table.layout.display == "none"
    shelf.opened.value = True
    for name, sheet in full.sheets().items():
        shelf.which.value = name
        assert all(f"<th>{column}</th>" in shelf.table.value for column in sheet.table.columns)
        assert sheet.title in shelf.table.value
    shelf.which.value = "latency"
    before = shelf.table.value
    full.panel.uplink.box.value = "3"
    assert shelf.table.value != before
    shelf.opened.value = False
    before = shelf.table.value
    full.panel.uplink.box.value = "4"
    assert shelf.table.value == before


def test_without_a_model_there_is_no_picture_to_save(made, monkeypatch):
    """It is said beside the buttons."""
    explorer = made(live=False)
    explorer.restore("janus1?model=vit_small_patch16_224")
    explorer.shelf.which.value = "picture"
    explorer.shelf.opened.value = True
    explorer.shelf.buttons["csv"].click()

    assert "No merged tokens yet" in explorer.shelf.says.value and "No merged tokens yet" in explorer.shelf.table.value
