"""Figures in the page, drawn by Vega and brought up to date when they change.

Vega's code comes once, with `janus.explorer.library`. What is to be drawn comes as one message of tables; of those the
page puts in what has changed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence

import anywidget
import traitlets

from janus.explorer.library import VEGA
from janus.figures.drawn import drawn
from janus.figures.encoded import as_json
from janus.figures.hatches import pattern
from janus.figures.latency import FILLS
from janus.figures.place import WHOLE, Place
from janus.figures.specification import specification
from janus.figures.style import Figure

# How long figures of one answer wait for one another; one of them may be out of sight.
TOGETHER_MS = 50
# Between a key and its plot: half of the number that stands at the end of the axis.
OVER_PX = 4
PATTERNS = (
    '<svg id="janus-hatches" width="0" height="0" aria-hidden="true" style="position: absolute">'
    f"{''.join(pattern(fill) for fill in FILLS)}</svg>"
)
DRAW = f"""{VEGA}
const OPTIONS = {{ mode: "vega", renderer: "svg", actions: false, hover: false, defaultStyle: false, ast: true,
  tooltip: {{ theme: "janus" }} }};
// Patterns for the whole page, outside of what may be hidden.
if (!document.getElementById("janus-hatches")) document.body.insertAdjacentHTML("beforeend", `{PATTERNS}`);
// Figures that one answer changes are drawn in one go: the page lays itself out once then, and not for each of them.
page.waiting ??= new Map();
function together([answer, count], draw) {{
  const draws = page.waiting.get(answer) ?? [];
  const all = () => {{ page.waiting.delete(answer); draws.forEach((one) => one()); draws.length = 0; }};
  if (draws.push(draw) >= count) return all();
  if (draws.length === 1) setTimeout(all, {TOGETHER_MS});
  page.waiting.set(answer, draws);
}}
// Title and key over their plot, as text of the page.
function heading({{ title, key, left, place }}, {{ left: l, right: r, top: t, bottom: b }}) {{
  const made = document.createElement("div");
  made.style.left = `calc((100% - ${{l + r}}px) * ${{place.x[0]}} + ${{l - left}}px)`;
  made.style.bottom = `calc((100% - ${{t + b}}px) * ${{place.y[1]}} + ${{b + {OVER_PX}}}px)`;
  made.append(...[title, key].filter((runs) => runs.length).map((runs) => {{
    const line = document.createElement("div");
    line.className = runs === title ? "janus-figure-title" : "janus-figure-key";
    line.append(...runs.map(({{ text, ...look }}) => {{
      const run = document.createElement("span");
      run.textContent = text;
      for (const [name, value] of Object.entries(look)) run.style.setProperty(name, value);
      return run;
    }}));
    return line;
  }}));
  return made;
}}

export default {{
  render({{ model, el }}) {{
    let gone = false, view, text;
    const plot = document.createElement("div"), heads = document.createElement("div"), was = new Map();
    plot.className = "janus-plot";
    heads.className = "janus-headings";
    el.append(plot, heads);
    const specification = JSON.parse(model.get("specification")), margin = specification.padding;
    const news = (name, value) => was.get(name) !== (value = JSON.stringify(value)) && was.set(name, value);
    const put = ({{ panels }}) => panels.forEach(({{ tables, signals, ...head }}, n) => {{
      for (const [name, rows] of Object.entries(tables)) {{
        if (!news(`${{name}}${{n}}`, rows)) continue;
        view.data(`${{name}}${{n}}`, rows);
      }}
      for (const [name, value] of Object.entries(signals)) {{
        if (news(`${{name}}${{n}}`, value)) view.signal(`${{name}}${{n}}`, value);
      }}
      if (!news(`head${{n}}`, head)) return;
      if (heads.children[n]) heads.children[n].replaceWith(heading(head, margin));
      else heads.append(heading(head, margin));
      view.description(heads.textContent);
    }});
    const fit = () => view.width(el.clientWidth - margin.left - margin.right)
      .height(el.clientHeight - margin.top - margin.bottom);
    const draw = async () => {{
      let embed;
      try {{ embed = await page.here; }} catch (why) {{ el.textContent = `Vega did not load: ${{why}}`; return; }}
      // Not before it has a place.
      if (gone || !el.clientWidth) return;
      view ??= (await embed(plot, specification, OPTIONS)).view;
      const now = model.get("drawing");
      if (now !== text) put(JSON.parse(text = now));
      await fit().runAsync();
    }};
    // One after the other: the first makes what the next changes.
    let turn = Promise.resolve();
    const next = () => (turn = turn.then(draw).catch((why) => console.error(why)));
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
      view?.finalize();
    }};
  }},
}};
"""


class Plot(anywidget.AnyWidget):
    """Figures of `janus.figures` in the page.

    Args:
        figures: What to draw.
        margin: Pixels around all of them: ``l``, ``r``, ``t``, ``b``.
        places: One for each figure.

    Attributes:
        specification: For Vega, as JSON; it stays.
        drawing: What is drawn by it, as JSON. As one text, since widgets look at each value of a dictionary three
            times.
        answer: A name of what changed it, and how many plots that changed.
    """

    _esm = DRAW
    specification = traitlets.Unicode().tag(sync=True)
    drawing = traitlets.Unicode().tag(sync=True)
    answer = traitlets.List(["", 1]).tag(sync=True)

    def __init__(self, figures: Sequence[Figure], *, margin: Mapping[str, float], places: Sequence[Place] = WHOLE):
        self.figures, self.places = tuple(figures), places
        super().__init__(
            specification=json.dumps(specification(places, margin)), drawing=as_json(_panels(figures, places))
        )
        self.add_class("janus-figures")

    def show(self, figures: Sequence[Figure]) -> None:
        """Draw other figures; nothing is sent if they are the same."""
        show_together([self], [figures])

    def trace(self, name: str) -> dict:
        """The trace of that name."""
        traces = (trace for figure in self.figures for trace in figure["data"])
        return next(trace for trace in traces if trace.get("name") == name)


def show_together(plots: Sequence[Plot], figures: Sequence[Sequence[Figure]]) -> None:
    """Draw other figures in several plots, in one go; nothing is sent of those that are the same."""
    drawings = []
    for plot, several in zip(plots, figures, strict=True):
        plot.figures = tuple(several)
        drawings.append((plot, as_json(_panels(several, plot.places))))
    changed = [(plot, drawing) for plot, drawing in drawings if plot.drawing != drawing]
    answer = [secrets.token_hex(4), len(changed)]
    for plot, drawing in changed:
        with plot.hold_sync():
            plot.answer, plot.drawing = answer, drawing


def _panels(figures: Sequence[Figure], places: Sequence[Place]) -> dict[str, list[dict]]:
    return {
        "panels": [
            drawn(figure) | {"place": {"x": place.x, "y": place.y}}
            for figure, place in zip(figures, places, strict=True)
        ]
    }
