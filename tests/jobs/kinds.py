"""Tasks that only the tests know."""

from blueprints.jobs.actions import Kind, Work
from core.actor import Role
from core.i18n import _, lazy
from core.refusal import Refusal

Seen: list[int] = []  # how often something was tried
TITLE = lazy("Start")


def count(work: Work):
    """One line a step; it goes on where it was."""
    work.expect(work.given["rows"])
    if not work.done:
        work.begin_file("count.csv", "text/csv")
    while work.done < work.given["rows"]:
        work.write(f"{work.done}\n".encode())
        work.advance()
        yield


def turn(work: Work):
    """The input from its end to its beginning."""
    data = b"".join(work.read())
    work.begin_file("turned.bin", "application/octet-stream")
    work.write(data[::-1])
    yield


def refuse(work: Work):
    work.begin_file("half.txt", "text/plain")
    work.write(b"half")
    yield
    raise Refusal(_("Start"))


def crash(_work: Work):
    Seen.append(1)
    raise ZeroDivisionError
    yield


def greet(work: Work):
    work.advance()
    yield


COUNTING = Kind("count", TITLE, count)
LARGE = Kind("large", TITLE, turn)
REFUSING = Kind("refusing", TITLE, refuse)
FRAGILE = Kind("fragile", TITLE, crash)
GREETING = Kind("greeting", TITLE, greet, can_be_cancelled=False)
ADMINISTRATORS = Kind("administrators", TITLE, greet, roles=(Role.ADMINISTRATOR,))
