"""identity reports: somebody without an account says that they were registered without knowing it

Revision ID: identity_reports
Revises: notices
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "identity_reports"
down_revision = "notices"
branch_labels = None
depends_on = None

NOTICES = ["identity_reported", "identity_found", "registration_voided"]
ALWAYS = "SELECT 1"
HAD_A_HAND = """
    SELECT 1 FROM volunteer v JOIN account a ON a.id = v.account_id WHERE v.id = NEW.volunteer_id
      AND (a.id IN (NEW.found_by_id, NEW.decided_by_id) OR a.created_by_id IN (NEW.found_by_id, NEW.decided_by_id)
        OR v.decided_by_id IN (NEW.found_by_id, NEW.decided_by_id))
    UNION ALL SELECT 1 FROM service_record r JOIN recorder x ON x.record_id = r.id
      WHERE r.volunteer_id = NEW.volunteer_id AND x.account_id IN (NEW.found_by_id, NEW.decided_by_id)
    UNION ALL SELECT 1 FROM service_record r WHERE r.volunteer_id = NEW.volunteer_id
      AND (r.confirmed_by_id IN (NEW.found_by_id, NEW.decided_by_id)
        OR r.approved_by_id IN (NEW.found_by_id, NEW.decided_by_id))"""
GUARDS = [
    ("identity_report_is_never_deleted", "identity_report", "DELETE", "1 = 1", ALWAYS),
    (
        "ended_identity_report_is_only_erased",
        "identity_report",
        "UPDATE",
        "OLD.decided_at IS NOT NULL AND (OLD.erased_at IS NOT NULL OR NEW.erased_at IS NULL "
        "OR NEW.state <> OLD.state OR NEW.decided_by_id <> OLD.decided_by_id)",
        ALWAYS,
    ),
    (
        "identity_report_is_decided_by_others",
        "identity_report",
        "UPDATE",
        "NEW.state <> OLD.state AND NEW.state <> 'filed'",
        HAD_A_HAND,
    ),
]
CHECKS = {
    "ended_ones_say_when": "(state IN ('confirmed', 'unfounded')) = (decided_at IS NOT NULL)",
    "ended_ones_say_by_whom": "(decided_at IS NULL) = (decided_by_id IS NULL)",
    "found_ones_say_by_whom": "(found_at IS NULL) = (found_by_id IS NULL)",
    "found_ones_say_when": "state NOT IN ('found', 'confirmed') OR found_at IS NOT NULL",
    "two_people_confirm": "state <> 'confirmed' OR decided_by_id <> found_by_id",
    "void_what_there_is": "state NOT IN ('found', 'confirmed') OR volunteer_id IS NOT NULL",
    "is_there_until_it_is_erased": (
        "(phone_sealed IS NULL) = (erased_at IS NOT NULL) AND (words_sealed IS NULL) = (erased_at IS NOT NULL) "
        "AND (contact_sealed IS NULL) = (erased_at IS NOT NULL)"
    ),
}
TARGETS = {
    "organization_id": "organization.id",
    "volunteer_id": "volunteer.id",
    "found_by_id": "account.id",
    "decided_by_id": "account.id",
}


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    states = sa.Enum(
        "filed", "found", "confirmed", "unfounded",
        name="reportstate", native_enum=False, create_constraint=True, length=24,
    )  # fmt: skip
    op.create_table(
        "identity_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_id", sa.Integer(), nullable=True),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("phone_sealed", sa.String(length=200), nullable=True),
        sa.Column("words_sealed", sa.Text(), nullable=True),
        sa.Column("contact_sealed", sa.String(length=1000), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("answer_sealed", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_identity_report_{name}")) for name, condition in CHECKS.items()),
        *(sa.ForeignKeyConstraint([c], [to], name=op.f(f"fk_identity_report_{c}")) for c, to in TARGETS.items()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_report")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_identity_report_code_hash")),
        sa.UniqueConstraint("number", name=op.f("uq_identity_report_number")),
    )
    for columns in (("organization_id", "state"), ("state", "decided_at"), ("volunteer_id",)):
        op.create_index(op.f("ix_identity_report_" + "_".join(columns)), "identity_report", list(columns))
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    op.drop_table("identity_report")
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
