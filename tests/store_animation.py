"""Make the README's animation and picture, data/pictures/workbench.*: `python tests/store_animation.py`.

The workbench is moved in Chromium as the browser tests move it, without $JANUS_SHARED, so that it has the demo model
and pictures that Janus drew. Each frame is a picture of the screen at rest; only how long it is shown is made up, and
the strip below it, which says what is pressed. ``--keep FOLDER`` leaves the frames there as PNG, to be looked at.
"""

import argparse
import io
import os
import tempfile
from pathlib import Path

from lab_harness import FLAGS, Book, LabServer, find_chromium
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright
from workbench_page import NOT_BUSY, button, control, menu, restore, says, settled

from janus.explorer.controls import round_steps

CHECKOUT = Path(__file__).resolve().parents[1]
PICTURE = CHECKOUT / "data" / "pictures" / "workbench.png"
ANIMATION = PICTURE.with_suffix(".webp")
# As wide as the picture has been; higher than any view of the screen, so that nothing of it is scrolled away.
VIEW = {"width": 1366, "height": 1000}
PAPER, INK, STRIP = "white", "#222222", 34
# Stored profiles and a level that is Janus's to choose: the same on every machine.
STILL = "janus1?device=2-core+EPYC+(stored)&cloud=V100+(derived)&uplink_mbps=10&slo_ms=20"
START = STILL.replace("=10&", "=1&") + "&follow=no"
# Every step is pressed, every other one is shown: a reader follows no more, and a page has to be light.
SWEPT = [step for step in round_steps(0.1, 1000) if 1 <= step <= 50]
# A page key moves a slider by five of its steps.
PAGE, PAGES = 0.05, 10
TRACE, LESSON = "5G, driving (generated)", "A tunnel"
LIVE = (
    "() => (document.querySelector('.janus-sentence').textContent.match(/Live[^:]*:[^:]*?on [\\d,]+[^.]*/) ?? [''])[0]"
)


class Reel:
    """Frames of a page, each with its time and what is said below it."""

    def __init__(self, book: Book):
        self._book = book
        self.frames: list[tuple[Image.Image, int, str]] = []

    def take(self, text: str, shown_ms: int) -> None:
        """The screen as it is, at rest but for what runs behind it."""
        page = self._book.page
        self._book.idle()
        page.wait_for_selector(".janus-picture .stale", state="detached")
        # What was sent is drawn, and what was drawn is on the screen.
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        png = page.locator(".janus-explorer").first.screenshot(animations="disabled")
        self.frames.append((Image.open(io.BytesIO(png)).convert("RGB"), shown_ms, text))

    def developed(self) -> list[Image.Image]:
        """All frames in one size, with what is said below them."""
        width = max(frame.width for frame, _, _ in self.frames)
        height = max(frame.height for frame, _, _ in self.frames)
        # It is where Chromium's texts are drawn with it, and it has an α.
        font = ImageFont.truetype("DejaVuSans.ttf", 18)
        sheets = []
        for frame, _, text in self.frames:
            sheet = Image.new("RGB", (width, height + STRIP), PAPER)
            sheet.paste(frame)
            draw = ImageDraw.Draw(sheet)
            draw.rectangle((0, height, width, height + STRIP), fill=INK)
            draw.text((12, height + STRIP / 2), text, fill=PAPER, font=font, anchor="lm")
            sheets.append(sheet)
        return sheets


def show(book: Book, reel: Reel) -> None:
    """Bandwidth and level by keys, live accuracy, a trace with its policies, a lesson, and back."""
    page, handle = book.page, ".noUi-handle"
    restore(book, START, "Under 1 Mbit/s")
    reel.take("Bandwidth: 1 Mbit/s", 900)
    for number, step in enumerate(SWEPT[1:], 1):
        book.press(control("Bandwidth", handle), "ArrowRight")
        says(book, ".janus-sentence", f"Under {step:g} Mbit/s")
        if number % 2 == len(SWEPT[1:]) % 2:
            reel.take(f"Bandwidth, by the arrow keys: {step:g} Mbit/s", 900 if step == SWEPT[-1] else 240)

    # The picture travels here, unmerged, so the level begins at 0.
    for step in range(1, PAGES + 1):
        level = f"{step * PAGE:g}"
        book.press(control("Level", handle), "PageUp")
        says(book, ".janus-sentence", f"level {level}")
        if step % 2 == PAGES % 2:
            reel.take(f"Level of merging, by the page keys: α = {level}", 600 if step == PAGES else 300)

    page.locator(button("Evaluate")).press("Enter")
    said = ""
    for _ in range(3):
        page.wait_for_function(f"(said) => ({LIVE})() !== said", arg=said, timeout=120_000)
        said = page.evaluate(LIVE)
        reel.take("Evaluate: accuracy on pictures, as they come in", 200)
    page.wait_for_function(NOT_BUSY, timeout=240_000)
    reel.take("Evaluate: accuracy on pictures, with its interval", 800)

    page.locator('.janus-views button:has-text("Trace")').click()
    page.wait_for_selector(".janus-policies tr.chosen", timeout=120_000)
    page.locator(menu("Uplink")).select_option(label=TRACE)
    says(book, ".janus-sentence", "Over 300 s of 5g-driving", timeout_s=240)
    page.wait_for_function(NOT_BUSY, timeout=240_000)
    page.wait_for_selector(".janus-policies tr.stale", state="detached", timeout=240_000)
    reel.take("Trace and policies: a 5G trace, every policy in one table", 1800)

    page.locator(menu("Lesson")).select_option(label=LESSON)
    says(book, ".janus-lesson", LESSON)
    says(book, ".janus-sentence", "Under 0.2 Mbit/s")
    says(book, ".janus-stage .janus-figures", "nothing travels", timeout_s=60)
    page.wait_for_function(NOT_BUSY, timeout=240_000)
    reel.take(f"Lesson: {LESSON}", 1600)
    restore(book, START, "Under 1 Mbit/s")
    reel.take("Back again, by the line State", 600)


def main() -> None:
    """Take the frames, then write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the frames here, too")
    keep = parser.parse_args().keep
    os.environ.pop("JANUS_SHARED", None)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        server = LabServer(CHECKOUT, Path(home))
        try:
            book = Book(browser, server, "notebooks/explore.ipynb", **VIEW)
            book.page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            book.run_all()
            settled(book)
            first, reel = Reel(book), Reel(book)
            restore(book, STILL, "at level 0.44")
            book.page.wait_for_function(NOT_BUSY, timeout=240_000)
            says(book, ".janus-sentence", "Live", timeout_s=240)
            book.page.wait_for_function(NOT_BUSY, timeout=240_000)
            book.page.evaluate("document.activeElement.blur()")
            first.take("", 0)
            show(book, reel)
            book.close()
        finally:
            server.close()
    first.frames[0][0].save(PICTURE, "PNG", optimize=True)
    sheets = reel.developed()
    sheets[0].save(
        ANIMATION, "WEBP", save_all=True, append_images=sheets[1:], duration=[shown for _, shown, _ in reel.frames],
        loop=0, lossless=True, quality=90, method=6, minimize_size=True,
    )  # fmt: skip
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for number, sheet in enumerate(sheets):
            sheet.save(keep / f"{number:02d}.png")
    seconds = sum(shown for _, shown, _ in reel.frames) / 1000
    for path in (PICTURE, ANIMATION):
        print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size / 1000:.0f} kB")
    print(f"{len(sheets)} frames of {sheets[0].width} x {sheets[0].height}, {seconds:.1f} s")


if __name__ == "__main__":
    main()
