"""names and addresses: accounts are found by their name and mail address, for who may be one person

Revision ID: names_and_addresses
Revises: registrations_doubted
"""

from alembic import op

revision = "names_and_addresses"
down_revision = "registrations_doubted"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_account_name", "account", ["name"])
    op.create_index("ix_account_email", "account", ["email"])
    op.execute("UPDATE account SET email = lower(email) WHERE email <> lower(email)")


def downgrade() -> None:
    op.drop_index("ix_account_email", table_name="account")
    op.drop_index("ix_account_name", table_name="account")
