"""Copying a month: its shifts are proposed on the same weekdays of the next one, to be looked at and adjusted."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.organizations.models import Organization
from blueprints.posts import queries as posts
from blueprints.posts.access import post_or_404
from blueprints.posts.models import Post, Shift
from blueprints.series import actions, queries
from blueprints.series.actions import Copied
from blueprints.series.forms import MonthForm
from blueprints.series.queries import Offers
from core import clock
from core.actor import Role
from core.i18n import _, ngettext
from core.web import respond, row_arg, see_other, submitted, text_arg

bp = Blueprint("months", __name__)
BACK = 3  # months that can be copied: this one and those before it
MOST_SENTENCES = 3


@bp.get("/desk/months")
@staff(Role.CLERK)
def show_month() -> ResponseReturnValue:
    organization, post = _whose()
    if organization is None:
        found = posts.offering(actor().reach(Role.CLERK), text_arg("q", 80))
        return respond("series/month_whose.html", found=found, words=text_arg("q", 80), most=posts.MOST_OFFERING)
    there = queries.offered_in(organization, queries.month_after(_month()))
    rows = queries.copied_month(organization, post, _month(), clock.now(), there)
    form = MonthForm(data={"rows": [row.data() for row in rows[: queries.MOST_COPIED]]})
    sources = {row.shift.id: row.shift for row in rows}
    return _page(organization, post, form, sources, there, cut=len(rows) > queries.MOST_COPIED)


def _whose() -> tuple[Organization | None, Post | None]:
    """Whose month the address means: that of one post, of one organization, or of the only one there is."""
    if (post_id := row_arg("post")) is not None:
        post = post_or_404(post_id, Role.CLERK)
        return post.organization, post
    if (organization_id := row_arg("organization")) is not None:
        return organization_or_404(organization_id, Role.CLERK), None
    found = posts.offering(actor().reach(Role.CLERK))
    return (found[0], None) if len(found) == 1 else (None, None)


def _month() -> Any:
    """The first day of the month to copy; this one unless another of the last few is asked for."""
    months = queries.months_before(clock.today(clock.now()), BACK)
    return next((month for month in months if month.isoformat() == request.args.get("month")), months[0])


def _page(
    organization: Organization,
    post: Post | None,
    form: MonthForm,
    sources: Mapping[int, Shift],
    there: Offers,
    *,
    cut: bool = False,
) -> Response:
    month = _month()
    context: dict[str, Any] = {"organization": organization, "post": post, "form": form, "month": month, "cut": cut}
    context |= {"months": queries.months_before(clock.today(clock.now()), BACK), "target": queries.month_after(month)}
    context["there"] = queries.by_the_wall(there)
    return respond("series/month.html", sources=sources, notes=queries.day_notes(form.days()), **context)


@bp.post("/desk/months")
@staff(Role.CLERK)
def copy_month() -> ResponseReturnValue:
    organization, post = _whose()
    form = MonthForm()
    if organization is None:
        abort(404)
    id, post_id = organization.id, post.id if post else None
    return submitted(form, lambda: _again(form), lambda: _copy(id, post_id, form))


def _again(form: MonthForm) -> Response:
    organization, post = _whose()
    if organization is None:
        abort(404)
    sources = queries.month_sources(organization, [row.form.source.data for row in form.rows])
    there = queries.offered_in(organization, queries.month_after(_month()))
    return _page(organization, post, form, sources, there)


def _copy(organization_id: int, post_id: int | None, form: MonthForm) -> ResponseReturnValue:
    copied = actions.copy_month(organization_id, form.plan(), actor(), now=clock.now())
    _say(copied)
    return see_other(url_for("changes.show_post", post_id=post_id) if post_id else url_for("posts_desk.list_posts"))


def _say(copied: Copied) -> None:
    made = ngettext("%(num)d shift is offered.", "%(num)d shifts are offered.", copied.made)
    there = ngettext("%(num)d was there already.", "%(num)d were there already.", copied.known) if copied.known else ""
    flash(f"{made} {there}".strip(), "success" if copied.made else "info")
    for title, sentence in copied.refused[:MOST_SENTENCES]:
        flash(_("“%(title)s”: %(reason)s", title=title, reason=sentence), "error")
