"""registrations doubted: whoever uses a reported account is told before it is closed, and when

Revision ID: registrations_doubted
Revises: objections
"""

from migrations.steps import allow, disallow

revision = "registrations_doubted"
down_revision = "objections"
branch_labels = None
depends_on = None

NOTICES = ["registration_doubted", "registration_closed"]


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)


def downgrade() -> None:
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
