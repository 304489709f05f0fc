"""What the pages of the way in and one's own pages have in common."""

from typing import Any

from flask import Response, current_app, flash, request, session, url_for
from flask.typing import ResponseReturnValue

from blueprints.identity import actions, queries, tries, words
from blueprints.identity.access import TOKEN, enter, viewer
from blueprints.identity.forms import Person
from blueprints.identity.models import THEMES, Daytime, Purpose, Weekday
from core import clock, drafts, passwords
from core.db import reading
from core.i18n import _
from core.refusal import Refusal
from core.web import afterwards, respond, see_other


def check_password(typed: str, kept: str | None, counted: tries.Tries, refusal: Refusal) -> None:
    """Refuse a wrong password, and count the try even though the request is undone. Holds no lock meanwhile."""
    if not passwords.fits(typed, kept):
        now = clock.now()
        afterwards(lambda: tries.note(counted, now=now))
        raise refusal


def require_own_password(typed: str, account_id: int) -> str | None:
    """Refuse unless it is the password of whoever is signed in; returns its hash. Holds no lock."""
    counted = tries.of_account(account_id)
    with reading():
        tries.require_calm(counted, now=clock.now())
        kept = queries.account(account_id).password_hash
    wrong = Refusal(_("The password is wrong. Please type it again, or have a new one set."), "password")
    check_password(typed, kept, counted, wrong)
    return kept


def local_path(text: str | None) -> str | None:
    """The text if it is a path on this site; anything that a browser could read as another site is not."""
    path = text or ""
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() else None


def let_in(account_id: int, token: str, onward: str | None) -> ResponseReturnValue:
    """Put a new session in the place of the browser's earlier one; a form left open waits only for the same person."""
    with_draft = session.get(TOKEN) and queries.owner_of(session[TOKEN]) == account_id
    draft = session.get(drafts.KEY) if with_draft else None
    if before := viewer():
        actions.end_session(before.session_id, actor=before, now=clock.now())
    enter(token)
    if draft:
        session[drafts.KEY] = draft
    return see_other(local_path(onward) or ("/desk" if queries.is_staff(account_id) else "/"))


def device() -> str:
    """What the person would call this browser."""
    return words.device(request.user_agent.string)


def address() -> str:
    return request.remote_addr or ""


def slip_url() -> str:
    """Where a link by mail leads to; the code comes after it. Without PUBLIC_URL the mail has the code alone:
    what a browser calls this host must not end up in anybody's mail."""
    base = current_app.config["PUBLIC_URL"]
    return f"{base}{url_for('identity.slip')}/" if base else ""


def chosen_place() -> queries.PlaceChoice:
    """How far the address of this page says where somebody lives."""
    return queries.place_choice(*(division_code(request.args.get(name)) for name in ("county", "town", "division")))


def division_code(text: str | None) -> int:
    """The twelve digits of a division; 0 for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) == 12 else 0


def residence_page(place: queries.PlaceChoice, onward: str, here: str) -> Response:
    """Choose county, town and community one after the other; `onward` is where the choice is taken to."""
    receiver = queries.receiver(place.village.id) if place.village else None
    context: dict[str, Any] = {"place": place, "receiver": receiver, "onward": onward, "here": here}
    return respond("identity/residence.html", "identity/_residence.html", **context)


def person_page(page: str, form: Person, **context: Any) -> Response:
    """A page that asks who somebody is; which branches there are depends on where they live."""
    place = queries.place_choice(village_id=division_code(form.division_id.data))
    form.offer_branches(queries.branches_near(place.village.id) if place.village else [])
    receiver = queries.receiver(place.village.id) if place.village else None
    shown: dict[str, Any] = {"place": place, "receiver": receiver, "texts": texts(), **week_and_kinds()}
    return respond(page, form=form, **shown, **context)


def texts() -> dict[str, words.Agreement]:
    """What one agrees to today, by purpose."""
    return {purpose.value: words.current(purpose) for purpose in Purpose}


def week_and_kinds() -> dict[str, Any]:
    """What the grids of times and of kinds of service are drawn from."""
    return {"weekdays": tuple(Weekday), "daytimes": tuple(Daytime), "themes": THEMES}


def offer_branches(form: Any, division_id: int) -> None:
    """Before a form is judged it must know which branches can be chosen."""
    with reading():
        form.offer_branches(queries.branches_near(division_id))


def details(form: Person) -> actions.Details:
    """What the form says about the person, as the rules want it."""
    return actions.Details(
        name=form.name.data,
        gender=form.gender.data,
        birth_date=form.birth_date.data,
        division_id=division_code(form.division_id.data),
        skills=form.skills.data or (),
        categories=form.categories.data or (),
        availability=form.availability.data or (),
        email=form.email.data or None,
        branch_id=form.branch_id.data,
        id_number=form.id_number.data or None,
    )


def farewell() -> ResponseReturnValue:
    """What somebody sees who has left; nothing of them stays in the browser."""
    session.clear()
    flash(_("Your account is closed. Thank you for everything you did."), "success")
    return see_other("/")
