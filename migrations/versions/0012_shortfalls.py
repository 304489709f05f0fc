"""shortfalls: a shift short of people at its cut-off, and what was decided

Revision ID: shortfalls
Revises: secret_links
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "shortfalls"
down_revision = "secret_links"
branch_labels = None
depends_on = None

NOTICES = ["shift_short", "merged_kept", "merged_elsewhere", "help_wanted", "help_asked"]


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    allow("ck_claim_source", "claim", "source", ["moved"])
    op.create_table(
        "shortfall",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shift_id", sa.Integer(), nullable=False),
        sa.Column("for_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Integer(), nullable=False),
        sa.CheckConstraint("held < minimum", name=op.f("ck_shortfall_is_short")),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_shortfall_shift_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shortfall")),
        sa.UniqueConstraint("shift_id", "for_start", name=op.f("uq_shortfall_shift_id_for_start")),
    )
    remedies = sa.Enum(
        "keep", "cancel", "merge", "borrow", name="remedy", native_enum=False, create_constraint=True, length=24
    )
    op.create_table(
        "shortfall_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shortfall_id", sa.Integer(), nullable=False),
        sa.Column("remedy", remedies, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("target_shift_id", sa.Integer(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=True),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_shortfall_answer_says_why")),
        sa.ForeignKeyConstraint(["shortfall_id"], ["shortfall.id"], name=op.f("fk_shortfall_answer_shortfall_id")),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"], name=op.f("fk_shortfall_answer_by_id")),
        sa.ForeignKeyConstraint(["target_shift_id"], ["shift.id"], name=op.f("fk_shortfall_answer_target_shift_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_shortfall_answer_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shortfall_answer")),
    )
    op.create_index(op.f("ix_shortfall_answer_shortfall_id"), "shortfall_answer", ["shortfall_id"])


def downgrade() -> None:
    op.drop_table("shortfall_answer")
    op.drop_table("shortfall")
    disallow("ck_claim_source", "claim", "source", ["moved"])
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
