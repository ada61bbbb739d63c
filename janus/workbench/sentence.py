"""One sentence that says what was chosen and why, in words and numbers. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from janus.accuracy import AccuracyTable
from janus.grid import CODECS, ms_per_byte
from janus.workbench.answer import ESTIMATED, Answer
from janus.workbench.question import JPEG, TRANSFORM
from janus.workbench.words import NBSP, kilobytes, mbps, ms, percent


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """What stands on top of the screen.

    Attributes:
        choice: What is done, and whether it meets the SLO.
        reason: Why this, and not something else.
        rivals: What the alternatives without merging would take.
        accuracy: What is known of the accuracy there, and from where.
    """

    choice: str
    reason: str
    rivals: str
    accuracy: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.choice, self.reason, self.rivals, self.accuracy) if part)


def explain(answer: Answer, accuracy: AccuracyTable | None = None, real: AccuracyTable | None = None) -> Sentence:
    """The answer in words.

    Args:
        answer: What to explain.
        accuracy: Stored accuracies of the model.
        real: Stored accuracies of a real model, where the model is the demo's.
    """
    return Sentence(
        choice=_choice(answer),
        reason=" ".join(filter(None, (_own(answer), _reason(answer) if answer.met else _lost(answer)))),
        rivals=_rivals(answer) if answer.met else "",
        accuracy=" ".join(filter(None, (_accuracy(answer, accuracy), _estimate(answer), _beside(answer, real)))),
    )


def _where(answer: Answer, k: int) -> str:
    """A split as words that follow "Janus would"."""
    depth, q = answer.depth, answer.question
    if k == 0:
        return f"send the picture as {spoken(q.encoding)} and run all {depth} blocks in the cloud"
    if k == depth:
        return f"run all {depth} blocks on the device"
    return f"cut after block {k} of {depth}"


def _at(answer: Answer, level: float) -> str:
    if level == 0 or answer.question.family == "none":
        return "without merging"
    if answer.searched:
        return f"with {answer.searched.name}"
    return f"at r = {level:g}" if answer.question.family == "constant" else f"at level {level:g}"


def _choice(answer: Answer) -> str:
    q = answer.question
    network = f"Under {mbps(q.uplink_mbps)} and {ms(q.rtt_ms)} RTT"
    plan = f"{_where(answer, answer.plan.split)} {_at(answer, answer.plan.level)}"
    all_fixed = _all_fixed(answer)
    apart, slo = ms(abs(q.slo_ms - answer.modelled_ms)), f"the SLO of {ms(q.slo_ms)}"
    if answer.met or all_fixed:
        who = "you" if all_fixed else "Janus would" if q.janus_chooses else f"with {_fixed(answer)}, Janus would"
        side = "under" if answer.met else "over"
        return f"{network}, {who} {plan}: modelled {ms(answer.modelled_ms)}, {apart} {side} {slo}."
    what = "no plan" if q.janus_chooses else f"with {_fixed(answer)}, no plan"
    return f"{network}, {what} meets {slo}. The least bad: {plan}, modelled {ms(answer.modelled_ms)}, {apart} too late."


def _all_fixed(answer: Answer) -> bool:
    """Whether nothing was left to Janus."""
    return answer.question.split is not None and (answer.question.level is not None or answer.searched is not None)


def _own(answer: Answer) -> str:
    """What a searched schedule is."""
    one = answer.searched
    if one is None:
        return ""
    text = f"{one.name} is a searched schedule for a cut after block {one.split}, with one level, its own"
    if one.like is None:
        return f"{text}."
    family, level = one.like
    paper = "the paper's" if family == "declining" else f"the {family} one"
    return f"{text}: no more tokens at that cut, and no more compute, than {paper} at level {level:g}."


def _fixed(answer: Answer) -> str:
    return "the level you chose" if answer.question.level is not None else "the split you chose"


def _reason(answer: Answer) -> str:
    """Why this level and this split, where Janus chose them."""
    q, levels = answer.question, answer.grid.levels
    if answer.searched:
        return "" if q.split is not None else "No split that Janus tries is faster."
    if q.level is not None:
        return "" if q.split is not None else "No split that Janus tries is faster at this level."
    if answer.plan.level == 0:
        return "No merging is needed, so none is done."
    before = levels.index(answer.plan.level) - 1
    over = float(answer.least_ms[before]) - q.slo_ms
    which = "the fastest split" if q.split is None else "this split"
    return f"It is the smallest level that meets the SLO: {_at(answer, levels[before])} {which} is {ms(over)} too slow."


def rival_ms(answer: Answer) -> dict[str, float]:
    """Modelled milliseconds of the plans without merging: on the device, in the cloud, and in the cloud from a JPEG."""
    q = answer.question
    unmerged = answer.grid.modelled_ms(q.uplink_mbps, q.rtt_ms)[0]
    jpeg = answer.jpeg.modelled_ms(q.uplink_mbps, q.rtt_ms)[0]
    return {"device-only": float(unmerged[-1]), q.encoding: float(unmerged[0]), JPEG: float(jpeg[0])}


def _rivals(answer: Answer) -> str:
    times = rival_ms(answer)
    parts = []
    if not (answer.plan.split == answer.depth and answer.plan.level == 0):
        parts.append(f"device-only {ms(times['device-only'])}")
    if answer.plan.split != 0 or answer.plan.level:
        parts.append(f"cloud-only {ms(times[answer.question.encoding])} as {spoken(answer.question.encoding)}")
    if answer.question.encoding != JPEG:
        better = " (less than this plan)" if times[JPEG] < answer.modelled_ms else ""
        parts.append(f"cloud-only {ms(times[JPEG])} as {spoken(JPEG)}{better}")
    return f"Unmerged, {_listed(parts)}." if parts else ""


def _lost(answer: Answer) -> str:
    """Why each alternative that was free to choose lost to the least bad plan."""
    q, depth = answer.question, answer.depth
    if _all_fixed(answer):
        return ""
    grid = answer.grid if q.level is None and answer.searched is None else answer.here
    times = grid.modelled_ms(q.uplink_mbps, q.rtt_ms)
    unmerged = answer.grid.modelled_ms(q.uplink_mbps, q.rtt_ms)[0, answer.grid.splits.index(answer.plan.split)]
    without = f"Without merging, this plan would take {ms(float(unmerged))}." if answer.plan.level else ""
    if q.split is not None:
        return " ".join(filter(None, (without, _left_free(answer))))
    jpeg_ms = float(answer.jpeg.modelled_ms(q.uplink_mbps, q.rtt_ms)[:, 0].min())
    parts = []
    if answer.plan.split != depth:
        level = int(times[:, -1].argmin())
        parts.append(f"device-only takes {ms(float(times[level, -1]))}{_even(answer, grid.levels[level])}")
    if answer.plan.split != 0:
        size = float(grid.payload_bytes[0, 0])
        parts.append(
            f"cloud-only takes {ms(float(times[:, 0].min()))}, {ms(size * ms_per_byte(q.uplink_mbps))} of it to send "
            f"{kilobytes(size)} as {spoken(q.encoding)}"
        )
    if q.encoding != JPEG and jpeg_ms > q.slo_ms:
        parts.append(f"as {spoken(JPEG)} it takes {ms(jpeg_ms)}")
    inner = [split for split in answer.candidates if 0 < split < depth]
    if inner and answer.plan.split not in inner:
        cuts = times[:, [grid.splits.index(split) for split in inner]]
        level, at = divmod(int(cuts.argmin()), len(inner))
        least = ms(float(cuts[level, at]))
        parts.append(f"the best cut, after block {inner[at]} {_at(answer, grid.levels[level])}, takes {least}")
    words = "; ".join(parts)
    sentences = [f"{words[0].upper()}{words[1:]}."] if words else []
    if q.encoding != JPEG and jpeg_ms <= q.slo_ms:
        sentences.append(f"As {spoken(JPEG)}, cloud-only would meet it in {ms(jpeg_ms)}.")
    return " ".join(filter(None, (*sentences, without, _left_free(answer))))


def _left_free(answer: Answer) -> str:
    """What Janus would do if a person had not chosen the level or the split, where that meets the SLO."""
    q, grid = answer.question, answer.grid
    if q.janus_chooses:
        return ""
    tried = [grid.splits.index(split) for split in answer.candidates]
    times = grid.modelled_ms(q.uplink_mbps, q.rtt_ms)[:, tried]
    meets = times.min(axis=1) <= q.slo_ms
    if not meets.any():
        return ""
    level = int(meets.argmax())
    at = int(times[level].argmin())
    plan = f"{_where(answer, answer.candidates[at])} {_at(answer, grid.levels[level])}"
    return f"Left to choose by itself, Janus would {plan}: modelled {ms(float(times[level, at]))}."


def _even(answer: Answer, level: float) -> str:
    free = answer.question.level is None and answer.searched is None
    return f"{' even' if free else ''} {_at(answer, level)}" if level else ""


def _accuracy(answer: Answer, stored: AccuracyTable | None) -> str:
    rates = answer.here.rates
    if rates is not None and answer.plan.split < answer.depth:
        carrier = answer.travels_as
        sent = rates.row(answer.merging_name, answer.plan.level, answer.plan.split, carrier)
        if sent is not None:
            low, high = percent(sent.low).removesuffix(f"{NBSP}%"), percent(sent.high)
            as_what = f" as {spoken(carrier)}" if answer.plan.split else ""
            return (
                f"Accuracy of exactly this plan {percent(sent.top1)} ({low} to {high}) with "
                f"{kilobytes(sent.bytes_mean)} sent{as_what} (stored, {rates.n}{NBSP}images; "
                f"{percent(rates.unmerged[0])} with nothing merged or lost)."
            )
    if stored is None:
        return "Accuracy: none is stored for this model."
    family, level = answer.question.family, answer.plan.level
    row = stored.row(family, level)
    if row is None:
        known = [one for one in stored.rows if one.schedule == family or one.level == 0]
        last = max(known, key=lambda one: one.level, default=None)
        label = f" ({stored.label})" if stored.label else ""
        strongest = f"; {_at(answer, last.level)} it is {percent(last.top1)}{label}" if last else ""
        what = "this schedule" if answer.searched else "so strong a level"
        return f"Accuracy: none is stored for {what}{strongest}."
    where = "there" if abs(row.level - level) < 1e-9 else f"at least that {_at(answer, row.level)},"
    if answer.travels_as.startswith(TRANSFORM):
        where = f"{where.removesuffix(',')}, uncut,"
    label = f"{stored.label}; " if stored.label else ""
    text = f"Accuracy {where} {percent(row.top1)} ({label}stored, {row.n}{NBSP}images"
    unmerged = stored.row(family, 0.0)
    if unmerged is not None and level > 0:
        text += f"; {percent(unmerged.top1)} unmerged"
    return text + ")."


def _estimate(answer: Answer) -> str:
    """What is not known of a plan whose tokens were not measured in their codec."""
    carrier = answer.travels_as
    if answer.bytes_are(answer.plan.split, carrier) != ESTIMATED:
        return ""
    size, rates = kilobytes(answer.payload_bytes), answer.here.rates
    text = f"Its {size} as {spoken(carrier)} are estimated from the codebook, and what that loses was not measured"
    near = [] if rates is None else [
        row for row in rates.at(answer.plan.split)
        if row.carrier == carrier and row.merging[0] == answer.question.family
    ]  # fmt: skip
    if not near:
        return f"{text}."
    close = min(near, key=lambda row: abs(row.level - answer.plan.level))
    return (
        f"{text} here; measured at this cut {_at(answer, close.level)}: {percent(close.top1)} with "
        f"{kilobytes(close.bytes_mean)} sent."
    )


def _beside(answer: Answer, real: AccuracyTable | None) -> str:
    """What a real model of the same architecture keeps on real images."""
    row = real.row(answer.question.family, answer.plan.level) if real else None
    if row is None:
        return ""
    level = "" if abs(row.level - answer.plan.level) < 1e-9 else f", {_at(answer, row.level)}"
    return f"A real model on real images{level}: {percent(row.top1)} (stored, {row.n}{NBSP}images)."


def spoken(encoding: str) -> str:
    """An encoding or a codec as prose has it: jpeg85 is JPEG 85."""
    if encoding in ("raw", *CODECS):
        return "raw pixels" if encoding == "raw" else encoding
    if encoding.startswith(TRANSFORM):
        return f"{TRANSFORM}{NBSP}{encoding.removeprefix(TRANSFORM) or 1}"
    name = encoding.rstrip("0123456789")
    quality = encoding[len(name) :]
    return f"{name.upper()}{NBSP}{quality}" if quality else name.upper()


def _listed(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
