"""Training the demo model: stops and goes on as if it had not stopped, grows without a jump, exports what loads."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from janus.cli import main
from janus.demo import CLASSES, SEED, render, scene
from janus.demo.shapes import UNIT
from janus.errors import JanusError
from janus.training import RECIPES, Recipe, Stage, loop, train
from janus.training.batches import TURNS, Batches, window, windows
from janus.training.checkpoint import load_state
from janus.training.export import export
from janus.training.network import Student, cosines, grown
from janus.training.recipe import GRID
from janus.weights import file_hash

TINY = Recipe(
    name="tiny",
    stages=(
        Stage(window=2, depth=1, pool=48, steps=3, batch=16, dense=1.0),
        Stage(window=3, depth=2, pool=32, steps=3, batch=16, dense=0.5),
    ),
    warmup=2,
    validation=16,
)


# The command in a process that gets SIGTERM, as its whole group would, after its first step.
SIGNALLED = """
import os, signal
from janus.cli import main
from janus.training import loop

step = loop._Run._one

def stepped(self, *given):
    os.kill(os.getpid(), signal.SIGTERM)
    return step(self, *given)

loop._Run._one = stepped
main()
"""


def stop_after(images):
    """An event and a `tell` that sets it when so many images are seen."""
    stop = threading.Event()
    return stop, lambda progress: stop.set() if progress.images >= images else None


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run that was never stopped."""
    return train(TINY, tmp_path_factory.mktemp("unbroken"), seed=3)


@pytest.mark.parametrize("images", [16, 48, 80])
def test_a_stopped_run_goes_on_to_the_same_weights(unbroken, tmp_path, images):
    """Stopped in either stage or between them, it ends bit for bit where an unbroken run ends."""
    stop, tell = stop_after(images)
    _, half = train(TINY, tmp_path, seed=3, stop=stop, tell=tell)
    student, facts = train(TINY, tmp_path, seed=3)

    assert half["images"] == images
    assert facts["images"] == unbroken[1]["images"] == TINY.images
    assert facts["validations"] == unbroken[1]["validations"]
    for name, tensor in unbroken[0].state_dict().items():
        assert torch.equal(student.state_dict()[name], tensor), name


def test_a_stopped_run_keeps_its_precision(unbroken, tmp_path, monkeypatch):
    """Another process times the processor anew, and may find the other precision faster."""
    stop, tell = stop_after(16)
    train(TINY, tmp_path, seed=3, stop=stop, tell=tell)
    monkeypatch.setattr(loop, "bfloat16_is_faster", lambda: not unbroken[1]["bfloat16"])
    student, facts = train(TINY, tmp_path, seed=3)

    assert facts["bfloat16"] == unbroken[1]["bfloat16"]
    assert torch.equal(student.vit.head.weight, unbroken[0].vit.head.weight)


def test_rendering_in_another_process_changes_nothing(unbroken, tmp_path):
    """Workers only render."""
    student, _ = train(TINY, tmp_path, seed=3, workers=1)

    assert torch.equal(student.vit.head.weight, unbroken[0].vit.head.weight)


def test_a_state_of_another_seed_or_recipe_is_refused(tmp_path):
    """And a file that is no state."""
    stop, tell = stop_after(16)
    train(TINY, tmp_path, seed=3, stop=stop, tell=tell)
    with pytest.raises(JanusError, match="another seed"):
        train(TINY, tmp_path, seed=4)
    with pytest.raises(JanusError, match="another recipe"):
        train(RECIPES["smoke"], tmp_path, seed=3)
    (tmp_path / "state.safetensors").write_bytes(b"no state")
    with pytest.raises(JanusError, match="not a training state"):
        train(TINY, tmp_path, seed=3)


def test_training_lowers_the_loss():
    """On one batch again and again, within a few steps."""
    torch.manual_seed(0)
    student, batch = Student(1), windows("train", range(16), 2, 1)
    seen = []
    optimisers = student.optimisers(TINY)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["peak"]
    for _ in range(12):
        student.zero_grad()
        losses = student.losses(batch, 1.0)
        losses.total.backward()
        for optimiser in optimisers:
            optimiser.step()
        seen.append(losses.total.item())

    assert seen[-1] < 0.8 * seen[0]


@pytest.mark.parametrize("depth", [3, 5])
def test_growing_keeps_the_function(depth):
    """New blocks add nothing until they learn."""
    torch.manual_seed(0)
    student, batch = Student(2).eval(), windows("val", range(2), 3, 1)
    taller = grown(student, depth).eval()

    assert len(taller.vit.blocks) == depth
    assert_close(taller.losses(batch, 1.0).total, student.losses(batch, 1.0).total, rtol=1e-5, atol=1e-5)
    taller.losses(batch, 1.0).total.backward()
    assert all(block.mlp.fc2.weight.grad.abs().max() > 0 for block in taller.vit.blocks)


def test_a_window_of_the_whole_is_what_timm_computes():
    """The last stage trains the very function that is embedded."""
    torch.manual_seed(0)
    student, batch = Student(2).eval(), windows("val", range(2), GRID, 1)
    pixels = batch.pixels.permute(0, 3, 1, 2).float() / 127.5 - 1

    assert_close(student(pixels, batch.places)[0], student.vit(pixels))


def test_patches_know_their_object():
    """Targets of the patches: the main object's class where its cells are, its centre, and 0 for background."""
    batch = windows("train", range(16), 7, 1)
    middle = batch.cells.view(16, 49, 4, 4)[:, :, 2, 2] == 1  # the cell whose centre is next to the patch's
    own = batch.owners == batch.label[:, None] + 1
    nearest = batch.ways.abs().amax(2).argmin(1)

    assert (own & middle).sum() > 0.9 * middle.sum() > 0
    assert (batch.ways.abs().amax(2).gather(1, nearest[:, None]) <= 0.5).all()
    assert sorted(batch.label.tolist()) == list(range(len(CLASSES)))
    assert (batch.owners == 0).any()


def test_a_pass_shows_every_picture_of_the_pool_once():
    """Each batch holds as many of each class; a second pass has them in another order."""
    stage = Stage(window=2, depth=1, pool=48, steps=6, batch=16, dense=1.0)
    batches = Batches(stage, 0, 3)
    shown = [batches[step] for step in range(6)]
    # A picture is known by its sum of pixels, however it is turned.
    first, second = torch.stack([batch.pixels.sum((1, 2, 3)) for batch in shown]).view(2, -1).tolist()

    assert all(sorted(batch.label.tolist()) == list(range(len(CLASSES))) for batch in shown)
    assert sorted(first) == sorted(second)
    assert first != second
    assert torch.equal(batches[2].pixels, Batches(stage, 0, 3)[2].pixels)


@pytest.mark.parametrize("turn", range(TURNS))
def test_a_turned_window_is_one_of_the_turned_picture(turn):
    """Places, owners, cells and ways are those that the turned picture would give, worked out from its pixels."""
    index, patches = 5, 7
    drawn = scene("train", index)
    whole = render(drawn)
    owner, pixels = whole.owner, whole.pixels
    x, y = drawn.things[drawn.main].x / UNIT, drawn.things[drawn.main].y / UNIT
    if turn & 1:
        owner, pixels, x = owner[:, ::-1], pixels[:, ::-1], 224 - x
    if turn & 2:
        owner, pixels, y = owner[::-1], pixels[::-1], 224 - y
    if turn & 4:
        owner, pixels, x, y = owner.T, pixels.swapaxes(0, 1), y, x
    shown = window("train", index, patches, SEED).turned(turn)
    rows, columns = shown.places // GRID, shown.places % GRID
    top, left = 16 * int(rows[0, 0]), 16 * int(columns[0, 0])
    part = np.s_[top : top + 16 * patches, left : left + 16 * patches]
    # A pixel's centre lies half a pixel off the middle of a cell, on the other side once the picture is mirrored.
    main = (owner[part] == drawn.main + 1).reshape(patches, 4, 4, patches, 4, 4).mean((2, 5)).swapaxes(1, 2)

    assert np.array_equal(rows, top // 16 + np.arange(patches)[:, None].repeat(patches, 1))
    assert np.array_equal(columns, left // 16 + np.arange(patches)[None].repeat(patches, 0))
    assert np.array_equal(shown.pixels, pixels[part])
    assert np.allclose(shown.ways[..., 0], x / 16 - 0.5 - columns)
    assert np.allclose(shown.ways[..., 1], y / 16 - 0.5 - rows)
    assert (shown.cells[main == 1] == 1).all()
    assert (shown.cells[main == 0] == 0).all()


def test_attention_starts_as_trained_attention_looks():
    """Queries times keys is near a positive multiple of the identity, values times the projection near a negative."""
    torch.manual_seed(0)
    attention = Student(1).vit.blocks[0].attn
    q, k, v = attention.qkv.weight.detach().split(192)

    assert (q.T @ k).diagonal().mean() > 5 * (q.T @ k - (q.T @ k).diagonal().diag()).abs().mean()
    assert (attention.proj.weight.detach() @ v).diagonal().mean() == pytest.approx(-0.4, abs=0.05)


def test_first_filters_are_independent():
    """The cosine filters span as many directions as there are channels."""
    filters = cosines(192).flatten(1)

    assert torch.linalg.matrix_rank(filters) == 192


def test_the_exported_file_is_timms(tmp_path):
    """Names and shapes of ViT-Tiny with as many classes, in float16, hashed."""
    facts = export(Student(12), tmp_path / "model.safetensors")
    state = load_file(tmp_path / "model.safetensors")
    wanted = timm.create_model("vit_tiny_patch16_224", num_classes=len(CLASSES)).state_dict()

    assert {name: tuple(t.shape) for name, t in state.items()} == {name: tuple(t.shape) for name, t in wanted.items()}
    assert {t.dtype for t in state.values()} == {torch.float16}
    assert facts["sha256"] == file_hash(tmp_path / "model.safetensors")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_end_as_vit_tiny(recipe):
    """Batches hold as many pictures of each class, depth and window only grow, and the network ends with 12 blocks."""
    assert all(stage.batch % len(CLASSES) == 0 == stage.pool % len(CLASSES) for stage in recipe.stages)
    assert [s.depth for s in recipe.stages] == sorted(s.depth for s in recipe.stages)
    assert [s.window for s in recipe.stages] == sorted(s.window for s in recipe.stages)
    assert recipe.stages[-1].depth == 12
    assert RECIPES["full"].stages[-1].window == GRID


def test_the_learning_rate_rises_and_falls():
    """Warm-up to the peak (1), then downwards only, across stages too, to the floor."""
    recipe = RECIPES["full"]
    rates = [recipe.rate(i, step) for i, stage in enumerate(recipe.stages) for step in range(stage.steps)]
    top = rates.index(max(rates))

    assert recipe.warmup - 1 <= top <= recipe.warmup
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[top] == pytest.approx(1, rel=0.01)
    assert rates[-1] == pytest.approx(recipe.floor, rel=0.01)


def test_sigterm_ends_it_with_a_state_and_the_command_goes_on(tmp_path, capsys):
    """Told to stop at its first sign of progress, it leaves a state; the second run finishes and exports."""
    given = ["train-demo", "--recipe", "smoke", "--work", str(tmp_path / "work"), "--threads", "1"]
    quiet = {name: value for name, value in os.environ.items() if name != "CI"}
    with subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, *given, "--workers", "1"], stdout=subprocess.PIPE, text=True, env=quiet
    ) as process:
        out, _ = process.communicate()

    assert process.returncode == 130
    assert "stopped; the same command goes on." in out
    stopped, _ = load_state(tmp_path / "work" / "state.safetensors")
    assert 0 < stopped["images"] < RECIPES["smoke"].images

    main([*given, "--workers", "0", "--out", str(tmp_path / "m.safetensors"), "--json"])
    doc = json.loads(capsys.readouterr().out)

    assert doc["results"][0]["images"] == RECIPES["smoke"].images
    assert doc["results"][0]["file"]["sha256"] == file_hash(tmp_path / "m.safetensors")
    assert json.loads((tmp_path / "m.json").read_text())["results"] == doc["results"]
