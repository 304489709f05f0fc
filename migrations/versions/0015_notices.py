"""notices: what nobody saw counts only after a public notice, and the database keeps it so

Revision ID: notices
Revises: risks
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_check, allow, disallow, drop_check, drop_guards, make_guards, replace_check

revision = "notices"
down_revision = "risks"
branch_labels = None
depends_on = None

TABLE = "service_record"
NOTICES = ["record_on_notice"]
ONCE = "state NOT IN ('approval', 'effective') OR confirmed_by_id IS NOT NULL"
ONCE_NOW = "state NOT IN ('approval', 'notice', 'effective') OR confirmed_by_id IS NOT NULL"
ABOVE = "state <> 'effective' OR (levels_up = 0 AND source <> 'supplement') OR approved_by_id IS NOT NULL"
ABOVE_NOW = (
    "state NOT IN ('notice', 'effective') OR (levels_up = 0 AND source <> 'supplement') OR approved_by_id IS NOT NULL"
)
CHECKS = {
    "ck_service_record_notices_have_an_end": "state <> 'notice' OR (noticed_at IS NOT NULL AND notice_ends_at > noticed_at)",
}
UNFINISHED = """
    SELECT 1 WHERE OLD.state <> 'notice' OR NEW.effective_at IS NULL
      OR OLD.notice_ends_at IS NULL OR NEW.effective_at < OLD.notice_ends_at"""
UNFINISHED_NEW = """
    SELECT 1 WHERE NEW.notice_ends_at IS NULL OR NEW.effective_at IS NULL OR NEW.effective_at < NEW.notice_ends_at"""
SHORTENED = "SELECT 1 WHERE NEW.noticed_at <> OLD.noticed_at OR NEW.notice_ends_at < OLD.notice_ends_at"
UNSEEN = "NEW.evidence IN ('C', 'D')"
GUARDS = [
    (
        "unseen_minutes_wait_for_their_notice",
        "service_record",
        "UPDATE",
        f"NEW.state = 'effective' AND OLD.state <> 'effective' AND {UNSEEN}",
        UNFINISHED,
    ),
    (
        "new_unseen_minutes_wait_for_their_notice",
        "service_record",
        "INSERT",
        f"NEW.state = 'effective' AND {UNSEEN}",
        UNFINISHED_NEW,
    ),
    (
        "running_notice_is_not_shortened",
        "service_record",
        "UPDATE",
        "OLD.state = 'notice' AND NEW.state = 'notice'",
        SHORTENED,
    ),
    (
        "running_notice_keeps_what_it_tells",
        "service_record",
        "UPDATE",
        "OLD.state = 'notice' AND (NEW.minutes <> OLD.minutes OR NEW.evidence <> OLD.evidence "
        "OR NEW.volunteer_id <> OLD.volunteer_id OR NEW.started_at <> OLD.started_at OR NEW.ended_at <> OLD.ended_at)",
        "SELECT 1",
    ),
]


def upgrade() -> None:
    for name in ("noticed_at", "notice_ends_at", "effective_at"):
        op.add_column(TABLE, sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    allow("ck_service_record_recordstate", TABLE, "state", ["notice"])
    replace_check("ck_service_record_counts_only_when_confirmed", TABLE, ONCE_NOW)
    replace_check("ck_service_record_long_days_are_approved", TABLE, ABOVE_NOW)
    for name, condition in CHECKS.items():
        add_check(name, TABLE, condition)
    op.create_index("ix_service_record_notice_ends_at", TABLE, ["notice_ends_at"])
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
    op.drop_index("ix_service_record_notice_ends_at", TABLE)
    for name in CHECKS:
        drop_check(name, TABLE)
    replace_check("ck_service_record_long_days_are_approved", TABLE, ABOVE)
    replace_check("ck_service_record_counts_only_when_confirmed", TABLE, ONCE)
    disallow("ck_service_record_recordstate", TABLE, "state", ["notice"])
    for name in ("effective_at", "notice_ends_at", "noticed_at"):
        op.drop_column(TABLE, name)
