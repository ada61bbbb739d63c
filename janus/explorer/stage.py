"""The figures and the picture, on the right of the screen."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING

import ipywidgets
import numpy as np
from PIL import Image

from janus.explorer.controls import LABEL, Choice
from janus.explorer.looks import looks
from janus.explorer.plot import Plot, show_together
from janus.figures import accuracy_figure, latency_figure, tokens_figure
from janus.figures.style import Figure
from janus.pictures import count_groups, outline_groups
from janus.workbench import Answer
from janus.workbench.answer import ESTIMATED
from janus.workbench.sentence import spoken
from janus.workbench.words import kilobytes, ms

if TYPE_CHECKING:
    from janus.workbench.columns import Columns

# Left: tokens over latency, whose bars stand below one another; right: accuracy over the picture.
LEFT, RIGHT = {"l": 52, "r": 46, "t": 42, "b": 40}, {"l": 56, "r": 10, "t": 42, "b": 40}
MARGINS = (LEFT, LEFT, RIGHT)
UNITS = {
    "declining": "level α, the paper's schedule",
    "constant": "level r: tokens merged in each block",
    "linear": "level r: mean tokens merged in a block",
    "none": "level",
}


class Stage(ipywidgets.Box):
    """Three figures, and the picture in the fourth quarter.

    Args:
        pictures: By name.
        guard: Wraps handlers, so that their errors are shown.
        picture_changed: Called when another picture was chosen.
    """

    def __init__(self, pictures: Mapping[str, np.ndarray], *, guard: Callable, picture_changed: Callable):
        super().__init__(layout={"flex": "1 1 auto", "min_width": "0"})
        self.add_class("janus-stage")
        self.plots: tuple[Plot, ...] = ()
        self._samples: Mapping[str, np.ndarray] = {}
        self._drawn = pictures
        self.chosen = False
        self._wanted: str | None = None
        self.groups: list[np.ndarray] | None = None
        self._outlined: object = None
        self._stale = False

        def chosen() -> None:
            self.chosen, self._wanted = True, None
            picture_changed()

        self.which = Choice("Picture", self.names, self.names[0], guard=guard, changed=chosen,
                            tooltip="Which picture is shown.")  # fmt: skip
        self.block = ipywidgets.IntSlider(
            min=0, max=12, value=12, description="After block", tooltip="Merged tokens after this block.",
            **looks(ipywidgets.IntSlider, LABEL, width="auto"),
        )  # fmt: skip
        self.block.observe(guard(lambda change: self._after_block()), names="value")
        self.view = ipywidgets.HTML(**looks(ipywidgets.HTML))
        self.picture = ipywidgets.VBox([self.view, self.block, self.which], **looks(ipywidgets.VBox))
        self.picture.add_class("janus-picture")
        self.why_not = ""
        self.draw()

    def show(
        self, answer: Answer, accuracy: Columns, *, over: str, empty: str, label: str, measured=None, seen: bool = True
    ) -> None:  # fmt: skip
        """Bring the figures up to ``answer``.

        Args:
            answer: What the figures show.
            accuracy: A `janus.workbench.accuracy_table` of it.
            over: What accuracy is drawn over.
            empty: What stands where no accuracy is known.
            label: Of the model, where its numbers need one.
            measured: A `janus.workbench.measured_table`: points beside the bars.
            seen: Whether they are drawn; a file of them can be had all the same.
        """
        self.measured = measured
        self._make = partial(self._figures, answer, accuracy, over=over, empty=empty, label=label, measured=measured)
        self.__dict__.pop("figures", None)
        if seen:
            alone = [(figure,) for figure in self.figures]
            if not self.plots:
                self.plots = tuple(Plot(one, margin=margin) for one, margin in zip(alone, MARGINS, strict=True))
                self.children = (*self.plots, self.picture)
            show_together(self.plots, alone)
        self.block.max = answer.depth

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Tokens, latency by split, and accuracy, as they were last shown; made when they are asked for."""
        return self._make()

    @staticmethod
    def _figures(
        answer: Answer, accuracy: Columns, *, over: str, empty: str, label: str, measured
    ) -> tuple[Figure, ...]:  # fmt: skip
        q, plan = answer.question, answer.plan
        return (
            tokens_figure(answer.columns["tokens"], split=plan.split, cut=cut_words(answer)),
            latency_figure(
                answer.columns["latency"],
                slo_ms=q.slo_ms,
                slo=f"SLO<br>{ms(q.slo_ms)}",
                level=level_words(answer),
                measured=measured,
            ),
            accuracy_figure(
                accuracy, answer.columns["levels"], over=over, level=plan.level, slo_ms=q.slo_ms,
                unit=UNITS.get(q.family, "searched schedule"), empty=empty, label=label,
                named=answer.searched.name if answer.searched else "",
            ),
        )  # fmt: skip

    def offer(self, samples: Mapping[str, np.ndarray]) -> None:
        """Put a model's own pictures before the drawn ones; the first is chosen unless a person has chosen already."""
        self._samples = samples
        keep = self._wanted or self.which.value if self.chosen else None
        self.which.put(keep if keep in self.names else self.names[0], self.names)

    def redraw(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Other drawn pictures, of the same names, in the place of those that were there."""
        self._drawn, self._outlined = pictures, None

    def want(self, picture: str | None) -> None:
        """Choose a picture by name, now or when it comes; None for the first, as if nobody had chosen."""
        self._wanted, self.chosen = picture, picture is not None
        self.which.put(picture if picture in self.names else self.names[0])

    @property
    def wanted(self) -> str:
        """The picture that is shown, or that was asked for and has yet to come."""
        return self._wanted or self.which.value

    @property
    def names(self) -> list[str]:
        """All pictures, the model's own first."""
        return [*self._samples, *self._drawn]

    def picture_of(self, name: str) -> np.ndarray:
        """The picture of that name."""
        return self._samples[name] if name in self._samples else self._drawn[name]

    @property
    def pixels(self) -> np.ndarray:
        """The picture that is shown."""
        return self.picture_of(self.which.value)

    def _after_block(self) -> None:
        if self.groups is not None:
            self.draw()

    def outline(self, groups: list[np.ndarray] | None, why_not: str = "") -> None:
        """Show the picture with these groups of patches after each block; without them, why there are none."""
        if groups is None:
            self.forget(why_not)
        else:
            self.groups, self.why_not, self._stale = groups, why_not, False
            self._pictured = self.which.value, self.pixels
            self.view.remove_class("stale")
        self.draw()

    def forget(self, why_not: str) -> None:
        """The groups are of nothing that is here any more; why, is shown when the picture is drawn next."""
        self.groups, self.why_not, self._outlined, self._stale = None, why_not, None, False
        self.view.remove_class("stale")

    def outlined_as(self, subject: object) -> bool:
        """Whether the outlines are those of ``subject``; if not, they are stale until others come."""
        if self._outlined == subject:
            return True
        self._outlined = subject
        if self.groups is not None:
            self._stale = True
            self.view.add_class("stale")
        return False

    @property
    def pictured(self) -> tuple[str, np.ndarray, list[np.ndarray]] | None:
        """The picture with its groups; None while there are none, or only those of something else."""
        return None if self.groups is None or self._stale else (*self._pictured, self.groups)

    def draw(self) -> None:
        """The picture as it is, and beside it with its merged tokens after the chosen block."""
        # Groups that are stale stay with their own picture until others come.
        name, pixels = (self.which.value, self.pixels) if self.groups is None else self._pictured
        name = html.escape(name)
        title = "<h4>Merged tokens on a picture</h4>"
        plain = f'<figure><img src="{_as_url(pixels)}" alt="{name}"><figcaption>{name}</figcaption></figure>'
        block = self.block.value
        if self.groups is None or block >= len(self.groups):
            other = f"<figure><figcaption>{html.escape(self.why_not)}</figcaption></figure>"
        else:
            groups = self.groups[block]
            tokens, largest = count_groups(groups)
            words = f"{len(groups)} patches in {tokens} tokens, the largest of {largest}"
            words = f"{len(groups)} patches, none merged yet" if largest == 1 else words
            alt = f"The same picture after block {block}: {words}; merged patches outlined in their mean colour."
            picture = _as_url(outline_groups(pixels, groups))
            other = f'<figure><img src="{picture}" alt="{alt}"><figcaption>{words}</figcaption></figure>'
        self.view.value = f'{title}<div class="pair">{plain}{other}</div>'


def cut_words(answer: Answer) -> str:
    """What crosses the cut, for the figure of the tokens."""
    k, depth = answer.plan.split, answer.depth
    if k == depth:
        return "no cut:<br>nothing travels"
    payload = kilobytes(answer.payload_bytes)
    if k == 0:
        return f"cut at 0: the picture<br>as {spoken(answer.question.encoding)}, {payload}"
    about = "about " if answer.bytes_are(k, answer.travels_as) == ESTIMATED else ""
    return f"cut after {k}: {answer.merging.tokens[k]} tokens<br>as {spoken(answer.question.codec)}, {about}{payload}"


def level_words(answer: Answer) -> str:
    """The level, for the title of the latencies."""
    if answer.question.family == "none" or answer.plan.level == 0:
        return "unmerged"
    if answer.searched:
        return answer.searched.name
    return f"{'r' if answer.question.family == 'constant' else 'level'} {answer.plan.level:g}"


def _as_url(pixels: np.ndarray) -> str:
    return _encoded(pixels.tobytes(), pixels.shape)


# The picture as it is stays while its outlines change.
@lru_cache(maxsize=8)
def _encoded(data: bytes, shape: tuple[int, ...]) -> str:
    out = io.BytesIO()
    # Hardly larger than at higher levels, in a third of the time.
    Image.fromarray(np.frombuffer(data, np.uint8).reshape(shape)).save(out, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
