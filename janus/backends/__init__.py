"""What runs a part of a ViT under a fixed plan: eager PyTorch, bf16, OpenVINO, or a compiled CUDA graph.

`open_backend` gives one by name, `Backend.prepare` makes a `Part` ready to run, and `Plans` does that in the background
for whatever is asked for most. Merging stays inside of what is compiled: under a fixed plan all shapes are static.
"""

from janus.backends.background import Plans
from janus.backends.base import Backend, Runner
from janus.backends.choice import BACKENDS, open_backend
from janus.backends.part import Part, run_part

__all__ = ["BACKENDS", "Backend", "Part", "Plans", "Runner", "open_backend", "run_part"]
