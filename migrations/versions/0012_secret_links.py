"""secret links: addresses of calendars and screens, made and renewed by those whose they are

Revision ID: secret_links
Revises: certificates
"""

import sqlalchemy as sa
from alembic import op

revision = "secret_links"
down_revision = "certificates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secret_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "schedule", "station", "wall", name="linkkind", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("volunteer_id", sa.Integer(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("token_sealed", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(volunteer_id IS NOT NULL) = (kind = 'schedule')", name=op.f("ck_secret_link_schedules_are_of_volunteers")
        ),
        sa.CheckConstraint(
            "(organization_id IS NULL) = (kind = 'schedule')", name=op.f("ck_secret_link_others_are_of_organizations")
        ),
        sa.ForeignKeyConstraint(["made_by_id"], ["account.id"], name=op.f("fk_secret_link_made_by_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_secret_link_organization_id")),
        sa.ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name=op.f("fk_secret_link_volunteer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret_link")),
        sa.UniqueConstraint("kind", "organization_id", name=op.f("uq_secret_link_kind_organization_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_secret_link_token_hash")),
        sa.UniqueConstraint("volunteer_id", name=op.f("uq_secret_link_volunteer_id")),
    )


def downgrade() -> None:
    op.drop_table("secret_link")
