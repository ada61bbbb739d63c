"""What the workbench answers: a question in, tables and one sentence out. All its arithmetic, no widget. Torch-free."""

from janus.workbench.answer import Answer, Workbench, levels_of
from janus.workbench.course import STEADY, Course, Leg, over_time, plans_for, run_leg, stretches
from janus.workbench.measured import measured_over_time, measured_run_words, measured_table, measured_words, pair_words
from janus.workbench.question import JPEG, Question
from janus.workbench.ranking import explain_course, on_time, policy_table
from janus.workbench.sentence import Sentence, explain
from janus.workbench.tables import accuracy_table, latency_table, level_table, token_table

__all__ = [
    "JPEG",
    "STEADY",
    "Answer",
    "Course",
    "Leg",
    "Question",
    "Sentence",
    "Workbench",
    "accuracy_table",
    "explain",
    "explain_course",
    "latency_table",
    "level_table",
    "levels_of",
    "measured_over_time",
    "measured_run_words",
    "measured_table",
    "measured_words",
    "on_time",
    "over_time",
    "pair_words",
    "plans_for",
    "policy_table",
    "run_leg",
    "stretches",
    "token_table",
]
