"""handovers: stand-ins and swaps

Revision ID: handovers
Revises: punch_notes
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "handovers"
down_revision = "punch_notes"
branch_labels = None
depends_on = None

NOTICES = [
    "stand_in_asked", "stand_in_waits", "swap_asked", "swap_done",
    "place_taken", "place_passed_on", "places_swapped", "handover_refused", "handover_ended",
]
RUNNING = sa.text("state IN ('open', 'agreed')")


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    allow("ck_claim_claimstate", "claim", "state", ["passed_on"])
    allow("ck_claim_source", "claim", "source", ["stand_in", "swap"])
    states = choice("handoverstate", "open", "agreed", "done", "withdrawn", "refused", "ended")
    op.create_table(
        "handover",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("claim_id", sa.Integer(), nullable=False),
        sa.Column("wanted_shift_id", sa.Integer(), nullable=True),
        sa.Column("audience", choice("audience", "person", "link", "anybody"), nullable=False),
        sa.Column("asked_id", sa.Integer(), nullable=True),
        sa.Column("state", states, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(audience = 'person') = (asked_id IS NOT NULL)", name=op.f("ck_handover_a_person_is_named")
        ),
        sa.CheckConstraint(
            "(state IN ('open', 'agreed')) = (ended_at IS NULL)", name=op.f("ck_handover_ended_ones_say_when")
        ),
        sa.CheckConstraint(
            "(state IN ('agreed', 'done')) = (taken_id IS NOT NULL)", name=op.f("ck_handover_taken_ones_say_by_whom")
        ),
        sa.ForeignKeyConstraint(["claim_id"], ["claim.id"], name=op.f("fk_handover_claim_id")),
        sa.ForeignKeyConstraint(["wanted_shift_id"], ["shift.id"], name=op.f("fk_handover_wanted_shift_id")),
        sa.ForeignKeyConstraint(["asked_id"], ["volunteer.id"], name=op.f("fk_handover_asked_id")),
        sa.ForeignKeyConstraint(["taken_id"], ["claim.id"], name=op.f("fk_handover_taken_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    for column in ("claim_id", "wanted_shift_id", "asked_id", "taken_id"):
        op.create_index(op.f(f"ix_handover_{column}"), "handover", [column])
    op.create_index(
        "uq_handover_running", "handover", ["claim_id"], unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING
    )


def downgrade() -> None:
    op.drop_table("handover")
    disallow("ck_claim_source", "claim", "source", ["stand_in", "swap"])
    disallow("ck_claim_claimstate", "claim", "state", ["passed_on"])
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
