"""Video: clips decoded with PyAV from files or a `datasets` video set, and top-1 on them."""

from janus.clips.evaluate import ClipRunning, compare_clips, evaluate_clips
from janus.clips.frames import read_frames, sample_frames
from janus.clips.resize import ClipPreprocess
from janus.clips.sets import Clip, ClipSet, open_clips, read_names
from janus.clips.travel import encode_clip, travel_table

__all__ = [
    "Clip",
    "ClipPreprocess",
    "ClipRunning",
    "ClipSet",
    "compare_clips",
    "encode_clip",
    "evaluate_clips",
    "open_clips",
    "read_frames",
    "read_names",
    "sample_frames",
    "travel_table",
]
