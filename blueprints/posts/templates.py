"""What an organization keeps to start posts from: keeping a post as a template, and throwing one away."""

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity.access import actor, organization_or_404, staff
from blueprints.posts import actions, queries
from blueprints.posts.access import post_or_404
from blueprints.posts.forms import TemplateForm
from blueprints.posts.models import Post
from core import clock
from core.actor import Role
from core.forms import Form
from core.i18n import _
from core.web import respond, see_other, submitted

bp = Blueprint("templates", __name__)


@bp.get("/desk/posts/<int:post_id>/template")
@staff(Role.CLERK)
def new_template(post_id: int) -> ResponseReturnValue:
    post = post_or_404(post_id, Role.CLERK)
    return _new_page(post, TemplateForm(data={"name": post.title}))


def _new_page(post: Post, form: TemplateForm) -> Response:
    names = [kept.name for kept in queries.templates_of(post.organization_id)]
    return respond("posts/template_new.html", post=post, form=form, names=names)


@bp.post("/desk/posts/<int:post_id>/template")
@staff(Role.CLERK)
def keep_template(post_id: int) -> ResponseReturnValue:
    post, form = post_or_404(post_id, Role.CLERK), TemplateForm()
    organization_id = post.organization_id
    again = lambda: _new_page(post_or_404(post_id, Role.CLERK), form)  # noqa: E731
    return submitted(form, again, lambda: _keep(post_id, organization_id, form))


def _keep(post_id: int, organization_id: int, form: TemplateForm) -> ResponseReturnValue:
    actions.keep_template(post_id, form.name.data, actor(), clock.now())
    flash(_("The template is kept. New posts can start from it."), "success")
    return see_other(url_for(".show_templates", organization_id=organization_id))


@bp.get("/desk/organizations/<int:organization_id>/templates")
@staff(Role.CLERK)
def show_templates(organization_id: int) -> ResponseReturnValue:
    return _list_page(organization_id, Form())


def _list_page(organization_id: int, form: Form) -> Response:
    organization = organization_or_404(organization_id, Role.CLERK)
    kept = queries.templates_of(organization.id)
    return respond("posts/templates.html", organization=organization, kept=kept, form=form)


@bp.post("/desk/templates/<int:template_id>/removal")
@staff(Role.CLERK)
def drop_template(template_id: int) -> ResponseReturnValue:
    kept, form = queries.template_within(template_id, actor().reach(Role.CLERK)) or abort(404), Form()
    organization_id = kept.organization_id
    return submitted(form, lambda: _list_page(organization_id, form), lambda: _drop(template_id, organization_id))


def _drop(template_id: int, organization_id: int) -> ResponseReturnValue:
    actions.drop_template(template_id, actor(), clock.now())
    flash(_("The template is thrown away."), "success")
    return see_other(url_for(".show_templates", organization_id=organization_id))
