"""The application, put together. Nothing else happens here."""

from typing import Any

from flask import Blueprint
from flask_compress import Compress
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from sqlalchemy.exc import IntegrityError, InterfaceError, InternalError, OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from blueprints.admin import cli, demo_routes
from blueprints.admin import days as admin_days
from blueprints.admin import desk as admin_desk
from blueprints.admin import people as admin_people
from blueprints.admin import routes as admin_routes
from blueprints.admin import words as admin_words
from blueprints.certificates import batch_desk as certificates_batch_desk
from blueprints.certificates import desk as certificates_desk
from blueprints.certificates import routes as certificates_routes
from blueprints.certificates import words as certificates_words
from blueprints.claims import changes as claims_changes
from blueprints.claims import desk as claims_desk
from blueprints.claims import exchanges as claims_exchanges
from blueprints.claims import missed as claims_missed
from blueprints.claims import requests as claims_requests
from blueprints.claims import routes as claims_routes
from blueprints.claims import screens as claims_screens
from blueprints.claims import shortage as claims_shortage
from blueprints.claims import together as claims_together
from blueprints.claims import words as claims_words
from blueprints.copies import routes as copies_routes
from blueprints.disputes import desk as disputes_desk
from blueprints.disputes import reports, reports_desk
from blueprints.disputes import routes as disputes_routes
from blueprints.disputes import words as disputes_words
from blueprints.exchange import desk as exchange_desk
from blueprints.exchange import handing as exchange_handing
from blueprints.exchange import words as exchange_words
from blueprints.honours import desk as honours_desk
from blueprints.honours import routes as honours_routes
from blueprints.honours import words as honours_words
from blueprints.identity import access, second_step
from blueprints.identity import me as identity_me
from blueprints.identity import routes as identity_routes
from blueprints.identity import words as identity_words
from blueprints.inspections import desk as inspections_desk
from blueprints.inspections import requests as inspections_requests
from blueprints.inspections import routes as inspections_routes
from blueprints.inspections import words as inspections_words
from blueprints.jobs import routes as jobs_routes
from blueprints.jobs import words as jobs_words
from blueprints.kiosk import desk as kiosk_desk
from blueprints.kiosk import own as kiosk_own
from blueprints.kiosk import routes as kiosk_routes
from blueprints.kiosk import scans as kiosk_scans
from blueprints.kiosk import words as kiosk_words
from blueprints.mergers import desk as mergers_desk
from blueprints.mergers import routes as mergers_routes
from blueprints.mergers import words as mergers_words
from blueprints.messages import desk as messages_desk
from blueprints.messages import routes as messages_routes
from blueprints.messages import words as messages_words
from blueprints.posts import desk as posts_desk
from blueprints.posts import templates as posts_templates
from blueprints.posts import words as posts_words
from blueprints.public_notices import desk as notices_desk
from blueprints.public_notices import routes as public_notices_routes
from blueprints.public_notices import words as public_notices_words
from blueprints.records import desk as records_desk
from blueprints.records import routes as records_routes
from blueprints.records import witness
from blueprints.records import words as records_words
from blueprints.rollcall import desk as rollcall_desk
from blueprints.rollcall import sheets as rollcall_sheets
from blueprints.rollcall import words as rollcall_words
from blueprints.series import desk as series_desk
from blueprints.series import months as series_months
from blueprints.series import routes as series_routes
from blueprints.series import words as series_words
from blueprints.supplements import desk as supplements_desk
from blueprints.supplements import routes as supplements_routes
from blueprints.supplements import words as supplements_words
from core import config, display, health, i18n, prefs, security, uploads, words
from core.assets import Assets
from core.db import db
from core.refusal import Refusal
from core.web import App, collide, explain, refuse, stay_calm

BLUEPRINTS: tuple[Blueprint, ...] = (
    identity_routes.bp,
    identity_me.bp,
    second_step.bp,
    messages_routes.bp,
    messages_desk.bp,
    jobs_routes.bp,
    posts_desk.bp,
    posts_templates.bp,
    claims_routes.bp,
    claims_desk.bp,
    claims_requests.bp,
    rollcall_desk.bp,
    claims_exchanges.bp,
    rollcall_sheets.bp,
    claims_together.bp,
    claims_shortage.bp,
    records_routes.bp,
    records_desk.bp,
    supplements_routes.bp,
    supplements_desk.bp,
    public_notices_routes.bp,
    notices_desk.bp,
    disputes_routes.bp,
    disputes_desk.bp,
    reports.bp,
    reports_desk.bp,
    certificates_routes.bp,
    certificates_desk.bp,
    certificates_batch_desk.bp,
    exchange_desk.bp,
    inspections_desk.bp,
    inspections_requests.bp,
    inspections_routes.bp,
    honours_desk.bp,
    honours_routes.bp,
    exchange_handing.bp,
    claims_changes.bp,
    series_desk.bp,
    series_months.bp,
    series_routes.bp,
    kiosk_routes.bp,
    kiosk_scans.bp,
    kiosk_own.bp,
    kiosk_desk.bp,
    claims_missed.bp,
    claims_screens.bp,
    mergers_routes.bp,
    mergers_desk.bp,
    copies_routes.bp,
    admin_desk.bp,
    admin_days.bp,
    admin_people.bp,
    admin_routes.bp,
    demo_routes.bp,
)
AREAS_WITH_WORDS = (
    identity_words,
    messages_words,
    jobs_words,
    posts_words,
    claims_words,
    series_words,
    rollcall_words,
    kiosk_words,
    records_words,
    supplements_words,
    public_notices_words,
    disputes_words,
    admin_words,
)
WORDS = [area.WORDS for area in AREAS_WITH_WORDS]
WORDS += [certificates_words.BATCH_WORDS, certificates_words.OUTCOME_WORDS]
WORDS += [records_words.LEDGER_WORDS, records_words.ATTEMPT_WORDS, certificates_words.WORDS, disputes_words.STEP_WORDS]
WORDS += [inspections_words.WORDS, inspections_words.CHECK_WORDS, inspections_words.LATE_WORDS]
WORDS += [disputes_words.REPORT_WORDS, honours_words.WORDS]
WORDS += [exchange_words.WORDS, exchange_words.ROW_WORDS, exchange_words.HANDOVER_WORDS]
WORDS += [mergers_words.WORDS, mergers_words.STATE_WORDS]
csrf = CSRFProtect()


def create_app(**overrides: Any) -> App:
    """Build the application; `overrides` replace settings of core.config, for tests and commands."""
    app = App(__name__, static_folder=None)  # core.assets serves them, hashed and compressed
    app.config.from_mapping(config.load())
    app.config.update(overrides)
    app.load_viewer, app.witness = access.load_viewer, witness.notice
    db.init_app(app)
    Migrate(app, db, directory=str(config.ROOT / "migrations"), render_as_batch=False)
    for part in (prefs, i18n, security, display, health, uploads):
        part.init_app(app)
    words.init_app(app, *WORDS)
    csrf.init_app(app)
    Compress(app)
    Assets(config.ROOT / "static").init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(Refusal, refuse)
    app.register_error_handler(IntegrityError, collide)
    for trouble in (OperationalError, InternalError, InterfaceError):  # away, read-only, a connection that died
        app.register_error_handler(trouble, stay_calm)
    app.register_error_handler(HTTPException, explain)
    app.context_processor(lambda: {"viewer": access.viewer(), "html_lang": i18n.language().replace("_", "-")})
    cli.init_cli(app)
    if proxies := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, proxies, proxies, proxies)  # type: ignore[method-assign]
    return app
