"""The workbench's screen: `janus.Explorer()`. Widgets only; what they show is computed in `janus.workbench`."""

import lazy_loader

# Late, since whoever asks what the numbers are of wants no screen.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"origins": ["about"], "screen": ["Explorer"]}
)
