"""disputes: what the owner of an entry says against it, its course, its proof, and who may decide

Revision ID: disputes
Revises: attempts_about
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "disputes"
down_revision = "attempts_about"
branch_labels = None
depends_on = None

NOTICES = [
    "dispute_received",
    "dispute_waits",
    "dispute_rejected",
    "dispute_dismissed",
    "dispute_accepted",
    "dispute_against",
]
IS_OPEN = sa.text("state IN ('filed', 'appealed', 'correcting')")
ALWAYS = "SELECT 1"
STANDS = """
    SELECT 1 FROM dispute d WHERE d.record_id = NEW.id AND d.state IN ('filed', 'appealed', 'correcting')"""
OTHERS = """
    SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
      WHERE r.id = NEW.record_id AND v.account_id <> NEW.filed_by_id"""
BEHIND = """
    SELECT 1 FROM recorder x WHERE x.record_id = NEW.record_id AND x.account_id = NEW.{who}
    UNION ALL SELECT 1 FROM service_record r WHERE r.id = NEW.record_id
      AND (r.confirmed_by_id = NEW.{who} OR r.approved_by_id = NEW.{who})"""
GUARDS = [
    (
        "disputed_record_waits",
        "service_record",
        "UPDATE",
        "NEW.state <> OLD.state AND NEW.state <> 'returned'",
        STANDS,
    ),
    ("dispute_is_its_owners", "dispute", "INSERT", "1 = 1", OTHERS),
    ("ended_dispute_never_changes", "dispute", "UPDATE", "OLD.decided_at IS NOT NULL", ALWAYS),
    ("dispute_is_never_deleted", "dispute", "DELETE", "1 = 1", ALWAYS),
    (
        "dispute_is_rejected_by_another",
        "dispute",
        "UPDATE",
        "NEW.state = 'rejected' AND OLD.state <> 'rejected'",
        BEHIND.format(who="rejected_by_id"),
    ),
    (
        "dispute_is_decided_by_another",
        "dispute",
        "UPDATE",
        "NEW.state IN ('accepted', 'dismissed')",
        BEHIND.format(who="decided_by_id"),
    ),
    (
        "dispute_step_only_loses_its_words",
        "dispute_step",
        "UPDATE",
        "NEW.words <> '*' OR NEW.step <> OLD.step OR NEW.by_id <> OLD.by_id OR NEW.dispute_id <> OLD.dispute_id "
        "OR NEW.at <> OLD.at",
        ALWAYS,
    ),
    ("dispute_step_is_never_deleted", "dispute_step", "DELETE", "1 = 1", ALWAYS),
]
TOUCHED = """
    SELECT 1 FROM recorder x WHERE x.record_id = NEW.record_id AND x.account_id = NEW.approver_id
    UNION ALL SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
      WHERE r.id = NEW.record_id AND v.account_id IN (NEW.author_id, NEW.approver_id)"""
# The owner may ask for less than an entry counts, by a dispute; for more they are never one of the two.
TOUCHED_OR_MORE = """
    SELECT 1 FROM recorder x WHERE x.record_id = NEW.record_id AND x.account_id = NEW.approver_id
    UNION ALL SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
      WHERE r.id = NEW.record_id AND (v.account_id = NEW.approver_id OR (v.account_id = NEW.author_id
        AND NEW.minutes >= (SELECT coalesce(sum(e.minutes), 0) FROM ledger_entry e WHERE e.record_id = NEW.record_id)))"""


def _approval_guard(query: str) -> list[tuple[str, str, str, str, str]]:
    return [("correction_is_approved_by_another", "correction", "UPDATE", "NEW.state = 'approved'", query)]


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    _make_dispute()
    _make_steps_and_proofs()
    make_guards(GUARDS)
    drop_guards(_approval_guard(TOUCHED))
    make_guards(_approval_guard(TOUCHED_OR_MORE))


def _make_dispute() -> None:
    kinds = sa.Enum("not_me", "wrong", name="disputekind", native_enum=False, create_constraint=True, length=24)
    states = sa.Enum(
        "filed", "appealed", "correcting", "rejected", "accepted", "dismissed", "withdrawn",
        name="disputestate", native_enum=False, create_constraint=True, length=24,
    )  # fmt: skip
    checks = {
        "levels_are_not_negative": "levels >= 0",
        "minutes_are_not_negative": "minutes IS NULL OR minutes >= 0",
        "ended_ones_say_when": "(state IN ('accepted', 'dismissed', 'withdrawn')) = (decided_at IS NOT NULL)",
        "ended_ones_say_by_whom": "(decided_at IS NULL) = (decided_by_id IS NULL)",
        "rejected_ones_say_by_whom": "(rejected_at IS NULL) = (rejected_by_id IS NULL)",
        "rejected_ones_can_be_appealed": "(rejected_at IS NULL) = (appeal_until IS NULL)",
        "rejected_ones_say_when": "state <> 'rejected' OR rejected_at IS NOT NULL",
        "only_rejected_ones_are_appealed": "appealed_at IS NULL OR rejected_at IS NOT NULL",
        "appealed_ones_say_when": "state <> 'appealed' OR appealed_at IS NOT NULL",
        "only_the_owner_withdraws_and_nothing_else": (
            "(state = 'withdrawn') = (decided_by_id IS NOT NULL AND decided_by_id = filed_by_id)"
        ),
        "the_owner_rejects_nothing": "rejected_by_id IS NULL OR rejected_by_id <> filed_by_id",
        "another_one_decides_the_appeal": (
            "decided_by_id IS NULL OR rejected_by_id IS NULL OR decided_by_id <> rejected_by_id"
        ),
        "correcting_ones_name_it": "state <> 'correcting' OR correction_id IS NOT NULL",
    }
    targets = {
        "record_id": "service_record.id",
        "filed_by_id": "account.id",
        "rejected_by_id": "account.id",
        "correction_id": "correction.id",
        "decided_by_id": "account.id",
    }
    op.create_table(
        "dispute",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("levels", sa.Integer(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_by_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_by_id", sa.Integer(), nullable=True),
        sa.Column("appeal_until", sa.Date(), nullable=True),
        sa.Column("appealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("correction_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        *(sa.CheckConstraint(condition, name=op.f(f"ck_dispute_{name}")) for name, condition in checks.items()),
        *(sa.ForeignKeyConstraint([c], [to], name=op.f(f"fk_dispute_{c}")) for c, to in targets.items()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
    )
    op.create_index(
        "uq_dispute_open", "dispute", ["record_id"], unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN
    )
    for columns in (("record_id", "id"), ("state", "due_on"), ("filed_by_id", "id"), ("correction_id",)):
        op.create_index(op.f("ix_dispute_" + "_".join(columns)), "dispute", list(columns))


def _make_steps_and_proofs() -> None:
    steps = sa.Enum(
        "filed", "accepted", "rejected", "appealed", "dismissed", "withdrawn", "corrected", "reopened", "overdue",
        name="disputestep", native_enum=False, create_constraint=True, length=24,
    )  # fmt: skip
    op.create_table(
        "dispute_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dispute_id", sa.Integer(), nullable=False),
        sa.Column("step", steps, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=400), nullable=False),
        sa.CheckConstraint(
            "step NOT IN ('rejected', 'dismissed', 'appealed', 'reopened') OR words <> ''",
            name=op.f("ck_dispute_step_says_why_not"),
        ),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"], name=op.f("fk_dispute_step_by_id")),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name=op.f("fk_dispute_step_dispute_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_step")),
    )
    op.create_index(op.f("ix_dispute_step_dispute_id"), "dispute_step", ["dispute_id"])
    op.create_table(
        "dispute_proof",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dispute_id", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(content IS NULL) = (erased_at IS NOT NULL)", name=op.f("ck_dispute_proof_is_there_until_it_is_erased")
        ),
        sa.CheckConstraint("size > 0", name=op.f("ck_dispute_proof_is_not_empty")),
        sa.ForeignKeyConstraint(["dispute_id"], ["dispute.id"], name=op.f("fk_dispute_proof_dispute_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["account.id"], name=op.f("fk_dispute_proof_made_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_proof")),
    )
    op.create_index(op.f("ix_dispute_proof_dispute_id"), "dispute_proof", ["dispute_id"])


def downgrade() -> None:
    drop_guards(_approval_guard(TOUCHED_OR_MORE))
    make_guards(_approval_guard(TOUCHED))
    drop_guards(GUARDS)
    for table in ("dispute_proof", "dispute_step", "dispute"):
        op.drop_table(table)
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
