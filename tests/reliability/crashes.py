"""kill -9 in the middle of 500 claims and check-ins: what was answered as done is there, and nothing is double.

`python -m tests.reliability.crashes` strikes ten times on SQLite, ten times at the server on PostgreSQL, and ten
times at a durable PostgreSQL itself, and prints what it found. The suite strikes less often.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from blueprints.admin import doctor
from blueprints.claims.models import LIVE_STATES, Act, Claim, Punch
from core import clock
from core.db import db
from tests import postgres
from tests.reliability.house import Crowd, House, Station, Task, coming, furnish, house, people, running

CLAIMERS, SHIFTS, PRESENT = 100, 3, 100
DONE = 303


@dataclass(frozen=True)
class Outcome:
    """What one blow did: so many were answered as done before it, and what was wrong afterwards."""

    done: int
    unanswered: int
    faults: tuple[str, ...]


def round_of(home: House, station: Station, number: int) -> tuple[list[Task], list[Task]]:
    """300 claims on three shifts, and 100 people to be marked in and out."""
    now = datetime.now(UTC)
    crowd = people(station, CLAIMERS + PRESENT, number * 1000)
    shifts = [coming(station, 2 + number * SHIFTS + n, CLAIMERS // 2, now) for n in range(SHIFTS)]
    cookies = [home.cookie(person.account_id) for person in crowd[:CLAIMERS]]
    claims = [
        Task(f"/shifts/{shift.id}/claims", cookie, home.form(), (shift.id, person.id))
        for shift in shifts
        for person, cookie in zip(crowd, cookies, strict=False)
    ]
    present = running(station, crowd[CLAIMERS:], now)
    clerk = home.cookie(station.clerk_id)
    punches = [
        Task(f"/desk/claims/{held.id}/punches", clerk, home.form(act=act), (held.id, act is Act.OUT))
        for act in (Act.IN, Act.OUT)
        for held in present
    ]
    db.session.commit()
    return claims, punches


def strike_once(
    home: House, station: Station, number: int, strike: Callable[[], None], mend: Callable[[], None]
) -> Outcome:
    """Send everything, strike in the middle, mend, send what had no answer again, and look at what is there."""
    claims, punches = round_of(home, station, number)
    tasks = [task for pair in zip(claims, punches, strict=False) for task in pair] + claims[len(punches) :]
    after = random.Random(number).randrange(60, 360)
    answers = Crowd(home.port, tasks, strike, after).rush()
    mend()
    db.session.remove()
    db.engine.dispose()  # our own connections may have died with the database
    faults = [*_lost(claims, punches, answers), *_double(claims, punches)]
    again = [task for task in tasks if answers.get(task) != DONE]
    Crowd(home.port, again).rush()
    faults += _missing(claims, punches)
    faults += [*_double(claims, punches), *broken_rules()]
    done = sum(status == DONE for status in answers.values())
    return Outcome(done, len(tasks) - len(answers), tuple(faults))


def _claims(claims: Sequence[Task]) -> dict[tuple[int, ...], int]:
    """How many live claims each person has on each shift."""
    shifts = {task.about[0] for task in claims}
    live = select(Claim.shift_id, Claim.volunteer_id, func.count()).where(
        Claim.shift_id.in_(shifts), Claim.state.in_(LIVE_STATES)
    )
    rows = db.session.execute(live.group_by(Claim.shift_id, Claim.volunteer_id)).all()
    db.session.rollback()
    return {(shift, person): count for shift, person, count in rows}


def _punches(punches: Sequence[Task]) -> dict[tuple[int, ...], int]:
    ids = {task.about[0] for task in punches}
    seen = select(Punch.claim_id, Punch.act, func.count()).where(Punch.claim_id.in_(ids))
    rows = db.session.execute(seen.group_by(Punch.claim_id, Punch.act)).all()
    db.session.rollback()
    return {(claim, act is Act.OUT): count for claim, act, count in rows}


def _lost(claims: Sequence[Task], punches: Sequence[Task], answers: dict[Task, int]) -> list[str]:
    there = _claims(claims) | {("punch", *about): n for about, n in _punches(punches).items()}  # type: ignore[dict-item]
    wanted = [task.about for task in claims if answers.get(task) == DONE]
    wanted += [("punch", *task.about) for task in punches if answers.get(task) == DONE]  # type: ignore[list-item]
    return [f"answered as done and not there: {about}" for about in wanted if not there.get(about)]


def _missing(claims: Sequence[Task], punches: Sequence[Task]) -> list[str]:
    there, seen = _claims(claims), _punches(punches)
    missing = [task.about for task in claims if not there.get(task.about)]
    missing += [task.about for task in punches if task.about[1] == 0 and not seen.get(task.about)]
    return [f"sent again and not there: {about}" for about in missing]


def _double(claims: Sequence[Task], punches: Sequence[Task]) -> list[str]:
    both = [*_claims(claims).items(), *_punches(punches).items()]
    return [f"there {count} times: {about}" for about, count in both if count > 1]


def broken_rules() -> list[str]:
    """What `doctor` says of the rules and of the file."""
    look = doctor.Installation({}, clock.now())
    checks = {**doctor.RULES, "file": doctor.file_is_sound, "references": doctor.foreign_keys}
    findings = {name: check(look) for name, check in checks.items()}
    db.session.rollback()
    return [f"doctor: {name}: {f.words}" for name, f in findings.items() if f.verdict is doctor.Verdict.PROBLEM]


# --- where it strikes ---------------------------------------------------------------------------------------


def at_the_server(folder: Path, url: str, rounds: int) -> list[Outcome]:
    """Every process of the server is killed, and started again as systemd would."""
    with house(folder, url or f"sqlite:///{folder / 'rengang.db'}") as home:
        station = furnish()
        home.start()
        return [strike_once(home, station, n, home.kill, home.start) for n in range(rounds)]


def at_postgresql(folder: Path, rounds: int) -> list[Outcome]:
    """Every process of a durable PostgreSQL is killed; the server of the site stays and finds it again."""
    with postgres.server(durable=True) as database, house(folder, database.url()) as home:
        station = furnish()
        home.start()
        return [strike_once(home, station, n, database.kill, database.start) for n in range(rounds)]


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.reliability.crashes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="rengang-crashes-") as parent, postgres.running() as careless:
        place = Path(parent)
        faulty = [
            told("server on SQLite", at_the_server(place / "sqlite", "", rounds)),
            told("server on PostgreSQL", at_the_server(place / "server", careless, rounds)),
            told("durable PostgreSQL", at_postgresql(place / "postgresql", rounds)),
        ]
    sys.exit(any(faulty))


def told(what: str, outcomes: Sequence[Outcome]) -> bool:
    """Print what was found; returns whether anything was wrong."""
    done, open_ = sum(o.done for o in outcomes), sum(o.unanswered for o in outcomes)
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    print(f"{what}: {len(outcomes)} times, {done} done before, {open_} without an answer, {len(faults)} faults")
    print("\n".join(faults[:10]), flush=True)
    return bool(faults)


if __name__ == "__main__":
    main()
