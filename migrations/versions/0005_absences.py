"""absences: who did not come, how it is disputed and fades; what whoever hands in counted on the spot

Revision ID: absences
Revises: channels
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "absences"
down_revision = "channels"
branch_labels = None
depends_on = None

KINDS = [
    "no_show_noted",
    "no_show_undone",
    "no_show_disputed",
    "no_show_upheld",
    "no_show_overturned",
    "absence_excused",
]
CHECKS = {
    "marks_fade": "(kind = 'no_show') = (fades_at IS NOT NULL)",
    "disputes_have_words": "(disputed_at IS NOT NULL) = (dispute <> '')",
    "only_marks_are_disputed": "disputed_at IS NULL OR kind = 'no_show'",
    "decisions_are_whole": "(decided_at IS NULL) = (decided_by_id IS NULL) AND (decided_at IS NULL) = (outcome IS NULL)",
    "disputes_decided": "decided_at IS NULL OR (disputed_at IS NOT NULL AND decision <> '')",
    "another_one_decides": "decided_by_id IS NULL OR decided_by_id <> marked_by_id",
    "undone_ones_say_by_whom": "(undone_at IS NULL) = (undone_by_id IS NULL)",
}
NOT_UNDONE = sa.text("undone_at IS NULL")


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", KINDS)
    op.create_table(
        "absence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Integer(), nullable=False),
        sa.Column("kind", _enum("absencekind", "no_show", "excused"), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("fades_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disputed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispute", sa.String(length=400), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("outcome", _enum("absenceoutcome", "upheld", "overturned"), nullable=True),
        sa.Column("decision", sa.String(length=200), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_absence_{name}")) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_absence_claim_id")),
        *(
            sa.ForeignKeyConstraint([column], ["account.id"], name=op.f(f"fk_absence_{column}"))
            for column in ("marked_by_id", "decided_by_id", "undone_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    op.create_index(
        "uq_absence_standing",
        "absence",
        ["claim_id"],
        unique=True,
        sqlite_where=NOT_UNDONE,
        postgresql_where=NOT_UNDONE,
    )
    op.create_table(
        "head_count",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shift_id", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("in_system", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("counted BETWEEN 0 AND 9999 AND in_system >= 0", name=op.f("ck_head_count_counts_people")),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"], name=op.f("fk_head_count_by_id")),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_head_count_shift_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head_count")),
    )
    op.create_index(op.f("ix_head_count_shift_id_id"), "head_count", ["shift_id", "id"])


def downgrade() -> None:
    op.drop_table("head_count")
    op.drop_table("absence")
    op.execute(f"DELETE FROM delivery WHERE notice_id IN (SELECT id FROM notice WHERE kind IN {tuple(KINDS)})")
    op.execute(f"DELETE FROM notice WHERE kind IN {tuple(KINDS)}")
    disallow("ck_notice_noticekind", "notice", "kind", KINDS)


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)
