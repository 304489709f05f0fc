"""objections: what is raised against an entry on public notice

Revision ID: objections
Revises: supplements
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "objections"
down_revision = "supplements"
branch_labels = None
depends_on = None

NOTICES = ["objection_upheld", "objection_dismissed"]
IS_OPEN = sa.text("state = 'open'")
ALWAYS = "SELECT 1"
STANDS = "SELECT 1 FROM objection o WHERE o.record_id = NEW.id AND o.state = 'open'"
INVOLVED = """
    SELECT 1 FROM recorder x WHERE x.record_id = NEW.record_id AND x.account_id = NEW.decided_by_id
    UNION ALL SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id WHERE r.id = NEW.record_id
      AND NEW.decided_by_id IN (r.confirmed_by_id, r.approved_by_id, v.account_id)"""
GUARDS = [
    ("objected_record_waits", "service_record", "UPDATE", "NEW.state = 'effective' AND OLD.state = 'notice'", STANDS),
    ("objection_is_decided_by_another", "objection", "UPDATE", "NEW.decided_by_id IS NOT NULL", INVOLVED),
    ("decided_objection_only_loses_its_words", "objection", "UPDATE", "OLD.state <> 'open' AND NEW.words <> '*'", ALWAYS),
    ("objection_is_never_deleted", "objection", "DELETE", "1 = 1", ALWAYS),
]
CHECKS = {
    "says_why": "words <> ''",
    "decided_ones_say_when": "(state = 'open') = (decided_at IS NULL)",
    "decided_ones_say_by_whom": "(decided_at IS NULL) = (decided_by_id IS NULL)",
    "decided_ones_give_a_reason": "state = 'open' OR answer <> ''",
    "another_one_decides": "decided_by_id IS NULL OR decided_by_id <> by_id",
}


def upgrade() -> None:
    states = sa.Enum("open", "upheld", "dismissed", name="objectionstate", native_enum=False, create_constraint=True,
                     length=24)  # fmt: skip
    op.create_table(
        "objection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.String(length=400), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(length=200), nullable=False),
        *(sa.CheckConstraint(text, name=op.f(f"ck_objection_{name}")) for name, text in CHECKS.items()),
        sa.ForeignKeyConstraint(["record_id"], ["service_record.id"], name=op.f("fk_objection_record_id")),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"], name=op.f("fk_objection_by_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["account.id"], name=op.f("fk_objection_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objection")),
    )
    op.create_index(op.f("ix_objection_by_id"), "objection", ["by_id"])
    op.create_index(op.f("ix_objection_record_id_state"), "objection", ["record_id", "state"])
    op.create_index(op.f("ix_objection_state_due_on"), "objection", ["state", "due_on"])
    op.create_index("uq_objection_open", "objection", ["record_id", "by_id"], unique=True,
                    sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)  # fmt: skip
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    op.drop_table("objection")
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
