"""The clerk's side of posts: the list, drafts, and publishing. Changes of what people claim are in the area claims."""

from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.identity.models import ADULT
from blueprints.organizations.models import Organization
from blueprints.organizations.queries import place_name
from blueprints.posts import actions, queries, rules, wording
from blueprints.posts.access import post_or_404
from blueprints.posts.forms import DraftForm, PublicationForm, shift_data
from blueprints.posts.models import Post, PostState
from blueprints.posts.queries import Tab
from blueprints.posts.starters import Starter, of_template, starters
from core import clock
from core.actor import Role
from core.forms import Form
from core.i18n import _
from core.web import respond, row_arg, see_other, submitted, text_arg

bp = Blueprint("posts_desk", __name__)
READERS = (Role.CLERK, Role.ADMINISTRATOR)
LAST_PAGE = 1000


# --- the list ---------------------------------------------------------------------------------------------


@bp.get("/desk/posts")
@staff(*READERS)
def list_posts() -> ResponseReturnValue:
    tab = request.args.get("tab", Tab.PUBLISHED, type=Tab)
    page = min(max(request.args.get("page", 1, type=int), 1), LAST_PAGE)
    found = queries.listed(actor().reach(*READERS), tab, _words(), clock.now(), page)
    posts, more = found[: queries.PAGE], len(found) > queries.PAGE
    figures = queries.figures(posts, clock.now())
    return respond(
        "posts/list.html", posts=posts, figures=figures, tab=tab, tabs=Tab, words=_words(), number=page, more=more
    )


def _words() -> str:
    return text_arg("q", 80)


# --- a new post -------------------------------------------------------------------------------------------


@bp.get("/desk/posts/new")
@staff(Role.CLERK)
def new_post() -> ResponseReturnValue:
    if "copy" in request.args:
        return _copy_page(post_or_404(_number("copy"), Role.CLERK))
    if "organization" in request.args:
        return _start_page(_organization())
    found = queries.offering(actor().reach(Role.CLERK), _words())
    if len(found) == 1 and not _words():
        return _start_page(found[0])
    return respond("posts/organizations.html", found=found, words=_words(), most=queries.MOST_OFFERING)


def _organization() -> Organization:
    """The organization of the address, if the viewer is a clerk of it."""
    return organization_or_404(_number("organization"), Role.CLERK)


def _number(name: str) -> int:
    """An id of the address; what no row can have is 0."""
    return row_arg(name) or 0


def _start_page(organization: Organization) -> Response:
    """An empty form, or one filled in from a starter."""
    values = {"division_id": organization.division_id, "min_age": ADULT, "max_age": 70}
    starter = _starter(organization)
    rows = starter.rows(clock.today(clock.now())) if starter else []
    values |= _presets(organization) | (starter.values if starter else {}) | {"shifts": rows}
    return _draft_page(organization, _form(organization, data=values), starter=starter)


def _starter(organization: Organization) -> Starter | None:
    """The example or the own template that the address names."""
    if "template" in request.args:
        kept = queries.template_within(_number("template"), [organization.path])
        return of_template(kept) if kept else None
    return starters().get(request.args.get("starter", ""))


def _form(organization: Organization, **data: Any) -> DraftForm:
    """The form with the places that this organization may choose from."""
    form = DraftForm(**data)
    form.offer(queries.places_for(organization))
    return form


def _presets(organization: Organization) -> dict[str, Any]:
    """What is nearly always the same at a station."""
    phone = organization.phone
    sign_up = _("Claim it on this page. If you do not use a phone, come to the station or call.")
    return {"responsible_name": actor().name, "responsible_phone": phone, "sign_up": sign_up}


def _copy_page(post: Post) -> Response:
    return _draft_page(post.organization, _form(post.organization, data=actions.copy(post.id)), copied=post)


@bp.post("/desk/posts/new")
@staff(Role.CLERK)
def create_post() -> ResponseReturnValue:
    organization = _organization()
    form = _form(organization)
    if form.only_rearranges:
        return _rearranged(organization, form)
    return submitted(form, lambda: _draft_page(_organization(), form), lambda: _create(organization.id, form))


def _create(organization_id: int, form: DraftForm) -> ResponseReturnValue:
    values = form.values() | {"form_key": form.form_key.data}
    post = actions.draft(organization_id, values, form.shift_values(), actor(), clock.now())
    return _saved(post, form)


def _rearranged(organization: Organization, form: DraftForm, post: Post | None = None) -> Response:
    form.rearrange()
    return _draft_page(organization, form, post)


def _saved(post: Post, form: DraftForm) -> ResponseReturnValue:
    if not form.is_draft:
        return see_other(url_for(".preview_post", post_id=post.id))
    flash(_("The draft is kept. Nobody but the clerks of %(name)s sees it.", name=post.organization.name), "success")
    return see_other(url_for(".edit_draft", post_id=post.id))


def _draft_page(organization: Organization, form: DraftForm, post: Post | None = None, **context: Any) -> Response:
    if post:
        form.show_newest(post.revision)
    context |= {"organization": organization, "form": form, "post": post, "starters": starters()}
    context["kept"] = queries.templates_of(organization.id)
    return respond("posts/draft.html", **context)


# --- a draft ----------------------------------------------------------------------------------------------


@bp.get("/desk/posts/<int:post_id>/draft")
@staff(Role.CLERK)
def edit_draft(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    if post.state is not PostState.DRAFT:
        return see_other(url_for("changes.show_post", post_id=post.id))
    rows = {"shifts": [shift_data(shift) for shift in post.shifts], "revision": post.revision}
    return _draft_page(post.organization, _form(post.organization, data=actions.copy(post.id) | rows), post)


@bp.post("/desk/posts/<int:post_id>/draft")
@staff(Role.CLERK)
def save_draft(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    form = _form(post.organization)
    if form.only_rearranges:
        return _rearranged(post.organization, form, post)
    return submitted(form, lambda: _draft_again(post_id, form), lambda: _revise(post_id, form))


def _draft_again(post_id: int, form: DraftForm) -> Response:
    post = post_or_404(post_id, Role.CLERK)
    return _draft_page(post.organization, form, post)


def _revise(post_id: int, form: DraftForm) -> ResponseReturnValue:
    shifts, revision = form.shift_values(), form.revision.data or 0
    post = actions.revise_draft(post_id, form.values(), shifts, revision=revision, actor=actor(), now=clock.now())
    return _saved(post, form)


@bp.post("/desk/posts/<int:post_id>/removal")
@staff(Role.CLERK)
def discard_draft(post_id: int) -> ResponseReturnValue:
    post, form = post_or_404(post_id, Role.CLERK), Form()
    return submitted(form, lambda: _preview_page(post_or_404(post_id, Role.CLERK)), lambda: _discard(post))


def _discard(post: Post) -> ResponseReturnValue:
    actions.discard(post.id, actor=actor(), now=clock.now())
    flash(_("The draft is thrown away."), "success")
    return see_other(url_for(".list_posts", tab=Tab.DRAFTS))


# --- publishing -------------------------------------------------------------------------------------------


@bp.get("/desk/posts/<int:post_id>/preview")
@staff(*READERS)
def preview_post(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, *READERS)
    if post.state is not PostState.DRAFT:
        return see_other(url_for("changes.show_post", post_id=post.id))
    return _preview_page(post, PublicationForm(data={"revision": post.revision}))


@bp.post("/desk/posts/<int:post_id>/publication")
@staff(Role.CLERK)
def publish_post(post_id: int) -> ResponseReturnValue:
    post_or_404(post_id, Role.CLERK)
    form = PublicationForm()
    return submitted(
        form, lambda: _preview_page(post_or_404(post_id, Role.CLERK), form), lambda: _publish(post_id, form)
    )


def _publish(post_id: int, form: PublicationForm) -> ResponseReturnValue:
    actions.publish(
        post_id,
        actor=actor(),
        now=clock.now(),
        declared=form.declared.data,
        acknowledged=form.acknowledged.data,
        revision=form.revision.data or 0,
    )
    flash(_("Published. Volunteers can claim from now on."), "success")
    return see_other(url_for("changes.show_post", post_id=post_id))


def _preview_page(post: Post, form: PublicationForm | None = None) -> Response:
    form = form or PublicationForm()
    form.show_newest(post.revision)
    faults = actions.faults_of(post, post.shifts, clock.now())
    doubts, reasons = rules.doubts(post), wording.REASONS
    context: dict[str, Any] = {"where": place_name(post.division_id), "doubts": doubts, "reasons": reasons}
    return respond("posts/preview.html", post=post, form=form, faults=faults, **context)
