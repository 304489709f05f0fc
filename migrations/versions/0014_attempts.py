"""attempts: what was refused leaves a trace

Revision ID: attempts
Revises: jobs
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import drop_guards, make_guards

revision = "attempts"
down_revision = "jobs"
branch_labels = None
depends_on = None

ALWAYS = "SELECT 1"
GUARDS = [
    ("refused_attempt_is_append_only", "refused_attempt", "UPDATE", "1 = 1", ALWAYS),
    ("refused_attempt_is_never_deleted", "refused_attempt", "DELETE", "1 = 1", ALWAYS),
]
TRIED = ["confirm", "approve", "send_back", "hand_in", "record", "propose", "correct"]
TRIED += ["supplement", "settle", "import", "take_over"]
BARS = ["recorder", "owner", "twice", "proposer", "too_low", "handed_in", "no_role", "out_of_reach"]
BARS += ["own_account", "staff", "involved", "guard"]


def one_of(name: str, values: list[str]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "refused_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("tried", one_of("tried", TRIED), nullable=False),
        sa.Column("bar", one_of("bar", BARS), nullable=False),
        sa.Column("subject", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("about_id", sa.Integer(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["about_id"], ["account.id"], name=op.f("fk_refused_attempt_about_id")),
        sa.ForeignKeyConstraint(["actor_id"], ["account.id"], name=op.f("fk_refused_attempt_actor_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_refused_attempt_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_attempt")),
    )
    op.create_index(op.f("ix_refused_attempt_subject_subject_id"), "refused_attempt", ["subject", "subject_id"])
    op.create_index(op.f("ix_refused_attempt_actor_id_at"), "refused_attempt", ["actor_id", "at"])
    op.create_index(op.f("ix_refused_attempt_organization_id_at"), "refused_attempt", ["organization_id", "at"])
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    op.drop_table("refused_attempt")
