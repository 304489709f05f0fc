"""certificates: signing keys, papers and their rows

Revision ID: certificates
Revises: parties
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow

revision = 'certificates'
down_revision = "parties"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('signing_key',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('is_current', sa.Boolean(), nullable=True),
    sa.Column('certificate', sa.Text(), nullable=False),
    sa.Column('private_key', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.CheckConstraint('(is_current IS NULL) = (retired_at IS NOT NULL)', name=op.f('ck_signing_key_one_signs_or_is_retired')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_key')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_signing_key_fingerprint')),
    sa.UniqueConstraint('is_current', name=op.f('uq_signing_key_is_current'))
    )
    op.create_table('certificate',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=20), nullable=False),
    sa.Column('code', sa.String(length=24), nullable=False),
    sa.Column('volunteer_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('own', 'stamped', name='certificatekind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.Enum('requested', 'checked', 'issued', 'declined', 'superseded', 'revoked', name='certificatestate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('until_on', sa.Date(), nullable=False),
    sa.Column('category', sa.Enum('elders', 'disabled', 'hardship', 'convenience', 'children', 'new_residents', 'neighbours', 'civility', 'traffic', 'online', 'window', 'governance', 'events', 'emergency', 'water', 'greening', 'cleaning', 'cycling', 'sorting', name='category', native_enum=False, create_constraint=True, length=24), nullable=True),
    sa.Column('holder', sa.String(length=40), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_by_id', sa.Integer(), nullable=True),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('issued_by_id', sa.Integer(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('key_id', sa.Integer(), nullable=True),
    sa.Column('superseded_by_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("(kind = 'stamped') = (organization_id IS NOT NULL)", name=op.f('ck_certificate_stamped_ones_name_who_stamps')),
    sa.CheckConstraint("(state IN ('issued', 'superseded', 'revoked')) = (issued_at IS NOT NULL)", name=op.f('ck_certificate_issued_ones_say_when')),
    sa.CheckConstraint("kind = 'own' OR issued_at IS NULL OR issued_by_id IS NOT NULL", name=op.f('ck_certificate_stamped_by_somebody')),
    sa.CheckConstraint("state NOT IN ('declined', 'revoked') OR reason <> ''", name=op.f('ck_certificate_refusals_give_a_reason')),
    sa.CheckConstraint('issued_by_id IS NULL OR issued_by_id <> checked_by_id', name=op.f('ck_certificate_two_people_stamp')),
    sa.CheckConstraint('until_on >= from_on', name=op.f('ck_certificate_ends_after_it_begins')),
    sa.ForeignKeyConstraint(['checked_by_id'], ['account.id'], name=op.f('fk_certificate_checked_by_id')),
    sa.ForeignKeyConstraint(['issued_by_id'], ['account.id'], name=op.f('fk_certificate_issued_by_id')),
    sa.ForeignKeyConstraint(['key_id'], ['signing_key.id'], name=op.f('fk_certificate_key_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_certificate_organization_id')),
    sa.ForeignKeyConstraint(['superseded_by_id'], ['certificate.id'], name=op.f('fk_certificate_superseded_by_id')),
    sa.ForeignKeyConstraint(['volunteer_id'], ['volunteer.id'], name=op.f('fk_certificate_volunteer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate')),
    sa.UniqueConstraint('code', name=op.f('uq_certificate_code')),
    sa.UniqueConstraint('number', name=op.f('uq_certificate_number'))
    )
    op.create_index(op.f('ix_certificate_organization_id_state'), 'certificate', ['organization_id', 'state'], unique=False)
    op.create_index(op.f('ix_certificate_volunteer_id_id'), 'certificate', ['volunteer_id', 'id'], unique=False)
    op.create_table('certificate_file',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('certificate_id', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('content', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificate.id'], name=op.f('fk_certificate_file_certificate_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate_file')),
    sa.UniqueConstraint('certificate_id', name=op.f('uq_certificate_file_certificate_id'))
    )
    op.create_table('certificate_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('certificate_id', sa.Integer(), nullable=False),
    sa.Column('record_id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('evidence', sa.Enum('A', 'B', 'C', 'D', name='evidenceclass', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.CheckConstraint('minutes > 0', name=op.f('ck_certificate_row_rows_are_worth_something')),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificate.id'], name=op.f('fk_certificate_row_certificate_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_certificate_row_organization_id')),
    sa.ForeignKeyConstraint(['record_id'], ['service_record.id'], name=op.f('fk_certificate_row_record_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate_row')),
    sa.UniqueConstraint('certificate_id', 'record_id', name=op.f('uq_certificate_row_certificate_id_record_id'))
    )
    op.create_index(op.f('ix_certificate_row_record_id'), 'certificate_row', ['record_id'], unique=False)
    allow(
        "ck_notice_noticekind",
        "notice",
        "kind",
        ["certificate_issued", "certificate_declined", "certificate_revoked", "certificate_changed"],
    )


def downgrade() -> None:
    op.drop_index(op.f('ix_certificate_row_record_id'), table_name='certificate_row')
    op.drop_table('certificate_row')
    op.drop_table('certificate_file')
    op.drop_index(op.f('ix_certificate_volunteer_id_id'), table_name='certificate')
    op.drop_index(op.f('ix_certificate_organization_id_state'), table_name='certificate')
    op.drop_table('certificate')
    op.drop_table('signing_key')
