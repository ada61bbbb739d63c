"""The demo data set: pictures, boxes and clips that are rendered from a seed. Nothing is downloaded. Torch-free.

Every sample is a pure function of (seed, split, index), computed in integers, so that it is the same on every machine.
"""

from janus.demo.render import Frame, render
from janus.demo.scene import CLASSES, SHAPES, SIDE, TEXTURES, Scene, Thing
from janus.demo.sets import MOTIONS, SEED, SPLITS, Clip, Sample, clip, coco, sample, scene

# What to call the set and the model that learned it, and what stands beside every number that comes from them.
NAME = "demo"
LABEL = "demo model, procedural images"
# The model that Janus trains itself (`janus train-demo`). timm knows its architecture, not its tag.
ARCHITECTURE, TAG = "vit_tiny_patch16_224", "janus_demo"
MODEL = f"{ARCHITECTURE}.{TAG}"

__all__ = [
    "ARCHITECTURE",
    "CLASSES",
    "LABEL",
    "MODEL",
    "MOTIONS",
    "NAME",
    "SEED",
    "SHAPES",
    "SIDE",
    "SPLITS",
    "TAG",
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
