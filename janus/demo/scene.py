"""What is in a picture, before a pixel of it is drawn: drawn from a stream of integers."""

from __future__ import annotations

from dataclasses import dataclass

from janus.demo.draws import Draws
from janus.demo.shapes import SHAPES, TEXTURES, TURN, UNIT, offset

SIDE = 224  # pixels
# Of objects with a class: the signs of what their hue adds to red and to blue. Green makes up for both.
HUES = {"pink": (1, 1), "orange": (1, -1), "blue": (-1, 1), "green": (-1, -1)}
CLASSES = tuple(f"{hue} {texture}" for hue in HUES for texture in TEXTURES)

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One object. Lengths in 1/16 pixel, angles in 1/1024 turn.

    Attributes:
        label: Index into `CLASSES`; -1 for clutter, which has one colour and belongs to no class.
        shape: Name of its outline, which says nothing of its class.
        x: Of its centre.
        y: Of its centre.
        radius: Of the circle around it.
        angle: It is turned by.
        texture: Name of its texture; None for clutter.
        texture_angle: The texture is turned by, against the picture.
        period: Of the texture.
        colours: Of the two halves of the texture; twice the same for clutter.
    """

    label: int
    shape: str
    x: int
    y: int
    radius: int
    angle: int
    texture: str | None = None
    texture_angle: int = 0
    period: int = UNIT
    colours: tuple[Colour, Colour]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture to be.

    Attributes:
        key: Names the streams that background and grain are drawn from.
        things: From back to front.
        main: Position in ``things`` of the main object, which is by far the largest one with a class.
        colours: The background's, between which it wavers.
        light: Gain in 1/256 at the centre, and its change to the right and downwards over the whole side.
        noise: Peak of the grain, in grey levels.
    """

    key: str
    things: tuple[Thing, ...]
    main: int
    colours: tuple[Colour, Colour]
    light: tuple[int, int, int]
    noise: int

    @property
    def label(self) -> int:
        """Class of the main object."""
        return self.things[self.main].label


def draw_scene(key: str, label: int) -> Scene:
    """The scene of this key, whose main object is of class ``label``."""
    draws = Draws(key, "scene")
    colours = _pair(draws, 8, 48)
    radius = draws.between(32 * UNIT, 48 * UNIT)
    main = _thing(draws, label, radius, _place(draws, radius), colours)
    behind = [_clutter(draws) for _ in range(draws.between(4, 10))]
    front = []
    for _ in range(draws.between(2, 5)):
        small = draws.between(12 * UNIT, radius * 5 // 8)
        place = _place(draws, small)
        other = _thing(draws, draws.below(len(CLASSES)), small, place, colours)
        # One that would hide the middle of the main object goes behind it.
        apart = (place[0] - main.x) ** 2 + (place[1] - main.y) ** 2 > (radius * 3 // 4 + small * 3 // 4) ** 2
        (front if apart and draws.chance(1, 2) else behind).append(other)
    across = [_bar(draws, main)] if draws.chance(2, 3) else []
    return Scene(
        key=key,
        things=(*behind, main, *front, *across),
        main=len(behind),
        colours=colours,
        light=(draws.between(176, 272), draws.between(-96, 96), draws.between(-96, 96)),
        noise=draws.between(8, 40),
    )


def _place(draws: Draws, radius: int) -> tuple[int, int]:
    return draws.between(radius, SIDE * UNIT - radius), draws.between(radius, SIDE * UNIT - radius)


def _thing(draws: Draws, label: int, radius: int, place: tuple[int, int], behind: tuple[Colour, Colour]) -> Thing:
    """An object of class ``label``, in two colours that are not the background's."""
    hue, texture = CLASSES[label].split()
    return Thing(
        label=label,
        shape=tuple(SHAPES)[draws.below(len(SHAPES))],
        x=place[0],
        y=place[1],
        radius=radius,
        angle=draws.below(TURN),
        texture=texture,
        texture_angle=draws.below(TURN),
        period=draws.between(7 * UNIT, 11 * UNIT),
        colours=_pair(draws, 36, 128, HUES[hue]),
    )


def _clutter(draws: Draws) -> Thing:
    """A scrap of one colour."""
    radius = draws.between(3 * UNIT, 12 * UNIT)
    colour = _colour(draws, draws.below(256))
    shape = ("disc", "square", "bar")[draws.below(3)]
    x, y = _place(draws, radius)
    return Thing(label=-1, shape=shape, x=x, y=y, radius=radius, angle=draws.below(TURN), colours=(colour, colour))


def _bar(draws: Draws, main: Thing) -> Thing:
    """A bar of one colour across the main object, some way off its middle."""
    angle = draws.below(TURN)
    x, y = offset(draws.between(0, main.radius * 3 // 4), angle)
    colour = _colour(draws, draws.below(256))
    radius = draws.between(main.radius * 3 // 4, main.radius * 3 // 2)
    return Thing(
        label=-1, shape="bar", x=main.x + x, y=main.y + y, radius=radius, angle=angle + TURN // 4,
        colours=(colour, colour),
    )  # fmt: skip


def _pair(draws: Draws, least: int, most: int, signs: tuple[int, int] | None = None) -> tuple[Colour, Colour]:
    """Two colours whose lightness differs by least…most, in either order; of one hue where its ``signs`` are given."""
    apart = draws.between(least, most)
    dark = draws.between(16, 239 - apart)
    pair = _colour(draws, dark, signs), _colour(draws, dark + apart, signs)
    return pair if draws.chance(1, 2) else (pair[1], pair[0])


def _colour(draws: Draws, grey: int, signs: tuple[int, int] | None = None) -> Colour:
    """A colour of a lightness: a hue whose weighted sum (Rec. 601 in eighths: 2, 5, 1) is nil is added to the grey."""
    if signs is None:
        red, blue = draws.between(-40, 40), draws.between(-40, 40)
    else:
        red, blue = signs[0] * draws.between(10, 40), signs[1] * draws.between(10, 40)
    return grey + red, grey - (2 * red + blue) // 5, grey + blue
