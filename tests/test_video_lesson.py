"""The lesson on video: its numbers are what they are called; a clip as a payload; the demo set's clips."""

import json

import numpy as np
import pytest
import torch
from hugging import noise, relative, videomae
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from janus import demo, reproduce, video_lesson
from janus.cli import main
from janus.clips import ClipPreprocess, encode_clip, open_clips, read_frames, read_names, travel_table
from janus.errors import JanusError
from janus.files import data_folder
from janus.geometry import find_geometry
from janus.grid import find_encoding
from janus.network import Trace
from janus.profile import load_profile
from janus.schedule import MergeSchedule
from janus.vit import open_vit

SCHEDULE = MergeSchedule(level=0.6)


@pytest.fixture(scope="module")
def clip():
    return demo.clip("val", 0).pixels


@pytest.fixture
def vit():
    """A model of 128 tokens: 16 pictures of 112 pixels in patches of 28."""
    config = VideoMAEConfig(
        hidden_size=48, num_hidden_layers=4, num_attention_heads=3, intermediate_size=96, image_size=112,
        patch_size=28, num_labels=8, initializer_range=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    return open_vit(VideoMAEForVideoClassification(config).eval())


# A clip as a payload


def test_pictures_of_a_clip_travel_without_loss(clip):
    """Raw is the pixels; a clip as pictures is all of them."""
    assert encode_clip(clip, "raw") == clip.tobytes()
    assert len(encode_clip(clip, "jpeg85")) == sum(len(encode_clip(frame[None], "jpeg85")) for frame in clip)


def test_a_video_decodes_to_as_many_frames(clip):
    """H.264 gives back every frame, near to what went in, and a coarser one is smaller."""
    fine, coarse = encode_clip(clip, "h264-18"), encode_clip(clip, "h264-35")
    back = np.stack(read_frames(fine)).astype(int)

    assert back.shape == clip.shape
    assert np.abs(back - clip).mean() < 10
    assert len(coarse) < len(fine) < clip.nbytes


def test_a_still_clip_costs_a_video_one_picture():
    """Where nothing moves, fifteen of sixteen frames are next to nothing: what a video codec is for."""
    still = np.repeat(demo.clip("val", 0, frames=2).pixels[:1], 16, axis=0)
    table = travel_table([still]).set_index("encoding")

    assert table.loc["h264-23", "mean_kb"] < table.loc["jpeg85", "mean_kb"] / 4
    assert list(table.columns) == ["n", "mean_kb", "least_kb", "most_kb"]


@pytest.mark.parametrize("encoding", ["h264", "h264-52", "h265-23", "gif"])
def test_other_encodings_of_clips_are_refused(encoding, clip):
    """One sentence."""
    with pytest.raises(JanusError, match="is unknown"):
        encode_clip(clip, encoding)
    with pytest.raises(JanusError, match="no clips to measure"):
        travel_table([])


def test_the_grid_knows_a_clip_as_a_video():
    """With the bytes that are stored; a single picture is none."""
    stored, _ = reproduce.read_table(data_folder("results") / "clip_payloads.csv")
    kilobytes = stored.set_index("encoding").loc["h264-23", "mean_kb"]

    video = find_encoding("h264-23", find_geometry("videomae_large_patch16_224"))

    assert video.size_bytes / 1000 == pytest.approx(kilobytes, abs=0.05)
    with pytest.raises(JanusError, match="encoding 'h264-23' is unknown"):
        find_encoding("h264-23", find_geometry("vit_tiny_patch16_224"))


# The demo set's clips


def test_demo_clips_are_labelled_by_their_motion():
    """Each motion alike often; the pixels are the set's own; their label says that they are procedural."""
    clips = open_clips("demo:test")
    entries = list(clips.entries())

    assert clips.names == demo.MOTIONS and clips.facts["label"] == demo.LABEL
    assert np.bincount([entry.label for entry in entries]).tolist() == [clips.total // 8] * 8
    first = next(clips.stream(ClipPreprocess(size=224), limit=1))
    index = int(first.name.split("/")[1])
    assert torch.equal(first.frames, ClipPreprocess()(list(demo.clip("test", index).pixels)))
    assert first.label == demo.clip("test", index, frames=2).label


def test_demo_clips_that_are_not_there_are_refused():
    """A split, or names of other classes."""
    with pytest.raises(JanusError, match="clips demo:none: there is no such split; choose one of train, val, test"):
        open_clips("demo:none")
    with pytest.raises(JanusError, match="its 8 classes are left, right"):
        open_clips("demo", names=["yoga"])


# Merging over time


def test_following_counts_every_tubelet_once(vit, clip):
    """After every block the tokens are those of the plan, and all three kinds together."""
    found = video_lesson.follow(vit, _small(clip), SCHEDULE)
    table = video_lesson.follow_table(found)

    assert table["tokens"].tolist() == list(vit.plan(SCHEDULE).tokens)
    assert (table["single"] + table["within_a_step"] + table["over_time"] == table["tokens"]).all()
    assert table["tubelets_over_time_percent"].iloc[0] == 0 < table["tubelets_over_time_percent"].iloc[-1]
    assert b"PNG" in video_lesson.strip(_small(clip), found[-1], steps=(0, 7)).data[:8]


def test_a_tubelet_meets_its_later_self_only_by_way_of_a_neighbour(vit):
    """An even number of tubelets a step deals the same place into the same set every time, even where nothing moves."""
    vit.model.videomae.embeddings.position_embeddings.zero_()
    frame = np.random.default_rng(0).integers(0, 256, (1, 112, 112, 3), dtype=np.uint8)
    found = video_lesson.follow(vit, frame.repeat(16, 0), MergeSchedule.explicit([40, 0, 0, 0]))[-1]

    grown = [np.argwhere(found.group == token) for token in np.flatnonzero(found.sizes > 1)]
    assert [int((at[:, 2] % 2 == 0).sum()) for at in grown] == [1] * len(grown)
    assert found.spans.max() > 1


def test_the_lesson_is_exact(vit, clip):
    """Level 0 is transformers; each split is the unsplit run."""
    table = video_lesson.exact_table(vit, _small(clip), SCHEDULE, range(vit.depth + 1))

    assert table["difference"].iloc[0] <= 1e-5
    assert (table["difference"].iloc[1:] == 0).all()


def test_top1_streams_over_the_same_clips(vit):
    """Batch by batch; an unmerged run does not move from itself, a merged one does."""
    table = video_lesson.top1_table(vit, open_clips("demo"), [SCHEDULE], limit=4, batch_size=2)

    assert table["n"].tolist() == [2, 4, 2, 4]
    assert (table["moved_percent"] > 0).tolist() == [False, False, True, True]
    assert ((table["low_percent"] <= table["top1_percent"]) & (table["top1_percent"] <= table["high_percent"])).all()


# Latency along a trace


def test_on_a_steady_link_every_split_takes_what_the_grid_says():
    """Whatever the moment, and for every encoding of the input; H.264 changes split 0 alone."""
    bench = reproduce.open_bench("video", ["5g-static"])
    grids = [bench.grid(encoding).rebuilt(levels=(0.0, 0.3)) for encoding in ("raw", "h264-23")]
    table = video_lesson.split_trace_table(grids, Trace.constant(40.0, duration_s=60.0), rtt_ms=30.0, every_s=5.0)

    assert (table["p50_ms"] - table["p90_ms"]).abs().max() < 1e-6
    expected = grids[0].modelled_ms(40.0, 30.0)[1]
    raw = table[(table["level"] == 0.3) & (table["travels_as"] != "h264-23")]
    assert raw["p50_ms"].tolist() == pytest.approx(expected.tolist())
    assert table[table["travels_as"] == "h264-23"]["split"].tolist() == [0, 0]
    figure = video_lesson.split_trace_figure(table, title="t", slo_ms=400.0)
    assert len(figure.data) == 6


def test_what_janus_chooses_is_counted_whole():
    """Clips travel, are cut or stay; where they travel small, hardly any is cut."""
    bench = reproduce.open_bench("video", ["5g-driving"])
    table = video_lesson.chosen_table(bench, bench.traces[0], ("raw", "h264-23"), slo_ms=400.0).set_index("encoding")

    assert (table["travel_percent"] + table["cut_percent"] + table["stay_percent"]).tolist() == pytest.approx(
        [100, 100]
    )
    assert table.loc["h264-23", "cut_percent"] < table.loc["raw", "cut_percent"]


# From the command line


def test_a_video_model_is_profiled_and_replayed(tmp_path, monkeypatch, capsys):
    """`janus profile --effort quick` gives a profile of clips, and `janus replay` takes it, H.264 included."""
    monkeypatch.setattr("janus.models.create_model", lambda name, pretrained: videomae())
    out = tmp_path / "video.json"

    main(["profile", "--model", "any", "--effort", "quick", "--out", str(out), "--json"])
    profiled = json.loads(capsys.readouterr().out)
    main(["replay", "--device", str(out), "--cloud", "v100", "--trace", "5g-static", "--duration", "2", "--jobs", "1",
          "--encoding", "raw,h264-23", "--policy", "janus,mixed", "--frames", "5", "--json"])  # fmt: skip
    replayed = json.loads(capsys.readouterr().out)

    assert load_profile(out).geometry.pictures == 4
    assert len({row["tokens"] for row in profiled["results"]}) <= 5
    assert {row["encoding"] for row in replayed["results"]} == {"raw", "h264-23"}


def test_random_weights_for_a_profile_ask_no_hub(monkeypatch):
    """The model that `janus profile` times is built without a look at the network."""
    import janus.hub
    from janus import zoo
    from janus.models import create_model

    def refuse():
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(janus.hub, "hub_reachable", refuse)
    monkeypatch.setattr(zoo, "hub_reachable", refuse)
    name = "MCG-NJU/videomae-small-finetuned-kinetics"
    entry = zoo.ENTRIES[name]
    monkeypatch.setitem(entry.settings, "num_hidden_layers", 1)

    assert open_vit(create_model(name, pretrained=False)).tokens == 1568


# At its full size, and on real clips


def test_all_1568_tokens_are_transformers():
    """16 pictures of 224 pixels, in small's width; one block stands for the twelve alike."""
    torch.manual_seed(0)
    config = VideoMAEConfig(hidden_size=384, num_attention_heads=6, num_hidden_layers=1, num_labels=400)
    model = VideoMAEForVideoClassification(config).eval()
    clips = noise(1, 16, 3, 224, 224)

    with torch.inference_mode():
        assert relative(open_vit(model)(clips), model(clips).logits) <= 1e-5


def test_real_clips_go_the_whole_path(shared):
    """From files through preprocessing, merging, the cut and the codec to one of 400 names; tubelets are drawn."""
    names = read_names(shared / "video" / "label_map_k400.txt")
    torch.manual_seed(0)
    config = VideoMAEConfig(
        hidden_size=96, num_hidden_layers=2, num_attention_heads=3, intermediate_size=192, num_labels=len(names)
    )
    vit = open_vit(VideoMAEForVideoClassification(config).eval())
    schedule = MergeSchedule(family="constant", level=300)
    prepare = ClipPreprocess()

    clips = {entry.name: read_frames(entry.source) for entry in open_clips(shared / "video").entries()}

    assert len(clips) == 3
    for frames in clips.values():
        pixels = np.stack([prepare.pixels(frame) for frame in frames])
        table = video_lesson.exact_table(vit, pixels, schedule, (0, 1, 2))
        assert table["tokens"].tolist()[1:] == [1568, 1268, 968]
        assert table["difference"].iloc[0] <= 1e-5 and (table["difference"].iloc[1:] == 0).all()
        merged = video_lesson.follow(vit, pixels, schedule)[-1]
        assert merged.sizes.sum() == 1568 and len(merged.sizes) == 968
        assert len(encode_clip(pixels, "h264-23")) < len(encode_clip(pixels, "jpeg85"))


def _small(pixels):
    """A clip at 112 pixels."""
    return pixels[:, ::2, ::2]
