"""notice audience: who sees the notices of an organization, and the consent to be named in full on them

Revision ID: notice_audience
Revises: names_and_addresses
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "notice_audience"
down_revision = "names_and_addresses"
branch_labels = None
depends_on = None


def upgrade() -> None:
    seen_by = sa.Enum("organization", "signed_in", "everybody", name="seenby", native_enum=False, create_constraint=True,
                      length=24)  # fmt: skip
    op.create_table(
        "notice_setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("seen_by", seen_by, nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_notice_setting_organization_id")
        ),
        sa.ForeignKeyConstraint(["changed_by_id"], ["account.id"], name=op.f("fk_notice_setting_changed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_setting")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_notice_setting_organization_id")),
    )
    allow("ck_consent_purpose", "consent", "purpose", ["notice_name"])


def downgrade() -> None:
    op.execute("DELETE FROM consent WHERE purpose = 'notice_name'")
    disallow("ck_consent_purpose", "consent", "purpose", ["notice_name"])
    op.drop_table("notice_setting")
