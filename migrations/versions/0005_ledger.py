"""the ledger: signed entries that alone count, corrections, seals and roots

Revision ID: ledger
Revises: rollcall
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, drop_guards, make_guards

revision = "ledger"
down_revision = "rollcall"
branch_labels = None
depends_on = None

ALWAYS = "SELECT 1"
CONFIRMED = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM service_record r WHERE r.id = NEW.record_id AND r.state = 'effective'
      AND r.minutes = NEW.minutes AND r.volunteer_id = NEW.volunteer_id AND r.evidence = NEW.evidence
      AND r.organization_id = NEW.organization_id AND r.handed_in_by_id = NEW.author_id
      AND NEW.approver_id IN (r.confirmed_by_id, r.approved_by_id))"""
APPROVED = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM correction c WHERE c.id = NEW.correction_id AND c.state = 'approved'
      AND c.record_id = NEW.record_id AND c.author_id = NEW.author_id AND c.approver_id = NEW.approver_id
      AND (NEW.kind = 'reversal' OR c.minutes = NEW.minutes))"""
WHOLE = """
    SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.id = NEW.reverses_id AND e.kind = 'credit'
      AND e.record_id = NEW.record_id AND e.volunteer_id = NEW.volunteer_id AND e.minutes = -NEW.minutes)"""
STANDS = """
    SELECT 1 FROM ledger_entry e WHERE e.record_id = NEW.record_id AND e.kind = 'credit'
      AND NOT EXISTS (SELECT 1 FROM ledger_entry x WHERE x.reverses_id = e.id)"""
OWN = "SELECT 1 FROM volunteer v WHERE v.id = NEW.volunteer_id AND v.account_id = NEW.approver_id"
TOUCHED = """
    SELECT 1 FROM recorder x WHERE x.record_id = NEW.record_id AND x.account_id = NEW.approver_id
    UNION ALL SELECT 1 FROM service_record r JOIN volunteer v ON v.id = r.volunteer_id
      WHERE r.id = NEW.record_id AND v.account_id IN (NEW.author_id, NEW.approver_id)"""
GUARDS = [
    ("ledger_entry_is_append_only", "ledger_entry", "UPDATE", "1 = 1", ALWAYS),
    ("ledger_entry_is_never_deleted", "ledger_entry", "DELETE", "1 = 1", ALWAYS),
    (
        "credit_is_what_was_confirmed",
        "ledger_entry",
        "INSERT",
        "NEW.kind = 'credit' AND NEW.correction_id IS NULL",
        CONFIRMED,
    ),
    ("corrected_entry_was_approved", "ledger_entry", "INSERT", "NEW.correction_id IS NOT NULL", APPROVED),
    ("reversal_takes_back_the_whole", "ledger_entry", "INSERT", "NEW.kind = 'reversal'", WHOLE),
    ("one_credit_stands", "ledger_entry", "INSERT", "NEW.kind = 'credit'", STANDS),
    ("nobody_approves_their_own_credit", "ledger_entry", "INSERT", "1 = 1", OWN),
    ("decided_correction_never_changes", "correction", "UPDATE", "OLD.state <> 'proposed'", ALWAYS),
    ("correction_is_never_deleted", "correction", "DELETE", "1 = 1", ALWAYS),
    ("correction_is_approved_by_another", "correction", "UPDATE", "NEW.state = 'approved'", TOUCHED),
    ("seal_is_append_only", "seal", "UPDATE", "1 = 1", ALWAYS),
    ("seal_is_never_deleted", "seal", "DELETE", "1 = 1", ALWAYS),
    ("root_is_append_only", "root", "UPDATE", "1 = 1", ALWAYS),
    ("root_is_never_deleted", "root", "DELETE", "1 = 1", ALWAYS),
    ("root_head_is_append_only", "root_head", "UPDATE", "1 = 1", ALWAYS),
    ("root_head_is_never_deleted", "root_head", "DELETE", "1 = 1", ALWAYS),
]
KINDS = ["correction_proposed", "record_corrected", "correction_declined"]
# What counted before counts on: one credit for each effective entry.
CARRIED_OVER = """
    INSERT INTO ledger_entry (volunteer_id, record_id, organization_id, kind, minutes, evidence, category, served_on,
      at, author_id, approver_id)
    SELECT volunteer_id, id, organization_id, 'credit', minutes, evidence, category, served_on,
      coalesce(approved_at, confirmed_at), handed_in_by_id, coalesce(approved_by_id, confirmed_by_id)
    FROM service_record WHERE state = 'effective' ORDER BY id"""


def upgrade() -> None:
    op.create_table('root',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seal_id', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('mark', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_root')),
    sa.UniqueConstraint('day', name=op.f('uq_root_day'))
    )
    op.create_table('seal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('chain', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('ledger', 'audit', name='sealed', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('row_id', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('sealed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seal')),
    sa.UniqueConstraint('chain', 'position', name=op.f('uq_seal_chain_position')),
    sa.UniqueConstraint('kind', 'row_id', name=op.f('uq_seal_kind_row_id'))
    )
    op.create_table('root_head',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('root_id', sa.Integer(), nullable=False),
    sa.Column('chain', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['root_id'], ['root.id'], name=op.f('fk_root_head_root_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_root_head')),
    sa.UniqueConstraint('root_id', 'chain', name=op.f('uq_root_head_root_id_chain'))
    )
    op.create_table('correction',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('proposed', 'approved', 'declined', name='correctionstate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('proposed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('approver_id', sa.Integer(), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('text_hash', sa.String(length=64), nullable=False),
    sa.CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name=op.f('ck_correction_decided_ones_say_when')),
    sa.CheckConstraint("state <> 'approved' OR approver_id <> author_id", name=op.f('ck_correction_another_person_approves')),
    sa.CheckConstraint('(decided_at IS NULL) = (approver_id IS NULL)', name=op.f('ck_correction_decided_ones_say_by_whom')),
    sa.CheckConstraint('minutes >= 0', name=op.f('ck_correction_minutes_are_not_negative')),
    sa.ForeignKeyConstraint(['approver_id'], ['account.id'], name=op.f('fk_correction_approver_id')),
    sa.ForeignKeyConstraint(['author_id'], ['account.id'], name=op.f('fk_correction_author_id')),
    sa.ForeignKeyConstraint(['record_id'], ['service_record.id'], name=op.f('fk_correction_record_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_correction'))
    )
    op.create_index(op.f('ix_correction_record_id_id'), 'correction', ['record_id', 'id'], unique=False)
    op.create_index('uq_correction_proposed', 'correction', ['record_id'], unique=True, sqlite_where=sa.text("state = 'proposed'"), postgresql_where=sa.text("state = 'proposed'"))
    op.create_table('correction_text',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('correction_id', sa.Integer(), nullable=False),
    sa.Column('salt', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('answer', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['correction_id'], ['correction.id'], name=op.f('fk_correction_text_correction_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_correction_text')),
    sa.UniqueConstraint('correction_id', name=op.f('uq_correction_text_correction_id'))
    )
    op.create_table('ledger_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('volunteer_id', sa.Integer(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('credit', 'reversal', name='entrykind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.Column('evidence', sa.Enum('A', 'B', 'C', 'D', name='evidenceclass', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('category', sa.Enum('elders', 'disabled', 'hardship', 'convenience', 'children', 'new_residents', 'neighbours', 'civility', 'traffic', 'online', 'window', 'governance', 'events', 'emergency', 'water', 'greening', 'cleaning', 'cycling', 'sorting', name='category', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('served_on', sa.Date(), nullable=False),
    sa.Column('reverses_id', sa.Integer(), nullable=True),
    sa.Column('correction_id', sa.Integer(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('approver_id', sa.Integer(), nullable=False),
    sa.Column('text_hash', sa.String(length=64), nullable=True),
    sa.CheckConstraint("(kind = 'credit' AND minutes >= 0) OR (kind = 'reversal' AND minutes <= 0)", name=op.f('ck_ledger_entry_signs_follow_the_kind')),
    sa.CheckConstraint("(kind = 'reversal') = (reverses_id IS NOT NULL)", name=op.f('ck_ledger_entry_reversals_name_what_they_reverse')),
    sa.CheckConstraint("kind = 'credit' OR correction_id IS NOT NULL", name=op.f('ck_ledger_entry_reversals_come_from_a_correction')),
    sa.CheckConstraint('author_id <> approver_id', name=op.f('ck_ledger_entry_two_people_stand_behind_it')),
    sa.ForeignKeyConstraint(['approver_id'], ['account.id'], name=op.f('fk_ledger_entry_approver_id')),
    sa.ForeignKeyConstraint(['author_id'], ['account.id'], name=op.f('fk_ledger_entry_author_id')),
    sa.ForeignKeyConstraint(['correction_id'], ['correction.id'], name=op.f('fk_ledger_entry_correction_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_ledger_entry_organization_id')),
    sa.ForeignKeyConstraint(['record_id'], ['service_record.id'], name=op.f('fk_ledger_entry_record_id')),
    sa.ForeignKeyConstraint(['reverses_id'], ['ledger_entry.id'], name=op.f('fk_ledger_entry_reverses_id')),
    sa.ForeignKeyConstraint(['volunteer_id'], ['volunteer.id'], name=op.f('fk_ledger_entry_volunteer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger_entry')),
    sa.UniqueConstraint('correction_id', 'kind', name=op.f('uq_ledger_entry_correction_id_kind')),
    sa.UniqueConstraint('reverses_id', name=op.f('uq_ledger_entry_reverses_id'))
    )
    op.create_index(op.f('ix_ledger_entry_record_id'), 'ledger_entry', ['record_id'], unique=False)
    op.create_index(op.f('ix_ledger_entry_volunteer_id_served_on'), 'ledger_entry', ['volunteer_id', 'served_on'], unique=False)
    op.create_index('uq_ledger_entry_first', 'ledger_entry', ['record_id'], unique=True, sqlite_where=sa.text('correction_id IS NULL'), postgresql_where=sa.text('correction_id IS NULL'))
    op.execute(CARRIED_OVER)
    allow("ck_notice_noticekind", "notice", "kind", KINDS)
    make_guards(GUARDS)


def downgrade() -> None:
    drop_guards(GUARDS)
    for table in ("root_head", "root", "seal", "ledger_entry", "correction_text", "correction"):
        op.drop_table(table)
