"""Writers of SQLite go one after the other, and nobody waits at a door that is open."""

import threading

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from core import turns


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/turns.db")
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE told (name TEXT)"))
        connection.commit()
    yield engine
    engine.dispose()


def write(app, engine, name, begun=None, go_on=None):
    with app.test_request_context("/", method="POST"), engine.begin() as connection:
        if begun:
            begun.set()
        if go_on:
            assert go_on.wait(30)
        connection.execute(text("INSERT INTO told VALUES (:name)"), {"name": name})


def told(app, engine):
    with app.test_request_context("/"), engine.connect() as connection:
        return list(connection.scalars(text("SELECT name FROM told ORDER BY rowid")))


def test_a_second_writer_waits_until_the_first_has_ended(app, engine):
    begun, go_on, second = threading.Event(), threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=write, args=(app, engine, "first", begun, go_on)),
        threading.Thread(target=write, args=(app, engine, "second", second)),
    ]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    assert not second.is_set()
    assert told(app, engine) == []  # readers do not wait
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert told(app, engine) == ["first", "second"]


def test_a_writer_that_fails_lets_the_next_one_go_on(app, engine):
    with pytest.raises(ZeroDivisionError), app.test_request_context("/", method="POST"), engine.begin():
        raise ZeroDivisionError
    write(app, engine, "next")
    assert told(app, engine) == ["next"]


def test_whoever_waited_too_long_is_told_so_and_keeps_nobody_waiting(app, engine, monkeypatch):
    with monkeypatch.context() as impatient:
        impatient.setattr(turns, "PATIENCE", -1.0)
        with pytest.raises(OperationalError):
            write(app, engine, "never")
    write(app, engine, "next")
    assert told(app, engine) == ["next"]


def test_a_command_and_a_reader_do_not_stand_in_the_line(app, engine, monkeypatch):
    monkeypatch.setattr(turns, "wait", lambda _connection: pytest.fail("stood in the line"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO told VALUES ('command')"))
    assert told(app, engine) == ["command"]


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail_here(app, engine, monkeypatch):
    monkeypatch.setattr(turns, "_line", lambda *_: (_ for _ in ()).throw(PermissionError()))
    write(app, engine, "anyway")
    assert told(app, engine) == ["anyway"]
