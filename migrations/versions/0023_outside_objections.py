"""outside objections: to public notices, of people without an account

Revision ID: outside_objections
Revises: notice_audience
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_check, drop_check, drop_guards, let_be_empty, make_guards, must_be_filled

revision = "outside_objections"
down_revision = "notice_audience"
branch_labels = None
depends_on = None

TABLE = "objection"
CHECKS = {
    "is_somebodys_or_has_a_code": "(by_id IS NULL) = (code_hash IS NOT NULL)",
    "outsiders_are_known_until_erased": "(name_sealed IS NOT NULL) = (code_hash IS NOT NULL AND erased_at IS NULL) "
    "AND (phone_sealed IS NOT NULL) = (code_hash IS NOT NULL AND erased_at IS NULL)",
    "erased_when_decided_and_wholly": "erased_at IS NULL OR (code_hash IS NOT NULL AND decided_at IS NOT NULL "
    "AND words = '*' AND phone_of_id IS NULL)",
    "phone_of_an_outsider": "phone_of_id IS NULL OR by_id IS NULL",
}
OBJECTED = """
    SELECT 1 FROM objection o WHERE o.record_id = NEW.record_id
      AND (o.by_id = NEW.decided_by_id OR o.phone_of_id = NEW.decided_by_id)"""
NOT_RUNNING = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM service_record r WHERE r.id = NEW.record_id AND r.state = 'notice'
      AND r.notice_ends_at > NEW.at)"""
CHANGED = """
    SELECT 1 WHERE NEW.state <> OLD.state OR NEW.decided_by_id <> OLD.decided_by_id OR NEW.decided_at <> OLD.decided_at
      OR NEW.answer <> OLD.answer"""
GUARDS = [
    (
        "objector_decides_on_no_objection",
        "objection",
        "UPDATE",
        "OLD.state = 'open' AND NEW.decided_by_id IS NOT NULL",
        OBJECTED,
    ),
    ("objection_needs_a_running_notice", "objection", "INSERT", "1 = 1", NOT_RUNNING),
    ("decided_objection_stays_decided", "objection", "UPDATE", "OLD.state <> 'open'", CHANGED),
    (
        "objection_stays_whose_it_is",
        "objection",
        "UPDATE",
        "1 = 1",
        "SELECT 1 WHERE NEW.record_id <> OLD.record_id OR COALESCE(NEW.by_id, 0) <> COALESCE(OLD.by_id, 0) "
        "OR COALESCE(NEW.code_hash, '') <> COALESCE(OLD.code_hash, '') OR NEW.at <> OLD.at",
    ),
]

KEPT = ("objection_is_never_deleted", "objection", "DELETE", "1 = 1", "SELECT 1")  # made by the migration before


def upgrade() -> None:
    let_be_empty(TABLE, "by_id")
    for name, length in (("code_hash", 64), ("name_sealed", 400), ("phone_sealed", 200)):
        op.add_column(TABLE, sa.Column(name, sa.String(length=length), nullable=True))
    # In words of its own: Alembic adds no column with a foreign key on SQLite without rebuilding the table.
    op.execute("ALTER TABLE objection ADD COLUMN phone_of_id INTEGER CONSTRAINT fk_objection_phone_of_id "
               "REFERENCES account (id)")  # fmt: skip
    op.add_column(TABLE, sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_objection_code_hash"), TABLE, ["code_hash"], unique=True)
    for name, condition in CHECKS.items():
        add_check(f"ck_objection_{name}", TABLE, condition)
    make_guards(GUARDS)


def downgrade() -> None:
    """What people without an account said has no place before this."""
    drop_guards([*GUARDS, KEPT])
    op.execute("DELETE FROM objection WHERE by_id IS NULL")
    make_guards([KEPT])
    for name in CHECKS:
        drop_check(f"ck_objection_{name}", TABLE)
    op.drop_index(op.f("ix_objection_code_hash"), TABLE)
    for name in ("erased_at", "phone_of_id", "phone_sealed", "name_sealed", "code_hash"):
        op.drop_column(TABLE, name)
    must_be_filled(TABLE, "by_id")
