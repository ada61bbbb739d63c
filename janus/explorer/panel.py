"""The controls, on the left of the screen: what they are, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import ipywidgets

from janus.explorer.controls import Choice, Number, Offered, Tick, group, round_steps
from janus.explorer.later import Later
from janus.explorer.looks import looks
from janus.explorer.owned import finds
from janus.geometry import ModelGeometry
from janus.grid import CODECS, ENCODINGS
from janus.schedule import MergeSchedule
from janus.schedules import SearchedSchedule
from janus.workbench import JPEG, Question, Workbench, levels_of
from janus.workbench.question import TRANSFORM
from janus.workbench.sentence import spoken

FAMILIES = {
    "declining (paper)": "declining",
    "constant (ToMe's)": "constant",
    "linear": "linear",
    "none": "none",
}
WIDTH = "304px"
IMAGES = 200
ROUND_TRIPS = [*range(20), *range(20, 100, 5), *range(100, 301, 20)]
SLOS = sorted({*round_steps(1, 2000), *range(10, 40), *range(40, 100, 5)})
COUNTS = [16, 32, 64, 100, 150, 200, 300, 400, 500, 650, 800, 1000, 2000, 5000]


def named(encodings: Sequence[str]) -> list[tuple[str, str]]:
    """Encodings or codecs as a menu has them."""
    return [(spoken(name), name) for name in encodings]


class Codecs(Offered):
    """The menu of codecs: the transform is there where the model has a codebook."""

    def read(self, text: str) -> str:
        """A codec by its name, whether the present model has it or not.

        Raises:
            JanusError: If there is none.
        """
        return text if text.startswith(TRANSFORM) else super(Offered, self).read(text)


class Setting(NamedTuple):
    """A control that a state restores, and what it says where a state is silent: the same for ever in one version."""

    control: Any  # with `value`, `put` and `read`
    default: object


class Panel(ipywidgets.VBox):
    """All controls in one column.

    Args:
        question: What they say at first.
        guard: Wraps handlers, so that their errors are shown.
        later: Puts off what figures need not wait for.
        asked: Called when the question has changed.
        machines_changed: Called when the model or a profile was chosen.
        live_changed: Called when the run of images was changed.
    """

    def __init__(self, question: Question, *, guard: Callable, later: Later, asked: Callable,
                 machines_changed: Callable, live_changed: Callable):  # fmt: skip
        self._later = later
        chosen = {"guard": guard, "changed": machines_changed}
        ask = {"guard": guard, "changed": asked}
        self.model = Choice("Model", (), None, tooltip="Which Vision Transformer, and where its weights come from.",
                            **chosen)  # fmt: skip
        self.device = Choice("Device", (), None, tooltip="Whose block times stand for the device.", **chosen)
        self.cloud = Choice("Cloud", (), None, tooltip="Whose block times stand for the cloud.", **chosen)

        # The schedule that the level is of.
        self._fitted = question.family

        def other_family() -> None:
            with self.figures_first():
                self._keep_compute()
                self.fit(self._bench)
                asked()

        self.family = Offered("Schedule", list(FAMILIES.items()), question.family, guard=guard, changed=other_family,
                              tooltip="How merging is spread over the blocks; below the families those that were "
                              "searched for this model.")  # fmt: skip
        narrow = {"width": "54px", "flex": "0 0 auto"}
        self.auto_level = Tick("auto", True, tooltip="Let Janus choose the level.", **ask, **narrow)
        self.auto_split = Tick("auto", True, tooltip="Let Janus choose the split.", **ask, **narrow)

        def taken_over(tick: Tick) -> Callable[[], None]:
            """Who moves a slider wants to choose."""

            def changed() -> None:
                before = tick.value
                tick.put(False)
                try:
                    asked()
                except Exception:
                    tick.put(before)
                    raise

            return changed

        wide = {"flex": "1 1 auto", "min_width": "0"}
        self.level = Number("Level", "", (0.0,), 0.0, guard=guard, changed=taken_over(self.auto_level), **wide,
                            tooltip="Strength of merging: the paper's α, or tokens per block.")  # fmt: skip
        self.split = Number("Split", "", (0,), 0, whole=True, guard=guard, changed=taken_over(self.auto_split), **wide,
                            tooltip="Blocks on the device: 0 sends the picture, all of them nothing.")  # fmt: skip
        self.uplink = Number("Bandwidth", "Mbit/s", round_steps(0.1, 1000), question.uplink_mbps, **ask,
                             tooltip="Steady goodput of the uplink, in decimal megabits.")  # fmt: skip
        self.rtt = Number("Round trip", "ms", ROUND_TRIPS, question.rtt_ms, **ask,
                          tooltip="Network round trip time.")  # fmt: skip
        self.slo = Number("SLO", "ms", SLOS, question.slo_ms, **ask,
                          tooltip="Latency target for one frame.")  # fmt: skip

        def other_codec() -> None:
            with self.figures_first():
                self.fit(self._bench)
                asked()

        self.codec = Codecs("Tokens as", named(tuple(CODECS)), question.codec, guard=guard, changed=other_codec,
                            tooltip="What the tokens travel as when the model is cut; of the transform, larger steps "
                            "are coarser.")  # fmt: skip
        self.encoding = Offered("Picture as", named(ENCODINGS), question.encoding, **ask,
                                tooltip="What the picture travels as at split 0.")  # fmt: skip
        self.over = Choice("Plot over", [("level", "level"), ("modelled latency", "latency")], "level", **ask,
                           tooltip="What accuracy is drawn over.")  # fmt: skip
        self.images = Number("Images", "", COUNTS, IMAGES, whole=True, bounds=(1, 1_000_000), guard=guard,
                             changed=live_changed, tooltip="How many images an accuracy is measured on.")  # fmt: skip
        self.live = Tick("follow the controls", True, guard=guard, changed=live_changed,
                         tooltip="Measure accuracy behind every change.")  # fmt: skip
        usual = USUAL
        # All of them but those that depend on the model. What is added to the screen is added here.
        self.settings = {
            "family": Setting(self.family, usual.family),
            "uplink_mbps": Setting(self.uplink, usual.uplink_mbps),
            "rtt_ms": Setting(self.rtt, usual.rtt_ms),
            "slo_ms": Setting(self.slo, usual.slo_ms),
            "codec": Setting(self.codec, usual.codec),
            "encoding": Setting(self.encoding, usual.encoding),
            "plot_over": Setting(self.over, "level"),
            "n_images": Setting(self.images, IMAGES),
            "follow": Setting(self.live, True),
        }
        half = looks(ipywidgets.Button, width="auto", flex="1 1 0")
        self.evaluate = ipywidgets.Button(description="Evaluate", icon="play", **half,
                                          tooltip="Measure the accuracy of this plan now.")  # fmt: skip
        self.cancel = ipywidgets.Button(description="Cancel", icon="stop", **half, disabled=True,
                                        tooltip="Stop measuring; what was measured stays.")  # fmt: skip
        self.calibrate = ipywidgets.Button(description="Calibrate", icon="tachometer", **half,
                                           tooltip="Time this machine on this model, in a few seconds.")  # fmt: skip
        self.reset = ipywidgets.Button(description="Reset", icon="undo", **half,
                                       tooltip="Everything as it was at first.")  # fmt: skip
        self.status = ipywidgets.HTML(**looks(ipywidgets.HTML))
        self.status.add_class("janus-note")
        self.own_level = ipywidgets.HTML()
        self.own_level.add_class("janus-own")
        self._levels = ipywidgets.HBox([self.level, self.auto_level])
        row = partial(ipywidgets.HBox, **looks(ipywidgets.HBox))
        super().__init__(
            [
                group("Model and machines", self.model, self.device, self.cloud),
                group("Merging and cut", self.family, self._levels, self.own_level,
                      row([self.split, self.auto_split])),
                group("Network and target", self.uplink, self.rtt, self.slo),
                group("What travels", self.codec, self.encoding),
                group("Accuracy", self.over, self.images, self.live, row([self.evaluate, self.cancel]),
                      row([self.calibrate, self.reset])),
                self.status,
            ],
            layout={"width": WIDTH, "flex": f"0 0 {WIDTH}"},
        )  # fmt: skip
        self.add_class("janus-controls")

    def question(self) -> Question:
        """What the controls say.

        Raises:
            JanusError: If a number is out of range.
        """
        return Question(
            family=self.family.value,
            level=None if self.auto_level.value or self.searched else self.level.value,
            split=None if self.auto_split.value else self.split.value,
            uplink_mbps=self.uplink.value,
            rtt_ms=self.rtt.value,
            slo_ms=self.slo.value,
            codec=self.codec.value,
            encoding=self.encoding.value,
        )

    def put(self, values: Mapping[str, object], level: float | None, split: int | None) -> None:
        """Let the controls say this; a setting that is not among the values is at its default.

        Args:
            values: By their names in `settings`.
            level: None lets Janus choose.
            split: None lets Janus choose.
        """
        for name, (control, default) in self.settings.items():
            control.put(values.get(name, default))
        for tick, number, value in ((self.auto_level, self.level, level), (self.auto_split, self.split, split)):
            tick.put(value is None)
            if value is not None:
                number.put(value)

    @property
    def searched(self) -> bool:
        """Whether the schedule is a searched one, which has a level of its own."""
        return self.family.value not in FAMILIES.values()

    @contextmanager
    def figures_first(self) -> Iterator[None]:
        """Tell the page what the controls say later than what the figures show."""
        menus = (self.device, self.cloud, self.family, self.codec, self.encoding, self.over)
        ticks = (self.auto_level, self.auto_split, self.live)
        with self._later.told(*menus, *ticks) as then:
            for number in (self.level, self.split, self.uplink, self.rtt, self.slo, self.images):
                number.wait()
                then.callback(number.show)
            yield

    def offer(self, bench: Workbench) -> None:
        """What this model has: its searched schedules, and how its tokens and pictures may travel.

        What was chosen and this model has not gives way to what each has.
        """
        family, codec = self.family.value, self.codec.value
        names = finds(bench.schedules)
        # A state may name one that the menu has not.
        names += [family] if family in bench.schedules and family not in names else []
        self.family.offer([*FAMILIES.items(), *((f"{name} (searched)", name) for name in names)], USUAL.family)
        codecs = [*bench.codecs]
        codecs += [codec] if codec not in codecs and bench.sizes.get(codec) else []
        self.codec.offer(named(codecs), USUAL.codec)
        self.encoding.offer(named(bench.encodings), JPEG)

    def _keep_compute(self) -> None:
        """A level means something else in another schedule: there, the one that leaves about as much to compute."""
        family, before, level, geometry = self.family.value, self._fitted, self.level.value, self._bench.geometry
        if level and not self.searched and "none" not in (family, before):
            wanted = _computed(before, level, geometry)
            levels = levels_of(family, geometry)
            self.level.put(min(levels, key=lambda known: abs(_computed(family, known, geometry) - wanted)))

    def fit(self, bench: Workbench) -> None:
        """Give level and split the steps that this model, schedule and codec have, and take back what lies beyond."""
        self._bench = bench
        splits, split = bench.settings(self.question()).splits, self.split.value
        self.split.put(min(splits, key=lambda known: abs(known - split)), splits)
        self._levels.layout.display = "none" if self.searched else ""
        self.own_level.layout.display = "" if self.searched else "none"
        if self.searched:
            self.own_level.value = own_level(bench.schedules[self.family.value])
            return
        geometry = bench.geometry
        family, levels, level = self.family.value, levels_of(self.family.value, geometry), self.level.value
        self._fitted = family
        highest = MergeSchedule(family=family).max_level(geometry.depth, geometry.tokens, geometry.protected)
        if level > highest or (family == "constant" and level % 1):
            level = min(levels, key=lambda known: abs(known - level))
        self.level.put(level, levels)


def _computed(family: str, level: float, geometry: ModelGeometry) -> int:
    """How many times a block computes a token."""
    return geometry.plan(MergeSchedule(family=family, level=level)).token_blocks


USUAL = Question()


def own_level(one: SearchedSchedule) -> str:
    """What stands in the place of a level."""
    like = f" (like level {one.level:g})" if one.like else ""
    return f"<span>Level</span> its own{like}"
