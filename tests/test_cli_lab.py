"""`janus lab`: which notebook it finds, and what it starts."""

import os
import socket
import subprocess
import sys

import pytest

from janus.cli import lab, main
from janus.errors import JanusError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with two notebooks, in the place of this one."""
    (tmp_path / "notebooks").mkdir()
    for name in ("explore", "trace"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("{}")
    monkeypatch.setattr(lab, "CHECKOUT", tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """What `janus lab` would have become: (program, arguments, environment) of each call."""
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    return calls


def test_the_server_does_not_import_what_would_hold_its_start_up():
    """A checker of addresses that builds its grammar on import; see pyproject.toml."""
    code = "import sys, jupyter_server.serverapp; sys.exit('rfc3987_syntax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["trace", "trace.ipynb", "notebooks/trace.ipynb"])
def test_a_notebook_is_found_by_name(checkout, name):
    """With its ending or without, and as the path that a shell completes."""
    assert lab.find_notebook(name, checkout) == checkout / "notebooks" / "trace.ipynb"


def test_an_unknown_notebook_is_refused_with_those_that_there_are(checkout):
    """One sentence that names it and the choice."""
    with pytest.raises(JanusError, match=r"notebook 'nope' is unknown: choose one of explore, trace\."):
        lab.find_notebook("nope", checkout)


def test_without_a_checkout_it_says_where_to_run(tmp_path):
    """Installed from a wheel there are no notebooks, and the sentence says what to do."""
    with pytest.raises(JanusError, match="from a clone"):
        lab.find_notebook("explore", tmp_path)


def test_the_workbench_is_the_default(checkout, started):
    """This Python's JupyterLab serves the checkout and opens the workbench, with its own kernel first."""
    main(["lab"])
    (program, arguments, environment) = started.pop()

    assert program == sys.executable
    assert arguments[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={checkout}" in arguments
    assert "--LabApp.default_url=/lab/tree/notebooks/explore.ipynb" in arguments
    assert "--ServerApp.ip=127.0.0.1" in arguments
    assert "--no-browser" not in arguments
    assert environment["JUPYTER_PREFER_ENV_PATH"] == "1"


def test_options_reach_jupyterlab(checkout, started):
    """Each option changes the command, and what follows -- is handed on as it is."""
    options = ["--notebook=trace", "--no-browser", "--port=9000", "--ip=0.0.0.0"]
    main(["lab", *options, "--", "--IdentityProvider.token=lesson"])
    (_, arguments, _) = started.pop()

    assert {
        "--LabApp.default_url=/lab/tree/notebooks/trace.ipynb",
        "--no-browser",
        "--ServerApp.port=9000",
        "--ServerApp.ip=0.0.0.0",
    } <= set(arguments)
    assert arguments[-1] == "--IdentityProvider.token=lesson"


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_let_in_and_only_root_needs_it(checkout, started, monkeypatch, user, allowed):
    """JupyterLab refuses to run as root unless told; in a container there is nobody else."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    main(["lab"])

    assert ("--allow-root" in started.pop()[1]) is allowed


def test_as_an_app_voila_runs_the_notebook_without_its_code(checkout, started):
    """This Python's Voila, our template of it, and options that change the command."""
    options = ["--no-browser", "--ip=0.0.0.0", "--theme=dark", "--notebook=trace"]
    main(["lab", "--app", *options, "--", "--show_tracebacks=True"])
    (program, arguments, environment) = started.pop()

    assert program == sys.executable
    assert arguments[1:4] == ["-m", "voila", str(checkout / "notebooks" / "trace.ipynb")]
    assert {"--strip_sources=True", "--theme=dark", "--Voila.ip=0.0.0.0", "--no-browser"} <= set(arguments)
    assert arguments[-1] == "--show_tracebacks=True"
    (template,) = (one.removeprefix("--template=") for one in arguments if one.startswith("--template="))
    (folder,) = environment["JUPYTER_PATH"].split(os.pathsep)[-1:]
    assert os.path.isfile(os.path.join(folder, "voila", "templates", template, "index.html.j2"))


@pytest.mark.parametrize("app", [[], ["--app"]])
def test_a_port_that_is_taken_is_one_sentence(checkout, started, capsys, app):
    """It names the port and what to do, and nothing is started that would take another one silently."""
    with socket.socket() as taken, pytest.raises(SystemExit) as stopped:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        main(["lab", *app, "--port", str(port)])

    said = capsys.readouterr().err
    assert stopped.value.code == 2
    assert f"--port {port} cannot be had (Address already in use): choose another --port" in said
    assert said.count("\n") == 1
    assert started == []


def test_an_address_of_no_interface_is_one_sentence(checkout, started):
    """An --ip that this machine does not have is refused like a port that is taken."""
    with pytest.raises(JanusError, match=r"--ip 192\.0\.2\.1 --port 9000 cannot be had"):
        lab.check_port("192.0.2.1", 9000)


def test_a_theme_is_for_the_app(checkout, started, capsys):
    """JupyterLab has a menu for it, and the sentence says where."""
    with pytest.raises(SystemExit):
        main(["lab", "--theme", "dark"])

    assert "--theme is for --app" in capsys.readouterr().err
    assert started == []


def test_the_settings_come_before_those_of_the_environment():
    """A JUPYTER_CONFIG_PATH that is set already stays, behind ours."""
    environment = lab.lab_environment({"JUPYTER_CONFIG_PATH": "/theirs", "LANG": "C"})

    assert environment["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(lab.CONFIG), "/theirs"]
    assert environment["LANG"] == "C"
    assert (lab.CONFIG / "labconfig" / "default_setting_overrides.json").is_file()


def test_an_unknown_notebook_ends_with_one_sentence(checkout, started, capsys):
    """No traceback, exit status 2, nothing started."""
    with pytest.raises(SystemExit) as stopped:
        main(["lab", "--notebook", "nope"])

    assert stopped.value.code == 2
    assert capsys.readouterr().err == "janus: notebook 'nope' is unknown: choose one of explore, trace.\n"
    assert started == []
