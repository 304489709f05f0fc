"""newcomers: whom a file registers is nobody before the whole file is in, and the times of its rows

Revision ID: newcomers
Revises: outside_objections
"""

import sqlalchemy as sa
from alembic import op

revision = "newcomers"
down_revision = "outside_objections"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("import_row", sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("import_row", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_import_row_batch_id_volunteer_id_starts_at"), "import_row", ["batch_id", "volunteer_id", "starts_at"]
    )
    gender = sa.Enum("female", "male", name="gender", native_enum=False, create_constraint=True, length=24)
    op.create_table(
        "newcomer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=12), nullable=False),
        sa.Column("gender", gender, nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("id_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_newcomer_batch_id")),
        sa.ForeignKeyConstraint(["row_id"], ["import_row.id"], name=op.f("fk_newcomer_row_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newcomer")),
        sa.UniqueConstraint("batch_id", "phone", name=op.f("uq_newcomer_batch_id_phone")),
        sa.UniqueConstraint("number", name=op.f("uq_newcomer_number")),
        sa.UniqueConstraint("row_id", name=op.f("uq_newcomer_row_id")),
    )
    op.create_index(op.f("ix_newcomer_phone"), "newcomer", ["phone"])


def downgrade() -> None:
    op.drop_table("newcomer")
    op.drop_index(op.f("ix_import_row_batch_id_volunteer_id_starts_at"), table_name="import_row")
    op.drop_column("import_row", "ends_at")
    op.drop_column("import_row", "starts_at")
