"""Questions about the inbox."""

from sqlalchemy import bindparam, func, select

from blueprints.messages.models import Notice
from core.db import db

# Every page asks this, so it is built once and on the table.
_notice = Notice.__table__
UNREAD = (
    select(func.count())
    .select_from(_notice)
    .where(_notice.c.account_id == bindparam("account"), _notice.c.read_at.is_(None))
)


def unread(account_id: int) -> int:
    """How many notices the person has not opened yet."""
    return db.session.scalar(UNREAD, {"account": account_id}) or 0


def inbox(account_id: int, before: int | None = None, size: int = 30) -> list[Notice]:
    """The newest notices, or those older than the one with the id `before`."""
    mine = select(Notice).where(Notice.account_id == account_id)
    if before:
        mine = mine.where(Notice.id < before)
    return list(db.session.scalars(mine.order_by(Notice.id.desc()).limit(size)))
