"""What both ends of a transform codec hold: for each split a mean, a basis and integer scales; and the coder's tables.

One safetensors file for one model. What the entropy coder needs is stored as integers, so both ends compute the same
model of it bit for bit; the floats only turn decoded integers into tokens. A codebook is known by its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt16
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from janus.errors import JanusError
from janus.files import parse_json, write_bytes

FORMAT = 1
# Scales and steps are exponents of 2 in eighths; a class of the entropy coder spans two of them.
OCTAVE, CLASS_WIDTH = 8, 2
# A class for each ratio of a component's deviation to the step from 2^-4 to 2^6; below, the component is not sent.
LOW, HIGH = -4, 6
CLASSES = (HIGH - LOW) * OCTAVE // CLASS_WIDTH + 1
# Magnitudes with a symbol of their own; the last symbol opens an escape.
MAGNITUDES = 64
# Token sizes likewise, in a table for each half octave of the mean size up to 2^(7/2).
SIZES, MEAN_SIZES = 48, 8
# A token's step is the frame's times 2^(i/2), i from -4 to 4; how likely each is depends on the token's size, 1 to 4.
FINENESS, SIZE_KINDS = 9, 4
FINENESS_WIDTH = OCTAVE // 2
# The components and the class token's that the predictor of a token's weight multiplies.
PRODUCTS = 64
TOTAL = 1 << 16
MAX_FILE_BYTES = 1 << 28
MAX_WIDTH, MAX_PREFIX, MAX_SPLIT = 8192, 4096, 255
# Deviations from 2^-64 to 2^64, in eighths of an octave.
MAX_SCALE = 64 * OCTAVE
# Steps that a header can name, in eighths of an octave about 1.
MIN_STEP, MAX_STEP = -64, 64


def step_index(step: float) -> int:
    """A step as the header has it, the nearest eighth of an octave.

    Raises:
        JanusError: If it is out of range.
    """
    if not (isinstance(step, int | float) and math.isfinite(step) and step > 0):
        raise JanusError(f"step {step!r} is out of range: give a number above 0, such as 1.")
    index = round(OCTAVE * math.log2(step))
    if not MIN_STEP <= index <= MAX_STEP:
        raise JanusError(
            f"step {step:g} is out of range: give one from {2 ** (MIN_STEP / 8):g} to {2 ** (MAX_STEP / 8):g}."
        )
    return index


def feature_count(components: int, prefix_components: int) -> int:
    """What the predictor of a token's weight multiplies (`janus.transform.fineness.features`)."""
    few = min(PRODUCTS, components)
    return components + few + 2 * min(few, prefix_components) + 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """The codebook's part for one split.

    Attributes:
        mean: Of a patch token.
        basis: One row for each component that is kept, the greatest first.
        scales: Deviation of each component, an exponent of 2 in eighths.
        prefix_mean: Of each prefix token.
        prefix_basis: The same as ``basis`` for the prefix tokens, which share it.
        prefix_scales: The same as ``scales``.
        weights: Of the predictor of a token's fineness (`janus.transform.fineness`).
        fineness: How often each fineness occurs in tokens of 1, 2, 3 and more patches, out of ``TOTAL``.
    """

    mean: Float[np.ndarray, " c"]
    basis: Float[np.ndarray, "m c"]
    scales: Int[np.ndarray, " m"]
    prefix_mean: Float[np.ndarray, "p c"]
    prefix_basis: Float[np.ndarray, "q c"]
    prefix_scales: Int[np.ndarray, " q"]
    weights: Float[np.ndarray, " f"]
    fineness: UInt16[np.ndarray, "4 9"]

    @cached_property
    def analysis(self) -> Float[np.ndarray, "c m"]:
        """From a token less its mean to its components."""
        return np.linalg.pinv(self.basis.astype(np.float64)).astype(np.float32)

    @cached_property
    def prefix_analysis(self) -> Float[np.ndarray, "c q"]:
        """The same for prefix tokens."""
        return np.linalg.pinv(self.prefix_basis.astype(np.float64)).astype(np.float32)

    def tensors(self) -> dict[str, np.ndarray]:
        """As they are stored."""
        return {name: np.ascontiguousarray(getattr(self, name), dtype) for name, (dtype, _) in STORED.items()}


# Of each tensor of a cut: how it is stored, and its shape, by the letters of `Cut`.
STORED: dict[str, tuple[str, tuple]] = {
    "mean": ("<f4", ("c",)),
    "basis": ("<f2", ("m", "c")),
    "scales": ("<i2", ("m",)),
    "prefix_mean": ("<f4", ("p", "c")),
    "prefix_basis": ("<f2", ("q", "c")),
    "prefix_scales": ("<i2", ("q",)),
    "weights": ("<f4", ("f",)),
    "fineness": ("<u2", (SIZE_KINDS, FINENESS)),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Codebook:
    """See the module.

    Attributes:
        model: Full timm tag.
        key: SHA-256 of the model's tensors (`janus.models.tensors_hash`), in hex.
        tokens: Of the unmerged model, prefix tokens included.
        magnitudes: How often each magnitude occurs, for each class, out of about ``TOTAL``.
        sizes: How often each token size occurs, for each half octave of the mean size.
        cuts: By split.
        facts: Where it comes from: images, schedules, date.
    """

    model: str
    key: str
    tokens: int
    magnitudes: UInt16[np.ndarray, "k l"]
    sizes: UInt16[np.ndarray, "b s"]
    cuts: dict[int, Cut]
    facts: dict

    @property
    def splits(self) -> tuple[int, ...]:
        """Those that it serves."""
        return tuple(sorted(self.cuts))

    @property
    def width(self) -> int:
        """Channels of a token."""
        return len(next(iter(self.cuts.values())).mean)

    @property
    def prefix(self) -> int:
        """Prefix tokens."""
        return len(next(iter(self.cuts.values())).prefix_mean)

    def _tensors(self) -> dict[str, np.ndarray]:
        tensors = {"magnitudes": self.magnitudes.astype("<u2"), "sizes": self.sizes.astype("<u2")}
        for split, cut in sorted(self.cuts.items()):
            tensors |= {f"{split}.{name}": tensor for name, tensor in cut.tensors().items()}
        return tensors

    @cached_property
    def data(self) -> bytes:
        """As a file."""
        tensors = self._tensors()
        about = {"format": FORMAT, "model": self.model, "key": self.key, "tokens": self.tokens, "facts": self.facts}
        about["sha256"] = self._checksum
        return save(tensors, metadata={"janus_codebook": json.dumps(about, sort_keys=True)})

    @cached_property
    def _checksum(self) -> str:
        """Over the whole file: what `digest` covers, and the facts."""
        return hashlib.sha256(self.digest + json.dumps(self.facts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over all that coding depends on (32 bytes); a payload names its codebook by the first four."""
        digest = hashlib.sha256(f"{FORMAT} {self.model} {self.key} {self.tokens}\n".encode())
        for name, tensor in sorted(self._tensors().items()):
            digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
            digest.update(np.ascontiguousarray(tensor).tobytes())
        return digest.digest()

    def at(self, split: int) -> Cut:
        """Its part for ``split``.

        Raises:
            JanusError: If there is none.
        """
        if split not in self.cuts:
            raise JanusError(
                f"split {split}: the codebook of {self.model} was calibrated for splits "
                f"{', '.join(map(str, self.splits))}; choose one of them, or run `janus calibrate --split {split}`."
            )
        return self.cuts[split]

    def write(self, path: Path | str) -> None:
        """Store it."""
        write_bytes(path, self.data)


def read_codebook(path: Path | str) -> Codebook:
    """Read what `Codebook.write` wrote.

    Raises:
        JanusError: If it is missing, too large, another format, or any part of it is not as it was written.
    """
    path = Path(path)
    if not path.is_file():
        raise JanusError(f"{path}: this codebook does not exist; make it with `janus calibrate`.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise JanusError(f"{path}: over {MAX_FILE_BYTES >> 20} MiB, which no codebook has; make it again.")
    try:
        with safe_open(path, framework="np") as file:
            about = parse_json((file.metadata() or {}).get("janus_codebook", ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
        return _parsed(about, tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as why:
        raise JanusError(
            f"{path}: not a codebook of this release ({why}); make it again with `janus calibrate`."
        ) from why


def _parsed(about: dict, tensors: dict[str, np.ndarray]) -> Codebook:
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']!r} is not {FORMAT}")
    model, key, tokens, facts = about["model"], about["key"], about["tokens"], about["facts"]
    if not (isinstance(model, str) and isinstance(key, str) and type(tokens) is int and isinstance(facts, dict)):
        raise ValueError("what it says of its model is not understood")
    if tokens < 1:
        raise ValueError(f"its model would have {tokens} tokens")
    shapes = {"magnitudes": (CLASSES, MAGNITUDES + 1), "sizes": (MEAN_SIZES, SIZES + 1)}
    tables = {name: _checked(name, tensors.pop(name), "<u2", shape, {}) for name, shape in shapes.items()}
    parts: dict[int, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        split, _, field = name.partition(".")
        parts.setdefault(int(split), {})[field] = tensor
    cuts: dict[int, Cut] = {}
    letters: dict[str, int] = {}
    for at, fields in parts.items():
        letters = {"c": letters["c"], "p": letters["p"]} if letters else {}  # one model
        checked = {name: _checked(name, fields.pop(name), *stored, letters) for name, stored in STORED.items()}
        if fields or not 1 <= at <= MAX_SPLIT:
            raise ValueError(f"{at}.{min(fields, default='')} is not known")
        if letters["c"] > MAX_WIDTH or letters["p"] > MAX_PREFIX or max(letters["m"], letters["q"]) > letters["c"]:
            raise ValueError("its widths are out of bounds")
        if not letters["m"] or letters["f"] != feature_count(letters["m"], letters["q"] if letters["p"] else 0):
            raise ValueError(f"the parts of split {at} do not belong together")
        cuts[at] = Cut(**checked)
    if not cuts:
        raise ValueError("it serves no split")
    book = Codebook(model=model, key=key, tokens=tokens, cuts=cuts, facts=facts, **tables)
    if book._checksum != about["sha256"]:
        raise ValueError("its SHA-256 is not the one that it was written with")
    return book


def _checked(name: str, tensor: np.ndarray, dtype: str, shape: tuple, letters: dict[str, int]) -> np.ndarray:
    """A tensor that is what `STORED` says; floats come as fp32, tables have no zero."""
    found = tuple(
        letters.setdefault(n, had) if isinstance(n, str) else n for n, had in zip(shape, tensor.shape, strict=False)
    )
    if tensor.dtype != np.dtype(dtype) or len(shape) != tensor.ndim or found != tensor.shape:
        raise ValueError(f"{name} is {tensor.dtype}{list(tensor.shape)}")
    if tensor.dtype.kind == "f":
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} is not finite")
        return tensor.astype(np.float32)
    if tensor.dtype.kind == "u" and not tensor.all():
        raise ValueError(f"{name} holds a symbol that never occurs")
    if tensor.dtype.kind == "i" and (abs(tensor.astype(np.int32)) > MAX_SCALE).any():
        raise ValueError(f"{name} holds a scale out of bounds")
    return tensor
