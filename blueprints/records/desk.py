"""The staff side of the record: handing in the times of a shift, and deciding on what others handed in."""

from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import queries as claims
from blueprints.identity import queries as identity
from blueprints.identity.access import actor, staff
from blueprints.posts.models import Shift
from blueprints.records import actions, corrections, entry, queries, waiting
from blueprints.records.forms import AnswerForm, ConfirmationForm, CorrectionForm, HandInForm, MarkedForm, ReturnForm
from blueprints.records.models import Correction, RecordState, ServiceRecord
from blueprints.records.preview import preview
from blueprints.records.routes import asked, form_page
from blueprints.records.sums import opened, person_within
from core import clock, display
from core.actor import Role
from core.db import db
from core.forms import Form
from core.i18n import _, ngettext
from core.web import respond, see_other, submitted

bp = Blueprint("records_desk", __name__)


# --- handing in ---------------------------------------------------------------------------------------------


@bp.get("/desk/hand-ins")
@staff(Role.CLERK)
def hand_ins() -> ResponseReturnValue:
    now, paths = clock.now(), actor().reach(Role.CLERK)
    return respond(
        "records/hand_ins.html",
        dues=waiting.dues(paths, now),
        returned=queries.returned_within(paths),
        waiting=waiting.handed_in(paths, clock.today(now)),
    )


@bp.get("/desk/shifts/<int:shift_id>/hand-in")
@staff(Role.CLERK)
def hand_in(shift_id: int) -> ResponseReturnValue:
    return _hand_in_page(_shift_or_404(shift_id), HandInForm())


@bp.post("/desk/shifts/<int:shift_id>/hand-in")
@staff(Role.CLERK)
def hand_in_times(shift_id: int) -> ResponseReturnValue:
    form, shift = HandInForm(), _shift_or_404(shift_id)
    return submitted(form, lambda: _hand_in_page(_shift_or_404(shift_id), form), lambda: _handed_in(shift.id, form))


def _handed_in(shift_id: int, form: HandInForm) -> ResponseReturnValue:
    counted, sure = form.counted.data, form.sure.data
    count = len(actions.hand_in(shift_id, actor(), now=clock.now(), counted=counted, sure=sure))
    sentence = ngettext("The times of one person are handed in.", "The times of %(num)d people are handed in.", count)
    flash(sentence + " " + _("A second person confirms them."), "success")
    return see_other(url_for(".hand_in", shift_id=shift_id))


def _hand_in_page(shift: Shift, form: HandInForm) -> Response:
    view = preview(shift, actor(), clock.now())
    needed = len(view.here) >= actions.COUNTED_FROM
    return respond("records/hand_in.html", view=view, form=form, needed=needed)


# --- deciding -----------------------------------------------------------------------------------------------


@bp.get("/desk/records")
@staff()
def queue() -> ResponseReturnValue:
    return _queue_page(ConfirmationForm())


@bp.post("/desk/records/confirmations")
@staff(Role.CONFIRMER)
def confirm_records() -> ResponseReturnValue:
    form = ConfirmationForm()
    return submitted(form, lambda: _queue_page(form), lambda: _confirmed(form.record_ids))


def _confirmed(ids: list[int]) -> ResponseReturnValue:
    if not queries.are_within(ids, actor().reach(Role.CONFIRMER)):
        abort(404)
    done = actions.confirm(ids, actor(), now=clock.now())
    minutes = display.minutes(sum(record.minutes for record in done))
    sentence = ngettext("One entry is confirmed.", "%(num)d entries are confirmed.", len(done))
    flash(sentence + " " + _("Together %(minutes)s.", minutes=minutes), "success")
    return see_other(url_for(".queue"))


def _queue_page(form: ConfirmationForm) -> Response:
    number = max(1, min(request.args.get("page", 1, type=int), 10_000))
    groups, more = waiting.groups(actor(), actor().reach(*Role), clock.today(clock.now()), number)
    return respond(
        "records/queue.html",
        groups=groups,
        form=form,
        chosen=set(form.record_ids),
        plain=sum(len(group.plain_ids) for group in groups),
        number=number,
        more=more,
        proposals=queries.proposals_within(actor().reach(Role.CONFIRMER)) if number == 1 else [],
    )


@bp.get("/desk/records/<int:record_id>")
@staff()
def show_record(record_id: int) -> ResponseReturnValue:
    return _record_page(record_id, Form())


@bp.get("/desk/records/<int:record_id>/form")
@staff()
def record_form(record_id: int) -> ResponseReturnValue:
    """The entry on the unified record form, to be printed."""
    rows = queries.filled(queries.within(actor().reach(*Role)).where(ServiceRecord.id == record_id)) or abort(404)
    return form_page(rows, url_for(".show_record", record_id=record_id))


@bp.get("/desk/shifts/<int:shift_id>/record-sheet")
@staff()
def record_sheet(shift_id: int) -> ResponseReturnValue:
    """Everybody of a shift on the same form."""
    shift = claims.shift_within(shift_id, actor().reach(*Role)) or abort(404)
    is_clerk = actor().may(Role.CLERK, shift.post.organization.path)
    back = url_for(".hand_in", shift_id=shift.id) if is_clerk else url_for(".queue")
    return form_page(queries.filled(queries.standing_of_shift(shift.id)), back)


@bp.post("/desk/records/<int:record_id>/confirmation")
@staff(Role.CONFIRMER)
def confirm_record(record_id: int) -> ResponseReturnValue:
    record = _opened_or_404(record_id, Role.CONFIRMER)
    form = MarkedForm() if record.marks else Form()
    return submitted(form, lambda: _record_page(record_id, form), lambda: _confirmed_one(record_id, form))


def _confirmed_one(record_id: int, form: Form) -> ResponseReturnValue:
    if isinstance(form, MarkedForm):
        return _decided(actions.confirm_marked(record_id, actor(), reason=form.reason.data, now=clock.now()))
    return _decided(actions.confirm([record_id], actor(), now=clock.now())[0])


@bp.post("/desk/records/<int:record_id>/approval")
@staff(Role.CONFIRMER)
def approve_record(record_id: int) -> ResponseReturnValue:
    form, record = Form(), _record_or_404(record_id, Role.CONFIRMER)
    return submitted(form, lambda: _record_page(record_id, form), lambda: _approved(record.id))


def _approved(record_id: int) -> ResponseReturnValue:
    return _decided(actions.approve(record_id, actor(), now=clock.now()))


@bp.post("/desk/records/<int:record_id>/return")
@staff(Role.CONFIRMER)
def return_record(record_id: int) -> ResponseReturnValue:
    form, record = ReturnForm(), _record_or_404(record_id, Role.CONFIRMER)
    return submitted(form, lambda: _record_page(record_id, form), lambda: _returned(record.id, form))


def _returned(record_id: int, form: ReturnForm) -> ResponseReturnValue:
    return _decided(actions.send_back(record_id, actor(), reason=form.why.data, now=clock.now()))


def _decided(record: ServiceRecord) -> ResponseReturnValue:
    sentences = {
        RecordState.NOTICE: _(
            "Agreed to. It stands on public notice now, and counts after that unless somebody objects."
        ),
        RecordState.EFFECTIVE: _("Effective: %(minutes)s now count.", minutes=display.minutes(record.minutes)),
        RecordState.APPROVAL: _("Confirmed. The level above approves it too."),
        RecordState.RETURNED: _("Returned to the station with your reason."),
    }
    flash(sentences[record.state], "success")
    return see_other(url_for(".queue"))


def _record_page(record_id: int, form: Form) -> Response:
    """One entry with everything; the form that was refused keeps its words."""
    judged = _opened_or_404(record_id, *Role)
    record, whole = judged.record, entry.whole(judged.record, was_tried=judged.was_tried)
    return respond(
        "records/record.html",
        whole=whole,
        judged=judged,
        form=form,
        marked_form=form if isinstance(form, MarkedForm) else MarkedForm(formdata=None),
        return_form=form if isinstance(form, ReturnForm) else ReturnForm(formdata=None),
        correction_form=form if isinstance(form, CorrectionForm) else CorrectionForm(formdata=None),
        answer_form=form if isinstance(form, AnswerForm) else AnswerForm(formdata=None),
        may_mend=actor().may(Role.CLERK, record.organization.path),
        **_about_correcting(record, whole.undecided),
    )


def _about_correcting(record: ServiceRecord, waits: Correction | None) -> dict[str, Any]:
    """Who may propose a correction here, and who may decide on the one that waits."""
    mine = identity.is_theirs(record.volunteer_id, actor().volunteer_id)
    covers = any(actor().may(role, record.organization.path) for role in (Role.CLERK, Role.CONFIRMER))
    may_correct = record.state is RecordState.EFFECTIVE and covers and not mine and waits is None
    barred = corrections.undecidable_because(waits, record, actor()) if waits else None
    return {"may_correct": may_correct, "undecided": waits, "decision_barred": barred}


@bp.get("/desk/people/<int:volunteer_id>/minutes")
@staff()
def minutes(volunteer_id: int) -> ResponseReturnValue:
    """Any sum of somebody's minutes opened: all of it where they are registered, elsewhere what was recorded there."""
    reach = actor().reach(*Role)
    person, is_home = person_within(volunteer_id, reach) or abort(404)
    view = opened(person.id, asked(), None if is_home else reach, reach)
    return respond("records/minutes.html", view=view, person=person, is_home=is_home)


# --- correcting what is effective -----------------------------------------------------------------------------


@bp.post("/desk/records/<int:record_id>/corrections")
@staff(Role.CLERK, Role.CONFIRMER)
def propose_correction(record_id: int) -> ResponseReturnValue:
    form, record = CorrectionForm(), _record_or_404(record_id, Role.CLERK, Role.CONFIRMER)
    return submitted(form, lambda: _record_page(record_id, form), lambda: _proposed(record.id, form))


def _proposed(record_id: int, form: CorrectionForm) -> ResponseReturnValue:
    told = {"reason": form.reason.data, "standing": form.shown, "now": clock.now()}
    corrections.propose(record_id, form.minutes.data, actor(), **told)
    sentence = _("The correction is proposed. Another person decides on it; until then the entry counts as before.")
    flash(sentence, "success")
    return see_other(url_for(".show_record", record_id=record_id))


@bp.post("/desk/corrections/<int:correction_id>/approval")
@staff(Role.CONFIRMER)
def approve_correction(correction_id: int) -> ResponseReturnValue:
    form, record_id = Form(), _corrected_or_404(correction_id, Role.CONFIRMER)
    return submitted(form, lambda: _record_page(record_id, form), lambda: _corrected(correction_id))


def _corrected(correction_id: int) -> ResponseReturnValue:
    done = corrections.approve(correction_id, actor(), now=clock.now())
    flash(_("Corrected: the entry now counts %(minutes)s.", minutes=display.minutes(done.minutes)), "success")
    return see_other(url_for(".show_record", record_id=done.record_id))


@bp.post("/desk/corrections/<int:correction_id>/refusal")
@staff(Role.CLERK, Role.CONFIRMER)
def decline_correction(correction_id: int) -> ResponseReturnValue:
    form, record_id = AnswerForm(), _corrected_or_404(correction_id, Role.CLERK, Role.CONFIRMER)
    return submitted(form, lambda: _record_page(record_id, form), lambda: _declined(correction_id, form))


def _declined(correction_id: int, form: AnswerForm) -> ResponseReturnValue:
    done = corrections.decline(correction_id, actor(), reason=form.answer.data, now=clock.now())
    flash(_("The entry stays as it is, and whoever proposed the correction is told why."), "success")
    return see_other(url_for(".show_record", record_id=done.record_id))


def _corrected_or_404(correction_id: int, *roles: Role) -> int:
    """The id of the entry that the correction is of, if it lies within reach."""
    found = db.session.get(Correction, correction_id) or abort(404)
    return _record_or_404(found.record_id, *roles).id


def _shift_or_404(shift_id: int) -> Shift:
    return claims.shift_within(shift_id, actor().reach(Role.CLERK)) or abort(404)


def _opened_or_404(record_id: int, *roles: Role) -> waiting.Entry:
    return waiting.opened(record_id, actor().reach(*roles), actor()) or abort(404)


def _record_or_404(record_id: int, *roles: Role) -> ServiceRecord:
    return queries.record_within(record_id, actor().reach(*roles)) or abort(404)
