"""The words on the screen, as HTML: the sentence on top, what is going on, and what is modelled and what measured."""

from __future__ import annotations

import html

from janus.accuracy import AccuracyTable
from janus.explorer.sources import ModelSource
from janus.profile import LatencyProfile
from janus.workbench import Sentence
from janus.workbench.question import TRANSFORM
from janus.workbench.words import NBSP, kilobytes, percent

REMEDY = (
    "Set JANUS_SHARED to a folder of weights and images, or give Explorer(model=…, weights=FILE, images=FOLDER); with "
    "a network the menu offers a model from the hub."
)


def sentence_html(sentence: Sentence, *, met: bool, live: str) -> str:
    """The sentence, its choice in bold, and what live accuracy has to add."""
    rest = " ".join(html.escape(part) for part in (sentence.reason, sentence.rivals, sentence.accuracy) if part)
    tail = f" {live}" if live else ""
    return (
        f'<div class="{"met" if met else "unmet"}" role="status" aria-live="polite">'
        f"<b>{html.escape(sentence.choice)}</b> {rest}{tail}</div>"
    )


def live_html(row: dict | None, *, wanted: int, running: bool, stale: bool, label: str = "") -> str:
    """What live accuracy says of the plan; grey while it is still that of an earlier one.

    Args:
        row: What is known of it, if anything is.
        wanted: Images that it is measured on.
        running: Whether more are on their way.
        stale: Whether it is of another plan.
        label: What has to stand beside the model's numbers.
    """
    if row is None:
        return '<span class="stale">Live: waiting for the first images.</span>' if running else ""
    low, high = row["ci95"]
    of = f" of {wanted}" if running and not stale else ""
    own = f", {label}" if label else ""
    # Bytes that a codec's layout does not tell are measured on the way.
    sent = f", {kilobytes(row['payload_bytes'])} sent" if (row.get("codec") or "").startswith(TRANSFORM) else ""
    text = (
        f"Live{own}: {percent(row['top1'])} ({percent(low)} to {percent(high)}) on {row['n']}{of} images{sent}"
        f"{', of the plan before' if stale else ''}."
    )
    return f'<span class="stale">{text}</span>' if stale else f"<span>{text}</span>"


def busy_html(doing: str) -> str:
    """What is going on behind the screen."""
    return f'<span class="janus-busy" aria-hidden="true"></span>{html.escape(doing)} …' if doing else ""


def note_html(
    source: ModelSource, device: LatencyProfile, cloud: LatencyProfile, stored: AccuracyTable | None,
    images: str | None, real: AccuracyTable | None = None, *, pair: str = "", idle: str = "",
) -> str:  # fmt: skip
    """One line on where every number comes from; ``pair`` says it of what two processes measured.

    ``images`` is empty if there are none, and None as long as that is not known; ``idle`` are images that somebody gave
    and that this model is not shown.
    """
    parts = [f"<b>Modelled:</b> all latencies, from {_machine(device)} as device and {_machine(cloud)} as cloud."]
    if pair:
        word, colon, rest = pair.partition(":")
        parts.append(f"<b>{html.escape(word + colon)}</b>{html.escape(rest)}")
    known = [html.escape(table.model) for table in (stored, real) if table is not None]
    if known:
        parts.append(f"<b>Stored:</b> accuracy of {' and '.join(known)}, from <code>data/accuracy</code>.")
    if source.label:
        parts.append(f"<b>Demo:</b> its accuracies are those of the {html.escape(source.label)}.")
    if source.weights == "none":
        parts.append("No weights are loaded for this model: no live accuracy, no merged tokens.")
    elif not source.trained:
        parts.append(f"<b>Random weights: no live accuracy</b>, and merged tokens mean little. {html.escape(REMEDY)}")
    elif images:
        own = "procedural images" if source.label else html.escape(images)
        parts.append(f"<b>Measured:</b> live accuracy of {html.escape(source.name)} on {own}.")
    elif images is not None:
        parts.append("No labelled images: no live accuracy. Give Explorer(images=FOLDER).")
    if idle:
        parts.append(f"{html.escape(idle)} waits for another model: this one is not shown it.")
    return " ".join(parts)


def _machine(profile: LatencyProfile) -> str:
    how = {
        "derived": "derived from published figures", "measured": f"measured {profile.date}", "demo": "a demo",
    }[profile.kind]  # fmt: skip
    busy = ", while it was busy" if profile.busy else ""
    return f"{html.escape(profile.name)} ({how}{busy})".replace(" (", f"{NBSP}(")
