"""punch notes: the words beside an observation move to a table where they can be erased; two more notices

Revision ID: punch_notes
Revises: second_step
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "punch_notes"
down_revision = "second_step"
branch_labels = None
depends_on = None

NOTICES = ["check_in_undone", "check_out_undone"]


def upgrade() -> None:
    op.create_table(
        "punch_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("punch_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["punch_id"], ["punch.id"], name=op.f("fk_punch_note_punch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_punch_note")),
        sa.UniqueConstraint("punch_id", name=op.f("uq_punch_note_punch_id")),
    )
    op.execute("INSERT INTO punch_note (punch_id, text) SELECT id, note FROM punch WHERE note <> ''")
    _forget_those_of_the_erased()
    # No row is changed, so the guard of the ledger stays in its place: both databases drop a column by themselves.
    op.drop_column("punch", "note")
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    op.execute("UPDATE consent SET text_version = '1' WHERE text_version = '2026-11'")


def _forget_those_of_the_erased() -> None:
    """Whoever had all their data erased was promised it: their notes could not go until now."""
    op.execute(
        "DELETE FROM punch_note WHERE punch_id IN (SELECT p.id FROM punch p JOIN claim c ON c.id = p.claim_id "
        "JOIN volunteer v ON v.id = c.volunteer_id WHERE v.state = 'resigned' AND v.birth_date IS NULL)"
    )


def downgrade() -> None:
    """The words go: the ledger cannot take them back."""
    op.execute("UPDATE consent SET text_version = '2026-11' WHERE text_version = '1'")
    kinds = ", ".join(f"'{kind}'" for kind in NOTICES)
    op.execute(f"DELETE FROM delivery WHERE notice_id IN (SELECT id FROM notice WHERE kind IN ({kinds}))")
    op.execute(f"DELETE FROM notice WHERE kind IN ({kinds})")
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
    op.add_column("punch", sa.Column("note", sa.String(length=200), nullable=False, server_default=""))
    op.drop_table("punch_note")
