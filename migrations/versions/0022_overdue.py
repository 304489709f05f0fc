"""overdue: places whose times are not handed in are found among a million, and the level above is told

Revision ID: overdue
Revises: honours
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "overdue"
down_revision = "honours"
branch_labels = None
depends_on = None

TO_HAND_IN = sa.text("state = 'held' AND handed_in_at IS NULL")


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", ["record_overdue"])
    op.create_index(
        "ix_claim_to_hand_in", "claim", ["shift_id"], sqlite_where=TO_HAND_IN, postgresql_where=TO_HAND_IN
    )


def downgrade() -> None:
    op.drop_index("ix_claim_to_hand_in", table_name="claim")
    disallow("ck_notice_noticekind", "notice", "kind", ["record_overdue"])
