"""From what a user types to traces: a shipped name, a file, a folder, one of many, or a published set. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from janus.errors import JanusError
from janus.files import data_folder
from janus.network.catalogue import PUBLIC_SETS
from janus.network.folders import read_traces
from janus.network.generator import generate_trace, generator_models
from janus.network.readers import read_trace
from janus.network.trace import Trace

SHIPPED_PREFIX = "generated-"
# As long as those that are shipped.
FRESH_S = 300.0
SEED_DIGITS = 18


def shipped_names() -> list[str]:
    """Names of the traces in ``data/traces``."""
    return sorted(file.stem for file in data_folder("traces").glob("*.csv"))


def load_traces(specs: str | Sequence[str], *, traces_root: Path | str | None = None) -> list[Trace]:
    """All traces that some specifications name, in their order, each under a name of its own.

    A specification is one of
      - a shipped name, with or without ``generated-``: ``5g-driving``, ``tunnel``;
      - a class and a seed, for a fresh one of five minutes: ``5g-driving@7``;
      - a file, or a folder (its uplinks): ``../traces/bus.csv``, ``../traces/nuwins_5gmemu_uplink``;
      - one trace of a folder, or one run of a file: ``../traces/nuwins_5gmemu_uplink:5g-driving``;
      - a published set under the traces root, or one trace of it: ``nuwins``, ``nuwins:driving/5g``, ``zhuge:xu5g``;
      - several of these with commas between them.

    Args:
        specs: One or more specifications.
        traces_root: Folder of the published sets; None is ``traces`` in the folder that $JANUS_SHARED names.

    Raises:
        JanusError: If one names nothing.
    """
    specs = [specs] if isinstance(specs, str) else [str(spec) for spec in specs]
    single = [part for spec in specs for part in split_list(spec)]
    if not single:
        raise JanusError("no trace is named: give a shipped name, a file or a folder.")
    found: dict[str, Trace] = {}
    for trace in (trace for spec in single for trace in find_traces(spec, traces_root)):
        name, count = trace.name, 1
        while name in found:
            count += 1
            name = f"{trace.name}#{count}"
        found[name] = trace if name == trace.name else replace(trace, name=name)
    return list(found.values())


def split_list(spec: str) -> list[str]:
    """The parts of a comma list; commas within the name of what exists belong to it."""
    parts, found = spec.split(","), []
    while parts:
        whole = (",".join(parts[:count]).strip() for count in range(len(parts), 1, -1))
        one = next((name for name in whole if is_there(name)), parts[0].strip())
        del parts[: one.count(",") + 1]
        found += [one] if one else []
    return found


def is_there(spec: str) -> bool:
    """Whether a specification is a file or a folder, or one trace of such."""
    return os.path.exists(spec) or os.path.exists(spec.rpartition(":")[0])


def find_trace(spec: Path | str, *, traces_root: Path | str | None = None) -> Trace:
    """The one trace that a specification names; see `load_traces`.

    Raises:
        JanusError: If it names none or several.
    """
    found = find_traces(str(spec), traces_root)
    if len(found) > 1:
        names = ", ".join(trace.name for trace in found)
        raise JanusError(f"{spec} holds {len(found)} traces: name one as {spec}:NAME with NAME one of {names}.")
    return found[0]


def find_traces(spec: str, traces_root: Path | str | None = None) -> list[Trace]:
    """What one specification names."""
    path = Path(spec)
    if os.path.isdir(spec):
        return read_traces(path)
    if os.path.exists(spec):
        return [read_trace(path)]
    if os.sep not in spec:
        shipped = shipped_names()
        for name in (spec, SHIPPED_PREFIX + spec):
            if name in shipped:
                return [read_trace(data_folder("traces") / f"{name}.csv")]
        kind, at, seed = spec.removeprefix(SHIPPED_PREFIX).rpartition("@")
        if at and kind in generator_models():
            return [fresh_trace(kind, seed)]
    holder, colon, wanted = spec.partition(":") if spec.partition(":")[0] in PUBLIC_SETS else spec.rpartition(":")
    if spec in PUBLIC_SETS or (colon and holder in PUBLIC_SETS):
        return choose(spec, published_folder(holder if colon else spec, traces_root), wanted if colon else "")
    if colon and os.path.exists(holder):
        return choose(spec, Path(holder), wanted)
    raise JanusError(
        f"trace {spec!r} is neither a file, nor a folder, nor shipped: choose one of {', '.join(shipped_names())}, or "
        "give a path."
    )


def fresh_trace(kind: str, seed: str) -> Trace:
    """A trace of a class that nobody has seen before, or the same again.

    Raises:
        JanusError: If the seed is no whole number.
    """
    if not seed.isdecimal() or len(seed) > SEED_DIGITS:
        raise JanusError(
            f"trace {kind}@{seed:.40}: the seed {seed!r:.40} is no whole number of 0 or more, or too long a one; write "
            f"one, as in {kind}@7."
        )
    network, mobility = kind.split("-")
    made = generate_trace(network, mobility, FRESH_S, int(seed))
    return replace(made, name=f"{made.name}@{int(seed)}")


def choose(spec: str, place: Path, wanted: str) -> list[Trace]:
    """The trace of a folder or file that is called ``wanted``; all of them where it is empty."""
    found = read_traces(place, direction=None if wanted else "uplink")
    # The sets themselves say driving/5g, the tables 5g-driving.
    names = {wanted, "-".join(reversed(wanted.split("/")))}
    chosen = [trace for trace in found if not wanted or trace.name in names]
    if not chosen:
        raise JanusError(
            f"{spec}: {place} has no trace {wanted!r}; choose one of {', '.join(trace.name for trace in found)}."
        )
    return chosen


def published_folder(set_name: str, traces_root: Path | str | None) -> Path:
    """Where a published set lies on this machine."""
    if traces_root is None and not os.environ.get("JANUS_SHARED"):
        raise JanusError(
            f"trace {set_name!r} is a public recording that Janus does not ship: see `janus fetch traces`, then give "
            "its folder or let JANUS_SHARED name the folder that holds traces/."
        )
    root = Path(os.environ["JANUS_SHARED"]) / "traces" if traces_root is None else Path(traces_root)
    folder = root / PUBLIC_SETS[set_name].local
    if not folder.is_dir():
        raise JanusError(f"{folder}: the recordings {set_name!r} are not there; see `janus fetch traces`.")
    return folder


def as_trace(trace: Trace | Path | str | float) -> Trace:
    """A trace, by name, by file, or steady at so many Mbit/s."""
    if isinstance(trace, Trace):
        return trace
    if isinstance(trace, (int, float)):
        return Trace.constant(float(trace))
    return find_trace(trace)
