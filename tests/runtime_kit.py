"""A cloud, a device and a link in one process, on a ViT so small that a frame takes milliseconds."""

import asyncio
import contextlib
import socket
import threading
from copy import deepcopy
from functools import lru_cache

import numpy as np
import pytest
import torch
from vits import make

from janus.calibrate import calibrate
from janus.codec import encode
from janus.grid import GridSettings, PlanGrid
from janus.picture import encode_picture
from janus.policy import Decision
from janus.profile import BlockSample, LatencyProfile
from janus.runtime.half import open_half
from janus.runtime.link import Link, LinkSettings, precise_loop
from janus.runtime.requests import picture_request, tokens_request
from janus.schedule import MergeSchedule
from janus.transform import Codebook

NAME = "vit_tiny_patch16_224"
# For what happens at once on an idle machine: past this it does not happen at all.
WAIT_S = 30.0


@lru_cache
def half(variant="class token", seed=0, name=NAME):
    """One end's model; the same arguments give the same weights."""
    return open_half(make(variant, seed), name)


def pixels(i=0, side=32):
    """Random pixels, the same for the same ``i``."""
    return np.random.default_rng(i).integers(0, 256, (side, side, 3), dtype=np.uint8)


@lru_cache
def listening(variant="class token"):
    """A tiny ViT whose answer depends on its tokens, as a trained one's does; a random head hardly listens."""
    model = deepcopy(half(variant).vit.model)
    with torch.no_grad():
        model.head.weight.mul_(100)
    return open_half(model, NAME)


@lru_cache
def codebook(variant="class token") -> Codebook:
    """Of a tiny ViT, from sixteen random pictures."""
    model = listening(variant)
    return calibrate(
        model.vit, (pixels(i) for i in range(16)), name=model.name, preprocess=model.preprocess, splits=[1, 2, 3],
        facts={"pictures": ["0123456789ab"]},
    )  # fmt: skip


def unsplit(model, picture, schedule):
    """The answer of the model in one piece."""
    with torch.inference_mode():
        return model.vit(model.preprocess.normalise(picture[None]), schedule)


def profile(model, block_ms=1.0, name="test machine"):
    """A machine that takes ``block_ms`` for a block of all tokens, and in proportion for fewer."""
    tokens = model.vit.tokens
    blocks = tuple(
        BlockSample(tokens=n, removed=0, median_ms=block_ms * n / tokens, p10_ms=block_ms * n / tokens * 0.99,
                    p90_ms=block_ms * n / tokens * 1.01, repeats=3)
        for n in (tokens // 4, tokens // 2, tokens)
    )  # fmt: skip
    return LatencyProfile(
        model=model.vit.geometry.name, geometry=model.vit.geometry, name=name, kind="measured", torch_device="cpu",
        dtype="float32", date="2026-01-01", embed_ms=block_ms, head_ms=block_ms, blocks=blocks,
    )  # fmt: skip


def grid(model, device_ms=1.0, cloud_ms=1.0, **settings):
    """All plans, every split among them."""
    settings = {"codec": "fp32", "encoding": "raw", "family": "constant", "levels": (0.0, 4.0)} | settings
    splits = tuple(range(model.vit.depth + 1))
    return PlanGrid.build(
        profile(model, device_ms), profile(model, cloud_ms), GridSettings(splits=splits, **settings)
    )  # fmt: skip


def decision(plans, level_index, split, *, hedge=None, modelled_ms=1.0):
    """A decision for one plan of a grid with every split."""
    return Decision(
        plans.levels[level_index], split, plans.travels_as[split], 10.0, modelled_ms, plans, level_index, split, hedge
    )  # fmt: skip


def removed(model, level):
    """The schedule that `grid` has at a level, as a request says it."""
    return model.vit.plan(MergeSchedule(family="constant", level=level)).removed


def state_at(model, picture, level, split):
    with torch.inference_mode():
        embedded = model.vit.embed(model.preprocess.normalise(picture[None]))
        return model.vit.blocks(embedded, 0, split, removed(model, level))


def frame(model, i, level, split):
    """The request for picture ``i`` under one plan."""
    if split == 0:
        encoding, data = ("raw", pixels(i).tobytes()) if i % 2 else ("png", encode_picture(pixels(i), "png"))
        return picture_request(model, removed(model, level), data, encoding)
    return tokens_request(model, split, removed(model, level), encode(state_at(model, pixels(i), level, split)).data)


class Gate:
    """An opened model that stops before each block until it is let through, and counts the blocks that have run."""

    def __init__(self, vit):
        self._vit = vit
        self.arrived, self.through = threading.Semaphore(0), threading.Semaphore(0)
        self.blocks_run = 0

    def __getattr__(self, name):
        return getattr(self._vit, name)

    def blocks(self, state, start, stop, plan):
        self.arrived.release()
        assert self.through.acquire(timeout=WAIT_S)
        self.blocks_run += stop - start
        return self._vit.blocks(state, start, stop, plan)

    def open(self, times=10_000):
        for _ in range(times):
            self.through.release()


@pytest.fixture(autouse=True, scope="module")
def patient_lines():
    """Lines that wait half a minute for an answer: on a busy machine a living cloud may be silent for a second.

    For modules whose claims are not about that patience; they import it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("janus.runtime.line.PATIENCE_S", WAIT_S)
        yield


@contextlib.contextmanager
def nobody():
    """An address at which nobody listens, and nobody else can meanwhile: it is bound."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def until(true):
    """Wait until something is so that tells nobody."""
    assert any(true() or threading.Event().wait(0.01) for _ in range(int(WAIT_S / 0.01)))


@contextlib.contextmanager
def relay(target, **settings):
    """A link to ``target`` in a thread of its own: its address, and a function that runs a method on its loop."""
    loop, ready, box = precise_loop(), threading.Event(), {}

    async def main():
        box["link"] = link = Link(LinkSettings(**settings))
        box["stop"] = asyncio.Event()
        box["address"] = await link.open("127.0.0.1:0", target)
        ready.set()
        await box["stop"].wait()
        await link.close()

    def call(method, *arguments):
        done = threading.Event()

        def run():
            getattr(box["link"], method)(*arguments)
            done.set()

        loop.call_soon_threadsafe(run)
        assert done.wait(WAIT_S)

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert ready.wait(WAIT_S)
    try:
        yield box["address"], call
    finally:
        loop.call_soon_threadsafe(box["stop"].set)
        thread.join()
        loop.close()
