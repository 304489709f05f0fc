"""channels: mail, push, SMS and group robots, what people choose, and what a robot says

Revision ID: channels
Revises: series
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "channels"
down_revision = "series"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KINDS = ["shift_near", "trial"]
CHANNELS = ("mail", "push", "sms", "robot")
STATES = ("due", "sent", "failed")


def enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    allow("ck_notice_noticekind", "notice", "kind", KINDS)
    _make_choices()
    _make_robots()
    _replace_outbox(_make_outbox, "notice_id, 'mail', address, false", "notice_id, channel, target, quiet")


def downgrade() -> None:
    """The way back keeps what is on its way by mail; the other channels did not exist before."""
    op.execute("DELETE FROM delivery WHERE channel <> 'mail' OR state = 'expired'")
    op.execute("DELETE FROM delivery WHERE notice_id IN (SELECT id FROM notice WHERE kind IN ('shift_near', 'trial'))")
    _replace_outbox(_make_old_outbox, "notice_id, target", "notice_id, address")
    for table in ("bulletin", "robot", "push_subscription", "message_preference"):
        op.drop_table(table)
    op.execute("DELETE FROM notice WHERE kind IN ('shift_near', 'trial')")
    disallow("ck_notice_noticekind", "notice", "kind", KINDS)


def _make_choices() -> None:
    op.create_table(
        "message_preference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("quiet_mail", sa.Boolean(), nullable=False),
        sa.Column("sms_agreed_at", MOMENT, nullable=True),
        sa.Column("sms_text_version", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_message_preference_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_message_preference"),
        sa.UniqueConstraint("account_id", name="uq_message_preference_account_id"),
        sa.CheckConstraint(
            "(sms_agreed_at IS NULL) = (sms_text_version = '')",
            name=op.f("ck_message_preference_consent_to_sms_names_its_text"),
        ),
    )
    op.create_table(
        "push_subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("endpoint_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_push_subscription_account_id"),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_push_subscription_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_push_subscription"),
        sa.UniqueConstraint("endpoint_hash", name="uq_push_subscription_endpoint_hash"),
    )
    op.create_index("ix_push_subscription_account_id", "push_subscription", ["account_id"])
    op.create_index("ix_push_subscription_session_id", "push_subscription", ["session_id"])


def _make_robots() -> None:
    op.create_table(
        "robot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("kind", enum("robotkind", "wecom", "dingtalk"), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("lang", sa.String(length=10), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_robot_organization_id"),
        sa.ForeignKeyConstraint(["created_by_id"], ["account.id"], name="fk_robot_created_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_robot"),
    )
    op.create_index("ix_robot_organization_id", "robot", ["organization_id"])
    op.create_table(
        "bulletin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind", enum("bulletinkind", "shift_changed", "shift_cancelled", "shift_short", "today", "trial"),
            nullable=False,
        ),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("path", sa.String(length=120), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_bulletin_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bulletin"),
        sa.UniqueConstraint("key", name="uq_bulletin_key"),
    )  # fmt: skip
    op.create_index("ix_bulletin_organization_id", "bulletin", ["organization_id"])


def _replace_outbox(make, old: str, new: str) -> None:
    """Put the rows aside, make the table anew with its wider key, and put them back."""
    same = "id, state, due_at, taken_until, tries, error, sent_at"
    op.execute("CREATE TABLE delivery_aside AS SELECT * FROM delivery")
    op.drop_table("delivery")
    make()
    op.execute(f"INSERT INTO delivery ({same}, {new}) SELECT {same}, {old} FROM delivery_aside")
    op.drop_table("delivery_aside")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('delivery', 'id'), (SELECT max(id) FROM delivery))")


def _make_outbox() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=True),
        sa.Column("bulletin_id", sa.Integer(), nullable=True),
        sa.Column("channel", enum("channel", *CHANNELS), nullable=False),
        sa.Column("target", sa.String(length=120), nullable=False),
        sa.Column("state", enum("deliverystate", *STATES, "expired"), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.Column("useful_until", MOMENT, nullable=True),
        sa.Column("taken_until", MOMENT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_delivery_sent_ones_say_when")),
        sa.CheckConstraint("(notice_id IS NULL) <> (bulletin_id IS NULL)", name=op.f("ck_delivery_carries_one_thing")),
        sa.CheckConstraint("(channel = 'robot') = (notice_id IS NULL)", name=op.f("ck_delivery_robots_carry_bulletins")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_delivery_notice_id"),
        sa.ForeignKeyConstraint(["bulletin_id"], ["bulletin.id"], name="fk_delivery_bulletin_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("notice_id", "channel", "target", name="uq_delivery_notice_id_channel_target"),
        sa.UniqueConstraint("bulletin_id", "target", name="uq_delivery_bulletin_id_target"),
    )
    op.create_index("ix_delivery_state_due_at", "delivery", ["state", "due_at"])
    op.create_index("ix_delivery_channel_target", "delivery", ["channel", "target"])


def _make_old_outbox() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=120), nullable=False),
        sa.Column("state", enum("deliverystate", *STATES), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("taken_until", MOMENT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=200), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_delivery_sent_ones_say_when")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name="fk_delivery_notice_id"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("notice_id", name="uq_delivery_notice_id"),
    )
    op.create_index("ix_delivery_state_due_at", "delivery", ["state", "due_at"])
