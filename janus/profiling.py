"""The measuring half of latency profiles: times this machine on one model.

Everything is timed in turn, round by round, so that a busy moment hits all token counts alike. Blocks are timed by
going through all of them, as a real run does, not one block over and over with its weights in the cache.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import psutil
import torch

from janus.codec import check_codec
from janus.coding import codec_cases
from janus.errors import JanusError
from janus.merging import TokenState
from janus.profile import BatchSample, BlockSample, CodecSample, LatencyProfile
from janus.provenance import hardware, versions
from janus.transform import Codebook
from janus.transform.shelf import transform_step
from janus.units import s_to_ms
from janus.vit import OpenViT

# Other work on the machine, as a share of its cores, above which a profile is marked as busy.
BUSY_SHARE = 0.15
# What a half waits for the other in a quick run, and how often waking up is timed.
WAIT_S = 0.03
WAKES = 8


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much a profile measures.

    Attributes:
        counts: Token counts for the blocks, spread evenly over the logarithm, from ``least_tokens`` to the model's own.
        shares: Shares of the tokens that merge, at each count.
        rounds: Repeats of everything.
        warmup: Rounds before, not counted.
        least_tokens: Smallest count.
    """

    counts: int = 12
    shares: tuple[float, ...] = (0.04, 0.15, 0.35)
    rounds: int = 15
    warmup: int = 2
    least_tokens: int = 8


THOROUGH = Effort()
# For the workbench's first paint: a few seconds for a ViT-Ti.
QUICK = Effort(counts=5, shares=(0.1,), rounds=3, warmup=1, least_tokens=24)
TIMED_WITH = "encoding and decoding are timed with the {} codec"
# A fraction of a second for a codec.
CODEC_EFFORT = Effort(rounds=5, warmup=1)


def measure_profile(
    vit: OpenViT,
    *,
    effort: Effort = THOROUGH,
    codec: str = "int8",
    book: Codebook | None = None,
    name: str | None = None,
    batches: Iterable[int] = (),
    progress: Callable[[Iterable], Iterable] = iter,
) -> LatencyProfile:
    """Time embed, head, blocks with and without merging, encode and decode, where the model's weights are.

    Args:
        vit: The opened model, on the torch device and in the dtype to be measured.
        effort: How much to measure.
        codec: Token codec whose encoding and decoding is timed.
        book: Its codebook, if it is ``transform``.
        name: What legends call this machine; its processor by default.
        batches: Batch sizes above 1 to time the blocks at as well, for clouds that batch.
        progress: Wraps the rounds, for a progress bar.
    """
    bench = ProfileBench(vit, effort, codec=codec, book=book, batches=batches)
    busy = _busy_share()
    # Before and after, the smaller of both: a busy moment can only make it look longer.
    wake_ms = bench.wake_ms(WAKES)
    times = in_rounds(bench.cases, effort, bench.time_ms, progress)
    wake_ms = min(wake_ms, bench.wake_ms(WAKES))
    return bench.profile(times, name=name, wake_ms=wake_ms, busy=max(busy, _busy_share()) > BUSY_SHARE)


def with_codec(
    profile: LatencyProfile, vit: OpenViT, codec: str, book: Codebook | None = None, *, slowdown: float = 1.0
) -> LatencyProfile:
    """The same profile with encoding and decoding as they take here, if it was timed with another codec.

    Args:
        profile: Of any machine.
        vit: The model on this one.
        codec: Of the tokens; its step does not matter.
        book: Its codebook, if it is ``transform``.
        slowdown: Wall-clock milliseconds for one millisecond of the profile.
    """
    if (transform_step(profile.codec) is None) == (transform_step(codec) is None):
        return profile
    bench = ProfileBench(vit, QUICK, codec=codec, book=book, blocks=False)
    encode, decode = bench.coding(in_rounds(bench.cases, CODEC_EFFORT, lambda run: bench.time_ms(run) / slowdown))
    kept = (said for said in profile.assumptions if said != TIMED_WITH.format(profile.codec))
    assumptions = (*kept, f"{TIMED_WITH.format(codec)}, on the device's own machine")
    return replace(profile, codec=codec, encode=encode, decode=decode, assumptions=assumptions)


def in_rounds(
    cases: Mapping[tuple, Callable],
    effort: Effort,
    time_ms: Callable[[Callable], float],
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict:
    """Milliseconds of every case, round by round, warm-up left out."""
    times: dict = {key: [] for key in cases}
    with torch.inference_mode():
        for round_ in progress(range(effort.warmup + effort.rounds)):
            for key, run in cases.items():
                took = time_ms(run)
                if round_ >= effort.warmup:
                    times[key].append(took)
    return times


def _counts(vit: OpenViT, effort: Effort) -> list[int]:
    """Token counts from few to all of the model's own."""
    least = min(max(effort.least_tokens, len(vit.protected) + 2), vit.tokens)
    return sorted({round(n) for n in np.geomspace(least, vit.tokens, effort.counts)})


class ProfileBench:
    """What is timed for a profile, and the profile that comes of it.

    Attributes:
        cases: What to run, by key: ("embed",), ("head",), ("block", n, r), ("batch", b, n), and ("encode", …),
            ("decode", …) for each of ``sizes_bytes``.
        sizes_bytes: Of the payloads that are coded.
    """

    def __init__(
        self, vit: OpenViT, effort: Effort, *, codec: str = "int8", book: Codebook | None = None,
        batches: Iterable[int] = (), blocks: bool = True,
    ):  # fmt: skip
        parameter = next(vit.model.parameters())
        self.vit, self.codec = vit, check_codec(codec)
        self.device, self.dtype = parameter.device, parameter.dtype
        counts = _counts(vit, effort)
        with torch.inference_mode():
            self.cases = self._cases(counts, effort.shares, sorted(set(batches) - {1})) if blocks else {}
            few = (counts[0], counts[len(counts) // 2], counts[-1])
            coding = codec_cases(vit, codec, few, book, random=lambda n: self.state(1, n, merged=True))
        self.sizes_bytes = coding.sizes_bytes
        self.cases |= {("encode", *name): run for name, run in coding.encode.items()}
        self.cases |= {("decode", *name): run for name, run in coding.decode.items()}

    def _cases(self, counts: list[int], shares: tuple[float, ...], batches: list[int]) -> dict[tuple, Callable]:
        vit = self.vit
        frame = (vit.geometry.pictures,) if vit.geometry.pictures > 1 else ()
        images = torch.rand(1, *frame, *vit.geometry.input_shape, device=self.device, dtype=self.dtype)
        full = self.state(1, vit.tokens)
        cases: dict[tuple, Callable] = {("embed",): lambda: vit.embed(images), ("head",): lambda: vit.head(full)}
        for n in counts:
            most = (n - len(vit.protected)) // 2
            for r in sorted({0, *(min(max(round(share * n), 1), most) for share in shares)}):
                cases["block", n, r] = partial(self.through, self.state(1, n, merged=r > 0), r)
            for b in batches:
                cases["batch", b, n] = partial(self.through, self.state(b, n), 0)
        return cases

    def state(self, batch: int, n: int, *, merged: bool = False) -> TokenState:
        """Random tokens; with sizes if they are to look merged."""
        x = torch.randn(batch, n, self.vit.width, device=self.device, dtype=self.dtype)
        sizes = torch.ones(batch, n, device=self.device) if merged else None
        return TokenState(x=x, sizes=sizes, protected=self.vit.protected)

    def through(self, state: TokenState, r: int) -> None:
        """The same tokens through every block once."""
        for i in range(self.vit.depth):
            self.vit.layer(i, state, r)

    def time_ms(self, run: Callable) -> float:
        """One run; on CUDA between two events, with nothing pending before."""
        if self.device.type != "cuda":
            start = time.perf_counter()
            run()
            return s_to_ms(time.perf_counter() - start)
        torch.cuda.synchronize(self.device)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    @torch.inference_mode()
    def wake_ms(self, rounds: int) -> float:
        """How much longer a third of the blocks takes after a wait than right after itself; medians, in turn."""
        state = self.state(1, self.vit.tokens)

        def run() -> None:
            self.cases["embed",]()
            for i in range(max(self.vit.depth // 3, 1)):
                self.vit.layer(i, state, 0)

        late = []
        for _ in range(rounds):
            time.sleep(WAIT_S)
            after_a_wait = self.time_ms(run)
            late.append(after_a_wait - self.time_ms(run))
        return max(float(np.median(late)), 0.0)

    def coding(self, times: Mapping[tuple, list[float]]) -> list[tuple[CodecSample, ...]]:
        """Samples of encoding and of decoding from milliseconds by key."""
        sizes = sorted(self.sizes_bytes.items(), key=lambda known: known[1])
        return [
            tuple(CodecSample(size_bytes=size, median_ms=float(np.median(times[kind, *name]))) for name, size in sizes)
            for kind in ("encode", "decode")
        ]

    def profile(
        self, times: Mapping[tuple, list[float]], *, name: str | None, busy: bool, wake_ms: float = 0.0
    ) -> LatencyProfile:
        """The profile from milliseconds by key."""
        vit = self.vit
        median = {key: float(np.median(values)) for key, values in times.items() if key in (("embed",), ("head",))}
        blocks, batches = [], []
        for key, values in times.items():
            per_block = np.array(values) / vit.depth
            if key[0] == "block":
                p10, middle, p90 = np.percentile(per_block, (10, 50, 90)).tolist()
                blocks.append(
                    BlockSample(
                        tokens=key[1], removed=key[2], median_ms=middle, p10_ms=p10, p90_ms=p90, repeats=len(values)
                    )
                )
            elif key[0] == "batch":
                batches.append(BatchSample(batch=key[1], tokens=key[2], median_ms=float(np.median(per_block))))
        machine = dict(hardware())
        if self.device.type == "cuda":
            machine["accelerator"] = torch.cuda.get_device_name(self.device)
        geometry = vit.geometry
        encode, decode = self.coding(times)
        return LatencyProfile(
            model=geometry.name,
            geometry=geometry,
            name=name or machine.get("accelerator") or machine["processor"],
            kind="measured",
            torch_device=self.device.type,
            dtype=str(self.dtype).removeprefix("torch."),
            threads=torch.get_num_threads() if self.device.type == "cpu" else 0,
            backend="eager",
            date=datetime.date.today().isoformat(),
            embed_ms=median["embed",],
            head_ms=median["head",],
            blocks=tuple(blocks),
            codec=self.codec,
            encode=encode,
            decode=decode,
            batches=tuple(batches),
            wake_ms=wake_ms,
            hardware=machine,
            versions=dict(versions()),
            assumptions=(TIMED_WITH.format(self.codec),),
            busy=busy,
        )


def _busy_share(seconds: float = 0.3) -> float:
    """Share of the cores that others use, 0…1, while this process waits."""
    return psutil.cpu_percent(interval=seconds) / 100


def check_torch_device(name: str) -> torch.device:
    """``cpu`` or ``cuda``, if there is one.

    Raises:
        JanusError: If this machine or this PyTorch has no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise JanusError("torch_device 'cuda' is not available here: use cpu, or install a PyTorch built for your GPU.")
    return torch.device(name)
