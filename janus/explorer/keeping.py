"""What of the screen can be kept: its state as text, its figures and their data as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from janus import demo
from janus.errors import JanusError
from janus.explorer import state as states
from janus.explorer.export import FORMATS, Sheet, facts_of, write_files
from janus.explorer.lessons import LESSONS, Lesson
from janus.explorer.sheets import sheets_of
from janus.explorer.sources import ModelSource
from janus.hub import DEFAULT_IMAGES
from janus.pictures import DrawnPictures

if TYPE_CHECKING:
    from janus.explorer.bar import Bar
    from janus.explorer.behind import Post, Turn
    from janus.explorer.desk import Desk
    from janus.explorer.live import LiveAccuracy
    from janus.explorer.machines import Machines
    from janus.explorer.owned import Benches
    from janus.explorer.panel import Panel
    from janus.explorer.stage import Stage
    from janus.explorer.subject import Subject
    from janus.workbench import Answer, Workbench
    from janus.workbench.columns import Columns


class Keeping:
    """The part of `janus.Explorer` that brings it back and takes things away from it.

    A script calls these directly, so they take the turn that handlers get from the guard: otherwise an answer that
    comes in behind shows what was asked before.
    """

    panel: Panel
    stage: Stage
    bar: Bar
    desk: Desk
    live: LiveAccuracy
    source: ModelSource
    subject: Subject | None
    answer: Answer
    _sources: list[ModelSource]
    _machines: Machines
    _benches: Benches
    _workbench: Workbench
    _labels: tuple[str, str]
    _images: Path | str | None
    _first: str
    _seed: int
    _data: str
    _accuracy: Columns
    _post: Post
    _unprepared: Sequence[Lesson] = LESSONS
    _device_chosen: bool
    _cloud_here: bool
    _turn: Turn

    def reset(self) -> None:
        """Everything as it was at first."""
        with self._turn:
            self.live.clear()
            self.desk.clear()
            self.bar.forget()
            self.restore(self._first)

    @property
    def state(self) -> str:
        """A line that brings all of this back: `janus.Explorer(state=…)`, or pasted into the box."""
        return states.write(
            self.panel, self.stage, source=self.source, labels=self._labels, images=self._images_of(self.source),
            seed=self._seed, data=self._data,
        )  # fmt: skip

    def restore(self, state: str) -> None:
        """Everything as a state says, or, where it cannot be had, nothing.

        Raises:
            JanusError: If it cannot be had.
        """
        with self._turn:
            self._bring_back(state)

    def _bring_back(self, state: str) -> None:
        to = self._read(state)
        if to.source not in self._sources:
            self._sources.append(to.source)
        if to.seed not in (None, self._seed):
            self._seed = to.seed
            self.stage.redraw(DrawnPictures(seed=to.seed))
            if not to.source.trained:
                self.subject = None
        with self.panel.figures_first():
            self.panel.put(to.values, to.level, to.split)
            self.stage.want(to.picture)
            self._device_chosen = to.device is not None or self._machines.given(to.source.name)
            self._cloud_here = to.cloud_here
            self._open(to.source, to.device, to.cloud)
        self.stage.block.value = self._workbench.geometry.depth if to.block is None else to.block
        self.bar.made_with(to.data, self._data)

    def _prepare(self) -> None:
        """Ask what the lessons ask, once and one after the other, so that the first of each is answered like others.

        Whoever moves a control meanwhile comes between two of them.
        """
        if not self._unprepared:
            return
        lesson, *self._unprepared = self._unprepared
        # One that cannot be had here says so when it is chosen.
        with suppress(JanusError):
            self._read(lesson.state)
        self._post(self._prepare)

    def _read(self, state: str) -> states.Target:
        return states.read(
            state, self.panel, sources=self._sources, machines=self._machines, benches=self._benches,
            images_of=self._images_of,
        )  # fmt: skip

    def sheets(self) -> dict[str, Sheet]:
        """Each figure with its data as a table: `explorer.sheets()["latency"].table`."""
        with self._turn:
            plan = sheets_of(self.stage, self.answer, self._accuracy.frame(), label=self.source.label)
            return plan | self.desk.sheets(self.answer)

    def export(
        self, folder: Path | str = ".", *, only: Iterable[str] | str | None = None,
        formats: Iterable[str] | str = tuple(FORMATS),
    ) -> list[Path]:  # fmt: skip
        """Write the figures and their data into a folder, each with its provenance; no browser is needed.

        Args:
            folder: Must exist.
            only: Names in `sheets`; all by default.
            formats: Of ``csv``, ``svg`` and ``png``.

        Raises:
            JanusError: If there is no such figure, format or folder.
        """
        with self._turn:
            sheets, facts = self.sheets(), self._facts()
        return write_files(sheets, folder, facts, only=only, formats=formats)

    def _facts(self) -> dict[str, str]:
        bench, images = self._workbench, states.images_name(self._images_of(self.source))
        name = f"{self.source.name} ({self.source.label})" if self.source.label else self.source.name
        return facts_of(model=name, device=bench.device, cloud=bench.cloud, images=images, seed=self._seed,
                        data=self._data, state=self.state)  # fmt: skip

    def _images_of(self, source: ModelSource) -> Path | str | None:
        """The images that a model is shown."""
        if source.weights in ("demo", "none"):
            return demo.NAME if source.weights == "demo" else None
        return DEFAULT_IMAGES if self._images is None and source.weights == "hub" else self._images
