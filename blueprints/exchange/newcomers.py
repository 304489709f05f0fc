"""People whom a file registers, on their way in: nobody of them is here before all of them are.

Until then they stand apart, in a table that no page, list, count, export or sign-in asks, so nobody can be seen,
written to or taken over. They become accounts in one transaction; a batch that breaks off or is taken back has let
nobody in.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, insert, literal, select, update

from blueprints.claims.models import Claim
from blueprints.exchange import queries
from blueprints.exchange.models import ImportBatch, ImportRow, Newcomer, RowState
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Gender, Volunteer, VolunteerState
from blueprints.jobs.actions import language_of
from blueprints.records.models import ServiceRecord
from core import audit, clock
from core.db import db, lock
from core.i18n import _, speaking

R = RowState
_account, _volunteer = Account.__table__, Volunteer.__table__


# --- on the way -----------------------------------------------------------------------------------------------


def set_down(batch: ImportBatch, some: Sequence[ImportRow]) -> None:
    """Keep whom these rows speak of until all are there; of two with one phone number the first one."""
    told = {row.id: queries.content(row)["values"] for row in some}
    met = queries.newcomers_by_phone(batch.id, [values["phone"] for values in told.values()])
    numbers = _free_numbers(len(some))
    with speaking(language_of(batch.uploaded_by_id)):  # who mends what is wrong
        for row in some:
            phone = told[row.id]["phone"]
            if phone in met:
                values = {"first": met[phone], "second": row.number}
                sentence = _("Rows %(first)d and %(second)d have the same phone number.", **values)
                row.state, row.problems = R.WRONG, [["", sentence]]
            else:
                met[phone] = row.number
                db.session.add(_to_come(row, told[row.id], numbers.pop()))
    db.session.flush()


def _free_numbers(count: int) -> list[str]:
    """So many numbers that no volunteer has, and nobody is to have."""
    found: set[str] = set()
    while len(found) < count:
        found |= {identity.new_number() for _n in range(count - len(found))}
        found -= set(db.session.scalars(select(Newcomer.number).where(Newcomer.number.in_(found))))
    return list(found)


def _to_come(row: ImportRow, values: Mapping[str, Any], number: str) -> Newcomer:
    someone = Newcomer(batch_id=row.batch_id, row_id=row.id, name=values["name"], phone=values["phone"])
    someone.number, someone.id_hash = number, values.get("id_number")
    someone.gender = Gender(values["gender"]) if "gender" in values else None
    someone.birth_date = date.fromisoformat(values["birth_date"]) if "birth_date" in values else None
    return someone


def forget(batch_id: int) -> None:
    """Nobody of the batch is to come any more."""
    _change(delete(Newcomer).where(Newcomer.batch_id == batch_id))


# --- here -----------------------------------------------------------------------------------------------------


def let_in(batch_id: int) -> int:
    """Make all of them people at once: accounts that nobody has taken over yet, and registrations; returns how many.

    No consent is written down, for nobody gave one here, so no ID number is kept, and minutes count nowhere before the
    person comes. Who came by another way meanwhile stays as they are.
    """
    batch, now = lock(ImportBatch, batch_id), clock.now()
    _leave_out(batch)
    _number_anew(batch)
    _make_accounts(batch, now)
    _make_volunteers(batch, now)
    told: dict[str, Any] = {"actor_id": batch.uploaded_by_id, "now": now, "organization_id": batch.organization_id}
    audit.note_each("registration imported", Volunteer, _people(batch.id), **told, approved_by=batch.decided_by_id)
    count = _note_let_in(batch)
    forget(batch.id)
    return count


def _leave_out(batch: ImportBatch) -> None:
    """Whose row another file brought first, and who has an account by now."""
    entered = select(Newcomer.row_id).join(ImportRow, ImportRow.id == Newcomer.row_id)
    other = ImportRow.__table__.alias()
    entered = entered.join(other, (other.c.key == ImportRow.key) & (other.c.state == R.APPLIED))
    registered = select(Newcomer.row_id).join(Account, Account.phone == Newcomer.phone)
    known = select(Newcomer.row_id).join(Volunteer, Volunteer.id_hash == Newcomer.id_hash)
    with speaking(language_of(batch.uploaded_by_id)):
        _put_aside(batch, entered, R.KNOWN, _("Entered before, with an earlier file."))
        _put_aside(batch, registered, R.WRONG, _("Somebody with this phone number is registered already."))
        sentence = _("Somebody with this ID number is registered with another organization. Ask your office.")
        _put_aside(batch, known, R.WRONG, sentence)


def _put_aside(batch: ImportBatch, rows: Select[int], state: RowState, sentence: str) -> None:
    ids = list(db.session.scalars(rows.where(Newcomer.batch_id == batch.id)))
    for start in range(0, len(ids), queries.MOST_NAMED):
        some = ids[start : start + queries.MOST_NAMED]
        stays = update(ImportRow).where(ImportRow.id.in_(some)).values(state=state, problems=[["", sentence]])
        _change(stays)
        _change(delete(Newcomer).where(Newcomer.row_id.in_(some)))


def _number_anew(batch: ImportBatch) -> None:
    """Another number for whoever's was given to somebody else meanwhile."""
    taken = select(Newcomer).join(Volunteer, Volunteer.number == Newcomer.number)
    for someone in db.session.scalars(taken.where(Newcomer.batch_id == batch.id)).all():
        someone.number = _free_numbers(1)[0]
    db.session.flush()


def _make_accounts(batch: ImportBatch, now: datetime) -> None:
    same = {"created_at": now, "created_by_id": batch.uploaded_by_id}
    _insert(_account, {"name": Newcomer.name, "phone": Newcomer.phone} | _same(_account, same), _of(batch.id))


def _make_volunteers(batch: ImportBatch, now: datetime) -> None:
    same = {"state": VolunteerState.ACTIVE, "registered_with_id": batch.organization_id}
    same |= {"submitted_at": batch.uploaded_at, "decided_at": now, "decided_by_id": batch.decided_by_id}
    theirs = {name: getattr(Newcomer, name) for name in ("number", "gender", "birth_date")}
    joined = _of(batch.id).join(Account, Account.phone == Newcomer.phone)
    _insert(_volunteer, {"account_id": Account.id} | theirs | _same(_volunteer, same), joined)


def _of(batch_id: int) -> Select[Any]:
    """Everybody of a batch who is to come, in the order of their rows."""
    return select().select_from(Newcomer).where(Newcomer.batch_id == batch_id).order_by(Newcomer.row_id)


def _same(table: Any, values: Mapping[str, Any]) -> dict[str, ColumnElement[Any]]:
    """What all rows of a table have in common."""
    return {name: literal(value, table.c[name].type) for name, value in values.items()}


def _insert(table: Any, columns: Mapping[str, Any], rows: Select[Any]) -> None:
    db.session.execute(insert(table).from_select(list(columns), rows.add_columns(*columns.values())))


def _people(batch_id: int) -> Select[Any]:
    """Those who were to come and are here now: volunteer and account."""
    found = _of(batch_id).join(Account, Account.phone == Newcomer.phone)
    return found.join(Volunteer, Volunteer.account_id == Account.id).add_columns(Volunteer.id, Account.id)


def _note_let_in(batch: ImportBatch) -> int:
    one = select(Volunteer.id).join(Account, Account.id == Volunteer.account_id)
    whom = one.join(Newcomer, Newcomer.phone == Account.phone).where(Newcomer.row_id == ImportRow.id)
    here = select(Newcomer.row_id).where(Newcomer.batch_id == batch.id)
    entered = update(ImportRow).where(ImportRow.id.in_(here))
    return _change(entered.values(volunteer_id=whom.scalar_subquery(), state=R.APPLIED, sealed=""))


# --- and back -------------------------------------------------------------------------------------------------


def send_back(batch_id: int, by: int) -> int:
    """Close what nobody has come for, all at once, and drop what it said of the person; returns how many accounts.

    Whoever has taken their account over, or has claimed or served, stays.
    """
    batch, now = lock(ImportBatch, batch_id), clock.now()
    forget(batch.id)
    theirs = select(Volunteer.account_id).join(ImportRow, ImportRow.volunteer_id == Volunteer.id)
    theirs = theirs.where(ImportRow.batch_id == batch.id, ImportRow.state == R.APPLIED, _is_unused())
    closing = update(Account).where(Account.id.in_(theirs), Account.claimed_at.is_(None), Account.closed_at.is_(None))
    _change(closing.values(closed_at=now, phone=None, name="*"))
    gone = _closed(batch.id, now)
    told: dict[str, Any] = {"actor_id": by, "now": now, "organization_id": batch.organization_id}
    audit.note_each("imported registration taken back", Volunteer, gone, **told)
    ids = select(gone.subquery().c[0])
    resigned = {"state": VolunteerState.RESIGNED, "gender": None, "birth_date": None}
    _change(update(Volunteer).where(Volunteer.id.in_(ids)).values(resigned))
    back = update(ImportRow).where(ImportRow.batch_id == batch.id, ImportRow.volunteer_id.in_(ids))
    return _change(back.values(state=R.UNDONE))


def _is_unused() -> ColumnElement[bool]:
    served = exists().where(ServiceRecord.volunteer_id == Volunteer.id)
    return ~served & ~exists().where(Claim.volunteer_id == Volunteer.id)


def _closed(batch_id: int, now: datetime) -> Select[Any]:
    """Whose accounts were closed at this moment: volunteer and account."""
    found = select().select_from(ImportRow).join(Volunteer, Volunteer.id == ImportRow.volunteer_id)
    found = found.join(Account, Account.id == Volunteer.account_id)
    found = found.where(ImportRow.batch_id == batch_id, ImportRow.state == R.APPLIED)
    found = found.where(Account.closed_at == now, Account.claimed_at.is_(None))
    return found.add_columns(Volunteer.id, Account.id).order_by(Volunteer.id)


def _change(statement: Any) -> int:
    done: Any = db.session.execute(statement, execution_options={"synchronize_session": False})
    return int(done.rowcount)
