"""What is wrong with an installation, and how to mend it: each check answers in one line.

The rules are proven on the data by queries of their own, not by the code that is supposed to keep them.
"""

import logging
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from alembic.script import ScriptDirectory
from cryptography.fernet import InvalidToken
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from blueprints.admin import catalogs, demo, worker
from blueprints.admin.models import Lease
from blueprints.admin.reminders import WORKER
from blueprints.admin.sending import MOST_TRIES
from blueprints.claims.models import Claim, ClaimState
from blueprints.identity import queries as identity
from blueprints.identity.models import Grant, SecondFactor
from blueprints.messages import channels
from blueprints.messages.models import Channel, Delivery, DeliveryState, Robot
from blueprints.records import queries as records
from blueprints.series import queries as series
from core import clock, mail, vault
from core.audit import AuditEntry
from core.db import db
from core.health import revisions
from core.schema import MIGRATIONS

log = logging.getLogger("rengang.doctor")
LEAST_FREE = 1024**3  # bytes
LATE = timedelta(minutes=10)  # how long something due may wait before a worker is missed
SKEW = timedelta(minutes=5)
LOCAL = {"localhost", "127.0.0.1", "::1", ""}


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"  # worth knowing, nothing is wrong
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it."""

    verdict: Verdict
    words: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the checks look at besides the database."""

    config: Mapping[str, Any]
    now: datetime

    @property
    def folder(self) -> Path:
        instance: Path = self.config["INSTANCE"]
        return instance


Check = Callable[[Installation], Finding]


def ok(words: str) -> Finding:
    return Finding(Verdict.OK, words)


def note(words: str, remedy: str = "") -> Finding:
    return Finding(Verdict.NOTE, words, remedy)


def problem(words: str, remedy: str) -> Finding:
    return Finding(Verdict.PROBLEM, words, remedy)


def examine(installation: Installation) -> Iterator[tuple[str, Finding]]:
    """Every check by its name; those on the data only if there is a database to look at."""
    for name, check in FIRST.items():
        finding = _tried(check, installation)
        yield name, finding
        if name in NEEDED and finding.verdict is Verdict.PROBLEM:
            return
    for name, check in {**RULES, **AROUND}.items():
        yield name, _tried(check, installation)


def _tried(check: Check, installation: Installation) -> Finding:
    """A check that breaks has found something, too."""
    try:
        return check(installation)
    except Exception as error:  # whatever it is, the other checks go on
        db.session.rollback()
        log.exception("a check of the doctor failed")
        return problem(f"the check failed: {type(error).__name__}", "See the error above, and docs/operations.md.")


# --- the database -----------------------------------------------------------------------------------------


def database(_installation: Installation) -> Finding:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        remedy = "Is the server running, and is DATABASE_URL right? For SQLite: is the instance folder writable?"
        return problem(f"does not answer ({type(error).__name__})", remedy)
    return ok(f"{db.engine.dialect.name} answers")


def migration(_installation: Installation) -> Finding:
    has, wants = revisions()
    if has == wants:
        return ok(f"revision {has}")
    return problem(f"the database has revision {has}, the program wants {wants}", "Run `manage.py migrate`.")


GUARDS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def guards(_installation: Installation) -> Finding:
    """Every trigger that a migration names in GUARDS stands."""
    scripts = ScriptDirectory(MIGRATIONS).walk_revisions()
    wanted = {guard[0] for script in scripts for guard in getattr(script.module, "GUARDS", ())}
    missing = sorted(wanted - set(db.session.scalars(text(GUARDS[db.engine.dialect.name]))))
    if missing:
        remedy = "Restore the newest backup into a new database, or create them as migrations/versions/0002 does."
        return problem(f"missing or switched off: {', '.join(missing)}", remedy)
    return ok(f"all {len(wanted)} stand")


def foreign_keys(_installation: Installation) -> Finding:
    if db.engine.dialect.name == "sqlite":
        broken = db.session.execute(text("PRAGMA foreign_key_check")).all()
        count = len(broken) if db.session.scalar(text("PRAGMA foreign_keys")) else -1
    else:
        unproven = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated"
        count = db.session.scalar(text(unproven)) or 0
    if count:
        return problem("rows refer to rows that are not there", "Restore the newest backup into a new database.")
    return ok("every reference leads somewhere")


def file_is_sound(_installation: Installation) -> Finding:
    if db.engine.dialect.name != "sqlite":
        return ok("PostgreSQL looks after its own files")
    said = db.session.scalar(text("PRAGMA quick_check(1)"))
    if said != "ok":
        return problem(f"the file is damaged: {said}", "Restore the newest backup into a new folder.")
    return ok("the file is sound")


# --- the rules, on the data -------------------------------------------------------------------------------

LIVE = "('held', 'offered', 'waiting', 'requested')"
# Whoever claims two shifts at once: found by one pass over everybody's live claims in the order of time.
OVERLAPS = f"""
    WITH live AS (
        SELECT c.id, c.volunteer_id, c.shift_id, s.starts_at, s.ends_at, s.moved_at, max(s.ends_at) OVER (
            PARTITION BY c.volunteer_id ORDER BY s.starts_at, s.id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
        FROM claim c JOIN shift s ON s.id = c.shift_id WHERE c.state IN {LIVE}),
    doubtful AS (SELECT DISTINCT volunteer_id FROM live WHERE busy_until > starts_at)
    SELECT b.id FROM live b JOIN live a ON a.volunteer_id = b.volunteer_id AND a.id < b.id
        AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
    WHERE b.volunteer_id IN (SELECT volunteer_id FROM doubtful) AND a.moved_at IS NULL AND b.moved_at IS NULL"""
# Each rule: what must not be, and the query for the ids of what is so nevertheless.
BREACHES = {
    "places": (
        "claims hold a place that their shift does not have, or share one",
        """SELECT c.id FROM claim c JOIN shift s ON s.id = c.shift_id
        WHERE c.place > s.places OR c.places <> s.places OR (c.place IS NULL) = (c.state IN ('held', 'offered'))
        UNION SELECT max(id) FROM claim WHERE place IS NOT NULL GROUP BY shift_id, place HAVING count(*) > 1""",
    ),
    "one claim": (
        "people have two live claims on one shift",
        f"""SELECT max(id) AS id FROM claim WHERE state IN {LIVE}
        GROUP BY shift_id, volunteer_id HAVING count(*) > 1""",
    ),
    "overlaps": ("live claims of one person overlap, and neither shift was moved", OVERLAPS),
    "minutes": (
        "records have minutes outside of what was planned or observed",
        """SELECT id FROM service_record WHERE minutes < 0 OR minutes > planned_minutes OR ended_at < started_at""",
    ),
    "two people": (
        "records were confirmed or approved by somebody who recorded them, or by their owner",
        """SELECT r.id FROM service_record r JOIN recorder x ON x.record_id = r.id
        WHERE x.account_id IN (r.confirmed_by_id, r.approved_by_id)
        UNION SELECT r.id FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
        WHERE v.account_id IN (r.confirmed_by_id, r.approved_by_id)
        UNION SELECT id FROM service_record WHERE handed_in_by_id IN (confirmed_by_id, approved_by_id)
        UNION SELECT id FROM service_record WHERE approved_by_id = confirmed_by_id
        UNION SELECT r.id FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
        JOIN volunteer o ON o.merged_into_id = v.id OR o.id = v.merged_into_id
        WHERE o.account_id IN (r.confirmed_by_id, r.approved_by_id)
        AND (SELECT sum(e.minutes) FROM ledger_entry e WHERE e.record_id = r.id) > 0""",
    ),
    "recorders": (
        "records do not name everybody who touched their attendance",
        """SELECT r.id FROM service_record r WHERE r.state <> 'returned' AND (
            NOT EXISTS (SELECT 1 FROM recorder x WHERE x.record_id = r.id AND x.account_id = r.handed_in_by_id)
            OR EXISTS (SELECT 1 FROM punch p WHERE p.claim_id = r.claim_id AND p.recorded_at <= r.handed_in_at
                AND NOT EXISTS (SELECT 1 FROM recorder y
                    WHERE y.record_id = r.id AND y.account_id = p.recorded_by_id))
            OR EXISTS (SELECT 1 FROM offline_act o WHERE o.claim_id = r.claim_id AND o.punch_id IS NOT NULL
                AND o.received_at <= r.handed_in_at AND o.observed_by_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM recorder z
                    WHERE z.record_id = r.id AND z.account_id = o.observed_by_id)))""",
    ),
    "tablets": (
        "entries of tablets say that they were entered, and no observation of that person belongs to them",
        """SELECT id FROM offline_act WHERE (state = 'entered' AND punch_id IS NULL AND act <> 'undo')
        OR (state <> 'entered' AND punch_id IS NOT NULL)
        UNION SELECT o.id FROM offline_act o JOIN punch p ON p.id = o.punch_id WHERE p.claim_id <> o.claim_id""",
    ),
    "confirmations": (
        "records count without the confirmation or the approval they need",
        """SELECT id FROM service_record
        WHERE (state IN ('approval', 'notice', 'effective') AND confirmed_by_id IS NULL)
        OR (state IN ('notice', 'effective') AND (levels_up > 0 OR source = 'supplement')
            AND approved_by_id IS NULL)""",
    ),
    "observations": (
        "records have no check-in and check-out behind them",
        """SELECT r.id FROM service_record r WHERE r.state <> 'returned' AND r.source = 'shift' AND 2 > (
            SELECT count(DISTINCT p.act) FROM punch p WHERE p.claim_id = r.claim_id AND p.act <> 'undo'
            AND NOT EXISTS (SELECT 1 FROM punch u WHERE u.undoes_id = p.id))""",
    ),
    "one record": (
        "attendances have two standing records, or a record of somebody else",
        """SELECT max(id) AS id FROM service_record WHERE state <> 'returned' AND claim_id IS NOT NULL
        GROUP BY claim_id HAVING count(*) > 1
        UNION SELECT r.id FROM service_record r JOIN claim c ON c.id = r.claim_id
        WHERE r.volunteer_id <> c.volunteer_id OR c.state <> 'held'""",
    ),
    "sources": (
        "entries stand for no shift and are no supplement or import, or their evidence does not fit their source",
        """SELECT id FROM service_record WHERE (source = 'shift') <> (claim_id IS NOT NULL)
        OR (source = 'supplement' AND evidence <> 'C') OR (source = 'import') <> (evidence = 'D')""",
    ),
    "notices": (
        "entries that nobody saw count before their public notice was over",
        """SELECT id FROM service_record WHERE (state = 'effective' AND evidence IN ('C', 'D')
            AND effective_at IS NOT NULL AND (notice_ends_at IS NULL OR effective_at < notice_ends_at))""",
    ),
    "objections": (
        "objections to notices were decided by who took part in the entry, or it counts while one is open",
        """SELECT o.id FROM objection o JOIN service_record r ON r.id = o.record_id
        JOIN volunteer v ON v.id = r.volunteer_id
        WHERE o.decided_by_id IN (r.confirmed_by_id, r.approved_by_id, v.account_id, o.phone_of_id)
        OR (o.state = 'open' AND r.state = 'effective') OR EXISTS (SELECT 1 FROM recorder x
            WHERE x.record_id = o.record_id AND x.account_id = o.decided_by_id)""",
    ),
    "ledger": (
        "effective entries and the ledger do not agree, or minutes count that nobody corrected",
        """SELECT r.id FROM service_record r WHERE r.state = 'effective' AND NOT EXISTS (
            SELECT 1 FROM ledger_entry e WHERE e.record_id = r.id AND e.correction_id IS NULL AND e.kind = 'credit'
            AND e.minutes = r.minutes AND e.volunteer_id = r.volunteer_id AND e.evidence = r.evidence)
        UNION SELECT e.record_id FROM ledger_entry e JOIN service_record r ON r.id = e.record_id
            WHERE r.state <> 'effective'
        UNION SELECT e.record_id FROM ledger_entry e JOIN ledger_entry x ON x.id = e.reverses_id
            WHERE x.minutes <> -e.minutes OR x.record_id <> e.record_id
        UNION SELECT record_id FROM ledger_entry GROUP BY record_id HAVING sum(minutes) < 0""",
    ),
    "series": (
        "shifts belong to a series of another post, or stand there twice",
        """SELECT o.id FROM series_occurrence o JOIN series r ON r.id = o.series_id JOIN shift s ON s.id = o.shift_id
        JOIN series_slot t ON t.id = o.slot_id WHERE s.post_id <> r.post_id OR t.series_id <> r.id
        UNION SELECT max(id) AS id FROM series_occurrence GROUP BY shift_id HAVING count(*) > 1""",
    ),
    "states": (
        "posts, shifts and claims have states that do not go together",
        f"""SELECT s.id FROM shift s JOIN post p ON p.id = s.post_id
        WHERE (s.state = 'draft') <> (p.state = 'draft') OR (p.state = 'draft' AND s.state = 'open')
        UNION SELECT s.id FROM shift s JOIN claim c ON c.shift_id = s.id AND c.state IN {LIVE}
        WHERE s.state <> 'open'""",
    ),
}


def _rule(words: str, query: str) -> Check:
    def check(_installation: Installation) -> Finding:
        found = list(db.session.scalars(text(f"SELECT id FROM ({query}) AS breach ORDER BY id LIMIT 4")))
        if not found:
            return ok("the rule holds")
        ids = ", ".join(map(str, found[:3])) + (" …" if len(found) > 3 else "")
        remedy = "This should be impossible: keep a backup, and report it with the version and these numbers."
        return problem(f"{words} (id {ids})", remedy)

    return check


SAMPLE = """
    SELECT p.id, a.claimed_at IS NOT NULL AS counts, sum(e.minutes) FROM ledger_entry e
    JOIN volunteer v ON v.id = e.volunteer_id JOIN volunteer p ON p.id = coalesce(v.merged_into_id, v.id)
    JOIN account a ON a.id = p.account_id
    GROUP BY p.id, a.claimed_at ORDER BY counts, p.id LIMIT 200"""


def totals(_installation: Installation) -> Finding:
    """The totals that people see are the sums of what counts; nothing counts for an account nobody has taken over."""
    rows = db.session.execute(text(SAMPLE)).all()
    for volunteer_id, counts, minutes in rows:
        shown = sum(records.totals(volunteer_id).values())
        if shown != (minutes if counts else 0):
            words = f"volunteer {volunteer_id} is shown {shown} minutes, the effective ones are {minutes}"
            return problem(words, "Report it with the version and this number.")
    return ok(f"right for {len(rows)} people")


# --- around the database ----------------------------------------------------------------------------------


def worker_alive(installation: Installation) -> Finding:
    """Whether somebody works; that nobody does is a problem once something waits for it."""
    lease = db.session.scalar(select(Lease).where(Lease.name == WORKER))
    last = lease.held_until - worker.LEASE if lease else None
    waits, remedy = _overdue(installation.now), "Start the site without WORKER=off, or run `manage.py worker`."
    seen = f"last sign {int((clock.real() - last).total_seconds())} s ago" if last else "never seen"
    if waits:
        return problem(f"{waits} things are overdue; worker: {seen}", remedy)
    if last and clock.real() - last < LATE:
        return ok(seen)
    return note(f"none at work ({seen}); nothing is overdue", remedy)


def _overdue(now: datetime) -> int:
    offers = select(func.count()).where(Claim.state == ClaimState.OFFERED, Claim.offered_until < now - LATE)
    messages = select(func.count()).where(Delivery.state == DeliveryState.DUE, Delivery.due_at < now - LATE)
    messages = messages.where(Delivery.channel.in_(channels.ready()))
    return (db.session.scalar(offers) or 0) + (db.session.scalar(messages) or 0)


def series_go_on(installation: Installation) -> Finding:
    """Whether every series has the shifts that people should be able to claim by now."""
    stalled = series.stalled_ids(installation.now)
    if stalled:
        ids = ", ".join(map(str, stalled[:3])) + (" …" if len(stalled) > 3 else "")
        remedy = "See the log of the worker, and run `manage.py worker --once`; the page of the series says more."
        return problem(f"{len(stalled)} stand still (id {ids})", remedy)
    return ok("every series has its shifts")


def disk(installation: Installation) -> Finding:
    free = shutil.disk_usage(installation.folder).free
    size = sum(file.stat().st_size for file in installation.folder.glob("*.db*"))
    words = f"{free / 1e9:.1f} GB free in {installation.folder}"
    if free < max(LEAST_FREE, size):
        return problem(words, "Make room: old backups and logs first. A full disk stops every write.")
    return ok(words)


def secrets(installation: Installation) -> Finding:
    """The keys are long, and nobody else on this machine reads them."""
    files = [installation.folder / name for name in ("secret_key", "data_key")]
    open_ones = [str(file) for file in files if sys.platform != "win32" and file.exists() and _is_open(file)]
    if open_ones:
        return problem(f"others can read {', '.join(open_ones)}", f"chmod 600 {' '.join(open_ones)}")
    short = [name for name in ("SECRET_KEY", "DATA_KEY") if len(str(installation.config[name])) < 32]
    if short:
        remedy = "Set SECRET_KEY to 32 random characters or more. Changing DATA_KEY makes sealed data unreadable."
        return problem(f"short: {', '.join(short)}", remedy)
    return ok("long, and readable by this user only")


def _is_open(file: Path) -> bool:
    return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)


def second_steps(_installation: Installation) -> Finding:
    """Whose role asks for a second step and who has none, and whether this key opens the secrets of the others."""
    try:
        for sealed in db.session.scalars(select(SecondFactor.sealed)):
            vault.unseal(sealed)
    except InvalidToken:
        return problem("DATA_KEY does not open their secrets", "Set the DATA_KEY that this database was made with.")
    having = select(SecondFactor.account_id)
    staff = select(Grant.account_id).where(Grant.revoked_at.is_(None), Grant.account_id.not_in(having)).distinct()
    without = sum(bool(identity.roles_that_ask(account_id)) for account_id in db.session.scalars(staff))
    if without:
        return note(f"{without} people whose role asks for it have none; their desk opens once they set it up")
    return ok("everybody whose role asks for one has it")


def address(installation: Installation) -> Finding:
    """TLS, and with it secure cookies; and an address for links in mails."""
    url = urlsplit(installation.config["PUBLIC_URL"])
    if url.scheme == "https" and url.hostname:
        return ok(f"{url.geturl()}, so cookies are secure")
    if demo.is_demo():
        return ok("a demo needs no public address")
    if url.hostname and url.hostname not in LOCAL:
        remedy = "Put a proxy with TLS in front and set PUBLIC_URL=https://…; see docs/operations.md."
        return problem(f"{url.geturl()} has no TLS: passwords travel in the open", remedy)
    return note("PUBLIC_URL is not set", "Set it to the https address, so that mails and calendars can link to it.")


def post_office(installation: Installation) -> Finding:
    if not mail.is_set():
        return note("mail is not set up; people read their messages on the site", "Set MAIL_URL and MAIL_FROM.")
    if not installation.config["MAIL_FROM"]:
        return problem("MAIL_FROM is empty", "Set MAIL_FROM to the address that mails come from.")
    try:
        mail.reach()
    except OSError as error:  # smtplib's own errors are OSErrors, too
        return problem(f"the server of MAIL_URL does not take us ({type(error).__name__})", "Check MAIL_URL.")
    failed = select(func.count()).where(Delivery.state == DeliveryState.FAILED, Delivery.channel == Channel.MAIL)
    if count := db.session.scalar(failed):
        return note(
            f"the server answers; {count} mails were refused or given up after {MOST_TRIES} tries", "See below."
        )
    return ok("the server answers")


SHOWN = timedelta(days=7)


def ways_out(installation: Installation) -> Finding:
    """Which channels there are besides the inbox, what waits and what was given up, and since when."""
    if installation.config.get("SMS_URL") and not installation.config.get("SMS_SECRET"):
        return problem("SMS_URL is set, but not SMS_SECRET", "Set SMS_SECRET (and SMS_KEY_ID) of the gateway.")
    robots = db.session.scalar(select(func.count()).where(Robot.removed_at.is_(None))) or 0
    ready = [channel for channel in channels.ready() if channel is not Channel.ROBOT]
    has = ", ".join(["inbox", *ready, f"{robots} group robots"])
    waiting, failed = _left(DeliveryState.DUE, installation.now), _left(DeliveryState.FAILED, installation.now)
    words = "; ".join(filter(None, [has, waiting and f"waiting: {waiting}", failed and f"given up: {failed}"]))
    if failed:
        return note(words, "The words in brackets are the last error; docs/operations.md explains them.")
    return ok(words)


def _left(state: DeliveryState, now: datetime) -> str:
    """How many of each channel, since when, and what was said last."""
    left = select(Delivery.channel, func.count(), func.min(Delivery.due_at), func.max(Delivery.error))
    left = left.where(Delivery.state == state, Delivery.due_at <= now, Delivery.due_at > now - SHOWN)
    rows = db.session.execute(left.group_by(Delivery.channel).order_by(Delivery.channel)).all()
    return ", ".join(
        f"{count} {channel} since {clock.local(since):%Y-%m-%d %H:%M}" + (f" ({error})" if error else "")
        for channel, count, since, error in rows
    )


def time_of_day(installation: Installation) -> Finding:
    """The machine's clock against that of the database, and against what was written last."""
    there = clock.real()
    if db.engine.dialect.name == "postgresql":
        there = db.session.scalar(text("SELECT clock_timestamp()")) or there
    newest = db.session.scalar(select(func.max(AuditEntry.at)))
    remedy = "Set the clock by NTP: `timedatectl set-ntp true`."
    if abs(there - clock.real()) > SKEW:
        return problem("this machine and the database differ by more than five minutes", remedy)
    if newest and newest > installation.now + SKEW and not demo.is_demo():
        return problem("something was written in the future, or the clock was put back", remedy)
    return ok(f"{clock.local(installation.now):%Y-%m-%d %H:%M} in {installation.config['TIME_ZONE']}")


def translations(_installation: Installation) -> Finding:
    wrong = list(catalogs.faults())
    if wrong:
        return problem(f"{len(wrong)} faults, the first: {wrong[0]}", "Run `manage.py messages`.")
    return ok("complete and compiled")


def logs(installation: Installation) -> Finding:
    asked = os.environ.get("LOG") or str(installation.folder / "log" / "rengang.jsonl")
    folder = next(parent for parent in Path(asked).resolve().parents if parent.exists())
    if asked != "-" and not os.access(folder, os.W_OK):
        return problem(f"{folder} is not writable", "Let the user of the service write there, or set LOG.")
    return ok("standard output" if asked == "-" else asked)


def made_up(_installation: Installation) -> Finding:
    if demo.is_demo():
        return note("this is a demo: everybody knows its passwords", "Set up another database for real people.")
    return ok("no demo: nobody's password is known")


FIRST: dict[str, Check] = {"database": database, "migration": migration}
NEEDED = set(FIRST)
RULES: dict[str, Check] = {
    "guards": guards,
    "references": foreign_keys,
    "file": file_is_sound,
    **{f"rule: {name}": _rule(*breach) for name, breach in BREACHES.items()},
    "totals": totals,
}
AROUND: dict[str, Check] = {
    "worker": worker_alive,
    "series": series_go_on,
    "mail": post_office,
    "messages": ways_out,
    "address": address,
    "secrets": secrets,
    "second steps": second_steps,
    "disk": disk,
    "clock": time_of_day,
    "languages": translations,
    "log": logs,
    "demo": made_up,
}
