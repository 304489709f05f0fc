"""sources: entries of service that stand for no shift, supplements and imports

Revision ID: sources
Revises: attempts
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_check, allow, disallow, drop_check, let_be_empty, must_be_filled, replace_check

revision = "sources"
down_revision = "attempts"
branch_labels = None
depends_on = None

TABLE = "service_record"
CHECKS = {
    "ck_service_record_recordsource": "source IN ('shift', 'supplement', 'import')",
    "ck_service_record_only_shifts_have_a_claim": "(source = 'shift') = (claim_id IS NOT NULL)",
    "ck_service_record_evidence_follows_the_source": (
        "(source <> 'supplement' OR evidence = 'C') AND (source = 'import') = (evidence = 'D')"
    ),
}
NOTICES = ["record_entered"]
ABOVE = "state <> 'effective' OR levels_up = 0 OR approved_by_id IS NOT NULL"
ABOVE_ALL = "state <> 'effective' OR (levels_up = 0 AND source <> 'supplement') OR approved_by_id IS NOT NULL"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("source", sa.String(length=24), nullable=False, server_default="shift"))
    let_be_empty(TABLE, "claim_id")
    for name, condition in CHECKS.items():
        add_check(name, TABLE, condition)
    replace_check("ck_service_record_long_days_are_approved", TABLE, ABOVE_ALL)
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)


def downgrade() -> None:
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
    replace_check("ck_service_record_long_days_are_approved", TABLE, ABOVE)
    for name in CHECKS:
        drop_check(name, TABLE)
    must_be_filled(TABLE, "claim_id")
    op.drop_column(TABLE, "source")
