"""JupyterLab as `janus lab` starts it (`janus bench explorer` uses it, too), and what `janus lab --app` starts."""

from __future__ import annotations

from pathlib import Path

from janus.bench.laboratory import FLAGS, Book, LabServer, Server, Watched, find_chromium, free_port
from janus.cli.app import app_command, app_environment

__all__ = ["FLAGS", "AppServer", "Book", "LabServer", "Watched", "find_chromium", "free_port"]


class AppServer(Server):
    """What `janus lab --app` starts, on a notebook of the checkout. Close it after use."""

    def __init__(self, notebook: Path, home: Path, *, theme: str = "light"):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = app_command(notebook, ip="127.0.0.1", port=port, browser=False, theme=theme)
        super().__init__(home, command, app_environment)
