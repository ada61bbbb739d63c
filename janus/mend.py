"""`python -m janus.mend`: make a bare `import timm` work in this virtual environment, where it would not.

`make lab` and `make test` run it after installing. It puts a copy of `janus.compat` and a `.pth` file that imports
it into site-packages, so that it runs at every start of Python there (about 1 ms). This is done only where torchvision
fails to import and only in a virtual environment: an interpreter that others use too is not ours to change. A copy,
because importing `janus` itself at start-up would hide another checkout's.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from janus import compat
from janus.files import write_text

MODULE = "_janus_torchvision"


def torchvision_error() -> str:
    """What a fresh Python says to `import torchvision`, empty where it imports."""
    tried = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


def mend(folder: Path) -> str:
    """Mend site-packages ``folder`` of this Python if it needs it, and say in one sentence what was done."""
    files = {folder / f"{MODULE}.py": Path(compat.__file__).read_text(), folder / f"{MODULE}.pth": f"import {MODULE}\n"}
    for path in files:
        # Without an older mend the test below shows what the install itself can do.
        path.unlink(missing_ok=True)
    error = torchvision_error()
    if not error:
        return "torchvision imports beside this torch: nothing to mend."
    if "operator torchvision::" not in error:
        return f"torchvision does not import, for a reason that Janus cannot mend:\n{error}"
    if sys.prefix == sys.base_prefix:
        return "torchvision was built for another torch: it works after `import janus`, and not by itself."
    for path, text in files.items():
        write_text(path, text)
    return f"torchvision was built for another torch: mended by {folder / MODULE}.pth."


if __name__ == "__main__":
    print(mend(Path(sysconfig.get_path("purelib"))))
