"""kiosk: the station's tablets, how somebody checked in, PINs, cards, flags, and where a phone was

Revision ID: kiosk
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from migrations.steps import allow, disallow

revision = 'kiosk'
down_revision = 'ledger'
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("ck_consent_purpose", "consent", "purpose", ["location"])
    allow("ck_notice_noticekind", "notice", "kind", ["pin_reset"])
    op.create_table('spot',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('latitude', sa.Float(), nullable=False),
    sa.Column('longitude', sa.Float(), nullable=False),
    sa.Column('radius_m', sa.Integer(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_by_id', sa.Integer(), nullable=False),
    sa.CheckConstraint('latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180', name=op.f('ck_spot_lies_on_earth')),
    sa.CheckConstraint('radius_m BETWEEN 50 AND 20000', name=op.f('ck_spot_radius_makes_sense')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_spot_organization_id')),
    sa.ForeignKeyConstraint(['set_by_id'], ['account.id'], name=op.f('fk_spot_set_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_spot')),
    sa.UniqueConstraint('organization_id', name=op.f('uq_spot_organization_id'))
    )
    op.create_table('tablet',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('organization_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('exit_pin_hash', sa.String(length=200), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('made_by_id', sa.Integer(), nullable=False),
    sa.Column('code_hash', sa.String(length=64), nullable=True),
    sa.Column('code_ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('token_hash', sa.String(length=64), nullable=True),
    sa.Column('paired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cut_off_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cut_off_by_id', sa.Integer(), nullable=True),
    sa.CheckConstraint('(code_hash IS NULL) = (code_ends_at IS NULL)', name=op.f('ck_tablet_codes_have_an_end')),
    sa.CheckConstraint('(token_hash IS NULL) = (paired_at IS NULL)', name=op.f('ck_tablet_paired_ones_have_a_token')),
    sa.CheckConstraint('cut_off_at IS NULL OR (token_hash IS NULL AND code_hash IS NULL)', name=op.f('ck_tablet_cut_off_ones_get_in_no_more')),
    sa.ForeignKeyConstraint(['cut_off_by_id'], ['account.id'], name=op.f('fk_tablet_cut_off_by_id')),
    sa.ForeignKeyConstraint(['made_by_id'], ['account.id'], name=op.f('fk_tablet_made_by_id')),
    sa.ForeignKeyConstraint(['organization_id'], ['organization.id'], name=op.f('fk_tablet_organization_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tablet')),
    sa.UniqueConstraint('code_hash', name=op.f('uq_tablet_code_hash')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_tablet_token_hash'))
    )
    op.create_index(op.f('ix_tablet_organization_id'), 'tablet', ['organization_id'], unique=False)
    op.create_table('card',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('volunteer_id', sa.Integer(), nullable=False),
    sa.Column('serial', sa.Integer(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('issued_by_id', sa.Integer(), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['issued_by_id'], ['account.id'], name=op.f('fk_card_issued_by_id')),
    sa.ForeignKeyConstraint(['volunteer_id'], ['volunteer.id'], name=op.f('fk_card_volunteer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_card')),
    sa.UniqueConstraint('volunteer_id', 'serial', name=op.f('uq_card_volunteer_id_serial'))
    )
    op.create_index('uq_card_live', 'card', ['volunteer_id'], unique=True, sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))
    op.create_table('pin',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('volunteer_id', sa.Integer(), nullable=False),
    sa.Column('pin_hash', sa.String(length=200), nullable=False),
    sa.Column('is_first', sa.Boolean(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reset_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reset_by_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['reset_by_id'], ['account.id'], name=op.f('fk_pin_reset_by_id')),
    sa.ForeignKeyConstraint(['volunteer_id'], ['volunteer.id'], name=op.f('fk_pin_volunteer_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pin')),
    sa.UniqueConstraint('volunteer_id', name=op.f('uq_pin_volunteer_id'))
    )
    op.create_table('attendance_flag',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('claim_id', sa.Integer(), nullable=False),
    sa.Column('punch_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.Enum('shared_device', 'two_places', 'far_away', name='flagkind', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('looked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('looked_by_id', sa.Integer(), nullable=True),
    sa.CheckConstraint('(looked_at IS NULL) = (looked_by_id IS NULL)', name=op.f('ck_attendance_flag_whoever_looked_is_known')),
    sa.ForeignKeyConstraint(['claim_id'], ['claim.id'], name=op.f('fk_attendance_flag_claim_id')),
    sa.ForeignKeyConstraint(['looked_by_id'], ['account.id'], name=op.f('fk_attendance_flag_looked_by_id')),
    sa.ForeignKeyConstraint(['punch_id'], ['punch.id'], name=op.f('fk_attendance_flag_punch_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attendance_flag')),
    sa.UniqueConstraint('claim_id', 'kind', name=op.f('uq_attendance_flag_claim_id_kind'))
    )
    op.create_table('origin',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('punch_id', sa.Integer(), nullable=False),
    sa.Column('method', sa.Enum('scan', 'pin', 'card', name='method', native_enum=False, create_constraint=True, length=24), nullable=False),
    sa.Column('tablet_id', sa.Integer(), nullable=True),
    sa.Column('receipt_hash', sa.String(length=64), nullable=True),
    sa.Column('device_hash', sa.String(length=64), nullable=True),
    sa.ForeignKeyConstraint(['punch_id'], ['punch.id'], name=op.f('fk_origin_punch_id')),
    sa.ForeignKeyConstraint(['tablet_id'], ['tablet.id'], name=op.f('fk_origin_tablet_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_origin')),
    sa.UniqueConstraint('punch_id', name=op.f('uq_origin_punch_id')),
    sa.UniqueConstraint('receipt_hash', name=op.f('uq_origin_receipt_hash'))
    )
    op.create_index(op.f('ix_origin_device_hash'), 'origin', ['device_hash'], unique=False)
    op.create_index(op.f('ix_origin_tablet_id'), 'origin', ['tablet_id'], unique=False)
    op.create_table('sighting',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('punch_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('distance_m', sa.Integer(), nullable=False),
    sa.Column('accuracy_m', sa.Integer(), nullable=False),
    sa.Column('is_near', sa.Boolean(), nullable=False),
    sa.Column('latitude', sa.Float(), nullable=True),
    sa.Column('longitude', sa.Float(), nullable=True),
    sa.CheckConstraint('(latitude IS NULL) = (longitude IS NULL)', name=op.f('ck_sighting_coordinates_stay_or_go_together')),
    sa.CheckConstraint('distance_m >= 0', name=op.f('ck_sighting_distance_is_no_direction')),
    sa.ForeignKeyConstraint(['punch_id'], ['punch.id'], name=op.f('fk_sighting_punch_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sighting')),
    sa.UniqueConstraint('punch_id', name=op.f('uq_sighting_punch_id'))
    )
    op.create_index(op.f('ix_sighting_at'), 'sighting', ['at'], unique=False)


def downgrade() -> None:
    op.execute("DELETE FROM consent WHERE purpose = 'location'")
    op.execute("DELETE FROM notice WHERE kind = 'pin_reset'")
    disallow("ck_notice_noticekind", "notice", "kind", ["pin_reset"])
    disallow("ck_consent_purpose", "consent", "purpose", ["location"])
    op.drop_index(op.f('ix_sighting_at'), table_name='sighting')
    op.drop_table('sighting')
    op.drop_index(op.f('ix_origin_tablet_id'), table_name='origin')
    op.drop_index(op.f('ix_origin_device_hash'), table_name='origin')
    op.drop_table('origin')
    op.drop_table('attendance_flag')
    op.drop_table('pin')
    op.drop_index('uq_card_live', table_name='card', sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))
    op.drop_table('card')
    op.drop_index(op.f('ix_tablet_organization_id'), table_name='tablet')
    op.drop_table('tablet')
    op.drop_table('spot')
