"""The demo data set: pictures, boxes and clips that are rendered from a seed. Nothing is downloaded. Torch-free.

Every sample is a pure function of (seed, split, index), computed in integers, so that it is the same on every machine.
"""

from janus.demo.render import Frame, render
from janus.demo.scene import CLASSES, SHAPES, SIDE, TEXTURES, Scene, Thing
from janus.demo.sets import MOTIONS, SEED, SPLITS, Clip, Sample, clip, coco, sample, scene

# What to call the set and the model that learned it, and what stands beside every number that comes from them.
NAME = "demo"
LABEL = "demo model, procedural images"

__all__ = [
    "CLASSES",
    "LABEL",
    "MOTIONS",
    "NAME",
    "SEED",
    "SHAPES",
    "SIDE",
    "SPLITS",
    "TEXTURES",
    "Clip",
    "Frame",
    "Sample",
    "Scene",
    "Thing",
    "clip",
    "coco",
    "render",
    "sample",
    "scene",
]
