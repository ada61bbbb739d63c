"""`janus cloud`: serve the rest of every frame."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path

import click

from janus.cli.common import BACKENDS
from janus.errors import JanusError

FILE = click.Path(path_type=Path)


@click.command("cloud")
@click.option("--model", "name", help="Full timm tag.  [required, but for --new-credentials]")
@click.option("--weights", type=FILE, help="A safetensors file instead of the hub's weights.")
@click.option("--codebook", type=FILE, help="For devices that send the codec transform.  [default: the shipped one]")
@click.option("--listen", default="127.0.0.1:7000", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--threads", type=click.IntRange(1), help="Threads of torch.  [default: torch's own choice]")
@click.option("--torch-device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--backend", type=click.Choice(BACKENDS), default="eager", show_default=True,
    help="What runs the blocks; eager does until a plan is compiled.",
)  # fmt: skip
@click.option(
    "--max-batch", type=click.IntRange(1, 1024), default=8, show_default=True, help="Images computed at once."
)
@click.option(
    "--max-waiting", type=click.IntRange(1, 1024), default=16, show_default=True, help="Requests held at once."
)
@click.option("--tls-cert", type=FILE, help="Certificate of this cloud (PEM).")
@click.option("--tls-key", type=FILE, help="Its key (PEM).")
@click.option("--client-ca", type=FILE, help="Devices must show a certificate that this authority signed (PEM).")
@click.option("--token-file", type=FILE, help="Devices must send the first line of this file as a bearer token.")
@click.option("--profile", "profile_file", type=FILE, help="Latency profile of this machine, for devices that ask.")
@click.option("--emulate", metavar="PROFILE", help="Stretch compute to a profile: a file, or a machine such as v100.")
@click.option("--slowdown", type=float, help="Emulated time runs so much slower.  [default: 1]")
@click.option(
    "--new-credentials", "folder", type=FILE, metavar="DIR", help="Make a working set of credentials, and end."
)
@click.option("--host", "hosts", multiple=True, help="Name or address that devices will call, for --new-credentials.")
@click.option("--child", is_flag=True, hidden=True)
def command(name, weights, codebook, listen, threads, torch_device, backend, max_batch, max_waiting, tls_cert, tls_key,
            client_ca, token_file, profile_file, emulate, slowdown, folder, hosts, child):  # fmt: skip
    """Serve a model to devices: blocks behind any split and the head, or the whole model on a picture.

    Without credentials it listens on this machine only. What it gets it forgets with the answer.
    """
    if folder is not None:
        make_credentials(folder, hosts)
        return
    if name is None:
        raise JanusError("--model is missing: give the full timm tag of the model to serve.")
    if hosts:
        raise JanusError(f"--host {hosts[0]} goes with --new-credentials: it is written into the certificate.")
    if slowdown is not None and emulate is None:
        raise JanusError(f"--slowdown {slowdown:g} goes with --emulate: nothing else is stretched.")
    from janus.runtime.children import leave, obey, say
    from janus.runtime.credentials import CloudCredentials, check_listen, split_address

    credentials = CloudCredentials(certificate=tls_cert, key=tls_key, client_ca=client_ca, token=token_file)
    check_listen(split_address(listen)[0], credentials)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr, level=logging.WARNING)

    import torch

    from janus.models import load_model
    from janus.profile import find_profile, load_profile
    from janus.profiling import check_torch_device
    from janus.runtime.half import open_half, with_backend
    from janus.runtime.pace import Pace
    from janus.runtime.requests import Limits
    from janus.runtime.server import serve

    if threads:
        torch.set_num_threads(threads)
    loaded = load_model(name, weights=weights)
    half = open_half(loaded.model.to(check_torch_device(torch_device)), loaded.name, codebook=codebook)
    half = with_backend(half, backend, lambda note: click.echo(note, err=True))
    profile = None if profile_file is None else load_profile(profile_file, for_model=loaded.name)
    pace = (
        None
        if emulate is None
        else Pace(
            profile=find_profile(emulate, loaded.name, half.vit.geometry),
            slowdown=1.0 if slowdown is None else slowdown,
        )
    )
    limits = Limits(max_batch=max_batch, max_waiting=max_waiting)
    cloud = serve(half, listen, credentials=credentials, limits=limits, pace=pace, profile=profile)
    if child:
        say(address=cloud.address)
        obey({})
        leave()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    book = f", codebook {half.book_key.hex()[:12]}," if half.book else ""
    click.echo(f"{loaded.name} ({half.key.hex()[:12]}){book} on {cloud.address}; Ctrl-C ends it.")
    if tls_cert is not None and client_ca is None and token_file is None:
        click.echo("Whoever reaches this port may use it: --client-ca or --token-file says who may.", err=True)
    try:
        ended.wait()
    finally:
        cloud.stop()


def make_credentials(folder: Path, hosts: tuple[str, ...]) -> None:
    """Make them, and say how they are used."""
    from janus.runtime.authority import new_credentials

    made = new_credentials(folder, hosts)
    click.echo(
        f"The cloud:   janus cloud --tls-cert {made['cloud.pem']} --tls-key {made['cloud-key.pem']} "
        f"--client-ca {made['ca.pem']} --token-file {made['token']} --model … --listen …\n"
        f"Each device: janus device --ca {made['ca.pem']} --cert {made['device.pem']} --key {made['device-key.pem']} "
        f"--token-file {made['token']} --model … --cloud …\n"
        f"A device needs only the files that its line names. {made['ca-key.pem']} signs more devices: keep it safe."
    )
