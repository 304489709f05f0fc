"""Telling people: an inbox row at once, and a mail for those who gave an address."""

from datetime import date, datetime

from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Leaving
from blueprints.messages.models import Delivery, Notice, NoticeKind
from core import mail
from core.db import db


def tell(
    account_id: int,
    kind: NoticeKind,
    *,
    now: datetime,
    path: str = "",
    key: str | None = None,
    **values: str | int | date,
) -> Notice:
    """Write to a person's inbox, and put a mail into the outbox if they gave an address and mail is set up."""
    plain = {name: v.isoformat() if isinstance(v, date) else v for name, v in values.items()}
    notice = Notice(account_id=account_id, kind=kind, values=plain, path=path, at=now, key=key)
    db.session.add(notice)
    account = db.session.get(Account, account_id)
    if account and account.email and mail.is_set():
        db.session.flush()
        db.session.add(Delivery(notice_id=notice.id, address=account.email, due_at=now))
    return notice


def read_all(account_id: int, *, now: datetime) -> None:
    """Mark everything in the inbox as read."""
    unread = db.update(Notice).where(Notice.account_id == account_id, Notice.read_at.is_(None))
    db.session.execute(unread.values(read_at=now))


def _tell_of_identity(account_id: int, kind: str, *, now: datetime, path: str = "", **values: str | int | date) -> None:
    tell(account_id, NoticeKind(kind), now=now, path=path, key=None, **values)


def forget(departure: identity.Departure) -> None:
    """Take the mail address of somebody who leaves out of the outbox; empty the inbox if all is to be erased."""
    theirs = db.select(Notice.id).where(Notice.account_id == departure.account_id)
    db.session.execute(db.delete(Delivery).where(Delivery.notice_id.in_(theirs)))
    if departure.data is Leaving.ERASE:
        db.session.execute(db.delete(Notice).where(Notice.account_id == departure.account_id))


identity.TELL.append(_tell_of_identity)
identity.ON_LEAVE.append(forget)
