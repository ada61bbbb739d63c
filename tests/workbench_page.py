"""The workbench in a page: where its controls are, what it shows, and when it has come to rest."""

from __future__ import annotations

from difflib import unified_diff

from conftest import CHECKOUT
from lab_harness import Book
from playwright.sync_api import TimeoutError

# Light and dark pictures are kept here for whoever wants to look; CI keeps the folder, git does not.
SHOTS = CHECKOUT / "artefacts"
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
FIGURES = ".janus-figures"
NOT_BUSY = "() => document.querySelector('.janus-sentence b') && !document.querySelector('.janus-busy')"
# The same on every machine, and nothing measured behind.
PLAIN = "janus1?device=2-core+EPYC+(stored)&cloud=V100+(derived)&follow=no"
PLAIN_MS = "19.6"
REST_MS = 300
# What is drawn in the view that is seen, as one text. Sorted, since Vega puts a tick that comes back behind the others.
DRAWN = """[...document.querySelectorAll('.janus-explorer .janus-figures, .janus-explorer .janus-picture')]
    .filter((one) => one.offsetParent).flatMap((one) => [
        ...[...one.querySelectorAll('text, figcaption, .janus-headings > div')].map((it) => it.textContent).sort(),
        ...[...one.querySelectorAll('.janus-plot path, .janus-plot line, .janus-plot text')].map((it) =>
            ['d', 'transform', 'x2', 'y2'].map((name) => it.getAttribute(name)).join(' ')).sort(),
        ...[...one.querySelectorAll('img')].map((it) => it.src)]).join('\\n')"""
AT_REST = f"""(least_ms) => {{
    const rest = (window.janusRest ??= {{}});
    const now = {DRAWN} + document.querySelector('.janus-sentence').textContent;
    if (rest.seen !== now) Object.assign(rest, {{ seen: now, since: performance.now() }});
    return performance.now() - rest.since > least_ms;
}}"""
SAYS = """([where, words]) => [...document.querySelectorAll(where)].some((one) => one.textContent
    .replaceAll('\\u00a0', ' ').includes(words))"""
# Texts of the figures that reach beyond them, and what of the screen is wider than it.
BEYOND = """() => {
    const screen = document.querySelector('.janus-explorer'), found = [];
    for (const figure of screen.querySelectorAll('.janus-figures')) {
        const place = figure.getBoundingClientRect();
        if (!place.width) continue;
        for (const text of figure.querySelectorAll('text, .janus-headings span')) {
            const { left, right, top, bottom, width } = text.getBoundingClientRect();
            if (width && (left < place.left - 1 || right > place.right + 1 || top < place.top - 1
                || bottom > place.bottom + 1)) found.push(text.textContent);
        }
    }
    return screen.scrollWidth > screen.clientWidth + 1 ? [...found, 'the screen'] : found;
}"""
FITTED = """() => [...document.querySelectorAll('.janus-figures')].every((one) => !one.clientWidth
    || Math.abs(one.clientWidth - one.querySelector('.janus-plot svg')?.getAttribute('width')) < 2)"""


# Contrast of a text in the figures against the page, as WCAG 2 counts it.
CONTRAST = """() => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const text = light(getComputedStyle(document.querySelector('.janus-figures .role-axis-label text')).fill);
    const page = light(getComputedStyle(document.querySelector('.jp-NotebookPanel-notebook')).backgroundColor);
    return (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05);
}"""


def control(name: str, inside: str) -> str:
    """A part of the control with that label."""
    return f'.janus-controls .widget-hbox:has(> .widget-slider label:text-is("{name}")) {inside}'


def menu(name: str) -> str:
    return f'.janus-explorer .widget-dropdown:has(label:text-is("{name}")) select'


def button(name: str) -> str:
    return f'.janus-explorer button:has-text("{name}")'


def tick(name: str, number: int = 0) -> str:
    return f':nth-match(.janus-controls .widget-checkbox:has-text("{name}") input, {number + 1})'


def type_into(book, selector: str, text: str) -> None:
    """Replace what is in a box, as at a keyboard."""
    box = book.page.locator(selector).first
    box.fill(text)
    box.press("Enter")


def drag(book, name: str, pixels: int) -> None:
    """Take a slider's handle with the mouse and put it down elsewhere."""
    handle = book.page.locator(control(name, ".noUi-handle")).first
    handle.scroll_into_view_if_needed()
    place = handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    mouse = book.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + pixels / 2, y)
    mouse.move(x + pixels, y)
    mouse.up()


def at_rest(book) -> None:
    """Wait until the kernel has nothing to do, and sentence and figures have stayed as they are for a while."""
    if isinstance(book, Book):
        book.idle()
    book.page.wait_for_function(AT_REST, arg=REST_MS, polling=50)


def drawn(book) -> str:
    """What is drawn, when nothing moves any more and the picture has its tokens."""
    at_rest(book)
    book.page.wait_for_selector(".janus-picture .stale", state="detached")
    at_rest(book)
    return book.page.evaluate(DRAWN)


def redrawn(book, before: str) -> str:
    """Wait until what is drawn is not ``before``, and return it."""
    book.page.wait_for_function(f"(before) => {DRAWN} !== before", arg=before)
    return drawn(book)


def drawn_again(book, before: str) -> None:
    """Wait until what is drawn is ``before``."""
    try:
        book.page.wait_for_function(f"(before) => {DRAWN} === before", arg=before)
    except TimeoutError as why:
        differing = "\n".join(unified_diff(before.splitlines(), book.page.evaluate(DRAWN).splitlines(), n=0))
        raise AssertionError(f"drawn otherwise than before: {differing}") from why


def says(book, where: str, words: str, timeout_s: float = 30) -> None:
    """Wait until something there says that."""
    try:
        book.page.wait_for_function(SAYS, arg=[where, words], timeout=timeout_s * 1000)
    except TimeoutError as why:
        said = book.page.locator(where).all_text_contents()
        state = book.page.locator(".janus-state input").input_value()
        raise AssertionError(f"{where} does not say {words!r} but {said}; state {state}") from why


def says_number(book, where: str, words: str, box) -> None:
    """Wait until something there says that, with what the box holds in place of ``{}``."""
    book.page.wait_for_function(
        f"([where, words, box]) => ({SAYS})([where, words.replace('{{}}', box.value)])",
        arg=[where, words, box.element_handle()],
    )


def says_no_more(book, where: str, words: str) -> None:
    """Wait until nothing there says that."""
    book.page.wait_for_function(f"(asked) => !({SAYS})(asked)", arg=[where, words])


def streamed(book, least: int, wanted: str) -> None:
    """Wait until the sentence tells of so many images out of ``wanted``, a pattern."""
    book.page.wait_for_function(
        f"(least) => Number((document.querySelector('.janus-sentence').textContent"
        f".match(/on (\\d+) of {wanted} images/) ?? [])[1]) >= least",
        arg=least,
        timeout=180_000,
    )


def settled(book) -> None:
    """Nothing is being loaded, timed or measured, and the figures are there."""
    book.page.wait_for_selector(FIGURES + " .mark-text text", timeout=120_000)
    book.page.wait_for_function(NOT_BUSY, timeout=240_000)


def restore(book, state: str, *words: str) -> None:
    """Paste a state, and wait until all of it is there: the box has its own wording back, the picture its tokens."""
    at_rest(book)  # what is still under way would write its own state over what is typed
    type_into(book, ".janus-state input", f"{state} ")
    book.page.wait_for_function(
        "() => { const box = document.querySelector('.janus-state input');"
        " return !box.value.endsWith(' ') && !box.closest('.janus-wrong'); }"
    )
    for part in words:
        says(book, ".janus-sentence", part)
    book.page.wait_for_function(NOT_BUSY, timeout=120_000)
    at_rest(book)
    book.page.wait_for_selector(".janus-banner", state="hidden")
    book.page.wait_for_selector(".janus-picture .stale", state="detached")


def theme(book, name: str) -> None:
    """JupyterLab's Light or Dark."""
    book.page.evaluate(
        "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", f"JupyterLab {name}"
    )
    book.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{str(name == 'Light').lower()}'")
    # JupyterLab (4.6.6) takes its splash away 200 ms later, and complains where the next theme's has gone in between.
    book.page.wait_for_selector("#jupyterlab-splash", state="detached")


def shot(book, name: str) -> None:
    """Keep a picture, with the screen's top at the top of the page."""
    SHOTS.mkdir(exist_ok=True)
    book.page.evaluate("document.querySelector('.janus-explorer').scrollIntoView()")
    book.page.screenshot(path=SHOTS / f"explore-{name}.png")
