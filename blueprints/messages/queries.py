"""Questions about the inbox."""

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from blueprints.messages.models import Notice
from core.db import db

KNOWN = "rengang.unread"  # where the number waits in the environment of a request, once it was asked for

_notice = Notice.__table__


def unread_of(account_id: ColumnElement[int]) -> Select[int]:
    """The question how many notices somebody has not opened yet, to be asked alone or with another."""
    mine = select(func.count()).select_from(_notice)
    return mine.where(_notice.c.account_id == account_id, _notice.c.read_at.is_(None))


UNREAD = unread_of(bindparam("account"))  # every page asks this, so it is built once


def unread(account_id: int) -> int:
    """How many notices the person has not opened yet."""
    return db.session.scalar(UNREAD, {"account": account_id}) or 0


def inbox(account_id: int, before: int | None = None, size: int = 30) -> list[Notice]:
    """The newest notices, or those older than the one with the id `before`."""
    mine = select(Notice).where(Notice.account_id == account_id)
    if before:
        mine = mine.where(Notice.id < before)
    return list(db.session.scalars(mine.order_by(Notice.id.desc()).limit(size)))
