"""certificate_batches: stamped certificates for many people at once

Revision ID: certificate_batches
Revises: checks
"""

import sqlalchemy as sa
from alembic import op

revision = 'certificate_batches'
down_revision = "checks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('certificate_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('until_on', sa.Date(), nullable=False),
    sa.Column('category', sa.Enum('elders', 'disabled', 'hardship', 'convenience', 'children', 'new_residents', 'neighbours', 'civility', 'traffic', 'online', 'window', 'governance', 'events', 'emergency', 'water', 'greening', 'cleaning', 'cycling', 'sorting', name='category', native_enum=False, create_constraint=True, length=24), nullable=True),
    sa.Column('state', sa.Enum('prepared', 'issuing', 'issued', 'declined', name='batchstate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('prepared_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('prepared_by_id', sa.Integer(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('job_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("(state = 'declined') = (reason <> '')", name=op.f('ck_certificate_batch_refusals_give_a_reason')),
    sa.CheckConstraint("(state = 'prepared') = (decided_at IS NULL)", name=op.f('ck_certificate_batch_decided_ones_say_when')),
    sa.CheckConstraint("state = 'declined' OR decided_by_id <> prepared_by_id", name=op.f('ck_certificate_batch_two_people_stamp')),
    sa.CheckConstraint('(decided_at IS NULL) = (decided_by_id IS NULL)', name=op.f('ck_certificate_batch_decided_ones_say_by_whom')),
    sa.CheckConstraint('until_on >= from_on', name=op.f('ck_certificate_batch_ends_after_it_begins')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['account.id'], name=op.f('fk_certificate_batch_decided_by_id')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_certificate_batch_job_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_certificate_batch_organization_id')),
    sa.ForeignKeyConstraint(['prepared_by_id'], ['account.id'], name=op.f('fk_certificate_batch_prepared_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate_batch'))
    )
    op.create_index(op.f('ix_certificate_batch_organization_id_id'), 'certificate_batch', ['organization_id', 'id'], unique=False)
    op.create_table('certificate_batch_member',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('volunteer_id', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.Enum('waiting', 'issued', 'empty', 'unclaimed', 'own', 'too_many', name='outcome', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('certificate_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("(outcome = 'issued') = (certificate_id IS NOT NULL)", name=op.f('ck_certificate_batch_member_issued_ones_have_a_certificate')),
    sa.ForeignKeyConstraint(['batch_id'], ['certificate_batch.id'], name=op.f('fk_certificate_batch_member_batch_id')),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificate.id'], name=op.f('fk_certificate_batch_member_certificate_id')),
    sa.ForeignKeyConstraint(['volunteer_id'], ['volunteer.id'], name=op.f('fk_certificate_batch_member_volunteer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate_batch_member')),
    sa.UniqueConstraint('batch_id', 'volunteer_id', name=op.f('uq_certificate_batch_member_batch_id_volunteer_id')),
    sa.UniqueConstraint('certificate_id', name=op.f('uq_certificate_batch_member_certificate_id'))
    )


def downgrade() -> None:
    op.drop_table('certificate_batch_member')
    op.drop_index(op.f('ix_certificate_batch_organization_id_id'), table_name='certificate_batch')
    op.drop_table('certificate_batch')
