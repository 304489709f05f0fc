"""mergers: two registrations of one person become one; both ledgers stay as they are

Revision ID: mergers
Revises: doubts_lapsed
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_check, allow, disallow, drop_check, drop_guards, make_guards

revision = "mergers"
down_revision = "doubts_lapsed"
branch_labels = None
depends_on = None

NOTICES = ["registration_merging", "registration_merged", "registration_stays", "merger_waits", "merger_declined"]
TRIED = ["merge"]
VOLUNTEER_CHECKS = {
    "ck_volunteer_merged_ones_say_into_whom": "(state = 'merged') = (merged_into_id IS NOT NULL)",
    "ck_volunteer_nobody_is_merged_into_themself": "merged_into_id <> id",
}
MERGER_CHECKS = {
    "two_registrations": "away_id <> keep_id",
    "says_why": "reason <> ''",
    "decided_ones_say_when": "(state = 'proposed') = (decided_at IS NULL)",
    "decided_ones_say_by_whom": "(decided_at IS NULL) = (decided_by_id IS NULL)",
    "another_person_approves": "state <> 'approved' OR decided_by_id <> asked_by_id",
    "decided_ones_say_why": "state NOT IN ('approved', 'declined') OR answer <> ''",
}
LIKENESS_CHECKS = {
    "the_lower_number_first": "first_id < second_id",
    "dismissed_ones_say_by_whom": "(dismissed_at IS NULL) = (dismissed_by_id IS NULL)",
    "dismissed_ones_say_why": "dismissed_at IS NULL OR reason <> ''",
}
IS_PROPOSED, IS_APPROVED = sa.text("state = 'proposed'"), sa.text("state = 'approved'")
IS_OPEN = sa.text("dismissed_at IS NULL")
ALWAYS = "SELECT 1"
AGREED = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM merger m WHERE m.away_id = NEW.id AND m.keep_id = NEW.merged_into_id
      AND m.state = 'approved')"""
CHAIN = """
    SELECT 1 FROM volunteer v WHERE v.merged_into_id = NEW.id
      OR (v.id = NEW.merged_into_id AND v.merged_into_id IS NOT NULL)"""
GONE = "SELECT 1 FROM volunteer v WHERE v.id = NEW.volunteer_id AND v.merged_into_id IS NOT NULL"
OWN = """
    SELECT 1 FROM volunteer v WHERE v.id IN (NEW.away_id, NEW.keep_id) AND v.account_id = NEW.decided_by_id"""
# Whose entry it is: the account of the registration, or of the one that it was merged into.
OWNERS = """
    volunteer v LEFT JOIN volunteer k ON k.id = v.merged_into_id"""
OTHERS = """
    SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
      WHERE r.id = NEW.record_id AND v.account_id <> NEW.filed_by_id"""
OTHERS_NOW = f"""
    SELECT 1 FROM service_record r, {OWNERS}
      WHERE r.id = NEW.record_id AND v.id = r.volunteer_id AND coalesce(k.account_id, v.account_id) <> NEW.filed_by_id"""
NOT_THEIRS = f"""
    SELECT 1 FROM {OWNERS} WHERE v.id = NEW.volunteer_id AND k.account_id = NEW.approver_id"""
NOT_THEIRS_EITHER = f"""
    SELECT 1 FROM service_record r, {OWNERS}
      WHERE r.id = NEW.record_id AND v.id = r.volunteer_id AND (k.account_id = NEW.approver_id
        OR (k.account_id = NEW.author_id
        AND NEW.minutes >= (SELECT coalesce(sum(e.minutes), 0) FROM ledger_entry e WHERE e.record_id = NEW.record_id)))"""
NOT_FOUND_BY_THEM = f"""
    SELECT 1 FROM service_record r, {OWNERS}
      WHERE r.id = NEW.record_id AND v.id = r.volunteer_id AND k.account_id = NEW.found_by_id"""
IS_MERGED = "OLD.merged_into_id IS NULL AND NEW.merged_into_id IS NOT NULL"
GUARDS = [
    (
        "merged_registration_stays_merged",
        "volunteer",
        "UPDATE",
        "OLD.merged_into_id IS NOT NULL AND (NEW.merged_into_id IS NULL OR NEW.merged_into_id <> OLD.merged_into_id)",
        ALWAYS,
    ),
    ("registration_is_merged_by_two", "volunteer", "UPDATE", IS_MERGED, AGREED),
    ("mergers_make_no_chain", "volunteer", "UPDATE", IS_MERGED, CHAIN),
    ("nobody_registers_merged", "volunteer", "INSERT", "NEW.merged_into_id IS NOT NULL", ALWAYS),
    ("merged_registration_gets_no_entry", "service_record", "INSERT", "1 = 1", GONE),
    ("nobody_decides_their_own_merger", "merger", "UPDATE", "NEW.state = 'approved'", OWN),
    (
        "decided_merger_only_loses_its_words",
        "merger",
        "UPDATE",
        "OLD.state <> 'proposed' AND (NEW.state <> OLD.state OR NEW.decided_by_id <> OLD.decided_by_id "
        "OR NEW.asked_by_id <> OLD.asked_by_id OR NEW.reason NOT IN ('*', OLD.reason))",
        ALWAYS,
    ),
    ("merger_names_stay", "merger", "UPDATE", "NEW.away_id <> OLD.away_id OR NEW.keep_id <> OLD.keep_id", ALWAYS),
    ("merger_begins_proposed", "merger", "INSERT", "NEW.state <> 'proposed'", ALWAYS),
    ("merger_is_never_deleted", "merger", "DELETE", "1 = 1", ALWAYS),
    ("nobody_approves_what_was_merged_into_them", "ledger_entry", "INSERT", "1 = 1", NOT_THEIRS),
    ("merged_owner_corrects_nothing", "correction", "UPDATE", "NEW.state = 'approved'", NOT_THEIRS_EITHER),
    ("merged_owner_finds_nothing", "check_item", "UPDATE", "NEW.found_by_id IS NOT NULL", NOT_FOUND_BY_THEM),
]


def _owner_guard(query: str) -> list[tuple[str, str, str, str, str]]:
    return [("dispute_is_its_owners", "dispute", "INSERT", "1 = 1", query)]


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    allow("ck_refused_attempt_tried", "refused_attempt", "tried", TRIED)
    allow("ck_volunteer_volunteerstate", "volunteer", "state", ["merged"])
    op.execute(
        "ALTER TABLE volunteer ADD COLUMN merged_into_id INTEGER "
        "CONSTRAINT fk_volunteer_merged_into_id REFERENCES volunteer (id)"
    )
    for name, condition in VOLUNTEER_CHECKS.items():
        add_check(name, "volunteer", condition)
    op.create_index("ix_volunteer_merged_into_id", "volunteer", ["merged_into_id"])
    op.create_index("ix_slip_new_phone", "slip", ["new_phone"])
    _make_merger()
    _make_likeness()
    drop_guards(_owner_guard(OTHERS))
    make_guards(_owner_guard(OTHERS_NOW))
    make_guards(GUARDS)


def _make_merger() -> None:
    states = sa.Enum("proposed", "approved", "declined", "withdrawn", "objected",
                     name="mergerstate", native_enum=False, create_constraint=True, length=24)  # fmt: skip
    people = ["away_id", "keep_id"], ["asked_by_id", "decided_by_id"]
    op.create_table(
        "merger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("away_id", sa.Integer(), nullable=False),
        sa.Column("keep_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("state", states, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(length=200), nullable=False),
        *(sa.CheckConstraint(text, name=op.f(f"ck_merger_{name}")) for name, text in MERGER_CHECKS.items()),
        *(sa.ForeignKeyConstraint([n], ["volunteer.id"], name=op.f(f"fk_merger_{n}")) for n in people[0]),
        *(sa.ForeignKeyConstraint([n], ["account.id"], name=op.f(f"fk_merger_{n}")) for n in people[1]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_merger_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merger")),
    )
    op.create_index("uq_merger_proposed", "merger", ["away_id"], unique=True,
                    sqlite_where=IS_PROPOSED, postgresql_where=IS_PROPOSED)  # fmt: skip
    op.create_index("uq_merger_approved", "merger", ["away_id"], unique=True,
                    sqlite_where=IS_APPROVED, postgresql_where=IS_APPROVED)  # fmt: skip
    op.create_index(op.f("ix_merger_keep_id"), "merger", ["keep_id"])
    op.create_index(op.f("ix_merger_organization_id_state"), "merger", ["organization_id", "state"])


def _make_likeness() -> None:
    op.create_table(
        "likeness",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("second_id", sa.Integer(), nullable=False),
        sa.Column("signs", sa.JSON(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dismissed_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        *(sa.CheckConstraint(text, name=op.f(f"ck_likeness_{name}")) for name, text in LIKENESS_CHECKS.items()),
        sa.ForeignKeyConstraint(["first_id"], ["volunteer.id"], name=op.f("fk_likeness_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["volunteer.id"], name=op.f("fk_likeness_second_id")),
        sa.ForeignKeyConstraint(["dismissed_by_id"], ["account.id"], name=op.f("fk_likeness_dismissed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_likeness")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_likeness_first_id_second_id")),
    )
    op.create_index(op.f("ix_likeness_second_id"), "likeness", ["second_id"])
    op.create_index("ix_likeness_open", "likeness", ["id"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)


def downgrade() -> None:
    drop_guards(GUARDS)
    drop_guards(_owner_guard(OTHERS_NOW))
    make_guards(_owner_guard(OTHERS))
    op.drop_table("likeness")
    op.drop_table("merger")
    op.drop_index("ix_slip_new_phone", table_name="slip")
    op.drop_index("ix_volunteer_merged_into_id", table_name="volunteer")
    for name in VOLUNTEER_CHECKS:
        drop_check(name, "volunteer")
    op.execute("ALTER TABLE volunteer DROP COLUMN merged_into_id")
    disallow("ck_volunteer_volunteerstate", "volunteer", "state", ["merged"])
    disallow("ck_refused_attempt_tried", "refused_attempt", "tried", TRIED)
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
