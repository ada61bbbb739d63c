"""One figure in the page, drawn by plotly.js and redrawn when its figure changes.

plotly's own FigureWidget carries five megabytes of code in every figure, which a busy page gives up waiting for; it
checks each value again, and answers each change with the whole figure. Here the code comes with `janus.explorer.page`,
once, and a change is one message.
"""

from __future__ import annotations

import json
import math
from typing import Any

import anywidget
import traitlets

from janus.explorer.page import PLOTLY
from janus.figures.style import Figure

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]], "doubleClick": False}
DRAW = f"""{PLOTLY}
export default {{
  render({{ model, el }}) {{
    let gone = false, drawn, plotly;
    // The page's style may say how high a figure is, the figure itself if it does not.
    const size = (height) => ({{ width: el.clientWidth, height: el.clientHeight || height }});
    const draw = async () => {{
      try {{ plotly = await page.here; }} catch (why) {{ el.textContent = `plotly.js did not load: ${{why}}`; return; }}
      const figure = model.get("drawing");
      // Not before it has a place: a figure without one is drawn at plotly's 700 pixels.
      if (gone || !el.clientWidth) return;
      const {{ data, layout }} = figure === drawn ? el : JSON.parse(figure);
      const place = size(layout.height);
      const fits = place.width === layout.width && place.height === layout.height;
      const drawing = figure === drawn ? fits || plotly.relayout(el, place)
        : plotly.react(el, data, {{ ...layout, ...place }}, model.get("config"));
      drawn = figure;
      // A promise that plotly.js does not keep must not hold up what comes next.
      await Promise.race([drawing, new Promise((late) => setTimeout(late, 1000))]);
    }};
    // One after the other: plotly.js loses its way in a figure that it is asked to draw while it draws it.
    let turn = Promise.resolve();
    const next = () => (turn = turn.then(draw, draw));
    let fitted = "0 0";
    const watch = new ResizeObserver(() => {{
      const now = `${{el.clientWidth}} ${{el.clientHeight}}`;
      if (el.clientWidth && now !== fitted) next();
      fitted = now;
    }});
    watch.observe(el);
    model.on("change:drawing", next);
    next();
    return () => {{
      gone = true;
      watch.disconnect();
      model.off("change:drawing", next);
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
    """

    _esm = DRAW
    drawing = traitlets.Unicode().tag(sync=True)
    config = traitlets.Dict(CONFIG).tag(sync=True)

    def __init__(self, figure: Figure):
        super().__init__(drawing=as_json(figure))
        self.add_class("janus-figures")

    def show(self, figure: Figure) -> None:
        """Draw another figure; nothing is sent if it is the same."""
        self.drawing = as_json(figure)

    @property
    def figure(self) -> Figure:
        """What is drawn."""
        return json.loads(self.drawing)

    def trace(self, name: str) -> dict:
        """The trace of that name, as it is drawn."""
        return next(trace for trace in self.figure["data"] if trace.get("name") == name)


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
