"""`janus bench fuzz`: mutated requests against the decoders, and through the wire against a serving cloud."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, deque
from itertools import islice
from pathlib import Path

import click
import grpc
import numpy as np
import psutil

from janus.bench.mutations import mutants, seeds, transform_mutants
from janus.bench.pictures import noise_picture
from janus.bench.timing import Spread
from janus.calibrate import FEWEST_IMAGES, calibrate
from janus.cli.common import document, emit
from janus.codec import decode
from janus.errors import JanusError
from janus.models import full_name, load_model
from janus.progress import bar
from janus.runtime.half import Half, open_half
from janus.runtime.janus_pb2 import FinishReply, FinishRequest
from janus.runtime.pair import LocalPair
from janus.runtime.requests import Limits, Refused, read_work
from janus.runtime.service import SERVICE
from janus.transform import Codebook
from janus.units import BYTES_PER_MIB, s_to_ms

DEADLINE_S = 10.0
AT_ONCE = 8
# Statuses that mean a refusal with a reason; anything else, and no answer in time, is a failure.
REFUSALS = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED")
EVERY = 5000


def decoder(half: Half, count: int, seed: int, echo=lambda line: None) -> dict:
    """Each mutant through parsing and checking, as the service does it.

    Raises:
        Exception: Whatever gets out that is not a refusal.
    """
    outcomes: Counter[str] = Counter()
    slowest, limits, process = 0.0, Limits(), psutil.Process()
    before = peak = process.memory_info().rss
    for number, data in enumerate(bar(mutants(half, count, seed), total=count, unit="mutant", title="decoder")):
        start = time.perf_counter()
        try:
            request = FinishRequest.FromString(data)
        except Exception as why:
            if "Error parsing message" not in str(why):
                raise
            outcomes["no request"] += 1
            continue
        try:
            read_work(request, half, limits)
            outcomes["fits"] += 1
        except Refused as why:
            outcomes[why.code.name] += 1
        slowest = max(slowest, time.perf_counter() - start)
        if number % EVERY == 0:
            peak = max(peak, process.memory_info().rss)
            echo(f"decoder: {number} of {count}")
    return {
        "target": "decoder", "requests": count, "outcomes": dict(outcomes), "slowest_ms": round(s_to_ms(slowest), 1),
        "grown_mib": round((max(peak, process.memory_info().rss) - before) / BYTES_PER_MIB, 1),
    }  # fmt: skip


def transform(half: Half, count: int, seed: int) -> dict:
    """Mutated payloads of the codec ``transform`` through its decoder alone, several images at once among them.

    Args:
        half: With a codebook.
        count: Mutants.
        seed: The same gives the same.

    Raises:
        Exception: Whatever gets out that is not a refusal.
        JanusError: If tokens come out that are not finite.
    """
    book = half.book
    outcomes: Counter[str] = Counter()
    slowest, process = 0.0, psutil.Process()
    before = peak = process.memory_info().rss
    mutated = transform_mutants(half, book, count, seed)
    for number, data in enumerate(bar(mutated, total=count, unit="mutant", title="transform")):
        start = time.perf_counter()
        try:
            state = decode(data, book=book)
        except JanusError:
            outcomes["refused"] += 1
        else:
            outcomes["fits"] += 1
            if not state.x.isfinite().all():
                raise JanusError(f"mutant {number} of seed {seed} decodes to tokens that are not finite.")
        slowest = max(slowest, time.perf_counter() - start)
        if number % EVERY == 0:
            peak = max(peak, process.memory_info().rss)
    return {
        "target": "transform", "requests": count, "outcomes": dict(outcomes), "slowest_ms": round(s_to_ms(slowest), 1),
        "grown_mib": round((max(peak, process.memory_info().rss) - before) / BYTES_PER_MIB, 1),
    }  # fmt: skip


def noise_codebook(half: Half) -> Codebook:
    """Calibrated on noise: for a model whose payloads nobody wants to read."""
    height, width = half.vit.input_size
    pixels = (noise_picture(seed, height, width) for seed in range(FEWEST_IMAGES))
    splits = sorted({1, half.vit.depth // 2, half.vit.depth - 1})
    return calibrate(half.vit, pixels, name=half.name, preprocess=half.preprocess, splits=splits)


def wire(pair: LocalPair, count: int, seed: int, echo=lambda line: None) -> dict:
    """Each mutant as a call, several at once; before and after, good requests must be answered alike."""
    process = psutil.Process(pair.cloud.pid)
    outcomes: Counter[str] = Counter()
    took: list[float] = []
    reasons = 0
    with grpc.insecure_channel(pair.cloud.ready["address"], [("grpc.max_send_message_length", 1 << 30)]) as channel:
        finish = channel.unary_unary(f"/{SERVICE}/Finish")
        good = [request.SerializeToString() for request in seeds(pair.half)]
        expected = [logits(finish(data, timeout=DEADLINE_S)) for data in good]
        before = peak = process.memory_info().rss
        source = mutants(pair.half, count, seed)
        under_way = deque((time.perf_counter(), finish.future(data, timeout=DEADLINE_S))
                          for data in islice(source, AT_ONCE))  # fmt: skip
        number = 0
        while under_way:
            start, call = under_way.popleft()
            code, details = call.code(), call.details()
            outcomes["fits" if code is grpc.StatusCode.OK else code.name] += 1
            reasons += bool(details) or code is grpc.StatusCode.OK
            took.append(s_to_ms(time.perf_counter() - start))
            under_way.extend((time.perf_counter(), finish.future(data, timeout=DEADLINE_S))
                             for data in islice(source, 1))  # fmt: skip
            number += 1
            if number % EVERY == 0:
                peak = max(peak, process.memory_info().rss)
                echo(f"wire: {number} of {count}, cloud {process.memory_info().rss / BYTES_PER_MIB:.0f} MiB")
        after = [logits(finish(data, timeout=DEADLINE_S)) for data in good]
    if not pair.cloud.running:
        raise JanusError("the cloud did not survive.")
    strange = {code: n for code, n in outcomes.items() if code not in (*REFUSALS, "fits")}
    return {
        "target": "wire", "requests": count, "outcomes": dict(outcomes), "without_a_reason": count - reasons,
        "strange": strange, "slowest_ms": round(max(took), 1), "median_ms": round(Spread.of(took).median, 2),
        "same_answers_after": all(np.array_equal(a, b) for a, b in zip(expected, after, strict=True)),
        "grown_mib": round((max(peak, process.memory_info().rss) - before) / BYTES_PER_MIB, 1),
    }  # fmt: skip


def logits(reply: bytes) -> np.ndarray:
    """What a reply says."""
    return np.frombuffer(FinishReply.FromString(reply).logits, "<f4")


@click.command("fuzz")
@click.option("--model", "name", default="test_vit", show_default=True, help="timm tag; random weights.")
@click.option("--requests", type=click.IntRange(1), default=2000, show_default=True, help="Against each of the three.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(name, requests, seed, as_json):
    """No crash, no hang, memory bounded, each refused with a status and a reason, or harmless."""

    def echo(line: str) -> None:
        click.echo(line, err=as_json)

    model = load_model(name, pretrained=False).model
    with tempfile.TemporaryDirectory() as folder:
        codebook = Path(folder) / "codebook.safetensors"
        noise_codebook(open_half(model, full_name(model))).write(codebook)
        with LocalPair(model, codebook=codebook) as pair:
            half = pair.half
            rows = [
                decoder(half, requests, seed, echo), wire(pair, requests, seed + 1, echo),
                transform(half, requests, seed + 2),
            ]  # fmt: skip
    for row in rows:
        echo(f"{row}")
    emit(document(rows, model=name, seed=seed), as_json=as_json)
    if rows[1]["strange"] or rows[1]["without_a_reason"] or not rows[1]["same_answers_after"]:
        raise JanusError("the cloud did not refuse as it should: see the outcomes.")
