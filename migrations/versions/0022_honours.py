"""honours: who is proposed for one, what the system knew of them, what is said against it, and how it ended

Revision ID: honours
Revises: notice_days
"""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "honours"
down_revision = "notice_days"
branch_labels = None
depends_on = None

KINDS = ["proposed", "on_notice", "granted", "withdrawn", "revoked", "changed", "doubt_upheld", "doubt_dismissed"]
NOTICES = [f"honour_{kind}" for kind in KINDS]
STANDS = sa.text("state IN ('proposed', 'notice', 'granted')")
IS_OPEN, IS_ASKED = sa.text("state = 'open'"), sa.text("state = 'asked'")
ALWAYS = "SELECT 1"
THEMSELVES = """
    SELECT 1 FROM volunteer v WHERE v.id = NEW.volunteer_id AND v.account_id IN (NEW.proposed_by_id, NEW.approved_by_id)"""
NO_WAY = """
    SELECT 1 WHERE NOT (
      (OLD.state = 'proposed' AND NEW.state IN ('notice', 'rejected', 'withdrawn', 'declined'))
      OR (OLD.state = 'notice' AND NEW.state IN ('granted', 'withdrawn', 'declined'))
      OR (OLD.state = 'granted' AND NEW.state = 'revoked'))"""
OTHERWISE = """
    SELECT 1 WHERE NEW.honour_id <> OLD.honour_id OR NEW.volunteer_id <> OLD.volunteer_id
      OR NEW.proposed_by_id <> OLD.proposed_by_id OR (NEW.reason <> OLD.reason AND NEW.reason <> '*')
      OR (OLD.approved_by_id IS NOT NULL AND NEW.approved_by_id <> OLD.approved_by_id)
      OR (OLD.notice_ends_at IS NOT NULL AND NEW.notice_ends_at < OLD.notice_ends_at)
      OR (OLD.granted_at IS NOT NULL AND NEW.granted_at <> OLD.granted_at)"""
DOUBTED = "SELECT 1 FROM doubt d WHERE d.nomination_id = NEW.id AND d.state = 'open'"
ALONE = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM revocation r WHERE r.nomination_id = NEW.id AND r.state = 'agreed')"""
INVOLVED = """
    SELECT 1 FROM nomination n JOIN volunteer v ON v.id = n.volunteer_id WHERE n.id = NEW.nomination_id
      AND NEW.decided_by_id IN (n.proposed_by_id, n.approved_by_id, v.account_id)"""
OWNER = """
    SELECT 1 FROM nomination n JOIN volunteer v ON v.id = n.volunteer_id WHERE n.id = NEW.nomination_id
      AND v.account_id = NEW.decided_by_id"""
GUARDS = [
    ("honour_never_changes", "honour", "UPDATE", "1 = 1", ALWAYS),
    ("honour_is_never_deleted", "honour", "DELETE", "1 = 1", ALWAYS),
    ("nomination_begins_as_a_proposal", "nomination", "INSERT", "NEW.state <> 'proposed'", ALWAYS),
    ("nobody_proposes_themselves", "nomination", "INSERT", "1 = 1", THEMSELVES),
    ("nobody_approves_themselves", "nomination", "UPDATE", "NEW.approved_by_id IS NOT NULL", THEMSELVES),
    ("nomination_goes_its_way", "nomination", "UPDATE", "NEW.state <> OLD.state", NO_WAY),
    ("what_was_proposed_never_changes", "nomination", "UPDATE", "1 = 1", OTHERWISE),
    ("doubted_nomination_waits", "nomination", "UPDATE", "NEW.state = 'granted' AND OLD.state = 'notice'", DOUBTED),
    ("honour_is_revoked_by_two", "nomination", "UPDATE", "NEW.state = 'revoked' AND OLD.state = 'granted'", ALONE),
    ("nomination_is_never_deleted", "nomination", "DELETE", "1 = 1", ALWAYS),
    ("nomination_sheet_never_changes", "nomination_sheet", "UPDATE", "1 = 1", ALWAYS),
    ("nomination_sheet_is_never_deleted", "nomination_sheet", "DELETE", "1 = 1", ALWAYS),
    ("doubt_is_decided_by_another", "doubt", "UPDATE", "NEW.decided_by_id IS NOT NULL", INVOLVED),
    ("decided_doubt_only_loses_its_words", "doubt", "UPDATE", "OLD.state <> 'open' AND NEW.words <> '*'", ALWAYS),
    ("doubt_is_never_deleted", "doubt", "DELETE", "1 = 1", ALWAYS),
    ("revocation_is_not_decided_by_its_person", "revocation", "UPDATE", "NEW.decided_by_id IS NOT NULL", OWNER),
    ("decided_revocation_only_loses_its_words", "revocation", "UPDATE", "OLD.state <> 'asked' AND NEW.reason <> '*'", ALWAYS),
    ("revocation_is_never_deleted", "revocation", "DELETE", "1 = 1", ALWAYS),
]  # fmt: skip
CHECKS = {
    "honour": {"ends_after_it_starts": "last >= first", "says_what_for": "title <> '' AND criteria <> ''"},
    "nomination": {
        "says_why": "reason <> ''",
        "another_one_approves": "approved_by_id IS NULL OR approved_by_id <> proposed_by_id",
        "approved_ones_say_by_whom": "(approved_at IS NULL) = (approved_by_id IS NULL)",
        "approved_ones_are_noticed": "(approved_at IS NULL) = (notice_ends_at IS NULL)",
        "notices_have_an_end": "notice_ends_at IS NULL OR notice_ends_at > approved_at",
        "stands_only_when_approved": "state NOT IN ('notice', 'granted', 'revoked') OR approved_at IS NOT NULL",
        "granted_ones_say_when": "(granted_at IS NOT NULL) = (state IN ('granted', 'revoked'))",
        "granted_after_the_notice": "granted_at IS NULL OR granted_at >= notice_ends_at",
        "ended_ones_say_when": "(ended_at IS NOT NULL) = (state IN ('rejected', 'withdrawn', 'declined', 'revoked'))",
        "ended_ones_say_why": "state NOT IN ('rejected', 'withdrawn', 'revoked') OR answer <> ''",
    },
    "doubt": {
        "says_why": "words <> ''",
        "decided_by_somebody": "(state IN ('upheld', 'dismissed')) = (decided_by_id IS NOT NULL)",
        "decided_ones_say_when": "(state = 'open') = (decided_at IS NULL)",
        "decided_ones_give_a_reason": "decided_by_id IS NULL OR answer <> ''",
        "another_one_decides": "decided_by_id IS NULL OR decided_by_id <> by_id",
    },
    "revocation": {
        "says_why": "reason <> ''",
        "decided_ones_say_when": "(state = 'asked') = (decided_at IS NULL)",
        "decided_ones_say_by_whom": "(decided_at IS NULL) = (decided_by_id IS NULL)",
        "another_one_agrees": "state <> 'agreed' OR decided_by_id <> asked_by_id",
    },
}
INDEXES = [
    ("honour", ["organization_id"]),
    ("nomination", ["honour_id", "state"]),
    ("nomination", ["volunteer_id", "state"]),
    ("nomination", ["state", "notice_ends_at"]),
    ("nomination_sheet", ["nomination_id", "id"]),
    ("doubt", ["by_id"]),
    ("doubt", ["nomination_id", "state"]),
    ("doubt", ["state", "due_on"]),
    ("revocation", ["nomination_id", "id"]),
]
TABLES = ("revocation", "doubt", "nomination_sheet", "nomination", "honour")


def one_of(name: str, values: list[str]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def make(name: str, *columns: sa.Column, refers: Mapping[str, str]) -> None:
    """A table with its CHECKs, and which of its columns refer to which other tables."""
    checks = [sa.CheckConstraint(text, name=op.f(f"ck_{name}_{rule}")) for rule, text in CHECKS.get(name, {}).items()]
    keys = [
        sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_{name}_{column}"))
        for column, table in refers.items()
    ]
    number = sa.Column("id", sa.Integer(), nullable=False)
    op.create_table(name, number, *columns, *checks, *keys, sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")))


def number(name: str, *, empty: bool = False) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=empty)


def moment(name: str, *, empty: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=empty)


def words(name: str, length: int) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False)


def upgrade() -> None:
    make_honours()
    make_nominations()
    make_what_follows()
    for table, columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
    for table, columns, condition in (
        ("nomination_standing", ["honour_id", "volunteer_id"], STANDS),
        ("doubt_open", ["nomination_id", "by_id"], IS_OPEN),
        ("revocation_asked", ["nomination_id"], IS_ASKED),
    ):
        where = {"sqlite_where": condition, "postgresql_where": condition}
        op.create_index(f"uq_{table}", table.rpartition("_")[0], columns, unique=True, **where)
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    allow("ck_refused_attempt_tried", "refused_attempt", "tried", ["honour"])
    make_guards(GUARDS)


def make_honours() -> None:
    make(
        "honour",
        number("organization_id"),
        words("title", 40),
        words("criteria", 1000),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        moment("opened_at"),
        number("opened_by_id"),
        refers={"organization_id": "organization", "opened_by_id": "account"},
    )


def make_nominations() -> None:
    states = ["proposed", "notice", "granted", "rejected", "withdrawn", "declined", "revoked"]
    make(
        "nomination",
        number("honour_id"),
        number("volunteer_id"),
        words("reason", 400),
        sa.Column("state", one_of("nominationstate", states), nullable=False),
        moment("proposed_at"),
        number("proposed_by_id"),
        moment("approved_at", empty=True),
        number("approved_by_id", empty=True),
        moment("notice_ends_at", empty=True),
        moment("granted_at", empty=True),
        moment("ended_at", empty=True),
        number("ended_by_id", empty=True),
        words("answer", 400),
        refers={"honour_id": "honour", "volunteer_id": "volunteer", "proposed_by_id": "account",
                "approved_by_id": "account", "ended_by_id": "account"},
    )  # fmt: skip
    counted = ("minutes_a", "minutes_b", "minutes_c", "minutes_d", "entries", "no_shows", "disputed")
    make(
        "nomination_sheet",
        number("nomination_id"),
        moment("at"),
        number("by_id"),
        *map(number, counted),
        refers={"nomination_id": "nomination", "by_id": "account"},
    )


def make_what_follows() -> None:
    make(
        "doubt",
        number("nomination_id"),
        number("by_id"),
        moment("at"),
        words("words", 400),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", one_of("doubtstate", ["open", "upheld", "dismissed", "lapsed"]), nullable=False),
        moment("decided_at", empty=True),
        number("decided_by_id", empty=True),
        words("answer", 200),
        refers={"nomination_id": "nomination", "by_id": "account", "decided_by_id": "account"},
    )
    make(
        "revocation",
        number("nomination_id"),
        words("reason", 400),
        sa.Column("state", one_of("revocationstate", ["asked", "agreed", "refused"]), nullable=False),
        moment("asked_at"),
        number("asked_by_id"),
        moment("decided_at", empty=True),
        number("decided_by_id", empty=True),
        refers={"nomination_id": "nomination", "asked_by_id": "account", "decided_by_id": "account"},
    )


def downgrade() -> None:
    drop_guards(GUARDS)
    for table in TABLES:
        op.drop_table(table)
    disallow("ck_refused_attempt_tried", "refused_attempt", "tried", ["honour"])
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
