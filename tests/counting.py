"""How often a page asks the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from core.db import Question


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that were executed meanwhile, without savepoints and the like."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            statements.append(statement)

    def ask(question: Question, dialect: Any) -> Any:
        statements.append(str(question.query))
        return write(question, dialect)

    write = Question._in
    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(Question, "_in", ask):
            yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def queries_of(act: Callable[[], object]) -> int:
    """How many statements an act sends to the database."""
    with counted() as sent:
        act()
    return len(sent)
