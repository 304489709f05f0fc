"""risks: what looks odd, for the level above

Revision ID: risks
Revises: exchange
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "risks"
down_revision = "exchange"
branch_labels = None
depends_on = None

RULES = ["fresh_account", "fresh_post", "afterwards", "shared_device", "identical", "two_places", "at_night", "mutual"]
RULES += ["friends", "ages", "absent", "late_marks", "all_at_desk", "typed_fast", "attempts"]
ALWAYS = "SELECT 1"
GUARDS = [
    ("risk_flag_is_never_deleted", "risk_flag", "DELETE", "1 = 1", ALWAYS),
    ("what_was_found_never_changes", "risk_flag", "UPDATE", "OLD.state = 'looked_at'", ALWAYS),
]


def one_of(name: str, values: list[str]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    allow("ck_refused_attempt_tried", "refused_attempt", "tried", ["dismiss"])
    op.create_index(
        op.f("ix_service_record_handed_in_by_id_handed_in_at"), "service_record", ["handed_in_by_id", "handed_in_at"]
    )
    op.create_index(op.f("ix_account_created_by_id_created_at"), "account", ["created_by_id", "created_at"])
    op.create_table(
        "risk_flag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule", one_of("rule", RULES), nullable=False),
        sa.Column("subject", one_of("subject", ["record", "shift", "person"]), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", one_of("flagstate", ["open", "drawn", "looked_at"]), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_by_id", sa.Integer(), nullable=True),
        sa.Column("finding", sa.String(length=400), nullable=False),
        sa.CheckConstraint(
            "(state = 'looked_at') = (looked_at IS NOT NULL)", name=op.f("ck_risk_flag_looked_at_says_when")
        ),
        sa.CheckConstraint(
            "(looked_at IS NULL) = (looked_by_id IS NULL)", name=op.f("ck_risk_flag_looked_at_says_by_whom")
        ),
        sa.CheckConstraint(
            "state <> 'looked_at' OR finding <> ''", name=op.f("ck_risk_flag_looked_at_says_what_was_found")
        ),
        sa.ForeignKeyConstraint(["looked_by_id"], ["account.id"], name=op.f("fk_risk_flag_looked_by_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_risk_flag_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_flag")),
        sa.UniqueConstraint(
            "subject", "subject_id", "rule", "month", name=op.f("uq_risk_flag_subject_subject_id_rule_month")
        ),
    )
    op.create_index(op.f("ix_risk_flag_organization_id_state"), "risk_flag", ["organization_id", "state"])
    op.create_table(
        "risk_row",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("flag_id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["flag_id"], ["risk_flag.id"], name=op.f("fk_risk_row_flag_id")),
        sa.ForeignKeyConstraint(["record_id"], ["service_record.id"], name=op.f("fk_risk_row_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_row")),
        sa.UniqueConstraint("flag_id", "record_id", name=op.f("uq_risk_row_flag_id_record_id")),
    )
    op.create_index(op.f("ix_risk_row_record_id"), "risk_row", ["record_id"])
    op.create_table(
        "lookout",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lookout")),
        sa.UniqueConstraint("name", name=op.f("uq_lookout_name")),
    )
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    for table in ("lookout", "risk_row", "risk_flag"):
        op.drop_table(table)
    op.drop_index(op.f("ix_account_created_by_id_created_at"), "account")
    op.drop_index(op.f("ix_service_record_handed_in_by_id_handed_in_at"), "service_record")
    disallow("ck_refused_attempt_tried", "refused_attempt", "tried", ["dismiss"])
