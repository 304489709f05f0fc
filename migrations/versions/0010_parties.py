"""parties: several places claimed at once, for people who are asked to agree

Revision ID: parties
Revises: absences
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "parties"
down_revision = "absences"
branch_labels = None
depends_on = None

NOTICES = ["group_named", "group_asked", "group_declined"]


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    allow("ck_claim_source", "claim", "source", ["group"])
    op.create_table(
        "party",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shift_id", sa.Integer(), nullable=False),
        sa.Column("named_by_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_party_shift_id")),
        sa.ForeignKeyConstraint(["named_by_id"], ["volunteer.id"], name=op.f("fk_party_named_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party")),
    )
    op.create_index(op.f("ix_party_shift_id"), "party", ["shift_id"])
    op.create_index(op.f("ix_party_named_by_id"), "party", ["named_by_id"])
    op.create_table(
        "party_member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("party_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_id", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_party_member_party_id")),
        sa.ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name=op.f("fk_party_member_volunteer_id")),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_party_member_claim_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_member")),
        sa.UniqueConstraint("party_id", "volunteer_id", name=op.f("uq_party_member_party_id_volunteer_id")),
    )
    op.create_index(op.f("ix_party_member_volunteer_id"), "party_member", ["volunteer_id"])
    op.create_index(op.f("ix_party_member_claim_id"), "party_member", ["claim_id"])


def downgrade() -> None:
    op.drop_table("party_member")
    op.drop_table("party")
    disallow("ck_claim_source", "claim", "source", ["group"])
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
