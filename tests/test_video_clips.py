"""Clips: the right frames, the right labels, nothing dropped in silence, and top-1 on them."""

import threading

import datasets
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise

from janus.clips import ClipPreprocess, evaluate_clips, open_clips, read_frames, read_names, sample_frames
from janus.data import Skipped
from janus.errors import JanusError

av = pytest.importorskip("av")
SMALL = ClipPreprocess(frames=4, stride=2, size=32)
NAMES = ("arm wrestling", "bowling", "yoga")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What `datasets` converts goes where the test's files go."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))


def write_video(path, frames=30, width=64, height=48, tint=0):
    """A lossless video whose frame i is grey i, but for its red, which is ``tint``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for i in range(frames):
            picture = np.full((height, width, 3), i, np.uint8)
            picture[..., 0] = tint
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


# Frames


@given(st.integers(1, 2000), st.integers(1, 64), st.integers(1, 8))
def test_frames_are_spread_over_the_middle(total, frames, stride):
    """In order and inside; where the video is long enough, in even steps, as many left out before as behind."""
    chosen = sample_frames(total, frames, stride)

    assert len(chosen) == frames
    assert chosen.min() >= 0 and chosen.max() < total
    assert np.all(np.diff(chosen) >= 0)
    if total > (frames - 1) * stride:
        assert np.all(np.diff(chosen) == stride)
        assert (total - 1 - chosen[-1]) - chosen[0] in (0, 1)
    elif frames > 1:
        assert (chosen[0], chosen[-1]) == (0, total - 1)


def test_videomaes_own_window():
    """16 frames, every fourth, of the 300 that a clip of Kinetics has; and of ten frames all, some twice."""
    assert sample_frames(300).tolist() == list(range(119, 180, 4))
    assert set(sample_frames(10).tolist()) == set(range(10))
    with pytest.raises(JanusError, match="numbers from 1 on"):
        sample_frames(0)


def test_the_chosen_frames_are_decoded_exactly(tmp_path):
    """From a file and from its bytes; every frame carries its number as its grey."""
    path = write_video(tmp_path / "a.avi", frames=40, tint=200)

    for source in (path, path.read_bytes()):
        frames = read_frames(source, frames=4, stride=3)
        assert [frame.shape for frame in frames] == [(48, 64, 3)] * 4
        assert [int(frame[0, 0, 1]) for frame in frames] == [15, 18, 21, 24]
        assert {int(frame[0, 0, 0]) for frame in frames} == {200}


def test_a_short_video_repeats_frames(tmp_path):
    """From its first to its last."""
    frames = read_frames(write_video(tmp_path / "a.avi", frames=3), frames=5, stride=4)

    assert [int(frame[0, 0, 1]) for frame in frames] == [0, 0, 1, 2, 2]


# The input


def test_a_clip_is_resized_cropped_and_normalised():
    """The short side fits, the middle is kept, the channels have the mean and deviation of ImageNet."""
    frame = np.zeros((100, 300, 3), np.uint8)
    frame[:, 100:200] = 255

    clip = ClipPreprocess()([frame, frame])

    assert clip.shape == (2, 3, 224, 224)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (ClipPreprocess().mean, ClipPreprocess().std))
    assert torch.allclose(clip[0, :, 5:-5, 5:-5], ((1 - mean) / std).expand(3, 214, 214))
    with pytest.raises(JanusError, match="too elongated"):
        ClipPreprocess()([np.zeros((1, 30000, 3), np.uint8)])


@pytest.mark.parametrize("size", [(340, 256), (240, 320), (256, 256), (100, 333)])
def test_the_input_is_that_of_videomae(size):
    """Values are those of its image processor with the mean and deviation that its Kinetics weights come with."""
    transformers = pytest.importorskip("transformers")
    frame = np.array(noise(0, size[1], size[0]))
    own = ClipPreprocess()

    processor = transformers.VideoMAEImageProcessor(image_mean=list(own.mean), image_std=list(own.std))
    expected = processor([frame, frame], return_tensors="pt")["pixel_values"][0]

    # Two resizers may round a pixel to one of two neighbouring greys.
    apart = (own([frame, frame]) - expected).abs()
    assert apart.max() < 1.01 / 255 / min(own.std) and apart.mean() < 1e-3


# Sets


def fill(root):
    for i, folder in enumerate(("Arm_Wrestling", "bowling", "yoga")):
        for j in range(3):
            write_video(root / folder / f"{j}.avi", frames=8 + j, tint=50 + 80 * i)
    return root


def test_folders_are_labelled_by_the_names(tmp_path):
    """Whatever their case, with _ for a blank; in one order each time, of which a limit takes the first."""
    clips = open_clips(fill(tmp_path), names=NAMES)

    items = list(clips.stream(SMALL))

    assert clips.total == 9 and clips.names == NAMES
    assert {item.name.split("/")[0]: item.label for item in items} == {"Arm_Wrestling": 0, "bowling": 1, "yoga": 2}
    assert {item.frames.shape for item in items} == {(4, 3, 32, 32)}
    assert [item.name for item in clips.stream(SMALL, limit=4)] == [item.name for item in items][:4]


def test_a_file_a_heap_and_their_labels(tmp_path):
    """One video may be a set; single clips get labels by name, in the order of their files."""
    first = write_video(tmp_path / "b.avi")
    write_video(tmp_path / "a.avi")

    assert [(item.name, item.label) for item in open_clips(first).stream(SMALL)] == [("b.avi", None)]
    both = open_clips(tmp_path, names=NAMES, labels=["yoga", "bowling"])
    assert {item.name: item.label for item in both.stream(SMALL)} == {"a.avi": 2, "b.avi": 1}
    assert open_clips(tmp_path, names=NAMES).names == ()
    with pytest.raises(JanusError, match="1 labels are given for 2 clips"):
        open_clips(tmp_path, names=NAMES, labels=["yoga"])


def test_sets_that_make_no_sense_are_refused(tmp_path):
    """A folder that is no class, none at all, one that is not there, names that are none."""
    with pytest.raises(JanusError, match="there is no clip in it"):
        open_clips(tmp_path)
    fill(tmp_path)
    with pytest.raises(JanusError, match="'yoga' is none of the 2 class names"):
        open_clips(tmp_path, names=NAMES[:2])
    write_video(tmp_path / "stray.avi")
    with pytest.raises(JanusError, match=r"stray\.avi lies outside"):
        open_clips(tmp_path, names=NAMES)
    with pytest.raises(JanusError, match="no such file or folder"):
        open_clips(tmp_path / "nowhere at all")
    names = tmp_path / "names.txt"
    for text, said in (("", "there is no name"), ("a b\nA_b\n", "stands twice")):
        names.write_text(text)
        with pytest.raises(JanusError, match=said):
            read_names(names)
    with pytest.raises(JanusError, match="cannot be read"):
        read_names(tmp_path / "none.txt")


def test_what_does_not_decode_is_named(tmp_path):
    """Text, nothing, half a file's header, sound without a picture: each with a reason, and the good one comes."""
    good = write_video(tmp_path / "good.avi")
    (tmp_path / "text.mp4").write_text("This is no video at all, whatever its name says.")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "header.avi").write_bytes(good.read_bytes()[:300])
    with av.open(str(tmp_path / "sound.avi"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))

    items = list(open_clips(tmp_path).stream(SMALL))

    skipped = {item.file: item.reason for item in items if isinstance(item, Skipped)}
    assert sorted(skipped) == ["empty.mp4", "header.avi", "sound.avi", "text.mp4"]
    assert all(skipped.values())
    assert skipped["sound.avi"] == "has no video stream"
    assert [item.name for item in items if not isinstance(item, Skipped)] == ["good.avi"]


def test_a_video_set_of_datasets(tmp_path):
    """Videos as bytes in Parquet, labelled by their class names."""
    features = {"video": datasets.Video(decode=False), "label": datasets.ClassLabel(names=["yoga", "bowling"])}
    rows = {
        "video": [
            {"bytes": write_video(tmp_path / "in" / f"{i}.avi", tint=i).read_bytes(), "path": None} for i in (0, 1)
        ],
        "label": [0, 1],
    }
    (tmp_path / "set").mkdir()
    table = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
    table.to_parquet(tmp_path / "set" / "test.parquet")

    clips = open_clips(tmp_path / "set", names=NAMES)

    assert {item.name: item.label for item in clips.stream(SMALL)} == {"#0": 2, "#1": 1}
    with pytest.raises(JanusError, match="'yoga' is none of the 1 class names"):
        open_clips(tmp_path / "set", names=["bowling"])


# Top-1


def by_tint(batch):
    """Knows the class by the red of `fill`'s videos."""
    red = batch[:, 0, 0, 16, 16] * ClipPreprocess().std[0] + ClipPreprocess().mean[0]
    distance = (red[:, None] * 255 - torch.tensor([50.0, 130.0, 210.0])).abs()
    return -distance


def test_top1_comes_batch_by_batch(tmp_path):
    """A classifier that knows is right, one that always says the same has a third, both with an interval."""
    clips = open_clips(fill(tmp_path), names=NAMES)

    reports = list(evaluate_clips(by_tint, clips, preprocess=SMALL, batch_size=4))
    same = list(evaluate_clips(lambda batch: torch.eye(3)[[1] * len(batch)], clips, preprocess=SMALL))[-1]

    assert [(report.n, report.top1, report.top5) for report in reports] == [(4, 100, 100), (8, 100, 100), (9, 100, 100)]
    assert same.top1 == pytest.approx(100 / 3)
    assert same.ci95[0] < same.top1 < same.ci95[1]
    assert set(same.row()) == {"n", "top1", "top5", "ci95", "clips_per_s"}


def test_it_can_be_cancelled_and_counts_what_it_skipped(tmp_path):
    """Between two batches; undecodable clips are told and left out."""
    (fill(tmp_path) / "yoga" / "bad.avi").write_text("no video")
    clips, cancel, skipped, seen = open_clips(tmp_path, names=NAMES), threading.Event(), [], []

    for report in evaluate_clips(by_tint, clips, preprocess=SMALL, batch_size=2, cancel=cancel):
        seen.append(report.n)
        cancel.set()
    whole = list(evaluate_clips(by_tint, clips, preprocess=SMALL, on_skip=skipped.append))[-1]

    assert seen == [2]
    assert whole.n == 9
    assert [item.file for item in skipped] == ["yoga/bad.avi"]


def test_what_cannot_be_evaluated_is_refused(tmp_path):
    """No labels, another number of classes, no clip that decodes."""
    (tmp_path / "yoga").mkdir()
    (tmp_path / "yoga" / "bad.avi").write_text("no video")
    with pytest.raises(JanusError, match="they have no labels"):
        list(evaluate_clips(by_tint, open_clips(tmp_path)))
    with pytest.raises(JanusError, match=r"none of 1 clips could be used: yoga/bad\.avi does not decode"):
        list(evaluate_clips(by_tint, open_clips(tmp_path, names=NAMES)))
    write_video(tmp_path / "yoga" / "good.avi")
    with pytest.raises(JanusError, match=r"logits of shape \(1, 400\) came for 1 clips of 3 classes"):
        list(evaluate_clips(lambda batch: torch.zeros(len(batch), 400), open_clips(tmp_path, names=NAMES),
                            preprocess=SMALL))  # fmt: skip


def test_a_videomae_of_transformers_goes_the_whole_path(tmp_path):
    """A real (if random) architecture over clips of a folder takes the tensor as it comes."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    torch.manual_seed(0)
    small = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96}
    config = VideoMAEConfig(**small, image_size=32, num_frames=4, num_labels=3)
    model = VideoMAEForVideoClassification(config).eval()
    clips = open_clips(fill(tmp_path), names=NAMES)

    last = list(evaluate_clips(lambda batch: model(batch).logits, clips, preprocess=SMALL))[-1]

    assert last.n == 9 and 0 <= last.top1 <= 100


def test_real_clips(shared):
    """One of Kinetics-400 and two of UCF-101, in two codecs, with the 400 names."""
    folder = shared / "video"
    names = read_names(folder / "label_map_k400.txt")

    items = {item.name: item for item in open_clips(folder).stream()}
    clip = open_clips(folder / "k400_arm_wrestling.mp4", names=folder / "label_map_k400.txt", labels=["arm wrestling"])

    assert len(names) == 400 and len(items) == 3
    for item in items.values():
        assert item.frames.shape == (16, 3, 224, 224)
        assert item.frames.std() > 0.5
        assert (item.frames[0] - item.frames[-1]).abs().mean() > 0.01
    label = names.index("arm wrestling")
    right = list(evaluate_clips(lambda batch: torch.eye(400)[[label] * len(batch)], clip))[-1]
    assert (right.n, right.top1) == (1, 100)
