"""Pictures that a phone's camera reads."""

import segno


def picture(text: str, *, scale: int = 4) -> str:
    """The text for an <img>; black on white in every colour scheme, so that cameras read it."""
    return str(segno.make(text, error="m").svg_data_uri(scale=scale, border=3, dark="#000", light="#fff"))
