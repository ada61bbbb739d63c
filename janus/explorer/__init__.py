"""The workbench's screen: `janus.Explorer()`. Widgets only; what they show is computed in `janus.workbench`."""

from janus.explorer.origins import about
from janus.explorer.screen import Explorer

__all__ = ["Explorer", "about"]
