"""`janus bench import`: what `import janus` and the torch-free half cost."""

from __future__ import annotations

import json
import subprocess
import sys

import click

from janus.bench.timing import Spread
from janus.cli.common import document, emit
from janus.progress import bar

# Bottom to top. tests/test_house.py holds that none of them brings torch.
TORCH_FREE = (
    "compat",
    "errors",
    "progress",
    "units",
    "files",
    "demo",
    "provenance",
    "schedule",
    "schedules",
    "split",
    "arithmetic",
    "geometry",
    "accuracy",
    "rate_fields",
    "rates",
    "paired",
    "equal",
    "network",
    "profile",
    "grid",
    "world",
    "policy",
    "simulate",
    "workbench",
)
CASES = {"import janus": ("janus",), "import the torch-free half": tuple(f"janus.{name}" for name in TORCH_FREE)}

# In a fresh process, so that nothing is there yet; the process's own start is not counted.
PROBE = """
import importlib, json, sys, time
before, start = set(sys.modules), time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "modules": len(set(sys.modules) - before), "torch": "torch" in sys.modules}))
"""


def probe(names: tuple[str, ...]) -> dict:
    """Seconds, modules and whether torch came along, of importing ``names`` in a fresh Python."""
    return json.loads(subprocess.check_output([sys.executable, "-c", PROBE, *names], text=True))


def bench(*, rounds: int) -> list[dict]:
    """One row for each of `CASES`, which are run in turn."""
    runs = [{case: probe(names) for case, names in CASES.items()} for _ in bar(range(rounds), unit="round")]
    rows = []
    for case in CASES:
        seconds = Spread.of([run[case]["seconds"] for run in runs])
        rows.append(
            {
                "case": case,
                "measured_s": round(seconds.median, 4),
                "measured_s_p10": round(seconds.p10, 4),
                "measured_s_p90": round(seconds.p90, 4),
                "modules": runs[-1][case]["modules"],
                "torch": runs[-1][case]["torch"],
            }
        )
    return rows


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="Fresh processes for each case.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(rounds, as_json):
    """Seconds and modules that `import janus` and the torch-free half take, each in a fresh process."""
    rows = bench(rounds=rounds)
    for row in rows:
        click.echo(
            f"{row['case']}: {row['measured_s']:.3f} s [{row['measured_s_p10']:.3f}–{row['measured_s_p90']:.3f}], "
            f"{row['modules']} modules, {'with' if row['torch'] else 'without'} torch",
            err=as_json,
        )
    emit(document(rows, rounds=rounds), as_json=as_json)
