"""The commands of an installation, which `manage.py` calls by their names, and what the server asks of the areas."""

import atexit
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import flask_migrate
from flask import Flask, current_app, url_for
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from blueprints.admin import actions, backup, catalogs, demo, doctor, links, queries, seed, tasks, worker
from blueprints.certificates import keys
from blueprints.identity import actions as people
from blueprints.identity.forms import e164
from blueprints.identity.models import Account, SlipPurpose
from blueprints.inspections import queries as inspections
from blueprints.organizations import actions as organizations
from blueprints.organizations.models import Division, OrganizationKind
from blueprints.records import proof, seals
from blueprints.records import queries as records
from core import clock, passwords, schema, workdays
from core.db import db, reading
from core.health import revisions
from core.i18n import LANGUAGES
from core.refusal import Refusal
from core.schema import MIGRATIONS

EVERY_SECONDS = 20
TASKS_EVERY_SECONDS = 3
log = logging.getLogger("rengang.worker")


def init_cli(app: Flask) -> None:
    """Register the commands, and the hooks by which core.serve reaches what it must not import."""
    for command in COMMANDS:
        app.cli.add_command(command)
    hooks = app.extensions.setdefault("rengang", {})
    hooks |= {"has_accounts": has_accounts, "load_demo": demo.load, "welcome": welcome}
    hooks["start_embedded_worker"] = partial(start_embedded_worker, app)


@contextmanager
def refusing() -> Iterator[None]:
    """Say a refusal as the error of a command, with exit status 1; nothing of what was begun stays."""
    try:
        yield
    except Refusal as refusal:
        db.session.rollback()
        raise click.ClickException(str(refusal)) from refusal


def bring_up_to_date() -> None:
    """Give a new database its tables before something is written into it."""
    try:
        schema.bring_up_to_date()
    except schema.NewerDatabaseError as error:
        raise click.ClickException(str(error)) from error


def has_accounts() -> bool:
    """Whether anybody can have signed in to this installation yet."""
    with reading():
        return db.session.scalar(select(Account.id).limit(1)) is not None


def keep_time() -> None:
    """Let this process tell the same time as all others: in a demo, somebody may have moved its clock."""
    known = current_app.extensions
    if known.get("demo") is False:
        return  # a real installation pays nothing for this
    try:
        with reading():
            known["demo"] = known.get("demo") or demo.is_demo()
            if known["demo"]:
                clock.run_ahead(demo.ahead())
    except SQLAlchemyError:
        return  # what comes next meets the same database, and knows what to say


# --- seed -------------------------------------------------------------------------------------------------


@click.command("seed")
@click.option("--volunteers", default=20_000, show_default=True, type=click.IntRange(0), help="How many volunteers.")
@click.option(
    "--shifts", default=2_000, show_default=True, type=click.IntRange(0), help="Open shifts of the next 30 days."
)
@click.option(
    "--records", default=100_000, show_default=True, type=click.IntRange(0), help="Effective records of past shifts."
)
@click.option("--seed", "number", default=1, show_default=True, help="The same number gives the same data.")
@click.option("--password", help="One password for everybody, of 8 characters or more; without it nobody can sign in.")
@click.option("--add", is_flag=True, help="Write even if there are volunteers already.")
@with_appcontext
def seed_command(volunteers: int, shifts: int, records: int, number: int, password: str | None, add: bool) -> None:
    """Fill the database with many made-up volunteers, shifts and records, for load tests.

    \b
    Phone numbers to sign in with:
      volunteers     +8615000000001, +8615000000002 …
      clerks         +8615100000001 … (one for each of the 50 stations)
      confirmers     +8615200000001 … (one for each county)
      administrator  +8615300000001
    The second half of the volunteers holds places of coming shifts, the first half holds none.
    Exit status 1 if there are volunteers already and --add is missing.
    """
    bring_up_to_date()
    began = time.perf_counter()
    hashed = passwords.hashed(password) if password else None
    plan = seed.Plan(volunteers, shifts, records, number, hashed, clock.now())
    with refusing():
        seed.fill(plan, add=add, say=click.echo)
    click.echo("Committing")
    db.session.commit()
    click.echo(f"Done in {time.perf_counter() - began:.1f} s.")


# --- backup and restore -----------------------------------------------------------------------------------

KEYS = """The keys are not in this file, so that a lost backup opens nothing: without DATA_KEY the ID numbers in it
stay sealed and every code, link and session is void. Keep a copy of both keys in another place: the
environment variables SECRET_KEY and DATA_KEY, or these files:
  {secret_key}
  {data_key}
On the new machine set them, or copy them there, before its first start."""


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup_command(file: Path) -> None:
    """Write everything in the database to FILE (a zip), as it is at one moment; the site goes on running.

    SQLite and PostgreSQL read each other's backups. FILE must not exist; only this user will be able to read it.
    The keys of the installation are not in it. Exit status 1 if it could not be written.
    """
    with refusing():
        manifest = backup.write(file, db.engine, now=clock.real(), say=click.echo)
    rows = sum(part.rows for part in manifest.tables)
    click.echo(f"{file}: {rows:,} rows, {file.stat().st_size / 1e6:,.1f} MB, revision {manifest.revision}.\n")
    folder = current_app.config["INSTANCE"]
    click.echo(KEYS.format(secret_key=folder / "secret_key", data_key=folder / "data_key"))


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@with_appcontext
def restore_command(file: Path) -> None:
    """Fill a new, empty database with the backup FILE, and bring it up to date.

    Stop the site first. The database may be SQLite or PostgreSQL, whichever the backup came from. Nothing is
    written unless every table has the rows and the checksum that the backup names. Exit status 1 otherwise.
    """
    with refusing():
        manifest = backup.read_manifest(file)
        _migrate_to(manifest.revision)
        backup.restore(file, manifest, db.session.connection(), say=click.echo)
        db.session.commit()
    flask_migrate.upgrade(directory=MIGRATIONS)
    click.echo(f"Restored what {file} held at {manifest.made_at}.")
    if manifest.data_key != backup.fingerprint():
        click.echo("The DATA_KEY here is another one than where the backup was made. " + OTHER_KEY, err=True)


OTHER_KEY = (
    "ID numbers in it stay sealed, and slips, invitations and sessions are void. "
    "Set the DATA_KEY and SECRET_KEY of the old installation, or copy its files data_key and secret_key here."
)


def _migrate_to(revision: str) -> None:
    """Give a new database the structure that the backup had; it is brought up to date afterwards."""
    with reading():
        has, _wants = revisions()
        backup.refuse_filled(db.session.connection())
    if has == revision:
        return
    if has is not None:
        raise Refusal(
            f"The backup is of revision {revision}, this database of {has}. Restore into a database without any table."
        )
    try:
        flask_migrate.upgrade(directory=MIGRATIONS, revision=revision)
    except SystemExit as error:  # that is how flask-migrate says that it does not know the revision
        raise Refusal(f"A newer version made this backup (revision {revision}). Restore it with that one.") from error


# --- worker -----------------------------------------------------------------------------------------------


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is due now, then end.")
@with_appcontext
def worker_command(once: bool) -> None:
    """Pass on lapsed offers, write reminders, send messages and work on tasks, until stopped.

    The serving site does the same by itself unless WORKER=off is set. Any number of workers may run: one works,
    the others wait to take over, and nothing is done twice. With --once the exit status is 1 if something failed.
    """
    if not once:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        return run_worker(current_app._get_current_object(), stop)  # type: ignore[attr-defined]
    keep_time()
    worker.hold(_holder(), now=clock.real())
    done = worker.work()
    while done.is_partial:
        done = worker.work()
    sent, unsent = done.messages.total
    finished = tasks.work_all(_holder(), keep_time)
    click.echo(
        f"offers {done.offers}, reminders {done.reminders}, shifts {done.shifts}, messages {sent}, not taken {unsent}"
        f", tasks {finished}"
    )
    raise SystemExit(1 if done.crashes else 0)


def run_worker(app: Flask, stop: threading.Event) -> None:
    """Work whenever this process holds the lease, and on tasks beside it, until told to stop."""
    holder = _holder()
    beside = threading.Thread(target=run_tasks, args=(app, holder, stop), name="tasks", daemon=True)
    beside.start()
    while not stop.is_set():
        if not _round(app, holder):
            stop.wait(EVERY_SECONDS)
    beside.join(5)


def run_tasks(app: Flask, holder: str, stop: threading.Event) -> None:
    """Work on one task after the other; a long one must not keep reminders and messages waiting."""
    while not stop.is_set():
        if not _task(app, holder, stop):
            stop.wait(TASKS_EVERY_SECONDS)


def _task(app: Flask, holder: str, stop: threading.Event) -> bool:
    with app.app_context():
        keep_time()
        try:
            return tasks.work_on_next(holder, stop)
        except Exception:  # the database may be away for a while
            log.exception("a task could not be worked on")
            return False


def _round(app: Flask, holder: str) -> bool:
    """One round in a context of its own; says whether another one should follow at once."""
    with app.app_context():
        keep_time()
        try:
            return worker.hold(holder, now=clock.real()) and worker.work().is_partial
        except Exception:  # the database may be away for a while; the next round tries again
            log.exception("a round of the worker failed")
            return False


def _holder() -> str:
    return f"{socket.gethostname()[:40]}/{os.getpid()}/{secrets.token_hex(4)}"


def start_embedded_worker(app: Flask) -> None:
    """Let a thread of this process do the worker's rounds; it ends with the process, between two messages."""
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(app, stop), name="worker", daemon=True)
    thread.start()
    atexit.register(thread.join, 5)
    atexit.register(stop.set)


# --- demo -------------------------------------------------------------------------------------------------


@click.command("demo")
@with_appcontext
def demo_command() -> None:
    """Load the demo of Jiaxing into an empty database: made-up people, posts and records around today.

    Everybody in it signs in with the same printed password, which is good in no other database. Exit status 1,
    and nothing written, if there is anything in the database already.
    """
    bring_up_to_date()
    began = time.perf_counter()
    with refusing():
        demo.load()
    click.echo(f"The demo is loaded ({time.perf_counter() - began:.1f} s). If the site is running, start it again.")
    for line in welcome():
        click.echo(line)


def welcome() -> list[str]:
    """How to sign in to a demo; nothing in a real installation."""
    with reading():
        if not demo.is_demo():
            return []
        names = dict(db.session.execute(select(Account.phone, Account.name)).all())
    rows = [f"  {who.role:<14} {who.phone.removeprefix('+86')}  {names.get(who.phone, '')}" for who in demo.ROLES]
    return [f"This is a demo. Sign in at /sign-in with the password {demo.PASSWORD}", *rows]


# --- doctor -----------------------------------------------------------------------------------------------

SIGNS = {doctor.Verdict.OK: "ok      ", doctor.Verdict.NOTE: "note    ", doctor.Verdict.PROBLEM: "problem "}


@click.command("doctor")
@with_appcontext
def doctor_command() -> None:
    """Say what is wrong with this installation and how to mend it; nothing is changed.

    Proves the rules on the data (places, claims, minutes, confirmations, totals), and looks at the database, the
    worker, mail, keys, disk, clock, languages and log. Exit status 1 if there is a problem.
    """
    keep_time()
    verdicts = []
    with reading():
        for name, finding in doctor.examine(doctor.Installation(current_app.config, clock.now())):
            verdicts.append(finding.verdict)
            click.echo(f"{SIGNS[finding.verdict]} {name}: {finding.words}")
            if finding.remedy:
                click.echo(f"          {finding.remedy}")
    problems = verdicts.count(doctor.Verdict.PROBLEM)
    click.echo(f"{len(verdicts)} checks; problems: {problems}")
    raise SystemExit(1 if problems else 0)


# --- the proof ----------------------------------------------------------------------------------------------


@click.group("audit")
def audit_group() -> None:
    """Prove what the ledger of hours and the audit say, and print the roots that others can keep."""


@audit_group.command("verify")
@click.option("--root", "lines", multiple=True, metavar="'DAY NUMBER HASH'", help="A root as it was printed or mailed.")
@click.option(
    "--roots",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of such lines.  [default: roots.txt of the instance folder, if it is there]",
)
@with_appcontext
def verify_command(lines: tuple[str, ...], file: Path | None) -> None:
    """Prove that nothing sealed was changed, removed, put in later or into another order.

    Exit status 1, and the first broken row of each chain, when something is wrong. It only reads, and may run while
    people work.
    """
    outside = [kept for line in (*lines, *_kept_roots(file)) if (kept := seals.published(line))]
    with reading():
        faults = [str(fault) for fault in proof.prove(outside)]
        counts = proof.counted()
    for fault in faults[:MOST_FAULTS]:
        click.echo(fault)
    click.echo(f"{counts['sealed']:,} rows sealed, {counts['unsealed']:,} not yet; faults: {len(faults)}")
    raise SystemExit(1 if faults else 0)


MOST_FAULTS = 50


def _kept_roots(file: Path | None) -> list[str]:
    """The lines of the file that was named, or of the one that the worker keeps."""
    kept = file or current_app.config["INSTANCE"] / worker.ROOTS
    return kept.read_text().splitlines() if kept.exists() else []


@audit_group.command("roots")
@click.option("--last", default=10, show_default=True, type=click.IntRange(1), help="How many, the newest last.")
@with_appcontext
def roots_command(last: int) -> None:
    """Print the roots of the last days, one a line, to be kept elsewhere: on paper, in a mail, on a website."""
    with reading():
        lines = [seals.line_of(root) for root in records.newest_roots(last)]
    click.echo("\n".join(lines) or "There is no root yet. The worker makes the first one when a day is over.")


@audit_group.command("draws")
@with_appcontext
def draws_command() -> None:
    """Draw every spot check again from its seed and the ledger; exit status 1 if one has other entries than it drew."""
    with reading():
        proven = {check.id: inspections.drawn_again(check) for check in inspections.all_checks()}
    wrong = [number for number, is_same in proven.items() if not is_same]
    for number in wrong:
        click.echo(f"Spot check {number} does not hold what its seed draws.")
    click.echo(f"{len(proven):,} spot checks drawn again; others than kept: {len(wrong)}")
    raise SystemExit(1 if wrong else 0)


# --- the keys that sign papers ------------------------------------------------------------------------------


@click.group("keys")
def keys_group() -> None:
    """The key that signs certificates. What was signed with an older one can still be checked."""


@keys_group.command("make")
@with_appcontext
def make_key_command() -> None:
    """Make a new signing key; the one before signs nothing more. Done once by `setup`."""
    made = keys.make(_name_of_the_top(), now=clock.now())
    db.session.commit()
    click.echo(f"SHA-256 {made.fingerprint}\n{made.certificate}")


def _name_of_the_top() -> str:
    """Who runs this installation, as it stands in the signature."""
    top = queries.top_organization()
    return top.name if top else "Rengang"


@keys_group.command("show")
@with_appcontext
def show_keys_command() -> None:
    """Print every certificate with its fingerprint, for readers that shall trust it; private keys are never shown."""
    with reading():
        for key in keys.every():
            until = f"until {key.retired_at:%Y-%m-%d}" if key.retired_at else "signs now"
            click.echo(f"from {key.made_at:%Y-%m-%d}, {until}: SHA-256 {key.fingerprint}\n{key.certificate}")


# --- translations -----------------------------------------------------------------------------------------


@click.command("messages")
@click.option(
    "--check", is_flag=True, help="Change nothing; exit status 1 if a message is missing, fuzzy or not compiled."
)
def messages_command(check: bool) -> None:
    """Collect the messages of the sources, bring the catalogs in translations/ up to date, and compile them.

    Translate what is empty in translations/zh_Hans/LC_MESSAGES/messages.po, then run it again.
    """
    sources = catalogs.extract()
    if not check:
        for language in LANGUAGES:
            click.echo(f"{language}: {catalogs.update(sources, language)} messages to translate")
            catalogs.compile_catalog(language)
        return
    faults = list(catalogs.faults(sources))
    for fault in faults:
        click.echo(str(fault))
    raise SystemExit(1 if faults else 0)


# --- the beginning ----------------------------------------------------------------------------------------


JIAXING = 330400000000


@click.command("setup")
@click.option("--name", help="Name of the organization at the top.  [default: the place and 志愿服务指导中心]")
@click.option("--division", default=JIAXING, show_default=True, help="12-digit code of the place it works for.")
@click.option(
    "--divisions",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV of another tree of places, with the columns of blueprints/organizations/jiaxing_divisions.csv.",
)
@with_appcontext
def setup_command(name: str | None, division: int, divisions: Path | None) -> None:
    """Begin a real installation: the tree of places, the organization at the top, and its first administrator.

    Prints a link that works once, within seven days: whoever opens it becomes the administrator and chooses a
    password. There is no default password. Run it again while nobody has opened the link, and a new link replaces
    the old one. Exit status 1 once there is an administrator: from then on administrators invite each other.
    """
    bring_up_to_date()
    with refusing():
        _begin(name, division, divisions)
        code = actions.invite_first_administrator(now=clock.real())
        if keys.current() is None:
            keys.make(_name_of_the_top(), now=clock.real())
        db.session.commit()
    with current_app.test_request_context(base_url="http://127.0.0.1:8000"):
        link = links.invitation_link(code)
    click.echo(f"Open this link to become the first administrator. It is good for seven days and works once:\n{link}")


def _begin(name: str | None, division_id: int, divisions: Path | None) -> None:
    """Load the places and found the top organization, unless that is done already."""
    top = queries.top_organization()
    if top and queries.live_administrators(top.id):
        raise Refusal(
            f"{top.name} has an administrator already, who invites all others at /desk. If nobody can sign in any "
            "more, use `manage.py slip`; see docs/operations.md."
        )
    organizations.load_divisions(divisions or organizations.JIAXING)
    _fill_calendar()
    place = db.session.get(Division, division_id)
    if place is None:
        raise Refusal(f"There is no place with the code {division_id}. Choose one of the tree with --division.")
    if top is None:
        named = name or f"{place.official_name}志愿服务指导中心"
        organizations.found(named, OrganizationKind.OFFICE, division_id=place.id, parent=None, now=clock.real())


@click.command("slip")
@click.argument("phone")
@click.option(
    "--for",
    "purpose",
    type=click.Choice([SlipPurpose.SECOND_STEP.value, SlipPurpose.PASSWORD.value]),
    default=SlipPurpose.SECOND_STEP.value,
    show_default=True,
    help="What was lost: phone and recovery codes of the second step, or the password.",
)
@with_appcontext
def slip_command(phone: str, purpose: str) -> None:
    """Let somebody in again whom no administrator above can help, such as the very last administrator.

    PHONE is the number of the account. Prints a link that works once, within three hours, with that number; to take
    the second step away the password is asked for, too. The owner is told, and the trace of changes shows it. Look
    at the person's ID card first. Exit status 1 if the account does not need it.
    """
    with refusing():
        code = people.rescue_slip(e164(phone), SlipPurpose(purpose), now=clock.now())
        db.session.commit()
    with current_app.test_request_context(base_url="http://127.0.0.1:8000"):
        link = links.public(url_for("identity.slip_of_mail", code=code))
    click.echo(f"Open this link and enter the phone number. It is good for three hours and works once:\n{link}")


def _fill_calendar() -> None:
    """Enter the announced holidays of this year and of the next, as far as this version knows them."""
    now = clock.real()
    year = clock.today(now).year
    for known in {year, year + 1} & {*workdays.package_years()}:
        organizations.fill_calendar(known, actor=None, now=now)


COMMANDS = (
    *(audit_group, keys_group, backup_command, demo_command, doctor_command, messages_command),
    *(restore_command, seed_command, setup_command, slip_command, worker_command),
)
