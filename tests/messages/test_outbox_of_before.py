"""What was on its way by mail before there were other channels goes on, and so it does on the way back."""

from collections.abc import Iterator

import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, select, text

from app import create_app
from blueprints.messages.models import Channel, Delivery, DeliveryState, Notice, NoticeKind
from core.db import db
from core.schema import MIGRATIONS
from core.web import App
from tests.factories import BEFORE, make_account, saved


@pytest.fixture
def own(app: App, tmp_path) -> Iterator[None]:
    """A database of its own beside that of the other tests, of the same kind."""
    url = make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    postgresql = url.get_backend_name() == "postgresql"
    if postgresql:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP DATABASE IF EXISTS before"))
            connection.execute(text("CREATE DATABASE before"))
        place = url.set(database="before").render_as_string(hide_password=False)
    else:
        place = f"sqlite:///{tmp_path}/own.db"
    other = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=place, DATA_KEY="test", MAIL_URL="", WEB_PUSH=False)
    with other.app_context():
        flask_migrate.upgrade(directory=MIGRATIONS)
        yield
        db.session.remove()
        db.engine.dispose()


@pytest.mark.commits
@pytest.mark.usefixtures("own")
def test_the_outbox_of_before_goes_on():
    account = make_account()
    notice = saved(Notice(account_id=account.id, kind=NoticeKind.ACCOUNT_CLAIMED, at=BEFORE))
    near = saved(Notice(account_id=account.id, kind=NoticeKind.SHIFT_NEAR, at=BEFORE))
    told = {"notice_id": notice.id, "due_at": BEFORE}
    saved(Delivery(**told, channel=Channel.MAIL, target="a@example.org", tries=3, error="SMTPRecipientsRefused"))
    saved(Delivery(**told, channel=Channel.SMS, target="+8619900000001"))
    saved(Delivery(notice_id=near.id, due_at=BEFORE, channel=Channel.MAIL, target="a@example.org"))
    db.session.remove()
    before = ScriptDirectory(MIGRATIONS).get_revision("channels").down_revision
    flask_migrate.downgrade(directory=MIGRATIONS, revision=before)
    old = db.session.execute(text("SELECT notice_id, address, state, tries FROM delivery")).all()
    assert [tuple(row) for row in old] == [(told["notice_id"], "a@example.org", "due", 3)]
    db.session.remove()
    flask_migrate.upgrade(directory=MIGRATIONS)
    (kept,) = db.session.scalars(select(Delivery)).all()
    assert (kept.notice_id, kept.channel, kept.target) == (told["notice_id"], Channel.MAIL, "a@example.org")
    assert (kept.state, kept.tries, kept.error) == (DeliveryState.DUE, 3, "SMTPRecipientsRefused")
    assert (kept.due_at, kept.quiet) == (BEFORE, False)
    another = saved(Delivery(**told, channel=Channel.PUSH, target="7"))
    assert another.id > kept.id
