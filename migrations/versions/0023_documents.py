"""documents: evidence for a spot check may be a PDF

Revision ID: documents
Revises: newcomers
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_check, drop_check

revision = "documents"
down_revision = "newcomers"
branch_labels = None
depends_on = None

KNOWN = "ck_check_answer_is_of_a_known_type"


def upgrade() -> None:
    kind = sa.Column("content_type", sa.String(length=40), nullable=False, server_default="image/jpeg")
    op.add_column("check_answer", kind)
    add_check(KNOWN, "check_answer", "content_type IN ('image/jpeg', 'application/pdf')")


def downgrade() -> None:
    drop_check(KNOWN, "check_answer")
    op.drop_column("check_answer", "content_type")
