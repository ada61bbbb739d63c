"""The transform codec: bounded error, the same bytes at both ends, and nothing forged that gets through."""

import json
import random
import zlib
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from runtime_kit import codebook, listening, pixels
from safetensors import safe_open
from safetensors.numpy import save_file

from janus.calibrate import calibrate
from janus.codec import decode, encode, read_header
from janus.demo import NAME as DEMO
from janus.errors import JanusError
from janus.merging import TokenState
from janus.models import load_model
from janus.runtime.half import open_half
from janus.runtime.requests import Limits, Refused, read_work, tokens_request
from janus.schedule import MergeSchedule
from janus.transform import read_codebook
from janus.transform.alphabet import class_alphabets
from janus.transform.codebook import (
    CLASS_WIDTH,
    CLASSES,
    FINENESS,
    FINENESS_WIDTH,
    LOW,
    MAX_STEP,
    MIN_STEP,
    OCTAVE,
    step_index,
)
from janus.transform.fineness import MIDDLE, features, predicted
from janus.transform.places import SPARE, places_of, places_of_prefix
from janus.transform.shelf import find_codebook, shipped_codebook, transform_step
from janus.transform.wire import DEAD_ZONE, HEADER, MAX_BATCH

VARIANTS = ("class token", "registers without a class token", "average pooling")
SPLIT = 2
STEP = 0.5
CODEC = f"transform{STEP}"
# The coarsest of a token's steps, in the codebook's own.
COARSEST = 4


@lru_cache
def state_of(variant="class token", picture=99, removed=6, batch=2) -> TokenState:
    """Real tokens at the split, of pictures that nothing was calibrated on."""
    model = listening(variant)
    shown = np.stack([pixels(picture + i) for i in range(batch)])
    plan = model.vit.plan(MergeSchedule(family="constant", level=removed)).removed
    with torch.inference_mode():
        return model.vit.blocks(model.vit.embed(model.preprocess.normalise(shown)), 0, SPLIT, plan)


def components(book, x):
    """Patch tokens in the codebook's own metric."""
    cut = book.at(SPLIT)
    return (x[:, book.prefix :].numpy().astype(np.float64) - cut.mean) @ cut.analysis


def error_bound(book, y, step):
    """A component that is sent is off by half a step of the coarsest token; one that is not, by all of itself."""
    sent = book.at(SPLIT).scales - (step_index(step) + 2 * OCTAVE) >= LOW * OCTAVE
    half_step = COARSEST * 2 ** (step_index(step) / OCTAVE) * (0.5 + DEAD_ZONE)
    return np.maximum(half_step, np.where(sent, 0, np.abs(y))) * (1 + 1e-3) + 1e-2


def reseal(head: list, body: bytes) -> bytes:
    """A payload with a header of the forger's choice and a right checksum."""
    front = HEADER.pack(*head[:-1], 0)[:-4]
    return front + zlib.crc32(body, zlib.crc32(front)).to_bytes(4, "little") + body


@given(variant=st.sampled_from(VARIANTS), picture=st.integers(50, 60), removed=st.sampled_from((0, 3, 12)),
       batch=st.integers(1, 3), step=st.sampled_from((0.02, 0.2, 0.5, 1.0, 50.0)))  # fmt: skip
def test_round_trip_within_the_step(variant, picture, removed, batch, step):
    """Shapes, order, sizes and prefix tokens come back; components within the step; items sum to the bytes."""
    book, state = codebook(variant), state_of(variant, picture, removed, batch)

    payload = encode(state, f"transform{step:g}", book=book, split=SPLIT)
    back = decode(payload.data, book=book)

    assert sum(payload.items.values()) == len(payload)
    assert back.x.shape == state.x.shape
    assert back.protected == state.protected
    assert (back.sizes is None) == (state.sizes is None)
    assert state.sizes is None or torch.equal(back.sizes, state.sizes)
    y, returned = components(book, state.x), components(book, back.x)
    assert (np.abs(returned - y) <= error_bound(book, y, step)).all()


@given(variant=st.sampled_from(VARIANTS), seed=st.integers(0, 999), scale=st.sampled_from((0.0, 1e-6, 1.0, 30.0)),
       n=st.integers(0, 20), most=st.sampled_from((1, 3, 500)))  # fmt: skip
def test_tokens_of_no_picture_round_trip_too(variant, seed, scale, n, most):
    """Whatever the tokens, their number and their sizes: escapes carry what the tables do not hold."""
    book, chance = codebook(variant), np.random.default_rng(seed)
    p = book.prefix
    n = max(n, 1 - p)
    x = torch.from_numpy((scale * chance.standard_normal((1, p + n, book.width))).astype(np.float32))
    sizes = torch.ones(1, p + n)
    sizes[:, p:] = torch.from_numpy(chance.integers(1, most + 1, (1, n)).astype(np.float32))
    state = TokenState(x=x, sizes=sizes, protected=tuple(range(p)))

    back = decode(encode(state, CODEC, book=book, split=SPLIT).data, book=book)

    assert torch.equal(back.sizes, sizes)
    y = components(book, x)
    assert (np.abs(components(book, back.x) - y) <= error_bound(book, y, STEP) + 1e-4 * np.abs(y).max(initial=0)).all()


@given(scales=st.lists(st.integers(-80, 80), min_size=1, max_size=40), step=st.integers(MIN_STEP, MAX_STEP),
       fine=st.lists(st.integers(0, FINENESS - 1), max_size=12))  # fmt: skip
@example(scales=[-20] * 67 + [-24] * 71 + [-27] * 66, step=0, fine=[MIDDLE])
@example(scales=[-24] * 31 + [-20] * 23 + [-24] * 2, step=0, fine=[MIDDLE, MIDDLE, MIDDLE, MIDDLE + 1])
def test_components_travel_by_class_then_by_token_then_by_component(scales, step, fine):
    """Whatever a codebook's scales, the order is the one that payloads have had from the first."""
    cut = replace(codebook().at(SPLIT), scales=np.array(scales, np.int16), prefix_scales=np.array(scales, np.int16))
    classes = {
        (token, at): min((scale - step - (own - MIDDLE) * FINENESS_WIDTH - LOW * OCTAVE) // CLASS_WIDTH, CLASSES - 1)
        for token, own in enumerate(fine)
        for at, scale in enumerate(scales)
    }
    sent = sorted((place for place, one in classes.items() if one >= 0), key=classes.get)

    book = codebook()
    places = places_of(book, cut, step, np.array(fine, np.int32))

    cells = len(fine) * len(scales)
    assert [divmod(int(place), len(scales)) for place in places.order if place < cells] == sent
    at, spare = 0, []
    for (alphabet, here, there), one in zip(places.classes, sorted({classes[place] for place in sent}), strict=True):
        filled = places.order[here]
        own = [place for place in sent if classes[place] == one]
        assert [divmod(int(place), len(scales)) for place in filled[: len(own)]] == own
        assert alphabet is class_alphabets(book, one).of(len(own))
        spare += filled[len(own) :].tolist()
        assert len(filled) - len(own) < alphabet.shape.group
        assert len(filled) == alphabet.shape.group * (there.stop - there.start)
        assert (here.start, set(places.caps[here].tolist())) == (at, {alphabet.shape.cap})
        at = here.stop
    assert at == len(places.order)
    assert len(set(spare)) == len(spare)
    assert all(cells <= place < cells + SPARE for place in spare)
    even = places_of_prefix(book, cut, step, len(fine))
    assert np.array_equal(even.order, places_of(book, cut, step, np.full(len(fine), MIDDLE)).order)


@given(variant=st.sampled_from(VARIANTS), removed=st.sampled_from((0, 6)), batch=st.integers(1, 3),
       seed=st.integers(0, 99))  # fmt: skip
def test_a_tokens_weight_is_predicted_from_the_features_that_calibration_fits(variant, removed, batch, seed):
    """Encoding sums them up without writing them down: the same number, whatever the weights."""
    book, state = codebook(variant), state_of(variant, 99, removed, batch)
    cut, p = book.at(SPLIT), book.prefix
    weights = np.random.default_rng(seed).standard_normal(len(cut.weights)).astype(np.float32)
    y = components(book, state.x).astype(np.float32)
    prefix = ((state.x[:, :p].numpy() - cut.prefix_mean) @ cut.prefix_analysis)[:, :1].reshape(batch, -1)
    sizes = np.ones(y.shape[:2]) if state.sizes is None else state.sizes[:, p:].numpy()

    found = predicted(y, prefix, sizes, replace(cut, weights=weights))

    expected = features(y, prefix, sizes, cut.scales, cut.prefix_scales)
    assert expected.shape == (*y.shape[:2], len(weights))
    np.testing.assert_allclose(found, expected @ weights, rtol=1e-4, atol=1e-4 * np.abs(expected).sum(-1).max())


def test_a_smaller_step_costs_bytes_and_brings_fidelity():
    """The one knob turns in the right direction, for prefix tokens as for the others; and all are below int8."""
    book, state = codebook(), state_of()
    found = []
    for step in (4 * STEP, STEP, STEP / 2):
        payload = encode(state, f"transform{step:g}", book=book, split=SPLIT)
        error = (decode(payload.data, book=book).x - state.x).square()
        found.append((len(payload), error[:, 1:].mean().item(), error[:, :1].mean().item()))
    sizes, errors, prefix_errors = zip(*found, strict=True)

    assert sizes[0] < sizes[1] < sizes[2] < len(encode(state, "int8"))
    assert errors[0] > errors[1] > errors[2]
    assert prefix_errors[0] > prefix_errors[1] > prefix_errors[2]


def test_both_ends_agree_through_a_file(tmp_path):
    """The same bytes twice, and from a codebook that was stored and read; which decodes them to the same tokens."""
    book, state = codebook(), state_of()
    book.write(tmp_path / "book.safetensors")
    other = read_codebook(tmp_path / "book.safetensors")

    data = encode(state, CODEC, book=book, split=SPLIT).data

    assert data == encode(state, CODEC, book=book, split=SPLIT).data
    assert data == encode(state, CODEC, book=other, split=SPLIT).data
    assert torch.equal(decode(data, book=book).x, decode(data, book=other).x)
    assert (other.digest, other.data, other.facts, other.splits) == (book.digest, book.data, book.facts, (1, 2, 3))
    assert read_header(data, book=other).split == SPLIT


def test_calibration_is_repeatable():
    """The same model and pictures give the same codebook, to the bit; other pictures another."""
    model = listening()

    def again(first):
        return calibrate(
            model.vit, (pixels(first + i) for i in range(16)), name=model.name, preprocess=model.preprocess,
            splits=[1, SPLIT, 3],
        ).digest  # fmt: skip

    assert again(0) == codebook().digest
    assert again(1) != codebook().digest


def changed_file(tmp_path, change, about=lambda about: about):
    """The codebook's file with tensors and facts changed."""
    path = tmp_path / "changed.safetensors"
    codebook().write(path)
    with safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        told = json.loads(file.metadata()["janus_codebook"])
    change(tensors)
    save_file(tensors, path, metadata={"janus_codebook": json.dumps(about(told))})
    return path


@pytest.mark.parametrize(
    ("change", "about", "words"),
    [
        (lambda t: t["2.mean"].__setitem__(3, t["2.mean"][3] + 1e-3), dict, "its SHA-256"),
        (lambda t: t["2.mean"].__setitem__(3, np.nan), dict, "2.mean is not finite|mean is not finite"),
        (lambda t: t["magnitudes"].__setitem__((0, 0), 0), dict, "never occurs"),
        (lambda t: t.pop("sizes"), dict, "sizes"),
        (lambda t: t.pop("2.basis"), dict, "basis"),
        (lambda t: t.update({"2.extra": np.zeros(1)}), dict, "not known"),
        (lambda t: t.update({"x.mean": np.zeros(1)}), dict, "invalid literal"),
        (lambda t: t.update({"2.weights": t["2.weights"][:-1]}), dict, "do not belong together"),
        (lambda t: t.update({"2.scales": t["2.scales"][:-1]}), dict, "basis|scales"),
        (lambda t: t.update({"2.mean": t["2.mean"].astype(np.float64)}), dict, "mean is float64"),
        (lambda t: t["2.scales"].__setitem__(0, 8192), dict, "scales holds a scale out of bounds"),
        (lambda t: t["2.prefix_scales"].__setitem__(0, -32768), dict, "scales holds a scale out of bounds"),
        (lambda t: None, lambda a: a | {"tokens": -4}, "-4 tokens"),
        (lambda t: None, lambda a: a | {"tokens": True}, "not understood"),
        (lambda t: None, lambda a: a | {"format": 9}, "format 9"),
        (lambda t: None, lambda a: a | {"tokens": 64}, "its SHA-256"),
        (lambda t: None, lambda a: a | {"facts": {**a["facts"], "pictures": []}}, "its SHA-256"),
        (lambda t: None, lambda a: {}, "format"),
        (lambda t: None, lambda a: [1], "not a codebook"),
    ],
)  # fmt: skip
def test_a_tampered_codebook_is_refused(tmp_path, change, about, words):
    """Tensors, shapes, types, facts: what is not as it was written is named."""
    path = changed_file(tmp_path, change, about)

    with pytest.raises(JanusError, match=words):
        read_codebook(path)


def test_damaged_and_missing_codebooks_are_refused(tmp_path):
    """A flipped bit anywhere in the tensors, a cut, no file, another file: one sentence that says what to do."""
    path, data = tmp_path / "book.safetensors", bytearray(codebook().data)
    start = 8 + int.from_bytes(data[:8], "little")
    for at in random.Random(0).sample(range(start, len(data)), 40):
        path.write_bytes(bytes(data[:at]) + bytes([data[at] ^ 16]) + bytes(data[at + 1 :]))
        with pytest.raises(JanusError, match="make it again with `janus calibrate`"):
            read_codebook(path)
    for damaged in (data[:1000], b"", b"no codebook"):
        path.write_bytes(damaged)
        with pytest.raises(JanusError, match="not a codebook of this release"):
            read_codebook(path)
    with pytest.raises(JanusError, match="does not exist; make it with `janus calibrate`"):
        read_codebook(tmp_path / "none.safetensors")


def test_another_models_codebook_is_not_found(tmp_path):
    """A codebook is for weights, not for a name; and a name is no path."""
    book = codebook()
    book.write(tmp_path / "book.safetensors")

    assert find_codebook(book.model, book.key, tmp_path / "book.safetensors").digest == book.digest
    with pytest.raises(JanusError, match="calibrate these"):
        find_codebook(book.model, "0" * 64, tmp_path / "book.safetensors")
    with pytest.raises(JanusError, match="there is no codebook for a/b"):
        find_codebook("a/b", book.key)
    assert shipped_codebook("../codebooks/vit_tiny_patch16_224.janus_demo") is None


def test_every_truncation_is_refused():
    """A payload cut anywhere is refused, and so is one with bytes too many."""
    book, data = codebook(), encode(state_of(), CODEC, book=codebook(), split=SPLIT).data

    for end in [*range(0, len(data), 5), len(data) - 1]:
        with pytest.raises(JanusError, match="payload refused"):
            decode(data[:end], book=book)
    with pytest.raises(JanusError, match="payload refused"):
        decode(data + bytes(4), book=book)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (0, b"JT9", "Janus header|where this Janus reads"),
        (1, 2, "flag or a step"),
        (1, 0, "does not hold|zero word"),
        (2, 0, "its split 0 is not in the codebook"),
        (2, 200, "its split 200 is not in the codebook"),
        (3, 65, "flag or a step"),
        (4, 0, "out of bounds"),
        (4, MAX_BATCH + 1, "out of bounds"),
        (4, MAX_BATCH, "does not hold"),
        (5, 0, "out of bounds"),
        (5, 65535, "out of bounds"),
        (5, 66, "out of bounds for"),
        (5, 50, "does not hold"),
        (6, b"\0\0\0\0", "take the same codebook at both ends"),
    ],
)
def test_a_forged_header_is_refused(field, value, words):
    """Each field of the header is checked, though the checksum is right."""
    data = encode(state_of(), CODEC, book=codebook(), split=SPLIT).data
    head = list(HEADER.unpack(data[: HEADER.size]))
    head[field] = value

    with pytest.raises(JanusError, match=words):
        decode(reseal(head, data[HEADER.size :]), book=codebook())


def test_another_codebook_or_none_is_refused():
    """A payload names its codebook; the wrong one is not tried."""
    data = encode(state_of(), CODEC, book=codebook(), split=SPLIT).data

    with pytest.raises(JanusError, match=r"made with codebook .* take the same codebook at both ends"):
        decode(data, book=replace(codebook(), key="0" * 64))
    with pytest.raises(JanusError, match="it needs a codebook, and this end has none"):
        decode(data)


@pytest.mark.parametrize("variant", VARIANTS)
def test_mutations_are_decoded_or_refused_never_worse(variant):
    """Five hundred resealed mutations: each is refused with a sentence, or decoded to finite tokens of whole sizes."""
    chance, book = random.Random(0), codebook(variant)
    data = encode(state_of(variant), CODEC, book=book, split=SPLIT).data
    refused = 0
    for _ in range(500):
        body, head = bytearray(data[HEADER.size :]), bytearray(data[: HEADER.size])
        where = chance.choice([head, body, body])
        where[chance.randrange(len(where))] = chance.randrange(256)
        if chance.random() < 0.3:
            del body[4 * chance.randrange(len(body) // 4) :]
        try:
            state = decode(reseal(list(HEADER.unpack(bytes(head))), bytes(body)), book=book)
        except JanusError:
            refused += 1
        else:
            assert torch.isfinite(state.x).all()
            assert state.sizes is None or (state.sizes >= 1).all()
    assert refused > 250


@given(body=st.binary(max_size=60).map(lambda body: body[: len(body) // 4 * 4]), batch=st.integers(1, MAX_BATCH),
       tokens=st.integers(1, 65), step=st.integers(-64, 64), merged=st.booleans())  # fmt: skip
def test_a_few_bytes_never_become_more_than_the_header_allows(body, batch, tokens, step, merged):
    """A tiny body behind a greedy header is refused, or decodes to exactly the shape of the header."""
    book = codebook()
    data = reseal([b"JT3", int(merged), SPLIT, step, batch, tokens, book.digest[:4], 0], body)
    try:
        state = decode(data, book=book)
    except JanusError as why:
        assert "payload refused" in str(why)
    else:
        assert state.x.shape == (batch, tokens, book.width)
        assert torch.isfinite(state.x).all()


def test_an_outlier_dimension_is_carried():
    """A component a thousand times as large as ever seen travels by escapes, within the same bound."""
    book, state = codebook(), state_of()
    cut = book.at(SPLIT)
    y = components(book, state.x)
    y[:, :, 0] *= 1000
    x = state.x.clone()
    x[:, 1:] = torch.from_numpy((y @ cut.basis + cut.mean).astype(np.float32))
    far = replace(state, x=x)

    payload = encode(far, CODEC, book=book, split=SPLIT)
    back = components(book, decode(payload.data, book=book).x)

    y = components(book, x)
    assert (np.abs(back - y) <= error_bound(book, y, STEP) + 1e-5 * np.abs(y).max()).all()
    assert len(payload) < 2 * len(encode(state, CODEC, book=book, split=SPLIT))


def test_a_model_with_an_outlier_channel_is_calibrated():
    """A channel of massive activations gets its own component, and the answer stays: at a fifth of int8's bytes."""
    loud = deepcopy(listening().vit.model)
    with torch.no_grad():
        loud.pos_embed[..., 5] *= 1000
    model = open_half(loud, "vit_tiny_patch16_224")
    book = calibrate(
        model.vit, (pixels(i) for i in range(16)), name=model.name, preprocess=model.preprocess, splits=[SPLIT]
    )
    with torch.inference_mode():
        state = model.vit.blocks(model.vit.embed(model.preprocess.normalise(pixels(99)[None])), 0, SPLIT, (0,) * 4)
    assert state.x[..., 5].std() > 20 * state.x[..., 6].std()

    payload = encode(state, "transform0.1", book=book, split=SPLIT)
    back = decode(payload.data, book=book)

    y = components(book, state.x)
    assert (np.abs(components(book, back.x) - y) <= error_bound(book, y, 0.1) + 1e-5 * np.abs(y).max()).all()
    assert (back.x - state.x)[..., 5].var() < 0.1 * state.x[..., 5].var()
    assert len(payload) < len(encode(state, "int8")) / 5
    with torch.inference_mode():
        right, found = (model.vit.head(model.vit.blocks(one, SPLIT, 4, (0,) * 4)) for one in (state, back))
    assert (found - right).abs().max() < 0.05 * right.std()


@pytest.mark.parametrize("value", [1e20, 3e38, -3e38])
def test_tokens_beyond_every_escape_are_one_sentence(value):
    """Values that no step reaches are refused before they become numbers that wrap; without a warning."""
    state = state_of()
    x = state.x.clone()
    x[0, 5, 3] = value

    with pytest.raises(JanusError, match="too far from what the codebook was calibrated on"):
        encode(replace(state, x=x), CODEC, book=codebook(), split=SPLIT)


@pytest.mark.parametrize(
    ("state", "codec", "split", "words"),
    [
        (lambda s: s, "transform0", SPLIT, "step 0.0 is out of range|step 0 is out of range"),
        (lambda s: s, "transform1000", SPLIT, "step 1000 is out of range"),
        (lambda s: s, "transform" + "9" * 400, SPLIT, "out of range"),
        (lambda s: s, "transform-1", SPLIT, "codec 'transform-1' is unknown.*transform1"),
        (lambda s: s, "transform1+zstd", SPLIT, "is unknown"),
        (lambda s: s, "transform1", 0, "calibrated for splits 1, 2, 3; choose one of them, or run"),
        (lambda s: s, "transform1", 4, "split 4: the codebook"),
        (lambda s: replace(s, grid=(8, 8)), "transform1", SPLIT, "does not carry the grid"),
        (lambda s: replace(s, protected=()), "transform1", SPLIT, "for 1 prefix tokens in front"),
        (lambda s: replace(s, x=s.x[..., :40]), "transform1", SPLIT, "are not those of"),
        (lambda s: replace(s, x=s.x * np.nan), "transform1", SPLIT, "NaN or infinite"),
    ],
)
def test_bad_input_is_one_sentence(state, codec, split, words):
    """What cannot be encoded is named with its remedy."""
    with pytest.raises(JanusError, match=words):
        encode(state(state_of()), codec, book=codebook(), split=split)


def test_without_a_codebook_there_is_no_transform():
    """The sentence says how one is made."""
    with pytest.raises(JanusError, match="needs a codebook; make one with `janus calibrate`, or choose int8"):
        encode(state_of(), CODEC, split=SPLIT)


def test_a_cloud_without_a_codebook_refuses_the_payload():
    """With a status and a sentence, before it decodes anything."""
    model, plan = listening(), listening().vit.plan(MergeSchedule(family="constant", level=6))
    data = encode(state_of(batch=1), CODEC, book=codebook(), split=SPLIT).data

    with pytest.raises(Refused, match="it needs a codebook, and this end has none"):
        read_work(tokens_request(model, SPLIT, plan.removed, data), model, Limits())


def test_more_images_than_one_payload_holds():
    """An entropy coder has no natural bound, so there is one."""
    state = TokenState(x=torch.zeros(MAX_BATCH + 1, 1, 48), protected=(0,))

    with pytest.raises(JanusError, match="send fewer images"):
        encode(state, CODEC, book=codebook(), split=SPLIT)


@pytest.mark.parametrize(("codec", "expected"), [("transform", 0), ("transform1", 0), ("transform1.4", 4),
                                                 ("transform0.5", -8), ("int8", None)])  # fmt: skip
def test_steps_of_a_name(codec, expected):
    """Eighths of an octave; None for other codecs."""
    assert transform_step(codec) == expected


@pytest.mark.parametrize(
    ("splits", "count", "words"),
    [([0, 2], 16, "tokens travel at splits 1 to 3"), ([4], 16, "tokens travel"), ([], 16, "tokens travel"),
     ([9], 16, "split 9"), ([2], 7, "7 pictures are too few")],
)  # fmt: skip
def test_calibration_refuses(splits, count, words):
    """Splits at which no tokens travel, and too few pictures."""
    model = listening()

    with pytest.raises(JanusError, match=words):
        calibrate(model.vit, (pixels(i) for i in range(count)), name="m", preprocess=model.preprocess, splits=splits)


def test_an_answer_that_hardly_depends_on_the_tokens_is_calibrated():
    """A head of almost nothing makes almost nothing matter: the basis must still fit its number format."""
    quiet = deepcopy(listening().vit.model)
    with torch.no_grad():
        quiet.head.weight.mul_(1e-12)
    model = open_half(quiet, "vit_tiny_patch16_224")

    book = calibrate(
        model.vit, (pixels(i) for i in range(8)), name=model.name, preprocess=model.preprocess, splits=[SPLIT]
    )
    state = state_of()

    assert np.isfinite(book.at(SPLIT).basis).all() and np.isfinite(book.at(SPLIT).analysis).all()
    assert decode(encode(state, CODEC, book=book, split=SPLIT).data, book=book).x.shape == state.x.shape


def test_the_shipped_codebook_of_the_demo_model():
    """A bare clone has it, for the weights that it has; a picture takes less than half of what it takes in int8."""
    loaded = load_model(DEMO)
    model = open_half(loaded.model, loaded.name)
    book = find_codebook(loaded.name, model.key.hex())
    plan = model.vit.plan(MergeSchedule(family="constant", level=13)).removed
    with torch.inference_mode():
        state = model.vit.embed(model.preprocess.normalise(pixels(0, 224)[None]))
        state = model.vit.blocks(state, 0, 4, plan)
    payload = encode(state, "transform1", book=book, split=4)

    assert (book.splits, book.digest.hex()[:16]) == ((4, 8), "9cb03c3f51fa17d9")
    assert decode(payload.data, book=book).x.shape == state.x.shape
    assert len(payload) < len(encode(state, "int8+zstd")) / 2
