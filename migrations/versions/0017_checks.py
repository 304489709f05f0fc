"""checks: a sample of what counts, evidence for it, and what was found

Revision ID: checks
Revises: identity_reports
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "checks"
down_revision = "identity_reports"
branch_labels = None
depends_on = None

DRAWN = """
    SELECT 1 WHERE NEW.seed <> OLD.seed OR NEW.population <> OLD.population OR NEW.permille <> OLD.permille
      OR NEW.first <> OLD.first OR NEW.last <> OLD.last OR NEW.last_entry_id <> OLD.last_entry_id
      OR NEW.organization_id <> OLD.organization_id OR NEW.including <> OLD.including"""
ENDED = "SELECT 1 FROM spot_check c WHERE c.id = OLD.check_id AND c.state <> 'open'"
PART = """
    SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id WHERE r.id = NEW.record_id
      AND NEW.found_by_id IN (r.handed_in_by_id, r.confirmed_by_id, r.approved_by_id, v.account_id)
    UNION ALL SELECT 1 FROM recorder x WHERE x.record_id = NEW.record_id AND x.account_id = NEW.found_by_id"""
ALWAYS = "SELECT 1"
GUARDS = [
    ("what_was_drawn_never_changes", "spot_check", "UPDATE", "1 = 1", DRAWN),
    ("spot_check_is_never_deleted", "spot_check", "DELETE", "1 = 1", ALWAYS),
    ("check_item_is_never_deleted", "check_item", "DELETE", "1 = 1", ALWAYS),
    ("findings_of_a_closed_check_stay", "check_item", "UPDATE", "1 = 1", ENDED),
    ("who_took_part_finds_nothing", "check_item", "UPDATE", "NEW.found_by_id IS NOT NULL", PART),
    ("check_answer_is_append_only", "check_answer", "UPDATE", "1 = 1", ALWAYS),
]


def one_of(name: str, values: list[str]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", ["record_check_asked"])
    op.create_index(
        op.f("ix_ledger_entry_organization_id_served_on"), "ledger_entry", ["organization_id", "served_on"]
    )
    op.create_table(
        "spot_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("including", sa.Boolean(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("permille", sa.Integer(), nullable=False),
        sa.Column("with_risks", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.String(length=32), nullable=False),
        sa.Column("last_entry_id", sa.Integer(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_by_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", one_of("checkstate", ["open", "closed", "published"]), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Integer(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("last >= first", name=op.f("ck_spot_check_ends_after_it_starts")),
        sa.CheckConstraint("permille BETWEEN 1 AND 1000", name=op.f("ck_spot_check_draws_a_share")),
        sa.CheckConstraint("population > 0", name=op.f("ck_spot_check_draws_from_something")),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name=op.f("ck_spot_check_closed_ones_say_when")),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (closed_by_id IS NULL)", name=op.f("ck_spot_check_closed_ones_say_by_whom")
        ),
        sa.CheckConstraint(
            "(state = 'published') = (published_at IS NOT NULL)", name=op.f("ck_spot_check_published_ones_say_when")
        ),
        sa.ForeignKeyConstraint(["closed_by_id"], ["account.id"], name=op.f("fk_spot_check_closed_by_id")),
        sa.ForeignKeyConstraint(["drawn_by_id"], ["account.id"], name=op.f("fk_spot_check_drawn_by_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_spot_check_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check")),
    )
    op.create_index(op.f("ix_spot_check_organization_id"), "spot_check", ["organization_id"])
    op.create_table(
        "check_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("drawn", one_of("drawn", ["chance", "risk"]), nullable=False),
        sa.Column("finding", one_of("finding", ["ok", "fault", "not_proven"]), nullable=True),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(finding IS NULL) = (found_at IS NULL)", name=op.f("ck_check_item_findings_say_when")),
        sa.CheckConstraint(
            "(finding IS NULL) = (found_by_id IS NULL)", name=op.f("ck_check_item_findings_say_by_whom")
        ),
        sa.CheckConstraint(
            "finding IS NULL OR finding = 'ok' OR note <> ''", name=op.f("ck_check_item_faults_say_what")
        ),
        sa.ForeignKeyConstraint(["check_id"], ["spot_check.id"], name=op.f("fk_check_item_check_id")),
        sa.ForeignKeyConstraint(["found_by_id"], ["account.id"], name=op.f("fk_check_item_found_by_id")),
        sa.ForeignKeyConstraint(["record_id"], ["service_record.id"], name=op.f("fk_check_item_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_item")),
        sa.UniqueConstraint("check_id", "record_id", name=op.f("uq_check_item_check_id_record_id")),
    )
    op.create_index(op.f("ix_check_item_record_id"), "check_item", ["record_id"])
    op.create_table(
        "check_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["check_id"], ["spot_check.id"], name=op.f("fk_check_request_check_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_check_request_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_request")),
        sa.UniqueConstraint("check_id", "organization_id", name=op.f("uq_check_request_check_id_organization_id")),
    )
    op.create_index(op.f("ix_check_request_organization_id"), "check_request", ["organization_id"])
    op.create_table(
        "check_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=1000), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("words <> '' OR size > 0", name=op.f("ck_check_answer_says_or_shows_something")),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"], name=op.f("fk_check_answer_by_id")),
        sa.ForeignKeyConstraint(["request_id"], ["check_request.id"], name=op.f("fk_check_answer_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_answer")),
    )
    op.create_index(op.f("ix_check_answer_request_id"), "check_answer", ["request_id"])
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    for table in ("check_answer", "check_request", "check_item", "spot_check"):
        op.drop_table(table)
    op.drop_index(op.f("ix_ledger_entry_organization_id_served_on"), "ledger_entry")
    disallow("ck_notice_noticekind", "notice", "kind", ["record_check_asked"])
