"""Who may call a view. Every route carries exactly one of these decorators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec

from flask import abort, current_app, g, request, session
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from blueprints.identity import actions, queries
from blueprints.identity.seen import Seen
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Organization
from core import clock
from core.actor import Actor, Role
from core.db import db
from core.web import afterwards, lead_to

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]
TOKEN = "token"
# In the cookie: who gave the password but no code yet, and when somebody has shown who they are.
HALF, PROVED = "half", "proved"
LASTS = timedelta(minutes=10)
SECOND_STEP = "/me/second-step/new"


def load_viewer() -> None:
    """Find out who is asking; core calls it once a request, before anything is locked."""
    token = session.get(TOKEN)
    g.viewer, along = queries.asker(token, clock.now()) if token else (None, {})
    request.environ.update(along)
    if g.viewer:
        remember(g.viewer.session_id, clock.now())


def seen() -> Seen:
    """What this process remembers of when each session was used."""
    memory: Seen = current_app.extensions.setdefault("seen", Seen())
    return memory


def remember(session_id: int, now: datetime) -> None:
    """A GET only remembers; now and then a POST writes down what all of them saw, once its own work is done."""
    seen().remember(session_id, now)
    if request.method == "POST" and "afterwards" in g and (moments := seen().take(now)):
        afterwards(lambda: _write_down(moments))


def _write_down(moments: Mapping[int, datetime]) -> None:
    """What cannot be written at the moment is let go: nobody's own request may fail for it."""
    try:
        actions.note_seen(moments)
    except OperationalError:
        db.session.rollback()


def enter(token: str) -> None:
    """Let this browser in with a new session; nothing of an earlier one stays in its cookie."""
    session.clear()
    session.permanent = True
    session[TOKEN] = token
    prove()


# ── the second step ──


@dataclass(frozen=True, slots=True)
class HalfSigned:
    """Somebody whose password fitted; they are not signed in until a code fits, too."""

    account_id: int
    proof: str
    onward: str


def ask_for_code(account_id: int, proof: str, onward: str) -> None:
    """Let this browser go on to the second step within ten minutes."""
    session[HALF] = [account_id, proof, onward[:500], (clock.now() + LASTS).timestamp()]


def half_signed() -> HalfSigned | None:
    """Who is between the two steps in this browser."""
    account_id, proof, onward, until = session.get(HALF) or (0, "", "", 0)
    return HalfSigned(account_id, proof, onward) if until > clock.now().timestamp() else None


def prove() -> None:
    """Remember that the person has just shown who they are, by password or code."""
    session[PROVED] = clock.now().timestamp()


def has_proved_lately() -> bool:
    """Whether that was less than ten minutes ago, so that nothing more is asked for."""
    return bool(0 <= clock.now().timestamp() - session.get(PROVED, 0) < LASTS.total_seconds())


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
    if asking and asking.owes_second_step:
        abort(lead_to(SECOND_STEP))
    if not asking or not any(asking.can(role) for role in roles):
        abort(403)


def organization_or_404(organization_id: int, *roles: Role) -> Organization:
    """The organization, if the viewer holds one of the roles on it or above it; else it does not exist for them."""
    paths = actor().reach(*(roles or tuple(Role)))
    mine = select(Organization).where(Organization.id == organization_id, organizations.under(paths))
    return db.session.scalar(mine) or abort(404)
