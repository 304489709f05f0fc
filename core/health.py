"""Whether this process can serve: the database answers, and its structure is the one this code expects."""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from core.config import ROOT
from core.db import db

bp = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    """JSON for monitors: `status` is ok, or says what is wrong, with 503."""
    try:
        has, wants = revisions()
    except SQLAlchemyError:
        return jsonify(status="database does not answer", database="down", migration=None), 503
    status = "ok" if has == wants else "migration needed"
    return jsonify(status=status, database="up", migration=has), 200 if has == wants else 503


def revisions() -> tuple[str | None, str | None]:
    """The revision the database has, and the newest one in migrations/."""
    has = MigrationContext.configure(db.session.connection()).get_current_revision()
    return has, ScriptDirectory(str(ROOT / "migrations")).get_current_head()
