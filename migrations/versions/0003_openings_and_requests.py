"""openings and requests: claims that open later, and claims that an organizer approves

Revision ID: openings
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow, drop_guards, make_guards, replace_check

revision = "openings"
down_revision = "0002"
branch_labels = None
depends_on = None

NOTICES = ["request_received", "request_declined", "request_unanswered", "claims_open"]
STATES = ["requested", "declined", "unanswered"]
BEFORE, NOW = "('held', 'offered', 'waiting')", "('held', 'offered', 'waiting', 'requested')"
OVERLAP = """
    SELECT 1 FROM claim c JOIN shift s ON s.id = c.shift_id JOIN shift n ON n.id = NEW.shift_id
    WHERE c.volunteer_id = NEW.volunteer_id AND c.shift_id <> NEW.shift_id AND c.state IN {live}
      AND s.starts_at < n.ends_at AND n.starts_at < s.ends_at"""


def guards(live: str) -> list[tuple[str, str, str, str, str]]:
    query, condition = OVERLAP.format(live=live), f"NEW.state IN {live}"
    return [
        ("new_claim_overlaps_nothing", "claim", "INSERT", condition, query),
        ("live_claim_overlaps_nothing", "claim", "UPDATE OF state", condition, query),
    ]


GUARDS = guards(NOW)


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)
    allow("ck_claim_claimstate", "claim", "state", STATES)
    replace_check(
        "ck_claim_late_ones_give_a_reason", "claim", "state NOT IN ('late', 'declined') OR reason <> ''"
    )
    _live(NOW)
    op.add_column("post", sa.Column("approves", sa.Boolean(), server_default=sa.false(), nullable=False))
    _add_columns()
    op.create_index(
        "ix_shift_opening", "shift", ["opens_at"],
        sqlite_where=sa.text("opens_at IS NOT NULL"), postgresql_where=sa.text("opens_at IS NOT NULL"),
    )
    op.create_table(
        "opening_watch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shift_id", sa.Integer(), nullable=False),
        sa.Column("volunteer_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["shift_id"], ["shift.id"], name=op.f("fk_opening_watch_shift_id")),
        sa.ForeignKeyConstraint(["volunteer_id"], ["volunteer.id"], name=op.f("fk_opening_watch_volunteer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_watch")),
        sa.UniqueConstraint("shift_id", "volunteer_id", name=op.f("uq_opening_watch_shift_id_volunteer_id")),
    )
    op.create_index(op.f("ix_opening_watch_volunteer_id"), "opening_watch", ["volunteer_id"])


def _add_columns() -> None:
    """Each with its CHECK in one statement: so no table is rebuilt, on either database."""
    moment = "TIMESTAMP WITH TIME ZONE" if op.get_bind().dialect.name == "postgresql" else "DATETIME"
    for column in (
        f"opens_at {moment} CONSTRAINT ck_shift_opens_before_it_starts CHECK (opens_at < starts_at)",
        "minimum INTEGER CONSTRAINT ck_shift_minimum_fits_the_places CHECK (minimum BETWEEN 1 AND places)",
        "cut_off_hours INTEGER CONSTRAINT ck_shift_minimum_has_a_cut_off CHECK "
        "((minimum IS NULL) = (cut_off_hours IS NULL) "
        "AND (cut_off_hours IS NULL OR cut_off_hours BETWEEN 1 AND 336))",
    ):
        op.execute(f"ALTER TABLE shift ADD COLUMN {column}")


def _live(states: str) -> None:
    """Everything that speaks of live claims speaks of these."""
    op.drop_index("uq_claim_live", table_name="claim")
    where = sa.text(f"state IN {states}")
    op.create_index(
        "uq_claim_live", "claim", ["shift_id", "volunteer_id"], unique=True, sqlite_where=where, postgresql_where=where
    )
    drop_guards(GUARDS)
    make_guards(guards(states))


def downgrade() -> None:
    op.drop_table("opening_watch")
    op.drop_index("ix_shift_opening", table_name="shift")
    for name in ("cut_off_hours", "minimum", "opens_at"):
        op.execute(f"ALTER TABLE shift DROP COLUMN {name}")
    op.execute("ALTER TABLE post DROP COLUMN approves")
    _live(BEFORE)
    replace_check("ck_claim_late_ones_give_a_reason", "claim", "state <> 'late' OR reason <> ''")
    disallow("ck_claim_claimstate", "claim", "state", STATES)
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
