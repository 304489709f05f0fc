"""id numbers told: which rows of a hand-over held the ID number

Revision ID: id_numbers_told
Revises: documents
"""

import sqlalchemy as sa
from alembic import op

revision = "id_numbers_told"
down_revision = "documents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = sa.Column("with_id_number", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("handover_item", told)


def downgrade() -> None:
    op.drop_column("handover_item", "with_id_number")
