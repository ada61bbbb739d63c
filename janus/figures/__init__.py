"""Tables to plotly figures, as plotly's JSON. No arithmetic: every number comes from the table.

plotly draws them in a notebook; on the screen and in files Vega does, by one specification (`janus.figures.drawn`).

Colours are Okabe and Ito's, which colour-blind readers can tell apart; patterns, dashes and markers say the same again.
Backgrounds are transparent and lines grey, so that figures fit light and dark pages.
"""

from janus.figures.accuracy import accuracy_figure
from janus.figures.course import course_figures
from janus.figures.latency import latency_figure
from janus.figures.tokens import tokens_figure

__all__ = [
    "accuracy_figure",
    "course_figures",
    "latency_figure",
    "tokens_figure",
]
