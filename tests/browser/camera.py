"""A camera for Chromium: a film that is made here, and that the browser takes for what its camera sees."""

from collections.abc import Iterable
from pathlib import Path
from random import Random

from PIL import Image, ImageChops, ImageFilter

WIDE, HIGH = 640, 480
FRAMES = 5  # a second
WALL, LIGHT = 96, 0.82  # how bright the room is, and how much of white reaches the camera
GOOD, POOR = 24, 64  # how much noise a camera adds, in steps of 256
HELD = 0.8  # how much of the picture a card fills that is held to the camera


def held(card: Image.Image, turned: float, grain: int, chance: Random) -> Image.Image:
    """A card in somebody's hand: not straight, not quite sharp, in poor light."""
    size = min(WIDE * HELD / card.width, HIGH * HELD / card.height)
    small = card.convert("L").resize((int(card.width * size), int(card.height * size)), Image.Resampling.LANCZOS)
    bent = small.point(lambda value: int(value * LIGHT)).rotate(turned, Image.Resampling.BICUBIC, True, fillcolor=WALL)
    room = nothing()
    room.paste(bent, ((WIDE - bent.width) // 2 + chance.randint(-9, 9), (HIGH - bent.height) // 2))
    return grainy(room.filter(ImageFilter.GaussianBlur(0.6)), grain, chance)


def nothing() -> Image.Image:
    """The wall behind whoever stands there."""
    return Image.new("L", (WIDE, HIGH), WALL)


def grainy(picture: Image.Image, grain: int, chance: Random) -> Image.Image:
    """What a camera adds in each point, up or down."""
    noise = Image.frombytes("L", (WIDE, HIGH), chance.randbytes(WIDE * HIGH)).point(lambda value: value * grain // 256)
    return ImageChops.add(picture, noise, offset=-grain // 2)


def film(path: Path, pictures: Iterable[Image.Image]) -> None:
    """Write the pictures as Y4M without colours; the browser shows them one after the other and begins again."""
    grey = bytes([128]) * (WIDE * HIGH // 2)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDE} H{HIGH} F{FRAMES}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            file.write(b"FRAME\n" + picture.tobytes() + grey)


def waved(card: Image.Image, seconds: float, grain: int = GOOD) -> list[Image.Image]:
    """The card held to the camera by a hand that is not steady."""
    chance = Random(7)
    return [held(card, chance.uniform(-9, 9), grain, chance) for _n in range(int(seconds * FRAMES))]
