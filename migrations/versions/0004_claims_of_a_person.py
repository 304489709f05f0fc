"""The claims of a person are found by shift, so that a list costs the same after years of service.

Revision ID: claims_of_a_person
Revises: openings
"""

from alembic import op

revision = "claims_of_a_person"
down_revision = "openings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_claim_volunteer_id_shift_id", "claim", ["volunteer_id", "shift_id"])
    op.drop_index("ix_claim_volunteer_id", "claim")


def downgrade() -> None:
    op.create_index("ix_claim_volunteer_id", "claim", ["volunteer_id"])
    op.drop_index("ix_claim_volunteer_id_shift_id", "claim")
