"""timm and torchvision import beside any torch, and a torchvision that fits is left alone."""

import subprocess
import sys

import pytest

from janus import mend

# As in an environment where `janus.mend` has not been.
UNMENDED = f"""
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != {mend.MODULE!r}]
sys.modules.pop({mend.MODULE!r}, None)
"""

BROKEN = ""  # looks for its library, does not find it, says nothing
FITTING = """
import torch
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.impl("nms", lambda dets, scores, iou_threshold: scores + 1, "CPU")
"""
# What the real one does first of all, and what fails without the schemas.
PACKAGE = """
import torch
from torchvision import extension
torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou_threshold: scores)
torch.library.register_fake("torchvision::qnms")(lambda dets, scores, iou_threshold: scores)
"""


def python(code, *, folder=None):
    """What a fresh Python prints when it runs ``code``, with a folder before site-packages."""
    first = "" if folder is None else f"sys.path.insert(0, {str(folder)!r})\n"
    ran = subprocess.run([sys.executable, "-c", UNMENDED + first + code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture
def torchvision(tmp_path):
    """A function that makes a torchvision of few lines, with or without a library that loads."""

    def make(extension):
        package = tmp_path / "torchvision"
        package.mkdir()
        (package / "__init__.py").write_text(PACKAGE)
        (package / "extension.py").write_text(extension)
        return tmp_path

    return make


def test_timm_after_janus():
    """`import janus` brings no torch, and after it timm imports."""
    assert python("import janus; print('torch' in sys.modules); import timm; print(timm.__name__)") == "False\ntimm"


def test_timm_before_janus():
    """timm may come first: where that fails for want of operators, it works once janus is there."""
    code = "try:\n    import timm\nexcept RuntimeError as why:\n    assert 'torchvision::' in str(why)\n"

    assert python(f"{code}import janus, timm; print(timm.__name__)") == "timm"


def test_a_library_that_does_not_load_is_made_up_for(torchvision):
    """The operators are declared, without a kernel."""
    code = "import janus, torchvision, torch; print(torch.ops.torchvision.nms, torch.ops.torchvision.qnms)"

    assert python(code, folder=torchvision(BROKEN)) == "torchvision.nms torchvision.qnms"


def test_a_library_that_loads_keeps_its_operators(torchvision):
    """A good install's own kernel still answers."""
    code = "import janus, torchvision, torch; x = torch.ones(1); print(torch.ops.torchvision.nms(x, x, 0.5).item())"

    assert python(code, folder=torchvision(FITTING)) == "2.0"


def test_looking_for_torchvision_imports_nothing():
    """Other libraries ask whether torchvision is there; that must not bring torch."""
    code = "import janus, importlib.util as u; print(u.find_spec('torchvision') is not None, 'torch' in sys.modules)"

    assert python(code) == "True False"


def test_an_environment_is_mended_for_good(tmp_path, monkeypatch):
    """What `mend` writes makes a bare `import timm` work, with janus out of sight."""
    monkeypatch.setattr(mend, "torchvision_error", lambda: "RuntimeError: operator torchvision::nms does not exist")
    monkeypatch.setattr(sys, "prefix", "/somewhere/.venv")

    assert "mended" in mend.mend(tmp_path)
    code = f"import site; site.addsitedir({str(tmp_path)!r}); import timm; print(timm.__name__, 'janus' in sys.modules)"
    assert python(code, folder=tmp_path) == "timm False"


@pytest.mark.parametrize(
    ("error", "prefix", "says"),
    [
        ("", "/somewhere/.venv", "nothing to mend"),
        ("ModuleNotFoundError: No module named 'torchvision'", "/somewhere/.venv", "cannot mend"),
        ("RuntimeError: operator torchvision::nms does not exist", sys.base_prefix, "after `import janus`"),
    ],
    ids=["fitting", "absent", "not a virtual environment"],
)
def test_nothing_is_written_where_it_would_not_help(tmp_path, monkeypatch, error, prefix, says):
    """A good install, another trouble, and an interpreter that others use are left as they are."""
    monkeypatch.setattr(mend, "torchvision_error", lambda: error)
    monkeypatch.setattr(sys, "prefix", prefix)

    assert says in mend.mend(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_old_mend_goes_when_it_is_not_needed_any_more(tmp_path, monkeypatch):
    """After torch was replaced by one that fits, nothing of it stays."""
    monkeypatch.setattr(sys, "prefix", "/somewhere/.venv")
    monkeypatch.setattr(mend, "torchvision_error", lambda: "operator torchvision::nms does not exist")
    mend.mend(tmp_path)
    monkeypatch.setattr(mend, "torchvision_error", lambda: "")
    mend.mend(tmp_path)

    assert list(tmp_path.iterdir()) == []
