"""What the tables say, in sentences whose numbers come from them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from janus.reproduce.claims import KEYS, PAPER, ratios_to, with_best
from janus.reproduce.replays import RIVALS
from janus.simulate import extremes

RIVAL_NAMES = {"device-only": "Device-Only", "cloud-only": "Cloud-Only", "mixed": "Mixed"}
ENCODING_WORDS = {"raw": "raw pixels", "png": "PNG", "jpeg85": "JPEG 85"}
AS_IT_IS = "as it is"
# Keys of a setting in words, and the unit of their values.
KEY_WORDS = {
    "device": ("device", ""),
    "codec": ("tokens as", ""),
    "scaled_to_mbps": ("mean uplink", " Mbit/s"),
    "trace": ("on", ""),
    "slo_ms": ("SLO", " ms"),
}


def latency_words(table: pd.DataFrame) -> list[str]:
    """One sentence for each machine: how well the paper's line fits."""
    lines = []
    for machine, rows in table.groupby("machine", sort=False):
        first, points = rows.iloc[0], int((rows["what"] == "point").sum())
        used = "the line" if first["fit_used"] == "line" else f"a {first['fit_used']}"
        lines.append(
            f"{machine}: r = {first['line_r']:.3f} over {points} points; the line misses one by "
            f"{first['line_worst_percent']:.0f} %, so predictions use {used}."
        )
    return lines


def payload_words(break_even: pd.DataFrame) -> list[str]:
    """Whether and where tokens are smaller than the picture."""
    encodings = [column for column in break_even if column not in ("level", "codec")]
    lines = []
    for level, rows in break_even.groupby("level", sort=False):
        parts = []
        for encoding in encodings:
            found = [f"{row.codec} from split {getattr(row, encoding)} on" for row in rows.itertuples()
                     if not pd.isna(getattr(row, encoding))]  # fmt: skip
            parts.append(f"than {ENCODING_WORDS[encoding]}: {', '.join(found) if found else 'nowhere'}")
        lines.append(f"{f'α = {level:g}' if level else 'No merging'}: tokens are smaller {'; '.join(parts)}.")
    return lines


def policy_words(table: pd.DataFrame) -> list[str]:
    """Janus against its rivals, best and worst case over the networks, for each encoding."""
    lines = []
    for encoding, part in table.groupby("encoding", sort=False):
        lines.append(f"Input as {ENCODING_WORDS[encoding]}, SLO {part['slo_ms'].iloc[0]:g} ms:")
        for policy in (name for name in ("janus", "janus-robust") if name in set(part["policy"])):
            for row in extremes(part, policy).itertuples():
                rival = RIVAL_NAMES[row.ratio.rpartition("_vs_")[2].replace("_", "-")]
                if row.ratio.startswith("throughput"):
                    text = f"{row.best:.2f}× the throughput of {rival} at best ({network(row.best_case)}), " \
                           f"{row.worst:.2f}× at worst ({network(row.worst_case)})"  # fmt: skip
                else:
                    text = f"{fewer(row.best, rival)} at best ({network(row.best_case)}), " \
                           f"{fewer(row.worst, rival)} at worst ({network(row.worst_case)})"  # fmt: skip
                lines.append(f"  {policy}: {text}.")
    return lines


def network(case: str) -> str:
    """The trace of a case of `janus.simulate.extremes`."""
    return case.split(",")[0]


def fewer(reduction: float, rival: str) -> str:
    """A relative reduction of late frames in words."""
    if reduction >= 0:
        return f"{100 * reduction:.1f} % fewer late frames than {rival}"
    return f"{1 - reduction:.1f} times as many late frames as {rival}"


def slo_words(table: pd.DataFrame) -> list[str]:
    """Where a looser SLO makes Janus late more often, and what Janus-robust pays where the SLO is loose."""
    lines = []
    for (trace, encoding), part in table.groupby(["trace", "encoding"], sort=False):
        where = f"{trace}, {ENCODING_WORDS[encoding]}"
        janus = part[part["policy"] == "janus"].sort_values("slo_ms")
        late, slos = janus["violation_percent"].tolist(), janus["slo_ms"].tolist()
        rises = [i for i in range(1, len(late)) if late[i] > late[i - 1] + 1]
        if rises:
            worst = max(rises, key=lambda i: late[i] - late[i - 1])
            lines.append(
                f"{where}: a looser SLO makes Janus late more often: {late[worst - 1]:.1f} % at {slos[worst - 1]:g} "
                f"ms, {late[worst]:.1f} % at {slos[worst]:g} ms."
            )
        last = part[part["slo_ms"] == max(slos)].set_index("policy")["throughput_fps"]
        if {"janus", "janus-robust"} <= set(last.index):
            lines.append(
                f"{where}: at {max(slos):g} ms Janus-robust answers {last['janus-robust']:.2f} frames a second, Janus "
                f"{last['janus']:.2f}."
            )
    return lines


def claim_words(sweep: pd.DataFrame) -> list[str]:
    """For each headline and encoding: whether it is reached, against whom, and in which settings only."""
    lines = []
    for (task, encoding), part in sweep.groupby(["task", "encoding"], sort=False):
        for claim, paper in PAPER.items():
            known = with_best(part, claim)
            name = f"{task}, input as {ENCODING_WORDS[encoding]}, {said(claim, paper)}"
            for rival in RIVALS:
                ratios = ratios_to(known, claim, rival)
                holds, best = known[ratios >= paper], ratios.max()
                lines.append(f"{name} against {RIVAL_NAMES[rival]}: {found(holds, known)}; at best {got(claim, best)}.")
            holds, best = known[known["strongest"] >= paper], known["strongest"].max()
            lines.append(f"{name} against all three at once: {found(holds, known)}; at best {got(claim, best)}.")
    return lines


def found(holds: pd.DataFrame, known: pd.DataFrame) -> str:
    """In how many settings, and what they have in common."""
    return f"in {len(holds) or 'none'} of {len(known)} settings{conditions(holds, known) if len(holds) else ''}"


def got(claim: str, ratio: float) -> str:
    """A ratio as a sentence has it."""
    if claim == "throughput":
        return f"{ratio:.2f}×"
    return f"{100 * ratio:.1f} % fewer" if ratio >= 0 else "more"


def said(claim: str, paper: float) -> str:
    """A headline as the paper says it."""
    return f"{paper:.2f}× the throughput" if claim == "throughput" else f"{100 * paper:.1f} % fewer late frames"


def conditions(holds: pd.DataFrame, known: pd.DataFrame) -> str:
    """What all settings that hold have in common, where it is not so in all that were tried."""
    parts = []
    for key in (key for key in KEYS if key in KEY_WORDS):
        tried, found = list(dict.fromkeys(known[key])), set(holds[key])
        if len(found) == len(tried):
            continue
        word, unit = KEY_WORDS[key]
        values = [spoken(key, value) for value in tried if value in found]
        parts.append(f"{word} {' or '.join(values)}{unit if values[-1] != AS_IT_IS else ''}")
    return f", all with {'; '.join(parts)}" if parts else ""


def spoken(key: str, value) -> str:
    """A value of a setting in words."""
    if key == "scaled_to_mbps":
        return f"{value:g}" if value else AS_IT_IS
    return f"{value:g}" if isinstance(value, float) else str(value)


def paper_table(claims: pd.DataFrame) -> pd.DataFrame:
    """`janus.reproduce.claim_table` as people read it: the paper says, this run gives."""

    def ratio(claim: str, value: float) -> str:
        if claim == "throughput":
            return f"{value:.2f}×"
        return "more" if value < 0 else f"−{100 * value:.1f} %"

    rows = []
    for row in claims.itertuples():
        rows.append(
            {
                "task": row.task,
                "headline": "throughput" if row.claim == "throughput" else "late frames",
                "input as": ENCODING_WORDS[row.encoding],
                "the paper says, up to": ratio(row.claim, row.paper),
                "this run gives, up to": ratio(row.claim, row.best),
                "against": RIVAL_NAMES[row.rival],
                "where": row.where,
                "Janus late there, %": f"{row.late_percent:.1f}",
                "its tokens kept, %": f"{row.kept_percent:.0f}",
                "settings that reach it, %": f"{row.holds_percent:.1f}",
                "up to, against all three": ratio(row.claim, row.best_vs_strongest),
                "settings that reach that, %": f"{row.holds_vs_strongest_percent:.1f}",
            }
        )
    return pd.DataFrame(rows)


def say(lines: Iterable[str]) -> None:
    """Print sentences, one a line."""
    print("\n".join(lines))
