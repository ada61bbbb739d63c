"""Schedules made for a cut: the merge counts per block that keep a model nearest to itself within a budget.

A schedule is judged without labels, by how far its answers are from the unmerged model's on calibration pictures.
"""

from janus.search.calibrate import Search
from janus.search.document import held_document, merge_document, write_document
from janus.search.hunt import Effort, Found, hunt, hunts
from janus.search.journal import Journal
from janus.search.panel import Panel, Stopped
from janus.search.pictures import Pictures, check_disjoint, read_pictures
from janus.search.shape import Budget, Shape, counts

__all__ = [
    "Budget",
    "Effort",
    "Found",
    "Journal",
    "Panel",
    "Pictures",
    "Search",
    "Shape",
    "Stopped",
    "check_disjoint",
    "counts",
    "held_document",
    "hunt",
    "hunts",
    "merge_document",
    "read_pictures",
    "write_document",
]
