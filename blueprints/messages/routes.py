"""The inbox, and the number beside the bell on every page."""

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, signed_in, viewer
from blueprints.messages import actions, queries, words
from core import clock
from core.i18n import _
from core.web import respond, row_arg, see_other

bp = Blueprint("messages", __name__)
SIZE = 30


@bp.app_template_global()
def unread() -> int:
    """How many notices wait for the viewer; asked once a request."""
    asking = viewer()
    if queries.KNOWN not in request.environ:
        request.environ[queries.KNOWN] = queries.unread(asking.account_id) if asking else 0
    return int(request.environ[queries.KNOWN])


@bp.get("/me/inbox")
@signed_in
def inbox() -> ResponseReturnValue:
    notices = queries.inbox(actor().account_id, row_arg("before"), SIZE + 1)
    older = notices[SIZE - 1].id if len(notices) > SIZE else None
    return respond("messages/inbox.html", notices=notices[:SIZE], older=older, sentence=words.shown)


@bp.post("/me/inbox/reading")
@signed_in
def read_inbox() -> ResponseReturnValue:
    actions.read_all(actor().account_id, now=clock.now())
    flash(_("Everything is marked as read."), "success")
    return see_other(url_for(".inbox"))
