"""The whole screen as one short line of text, and back: `janus1?model=…&slo_ms=14`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote_plus

from janus import demo
from janus.errors import JanusError
from janus.explorer.machines import THIS, Machines
from janus.explorer.owned import Benches
from janus.explorer.sources import HUB_MODELS, ModelSource
from janus.hub import DEFAULT_IMAGES, DEFAULT_REVISION
from janus.policy import policies_for
from janus.workbench import Question, Workbench

if TYPE_CHECKING:
    from janus.explorer.panel import Panel
    from janus.explorer.stage import Stage

Images = Path | str | None
# Another meaning of a field, or another default, is another version.
VERSION = "janus1"
AUTO = "auto"
CORE = ("model", "device", "cloud", "images", "seed", "data", "level", "split", "picture", "block")
# What stays readable in the text beside letters and digits.
PLAIN = "()/:,@"
LONGEST, SEEDS = 2000, 2**63


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a state asks for, checked and found.

    Attributes:
        source: The model.
        device, cloud: Labels of profiles; None for the usual one.
        cloud_here: Whether the cloud is this machine, which has yet to be timed.
        seed: Of random weights and drawn pictures; None leaves it.
        level, split: None lets Janus choose.
        values: Of the panel's settings.
        picture: Name of the picture; None for the model's first.
        block: Block whose merged tokens are shown; None for the last.
        data: Fingerprint of the data that the state was made with.
    """

    source: ModelSource
    device: str | None
    cloud: str | None
    cloud_here: bool
    seed: int | None
    level: float | None
    split: int | None
    values: dict[str, Any]
    picture: str | None
    block: int | None
    data: str | None


def text_of(value: object) -> str:
    """A value as it stands in a state."""
    if value is None:
        return AUTO
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


def join(fields: Mapping[str, object]) -> str:
    """Fields as a state."""
    return f"{VERSION}?" + "&".join(
        f"{quote_plus(name)}={quote_plus(text_of(value), PLAIN)}" for name, value in fields.items()
    )


def take_apart(text: str) -> dict[str, str]:
    """The fields of a state.

    Raises:
        JanusError: If it is no state, or one of another version.
    """
    version, _, query = text.strip().partition("?")
    if version != VERSION:
        shown = f"{text.strip()!r:.40} does not begin with {VERSION}?" if text.strip() else "the box is empty"
        raise JanusError(f"state: {shown}; paste a line that the box or Explorer.state has given.")
    if len(text) > LONGEST:
        raise JanusError(f"state: it has {len(text):,} characters, more than any that was given; paste one such line.")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict") if query else []
    except ValueError as why:
        raise JanusError(f"state: it is not a list of NAME=VALUE joined by & ({why}); paste the whole line.") from why
    for name, value in pairs:
        if sum(name == other for other, _ in pairs) > 1:
            raise JanusError(f"state: {name!r:.40} stands in it twice; leave one out.")
        if not value:
            raise JanusError(f"state: {name!r:.40} has no value; give one or leave it out.")
    return dict(pairs)


def write(
    panel: Panel, stage: Stage, *, source: ModelSource, labels: tuple[str, str], images: Images, seed: int, data: str
) -> str:
    """What restores the screen as it is.

    Args:
        panel: Its controls.
        stage: Its picture.
        source: Its model.
        labels: Of its device and cloud.
        images: That the model is shown.
        seed: Of random weights and drawn pictures.
        data: A `fingerprint`.
    """
    device, cloud = labels
    fields: dict[str, object] = {"model": source.name, "device": device, "cloud": cloud}
    if name := images_name(images):
        fields["images"] = name
    for name, (control, default) in panel.settings.items():
        value = getattr(control, "kept", control.value)
        if value != default:
            fields[name] = value
    for name, tick, number in (("level", panel.auto_level, panel.level), ("split", panel.auto_split, panel.split)):
        if not tick.value:
            fields[name] = number.value
    if stage.chosen:
        fields["picture"] = stage.wanted
    if stage.block.value != stage.block.max:
        fields["block"] = stage.block.value
    return join(fields | {"seed": seed, "data": data})


def read(
    text: str, panel: Panel, *, sources: Sequence[ModelSource], machines: Machines,
    benches: Benches, images_of: Callable[[ModelSource], Images],
) -> Target:  # fmt: skip
    """What a state asks for, where all of it can be had. Nothing on the screen changes.

    Args:
        text: The state.
        panel: The controls that it is for.
        sources: Models that can be chosen.
        machines: Profiles that can be chosen.
        benches: Workbenches of them.
        images_of: The images that a model is shown.

    Raises:
        JanusError: If anything in it is wrong, unknown or not here.
    """
    fields, settings = take_apart(text), panel.settings
    unknown = [name for name in fields if name not in settings and name not in CORE]
    if unknown:
        names = ", ".join((*CORE, *settings))
        raise JanusError(f"state: {unknown[0]!r:.40} is no setting of {VERSION}; there are {names}.")
    source = _source(fields.get("model"), sources)
    images = images_name(images_of(source))
    if fields.get("images", images) != images:
        raise JanusError(
            f"state: it was made with the images {fields['images']!r:.60}, and here are {images or 'none'}; give "
            "Explorer(images=…) those, or leave images out of the state."
        )
    values = {name: settings[name].control.read(text) for name, text in fields.items() if name in settings}
    known, usual = machines.of(source.name), machines.usual(source.name)
    labels: dict[str, str | None] = {}
    for role in ("device", "cloud"):
        label = labels[role] = fields.get(role)
        if label == THIS and THIS not in known:
            labels[role] = None  # not timed yet: the usual one stands in until it is
        elif label is not None and label not in known:
            raise JanusError(f"state: {role} {label!r:.60} is not here; there are {', '.join(known)}.")
    device, cloud = (known[labels[role] or label] for role, label in zip(("device", "cloud"), usual, strict=True))
    level = None if fields.get("level", AUTO) == AUTO else panel.level.read(fields["level"])
    split = None if fields.get("split", AUTO) == AUTO else panel.split.read(fields["split"])
    depth = device.geometry.depth
    seed, block = _whole(fields, "seed", SEEDS), _whole(fields, "block", depth)
    asked = {name: values.get(name, settings[name].default) for name in QUESTION}
    bench = benches.of(source, device, cloud)
    # A searched schedule has a level of its own; the one that is written is kept for when another is chosen.
    own = asked["family"] in bench.schedules
    bench.ask(Question(level=None if own else level, split=split, **asked))  # the trial: what does not fit is named
    if values.get("policy") not in (None, *policies_for(bench.rates)):
        raise JanusError(
            f"state: policy {values['policy']!r} chooses among measured rates, and none of {source.name} are stored; "
            "leave policy out of the state."
        )
    return Target(
        source=source, device=labels["device"], cloud=labels["cloud"],
        cloud_here=fields.get("cloud") == THIS and labels["cloud"] is None, seed=seed, level=level, split=split,
        values=values, picture=fields.get("picture"), block=block, data=fields.get("data"),
    )  # fmt: skip


QUESTION = ("family", "uplink_mbps", "rtt_ms", "slo_ms", "codec", "encoding")


def _source(name: str | None, sources: Sequence[ModelSource]) -> ModelSource:
    if name is None:
        return sources[0]
    for source in sources:
        if source.name == name:
            return source
    if name in HUB_MODELS:
        return ModelSource(name=name, weights="hub")
    offered = ", ".join(source.name for source in sources)
    raise JanusError(f"state: the model {name!r:.60} is not here; there are {offered}.")


def _whole(fields: dict[str, str], name: str, most: int) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise JanusError(f"state: {name} {text!r:.40} is not a whole number from 0 to {most}; give one.")
    return int(text)


def images_name(images: Images) -> str:
    """How a state calls a folder or a set of images: never by a path, which is of one machine only."""
    if images is None:
        return ""
    return Path(images).expanduser().resolve().name if Path(images).expanduser().is_dir() else str(images)


def fingerprint(bench: Workbench, images: Images) -> str:
    """Eight characters that change with profiles, stored accuracies, rates and schedules, or the images' revision."""
    revision = {demo.NAME: demo.SEED, DEFAULT_IMAGES: DEFAULT_REVISION}.get(str(images), "")
    known = [repr(bench.accuracy), *(repr(more) for more in (bench.rates, bench.schedules) if more)]
    parts = (repr(bench.device), repr(bench.cloud), *known, images_name(images), str(revision))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
