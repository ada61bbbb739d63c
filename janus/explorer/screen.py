"""`Explorer`: the one screen. It passes on what was asked and shows what was answered; it computes nothing."""

from __future__ import annotations

from pathlib import Path

import ipywidgets

import janus.explorer.library  # first: see there
from janus.explorer import sources as kept
from janus.explorer import state as states
from janus.explorer.banner import Banner
from janus.explorer.bar import Bar
from janus.explorer.behind import Lane, Turn, kernel_post
from janus.explorer.desk import Desk
from janus.explorer.following import Following
from janus.explorer.keeping import Keeping
from janus.explorer.later import Later
from janus.explorer.live import LiveAccuracy
from janus.explorer.looks import looks
from janus.explorer.machines import THIS, Machines
from janus.explorer.owned import Benches
from janus.explorer.page import Page
from janus.explorer.panel import Panel
from janus.explorer.prose import busy_html, live_html, note_html
from janus.explorer.shelf import Shelf
from janus.explorer.stage import Stage
from janus.explorer.style import CSS
from janus.explorer.work import ask_hub, calibrate, load
from janus.pictures import DrawnPictures
from janus.profile import LatencyProfile
from janus.workbench import Answer, Question, accuracy_table

# A slider that is dragged sends dozens of values; what is slow waits until it rests.
SETTLE_S = 0.3
# Importing torch would take the processor from the page that draws the screen; without a page it begins after this.
HELD_S = 3.0


class Explorer(Keeping, Following, ipywidgets.VBox):
    """The workbench: controls, four linked figures, and a sentence that says what Janus chose and why.

    Every control is answered at once from the latency model. Accuracy, the picture's tokens and a quick calibration of
    this machine come in behind it.

    Args:
        model: Full timm tag, or ``demo``; by default the best that is on disk.
        weights: A safetensors file of it; the hub's without one.
        images: Labelled images for live accuracy: a folder, or the name of a data set. The demo model has its own.
        fit: ``crop`` (the model's own evaluation transform) or ``squash``.
        device: Whose times stand for the device: a profile, its file, or ``orin-nx`` and its like.
        cloud: The same for the cloud.
        question: What the controls say at first.
        state: The same and all the rest, as `Explorer.state` gave it.
        calibrate: Whether to time this machine as soon as the model is loaded.
        live: Whether accuracy is measured behind every change from the start.
        seed: Of random weights and of the drawn pictures.

    Raises:
        JanusError: If the model's geometry is not known, a profile is not one of it, or the state does not fit.
    """

    def __init__(
        self, model: str | None = None, *, weights: Path | str | None = None, images: Path | str | None = None,
        fit: str | None = None, device=None, cloud=None, question: Question | None = None,
        state: str | None = None, calibrate: bool = True, live: bool = True, seed: int = 0,
    ):  # fmt: skip
        janus.explorer.library.bring()
        self._page = Page(lambda: self._loading.begin())
        self._sources = kept.one_of_each([kept.find_source(model, weights)] if model else [], kept.model_sources())
        folder = kept.image_folder()
        self._images, self._given = images or folder, images
        self._fit = fit or ("squash" if images is None and folder else "crop")
        first = vars(question or Question()) if not state else states.take_apart(state)
        self._first, self._seed = states.join({"follow": live, "seed": seed} | first), seed
        self._calibrates = calibrate
        self._machines, self._benches = Machines(self._sources[0].name, device, cloud), Benches()
        self._device_chosen, self.subject, self._doing = False, None, ""
        self._turn = turn = Turn()
        self.banner, self._post, self._later = Banner(turn), kernel_post(turn), Later(turn)
        self._loading = self._lane("loading", SETTLE_S, held_s=HELD_S)
        self._hub = self._lane("hub")
        self._outlining, self._measuring = (
            self._lane("picture", SETTLE_S / 3),
            self._lane("accuracy", SETTLE_S, last=True),
        )
        self.live = LiveAccuracy(self._measuring, self._show)
        guard = self.banner.guard
        self.panel = Panel(
            Question(), guard=guard, later=self._later, asked=self._asked,
            machines_changed=self._machines_changed, live_changed=self._live_changed,
        )  # fmt: skip
        self.bar = Bar(guard=guard, later=self._later, restore=self.restore)
        self.stage = Stage(DrawnPictures(seed=seed), guard=guard, picture_changed=self._outline)
        self.desk = Desk(
            self.stage, banner=self.banner, lane=self._lane, asked=self._asked, more=self._show,
            before=self.live.cancel, after=self._follow,
        )  # fmt: skip
        self.panel.settings |= self.desk.settings
        self.sentence, self.note = (ipywidgets.HTML(**looks(ipywidgets.HTML)) for _ in range(2))
        self.sentence.add_class("janus-sentence")
        self.note.add_class("janus-note")
        for button, handler in (
            (self.panel.evaluate, self._measure), (self.panel.cancel, self._cancel),
            (self.panel.calibrate, self._calibrate), (self.panel.reset, self.reset),
        ):  # fmt: skip
            button.on_click(guard(lambda _button, handler=handler: handler()))
        self.shelf = Shelf(guard=guard, sheets=self.sheets, facts=self._facts, browser=self.bar.browser)
        with turn:
            self.reset()
        parts = [self.bar, self.sentence, self.desk, self.note, self.shelf]
        right = ipywidgets.VBox(parts, **looks(ipywidgets.VBox, flex="1 1 0", min_width="0"))
        right.add_class("janus-right")
        body = ipywidgets.HBox([self.panel, right], **looks(ipywidgets.HBox))
        body.add_class("janus-body")
        look = ipywidgets.HTML(f"<style>{CSS}</style>", **looks(ipywidgets.HTML))
        super().__init__([look, self.banner, body, self._page])
        self.add_class("janus-explorer")
        if self._images is None or self._sources[0].weights != "file":
            self._hub.submit(ask_hub, self._hub_answered)

    @property
    def _idle_images(self) -> str:
        """Images that somebody gave and that the present model is not shown."""
        shown = self._images_of(self.source)
        return str(self._given) if self._given is not None and shown != self._given else ""

    def __repr__(self) -> str:
        return "janus.Explorer()"

    def _lane(self, name: str, settle_s: float = 0.0, failed=None, **how) -> Lane:
        return Lane(name, post=self._post, failed=failed or self._failed, settle_s=settle_s, **how)

    def settle(self, timeout_s: float = 60.0) -> bool:
        """In a script, wait for what runs behind the screen; in a notebook it comes in when the cell is over."""
        lanes = (self._loading, self._hub, self._outlining, *self.desk.lanes, self._measuring)
        return all(lane.join(timeout_s) for lane in lanes)

    # -- what a person does ------------------------------------------------------------------------------------------

    def _asked(self) -> None:
        answer = self._workbench.ask(self.panel.question())
        self.answer = answer
        with self.panel.figures_first():
            if self.panel.auto_level.value and not answer.searched:
                self.panel.level.put(answer.plan.level)
            if self.panel.auto_split.value:
                self.panel.split.put(answer.plan.split)
            self._follow()
            self.desk.follow(self._workbench, answer)
            self._show()
            self._outline()

    def _machines_changed(self) -> None:
        model, (device, cloud) = self.panel.model.value, self._labels
        if model is not self.source:
            # Machines that somebody chose stay, where the other model has them.
            known = self._machines.of(model.name)
            self._device_chosen &= device in known
            own = cloud in known and cloud != self._machines.usual(self.source.name)[1]
            self._open(model, device if self._device_chosen else None, cloud if own else None)
            return
        self._device_chosen |= self.panel.device.value != device
        self._cloud_here &= self.panel.cloud.value == cloud
        self._on(self.panel.device.value, self.panel.cloud.value)

    def _cancel(self) -> None:
        self.panel.live.put(False)
        self.live.cancel()
        self._show()

    # -- the model and the machines ----------------------------------------------------------------------------------

    def _open(self, source: kept.ModelSource, device: str | None = None, cloud: str | None = None) -> None:
        """Latencies of a model at once; its weights behind, if they are not there already."""
        loaded = self.subject is not None and self.subject.source == source
        self.source, self._real = source, kept.real_accuracy(source)
        self.panel.model.put(source, [(one.title, one) for one in self._sources])
        if not loaded:
            self.subject = None
            self._loading.cancel()
            self._doing = f"loading {source.title}" if source.weights != "none" else ""
            self.stage.forget(self._why_no_tokens())
        usual = self._machines.usual(source.name)
        self._on(device or usual[0], cloud or usual[1])
        self.stage.block.value = self._workbench.geometry.depth
        if not loaded and source.weights != "none":
            images = self._images_of(source)
            self._loading.submit(
                lambda cancel: load(
                    source,
                    images,
                    self._fit,
                    self._seed,
                    cancel,
                    give_way=self._turn.give_way,
                    then_calibrate=self._calibrates,
                ),
                self._loaded,
                self._idle,
            )

    def _on(self, device: str, cloud: str) -> None:
        """The present model on these machines."""
        known = self._machines.of(self.source.name)
        self._workbench = self._benches.of(self.source, known[device], known[cloud])
        self._labels = (device, cloud)
        self._data = states.fingerprint(self._workbench, self._images_of(self.source))
        with self.panel.figures_first():
            self.panel.device.put(device, list(known))
            self.panel.cloud.put(cloud, list(known))
            self.panel.offer(self._workbench)
            self.panel.fit(self._workbench)
            self._asked()

    def _loaded(self, result) -> None:
        """A model came in, or its times on this machine."""
        if isinstance(result, LatencyProfile):
            self._machines.measured(result)
            chosen, cloud = self._labels
            self._on(chosen if self._device_chosen else THIS, THIS if self._cloud_here else cloud)
            return
        self.subject = result
        self.stage.offer(result.samples)
        self._doing = f"timing {THIS}" if self._calibrates else ""
        self._outline()
        self._show()

    def _idle(self) -> None:
        """Nothing is being loaded or timed any more, so accuracy may have the processor."""
        self._doing = ""
        self._live_changed()
        self._prepare()

    def _calibrate(self) -> None:
        if self.subject is None:
            return
        self.live.cancel()
        self._device_chosen = False
        self._doing = f"timing {THIS}"
        subject = self.subject
        self._loading.submit(lambda cancel: calibrate(subject), self._loaded, self._idle)
        self._show()

    def _hub_answered(self, there: bool) -> None:
        if there:
            self._sources += kept.hub_sources(self._sources)
            self.panel.model.put(self.source, [(one.title, one) for one in self._sources])

    # -- what is shown -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Everything that follows from the answer and from what has come in."""
        answer, name = self.answer, self.subject.name if self.subject else self.source.name
        key = self.live.key(answer, name)
        here, running = self.live.row(key), self.live.running == key
        stale = here is None and running and self.live.row(self.live.latest) is not None
        row = here or (self.live.row(self.live.latest) if stale else None)
        label = self.source.label
        live = live_html(row, wanted=self.live.wanted, running=running, stale=stale, label=label)
        stored = self._workbench.stored(answer.question.family)
        self.sentence.value = self.desk.sentence(answer, stored, self._real, name, live)
        empty = f"no accuracy is stored<br>for {self.source.title.replace(', ', ',<br>')}"
        self._accuracy = accuracy_table(answer, stored, self.live.rows(answer, name), self._real)
        self.stage.show(
            answer, self._accuracy, over=self.panel.over.value, empty=empty, label=label,
            measured=self.desk.measured(answer, name), seen=self.desk.planned,
        )  # fmt: skip
        self.desk.show(answer)
        with self._later.told(self.note, self.bar.text, self.bar.browser):
            self._tell(answer, name)

    def _tell(self, answer: Answer, name: str) -> None:
        """What stands around the figures."""
        images = None if self.subject is None else self.subject.images.name if self.subject.images else ""
        self.note.value = note_html(
            self.source, self._workbench.device, self._workbench.cloud, self._workbench.accuracy, images, self._real,
            pair=self.desk.note(answer, name), idle=self._idle_images,
        )  # fmt: skip
        self.bar.show(self.state)
        self.shelf.refresh()
        doing = self._doing or self.desk.doing
        if self.live.running:
            so_far = self.live.row(self.live.running)
            doing = f"accuracy: {so_far['n'] if so_far else 0} of {self.live.wanted} images"
        self.panel.status.value = busy_html(doing)
        self.panel.evaluate.disabled = not self._measurable or bool(self.live.running)
        self.panel.cancel.disabled = not self.live.running
        self.panel.calibrate.disabled = self.subject is None or bool(self._busy)
        self.desk.meet(self.subject, answer, self._fit, busy=bool(self._doing))
