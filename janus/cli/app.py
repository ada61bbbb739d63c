"""The notebook as an app: Voila runs it and shows what it makes, to a room that needs no JupyterLab."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

# A template of Voila's that asks nothing of the internet, and leaves a workbench alone on its page.
DATA = Path(__file__).parent / "jupyter_data"
TEMPLATE = "janus"
THEMES = ("light", "dark")


def app_command(
    notebook: Path, *, ip: str, port: int | None, browser: bool, theme: str, extra: tuple[str, ...] = ()
) -> list[str]:
    """The command that serves ``notebook`` alone, without its code, with this very Python."""
    command = [
        sys.executable,
        *("-m", "voila"),
        str(notebook),
        f"--template={TEMPLATE}",
        f"--theme={theme}",
        "--strip_sources=True",
        # A page that is left says so with a beacon, which cannot carry the token that the server asks for otherwise:
        # refused, every visitor's kernel would stay. Nothing else changes a state, and the id of a kernel is a secret.
        "--Voila.tornado_settings={'disable_check_xsrf': True}",
        f"--Voila.ip={ip}",
    ]
    if port is not None:
        command.append(f"--port={port}")
    if not browser:
        command.append("--no-browser")
    return [*command, *extra]


def app_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, with our template where Voila looks for such."""
    paths = [*filter(None, [environ.get("JUPYTER_PATH")]), str(DATA)]
    return {**environ, "JUPYTER_PATH": os.pathsep.join(paths), "JUPYTER_PREFER_ENV_PATH": "1"}
