"""Janus: a Vision Transformer shared between a device and a cloud.

The public names are listed in ``__init__.pyi`` and load on first use: `import janus` brings
neither torch nor pandas.
"""

import lazy_loader

from janus import compat as _compat  # noqa: F401  # before any timm: see there

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
