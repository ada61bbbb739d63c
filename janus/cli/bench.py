"""`janus bench …`: each bench is a module of `janus.bench` with a `command`."""

import click

from janus.cli import LazyGroup

BENCHES = {
    "merge": "Speed-up of merging against the fused unmerged model, and its share of the arithmetic limit.",
    "codec": "Bytes on the wire against top-1: tokens in every codec, pictures in every format.",
    "profile": "Modelled against measured latency at levels that the fit did not see.",
    "schedule": "One decision beside brute force, and the replay of six policies over an hour.",
    "schedules": "Searched schedules against those whose compute and payload they keep to.",
    "policies": "Every policy over measured rates of pictures and tokens, on recorded or generated uplinks.",
    "runtime": "Policies on a real pair of processes behind a shaped link.",
    "exact": "Whether the answer through the wire is the unsplit answer, bit for bit, at every split.",
    "modelled": "Modelled against measured, end to end, and our own overhead.",
    "faults": "The cloud killed, frozen and restarted, the link cut: what becomes of the frames.",
    "fuzz": "Mutated requests against the decoder and against a serving cloud.",
    "link": "Whether the shaped link keeps to its trace, and against the kernel's own shaper.",
    "overfit": "A detector that knows a handful of pictures by heart, merged and cut: mAP at every split.",
    "explorer": "How fast the workbench answers, control by control, also through JupyterLab in Chromium.",
    "import": "Seconds and modules that importing the torch-free half takes.",
}


@click.group(cls=LazyGroup, package="janus.bench", members=BENCHES)
def command():
    """Ratios of things timed in turn in one run, with medians and spread."""
