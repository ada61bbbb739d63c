"""janus cloud, janus device, janus link: from the command line to a table, and refusals in one sentence."""

import json
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from PIL import Image
from runtime_kit import patient_lines, profile  # noqa: F401
from safetensors.torch import save_file

from janus.bench.fuzz import noise_codebook
from janus.cli import main
from janus.models import full_name
from janus.profile import load_profile, save_profile
from janus.runtime.credentials import split_address
from janus.runtime.half import open_half
from janus.runtime.pace import Pace
from janus.runtime.server import serve

NAME = "test_vit"
JANUS = [sys.executable, "-c", "from janus.cli import main; main()"]


def rate(size, top1):
    """Figures of a row of rates."""
    return {
        "bytes_mean": size, "bytes_p90": size, "encode_ms": 1, "decode_ms": 1, "top1": top1, "low": top1 - 5,
        "high": top1 + 5,
    }  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Weights, pictures of two classes, one file that is no picture, and a profile."""
    folder = tmp_path_factory.mktemp("world")
    torch.manual_seed(0)
    model = timm.create_model(NAME).eval()
    save_file(model.state_dict(), folder / "weights.safetensors")
    half = open_half(model, full_name(model))
    noise_codebook(half).write(folder / "codebook.safetensors")
    half = open_half(model, full_name(model), codebook=folder / "codebook.safetensors")
    rows = [
        {"kind": "picture", "codec": "jpeg", "quality": 85, "schedule": "none", "level": 0, "split": 0,
         **rate(900, 70)},
        {"kind": "tokens", "codec": "transform", "quality": 1, "schedule": "constant", "level": 8, "split": 3,
         **rate(50, 69)},
    ]  # fmt: skip
    rates = {"model": half.name, "images": "made up", "n": 100, "unmerged": {"top1": 71, "low": 60, "high": 80}}
    (folder / "rates.json").write_text(json.dumps(rates | {"rows": rows}))
    save_profile(profile(half), folder / "profile.json")
    for i in range(4):
        place = folder / "images" / ("n01440764", "n01443537")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (170, 200, 3), dtype=np.uint8)
        Image.fromarray(noise).save(place / f"{i}.png")
    (folder / "images" / "n01440764" / "broken.png").write_bytes(b"not a picture")
    return folder, half


@pytest.fixture(scope="module")
def cloud(world):
    with serve(world[1], profile=profile(world[1])) as running:
        yield running


def run(*arguments):
    """Exit status of the command in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(part) for part in arguments])
        raise SystemExit(0)
    return ended.value.code or 0


def device(world, cloud, *more):
    folder, _ = world
    return run(
        "device", "--cloud", cloud.address, "--model", NAME, "--weights", folder / "weights.safetensors",
        "--images", folder / "images", "--slo", 60_000, "--device-profile", folder / "profile.json", *more,
    )  # fmt: skip


def test_a_device_runs_a_folder_against_a_cloud(world, cloud, tmp_path, capsys):
    """The table in a file, the summary on stdout, the broken picture named; the cloud said itself how fast it is."""
    status = device(world, cloud, "--split", 2, "--codec", "fp32", "--out", tmp_path / "t.csv", "--json")
    printed = capsys.readouterr()
    doc, table = json.loads(printed.out), pd.read_csv(tmp_path / "t.csv")

    assert status == 0
    assert doc["results"][0]["frames"] == len(table) == 4
    assert [skip["file"] for skip in doc["skipped"]] == ["n01440764/broken.png"]
    assert set(table["answered_by"]) == {"cloud"} and set(table["label"]) == {0, 1}
    assert doc["provenance"]["model"].startswith(NAME)
    assert "taken to be as fast" not in printed.err


def test_tokens_travel_in_the_codec_transform_where_both_ends_have_its_codebook(world, cloud, tmp_path):
    """At a split that it serves, and with a policy; fewer bytes than int8."""
    book, out = world[0] / "codebook.safetensors", tmp_path / "t.csv"
    assert device(world, cloud, "--codec", "transform1", "--codebook", book, "--policy", "janus", "--out", out) == 0
    assert len(pd.read_csv(out)) == 4
    assert device(world, cloud, "--codec", "transform1", "--codebook", book, "--split", 3, "--out", out) == 0
    table = pd.read_csv(out)

    assert set(table["travels_as"]) == {"transform1"} and set(table["answered_by"]) == {"cloud"}
    assert (table["payload_bytes"] < 64 * 100).all()


def test_a_policy_chooses_among_measured_rates(world, cloud, tmp_path, capsys):
    """Pictures, tokens and the device; without the cloud's codebook without those tokens, and it says so."""
    folder, half = world
    told = ("--policy", "janus-codec", "--rates", folder / "rates.json", "--codebook", folder / "codebook.safetensors")
    assert device(world, cloud, *told, "--frames", 6, "--out", tmp_path / "t.csv") == 0
    both = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    capsys.readouterr()
    with serve(replace(half, book=None), profile=profile(half)) as without:
        assert device(world, without, *told, "--frames", 6, "--out", tmp_path / "t.csv") == 0
    pictures = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)

    assert set(both["travels_as"]) <= {"", "raw", "jpeg85", "transform1"} and len(both) == 6
    assert set(pictures["travels_as"]) <= {"", "raw", "jpeg85"}
    assert "no tokens travel in the codec transform" in capsys.readouterr().err


@pytest.mark.parametrize("there", ["none", "another"])
def test_a_codec_that_the_cloud_cannot_decode_is_refused_in_one_sentence(world, there, capsys):
    """With what each end has, and what to do."""
    folder, half = world
    other = None if there == "none" else replace(half.book, sizes=half.book.sizes[::-1].copy())
    with serve(replace(half, book=other), profile=profile(half)) as running:
        status = device(
            world, running, "--codec", "transform1", "--codebook", folder / "codebook.safetensors", "--split", 3
        )
    words = capsys.readouterr().err

    assert status == 2
    assert {"none": "janus cloud --codebook FILE", "another": "start both with the same --codebook"}[there] in words


def test_a_profile_times_the_codec_transform(world, tmp_path, capsys):
    """With a codebook of the model, whatever its weights; without one it says what is missing."""
    told = ("profile", "--model", NAME, "--effort", "quick", "--rounds", 3, "--out", tmp_path / "p.json")
    codec = ("--codec", "transform1")
    assert run(*told, *codec, "--codebook", world[0] / "codebook.safetensors") == 0
    assert run(*told, *codec) == 2
    assert "there is no codebook for" in capsys.readouterr().err
    assert run(*told, "--codebook", world[0] / "codebook.safetensors") == 2

    made = load_profile(tmp_path / "p.json")
    assert made.codec == "transform1" and len(made.encode) == 6


def test_a_cloud_that_imitates_another_makes_the_latency_emulated(world, tmp_path, capsys):
    """The device hears of it at connect, and the table never says measured."""
    pace = Pace(profile=profile(world[1], 2.0), slowdown=1.0)
    with serve(world[1], pace=pace) as imitating:
        device(world, imitating, "--split", 2, "--out", tmp_path / "t.csv", "--json")
    table = pd.read_csv(tmp_path / "t.csv")
    result = json.loads(capsys.readouterr().out)["results"][0]

    assert "emulated_ms" in table and "measured_ms" not in table
    assert result["p99_ms"] == pytest.approx(table["emulated_ms"].max(), abs=0.001)


def test_a_table_may_be_parquet(world, cloud, tmp_path):
    """The ending of --out says the format; pictures repeat for --frames."""
    assert device(world, cloud, "--policy", "cloud-only-raw", "--frames", 7, "--out", tmp_path / "t.parquet") == 0
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 7


def test_a_camera_sets_the_pace(world, cloud, tmp_path):
    """With its own columns, for as long as it is told."""
    device(world, cloud, "--policy", "device-only", "--camera-fps", 20, "--seconds", 0.4, "--out", tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")

    assert list(table["time_s"]) == pytest.approx([i / 20 for i in range(8)])
    assert {"queued_ms", "dropped"} <= set(table)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cloud"], "--model is missing"),
        (["cloud", "--model", NAME, "--listen", "0.0.0.0:0"], "takes credentials"),
        (["cloud", "--model", NAME, "--listen", "nowhere"], "is not HOST:PORT"),
        (["cloud", "--model", NAME, "--tls-cert", "x"], "belong together"),
        (["cloud", "--model", "vit_of_a_fable"], "is not an architecture"),
        (["cloud", "--model", NAME, "--slowdown", "2"], "goes with --emulate"),
        (["cloud", "--model", NAME, "--host", "a.example"], "goes with --new-credentials"),
        (["link", "--trace", "5g-driving", "--to", "127.0.0.1:1", "--outage", "1:nan"], "never ends"),
        (["link", "--listen", "0.0.0.0:0", "--trace", "5g-driving", "--to", "127.0.0.1:1"], "loopback only"),
        (["link", "--listen", "127.0.0.1:0"], "--trace and --to are missing"),
        (["link", "--listen", "127.0.0.1:0", "--trace", "a fable", "--to", "127.0.0.1:1"], "a fable"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, says, capsys):
    """Exit status 2, a sentence on stderr, nothing else."""
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.out == "" and "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--out", "x.txt"], "choose .csv or .parquet"),
        (["--out", "no/such/folder/x.csv"], "does not exist"),
        (["--policy", "a fable"], "policy 'a fable' is unknown"),
        (["--policy", "oracle"], "but not run"),
        (["--split", "7"], "beyond the model"),
        (["--slo", "0"], "SLO 0"),
        (["--level", "0.3"], "--level 0.3 goes with --split"),
        (["--camera-fps", "0"], "camera_fps 0"),
        (["--schedule", "a fable"], "schedule 'a fable' is unknown"),
        (["--token-file", "no-such-token"], "cannot be read"),
        (["--codec", "transform1"], "there is no codebook for"),
        (["--codebook", "x"], "goes with --codec transform or --rates"),
        (["--policy", "janus-codec"], "give --rates stored, or a file"),
        (["--rates", "stored"], "no rate table of"),
        (["--cloud-profile", "a fable"], "neither a file nor a machine"),
    ],
)
def test_a_device_that_cannot_run_says_why(world, cloud, more, says, capsys):
    """One sentence that names the option's value."""
    status = device(world, cloud, *more)
    words = capsys.readouterr().err

    assert status == 2
    assert says in words


def test_new_credentials_come_with_the_lines_to_use_them(tmp_path, capsys):
    """A working set in a new folder, and how each end is started with it."""
    assert run("cloud", "--new-credentials", tmp_path / "set", "--host", "cloud.example") == 0
    words = capsys.readouterr().out

    assert f"--tls-cert {tmp_path / 'set' / 'cloud.pem'}" in words
    assert f"--ca {tmp_path / 'set' / 'ca.pem'}" in words
    assert (tmp_path / "set" / "token").read_text().strip() not in words


def test_a_cloud_in_a_terminal_serves_until_it_is_told_to_end(world, tmp_path):
    """It says what it serves and where; SIGTERM ends it in good order."""
    folder, half = world
    command = [*JANUS, "cloud", "--model", NAME, "--weights", folder / "weights.safetensors", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        said = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)

    assert said.startswith(f"{NAME}") and half.key.hex()[:12] in said
    assert status == 0


def test_a_link_in_a_terminal_relays_any_program_until_it_is_told_to_end():
    """It says from where to where; bytes go through; SIGTERM ends it in good order."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        command = [
            *JANUS,
            "link",
            "--trace",
            "5g-static",
            "--to",
            target,
            "--listen",
            "127.0.0.1:0",
            "--outage",
            "99:1",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
            said = process.stdout.readline()
            address = said.split(" from ")[1].split(" to ")[0]
            with socket.create_connection(split_address(address), timeout=30) as near, server.accept()[0] as far:
                near.sendall(b"there")
                far.sendall(b"back")
                got = (far.recv(5, socket.MSG_WAITALL), near.recv(4, socket.MSG_WAITALL))
            process.send_signal(signal.SIGTERM)
            status = process.wait(30)

    assert target in said
    assert got == (b"there", b"back")
    assert status == 0
