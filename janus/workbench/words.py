"""Numbers as people read them. A no-break space stands before each unit. Torch-free."""

from __future__ import annotations

import math

from janus.units import BYTES_PER_KB, MS_PER_S, ms_to_s

NBSP = "\N{NO-BREAK SPACE}"
LEAST_MS = 0.01


def significant(value: float, digits: int = 3, most: int = 2) -> str:
    """Three significant digits, at most two decimals, no exponent; all digits of larger numbers."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), most)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ms(value: float) -> str:
    """Milliseconds with their unit; seconds from one on."""
    if abs(value) >= MS_PER_S:
        return f"{significant(ms_to_s(value))}{NBSP}s"
    if 0 < abs(value) < LEAST_MS:
        return f"less than {LEAST_MS}{NBSP}ms"
    return f"{significant(value)}{NBSP}ms"


def ms_short(value: float) -> str:
    """Milliseconds without unit for the top of a bar, in as few characters as it takes."""
    if value >= MS_PER_S:
        return f"{significant(ms_to_s(value), 2)}{NBSP}s"
    return significant(value, 2 if value < 100 else 3)


def mbps(value: float) -> str:
    """A bandwidth with its unit."""
    return f"{significant(value, most=4)}{NBSP}Mbit/s"


def kilobytes(size_bytes: float) -> str:
    """An amount in decimal kilobytes."""
    return f"{significant(size_bytes / BYTES_PER_KB)}{NBSP}kB"


def percent(value: float) -> str:
    """A share that is given in percent."""
    return f"{value:.1f}{NBSP}%"
