"""How a rule says no."""

from core.db import Base


class Refusal(Exception):
    """A rule said no; the message is the sentence the person reads, and says what to do next.

    `field` names the form field the sentence belongs to, so that the page can show it there.
    """

    status = 409

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class TooManyTries(Refusal):
    """Guessing goes on too fast; the sentence says how long to wait."""

    status = 429


class Barred(Refusal):
    """A rule said no to somebody who would have let minutes count that are not theirs to decide on.

    It leaves a trace: `tried` is what they wanted to do, `bar` why they may not, `subject` the row it was about.
    """

    def __init__(self, message: str, tried: str, bar: str, subject: Base, field: str | None = None) -> None:
        super().__init__(message, field)
        self.tried, self.bar = tried, bar
        self.subject = (subject.__tablename__, subject.id)


def is_said(text: str | None) -> bool:
    """Whether a reason or a name says anything: a letter or a figure of any script, not only marks and pictures."""
    return any(character.isalnum() for character in text or "")
