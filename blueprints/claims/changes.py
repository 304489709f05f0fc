"""The clerk's side of a published post: its shifts and numbers, and changing or calling off what people claimed."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.claims import actions, board
from blueprints.claims.affected import Affected, affected
from blueprints.claims.change_forms import CallOffForm, NewShiftForm, PostChangeForm, ShiftChangeForm
from blueprints.identity.access import actor, staff
from blueprints.organizations.queries import place_name
from blueprints.posts import actions as posts
from blueprints.posts import queries as post_queries
from blueprints.posts.access import post_or_404, shift_or_404
from blueprints.posts.forms import shift_data
from blueprints.posts.models import Post, PostState, Shift, ShiftState
from core import clock
from core.actor import Role
from core.i18n import _, ngettext
from core.web import respond, see_other, submitted

bp = Blueprint("changes", __name__)
READERS = (Role.CLERK, Role.ADMINISTRATOR)


@bp.get("/desk/posts/<int:post_id>")
@staff(*READERS)
def show_post(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, *READERS)
    if post.state is PostState.DRAFT:
        return see_other(url_for("posts_desk.preview_post", post_id=post.id))
    numbers = board.seen(shift.id for shift in post.shifts)
    running = _running(post)
    shifts = running + [shift for shift in post.shifts if shift not in running]
    context: dict[str, Any] = {"running": running, "coming": _coming(post), "where": place_name(post.division_id)}
    return respond("claims/change_post.html", post=post, shifts=shifts, numbers=numbers, **context)


def _running(post: Post) -> list[Shift]:
    """The shifts that can still be changed: open and not over."""
    published = post.state is PostState.PUBLISHED
    return [s for s in post.shifts if published and s.state is ShiftState.OPEN and s.ends_at > clock.now()]


def _coming(post: Post) -> list[Shift]:
    """The shifts that can still be called off: open and not begun."""
    return [shift for shift in _running(post) if shift.starts_at > clock.now()]


def _to_post(post_id: int) -> ResponseReturnValue:
    return see_other(url_for(".show_post", post_id=post_id))


def _told(people: int) -> str:
    if not people:
        return _("Nobody had claimed it, so nobody is told.")
    return ngettext("%(num)d person is told.", "%(num)d people are told.", people)


# --- what the post says -------------------------------------------------------------------------------------


@bp.get("/desk/posts/<int:post_id>/change")
@staff(Role.CLERK)
def edit_post(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    if not _running(post):
        return _to_post(post.id)
    return _text_page(post, _text_form(post, data=posts.copy(post.id) | {"revision": post.revision}))


@bp.post("/desk/posts/<int:post_id>/change")
@staff(Role.CLERK)
def change_post(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    form, people = _text_form(post), len(_affected(_coming(post)))
    return submitted(
        form,
        lambda: _text_page(post_or_404(post_id, Role.CLERK), form),
        lambda: _change_post(post_id, form, people),
    )


def _change_post(post_id: int, form: PostChangeForm, people: int) -> ResponseReturnValue:
    values = form.values() | {"acknowledged": form.acknowledged.data}
    actions.change_post(post_id, values, actor(), **_revised(form), now=clock.now())
    flash(_("The post is changed.") + " " + _told(people), "success")
    return _to_post(post_id)


def _text_form(post: Post, **data: Any) -> PostChangeForm:
    form = PostChangeForm(**data)
    form.offer(post_queries.places_for(post.organization))
    return form


def _text_page(post: Post, form: PostChangeForm) -> Response:
    form.show_newest(post.revision)
    doubts = form.doubts() if form.acknowledged.errors or form.acknowledged.data else []
    return respond("claims/change_text.html", post=post, form=form, people=_affected(_coming(post)), doubts=doubts)


# --- when it takes place ------------------------------------------------------------------------------------


@bp.get("/desk/shifts/<int:shift_id>/change")
@staff(Role.CLERK)
def edit_shift(shift_id: int) -> ResponseReturnValue:
    shift = shift_or_404(shift_id, Role.CLERK)
    if shift not in _running(shift.post):
        return _to_post(shift.post_id)
    form = ShiftChangeForm(data=shift_data(shift) | {"revision": shift.post.revision})
    return _shift_page(shift, form)


@bp.post("/desk/shifts/<int:shift_id>/change")
@staff(Role.CLERK)
def change_shift(shift_id: int) -> ResponseReturnValue:
    shift, form = shift_or_404(shift_id, Role.CLERK), ShiftChangeForm()
    people = len(_affected([shift]))
    return submitted(
        form,
        lambda: _shift_page(shift_or_404(shift_id, Role.CLERK), form),
        lambda: _change_shift(shift, form, people),
    )


def _change_shift(shift: Shift, form: ShiftChangeForm, people: int) -> ResponseReturnValue:
    moved = (shift.starts_at, shift.ends_at) != (form.starts_at(), form.ends_at())
    actions.change_shift(shift.id, form.values(), actor(), **_revised(form), now=clock.now())
    flash(_("The shift is changed.") + " " + (_told(people) if moved else ""), "success")
    return _to_post(shift.post_id)


def _shift_page(shift: Shift, form: ShiftChangeForm) -> Response:
    form.show_newest(shift.post.revision)
    begun = shift.starts_at <= clock.now()
    return respond("claims/change_shift.html", shift=shift, form=form, people=_affected([shift]), begun=begun)


@bp.get("/desk/posts/<int:post_id>/shifts/new")
@staff(Role.CLERK)
def new_shift(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    if post.state is not PostState.PUBLISHED:
        return _to_post(post.id)
    data = shift_data(post.shifts[-1]) | {"day": None, "opens_day": None, "opens_time": None, "revision": post.revision}
    return _new_shift_page(post, NewShiftForm(data=data))


@bp.post("/desk/posts/<int:post_id>/shifts/new")
@staff(Role.CLERK)
def add_shift(post_id: int) -> ResponseReturnValue:
    post_or_404(post_id, Role.CLERK)
    form = NewShiftForm()
    return submitted(
        form, lambda: _new_shift_page(post_or_404(post_id, Role.CLERK), form), lambda: _add_shift(post_id, form)
    )


def _add_shift(post_id: int, form: NewShiftForm) -> ResponseReturnValue:
    revision = form.revision.data or 0
    posts.add_shift(post_id, form.values(), actor(), revision=revision, now=clock.now())
    flash(_("The shift is added. Volunteers can claim it from now on."), "success")
    return _to_post(post_id)


def _new_shift_page(post: Post, form: NewShiftForm) -> Response:
    form.show_newest(post.revision)
    return respond("claims/change_new_shift.html", post=post, form=form)


# --- calling off ----------------------------------------------------------------------------------------------


@bp.get("/desk/shifts/<int:shift_id>/cancellation")
@staff(Role.CLERK)
def ask_shift_cancellation(shift_id: int) -> ResponseReturnValue:
    shift = shift_or_404(shift_id, Role.CLERK)
    if shift not in _coming(shift.post):
        return _to_post(shift.post_id)
    return _shift_off_page(shift, CallOffForm())


@bp.post("/desk/shifts/<int:shift_id>/cancellation")
@staff(Role.CLERK)
def cancel_shift(shift_id: int) -> ResponseReturnValue:
    shift, form = shift_or_404(shift_id, Role.CLERK), CallOffForm()
    people, again = len(_affected([shift])), lambda: _shift_off_page(shift_or_404(shift_id, Role.CLERK), form)
    return submitted(form, again, lambda: _cancel_shift(shift, form, people))


def _cancel_shift(shift: Shift, form: CallOffForm, people: int) -> ResponseReturnValue:
    actions.cancel_shift(shift.id, actor(), reason=form.reason.data, now=clock.now())
    flash(_("The shift is cancelled.") + " " + _told(people), "success")
    return _to_post(shift.post_id)


def _shift_off_page(shift: Shift, form: CallOffForm) -> Response:
    people = _affected([shift])
    return respond(
        "claims/change_call_off.html", post=shift.post, shifts=[shift], form=form, people=people, whole=False
    )


@bp.get("/desk/posts/<int:post_id>/cancellation")
@staff(Role.CLERK)
def ask_post_cancellation(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    if not _coming(post):
        return _to_post(post.id)
    return _post_off_page(post, CallOffForm())


@bp.post("/desk/posts/<int:post_id>/cancellation")
@staff(Role.CLERK)
def cancel_post(post_id: int) -> ResponseReturnValue:
    post, form = post_or_404(post_id, Role.CLERK), CallOffForm()
    people, again = len(_affected(_coming(post))), lambda: _post_off_page(post_or_404(post_id, Role.CLERK), form)
    return submitted(form, again, lambda: _cancel_post(post_id, form, people))


def _cancel_post(post_id: int, form: CallOffForm, people: int) -> ResponseReturnValue:
    actions.cancel_post(post_id, actor(), reason=form.reason.data, now=clock.now())
    flash(_("The post is cancelled.") + " " + _told(people), "success")
    return _to_post(post_id)


def _post_off_page(post: Post, form: CallOffForm) -> Response:
    shifts = _coming(post)
    people = _affected(shifts)
    return respond("claims/change_call_off.html", post=post, shifts=shifts, form=form, people=people, whole=True)


# --- what the pages share -------------------------------------------------------------------------------------


def _affected(shifts: Sequence[Shift]) -> Affected:
    return affected(shift.id for shift in shifts)


def _revised(form: PostChangeForm | ShiftChangeForm) -> dict[str, Any]:
    return {"revision": form.revision.data or 0, "reason": form.reason.data or ""}
