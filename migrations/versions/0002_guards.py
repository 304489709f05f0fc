"""guards: what the database refuses by itself

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LIVE = "('held', 'offered', 'waiting')"

# Each guard: name, table, when it fires, condition on the row (SQLite WHEN), query whose first row refuses, message.
OVERLAP = f"""
    SELECT 1 FROM claim c JOIN shift s ON s.id = c.shift_id JOIN shift n ON n.id = NEW.shift_id
    WHERE c.volunteer_id = NEW.volunteer_id AND c.shift_id <> NEW.shift_id AND c.state IN {LIVE}
      AND s.starts_at < n.ends_at AND n.starts_at < s.ends_at"""
JUDGE_IS_RECORDER = """
    SELECT 1 FROM recorder r WHERE r.record_id = NEW.id AND r.account_id IN (NEW.confirmed_by_id, NEW.approved_by_id)
    UNION ALL
    SELECT 1 FROM volunteer v WHERE v.id = NEW.volunteer_id
      AND v.account_id IN (NEW.confirmed_by_id, NEW.approved_by_id)"""
RECORDER_IS_JUDGE = """
    SELECT 1 FROM service_record s WHERE s.id = NEW.record_id
      AND NEW.account_id IN (s.confirmed_by_id, s.approved_by_id)"""
ALWAYS = "SELECT 1"
GUARDS = [
    ("punch_is_append_only", "punch", "UPDATE", "1 = 1", ALWAYS),
    ("punch_is_never_deleted", "punch", "DELETE", "1 = 1", ALWAYS),
    ("audit_entry_is_append_only", "audit_entry", "UPDATE", "1 = 1", ALWAYS),
    ("audit_entry_is_never_deleted", "audit_entry", "DELETE", "1 = 1", ALWAYS),
    ("effective_record_never_changes", "service_record", "UPDATE", "OLD.state = 'effective'", ALWAYS),
    ("service_record_is_never_deleted", "service_record", "DELETE", "1 = 1", ALWAYS),
    ("recorder_is_append_only", "recorder", "UPDATE", "1 = 1", ALWAYS),
    ("recorder_is_never_deleted", "recorder", "DELETE", "1 = 1", ALWAYS),
    ("new_claim_overlaps_nothing", "claim", "INSERT", f"NEW.state IN {LIVE}", OVERLAP),
    ("live_claim_overlaps_nothing", "claim", "UPDATE OF state", f"NEW.state IN {LIVE}", OVERLAP),
    ("new_record_is_confirmed_by_another", "service_record", "INSERT", "1 = 1", JUDGE_IS_RECORDER),
    ("record_is_confirmed_by_another", "service_record", "UPDATE", "1 = 1", JUDGE_IS_RECORDER),
    ("recorder_has_not_confirmed", "recorder", "INSERT", "1 = 1", RECORDER_IS_JUDGE),
]


def upgrade() -> None:
    make = _make_on_sqlite if op.get_bind().dialect.name == "sqlite" else _make_on_postgresql
    for guard in GUARDS:
        make(*guard)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for name, table, *_ in GUARDS:
        op.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION {name}()")


def _make_on_sqlite(name: str, table: str, event: str, condition: str, query: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {condition} "
        f"BEGIN SELECT RAISE(ABORT, '{name}') WHERE EXISTS ({query}); END"
    )


def _make_on_postgresql(name: str, table: str, event: str, condition: str, query: str) -> None:
    row = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS ({query}) THEN RAISE EXCEPTION '{name}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        f"RETURN {row}; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION {name}()"
    )
