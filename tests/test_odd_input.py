"""Odd models, traces and clouds, such as others have: each is served, or refused in one sentence."""

import sys
import time
from concurrent.futures import Future
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
import timm
import torch
from conftest import CHECKOUT
from rooms import small_grid, steps
from torch import nn

from janus.cli import main
from janus.errors import JanusError
from janus.evaluate import check_labels
from janus.network import Trace
from janus.network.find import fresh_trace
from janus.pictures import outline_groups
from janus.runtime.authority import new_credentials
from janus.runtime.client import Call, CallFailed
from janus.runtime.janus_pb2 import FinishReply
from janus.runtime.link import LinkSettings
from janus.simulate import ReplaySettings, replay
from janus.vit import open_vit


def said(capsys, *options):
    """What a command says before it ends with status 2, without a traceback."""
    with pytest.raises(SystemExit) as stopped:
        main([str(option) for option in options])
    text = capsys.readouterr().err
    assert stopped.value.code == 2 and "Traceback" not in text
    return text


# -- models ------------------------------------------------------------------------------------------------------------


def test_a_gated_mlp_in_two_layers_is_counted():
    """As in one: three products of the hidden width."""
    with torch.device("meta"):
        vit = open_vit(timm.create_model("aimv2_large_patch14_224.apple_pt", num_classes=10))
    mlp = vit.model.blocks[0].mlp
    layers = [layer for layer in mlp.modules() if isinstance(layer, nn.Linear)]

    assert len(layers) == 3
    assert 2 * vit.geometry.hidden * vit.width == sum(layer.weight.numel() for layer in layers)
    check_labels(vit, SimpleNamespace(name="some", classes=10))


def test_patches_that_do_not_fill_the_picture_are_outlined():
    """A margin of less than a patch is not seen by the model either; other counts are refused."""
    picture = outline_groups(np.zeros((31, 30, 3), np.uint8), np.arange(9), scale=1)

    assert picture.shape == (30, 30, 3)
    with pytest.raises(JanusError, match="is not made of 7 square patches"):
        outline_groups(np.zeros((30, 30, 3), np.uint8), np.arange(7))


def test_two_models_with_the_same_weights_are_told_apart_in_the_cache_of_compiled_parts():
    """Their activation is not in their tensors."""
    from janus.backends.openvino_graph import described  # brings OpenVINO

    one, other = (
        open_vit(timm.create_model("test_vit", act_layer=act).eval()) for act in (nn.GELU, nn.SiLU)
    )  # fmt: skip

    assert described(one) != described(other)
    assert described(one) == described(open_vit(timm.create_model("test_vit", act_layer=nn.GELU).eval()))


# -- traces ------------------------------------------------------------------------------------------------------------


def test_a_closed_loop_without_end_is_refused(monkeypatch):
    """By a sentence, where memory would run out; whoever gives a number of frames has them."""
    monkeypatch.setattr(sys.modules["janus.simulate.replay"], "MAX_LOOP", 5)
    trace = steps([8.0] * 40)
    with pytest.raises(JanusError, match=r"a closed loop over .* has more than 5 frames: give fewer"):
        replay(trace, "device-only", small_grid(), 100.0, ReplaySettings())

    assert len(replay(trace, "device-only", small_grid(), 100.0, ReplaySettings(frames=7))) == 7


def test_a_downlink_without_round_trips_has_half_of_the_uplink_s():
    """Both ways together are the round trip; a delay of one's own is both ways'."""
    up = Trace(name="up", time_s=np.arange(2.0), uplink_mbps=np.full(2, 8.0), rtt_ms=np.full(2, 100.0), duration_s=2.0)
    for downlink in (None, Trace.constant(50.0), Trace.constant(50.0, rtt_ms=40.0)):
        lanes = LinkSettings(uplink=up, downlink=downlink).lanes()
        back = 0.02 if downlink is not None and downlink.rtt_ms is not None else 0.05
        assert [lane._delay_s(3.0) for lane in lanes] == pytest.approx([0.05, back])
    assert [lane._delay_s(3.0) for lane in LinkSettings(uplink=up, delay_ms=7).lanes()] == pytest.approx([0.007] * 2)


@pytest.mark.parametrize(("duration_s", "rounds"), ((42.269, 3), (0.1, 3), (0.7, 11)))
def test_a_trace_is_repeated_exact_times(duration_s, rounds):
    """Whatever rounding makes of the product."""
    trace = Trace(name="t", time_s=np.zeros(1), uplink_mbps=np.ones(1), duration_s=duration_s)
    for wanted in (rounds * duration_s, np.nextafter(rounds * duration_s, np.inf)):
        assert trace.repeat(float(wanted)).duration_s == pytest.approx(wanted)


def test_a_seed_of_a_thousand_digits_is_one_sentence():
    """Python refuses to read it."""
    with pytest.raises(JanusError, match="too long a one") as told:
        fresh_trace("5g-driving", "9" * 5000)
    assert len(str(told.value)) < 300


def test_fetched_traces_do_not_overwrite_their_source(tmp_path, capsys):
    """They would lose their comments and other columns."""
    file = tmp_path / "bus.csv"
    file.write_text("# mine\ntime_s,uplink_mbps,cell\n0,5,a\n1,6,b\n")
    assert "is the folder itself" in said(capsys, "fetch", "traces", "--from", tmp_path, "--out", tmp_path)
    assert file.read_text().startswith("# mine")


# -- clouds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total_ms", (float("nan"), float("inf"), float("-inf"), -1.0, 1e300))
def test_a_cloud_s_impossible_timing_is_no_answer(total_ms):
    """It would spoil the estimate of the bandwidth, or end the run."""

    def call(ms):
        reply = FinishReply(logits=bytes(8), batch=1)
        reply.timing.total_ms = ms
        done = Future()
        done.set_result(reply)
        made = Call(done, time.perf_counter(), classes=2, batch=1)
        made.ended = made.started + 0.01
        made._done.set()
        return made

    assert call(5.0).answer().cloud_ms == 5.0
    with pytest.raises(CallFailed, match="timing") as failed:
        call(total_ms).answer()
    assert failed.value.code is grpc.StatusCode.DATA_LOSS


@pytest.mark.parametrize("host", ("cloud.example:7000", "10.0.0.1:7000", "a b", "zürich.example"))
def test_a_host_in_a_certificate_has_no_port(tmp_path, host):
    """No device would ever match it."""
    with pytest.raises(JanusError, match="write it as devices call it, without a port"):
        new_credentials(tmp_path / "set", hosts=(host,))
    new_credentials(tmp_path / "good", hosts=("cloud.example", "*.example", "my_box", "192.0.2.7"))


# -- commands ----------------------------------------------------------------------------------------------------------


def test_training_refuses_what_it_cannot_use(tmp_path, capsys, monkeypatch):
    """A GPU that is not there, a folder that is a file."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    common = ("train-demo", "--recipe", "smoke")
    assert "'cuda' is not available" in said(capsys, *common, "--work", tmp_path / "w", "--torch-device", "cuda")
    (tmp_path / "file").write_text("")
    assert "cannot be a folder" in said(capsys, *common, "--work", tmp_path / "file" / "x")


def test_accuracies_of_other_weights_are_refused(capsys):
    """The demo model's are no other's."""
    file = CHECKOUT / "data" / "accuracy" / "vit_tiny_patch16_224.janus_demo.json"
    model = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    text = said(capsys, "replay", "--trace", "5g-driving", "--model", model, "--device", "t4", "--accuracy", file)
    assert "is of vit_tiny_patch16_224.janus_demo, not of" in text
