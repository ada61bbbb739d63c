"""Layouts and styles that widgets share.

ipywidgets gives each widget a layout and a style of its own. A kernel has to open each and a page has to make a model
of each before there is anything to see, and on this screen they were two thirds of all models, most of them alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets

_KNOWN: dict[tuple, ipywidgets.Widget] = {}


def looks(kind: type[ipywidgets.Widget], style: Mapping[str, str] | None = None, **layout: str) -> dict[str, Any]:
    """Arguments ``layout`` and ``style`` of a widget of that kind, the same objects for all that look alike.

    Nothing of them may be changed later: a widget that is shown and hidden needs a layout of its own.

    Args:
        kind: The widget's class; one without a style gets none.
        style: What of its style is not as usual.
        layout: What of its layout is not as usual.
    """
    found: dict[str, Any] = {"layout": _shared(ipywidgets.Layout, layout)}
    own = kind.class_traits().get("style")
    return found | {"style": _shared(own.klass, style or {})} if own else found


def _shared(kind: type[ipywidgets.Widget], state: Mapping[str, str]) -> ipywidgets.Widget:
    key = (kind, *sorted(state.items()))
    one = _KNOWN.get(key)
    # What was closed since then is gone from the pages.
    if one is None or one.comm is None:
        one = _KNOWN[key] = kind(**state)
    return one
