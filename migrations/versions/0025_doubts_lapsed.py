"""doubts lapsed: who objected to a nomination that ended before a decision is told

Revision ID: doubts_lapsed
Revises: registration_kept
"""

from alembic import op

from migrations.steps import allow, disallow

revision = "doubts_lapsed"
down_revision = "registration_kept"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", ["honour_doubt_lapsed"])


def downgrade() -> None:
    op.execute("DELETE FROM delivery WHERE notice_id IN (SELECT id FROM notice WHERE kind = 'honour_doubt_lapsed')")
    op.execute("DELETE FROM notice WHERE kind = 'honour_doubt_lapsed'")
    disallow("ck_notice_noticekind", "notice", "kind", ["honour_doubt_lapsed"])
