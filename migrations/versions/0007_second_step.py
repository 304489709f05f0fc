"""second step: a second factor at sign-in with recovery codes, and when a session was seen last

Revision ID: second_step
Revises: kiosk
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "second_step"
down_revision = "kiosk"
branch_labels = None
depends_on = None

NOTICES = ["second_step_set_up", "second_step_removed", "recovery_codes_made", "recovery_code_used"]


def upgrade() -> None:
    op.add_column("session", sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "second_factor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(length=200), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("set_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_second_factor_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor")),
        sa.UniqueConstraint("account_id", name=op.f("uq_second_factor_account_id")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_recovery_code_code_hash")),
    )
    op.create_index(op.f("ix_recovery_code_account_id"), "recovery_code", ["account_id"])
    allow("ck_slip_slippurpose", "slip", "purpose", ["second_step"])
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    _leave_demos_open()


def _leave_demos_open() -> None:
    """A demo that was loaded before stays usable by everybody who knows its printed password."""
    op.execute(
        "INSERT INTO setting (name, value, changed_at) "
        "SELECT 'second_step_administrator', 0, changed_at FROM setting WHERE name = 'demo'"
    )


def downgrade() -> None:
    op.execute("DELETE FROM setting WHERE name LIKE 'second_step_%'")
    op.execute("DELETE FROM slip WHERE purpose = 'second_step'")
    kinds = ", ".join(f"'{kind}'" for kind in NOTICES)
    op.execute(f"DELETE FROM delivery WHERE notice_id IN (SELECT id FROM notice WHERE kind IN ({kinds}))")
    op.execute(f"DELETE FROM notice WHERE kind IN ({kinds})")
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
    disallow("ck_slip_slippurpose", "slip", "purpose", ["second_step"])
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
    op.drop_column("session", "last_seen_at")
