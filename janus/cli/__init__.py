"""The `janus` command. Subcommands load when they are called, so `janus --help` is quick and torch-free."""

from __future__ import annotations

import importlib
import keyword
import sys
import warnings

import click

from janus.errors import JanusError, JanusWarning

COMMANDS = {
    # name: one line for --help. The command object is `janus.cli.<name>.command`.
    "lab": "Open the workbench in JupyterLab.",
    "evaluate": "Accuracy of a merged and split model on real images.",
    "calibrate": "A codebook for the codec transform, from unlabelled pictures.",
    "profile": "Measure what this machine takes for a model.",
    "cloud": "Serve the rest of every frame to devices.",
    "device": "Run pictures on a device, with a cloud behind it.",
    "link": "A TCP relay that is as slow as a trace says.",
    "train-demo": "Train the demo model from nothing, on rendered pictures.",
    "fetch": "Where public recordings are, and how they become traces of Janus.",
    "replay": "Policies over bandwidth traces, by the model of latency.",
    "search": "Schedules made for a cut, within a budget of compute and payload.",
    "reproduce": "The paper's figures, made again, and what its headlines come to.",
    "bench": "Ratios of things timed in turn in one run.",
}


class LazyGroup(click.Group):
    """A group whose members live in modules of their own, imported on first use."""

    def __init__(self, *args, package: str, members: dict[str, str], **kwargs):
        super().__init__(*args, **kwargs)
        self.package, self.members = package, members

    def list_commands(self, ctx):
        return list(self.members)

    def get_command(self, ctx, name):
        if name not in self.members:
            return None
        # "import" and its like cannot be names of modules.
        module = name.replace("-", "_") + "_" * keyword.iskeyword(name)
        return importlib.import_module(f"{self.package}.{module}").command

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(self.members.items()))


@click.group(cls=LazyGroup, package="janus.cli", members=COMMANDS)
@click.version_option(package_name="janus-vit")
def cli():
    """Janus: a Vision Transformer shared between a device and a cloud."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line; bad input is one sentence on stderr and exit status 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show(warnings.showwarning)
            status = cli.main(args=argv, prog_name="janus", standalone_mode=False)
        if isinstance(status, int) and status:  # what a command gave to click's own exit()
            sys.exit(status)
    except click.ClickException as why:
        why.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        print("janus: stopped.", file=sys.stderr)
        sys.exit(130)
    except JanusError as why:
        print(f"janus: {why}", file=sys.stderr)
        sys.exit(2)


def _show(otherwise):
    """A `warnings.showwarning` that tells Janus's own as a sentence, without the line of code it came from."""

    def show(message, category, *where, **more):
        if issubclass(category, JanusWarning):
            print(f"janus: {message}", file=sys.stderr)
        else:
            otherwise(message, category, *where, **more)

    return show
