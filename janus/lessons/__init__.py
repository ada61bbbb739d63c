"""What the lesson notebooks show: tables, figures and a folder to play in. The notebooks themselves hold only prose."""

from janus.lessons.bring import Playground, label_table, skipped_pictures, spoil
from janus.lessons.byte_figures import (
    component_figure,
    error_figure,
    gain_figure,
    rate_figure,
    standing_figure,
    trace_figure,
)
from janus.lessons.bytes import claim_table, codec_table, early_table, equal_table, front_table, plain_table
from janus.lessons.figures import activation_figure, best_split_figure, share_figure, stack_figure
from janus.lessons.gains import coded_table, gain_table, gain_words, trace_table
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
from janus.lessons.transforming import (
    Desk,
    component_table,
    count_table,
    demo_codebook,
    demo_picture,
    error_maps,
    sent_table,
    shipped,
)

__all__ = [
    "Desk",
    "Playground",
    "Subject",
    "accuracy_at_cut",
    "activation_figure",
    "activation_table",
    "answer_table",
    "best_split_figure",
    "best_split_table",
    "candidate_table",
    "claim_table",
    "codec_table",
    "coded_table",
    "component_figure",
    "component_table",
    "count_table",
    "crossing_table",
    "demo_codebook",
    "demo_picture",
    "early_table",
    "equal_payload",
    "equal_table",
    "error_figure",
    "error_maps",
    "exact_table",
    "fitting_table",
    "front_table",
    "gain_figure",
    "gain_table",
    "gain_words",
    "group_table",
    "interval_table",
    "label_table",
    "memory_table",
    "merged_strip",
    "open_subject",
    "packing_table",
    "payload_pairs",
    "plain_table",
    "random_model",
    "rate_figure",
    "running_table",
    "sent_table",
    "share_figure",
    "share_table",
    "shipped",
    "skipped_pictures",
    "spoil",
    "stack_figure",
    "stack_table",
    "standing_figure",
    "state_behind",
    "trace_figure",
    "trace_table",
]
