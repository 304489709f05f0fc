"""The inbox, the number beside the bell on every page, and what else should reach a person."""

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import queries as identity
from blueprints.identity.access import actor, signed_in, viewer
from blueprints.identity.models import Account
from blueprints.identity.pages import device
from blueprints.messages import actions, queries, rules, words
from blueprints.messages.forms import BrowserForm, ChoiceForm, held
from blueprints.messages.models import Channel, Preference, Topic
from core import clock, mail, masks, push, sms
from core.db import reading
from core.forms import Form
from core.i18n import _
from core.web import respond, row_arg, see_other, submitted

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


# --- what else should reach me ------------------------------------------------------------------------------


def _me() -> int:
    return actor().account_id


def _kept() -> Preference:
    return queries.preference(_me()) or queries.unchosen(_me())


def _offered(account: Account) -> set[Channel]:
    """The channels that can be had: the installation has them, and the person gave an address for them."""
    ready = {
        Channel.MAIL: mail.is_set() and account.email is not None,
        Channel.PUSH: push.is_set(),
        Channel.SMS: sms.is_set() and account.phone is not None,
    }
    return {channel for channel, is_ready in ready.items() if is_ready}


@bp.get("/me/channels")
@signed_in
def channels() -> ResponseReturnValue:
    return _channels_page(ChoiceForm(data=held(_kept())))


def _channels_page(form: Form) -> Response:
    account, now = identity.account(_me()), clock.now()
    choice = form if isinstance(form, ChoiceForm) else ChoiceForm(formdata=None, data=held(_kept()))
    choice.offer(offered := _offered(account))
    quiet = queries.quiet_hours()
    return respond(
        "messages/channels.html",
        form=form,
        choice=choice,
        topics=list(Topic),
        offered=offered,
        fixed=rules.ALWAYS,
        ready={Channel.MAIL: mail.is_set(), Channel.SMS: sms.is_set(), Channel.PUSH: push.is_set()},
        account=account,
        masks=masks,
        browsers=queries.browsers(_me(), now),
        session_id=actor().session_id,
        key=push.public_key() if push.is_set() else "",
        quiet=quiet if quiet.begins != quiet.ends else None,
        browser=BrowserForm(formdata=None),
    )


@bp.post("/me/channels")
@signed_in
def choose_channels() -> ResponseReturnValue:
    with reading():
        offered, kept = _offered(identity.account(_me())), _kept()
        choices_before = Preference(choices=dict(kept.choices))
    form = ChoiceForm()
    form.offer(offered)
    return submitted(form, lambda: _channels_page(form), lambda: _chosen(form, offered, choices_before))


def _chosen(form: ChoiceForm, offered: set[Channel], before: Preference) -> ResponseReturnValue:
    wanted = {"quiet": form.quiet.data, "quiet_mail": form.quiet_mail.data}
    actions.choose(_me(), form.chosen(offered, before), **wanted, now=clock.now())
    flash(_("Your choice is saved. It holds from the next message on."), "success")
    return see_other(url_for(".channels"))


@bp.post("/me/channels/trial")
@signed_in
def try_channels() -> ResponseReturnValue:
    form = Form()
    return submitted(form, lambda: _channels_page(form), _tried)


def _tried() -> ResponseReturnValue:
    actions.try_out(_me(), now=clock.now())
    flash(_("A test message is on its way through every channel you use. It takes up to a minute."), "success")
    return see_other(url_for(".channels"))


@bp.post("/me/browsers")
@signed_in
def add_browser() -> ResponseReturnValue:
    form = BrowserForm()
    return submitted(form, lambda: _channels_page(form), lambda: _added(form))


def _added(form: BrowserForm) -> ResponseReturnValue:
    actions.subscribe(_me(), actor().session_id, form.browser, device=device(), now=clock.now())
    flash(_("This browser shows notifications from now on, as long as you stay signed in here."), "success")
    return see_other(url_for(".channels"))


@bp.post("/me/browsers/<int:subscription_id>/removal")
@signed_in
def remove_browser(subscription_id: int) -> ResponseReturnValue:
    if subscription_id not in {row.id for row in queries.browsers(_me(), clock.now())}:
        abort(404)
    actions.unsubscribe(subscription_id, _me())
    flash(_("That browser shows nothing any more."), "success")
    return see_other(url_for(".channels"))
