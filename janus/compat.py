"""timm beside a torch that torchvision was not built for. Imports nothing of Janus, and torch only after torchvision.

PyPI's Linux wheel of torchvision is built for CUDA. Beside a CPU-only torch its native library does not load, and
`import torchvision` (so also `import timm`) dies with "operator torchvision::nms does not exist". Janus needs none of
the native operators, only the import. So their missing schemas are declared, without a kernel, between the moment
when torchvision has looked for its library and the moment when it wants them. An install whose library loads is left
as it is.

`import janus` sets this up for its own process, whether timm comes before or after; `janus.mend` does it for a whole
virtual environment.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

# torchvision imports this module first of all; in it the native library is loaded, or quietly not.
WATCHED = "torchvision.extension"
# Operators that torchvision decorates at import, whether or not its library was there (_meta_registrations.py).
SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}

_kept_alive: list = []


class _Watch:
    """A finder that runs `declare_missing` right after `WATCHED` has run. Nothing else is touched."""

    # No base class: importlib.abc takes 10 ms to import, a third of a whole start of Python.
    def find_spec(self, fullname, path=None, target=None):
        if fullname != WATCHED:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def run_then_declare(module):
            run(module)
            declare_missing()

        spec.loader.exec_module = run_then_declare  # type: ignore[method-assign]
        return spec


def declare_missing() -> tuple[str, ...]:
    """Declare the operators that torchvision wants and torch does not know, and return their names.

    To be called when torchvision has already tried to load its library.
    """
    import torch

    missing = tuple(name for name in SCHEMAS if not hasattr(torch.ops.torchvision, name))
    if missing:
        # A Library takes its definitions along when it is collected.
        library = torch.library.Library("torchvision", "FRAGMENT")
        _kept_alive.append(library)
        for name in missing:
            library.define(SCHEMAS[name])
    return missing


def watch_torchvision() -> None:
    """See to it that torchvision can be imported in this process. Does nothing the second time."""
    if any(isinstance(finder, _Watch) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Watch())
    if WATCHED in sys.modules:
        # torchvision came before this module, and may have failed half-way.
        declare_missing()


watch_torchvision()
