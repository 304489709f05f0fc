"""hand-over: files for the national system, and how each row was taken there

Revision ID: hand_over
Revises: certificate_batches
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "hand_over"
down_revision = "certificate_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('handover_mapping',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('volunteers', 'organizations', 'projects', 'service', name='handoverkind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('columns', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['changed_by_id'], ['account.id'], name=op.f('fk_handover_mapping_changed_by_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_handover_mapping_organization_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handover_mapping')),
    sa.UniqueConstraint('organization_id', 'kind', name=op.f('uq_handover_mapping_organization_id_kind'))
    )
    op.create_table('handover_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('volunteers', 'organizations', 'projects', 'service', name='handoverkind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('format', sa.Enum('xlsx', 'csv', name='handoverformat', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('state', sa.Enum('making', 'made', 'dropped', name='handoverstate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('with_id_numbers', sa.Boolean(), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('unknown', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('made_by_id', sa.Integer(), nullable=False),
    sa.Column('job_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("NOT with_id_numbers OR reason <> ''", name=op.f('ck_handover_batch_id_numbers_need_a_reason')),
    sa.CheckConstraint('count >= 0 AND unknown >= 0', name=op.f('ck_handover_batch_counts_are_not_negative')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_handover_batch_job_id')),
    sa.ForeignKeyConstraint(['made_by_id'], ['account.id'], name=op.f('fk_handover_batch_made_by_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_handover_batch_organization_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handover_batch'))
    )
    op.create_index(op.f('ix_handover_batch_organization_id_id'), 'handover_batch', ['organization_id', 'id'], unique=False)
    op.create_table('handover_item',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('volunteers', 'organizations', 'projects', 'service', name='handoverkind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('subject_id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('sent', 'accepted', 'refused', name='itemstate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('was_changed', sa.Boolean(), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state <> 'refused' OR reason <> ''", name=op.f('ck_handover_item_refusals_say_why')),
    sa.ForeignKeyConstraint(['batch_id'], ['handover_batch.id'], name=op.f('fk_handover_item_batch_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_handover_item')),
    sa.UniqueConstraint('kind', 'subject_id', name=op.f('uq_handover_item_kind_subject_id'))
    )
    op.create_index(op.f('ix_handover_item_batch_id_state_id'), 'handover_item', ['batch_id', 'state', 'id'], unique=False)
    allow("ck_consent_purpose", "consent", "purpose", ["handover"])


def downgrade() -> None:
    op.execute("DELETE FROM consent WHERE purpose = 'handover'")
    disallow("ck_consent_purpose", "consent", "purpose", ["handover"])
    op.drop_index(op.f('ix_handover_item_batch_id_state_id'), table_name='handover_item')
    op.drop_table('handover_item')
    op.drop_index(op.f('ix_handover_batch_organization_id_id'), table_name='handover_batch')
    op.drop_table('handover_batch')
    op.drop_table('handover_mapping')
