"""How a rule says no."""


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
