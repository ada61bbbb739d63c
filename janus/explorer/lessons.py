"""Six states to teach from, each with what there is to see in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A state with a name.

    Attributes:
        name: In the menu.
        state: What the controls say; the model is the one that the screen begins with, unless it names one.
        teaches: What there is to see, in a sentence.
    """

    name: str
    state: str
    teaches: str


# Stored, so that a lesson says the same on every machine.
BOX, RACK = "2-core+EPYC+(stored)", "V100+(derived)"
LESSONS = (
    Lesson(
        name="The JPEG baseline",
        state=f"janus1?device={BOX}&cloud={RACK}&uplink_mbps=50&rtt_ms=5&slo_ms=14&encoding=raw",
        teaches="Against raw pixels a cut behind block 1 wins, but the bar named JPEG is lower still, without any "
        "merging: set Picture as to JPEG 85, and Janus sends the picture.",
    ),
    Lesson(
        name="Why a ViT does not shrink",
        state=f"janus1?device={BOX}&cloud={RACK}&uplink_mbps=20&level=0&split=6&codec=fp32",
        teaches="Every block of a ViT hands on as many tokens as it got, so without merging each cut sends the same "
        "and a deeper one only takes longer: raise Level, and the tokens and the orange parts of the bars shrink.",
    ),
    Lesson(
        name="What α does",
        state=f"janus1?device={BOX}&cloud={RACK}&level=0.4&slo_ms=25",
        teaches="α decides how many tokens are merged in each block, most of them in the first: move Level from end "
        "to end, and see tokens and latency fall long before the accuracy does.",
    ),
    Lesson(
        name="When to split",
        state="janus1?model=vit_large_patch16_384&device=Orin+Nano+(derived)&cloud=V100+(derived)&uplink_mbps=20"
        "&rtt_ms=20&slo_ms=200&encoding=raw",
        teaches="A cut is fastest between two bandwidths, where merged tokens are less to send than the raw picture: "
        "at 2 Mbit/s this ViT-L stays on the device, at 30 its picture travels. As JPEG 85, the picture wins at both "
        "20 and 30.",
    ),
    Lesson(
        name="A tunnel",
        state=f"janus1?device={BOX}&cloud={RACK}&uplink_mbps=0.2&slo_ms=20",
        teaches="In a tunnel hardly anything gets through: whatever needs the link is seconds late, and the device "
        "alone meets the target by merging until it is quick enough. Give Bandwidth back, and the cloud helps again.",
    ),
    Lesson(
        name="An impossible SLO",
        state=f"janus1?device={BOX}&cloud={RACK}&slo_ms=8",
        teaches="No plan meets this target, and the sentence says what each one lacks: move SLO up to find the first "
        "one that does, and see what accuracy it leaves.",
    ),
)
