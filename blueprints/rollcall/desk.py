"""The clerk's side of a roll-call without a network: the tablet's copy, what it sends later, and what did not fit."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, abort, flash, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from blueprints.claims import queries as claims
from blueprints.claims import roster as rosters
from blueprints.claims.forms import SettlementForm
from blueprints.claims.roster import Sheet
from blueprints.identity.access import actor, public, staff, viewer
from blueprints.posts.models import Shift, ShiftState
from blueprints.rollcall import actions, queries, rules
from blueprints.rollcall.actions import Answer
from blueprints.rollcall.forms import DismissalForm, QueueForm, Unreadable, read
from blueprints.rollcall.models import OfflineAct, OfflineState
from core import clock, vault
from core.actor import Role
from core.forms import Form
from core.i18n import _, ngettext
from core.web import respond, see_other, submitted

bp = Blueprint("rollcall_desk", __name__)
OUTCOMES = {OfflineState.ENTERED: "done", OfflineState.OPEN: "conflict"}  # everything else was known already


# --- what a tablet keeps ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """What a roster's page must know so that a tablet can go on without a network."""

    copy_url: str
    sealed: str
    issued: int  # milliseconds
    lasts: int  # milliseconds from now on
    owner: str
    zone: str


@bp.app_template_global()
def kept_roster(sheet: Sheet) -> Kept | None:
    """For a roster of today; others are not kept anywhere."""
    asking, now = viewer(), clock.now()
    today = sheet.shift.state is ShiftState.OPEN and _begins(sheet.shift) <= now < _until(sheet)
    return _kept(sheet, asking.account_id, now) if asking and today else None


def _kept(sheet: Sheet, account_id: int, now: datetime) -> Kept:
    return Kept(
        url_for("rollcall_desk.offline_roster", shift_id=sheet.shift.id),
        rules.pass_for(account_id, sheet.shift.id, now=now),
        int(now.timestamp() * 1000),
        int((_until(sheet) - now).total_seconds() * 1000),
        vault.digest(f"owner of a copy/{account_id}")[:16],
        str(clock.zone()),
    )


def _begins(shift: Shift) -> datetime:
    return clock.day_span(clock.today(shift.starts_at))[0]


def _until(sheet: Sheet) -> datetime:
    """The end of the local day; over midnight, once everybody could be checked out."""
    return max(sheet.last, clock.day_span(clock.today(sheet.shift.ends_at))[1])


@bp.get("/offline")
@public
def offline() -> ResponseReturnValue:
    return respond("rollcall/offline.html")


@bp.get("/desk/shifts/<int:shift_id>/roster/offline")
@staff(Role.CLERK)
def offline_roster(shift_id: int) -> ResponseReturnValue:
    shift = claims.shift_within(shift_id, actor().reach(Role.CLERK)) or abort(404)
    sheet = rosters.sheet(shift, clock.now())
    kept = kept_roster(sheet) or abort(404)
    response = respond("rollcall/roster.html", sheet=sheet, kept=kept, now=clock.now())
    response.headers["Cache-Control"] = "no-store"
    return response


# --- what a tablet sends ------------------------------------------------------------------------------------


@bp.get("/desk/offline-acts/token")
@staff(Role.CLERK)
def token() -> ResponseReturnValue:
    """A token for the session of this moment: the one on a page from before the sign-in fits no more."""
    response = jsonify(token=generate_csrf())
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/desk/offline-acts")
@staff(Role.CLERK)
def receive_acts() -> ResponseReturnValue:
    if request.is_json:
        return _received_json(request.get_data(as_text=True))
    form = QueueForm()
    return submitted(form, lambda: _acts_page(form), lambda: _received(form))


def _received_json(text: str) -> ResponseReturnValue:
    try:
        answers = _entered(text)
    except Unreadable as refusal:
        return jsonify(sentence=str(refusal)), refusal.status
    told = [{"key": a.key, "outcome": _outcome(a), "sentence": a.sentence} for a in answers]
    return jsonify(answers=told, conflicts=queries.count_open(actor()))


def _received(form: QueueForm) -> ResponseReturnValue:
    answers = _entered(form.acts.data or "")
    left = sum(answer.state is OfflineState.OPEN for answer in answers)
    flash(ngettext("One entry has arrived.", "%(num)d entries have arrived.", len(answers)), "success")
    if left:
        flash(ngettext("One of them is to be settled.", "%(num)d of them are to be settled.", left), "info")
    return see_other(url_for(".offline_acts"))


def _entered(text: str) -> list[Answer]:
    now, batch = clock.now(), read(text)
    return actions.receive(batch.marks, actor(), sent_at=batch.sent_at, now=now)


def _outcome(answer: Answer) -> str:
    return OUTCOMES.get(answer.state, "already")


# --- what did not fit ---------------------------------------------------------------------------------------


@bp.get("/desk/offline-acts")
@staff(Role.CLERK)
def offline_acts() -> ResponseReturnValue:
    return _acts_page(Form())


def _acts_page(form: Form) -> Response:
    waiting, decided = queries.open_acts(actor()), queries.decided_acts(actor())
    names = queries.names([*waiting, *decided])
    return respond("rollcall/acts.html", waiting=waiting, decided=decided, names=names, form=form)


@bp.get("/desk/offline-acts/<int:act_id>")
@staff(Role.CLERK)
def show_act(act_id: int) -> ResponseReturnValue:
    return _act_page(_act_or_404(act_id), Form())


def _act_page(act: OfflineAct, form: Form) -> Response:
    seen = claims.attendance(act.claim_id) if act.claim_id else None
    return respond(
        "rollcall/act.html",
        act=act,
        names=queries.names([act]),
        seen=seen,
        ahead_minutes=int(abs((act.tablet_sent_at - act.received_at).total_seconds()) // 60),
        form=form,
        settlement_form=form if isinstance(form, SettlementForm) else _suggested(act),
        dismissal_form=form if isinstance(form, DismissalForm) else DismissalForm(formdata=None),
    )


def _suggested(act: OfflineAct) -> SettlementForm:
    """The times that are known: what was observed, and what waits on the tablet."""
    seen = claims.attendance(act.claim_id) if act.claim_id else None
    times = {"in": seen.spans[0].entered.at if seen and seen.spans else None, "out": None}
    for each in queries.open_acts_of(act.claim_id) if act.claim_id else ():
        times[str(each.act)] = times.get(str(each.act)) or each.at
    started, ended = (clock.local(at).time() if at else None for at in (times["in"], times["out"]))
    return SettlementForm(formdata=None, started=started, ended=ended)


@bp.post("/desk/offline-acts/<int:act_id>/settlement")
@staff(Role.CLERK)
def settle_act(act_id: int) -> ResponseReturnValue:
    act, form = _act_or_404(act_id), SettlementForm()
    return submitted(form, lambda: _act_page(_act_or_404(act_id), form), lambda: _settled(act, form))


def _settled(act: OfflineAct, form: SettlementForm) -> ResponseReturnValue:
    started = ended = clock.now()
    if act.claim:
        opens, _closes, last = claims.window(act.claim.shift)
        started, ended = form.moments(opens, last)
    actions.settle(act.id, actor(), started_at=started, ended_at=ended, note=form.note.data, now=clock.now())
    flash(_("The times are entered and the person is told."), "success")
    return see_other(url_for(".offline_acts"))


@bp.post("/desk/offline-acts/<int:act_id>/dismissal")
@staff(Role.CLERK)
def dismiss_act(act_id: int) -> ResponseReturnValue:
    form = DismissalForm()
    _act_or_404(act_id)
    return submitted(form, lambda: _act_page(_act_or_404(act_id), form), lambda: _dismissed(act_id, form))


def _dismissed(act_id: int, form: DismissalForm) -> ResponseReturnValue:
    actions.dismiss(act_id, actor(), reason=form.reason.data, now=clock.now())
    flash(_("Dismissed with your reason. It stays listed below."), "success")
    return see_other(url_for(".offline_acts"))


def _act_or_404(act_id: int) -> OfflineAct:
    return queries.act_within(act_id, actor()) or abort(404)
