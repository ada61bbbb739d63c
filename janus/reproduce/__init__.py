"""The paper's figures, made again: tables, figures, and where its headlines hold.

Torch-free. The tables are plain functions; `janus reproduce` and the notebooks call them.
"""

from janus.reproduce import figures
from janus.reproduce.accuracy import SMALL_SETTINGS, accuracy_table, open_small_bench, published_table
from janus.reproduce.claims import PAPER, claim_sweep, claim_table, map_table, recheck
from janus.reproduce.compute import (
    equal_compute,
    latency_table,
    measured_table,
    profile_rows,
    schedule_summary,
    schedule_table,
)
from janus.reproduce.cost import cost_table, measure_cost
from janus.reproduce.crossing import break_even_table, input_table, payload_table
from janus.reproduce.detection import byte_table, detection_table, stored_overfit
from janus.reproduce.exhibits import EXHIBITS, Context, Exhibit, claim_exhibit, claim_maps, make_exhibit, robust_exhibit
from janus.reproduce.lesson import by_second, choice_table, level_table, margin_table, split_table, statistics_table
from janus.reproduce.notebook import begin, tidy
from janus.reproduce.page import write_page
from janus.reproduce.qualities import lead_table, standings, trail_words
from janus.reproduce.replays import (
    bandwidth_table,
    decision_table,
    frames_of,
    lateness_table,
    overview,
    policy_table,
    within,
)
from janus.reproduce.robust import robust_sweep, robust_table, robust_words
from janus.reproduce.stored import read_table, stored, write_table
from janus.reproduce.task import CLASSES, ENCODINGS, TASKS, Bench, Task, open_bench
from janus.reproduce.words import (
    claim_words,
    latency_words,
    paper_table,
    payload_words,
    policy_words,
    say,
    slo_words,
)

__all__ = [
    "CLASSES",
    "ENCODINGS",
    "EXHIBITS",
    "PAPER",
    "SMALL_SETTINGS",
    "TASKS",
    "Bench",
    "Context",
    "Exhibit",
    "Task",
    "accuracy_table",
    "bandwidth_table",
    "begin",
    "break_even_table",
    "by_second",
    "byte_table",
    "choice_table",
    "claim_exhibit",
    "claim_maps",
    "claim_sweep",
    "claim_table",
    "claim_words",
    "cost_table",
    "decision_table",
    "detection_table",
    "equal_compute",
    "figures",
    "frames_of",
    "input_table",
    "latency_table",
    "latency_words",
    "lateness_table",
    "lead_table",
    "level_table",
    "make_exhibit",
    "map_table",
    "margin_table",
    "measure_cost",
    "measured_table",
    "open_bench",
    "open_small_bench",
    "overview",
    "paper_table",
    "payload_table",
    "payload_words",
    "policy_table",
    "policy_words",
    "profile_rows",
    "published_table",
    "read_table",
    "recheck",
    "robust_exhibit",
    "robust_sweep",
    "robust_table",
    "robust_words",
    "say",
    "schedule_summary",
    "schedule_table",
    "slo_words",
    "split_table",
    "standings",
    "statistics_table",
    "stored",
    "stored_overfit",
    "tidy",
    "trail_words",
    "within",
    "write_page",
    "write_table",
]
