"""exchange: files of other platforms on their way into the record

Revision ID: exchange
Revises: disputes
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = "exchange"
down_revision = "disputes"
branch_labels = None
depends_on = None

NOTICES = ["import_entered", "import_declined"]


def upgrade() -> None:
    op.create_table('import_template',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('registrations', 'hours', name='importkind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('platform', sa.String(length=40), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_by_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['changed_by_id'], ['account.id'], name=op.f('fk_import_template_changed_by_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_import_template_organization_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_template')),
    sa.UniqueConstraint('organization_id', 'kind', 'platform', name=op.f('uq_import_template_organization_id_kind_platform'))
    )
    op.create_table('import_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('registrations', 'hours', name='importkind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('state', sa.Enum('reading', 'read', 'checking', 'checked', 'submitted', 'applying', 'applied', 'undoing', 'undone', 'declined', 'discarded', name='importstate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.String(length=40), nullable=False),
    sa.Column('file_name', sa.String(length=120), nullable=False),
    sa.Column('heads', sa.JSON(), nullable=False),
    sa.Column('mapping', sa.JSON(), nullable=False),
    sa.Column('category', sa.String(length=24), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('uploaded_by_id', sa.Integer(), nullable=False),
    sa.Column('submitted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(length=200), nullable=False),
    sa.Column('applied_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('job_id', sa.Integer(), nullable=True),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state NOT IN ('applying', 'applied', 'undoing', 'undone', 'declined') OR decided_by_id IS NOT NULL", name=op.f('ck_import_batch_nothing_is_entered_undecided')),
    sa.CheckConstraint("state NOT IN ('declined', 'undone', 'undoing') OR reason <> ''", name=op.f('ck_import_batch_refusals_say_why')),
    sa.CheckConstraint('(decided_by_id IS NULL) = (decided_at IS NULL)', name=op.f('ck_import_batch_decided_ones_say_when')),
    sa.CheckConstraint('decided_by_id IS NULL OR decided_by_id <> uploaded_by_id', name=op.f('ck_import_batch_another_person_decides')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['account.id'], name=op.f('fk_import_batch_decided_by_id')),
    sa.ForeignKeyConstraint(['job_id'], ['job.id'], name=op.f('fk_import_batch_job_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_import_batch_organization_id')),
    sa.ForeignKeyConstraint(['uploaded_by_id'], ['account.id'], name=op.f('fk_import_batch_uploaded_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_batch'))
    )
    op.create_index(op.f('ix_import_batch_organization_id_id'), 'import_batch', ['organization_id', 'id'], unique=False)
    op.create_table('import_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('raw', 'ready', 'wrong', 'known', 'applied', 'undone', name='rowstate', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=True),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('problems', sa.JSON(), nullable=False),
    sa.Column('volunteer_id', sa.Integer(), nullable=True),
    sa.Column('record_id', sa.Integer(), nullable=True),
    sa.CheckConstraint("state <> 'applied' OR (volunteer_id IS NOT NULL AND key IS NOT NULL)", name=op.f('ck_import_row_applied_is_whole')),
    sa.ForeignKeyConstraint(['batch_id'], ['import_batch.id'], name=op.f('fk_import_row_batch_id')),
    sa.ForeignKeyConstraint(['record_id'], ['service_record.id'], name=op.f('fk_import_row_record_id')),
    sa.ForeignKeyConstraint(['volunteer_id'], ['volunteer.id'], name=op.f('fk_import_row_volunteer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_row')),
    sa.UniqueConstraint('batch_id', 'number', name=op.f('uq_import_row_batch_id_number'))
    )
    op.create_index(op.f('ix_import_row_batch_id_state_id'), 'import_row', ['batch_id', 'state', 'id'], unique=False)
    op.create_index(op.f('ix_import_row_key'), 'import_row', ['key'], unique=False)
    op.create_index(op.f('ix_import_row_record_id'), 'import_row', ['record_id'], unique=False)
    op.create_index(op.f('ix_import_row_volunteer_id'), 'import_row', ['volunteer_id'], unique=False)
    op.create_index('uq_import_row_applied', 'import_row', ['key'], unique=True, sqlite_where=sa.text("state = 'applied'"), postgresql_where=sa.text("state = 'applied'"))
    allow("ck_notice_noticekind", "notice", "kind", NOTICES)


def downgrade() -> None:
    gone = "SELECT id FROM notice WHERE kind IN ('import_entered', 'import_declined')"
    op.execute(f"DELETE FROM delivery WHERE notice_id IN ({gone})")
    op.execute("DELETE FROM notice WHERE kind IN ('import_entered', 'import_declined')")
    disallow("ck_notice_noticekind", "notice", "kind", NOTICES)
    op.drop_index('uq_import_row_applied', table_name='import_row', sqlite_where=sa.text("state = 'applied'"), postgresql_where=sa.text("state = 'applied'"))
    op.drop_index(op.f('ix_import_row_volunteer_id'), table_name='import_row')
    op.drop_index(op.f('ix_import_row_record_id'), table_name='import_row')
    op.drop_index(op.f('ix_import_row_key'), table_name='import_row')
    op.drop_index(op.f('ix_import_row_batch_id_state_id'), table_name='import_row')
    op.drop_table('import_row')
    op.drop_index(op.f('ix_import_batch_organization_id_id'), table_name='import_batch')
    op.drop_table('import_batch')
    op.drop_table('import_template')
