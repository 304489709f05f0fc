"""supplements: time outside a shift that somebody asks for, and what proves it

Revision ID: supplements
Revises: hand_over
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards

revision = "supplements"
down_revision = "hand_over"
branch_labels = None
depends_on = None

NOTICES = [
    "supplement_proposed",
    "supplement_refused",
    "supplement_vouched",
    "supplement_question",
    "supplement_declined",
]
STATES = ["proposed", "requested", "asked", "vouched", "declined", "withdrawn"]
CATEGORIES = ["elders", "disabled", "hardship", "convenience", "children", "new_residents", "neighbours", "civility"]
CATEGORIES += ["traffic", "online", "window", "governance", "events", "emergency", "water", "greening", "cleaning"]
CATEGORIES += ["cycling", "sorting"]
ALWAYS = "SELECT 1"
SAME = """r.id = NEW.record_id AND r.state = 'effective' AND r.minutes = NEW.minutes
      AND r.volunteer_id = NEW.volunteer_id AND r.evidence = NEW.evidence AND r.organization_id = NEW.organization_id"""
ONCE = f"""
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM service_record r WHERE {SAME}
      AND r.handed_in_by_id = NEW.author_id AND NEW.approver_id IN (r.confirmed_by_id, r.approved_by_id))"""
# Behind a supplement stand whoever vouched and whoever approved, never its owner.
NOW = f"""
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM service_record r WHERE {SAME}
      AND ((r.source <> 'supplement' AND r.handed_in_by_id = NEW.author_id
          AND NEW.approver_id IN (r.confirmed_by_id, r.approved_by_id))
        OR (r.source = 'supplement' AND r.confirmed_by_id = NEW.author_id AND r.approved_by_id = NEW.approver_id)))"""
FIRST = "NEW.kind = 'credit' AND NEW.correction_id IS NULL"
OWN = """
    SELECT 1 FROM volunteer v WHERE v.id = NEW.volunteer_id AND v.account_id = NEW.decided_by_id"""
CREDIT = "credit_is_what_was_confirmed"
GUARDS = [
    ("ended_supplement_never_changes_its_course", "supplement", "UPDATE", "OLD.decided_at IS NOT NULL AND "
     "(NEW.state <> OLD.state OR NEW.decided_by_id <> OLD.decided_by_id OR NEW.minutes <> OLD.minutes)", ALWAYS),
    ("supplement_is_never_deleted", "supplement", "DELETE", "1 = 1", ALWAYS),
    ("supplement_is_vouched_for_by_another", "supplement", "UPDATE", "NEW.state IN ('vouched', 'declined')", OWN),
]  # fmt: skip


def one_of(name: str, values: list[str]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    _supplement()
    _picture()
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    drop_guards([(CREDIT, "ledger_entry", "INSERT", FIRST, ONCE)])
    make_guards([(CREDIT, "ledger_entry", "INSERT", FIRST, NOW), *GUARDS])


def _supplement() -> None:
    moment = sa.DateTime(timezone=True)
    keys = {"volunteer_id": "volunteer", "organization_id": "organization", "stated_by_id": "account"}
    keys |= {"asked_by_id": "account", "decided_by_id": "account", "record_id": "service_record"}
    op.create_table(
        "supplement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("volunteer_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=40), nullable=False),
        sa.Column("category", one_of("category", CATEGORIES), nullable=False),
        sa.Column("content", sa.String(length=400), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("voucher_name", sa.String(length=40), nullable=False),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("state", one_of("supplementstate", STATES), nullable=False),
        sa.Column("stated_at", moment, nullable=False),
        sa.Column("stated_by_id", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=200), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(length=400), nullable=False),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=True),
        *(sa.CheckConstraint(text, name=op.f(f"ck_supplement_{name}")) for name, text in CHECKS.items()),
        *(sa.ForeignKeyConstraint([k], [f"{t}.id"], name=op.f(f"fk_supplement_{k}")) for k, t in keys.items()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplement")),
        sa.UniqueConstraint("record_id", name=op.f("uq_supplement_record_id")),
    )
    op.create_index(op.f("ix_supplement_volunteer_id_id"), "supplement", ["volunteer_id", "id"])
    op.create_index(op.f("ix_supplement_organization_id_state"), "supplement", ["organization_id", "state"])


CHECKS = {
    "ends_after_it_starts": "ended_at > started_at",
    "has_minutes": "minutes > 0",
    "vouched_ones_have_an_entry": "(state = 'vouched') = (record_id IS NOT NULL)",
    "ended_ones_say_when": "(state IN ('vouched', 'declined', 'withdrawn')) = (decided_at IS NOT NULL)",
    "ended_ones_say_by_whom": "(decided_at IS NULL) = (decided_by_id IS NULL)",
    "nobody_vouches_for_their_own": "state <> 'vouched' OR decided_by_id <> stated_by_id",
    "declined_ones_say_why": "state <> 'declined' OR reason <> ''",
}


def _picture() -> None:
    op.create_table(
        "supplement_picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("supplement_id", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(content IS NULL) = (erased_at IS NOT NULL)", name=op.f("ck_supplement_picture_is_there_until_it_is_erased")
        ),
        sa.CheckConstraint("size > 0", name=op.f("ck_supplement_picture_is_not_empty")),
        sa.ForeignKeyConstraint(["supplement_id"], ["supplement.id"], name=op.f("fk_supplement_picture_supplement_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["account.id"], name=op.f("fk_supplement_picture_made_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supplement_picture")),
    )
    op.create_index(op.f("ix_supplement_picture_supplement_id"), "supplement_picture", ["supplement_id"])


def downgrade() -> None:
    drop_guards([(CREDIT, "ledger_entry", "INSERT", FIRST, NOW), *GUARDS])
    make_guards([(CREDIT, "ledger_entry", "INSERT", FIRST, ONCE)])
    op.drop_table("supplement_picture")
    op.drop_table("supplement")
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
