"""Profiles as JSON files: written whole, read with every field checked by name. Torch-free."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path

from janus.errors import JanusError
from janus.files import parse_json, write_text
from janus.geometry import ModelGeometry
from janus.profile.record import SCHEMA_VERSION, BatchSample, BlockSample, CodecSample, LatencyProfile

TABLES = {"blocks": BlockSample, "encode": CodecSample, "decode": CodecSample, "batches": BatchSample}
# No honest milliseconds, bytes or counts are beyond this (eleven days, a gigabyte); sums of them stay finite.
MOST = 1e9
# What a reader of the file wants to see, and what follows from the table: written, never read back.
REPORT = "fit"


def profile_text(profile: LatencyProfile) -> str:
    """The JSON of a profile; the same profile gives the same text, and reading and writing it again does too."""
    doc = _rounded({"schema_version": SCHEMA_VERSION, **asdict(profile)})
    if profile.codec == LatencyProfile.codec:
        del doc["codec"]  # an older Janus at the other end of a line refuses fields that it does not know
    # The report is of what a reader will get: of the rounded table.
    read = _parse(json.dumps(doc, allow_nan=False), profile.name)
    line = read.line
    report = {
        "used": read.fit_used,
        "line": {
            "slope_ms": line.slope_ms,
            "intercept_ms": line.intercept_ms,
            "r": line.r,
            "residuals_ms": line.residuals_ms,
            "worst_relative_error": line.worst_relative_error,
        },
        "noise": read.noise,
    }
    return json.dumps(doc | {REPORT: _rounded(report)}, indent=1, allow_nan=False) + "\n"


def save_profile(profile: LatencyProfile, path: Path | str) -> None:
    """Write a profile in one piece.

    Raises:
        JanusError: If the place cannot be written.
    """
    write_text(path, profile_text(profile))


def load_profile(path: Path | str, *, for_model: str | None = None) -> LatencyProfile:
    """Read a profile and check it.

    Args:
        for_model: Refuse a profile of another architecture than this.

    Raises:
        JanusError: If the file cannot be read, is no JSON, has an unknown schema version, or a field is missing,
            unknown, of the wrong type, negative or not finite; the sentence names file and field.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as why:
        raise JanusError(f"{path}: cannot be read ({why.strerror}); name an existing profile.") from why
    except UnicodeDecodeError as why:
        raise JanusError(f"{path}: is not UTF-8 text; measure the profile again with `janus profile`.") from why
    profile = parse_profile(text, str(path))
    return profile if for_model is None else profile.check_model(for_model)


def parse_profile(text: str, where: str) -> LatencyProfile:
    """A profile from its JSON; ``where`` names it in errors."""
    try:
        return _parse(text, where)
    except JanusError as why:
        said = str(why)
        if said.startswith(where):
            raise
        # A geometry does not know where it is read from.
        remedy = "" if "janus profile" in said else "; mend it or measure the profile again with `janus profile`."
        raise JanusError(f"{where}: {said.rstrip('.') if remedy else said}{remedy}") from why


def _parse(text: str, where: str) -> LatencyProfile:
    try:
        doc = parse_json(text)
    except ValueError as why:
        raise JanusError(f"{where}: is not JSON ({why}); measure the profile again with `janus profile`.") from why
    if not isinstance(doc, dict):
        raise JanusError(f"{where}: must hold one JSON object; measure the profile again with `janus profile`.")
    version = doc.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise JanusError(
            f"{where}: schema_version is {version!r}, this Janus reads {SCHEMA_VERSION}; measure the profile again "
            "with `janus profile`."
        )
    doc.pop(REPORT, None)
    for table, kind in TABLES.items():
        if table in doc:
            rows = _typed(doc[table], list, where, table)
            doc[table] = tuple(_record(kind, row, where, f"{table}[{at}]") for at, row in enumerate(rows))
    if "geometry" in doc:
        geometry = _typed(doc["geometry"], dict, where, "geometry")
        shape = geometry.get("input_shape")
        doc["geometry"] = _record(
            ModelGeometry,
            geometry | {"input_shape": tuple(shape) if isinstance(shape, list) else ()},
            where,
            "geometry",
        )
    if "assumptions" in doc:
        sentences = _typed(doc["assumptions"], list, where, "assumptions")
        doc["assumptions"] = tuple(_typed(one, str, where, f"assumptions[{at}]") for at, one in enumerate(sentences))
    return _record(LatencyProfile, doc, where, "")


def _record(kind: type, doc, where: str, at: str):
    """``doc`` as the dataclass ``kind``, each field checked against its annotation."""
    _typed(doc, dict, where, at)
    known = {f.name: f for f in fields(kind)}
    for name in doc:
        if name not in known:
            raise _refused(where, _joined(at, name), "is not a field of this version")
    for name, f in known.items():
        if name in doc:
            _check(doc[name], str(f.type), where, _joined(at, name))
        elif f.default is MISSING and f.default_factory is MISSING:
            raise _refused(where, _joined(at, name), "is missing")
    return kind(**doc)


def _check(value, annotation: str, where: str, at: str) -> None:
    if annotation in ("float", "int"):
        if isinstance(value, bool) or not isinstance(value, int if annotation == "int" else (int, float)):
            raise _refused(where, at, f"is {value!r} where a number ({annotation}) belongs")
        if not 0 <= value <= MOST:
            raise _refused(where, at, f"is {value!r:.20} but must be finite, 0 or more and at most {MOST:g}")
    elif annotation in ("str", "dict", "bool"):
        _typed(value, {"str": str, "dict": dict, "bool": bool}[annotation], where, at)


def _typed(value, kind: type, where: str, at: str):
    if not isinstance(value, kind):
        names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
        raise _refused(where, at or "the profile", f"is {value!r:.60} where {names[kind]} belongs")
    return value


def _joined(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _refused(where: str, at: str, what: str) -> JanusError:
    return JanusError(f"{where}: {at} {what}; mend it or measure the profile again with `janus profile`.")


def _rounded(value):
    """Seven decimals, a tenth of a nanosecond: more than any clock has, and the same on every machine."""
    if isinstance(value, float):
        # The sum turns -0.0 into 0.0.
        return round(value, 7) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
