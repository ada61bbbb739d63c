"""`janus lab`: the workbench notebook in JupyterLab, or as an app."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from janus.cli.app import THEMES, app_command, app_environment
from janus.errors import JanusError

# The checkout that this package runs from; `make lab` and `pip install -e` keep the notebooks beside it.
CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).parent / "jupyter_config"


def find_notebook(name: str, checkout: Path) -> Path:
    """The notebook of that name, with or without its ending, in the checkout.

    Raises:
        JanusError: If there is no such notebook, or no checkout.
    """
    folder = checkout / "notebooks"
    found = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not found:
        raise JanusError(f"{folder} holds no notebooks: run `janus lab` from a clone of the repository (`make lab`).")
    stem = Path(name).name.removesuffix(".ipynb")
    if stem not in found:
        raise JanusError(f"notebook {name!r} is unknown: choose one of {', '.join(found)}.")
    return found[stem]


def lab_command(
    notebook: Path, *, root: Path, ip: str, port: int | None, browser: bool, as_root: bool, extra: tuple[str, ...] = ()
) -> list[str]:
    """The command that serves ``notebook`` and nothing above ``root``, with this very Python."""
    command = [
        sys.executable,
        *("-m", "jupyterlab"),
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{notebook.relative_to(root).as_posix()}",
        f"--ServerApp.ip={ip}",
    ]
    if port is not None:
        command.append(f"--ServerApp.port={port}")
    if not browser:
        command.append("--no-browser")
    if as_root:
        command.append("--allow-root")
    return [*command, *extra]


def lab_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, with JupyterLab's defaults changed where a first visit needs it; a user's own settings still win."""
    paths = [str(CONFIG), *filter(None, [environ.get("JUPYTER_CONFIG_PATH")])]
    return {
        **environ,
        # No question about news over the first figure, and no request for updates.
        "JUPYTER_CONFIG_PATH": os.pathsep.join(paths),
        # A kernel called python3 in the user's home must not stand in for this environment's.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def check_port(ip: str, port: int | None) -> None:
    """Refuse an address or a port that cannot be had: both servers would take another, or end in a traceback.

    Raises:
        JanusError: If it is taken, or this user or machine may not listen there.
    """
    try:
        family, _, _, _, where = socket.getaddrinfo(ip, port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the servers do: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as why:
        remedy = "choose another --port or --ip, or leave --port out for the first that is free."
        if port is None:
            remedy = "give an address of this machine, 0.0.0.0 for all of them, or leave --ip out."
        what = f"--ip {ip}" if port is None else f"--ip {ip} --port {port}"
        raise JanusError(f"{what} cannot be had ({why.strerror or why}): {remedy}") from why


@click.command()
@click.option("--notebook", default="explore", show_default=True, metavar="NAME", help="Which notebook to open.")
@click.option("--app", is_flag=True, help="By Voila, as an app without JupyterLab and without its code.")
@click.option("--theme", type=click.Choice(THEMES), help="Of the app.  [default: light]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port to serve on; by default the first free from 8888 on, of an app from 8866 on.",
)
@click.option("--ip", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every network.")
@click.argument("jupyter_args", nargs=-1)
def command(notebook, app, theme, no_browser, port, ip, jupyter_args):
    """Open the workbench in JupyterLab, with the kernel of this environment, or with --app as a page of its own.

    What follows -- goes to JupyterLab (or to Voila) as it is: janus lab -- --IdentityProvider.token=lesson
    """
    path = find_notebook(notebook, CHECKOUT)
    if theme and not app:
        raise JanusError("--theme is for --app: JupyterLab has its own in the menu, Settings > Theme.")
    check_port(ip, port)
    given = {"ip": ip, "port": port, "browser": not no_browser, "extra": jupyter_args}
    if app:
        run, environment = app_command(path, theme=theme or THEMES[0], **given), app_environment(os.environ)
    else:
        as_root = hasattr(os, "geteuid") and os.geteuid() == 0
        run = lab_command(path, root=CHECKOUT, as_root=as_root, **given)
        environment = lab_environment(os.environ)
    sys.stdout.flush()
    os.execve(run[0], run, environment)
