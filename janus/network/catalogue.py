"""The public recordings that Janus reads but does not ship: where they are, whose they are, on what terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """A published set of recordings.

    Attributes:
        name: Short name, as in ``nuwins:driving/5g``.
        repository: Address of the repository; ``commit`` is the one that Janus was written against.
        folder: Where in the repository the recordings are.
        paper: What to cite.
        licence: Terms of the recordings.
        about: What they are, in one sentence.
        files: Pattern of the names of its files, by which a reader recognises them.
        local: Name of the folder under a traces root.
    """

    name: str
    repository: str
    commit: str
    folder: str
    paper: str
    licence: str
    about: str
    files: str
    local: str


PUBLIC_SETS = {
    known.name: known
    for known in (
        PublicSet(
            name="nuwins",
            repository="https://github.com/NUWiNS/sigcomm-5gmemu-5g-mmWave-uplink-data",
            commit="255526a8b067347377016e825090c02ff0fa1315",
            folder="throughput, ping",
            paper="Ghoshal et al., An In-Depth Study of Uplink Performance of 5G mmWave Networks, ACM SIGCOMM 5G-MeMU "
            "2022, doi:10.1145/3538394.3546042",
            licence="none stated; the README asks for a citation",
            about="Uplink throughput and ping over commercial 5G mmWave and LTE: static, walking, driving; 0.1 s.",
            files=r"throughput/(static|walking|driving)/(5g|lte)/[^/]+\.list",
            local="nuwins_5gmemu_uplink",
        ),
        PublicSet(
            name="mahimahi",
            repository="https://github.com/ravinet/mahimahi",
            commit="ae477d437615b972217498ba52be07db17a15618",
            folder="traces",
            paper="Winstein et al., Stochastic Forecasts Achieve High Throughput and Low Delay over Cellular Networks, "
            "NSDI 2013",
            licence="GPL-3.0",
            about="LTE of three carriers while driving, *.up and *.down: one line for each 1500-byte packet.",
            files=r"(ATT|TMobile|Verizon)-(LTE|EVDO|UMTS)[^/]*\.(up|down)",
            local="mahimahi_lte",
        ),
        PublicSet(
            name="zhuge",
            repository="https://github.com/transys-project/zhuge",
            commit="1a73f1cb413b496968b474bdfb221ff5284c8c96",
            folder="ns-3.34-diff/real-exp/traces",
            paper="Meng et al., Achieving Consistent Low Latency for Wireless Real-Time Communications with the "
            "Shortest Control Loop, SIGCOMM 2022",
            licence="AGPL-3.0",
            about="WiFi in an office and a restaurant, 5G and 4G; about 0.2 s; which way the bytes went is not stated.",
            files=r"[^/]+\.pitree-trace",
            local="zhuge_wifi_xu",
        ),
    )
}


def recognise(path: Path) -> PublicSet | None:
    """The published set that a file's name belongs to, or None."""
    whole = path.resolve().as_posix()
    return next((known for known in PUBLIC_SETS.values() if re.search(rf"(^|/){known.files}$", whole)), None)
