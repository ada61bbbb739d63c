"""What the workbench answers: a question in, tables and one sentence out. All its arithmetic, no widget. Torch-free."""

from janus.workbench.answer import Answer, Workbench, levels_of
from janus.workbench.question import JPEG, Question
from janus.workbench.sentence import Sentence, explain
from janus.workbench.tables import accuracy_table, latency_table, level_table, token_table

__all__ = [
    "JPEG",
    "Answer",
    "Question",
    "Sentence",
    "Workbench",
    "accuracy_table",
    "explain",
    "latency_table",
    "level_table",
    "levels_of",
    "token_table",
]
