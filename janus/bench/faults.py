"""`janus bench faults`: the cloud killed, frozen and restarted, the link cut, in mid-transfer; frames are counted.

Every frame must have exactly one answer, and each answer is compared with the unsplit one, logit by logit.
"""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator

import click
import psutil

from janus.bench.nursery import HERE, Nursery
from janus.bench.timing import Spread
from janus.bench.worker import Tally, Worker
from janus.cli.common import document, emit
from janus.models import load_model
from janus.progress import bar
from janus.runtime.pair import LocalPair
from janus.split import Plan
from janus.units import BYTES_PER_MIB

LEVEL = 0.3
# A transfer takes long beside the compute of a small model, so that a fault hits it in the middle.
MBPS = 8.0
FREEZE_S, REFUSE_S = 1.0, 0.3


def kill(pair: LocalPair) -> float:
    """kill -9, then a new cloud at the same address; returns when that was ready."""
    pair.cloud.signal(signal.SIGKILL)
    return pair.restart_cloud()


@contextlib.contextmanager
def killer(pair: LocalPair) -> Iterator[Callable[[LocalPair], float]]:
    """`kill`, by a nursery where there can be one: a hundred times importing torch takes long."""
    if not HERE:
        yield kill
        return
    address = pair.cloud.ready["address"]
    pair.cloud.stop()
    with Nursery(pair.half.name, pair.handed.weights_file(), address) as nursery:

        def kill_forked(_: LocalPair) -> float:
            return nursery.kill()

        kill_forked.__name__ = kill.__name__
        yield kill_forked
    pair.restart_cloud()


def restart(pair: LocalPair) -> float:
    """The cloud ends in good order, under load, and a new one takes its place."""
    return pair.restart_cloud()


def cut(pair: LocalPair) -> float:
    """All connections are reset, and refused for a while."""
    pair.cut(REFUSE_S)
    time.sleep(REFUSE_S)
    return time.perf_counter()


def freeze(pair: LocalPair) -> float:
    """The cloud stands still for a while."""
    pair.cloud.signal(signal.SIGSTOP)
    time.sleep(FREEZE_S)
    pair.cloud.signal(signal.SIGCONT)
    return time.perf_counter()


def hurt(pair: LocalPair, worker: Worker, fault: Callable[[LocalPair], float], count: int, chance: random.Random,
         echo=lambda line: None, returns: list[float] | None = None) -> list[float]:  # fmt: skip
    """Do it ``count`` times at random moments of a transfer.

    Returns:
        Seconds from the return of the cloud (or of the link) to its first answer, each time; ``returns``, if given.
    """
    returns = [] if returns is None else returns
    for number in bar(range(count), unit="fault"):
        worker.wait_cloud(time.perf_counter())
        time.sleep(chance.uniform(0.0, 0.15))
        while not pair.line.busy:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0.0, 0.03))
        back = fault(pair)
        returns.append(worker.wait_cloud(back) - back)
        if (number + 1) % 10 == 0:
            echo(f"{fault.__name__} {number + 1} of {count}: slowest return {max(returns):.2f} s")
    return returns


def memory(pair: LocalPair) -> dict[str, float]:
    """Resident MiB of device, cloud and link."""
    pids = {"device": None, "cloud": pair.cloud.pid, "link": pair.processes.link.pid}
    return {who: round(psutil.Process(pid).memory_info().rss / BYTES_PER_MIB, 1) for who, pid in pids.items()}


@click.command("faults")
@click.option("--model", "name", default="test_vit", show_default=True, help="timm tag; random weights.")
@click.option(
    "--kills", type=click.IntRange(0), default=3, show_default=True, help="kill -9 the cloud in mid-transfer."
)
@click.option("--cuts", type=click.IntRange(0), default=5, show_default=True, help="Cut the link.")
@click.option(
    "--freezes", type=click.IntRange(0), default=2, show_default=True, help="SIGSTOP the cloud, later SIGCONT."
)
@click.option("--restarts", type=click.IntRange(0), default=2, show_default=True, help="Restart it under load.")
@click.option("--frames", type=click.IntRange(0), default=0, show_default=True,
              help="Then so many without a fault, for the memory.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def command(name, kills, cuts, freezes, restarts, frames, seed, as_json):
    """What becomes of the frames when cloud or link fail: answered once each, none wrong, and back how soon.

    After a kill the next cloud is there at once where processes can be forked (Linux); a restart loads everything anew.
    """

    def echo(line: str) -> None:
        click.echo(line, err=as_json)

    model = load_model(name, pretrained=False).model
    depth = len(model.blocks)
    rows, chance, interrupted = [], random.Random(seed), False
    with LocalPair(model, trace=MBPS, delay_ms=2.0) as pair:
        plan = Plan(level=LEVEL, split=depth // 2)
        pair.device_profile  # noqa: B018  # measured now, not while frames are under way
        kinds = ((killer, kills), (always(restart), restarts), (always(cut), cuts), (always(freeze), freezes))
        try:
            for kind, count in kinds:
                if count:
                    with kind(pair) as fault:
                        counted(pair, plan, fault, count, chance, echo, rows)
            if frames:
                rows.append(steady(pair, plan, frames, echo))
        except KeyboardInterrupt:
            interrupted = True
    next_cloud = {"kill": "forked, model loaded" if HERE else "started anew", "restart": "started anew"}
    doc = document(rows, model=name, mbps=MBPS, seed=seed, next_cloud=next_cloud, cancelled=interrupted)
    emit(doc, as_json=as_json)
    if interrupted:
        raise click.exceptions.Exit(130)


def always(fault: Callable[[LocalPair], float]):
    """A fault that needs no preparation."""
    return lambda pair: contextlib.nullcontext(fault)


def counted(pair: LocalPair, plan: Plan, fault, count: int, chance: random.Random, echo, rows: list[dict]) -> None:
    """Do it so often, and add the row; also of those that had been done when it was interrupted."""
    returns: list[float] = []
    with Worker(pair, plan) as worker:
        try:
            hurt(pair, worker, fault, count, chance, echo, returns)
        finally:
            worker.stop()
            if returns:
                rows.append(summary(fault.__name__, len(returns), worker.tally, returns))
                echo(said(rows[-1]))


def summary(what: str, count: int, tally: Tally, returns: list[float]) -> dict:
    """One row."""
    spread = Spread.of(returns)
    return {
        "fault": what, "times": count, "frames_begun": tally.begun, "frames_answered": tally.answered,
        "wrong_answers": tally.wrong, "by_cloud": tally.by_cloud, "fallbacks": tally.fallbacks,
        "reasons": tally.reasons, "return_median_s": round(spread.median, 3), "return_worst_s": round(max(returns), 3),
    }  # fmt: skip


def said(row: dict) -> str:
    """The same in words."""
    return (
        f"{row['fault']} × {row['times']}: {row['frames_answered']} of {row['frames_begun']} frames answered, "
        f"{row['wrong_answers']} wrong, {row['fallbacks']} by the device {row['reasons']}; back on the cloud after "
        f"{row['return_median_s']:.2f} s in the median, {row['return_worst_s']:.2f} s at worst"
    )


def steady(pair: LocalPair, plan: Plan, frames: int, echo) -> dict:
    """Many frames without a fault: does memory grow?"""
    pair.processes.shape(pair.link_settings(1000.0))
    samples = []
    with Worker(pair, plan) as worker:
        for tenth in range(11):
            worker.wait_frames(max(tenth * frames // 10, 1))
            samples.append({"frames": worker.tally.answered, **memory(pair)})
            echo(f"{samples[-1]}")
    tally = worker.tally
    # The first tenth fills caches and pools.
    grown = {who: round(samples[-1][who] - samples[1][who], 1) for who in ("device", "cloud", "link")}
    echo(f"{tally.answered} frames, {tally.wrong} wrong; MiB grown over the last nine tenths: {grown}")
    return {
        "fault": "none", "frames_begun": tally.begun, "frames_answered": tally.answered, "wrong_answers": tally.wrong,
        "by_cloud": tally.by_cloud, "fallbacks": tally.fallbacks, "memory_mib": samples, "grown_mib": grown,
    }  # fmt: skip
