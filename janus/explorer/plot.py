"""One figure in the page, drawn by plotly.js and redrawn when its figure changes.

plotly's own FigureWidget carries five megabytes of code in every figure, which a busy page gives up waiting for; it
checks each value again, and answers each change with the whole figure. Here the code comes once, with
`janus.explorer.library`, and a change is one message.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from janus.explorer.library import PLOTLY
from janus.figures.style import Figure

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]], "doubleClick": False}
# How long figures of one answer wait for one another; one of them may be out of sight.
TOGETHER_MS = 50
DRAW = f"""{PLOTLY}
// Figures that one answer changes are drawn in one go: the page lays itself out once then, and not for each of them.
page.waiting ??= new Map();
function together([answer, count], draw) {{
  const draws = page.waiting.get(answer) ?? [];
  const all = () => {{ page.waiting.delete(answer); draws.forEach((one) => one()); draws.length = 0; }};
  if (draws.push(draw) >= count) return all();
  if (draws.length === 1) setTimeout(all, {TOGETHER_MS});
  page.waiting.set(answer, draws);
}}

export default {{
  render({{ model, el }}) {{
    let gone = false, drawn, points, plotly;
    // The page's style may say how high a figure is, the figure itself if it does not.
    const size = (height) => ({{ width: el.clientWidth, height: el.clientHeight || height }});
    // Working out which labels of an axis would not fit takes a tenth of the whole drawing; these fit.
    const fit = (layout) => Object.fromEntries(Object.entries(layout).map(([name, part]) =>
      [name, /^[xy]axis/.test(name) ? {{ ...part, ticklabeloverflow: "allow" }} : part]));
    const react = (figure) => {{
      const text = JSON.stringify(figure.data);
      // The very array that is drawn if its points are the same: then plotly.js draws what the layout changed.
      // Traces without points would cost it as much as others.
      const data = text === points ? el.data : figure.data.filter((trace) => trace.x?.length !== 0);
      points = text;
      return plotly.react(el, data, {{ ...fit(figure.layout), ...size(figure.layout.height) }}, model.get("config"));
    }};
    const draw = async () => {{
      try {{ plotly = await page.here; }} catch (why) {{ el.textContent = `plotly.js did not load: ${{why}}`; return; }}
      const figure = model.get("drawing");
      // Not before it has a place: a figure without one is drawn at plotly's 700 pixels.
      if (gone || !el.clientWidth) return;
      const {{ layout }} = el, place = layout && size(layout.height);
      const fits = layout && place.width === layout.width && place.height === layout.height;
      const drawing = figure !== drawn ? react(JSON.parse(figure)) : fits || plotly.relayout(el, place);
      drawn = figure;
      // A promise that plotly.js does not keep must not hold up what comes next.
      await Promise.race([drawing, new Promise((late) => setTimeout(late, 1000))]);
    }};
    // One after the other: plotly.js loses its way in a figure that it is asked to draw while it draws it.
    let turn = Promise.resolve();
    const next = () => (turn = turn.then(draw, draw));
    const changed = () => together(model.get("answer"), next);
    let fitted = "0 0";
    const watch = new ResizeObserver(() => {{
      const now = `${{el.clientWidth}} ${{el.clientHeight}}`;
      if (el.clientWidth && now !== fitted) next();
      fitted = now;
    }});
    watch.observe(el);
    model.on("change:drawing", changed);
    next();
    return () => {{
      gone = true;
      watch.disconnect();
      model.off("change:drawing", changed);
      plotly?.purge(el);
    }};
  }},
}};
"""


class Plot(anywidget.AnyWidget):
    """A figure of `janus.figures` in the page.

    Args:
        figure: What to draw.

    Attributes:
        drawing: The same as JSON. As one text, since widgets look at each value of a dictionary three times.
        answer: A name of what changed it, and how many figures that changed.
    """

    _esm = DRAW
    drawing = traitlets.Unicode().tag(sync=True)
    answer = traitlets.List(["", 1]).tag(sync=True)
    config = traitlets.Dict(CONFIG).tag(sync=True)

    def __init__(self, figure: Figure):
        super().__init__(drawing=as_json(figure))
        self.add_class("janus-figures")

    def show(self, figure: Figure) -> None:
        """Draw another figure; nothing is sent if it is the same."""
        show_together([self], [figure])

    @property
    def figure(self) -> Figure:
        """What is drawn."""
        return json.loads(self.drawing)

    def trace(self, name: str) -> dict:
        """The trace of that name, as it is drawn."""
        return next(trace for trace in self.figure["data"] if trace.get("name") == name)


def show_together(plots: Sequence[Plot], figures: Sequence[Figure]) -> None:
    """Draw other figures, in one go; nothing is sent of those that are the same."""
    drawings = [(plot, as_json(figure)) for plot, figure in zip(plots, figures, strict=True)]
    changed = [(plot, drawing) for plot, drawing in drawings if plot.drawing != drawing]
    answer = [secrets.token_hex(4), len(changed)]
    for plot, drawing in changed:
        with plot.hold_sync():
            plot.answer, plot.drawing = answer, drawing


def as_json(figure: Figure) -> str:
    """A figure in JSON, with null for what that has no number for."""
    try:
        return json.dumps(figure, allow_nan=False, default=_listed)
    except ValueError:
        return json.dumps(_finite(figure), allow_nan=False)


def _listed(array: Any) -> Any:
    """An array or a number of numpy's as Python's own."""
    return array.tolist()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return _finite(value.tolist()) if hasattr(value, "tolist") else value
