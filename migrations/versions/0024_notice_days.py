"""notice days: how many working days a notice was promised, so that its end can follow the calendar

Revision ID: notice_days
Revises: wall_names
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_check, drop_check

revision = "notice_days"
down_revision = "wall_names"
branch_labels = None
depends_on = None

CHECK = "ck_service_record_notices_last_three_working_days"


def upgrade() -> None:
    op.add_column("service_record", sa.Column("notice_days", sa.Integer(), nullable=True))
    add_check(CHECK, "service_record", "notice_days IS NULL OR notice_days >= 3")


def downgrade() -> None:
    drop_check(CHECK, "service_record")
    op.drop_column("service_record", "notice_days")
