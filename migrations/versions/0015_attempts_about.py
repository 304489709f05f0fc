"""attempts_about: what was refused about somebody, found at once; more that can be refused

Revision ID: attempts_about
Revises: sources
"""

from alembic import op

from migrations.steps import allow, disallow

revision = "attempts_about"
down_revision = "sources"
branch_labels = None
depends_on = None

TRIED = ["reshape", "make_up", "register", "admit", "give_role"]
BARS = ["over", "past", "too_young"]


def upgrade() -> None:
    allow("ck_refused_attempt_tried", "refused_attempt", "tried", TRIED)
    allow("ck_refused_attempt_bar", "refused_attempt", "bar", BARS)
    op.create_index(op.f("ix_refused_attempt_about_id_id"), "refused_attempt", ["about_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_refused_attempt_about_id_id"), "refused_attempt")
    disallow("ck_refused_attempt_bar", "refused_attempt", "bar", BARS)
    disallow("ck_refused_attempt_tried", "refused_attempt", "tried", TRIED)
