"""wall names: a consent of its own to be shown by full name on a station's screen

Revision ID: wall_names
Revises: id_numbers_told
"""

from alembic import op

from migrations.steps import allow, disallow

revision = "wall_names"
down_revision = "id_numbers_told"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("ck_consent_purpose", "consent", "purpose", ["wall"])


def downgrade() -> None:
    op.execute("DELETE FROM consent WHERE purpose = 'wall'")
    disallow("ck_consent_purpose", "consent", "purpose", ["wall"])
