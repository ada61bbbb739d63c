"""Bytes against accuracy, as they were measured and stored: tokens in every codec, and pictures. Torch-free."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from janus.equal import picture_bytes
from janus.errors import JanusError
from janus.files import data_folder
from janus.rates import PICTURE, TOKENS, find_rates
from janus.units import BYTES_PER_KB

CODEC = "measured-codec"
TRANSFORM = "transform"
PICTURES = {"jpeg": "picture as JPEG", "webp": "picture as WebP", "avif": "picture as AVIF"}
EARLY, LATE, PLAIN = "tokens, transform, split ≤ 8", "tokens, transform, split 10 or 11", "tokens, plain or LZW"
FAMILIES = (*PICTURES.values(), PLAIN, EARLY, LATE)
# Points lost at most, and the last split that counts as early.
MOST_LOSS, EARLY_SPLIT = 1.0, 8


def stored_document(name: str, by: str) -> dict:
    """A JSON document of ``data/results``.

    Args:
        name: Of the file, without its ending.
        by: The command that makes it.

    Raises:
        JanusError: If it is not there, or not such a document.
    """
    path = data_folder("results") / f"{name}.json"
    try:
        doc = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(doc["results"], list) or not isinstance(doc["provenance"], dict):
            raise ValueError("results and provenance are not what they should be")
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise JanusError(f"{path}: is not what `{by} --out` writes; make it again.") from why
    return doc


def about(doc: dict) -> str:
    """Where a stored document comes from, in a sentence."""
    facts = doc["provenance"]
    commands = facts.get("commands") or [facts.get("command", "python")]
    return (
        f"stored, measured: {len(doc['results'])} rows from {' and '.join(f'`{one}`' for one in commands)} on "
        f"{facts['date']}, {facts['hardware']['processor']}, {facts['hardware']['cores']} cores"
    )


def codec_table() -> pd.DataFrame:
    """Every way to send that `janus bench codec` measured.

    Returns:
        ``model``, ``kind`` (picture or tokens), ``codec``, ``quality``, ``merging`` in words, ``split``,
        ``payload_kb`` (mean on the wire, headers and all), ``top1_percent``, ``below`` and ``above`` (arms of the 95 %
        interval), ``points`` against unmerged fp32 with ``points_low`` and ``points_high`` (paired), ``n``. ``attrs``:
        ``about``; ``unmerged``, top-1 in percent by model; ``verdicts``, what the bench said of the claims.
    """
    doc = stored_document(CODEC, "janus bench codec")
    rows = [
        {
            "model": row["model"],
            "kind": row["kind"],
            "codec": row["codec"],
            "quality": row["quality"],
            "merging": merging_words(row["schedule"], row["level"]),
            "split": row["split"],
            "payload_kb": round(row["bytes_mean"] / BYTES_PER_KB, 4),
            "top1_percent": row["top1"],
            "below": round(row["top1"] - row["low"], 3),
            "above": round(row["high"] - row["top1"], 3),
            "points": row["paired"]["difference"],
            "points_low": row["paired"]["ci95"][0],
            "points_high": row["paired"]["ci95"][1],
            "n": row["n"],
        }
        for row in doc["results"]
    ]
    table = pd.DataFrame(rows)
    table.attrs |= {
        "about": about(doc),
        "unmerged": {row["model"]: row["unmerged"]["top1"] for row in doc["results"]},
        "verdicts": doc["provenance"]["verdicts"],
    }
    return table


def merging_words(schedule: str, level: float) -> str:
    """A schedule in a few characters: ``r 8``, ``α 0.4``, or a searched one's name."""
    signs = {"none": "unmerged", "constant": f"r {level:g}", "declining": f"α {level:g}"}
    return signs.get(schedule, schedule)


def plain_table(table: pd.DataFrame, split: int) -> pd.DataFrame:
    """Tokens at one split in the codecs that were there before, and pictures of the usual qualities.

    Args:
        table: From `codec_table`.
        split: Blocks on the device.

    Returns:
        ``sent``, then ``payload_kb`` and ``top1_percent`` for each model under its name, the largest first.
    """
    plain = table[(table["kind"] == TOKENS) & (table["codec"] != TRANSFORM) & (table["split"] == split)]
    pictures = table[(table["kind"] == PICTURE) & table["quality"].isin([85, 95]) & (table["codec"] == "jpeg")]
    both = pd.concat([plain, pictures])
    sent = [
        f"picture as {row.codec} {row.quality:g}" if row.kind == PICTURE else f"tokens, {row.merging}, as {row.codec}"
        for row in both.itertuples()
    ]
    short = both.assign(sent=sent, model=both["model"].str.partition(".")[0])
    wide = short.pivot_table(index="sent", columns="model", values=["payload_kb", "top1_percent"], sort=False)
    wide.columns = [f"{model} {value}" for value, model in wide.columns]
    return wide.sort_values(wide.columns[0], ascending=False).reset_index()


def front_table(table: pd.DataFrame) -> pd.DataFrame:
    """Every way with its family, and whether it stands on the front of that family.

    Args:
        table: From `codec_table`.

    Returns:
        Its columns, ``family`` in words (`FAMILIES`), and ``front``: no other of the family and model is as small and
        as accurate.
    """
    early = np.where(table["split"] <= EARLY_SPLIT, EARLY, LATE)
    tokens = np.where(table["codec"] == TRANSFORM, early, PLAIN)
    found = table.assign(family=np.where(table["kind"] == PICTURE, table["codec"].map(PICTURES), tokens), front=False)
    for _, rows in found.groupby(["model", "family"], sort=False):
        best = -np.inf
        for row in rows.sort_values(["payload_kb", "top1_percent"], ascending=[True, False]).itertuples():
            if row.top1_percent > best:
                best = row.top1_percent
                found.loc[row.Index, "front"] = True
    return found


def equal_table(table: pd.DataFrame) -> pd.DataFrame:
    """Ways to send tokens in the transform that lose little, beside the picture of equal accuracy.

    Args:
        table: From `codec_table`.

    Returns:
        Its columns of all such ways that lose at most a point, ``picture_kb`` (what the best picture needs for that
        accuracy, as `janus.equal.picture_bytes` reckons) and ``ratio``, the smallest first.
    """
    parts = []
    for model, rows in table.groupby("model", sort=False):
        pictures = rows.loc[rows["kind"] == PICTURE, ["payload_kb", "top1_percent"]].to_numpy()
        tokens = rows[rows["codec"] == TRANSFORM]
        close = tokens[table.attrs["unmerged"][model] - tokens["top1_percent"] <= MOST_LOSS + 1e-9]
        needed = np.array([picture_bytes(top1, pictures) for top1 in close["top1_percent"]])
        found = close.assign(picture_kb=needed.round(4), ratio=(close["payload_kb"] / needed).round(4))
        parts.append(found.sort_values("ratio"))
    return pd.concat(parts, ignore_index=True)


def early_table(table: pd.DataFrame, model: str, splits: tuple[int, ...]) -> pd.DataFrame:
    """Ways that lose at most a point at early splits, of searched schedules too if they do, from the rate table.

    Args:
        table: From `codec_table`, for the pictures that they are held against.
        model: Full tag.
        splits: Which.

    Returns:
        ``merging``, ``split``, ``step``, ``payload_kb``, ``top1_percent``, ``points`` less the unmerged model's,
        ``picture_kb`` and ``ratio`` as in `equal_table`; the smallest ratio first.

    Raises:
        JanusError: If no rates of the model are stored.
    """
    rates = find_rates("stored", model)
    pictures = table.loc[(table["model"] == model) & (table["kind"] == PICTURE), ["payload_kb", "top1_percent"]]
    rows = []
    for row in rates.rows:
        points = row.top1 - rates.unmerged[0]
        if row.codec == TRANSFORM and row.split in splits and points >= -MOST_LOSS - 1e-9:
            size, needed = row.bytes_mean / BYTES_PER_KB, picture_bytes(row.top1, pictures.to_numpy())
            rows.append(
                {
                    "merging": merging_words(row.schedule, row.level),
                    "split": row.split,
                    "step": row.quality,
                    "payload_kb": round(size, 4),
                    "top1_percent": row.top1,
                    "points": round(points, 3),
                    "picture_kb": round(needed, 4),
                    "ratio": round(size / needed, 4),
                }
            )
    return pd.DataFrame(rows).sort_values("ratio").reset_index(drop=True)


def claim_table(table: pd.DataFrame) -> pd.DataFrame:
    """What was asked of the codec, and whether it holds, with the best way's ratio and its interval.

    It holds surely if the whole interval does.

    The last columns say how little hangs on having taken the best of many: how many of the ways that lose at most a
    point keep to the share, and the largest ratio among them all.

    Args:
        table: From `codec_table`.
    """
    close = equal_table(table)
    rows = []
    for verdict in table.attrs["verdicts"]:
        row, model, last, most = verdict.get("row"), verdict["model"], verdict["last_split"], verdict["most"]
        tried = table[(table["model"] == model) & (table["codec"] == TRANSFORM) & (table["split"] <= last)]
        fit = close[(close["model"] == model) & (close["split"] <= last)]
        rows.append(
            {
                "model": model.partition(".")[0],
                "asked": f"≤ {most} up to split {last}",
                "holds": _held(verdict),
                "share": f"{verdict['ratio']:.2f} [{verdict['ci95'][0]:.2f}, {verdict['ci95'][1]:.2f}]" if row else "–",
                "best way": f"{merging_words(row['schedule'], row['level'])}, split {row['split']}, step "
                f"{row['quality']:g}: {row['bytes_mean']:.0f} B" if row else "–",
                "ways": len(tried),
                "lose ≤ 1 point": len(fit),
                "of them keep to it": int((fit["ratio"] <= most).sum()),
                "largest share": round(float(fit["ratio"].max()), 2) if len(fit) else np.nan,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _held(verdict: dict) -> str:
    if not verdict["holds"]:
        return "no"
    return "yes" if verdict["ci95"][1] <= verdict["most"] else "yes, not surely"
