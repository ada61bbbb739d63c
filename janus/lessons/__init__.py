"""What the lesson notebooks show: tables, figures and a folder to play in. The notebooks themselves hold only prose."""

from janus.lessons.bring import Playground, label_table, skipped_pictures, spoil
from janus.lessons.figures import activation_figure, best_split_figure, share_figure, stack_figure
from janus.lessons.merged import (
    answer_table,
    crossing_table,
    group_table,
    memory_table,
    running_table,
    share_table,
    state_behind,
)
from janus.lessons.schedules import accuracy_at_cut, equal_payload, payload_pairs
from janus.lessons.splits import (
    activation_table,
    best_split_table,
    candidate_table,
    exact_table,
    fitting_table,
    interval_table,
    packing_table,
    stack_table,
)
from janus.lessons.strip import merged_strip
from janus.lessons.subject import Subject, open_subject, random_model

__all__ = [
    "Playground",
    "Subject",
    "accuracy_at_cut",
    "activation_figure",
    "activation_table",
    "answer_table",
    "best_split_figure",
    "best_split_table",
    "candidate_table",
    "crossing_table",
    "equal_payload",
    "exact_table",
    "fitting_table",
    "group_table",
    "interval_table",
    "label_table",
    "memory_table",
    "merged_strip",
    "open_subject",
    "packing_table",
    "payload_pairs",
    "random_model",
    "running_table",
    "share_figure",
    "share_table",
    "skipped_pictures",
    "spoil",
    "stack_figure",
    "stack_table",
    "state_behind",
]
