"""The controls, on the left of the screen: what they are, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import ipywidgets

from janus.explorer.controls import Choice, Number, Offered, Tick, group, round_steps
from janus.geometry import ModelGeometry
from janus.grid import CODECS, ENCODINGS
from janus.schedule import MergeSchedule
from janus.workbench import JPEG, Question, levels_of
from janus.workbench.sentence import spoken

FAMILIES = {
    "declining (the paper's)": "declining",
    "constant (ToMe's r)": "constant",
    "linear": "linear",
    "none": "none",
}
WIDTH = "304px"
IMAGES = 200
ROUND_TRIPS = [*range(20), *range(20, 100, 5), *range(100, 301, 20)]
SLOS = sorted({*round_steps(1, 2000), *range(10, 40), *range(40, 100, 5)})
COUNTS = [16, 32, 64, 100, 150, 200, 300, 400, 500, 650, 800, 1000, 2000, 5000]


def named(encodings: Sequence[str]) -> list[tuple[str, str]]:
    """Encodings as a menu has them."""
    return [(spoken(name), name) for name in encodings]


class Setting(NamedTuple):
    """A control that a state restores, and what it says where a state is silent: the same for ever in one version."""

    control: Any  # with `value`, `put` and `read`
    default: object


class Panel(ipywidgets.VBox):
    """All controls in one column.

    Args:
        question: What they say at first.
        guard: Wraps handlers, so that their errors are shown.
        asked: Called when the question has changed.
        machines_changed: Called when the model or a profile was chosen.
        live_changed: Called when the run of images was changed.
    """

    def __init__(self, question: Question, *, guard: Callable, asked: Callable, machines_changed: Callable,
                 live_changed: Callable):  # fmt: skip
        chosen = {"guard": guard, "changed": machines_changed}
        ask = {"guard": guard, "changed": asked}
        self.model = Choice("Model", (), None, tooltip="Which Vision Transformer, and where its weights come from.",
                            **chosen)  # fmt: skip
        self.device = Choice("Device", (), None, tooltip="Whose block times stand for the device.", **chosen)
        self.cloud = Choice("Cloud", (), None, tooltip="Whose block times stand for the cloud.", **chosen)

        def other_family() -> None:
            self.fit(self._geometry)
            asked()

        self.family = Choice("Schedule", list(FAMILIES.items()), question.family, guard=guard, changed=other_family,
                             tooltip="How merging is spread over the blocks.")  # fmt: skip
        self.auto_level = Tick("auto", True, tooltip="Let Janus choose the level.", **ask)
        self.auto_split = Tick("auto", True, tooltip="Let Janus choose the split.", **ask)

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

        self.level = Number("Level", "", (0.0,), 0.0, guard=guard, changed=taken_over(self.auto_level),
                            tooltip="Strength of merging: the paper's α, or tokens per block.")  # fmt: skip
        self.split = Number("Split", "", (0,), 0, whole=True, guard=guard, changed=taken_over(self.auto_split),
                            tooltip="Blocks on the device: 0 sends the picture, all of them nothing.")  # fmt: skip
        self.uplink = Number("Bandwidth", "Mbit/s", round_steps(0.1, 1000), question.uplink_mbps, **ask,
                             tooltip="Steady goodput of the uplink, in decimal megabits.")  # fmt: skip
        self.rtt = Number("Round trip", "ms", ROUND_TRIPS, question.rtt_ms, **ask,
                          tooltip="Network round trip time.")  # fmt: skip
        self.slo = Number("SLO", "ms", SLOS, question.slo_ms, **ask,
                          tooltip="Latency target for one frame.")  # fmt: skip
        self.codec = Choice("Tokens as", list(CODECS), question.codec, **ask,
                            tooltip="What the tokens travel as when the model is cut.")  # fmt: skip
        self.encoding = Offered("Picture as", named(ENCODINGS), question.encoding, **ask,
                                tooltip="What the picture travels as at split 0.")  # fmt: skip
        self.over = Choice("Plot over", [("level", "level"), ("modelled latency", "latency")], "level", **ask,
                           tooltip="What accuracy is drawn over.")  # fmt: skip
        self.images = Number("Images", "", COUNTS, IMAGES, whole=True, bounds=(1, 1_000_000), guard=guard,
                             changed=live_changed, tooltip="How many images an accuracy is measured on.")  # fmt: skip
        self.live = Tick("follow the controls", True, guard=guard, changed=live_changed,
                         tooltip="Measure accuracy behind every change.")  # fmt: skip
        usual = Question()
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
        half = {"layout": {"width": "auto", "flex": "1 1 0"}}
        self.evaluate = ipywidgets.Button(description="Evaluate", icon="play", **half,
                                          tooltip="Measure the accuracy of this plan now.")  # fmt: skip
        self.cancel = ipywidgets.Button(description="Cancel", icon="stop", **half, disabled=True,
                                        tooltip="Stop measuring; what was measured stays.")  # fmt: skip
        self.calibrate = ipywidgets.Button(description="Calibrate", icon="tachometer", **half,
                                           tooltip="Time this machine on this model, in a few seconds.")  # fmt: skip
        self.reset = ipywidgets.Button(description="Reset", icon="undo", **half,
                                       tooltip="Everything as it was at first.")  # fmt: skip
        self.status = ipywidgets.HTML()
        self.status.add_class("janus-note")
        for tick in (self.auto_level, self.auto_split):
            tick.layout = {"width": "54px", "flex": "0 0 auto"}
        super().__init__(
            [
                group("Model and machines", self.model, self.device, self.cloud),
                group("Merging and cut", self.family, ipywidgets.HBox([self.level, self.auto_level]),
                      ipywidgets.HBox([self.split, self.auto_split])),
                group("Network and target", self.uplink, self.rtt, self.slo),
                group("What travels", self.codec, self.encoding),
                group("Accuracy", self.over, self.images, self.live, ipywidgets.HBox([self.evaluate, self.cancel]),
                      ipywidgets.HBox([self.calibrate, self.reset])),
                self.status,
            ],
            layout={"width": WIDTH, "flex": f"0 0 {WIDTH}"},
        )  # fmt: skip
        self.add_class("janus-controls")
        for row in (self.level, self.split):
            row.layout = {"flex": "1 1 auto", "min_width": "0"}

    def question(self) -> Question:
        """What the controls say.

        Raises:
            JanusError: If a number is out of range.
        """
        return Question(
            family=self.family.value,
            level=None if self.auto_level.value else self.level.value,
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

    def offer(self, encodings: Sequence[str]) -> None:
        """How the picture of this model may travel."""
        self.encoding.offer(named(encodings), JPEG)

    def fit(self, geometry: ModelGeometry) -> None:
        """Give level and split the steps that this model and schedule have, and take back what lies beyond."""
        self._geometry = geometry
        family, levels, level = self.family.value, levels_of(self.family.value, geometry), self.level.value
        highest = MergeSchedule(family=family).max_level(geometry.depth, geometry.tokens, geometry.protected)
        if level > highest or (family == "constant" and level % 1):
            level = min(levels, key=lambda known: abs(known - level))
        self.level.put(level, levels)
        self.split.put(min(self.split.value, geometry.depth), range(geometry.depth + 1))
