"""JupyterLab as a person meets it: a server on a copy of the notebooks in an empty home, and Chromium in front of it.

    lab = LabServer(checkout, home)                 # fixture `lab` of the tests
    book = Book(browser, lab, "notebooks/x.ipynb")  # fixture `open_notebook`
    book.run_all()
    before = book.text(".gtitle")
    book.press(".my-slider .noUi-handle", "ArrowRight")
    assert book.changed(".gtitle", before) != before

Nothing here sleeps: every wait is for something to be seen, in the page or in the server's log.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import threading
from pathlib import Path

from janus.cli.lab import lab_command, lab_environment

# --no-sandbox: CI runs as root. The others keep Chromium from calling home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SETTINGS = "config/lab/user-settings/@jupyterlab/apputils-extension"

# The notebook that is in front, as JupyterLab's own object (`--LabApp.expose_app_in_browser`).
PANEL = "window.jupyterapp?.shell.currentWidget"
READY = f"() => {PANEL}?.sessionContext?.isReady && {PANEL}.sessionContext.session?.kernel?.status === 'idle'"
# The command that the menu entry "Run All Cells" runs; its promise ends with the last cell.
RUN_ALL = """() => {
    window.janusRan = undefined;
    window.jupyterapp.commands.execute('notebook:run-all-cells').then(
        () => { window.janusRan = 'done'; }, (why) => { window.janusRan = String(why); });
}"""
CELL_ERRORS = f"""() => [...{PANEL}.content.model.cells].flatMap((cell, i) => (cell.toJSON().outputs ?? [])
    .filter((output) => output.output_type === 'error')
    .map((output) => `cell ${{i}}: ${{output.ename}}: ${{output.evalue}}`))"""


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome of this system."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server of Jupyter's in an empty home, that has said where it is running. Close it after use.

    Args:
        home: The empty home.
        command: What to start.
        environment: Makes of the environment what the server gets.

    Attributes:
        log: What the server has said so far, line by line.
    """

    def __init__(self, home: Path, command: list[str], environment):
        self.log = []
        env = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "XDG_", "IPYTHON"))}
        env |= {
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "IPYTHONDIR": str(home / "ipython"),
        }
        self._up = threading.Event()
        self._process = subprocess.Popen(
            command,
            env=environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        if not self._up.wait(120) or self._process.poll() is not None:
            self.close()
            raise RuntimeError("the server did not start:\n" + "".join(self.log))

    def _read(self) -> None:
        for line in self._process.stdout:
            self.log.append(line)
            if "is running at" in line:
                self._up.set()
        self._up.set()

    def close(self) -> None:
        """Stop the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class LabServer(Server):
    """What `janus lab` starts, on a copy of the notebooks, in an empty home. Close it after use.

    Attributes:
        root: The folder that is served: a copy of ``notebooks/``, links to everything else in the checkout.
    """

    def __init__(self, checkout: Path, home: Path, *, theme: str = "Light"):
        self.root = home / "root"
        shutil.copytree(
            checkout / "notebooks", self.root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
        )
        for beside in checkout.iterdir():
            if not beside.name.startswith(".") and beside.name != "notebooks":
                (self.root / beside.name).symlink_to(beside)
        settings = home / SETTINGS
        settings.mkdir(parents=True)
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": f"JupyterLab {theme}"}))
        self.url, self.token = f"http://127.0.0.1:{free_port()}", secrets.token_hex(8)
        command = lab_command(
            self.root / "notebooks" / "any.ipynb",
            root=self.root,
            ip="127.0.0.1",
            port=int(self.url.rsplit(":", 1)[1]),
            browser=False,
            as_root=True,
            extra=(
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={self.token}",
                "--LabApp.expose_app_in_browser=True",
            ),
        )
        super().__init__(home, command, lab_environment)


class Watched:
    """A page of a server on this machine, watched for what it must not do.

    Attributes:
        page: The Playwright page.
        console_errors: What the browser's console called an error, and uncaught exceptions.
        outside: Addresses asked for that are not the server's.
    """

    def __init__(self, browser, url: str, *, width: int = 1440, height: int = 900, scale: float = 1):
        self._here = url.removeprefix("http")
        self.page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        self.console_errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda said: self.console_errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.console_errors.append(error.stack or str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda websocket: self._note(websocket.url))

    def _note(self, url: str) -> None:
        if not url.startswith(("data:", "blob:", "about:", "http" + self._here, "ws" + self._here)):
            self.outside.append(url)

    def text(self, selector: str) -> str:
        """Text of the first element; SVG text included, which has no `inner_text`."""
        return self.page.locator(selector).first.text_content() or ""

    def press(self, selector: str, key: str, times: int = 1) -> None:
        """Focus the first element and press a key, as a person at a keyboard would."""
        self.page.locator(selector).first.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def changed(self, selector: str, before: str, timeout_s: float = 30) -> str:
        """Wait until the text of the first element is not ``before``, and return it."""
        self.page.wait_for_function(
            "([selector, before]) => { const found = document.querySelector(selector);"
            " return found !== null && found.textContent !== before; }",
            arg=[selector, before],
            timeout=timeout_s * 1000,
        )
        return self.text(selector)


class Book(Watched):
    """One notebook open in a page of its own, with a fresh kernel that is ready. Close it after use."""

    def __init__(self, browser, lab: LabServer, path: str, **view):
        super().__init__(browser, lab.url, **view)
        self.lab, self.path = lab, path
        self.page.goto(f"{lab.url}/lab/tree/{path}?token={lab.token}&reset")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=120_000)
        self.idle()

    def idle(self, timeout_s: float = 120) -> None:
        """Wait until the kernel is connected and has nothing to do."""
        self.page.wait_for_function(READY, timeout=timeout_s * 1000, polling=100)

    def run_all(self, timeout_s: float = 300) -> None:
        """Run every cell and wait for the last one."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("() => window.janusRan !== undefined", timeout=timeout_s * 1000, polling=100)
        assert self.page.evaluate("window.janusRan") == "done"
        self.idle(timeout_s)

    def cell_errors(self) -> list[str]:
        """One line for each cell that ended in an exception."""
        return self.page.evaluate(CELL_ERRORS)

    def close(self) -> None:
        """Shut the kernel down, so that the next page on this notebook gets a fresh one."""
        self.page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")
        self.page.close()
