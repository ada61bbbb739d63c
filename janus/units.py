"""The only place for factors of 8, 1000 and 1024.

Rates are decimal megabits per second, times are milliseconds, amounts are bytes.
"""

BITS_PER_BYTE = 8
MS_PER_S = 1000.0
BYTES_PER_KB = 1000.0
BYTES_PER_MIB = 1024 * 1024
# 1 Mbit/s = 1e6 bit/s = 125 bytes per millisecond.
BYTES_PER_MS_AT_1_MBPS = 1e6 / BITS_PER_BYTE / MS_PER_S


def mbps_to_bytes_per_ms(mbps):
    """Decimal megabits per second as bytes per millisecond. Takes numbers and arrays."""
    return mbps * BYTES_PER_MS_AT_1_MBPS


def bytes_per_ms_to_mbps(bytes_per_ms):
    """Bytes per millisecond as decimal megabits per second. Takes numbers and arrays."""
    return bytes_per_ms / BYTES_PER_MS_AT_1_MBPS


def transfer_ms(size_bytes, mbps):
    """Milliseconds that ``size_bytes`` take at a steady ``mbps``. Takes numbers and arrays."""
    return size_bytes / (mbps * BYTES_PER_MS_AT_1_MBPS)


def s_to_ms(seconds):
    """Seconds as milliseconds."""
    return seconds * MS_PER_S


def ms_to_s(ms):
    """Milliseconds as seconds."""
    return ms / MS_PER_S
