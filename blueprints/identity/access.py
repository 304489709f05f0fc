"""Who may call a view. Every route carries exactly one of these decorators."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import abort, g, session
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from blueprints.identity import queries
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from core import clock
from core.actor import Actor, Role
from core.db import db

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
TOKEN = "token"


def load_viewer() -> None:
    """Find out who is asking; core calls it once a request, before anything is locked."""
    token = session.get(TOKEN)
    g.viewer = queries.asker(token, clock.now()) if token else None


def enter(token: str) -> None:
    """Let this browser in with a new session; nothing of an earlier one stays in its cookie."""
    session.clear()
    session.permanent = True
    session[TOKEN] = token


def viewer() -> Actor | None:
    """Who is asking, or None for a visitor."""
    asking: Actor | None = g.get("viewer")
    return asking


def actor() -> Actor:
    """Who is asking, where the decorator has made sure that somebody is signed in."""
    return viewer() or abort(401)


def public(view: View[P]) -> View[P]:
    """Anyone may call it; the list of these stands in one test."""
    return _guarded(view, lambda _asking: None, "public")


def signed_in(view: View[P]) -> View[P]:
    return _guarded(view, _be_signed_in, "signed_in")


def volunteer_only(view: View[P]) -> View[P]:
    """People with a registration, whatever its state; the rules say what each state may do."""
    return _guarded(view, _be_volunteer, "volunteer")


def staff(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Whoever holds one of the roles anywhere; without roles, any staff. The view then ties the id to the reach."""
    wanted = roles or tuple(Role)

    def decorate(view: View[P]) -> View[P]:
        return _guarded(view, lambda asking: _hold_one_of(wanted, asking), "staff:" + ",".join(wanted))

    return decorate


def _guarded(view: View[P], demand: Callable[[Actor | None], None], name: str) -> View[P]:
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        demand(viewer())
        return view(*args, **kwargs)

    guarded.access = name  # type: ignore[attr-defined]
    return guarded


def _be_signed_in(asking: Actor | None) -> None:
    if asking is None:
        abort(401)


def _be_volunteer(asking: Actor | None) -> None:
    _be_signed_in(asking)
    if not asking or not asking.is_volunteer:
        abort(403)


def _hold_one_of(roles: tuple[Role, ...], asking: Actor | None) -> None:
    _be_signed_in(asking)
    if not asking or not any(asking.can(role) for role in roles):
        abort(403)


def organization_or_404(organization_id: int, *roles: Role) -> Organization:
    """The organization, if the viewer holds one of the roles on it or above it; else it does not exist for them."""
    paths = actor().reach(*(roles or tuple(Role)))
    mine = select(Organization).where(Organization.id == organization_id, organizations.under(paths))
    return db.session.scalar(mine) or abort(404)
