"""What can happen at the station's tablet: pairing and cutting off, checking in and out, PINs and cards, flags."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, Claim, ClaimState, EvidenceClass, Punch
from blueprints.identity import actions as identity
from blueprints.identity import tries
from blueprints.identity.actions import Departure
from blueprints.identity.models import Purpose, Volunteer
from blueprints.kiosk import queries
from blueprints.kiosk.models import Card, Flag, FlagKind, Method, Origin, Pin, Sighting, Spot, Tablet
from blueprints.kiosk.queries import Paired
from blueprints.kiosk.signs import Receipt
from blueprints.messages.actions import tell
from blueprints.messages.models import NoticeKind
from blueprints.organizations import queries as organizations
from blueprints.organizations.models import Limit, Organization
from blueprints.posts.models import Shift, ShiftState
from core import audit, clock, display, vault
from core.actor import Actor, Role
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal

CODE_LIFE = timedelta(minutes=10)
SEEN_EVERY = timedelta(seconds=30)
PIN_DIGITS = 6
NEAR_ENOUGH_M = 1_000  # what a phone's own doubt about its place can excuse at most
LOCATE_WITHIN = timedelta(minutes=10)


# --- tablets ------------------------------------------------------------------------------------------------


def add_tablet(
    organization_id: int, name: str, exit_pin_hash: str, actor: Actor, *, now: datetime
) -> tuple[Tablet, str]:
    """A tablet for a station, with the code that pairs it: for ten minutes and once."""
    station = db.get_or_404(Organization, organization_id)
    _require_clerk(actor, station)
    if station.closed_at:
        raise Refusal(_("This organization is closed. Choose another one."), "organization_id")
    tablet = Tablet(organization_id=station.id, name=name, exit_pin_hash=exit_pin_hash, made_at=now)
    tablet.made_by_id = actor.account_id
    code = _new_code(tablet, now)
    db.session.add(tablet)
    _note("tablet added", tablet, actor, now)
    return tablet, code


def renew_code(tablet_id: int, actor: Actor, *, now: datetime) -> tuple[Tablet, str]:
    """Another code for the same tablet, after the first one ran out or the device was changed."""
    tablet = _own_tablet(tablet_id, actor)
    if tablet.cut_off_at:
        raise Refusal(_("This tablet is cut off. Add it anew to use it again."))
    code = _new_code(tablet, now)
    _note("tablet code made", tablet, actor, now)
    return tablet, code


def _new_code(tablet: Tablet, now: datetime) -> str:
    code = vault.slip_code()[:9]  # two groups of four: 38 bits for ten minutes, and guessing is throttled
    tablet.code_hash, tablet.code_ends_at = vault.digest(code), now + CODE_LIFE
    return code


def pair(code: str, *, now: datetime) -> str:
    """Use up the code; returns the token of the tablet's cookie. A device that was paired before is out."""
    found = queries.pairing(code, now)
    tablet = lock(Tablet, found.id) if found else None
    if tablet is None or tablet.code_hash != vault.digest(vault.tidy(code)):
        raise Refusal(_("This code is wrong or has ended. Please have the clerk make a new one at the desk."), "code")
    token = vault.token()
    tablet.token_hash, tablet.paired_at, tablet.seen_at = vault.digest(token), now, now
    tablet.code_hash = tablet.code_ends_at = None
    _note("tablet paired", tablet, None, now)
    return token


def cut_off(tablet_id: int, actor: Actor, *, now: datetime) -> Tablet:
    """From its next request on the device sees nothing of the station any more."""
    tablet = _own_tablet(tablet_id, actor)
    if tablet.cut_off_at:
        raise Refusal(_("This tablet is cut off already."))
    tablet.token_hash = tablet.paired_at = tablet.code_hash = tablet.code_ends_at = None
    tablet.cut_off_at, tablet.cut_off_by_id = now, actor.account_id
    _note("tablet cut off", tablet, actor, now)
    return tablet


def see(tablet_id: int, *, now: datetime) -> None:
    """The tablet is on; the desk shows when it was last seen."""
    long_ago = or_(Tablet.seen_at.is_(None), Tablet.seen_at < now - SEEN_EVERY)
    used = update(Tablet).where(Tablet.id == tablet_id, Tablet.token_hash.is_not(None), long_ago)
    db.session.execute(used.values(seen_at=now))


def place_station(
    organization_id: int, latitude: float, longitude: float, radius_m: int, actor: Actor, *, now: datetime
) -> Spot:
    """Say where the station is, so that a phone's distance can be told."""
    station = lock(Organization, organization_id)
    _require_clerk(actor, station)
    spot = queries.spots([station.id]).get(station.id) or Spot(organization_id=station.id)
    spot.latitude, spot.longitude, spot.radius_m = latitude, longitude, radius_m
    spot.set_at, spot.set_by_id = now, actor.account_id
    db.session.add(spot)
    audit.note("station placed", spot, actor_id=actor.account_id, now=now, organization_id=station.id)
    return spot


def _own_tablet(tablet_id: int, actor: Actor) -> Tablet:
    tablet = lock(Tablet, tablet_id)
    _require_clerk(actor, db.session.get_one(Organization, tablet.organization_id))
    return tablet


def _require_clerk(actor: Actor, organization: Organization) -> None:
    if not actor.may(Role.CLERK, organization.path):
        raise _beyond(organization)


def _require_near(volunteer_id: int, actor: Actor, now: datetime) -> None:
    """A clerk gives PINs and cards to the station's own people and to whoever serves there, to nobody else."""
    if queries.person_at_desk(volunteer_id, actor, now) is None:
        raise _beyond(queries.station_of(volunteer_id))


def _beyond(organization: Organization) -> Refusal:
    return Refusal(_("Your role does not cover %(name)s. Ask your office.", name=organization.name))


def _note(what: str, tablet: Tablet, actor: Actor | None, now: datetime) -> None:
    who = actor.account_id if actor else None
    audit.note(what, tablet, actor_id=who, now=now, organization_id=tablet.organization_id, name=tablet.name)


# --- checking in and out --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: the observation, and whether it was made just now or stood there already."""

    claim: Claim
    punch: Punch
    is_new: bool


def use_receipt(receipt: Receipt, act: Act, actor: Actor, *, device: str, now: datetime) -> Done:
    """Check in or out by a scan, at the moment of the scan: class A. The same receipt counts once."""
    tablet = db.session.get(Tablet, receipt.tablet_id)
    if tablet is None or tablet.cut_off_at:
        raise Refusal(_("The tablet of this code is no longer in use. Please ask the clerk."))
    claim = _claim_to_use(receipt.shift_id, actor)
    lock(Claim, claim.id)  # so that the same receipt sent twice meets itself
    if before := queries.used(receipt.key):
        return _as_before(before, actor)
    due = queries.due(claim, now)
    if due.act is None and due.seen.last:
        return Done(claim, due.seen.last, is_new=False)
    if act is not due.act:
        raise Refusal(_("This has changed meanwhile. Please scan the code on the tablet again."))
    at = min(now, max([receipt.at, *(p.at for p in (due.seen.last,) if p)]))
    punch = claims.check_oneself(claim.id, act, actor, evidence=EvidenceClass.A, at=at, now=now)
    origin = _came_by(punch, Method.SCAN, tablet.id)
    origin.receipt_hash, origin.device_hash = receipt.key, vault.digest(f"device/{device}")
    db.session.flush()
    _flag_shared(claim, punch, origin.device_hash, now)
    look_for_two_places([claim], now=now)
    return Done(claim, punch, is_new=True)


def _claim_to_use(shift_id: int, actor: Actor) -> Claim:
    if actor.volunteer_id is None:
        raise Refusal(_("Please register as a volunteer first."))
    claim = queries.claim_on(shift_id, actor.volunteer_id)
    if claim is None or claim.state is not ClaimState.HELD:
        raise Refusal(no_place(shift_id, claim))
    return claim


def no_place(shift_id: int, claim: Claim | None) -> str:
    """Why somebody who scanned cannot check in, and whom to ask."""
    shift = claim.shift if claim else attendance.shift_with_post(shift_id)
    if shift is None or shift.state is ShiftState.CANCELLED:
        return _("This shift was cancelled, so there is nothing to check in to. Please ask the clerk.")
    if claim and claim.state is ClaimState.OFFERED:
        return _("A place is kept for you. Please accept it first on the page of the shift, then scan again.")
    if claim:
        return _("You wait in line and hold no place yet. Please ask the clerk whether one is free.")
    return queries.no_claim()


def _as_before(before: Punch, actor: Actor) -> Done:
    if before.claim.volunteer_id != actor.volunteer_id:
        raise Refusal(_("This scan was used already. Please scan the code on the tablet yourself."))
    return Done(before.claim, before, is_new=False)


def check_at_tablet(
    volunteer_id: int, tablet: Paired, method: Method, evidence: EvidenceClass, *, now: datetime
) -> Done:
    """Check in or out at the tablet, whichever comes next for the person at this station."""
    volunteer = queries.person(volunteer_id)
    claim = queries.claim_here(volunteer.id, tablet.path, now)
    if claim is None:
        raise Refusal(_("You hold no place here today. Please ask the clerk, who can add people who simply come."))
    lock(Claim, claim.id)
    due = queries.due(claim, now)
    if due.act is None and due.seen.last:
        return Done(claim, due.seen.last, is_new=False)
    _refuse_third(due)
    actor = Actor(volunteer.account_id, volunteer.account.name, volunteer_id=volunteer.id)
    punch = claims.check_oneself(claim.id, due.act or Act.IN, actor, evidence=evidence, at=now, now=now)
    _came_by(punch, method, tablet.id)
    db.session.flush()
    look_for_two_places([claim], now=now)
    return Done(claim, punch, is_new=True)


def _refuse_third(due: queries.Due) -> None:
    """Whoever taps a third time has rarely come back: a stay that nobody meant would stay open."""
    if due.is_again and due.seen.spans[-1].left:
        left = due.seen.spans[-1].left.at
        raise Refusal(
            _("You checked out at %(time)s. If you stay on, please ask the clerk.", time=display.hour(left)),
        )


def _came_by(punch: Punch, method: Method, tablet_id: int | None) -> Origin:
    db.session.flush()
    origin = Origin(punch_id=punch.id, method=method, tablet_id=tablet_id)
    db.session.add(origin)
    return origin


# --- PINs -----------------------------------------------------------------------------------------------------


def first_pin() -> str:
    """Six random digits that somebody begins with."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def reset_pin(volunteer: Volunteer, pin_hash: str, organization_id: int, actor: Actor, *, now: datetime) -> Pin:
    """A clerk gives somebody who stands at the desk a PIN to begin with; the person chooses their own at the tablet."""
    station = db.session.get_one(Organization, organization_id)
    _require_clerk(actor, station)
    if volunteer.account_id == actor.account_id:
        raise Refusal(_("Set your own PIN on your own page."))
    _require_near(volunteer.id, actor, now)
    pin = _pin_of(volunteer.id)
    pin.pin_hash, pin.is_first, pin.set_at = pin_hash, True, now
    pin.reset_at, pin.reset_by_id = now, actor.account_id
    tries.forgive(tries.of_pin(volunteer.number, 0))
    about = volunteer.account_id
    audit.note("PIN reset", pin, actor_id=actor.account_id, now=now, organization_id=station.id, about_id=about)
    tell(about, NoticeKind.PIN_RESET, now=now, path="/me/pin", organization=station.name)
    return pin


def set_pin(volunteer_id: int, pin_hash: str, *, now: datetime) -> Pin:
    """The person chooses a PIN; whatever a clerk gave them ends."""
    pin = _pin_of(volunteer_id)
    pin.pin_hash, pin.is_first, pin.set_at = pin_hash, False, now
    return pin


def _pin_of(volunteer_id: int) -> Pin:
    lock(Volunteer, volunteer_id)
    pin = queries.pin_of(volunteer_id) or Pin(volunteer_id=volunteer_id)
    db.session.add(pin)
    return pin


def refuse_simple(pin: str, number: str) -> None:
    """Refuse a PIN that anybody tries first."""
    steps = {int(b) - int(a) for a, b in pairwise(pin)}
    if (len(steps) == 1 and steps <= {-1, 0, 1}) or len(set(pin)) < 3 or pin in number:
        raise Refusal(_("This PIN is guessed too easily. Please choose another one."), "pin")


def evidence_of(pin: Pin, now: datetime) -> EvidenceClass:
    """Class A is the person's own act; for a day after a reset somebody else has known the way in: class B."""
    fresh = pin.reset_at is not None and now - pin.reset_at < queries.FRESH_RESET
    return EvidenceClass.B if fresh else EvidenceClass.A


# --- cards ----------------------------------------------------------------------------------------------------


def issue_card(volunteer: Volunteer, actor: Actor, organization_id: int | None, *, now: datetime) -> Card:
    """A new card; the one before is good no more. `organization_id` is the clerk's station, None for one's own."""
    if organization_id is not None:
        _require_clerk(actor, db.session.get_one(Organization, organization_id))
        _require_near(volunteer.id, actor, now)
    elif actor.volunteer_id != volunteer.id:
        raise Refusal(_("Only the person and their station can make a card."))
    lock(Volunteer, volunteer.id)
    _void_card(volunteer.id, now=now)
    card = Card(volunteer_id=volunteer.id, serial=queries.last_serial(volunteer.id) + 1, issued_at=now)
    card.issued_by_id = actor.account_id
    db.session.add(card)
    about = {"organization_id": organization_id, "about_id": volunteer.account_id}
    audit.note("card issued", card, actor_id=actor.account_id, now=now, **about)
    return card


def revoke_card(volunteer_id: int, actor: Actor, organization_id: int, *, now: datetime) -> None:
    """A lost card opens nothing any more; a clerk of the station takes it back for somebody who came."""
    _require_clerk(actor, db.session.get_one(Organization, organization_id))
    _require_near(volunteer_id, actor, now)
    volunteer = lock(Volunteer, volunteer_id)
    if card := _void_card(volunteer_id, now=now):
        about = {"organization_id": organization_id, "about_id": volunteer.account_id}
        audit.note("card taken back", card, actor_id=actor.account_id, now=now, **about)


def _void_card(volunteer_id: int, *, now: datetime) -> Card | None:
    card = queries.card_of(volunteer_id)
    if card:
        card.revoked_at = now
        db.session.flush()
    return card


def holder(number: str, serial: int) -> Volunteer:
    """Whose card this is; refuses one that is good no more."""
    volunteer = queries.volunteer_numbered(number)
    card = queries.card_of(volunteer.id) if volunteer else None
    if volunteer is None or card is None or card.serial != serial:
        raise Refusal(
            _("This card is no longer good. Please ask the clerk for a new one, or use your number and PIN."), "who"
        )
    return volunteer


# --- what is odd ----------------------------------------------------------------------------------------------


def _flag_shared(claim: Claim, punch: Punch, device_hash: str, now: datetime) -> None:
    """One phone for several people: every attendance of them is flagged, since nobody knows whose it was."""
    shares = queries.shares(device_hash, claim.volunteer_id, now)
    if not shares:
        return
    details = {"others": len(set(shares.values()))}
    _raise(claim.id, FlagKind.SHARED_DEVICE, now, details, punch.id)
    for claim_id in sorted(shares):
        _raise(claim_id, FlagKind.SHARED_DEVICE, now, details)


def look_for_two_places(attended: Iterable[Claim], *, now: datetime) -> None:
    """Flag people whose stays overlap those on another shift, however either was observed."""
    for one, other in queries.elsewhere(list(attended)):
        _raise(one, FlagKind.TWO_PLACES, now, {})
        _raise(other, FlagKind.TWO_PLACES, now, {})


def _raise(claim_id: int, kind: FlagKind, now: datetime, details: dict[str, int], punch_id: int | None = None) -> None:
    """One flag of a kind for each attendance; what is new about it is looked at again."""
    flag = queries.flag_of(claim_id, kind)
    if flag and flag.details == details:
        return
    flag = flag or Flag(claim_id=claim_id, kind=kind, punch_id=punch_id)
    flag.details, flag.raised_at = details, now
    flag.looked_at = flag.looked_by_id = None
    with (
        suppress(IntegrityError),
        db.session.begin_nested(),
    ):  # somebody raised the same at this moment: a flag blocks nothing
        db.session.add(flag)


def look_at(flag_id: int, actor: Actor, *, now: datetime) -> Flag:
    """A clerk has looked into it; the flag stays, with the name of who did."""
    flag = lock(Flag, flag_id)
    organization = attendance.organization_of(_shift_of(flag))
    _require_clerk(actor, organization)
    if flag.looked_at is None:
        flag.looked_at, flag.looked_by_id = now, actor.account_id
        where = organization.id
        audit.note("flag looked at", flag, actor_id=actor.account_id, now=now, organization_id=where, kind=flag.kind)
    return flag


def decided(claim_id: int, actor: Actor, *, now: datetime) -> None:
    """Whoever confirms a flagged entry with a reason has looked at its flags."""
    open_ones = update(Flag).where(Flag.claim_id == claim_id, Flag.looked_at.is_(None))
    db.session.execute(open_ones.values(looked_at=now, looked_by_id=actor.account_id))


def _shift_of(flag: Flag) -> Shift:
    claim = db.session.get_one(Claim, flag.claim_id)
    return db.session.get_one(Shift, claim.shift_id)


# --- where somebody was -----------------------------------------------------------------------------------------


def agree_to_location(account_id: int, *, now: datetime) -> None:
    """The person agrees, separately, that the distance to the station is noted (PIPL art. 29)."""
    if not queries.agreed_to_location(account_id):
        identity.agree(account_id, (Purpose.LOCATION,), now=now)


def locate(
    punch: Punch, latitude: float, longitude: float, accuracy_m: int, actor: Actor, *, now: datetime
) -> Sighting | None:
    """Note how far the phone was from the station; None if that is not known, not agreed to, or too late."""
    spot = queries.spot_of(punch.claim.shift_id)
    too_late = now - punch.recorded_at > LOCATE_WITHIN
    if spot is None or too_late or not queries.agreed_to_location(actor.account_id):
        return None
    lock(Claim, punch.claim_id)
    if known := queries.sighting_of(punch.id):
        return known
    distance = queries.distance_m(latitude, longitude, spot)
    near = distance - min(accuracy_m, NEAR_ENOUGH_M) <= spot.radius_m
    seen = Sighting(punch_id=punch.id, at=now, distance_m=distance, accuracy_m=accuracy_m, is_near=near)
    seen.latitude, seen.longitude = latitude, longitude
    db.session.add(seen)
    if not near:
        _raise(punch.claim_id, FlagKind.FAR_AWAY, now, {"metres": round(distance, -2)}, punch.id)
    return seen


def coordinates_end(now: datetime) -> datetime:
    """Coordinates from before this moment are dropped."""
    return now - clock.DAY * organizations.limit(Limit.LOCATION_DAYS)


def forget_coordinates(*, now: datetime) -> int:
    """Drop the coordinates that are older than the set number of days; returns how many."""
    old = update(Sighting).where(Sighting.at < coordinates_end(now), Sighting.latitude.is_not(None))
    gone = old.values(latitude=None, longitude=None).returning(Sighting.id)
    return len(db.session.scalars(gone).all())


def _forget_where(volunteer: Volunteer) -> None:
    """What the consent to location covered: coordinates and distances of this person."""
    theirs = select(Punch.id).join(Claim, Claim.id == Punch.claim_id).where(Claim.volunteer_id == volunteer.id)
    db.session.execute(db.delete(Sighting).where(Sighting.punch_id.in_(theirs)))


def _let_go(leaving: Departure) -> None:
    """Who leaves takes the PIN, the card, the phone and every place along."""
    if leaving.volunteer_id is None:
        return
    _void_card(leaving.volunteer_id, now=leaving.now)
    db.session.execute(db.delete(Pin).where(Pin.volunteer_id == leaving.volunteer_id))
    theirs = select(Punch.id).join(Claim, Claim.id == Punch.claim_id).where(Claim.volunteer_id == leaving.volunteer_id)
    db.session.execute(db.delete(Sighting).where(Sighting.punch_id.in_(theirs)))
    db.session.execute(update(Origin).where(Origin.punch_id.in_(theirs)).values(device_hash=None))


identity.WITHDRAWN[Purpose.LOCATION] = _forget_where
identity.ON_LEAVE.append(_let_go)
