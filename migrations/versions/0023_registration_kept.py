"""registration kept: whoever was warned of a report is told that nothing comes of it

Revision ID: registration_kept
Revises: overdue
"""

from migrations.steps import allow, disallow

revision = "registration_kept"
down_revision = "overdue"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", ["registration_kept"])


def downgrade() -> None:
    disallow("ck_notice_noticekind", "notice", "kind", ["registration_kept"])
