"""The workbench in JupyterLab, in Chromium, at a keyboard and with a mouse: one page for all of it."""

import re

import pandas as pd
import psutil
import pytest
from lab_harness import Book
from workbench_page import (
    BEYOND,
    CONTRAST,
    FITTED,
    NOT_BUSY,
    PLAIN,
    PLAIN_MS,
    at_rest,
    button,
    control,
    drag,
    drawn,
    drawn_again,
    menu,
    redrawn,
    restore,
    says,
    says_no_more,
    says_number,
    settled,
    shot,
    streamed,
    theme,
    tick,
    type_into,
)

from janus.explorer.page import WATCH

# What the sentence, and where it can be seen there the figures, say of a number.
SLIDERS = {
    "Bandwidth": ("Under {} Mbit/s", ""),
    "Round trip": ("{} ms RTT", ""),
    "SLO": ("SLO of {} ms", "SLO{} ms"),
    "Level": ("level {}", "level {}"),
    "Split": ("cut after block {} of 12", "cut after {}"),
}
MENUS = ("Device", "Cloud", "Schedule", "Tokens as", "Picture as", "Plot over", "Picture")
# A laptop, a small one, one at 200 %, and a narrow window.
SIZES = {"1440x900": (1440, 900), "1280x720": (1280, 720), "zoom": (720, 450), "narrow": (700, 900)}

# Where the figures begin, as it is and with hardly a sentence above them.
SHORTEST = """() => {
  const said = document.querySelector(".janus-sentence .widget-html-content > div"), words = said.innerHTML;
  const top = () => document.querySelector(".janus-stage .janus-figures").getBoundingClientRect().top;
  const present = top();
  said.textContent = "Short.";
  const shortest = top();
  said.innerHTML = words;
  return [present, shortest];
}"""
# The widget's own code with a kernel that cannot be reached; gives what it tried to say.
AWAY = """async (code) => {
  const { default: watch } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const el = document.createElement("div"), said = [];
  document.querySelector(".janus-explorer").append(el);
  await new Promise((tried) => watch.render({ el, model: { send(what) {
    said.push(what);
    setTimeout(tried);
    throw new Error("Cannot send");
  } } }));
  el.remove();
  return said;
}"""
# JupyterLab's own debugger (4.6.6) asks the kernel that is going down, and complains if it is gone without an answer.
DEBUGGER = "Could not restore the debugger state: Canceled future for debug_request message"


@pytest.fixture(scope="module")
def opened(browser, lab):
    """The notebook of the repository, run, with nothing under way."""
    book = Book(browser, lab, "notebooks/explore.ipynb")
    book.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    book.run_all()
    settled(book)
    yield book
    book.close()


@pytest.fixture
def book(opened):
    """The page, with the same on its screen for each test; afterwards it has complained of nothing, asked nobody."""
    restore(opened, PLAIN, PLAIN_MS, "Under 10 Mbit/s")
    yield opened
    assert opened.cell_errors() == []
    assert opened.console_errors == []
    assert opened.outside == []


@pytest.mark.parametrize("moved_by", ["key", "mouse"])
def test_every_slider_moves_sentence_box_and_figures(book, moved_by):
    """What the box says, sentence and figures say; level and split are no longer Janus's to choose, until ticked."""
    for name, (sentence, figure) in SLIDERS.items():
        before, box = drawn(book), book.page.locator(control(name, "input")).first
        value = box.input_value()
        if moved_by == "key":
            book.press(control(name, ".noUi-handle"), "ArrowLeft")
        else:
            book.idle()  # a slider whose stops change is made anew, also under the mouse
            drag(book, name, -30)
        book.page.wait_for_function("([box, value]) => box.value !== value", arg=[box.element_handle(), value])
        # A handle on its way stops at numbers between: box and sentence are read at once until they agree.
        says_number(book, ".janus-sentence", sentence, box)
        redrawn(book, before)
        if figure:
            says_number(book, ".janus-stage .janus-figures", figure, box)

    for number, name in enumerate(("Level", "Split")):
        auto = book.page.locator(tick("auto", number))
        assert not auto.is_checked()
        before = drawn(book)
        auto.press("Space") if moved_by == "key" else auto.click()
        redrawn(book, before)
        assert auto.is_checked()
        says_no_more(book, ".janus-sentence", f"the {name.lower()} you chose")


def test_every_menu_answers_and_back_again_is_as_before(book):
    """The arrow keys are the menu's, not JupyterLab's; the same choice draws the same figures."""
    cells = book.page.locator(".jp-Notebook .jp-Cell").count()
    for name in MENUS:
        chosen, before = book.page.locator(menu(name)), drawn(book)
        place = chosen.evaluate("(it) => it.selectedIndex")
        chosen.focus()
        book.page.keyboard.press("ArrowUp" if place else "ArrowDown")
        after = redrawn(book, before)
        assert chosen.evaluate("(it) => document.activeElement === it")
        # A mouse chooses in a list of the browser's own, which no test can point at.
        chosen.select_option(index=place)
        drawn_again(book, before)
        assert after != before

    book.page.locator(control("Bandwidth", ".noUi-handle")).first.focus()
    for letter in ("a", "b", "x", "d", "d"):
        book.page.keyboard.press(letter)
    book.press(control("Bandwidth", ".noUi-handle"), "ArrowRight")
    says(book, ".janus-sentence", "Under 12 Mbit/s")
    assert book.page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_a_wrong_text_in_a_box_is_named_and_the_next_good_one_works(book):
    """The banner says which box, the sentence stays; a mouse brings the cursor, a key the number."""
    for name, wrong, right in (("Bandwidth", "ten", "17"), ("Round trip", "-4", "7"), ("SLO", "", "33"),
                               ("Level", "1e9", "0.2"), ("Split", "2.5", "3"), ("Images", "nan", "50")):  # fmt: skip
        at_rest(book)
        sentence = book.text(".janus-sentence")
        type_into(book, control(name, "input"), wrong)
        book.page.wait_for_selector(".janus-banner [role=alert]")
        assert name.lower() in book.text(".janus-banner").lower() or "rtt" in book.text(".janus-banner")
        assert book.text(".janus-sentence") == sentence
        if name == "Bandwidth":
            shot(book, "banner")
        box = book.page.locator(control(name, "input")).first
        box.click(click_count=3)
        box.press_sequentially(right)
        box.press("Tab")
        book.page.wait_for_selector(".janus-banner", state="hidden")
        assert box.input_value() == right
    says(book, ".janus-sentence", "Under 17 Mbit/s and 7 ms RTT")
    says(book, ".janus-sentence", "cut after block 3 of 12")


def test_an_answer_does_not_write_over_what_is_being_typed(book):
    """What is left as it was has the answer's text, what is entered counts."""
    box = book.page.locator(".janus-state input")
    before = box.input_value()
    box.fill(before)
    slower(book)
    assert box.input_value() == before
    box.blur()
    book.page.wait_for_function("(box) => box.value.includes('uplink_mbps=')", arg=box.element_handle())

    # Entered is also what was there before, though a browser does not call that a change.
    before, said = box.input_value(), book.text(".janus-sentence")
    box.fill(before)
    slower(book)
    assert box.input_value() == before
    box.press("Enter")
    book.page.wait_for_function("(said) => document.querySelector('.janus-sentence').textContent === said", arg=said)


def test_what_is_selected_is_typed_over_though_an_answer_wrote_meanwhile(book):
    box = book.page.locator(".janus-state input")
    box.select_text()
    slower(book)
    book.page.wait_for_function("(box) => box.value.includes('uplink_mbps=')", arg=box.element_handle())
    book.page.keyboard.insert_text(PLAIN)
    assert box.input_value() == PLAIN
    box.press("Enter")
    says(book, ".janus-sentence", PLAIN_MS)


def slower(book):
    """Less bandwidth, answered, while the cursor stays where it is."""
    said = book.text(".janus-sentence")
    book.page.locator(control("Bandwidth", ".noUi-handle")).dispatch_event("keydown", {"key": "ArrowLeft"})
    book.page.wait_for_function("(said) => document.querySelector('.janus-sentence').textContent !== said", arg=said)
    at_rest(book)


def test_the_picture_follows_its_slider(book):
    book.press('.janus-picture .widget-slider:has(label:text-is("After block")) .noUi-handle', "Home")
    book.page.wait_for_selector('.janus-picture figcaption:text("none merged yet")')
    book.press('.janus-picture .widget-slider:has(label:text-is("After block")) .noUi-handle', "ArrowRight")
    book.page.wait_for_selector('.janus-picture figcaption:text("the largest of")')


def test_a_mouse_over_a_bar_or_a_point_is_told_what_it_is(book):
    """The words are the figure's own; away from it they are gone."""
    told = book.page.locator("#vg-tooltip-element")
    for part, words in ((".janus-stage .mark-rect path[fill^=url]", r"^split \d+.*: modelled [\d.]+ ms$"),
                        (".janus-stage .mark-symbol:last-of-type path",
                         r"^(split|level) .*[\d.]+ (ms|% .*images.*)$")):  # fmt: skip
        book.page.locator(part).first.hover(force=True)
        book.page.wait_for_selector("#vg-tooltip-element.visible")
        assert re.match(words, told.inner_text()), told.inner_text()
        book.page.locator(".janus-sentence").hover()
        book.page.wait_for_selector("#vg-tooltip-element:not(.visible)", state="attached")


def test_accuracy_streams_in_and_can_be_cancelled(book):
    """The interval moves as images come in; Cancel stops it, controls still answer meanwhile."""
    page = book.page
    type_into(book, control("Images", "input"), "5000")
    page.locator(tick("follow the controls")).press("Space")
    for least in (16, 48):
        streamed(book, least, r"[\d,]+")
    type_into(book, control("Bandwidth", "input"), "9")
    says(book, ".janus-sentence", "Under 9 Mbit/s")
    page.locator(button("Cancel")).click()
    page.wait_for_function(NOT_BUSY)
    stopped = re.search(r"Live[^:]*: ([\d.]+).%.* on (\d+) images", book.text(".janus-sentence"))

    assert float(stopped[1]) > 50 and int(stopped[2]) < 600
    assert not page.locator(tick("follow the controls")).is_checked()
    page.locator(button("Evaluate")).press("Enter")
    page.wait_for_selector(f"{button('Cancel')}:enabled")
    page.locator(button("Cancel")).press("Enter")
    page.wait_for_selector(f"{button('Evaluate')}:enabled")
    page.locator(button("Calibrate")).click()
    says(book, ".janus-controls", "timing this machine")
    page.wait_for_function(NOT_BUSY, timeout=120_000)
    page.locator(button("Reset")).press("Enter")
    says(book, ".janus-sentence", "Under 10 Mbit/s")


def pairs():
    """The processes of a pair that were started below this one."""
    return [one for one in psutil.Process().children(recursive=True) if "--child" in one.cmdline()]


def test_a_plan_is_measured_with_real_processes_stopped_and_survives_their_death(book):
    """Points come beside the bars; Stop ends it; a cloud that dies is said in the banner, and the screen goes on."""
    page = book.page
    type_into(book, control("Split", "input"), "4")
    says(book, ".janus-sentence", "cut after block 4")
    page.locator(button("Measure")).press("Enter")
    page.wait_for_selector(button("Stop"))
    page.locator(button("Stop")).click()
    page.wait_for_selector(button("Measure"))
    page.locator(button("Measure")).click()
    page.wait_for_selector(button("Stop"))
    says(book, ".janus-stage .janus-figures", "◆ measured", timeout_s=120)
    page.wait_for_selector(button("Measure"), timeout=60_000)
    says(book, ".janus-sentence", "Measured")
    shot(book, "measured")

    page.locator(button("Measure")).press("Enter")
    says(book, ".janus-controls", "timing both halves", timeout_s=120)
    for one in pairs():
        one.kill()
    page.wait_for_selector(".janus-banner [role=alert]", timeout=60_000)
    page.wait_for_selector(button("Measure"))
    type_into(book, control("Bandwidth", "input"), "11")
    says(book, ".janus-sentence", "Under 11 Mbit/s")
    page.wait_for_selector(".janus-banner", state="hidden")


def test_a_trace_is_replayed_and_every_policy_is_in_the_table(book):
    """The sentence tells of the chosen policy, and its row is marked; another trace gives another table."""
    page = book.page
    page.locator('.janus-views button:has-text("Trace")').click()
    page.wait_for_selector(".janus-policies tr.chosen", timeout=120_000)
    page.wait_for_function(NOT_BUSY, timeout=120_000)
    assert page.locator(".janus-policies tbody tr").count() > 8
    says(book, ".janus-sentence", "Over 60 s of a steady 10 Mbit/s")

    table, before = book.text(".janus-policies"), drawn(book)
    page.locator(menu("Uplink")).focus()
    page.keyboard.press("ArrowDown")
    redrawn(book, before)
    book.changed(".janus-policies", table)
    page.wait_for_function(NOT_BUSY, timeout=120_000)
    page.locator(menu("Policy")).select_option("device-only")
    says(book, ".janus-policies tr.chosen th", "device-only")
    says(book, ".janus-sentence", "device-only chose to run all 12 blocks on the device")

    page.locator(menu("Uplink")).select_option(label="another …")
    at_rest(book)
    type_into(book, '.janus-course-menus input[type="text"]', "no such trace")
    page.wait_for_selector(".janus-banner [role=alert]")
    type_into(book, '.janus-course-menus input[type="text"]', "5g-driving@7")
    page.wait_for_selector(".janus-banner", state="hidden")
    page.wait_for_function(NOT_BUSY, timeout=120_000)
    page.locator('.janus-views button:has-text("One plan")').press("Enter")
    says(book, ".janus-sentence", "Under 10 Mbit/s")


def test_a_lesson_chosen_in_the_trace_view_draws_its_figures(book):
    """What comes while the figures are hidden is drawn when they are seen again."""
    page = book.page
    type_into(book, control("Split", "input"), "4")
    says(book, ".janus-stage .janus-figures", "cut after 4")
    page.locator('.janus-views button:has-text("Trace")').click()
    page.wait_for_selector(".janus-policies tr.chosen", timeout=120_000)
    page.locator(menu("Lesson")).select_option(label="A tunnel")
    says(book, ".janus-sentence", "Under 0.2 Mbit/s")

    says(book, ".janus-stage .janus-figures", "nothing travels")


def test_a_deeper_model_moves_no_slider_by_itself(book):
    """A slider that gets more stops goes to its place among them, and what Janus chooses it still chooses."""
    for stops in ("2-core+EPYC+(stored)", "Orin+Nano+(derived)"):
        model = "" if stops.startswith("2") else "&model=vit_large_patch16_384&split=20"
        restore(book, PLAIN.replace("2-core+EPYC+(stored)", stops) + model, "Under 10 Mbit/s")

    says(book, ".janus-sentence", "cut after block 20 of 24")
    says(book, ".janus-picture .widget-readout", "24")
    assert book.page.locator(control("Split", "input")).first.input_value() == "20"
    assert book.page.locator(tick("auto", 0)).is_checked()
    assert not book.page.locator(tick("auto", 1)).is_checked()


def test_a_state_is_copied_and_pasted(book):
    """From one line the whole screen is back."""
    type_into(book, control("Bandwidth", "input"), "23")
    says(book, ".janus-sentence", "Under 23 Mbit/s")
    at_rest(book)  # its answer moves the split, which would take the place of what is typed there
    type_into(book, control("Split", "input"), "5")
    says(book, ".janus-sentence", "cut after block 5")
    says(book, ".janus-stage .janus-figures", "cut after 5")
    figures, sentence = drawn(book), book.text(".janus-sentence")
    book.page.locator(".janus-copy").click()
    book.page.wait_for_selector('.janus-copy:text-is("Copied")')
    state = book.page.evaluate("navigator.clipboard.readText()")
    restore(book, PLAIN, "Under 10 Mbit/s")
    restore(book, state, "Under 23 Mbit/s")

    assert book.text(".janus-sentence") == sentence
    drawn_again(book, figures)
    type_into(book, ".janus-state input", "janus1?split=99")
    book.page.wait_for_selector(".janus-banner [role=alert]")
    assert book.text(".janus-sentence") == sentence


def test_tables_and_figures_are_saved_with_their_provenance(book, tmp_path):
    """The table on the screen, a CSV by key and an SVG by mouse, both with the state that brings them back."""
    page = book.page
    page.locator(menu("Data of")).select_option(label="latency by split")
    page.locator(button("Table")).press("Space")
    says(book, ".janus-table", "modelled_ms")
    for name, press in (("CSV", lambda one: one.press("Enter")), ("SVG", lambda one: one.click())):
        with page.expect_download() as coming:
            press(page.locator(button(name)))
        coming.value.save_as(tmp_path / coming.value.suggested_filename)
    page.locator(button("Table")).click()
    page.wait_for_selector(".janus-table", state="hidden")

    table = pd.read_csv(tmp_path / "janus-latency.csv", comment="#")
    assert len(table) >= 13 and "modelled_ms" in table
    assert "# state: janus1?" in (tmp_path / "janus-latency.csv").read_text()
    assert "state: janus1?" in (tmp_path / "janus-latency.svg").read_text().replace("&amp;", "&")


def test_nothing_is_cut_off_in_light_and_dark_at_any_size(book):
    """At 1440 x 900 all of it is seen at once, with the file browser open; smaller, no text leaves its figure."""
    page = book.page
    screen = page.locator(".janus-explorer").first
    page.wait_for_function(FITTED, timeout=20_000)
    view = page.locator(".jp-WindowedPanel-outer").first.bounding_box()
    assert screen.bounding_box()["height"] < view["height"]
    try:
        for view in ("plan", "trace"):
            if view == "trace":
                page.locator('.janus-views button:has-text("Trace")').click()
                page.wait_for_selector(".janus-policies tr.chosen", timeout=120_000)
                page.wait_for_function(NOT_BUSY, timeout=120_000)
            for size, (width, height) in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                page.wait_for_function(f"() => ({FITTED})() && ({BEYOND})().length === 0", timeout=20_000)
                shot(book, f"{view}-{size}-light")
                theme(book, "Dark")
                page.wait_for_function(f"() => ({CONTRAST})() > 7")
                shot(book, f"{view}-{size}-dark")
                theme(book, "Light")
                page.wait_for_function(f"() => ({CONTRAST})() > 7")
    finally:
        page.set_viewport_size({"width": 1440, "height": 900})


def test_figures_stay_where_they_are_when_the_sentence_grows(book):
    """The shortest sentence takes the room of the present one."""
    page = book.page
    try:
        for width, height in ((1440, 900), (1280, 720), (1920, 1080), (1100, 900)):
            page.set_viewport_size({"width": width, "height": height})
            at_rest(book)
            present, shortest = page.evaluate(SHORTEST)
            assert present == shortest, (width, height)
    finally:
        page.set_viewport_size({"width": 1440, "height": 900})


def test_figures_that_are_drawn_while_the_kernel_is_away_complain_of_nothing(book):
    """A page that comes back in the middle of a restart has nobody to tell that it has drawn."""
    assert book.page.evaluate(AWAY, WATCH) == ["drawn"]


def test_a_lesson_a_reload_and_a_restart(book):
    """A lesson brings its model and says what there is to see; all is still there when the page comes back, and a new
    kernel begins anew."""
    page = book.page
    page.locator(menu("Lesson")).select_option(label="When to split")
    says(book, ".janus-lesson", "A cut is fastest between two bandwidths")
    says(book, ".janus-sentence", "cut")
    says(book, ".janus-stage .role-axis-label", "24")
    shot(book, "lesson")
    figures, sentence = drawn(book), book.text(".janus-sentence")

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    settled(book)
    drawn_again(book, figures)
    assert book.text(".janus-sentence") == sentence
    book.press(control("Bandwidth", ".noUi-handle"), "ArrowRight")
    says(book, ".janus-sentence", "Under 25 Mbit/s")

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    book.idle()
    book.run_all()
    settled(book)
    book.console_errors[:] = [said for said in book.console_errors if not said.startswith(DEBUGGER)]
    says(book, ".janus-sentence", "Under 10 Mbit/s")
    book.press(control("Bandwidth", ".noUi-handle"), "ArrowRight")
    says(book, ".janus-sentence", "Under 12 Mbit/s")
