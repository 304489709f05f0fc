"""The sentence of each notice, in the language of whoever reads it. `%(when)s` is told from `starts` and `ends`."""

from datetime import datetime
from typing import Any

from blueprints.identity.models import Skill
from blueprints.messages.models import Notice, NoticeKind
from core import display, vault
from core.actor import Role
from core.i18n import _, language, lazy
from core.words import say

K = NoticeKind
SENTENCES: dict[NoticeKind, Any] = {
    K.CLAIM_HELD: lazy("You hold place %(place)s of “%(title)s”, %(when)s."),
    K.CLAIM_WAITING: lazy("“%(title)s”, %(when)s, is full. You are number %(position)s in line."),
    K.CLAIM_OFFERED: lazy("A place of “%(title)s”, %(when)s, is yours if you accept it by %(until)s."),
    K.OFFER_LAPSED: lazy("The place offered to you on “%(title)s”, %(when)s, was not accepted in time and went on."),
    K.PLACE_MOVED_UP: lazy("A place became free: you now hold place %(place)s of “%(title)s”, %(when)s."),
    K.CLAIM_CANCELLED: lazy("Your claim on “%(title)s”, %(when)s, is cancelled."),
    K.SHIFT_CHANGED: lazy(
        "“%(title)s” has changed: now %(when)s at %(where)s. Reason: %(reason)s "
        "You may cancel without a mark if that does not suit you."
    ),
    K.SHIFT_CANCELLED: lazy("“%(title)s”, %(when)s, will not take place. Reason: %(reason)s"),
    K.CLAIM_RULES_CHANGED: lazy(
        "After a change you no longer meet the conditions of “%(title)s”, %(when)s: %(reason)s"
    ),
    K.CLAIM_RELEASED: lazy("The station has freed your place on “%(title)s”, %(when)s. Reason: %(reason)s"),
    K.REQUEST_RECEIVED: lazy(
        "You asked for a place of “%(title)s”, %(when)s. The organizer answers before the start, and you are told."
    ),
    K.REQUEST_DECLINED: lazy("The organizer could not give you a place of “%(title)s”, %(when)s. Reason: %(reason)s"),
    K.REQUEST_UNANSWERED: lazy(
        "Nobody answered your request for “%(title)s”, %(when)s, before it began, so it has ended. We are sorry."
    ),
    K.CLAIMS_OPEN: lazy("“%(title)s”, %(when)s, can be claimed now."),
    K.STAND_IN_ASKED: lazy("%(person)s asks whether you can stand in at “%(title)s”, %(when)s. Please answer."),
    K.STAND_IN_WAITS: lazy(
        "%(person)s is ready to stand in for you at “%(title)s”, %(when)s. The organizer decides; until then the "
        "place is yours."
    ),
    K.SWAP_ASKED: lazy(
        "%(person)s would like to swap: their place of “%(title)s”, %(when)s, for yours of “%(other_title)s”, "
        "%(other_when)s. Please answer if that suits you."
    ),
    K.SWAP_DONE: lazy(
        "Swapped: you now hold place %(place)s of “%(title)s”, %(when)s, and no longer one of “%(other_title)s”, "
        "%(other_when)s."
    ),
    K.PLACE_TAKEN: lazy("%(person)s has taken over your place of “%(title)s”, %(when)s. You need not come."),
    K.PLACE_PASSED_ON: lazy("“%(title)s”, %(when)s: %(person)s takes over place %(place)s from %(giver)s."),
    K.PLACES_SWAPPED: lazy(
        "“%(title)s”, %(when)s: %(giver)s and %(person)s have swapped with “%(other_title)s”, %(other_when)s."
    ),
    K.HANDOVER_REFUSED: lazy(
        "The person you asked about “%(title)s”, %(when)s, cannot. The place is still yours; you can ask somebody else."
    ),
    K.HANDOVER_ENDED: lazy(
        "Your search for a stand-in or swap at “%(title)s”, %(when)s, has ended: the shift began or changed. "
        "You still hold the place."
    ),
    K.SHIFT_SOON: lazy("Reminder: “%(title)s”, %(when)s, at %(where)s. You hold place %(place)s."),
    K.REGISTRATION_RECEIVED: lazy("Your registration has reached %(organization)s. You can claim once it is approved."),
    K.REGISTRATION_APPROVED: lazy("%(organization)s approved your registration. You can now claim."),
    K.REGISTRATION_RETURNED: lazy(
        "%(organization)s returned your registration: %(reason)s Please correct it and send it again."
    ),
    K.REGISTRATION_REJECTED: lazy("%(organization)s did not approve your registration: %(reason)s"),
    K.RECORD_HANDED_IN: lazy(
        "%(organization)s handed in %(minutes)s for “%(title)s”, %(when)s. A second person confirms it by %(until)s. "
        "If this is not right, tell the station."
    ),
    K.RECORD_EFFECTIVE: lazy("%(minutes)s for “%(title)s”, %(when)s, are effective."),
    K.RECORD_RETURNED: lazy("The entry for “%(title)s”, %(when)s, was returned to the station: %(reason)s"),
    K.RECORD_AWAITS_APPROVAL: lazy(
        "%(minutes)s for “%(title)s”, %(when)s, are confirmed. "
        "Because the day is long, the level above approves them too."
    ),
    K.CORRECTION_PROPOSED: lazy(
        "A correction of “%(title)s”, %(when)s, to %(minutes)s was proposed: %(reason)s Another person decides on it."
    ),
    K.RECORD_CORRECTED: lazy("“%(title)s”, %(when)s, was corrected and now counts %(minutes)s: %(reason)s"),
    K.CORRECTION_DECLINED: lazy("The correction of “%(title)s”, %(when)s, was declined: %(reason)s"),
    K.ATTENDANCE_SETTLED: lazy("%(organization)s entered your times of “%(title)s”, %(when)s: %(reason)s"),
    K.GRANT_GIVEN: lazy("You are now %(role)s of %(organization)s."),
    K.GRANT_TAKEN: lazy("You are no longer %(role)s of %(organization)s."),
    K.SLIP_ISSUED: lazy(
        "A one-time slip for your account was issued at %(organization)s. "
        "If this was not you, tell your district office."
    ),
    K.SLIP_BY_MAIL: lazy("A one-time code for your account, good until %(until)s: %(link)s"),
    K.PASSWORD_CHANGED: lazy("Your password was changed and every other device was signed out."),
    K.PHONE_CHANGED: lazy("Your account now uses the phone number %(phone)s."),
    K.EMAIL_CHANGED: lazy(
        "The mail address of your account was changed. If this was not you, change your password and tell your station."
    ),
    K.ACCOUNT_CLAIMED: lazy("Your account is now yours alone. Minutes recorded before count from now on."),
    K.GUARDIAN_RECORDED: lazy("%(organization)s recorded your guardian's consent."),
    K.GUARDIAN_WITHDRAWN: lazy(
        "%(organization)s recorded that your guardian's consent is withdrawn. While you are under 18, your coming "
        "claims are cancelled, and you can claim again once a new consent is on record."
    ),
    K.CHECK_IN_UNDONE: lazy(
        "%(organization)s undid your check-in of “%(title)s”, %(when)s. "
        "If you are or were there, please tell the clerk."
    ),
    K.CHECK_OUT_UNDONE: lazy(
        "%(organization)s undid your check-out of “%(title)s”, %(when)s. If you had left, please tell the clerk."
    ),
    K.SKILL_VERIFIED: lazy("%(organization)s has seen the proof of your skill: %(skill)s."),
    K.PIN_RESET: lazy(
        "%(organization)s gave you a new PIN for the station's tablet. "
        "If you did not ask for it, tell your district office."
    ),
    K.SECOND_STEP_SET_UP: lazy(
        "Signing in to your account now asks for a code of your phone, and every other device was signed out. "
        "If this was not you, tell your district office."
    ),
    K.SECOND_STEP_REMOVED: lazy(
        "The second step at sign-in was taken away from your account. If this was not you, tell your district office."
    ),
    K.RECOVERY_CODES_MADE: lazy("New recovery codes were made for your account; the earlier ones open nothing now."),
    K.RECOVERY_CODE_USED: lazy(
        "A recovery code of your account was used; %(left)s are left. If this was not you, change your password and "
        "tell your district office."
    ),
}


def sentence(notice: Notice) -> str:
    """The notice as one reads it, with its dates told from today."""
    values: dict[str, Any] = dict(notice.values)
    if "starts" in values:
        pair = (datetime.fromisoformat(values["starts"]), datetime.fromisoformat(values["ends"]))
        values["when"] = display.span(pair)
    if "other_starts" in values:
        pair = (datetime.fromisoformat(values["other_starts"]), datetime.fromisoformat(values["other_ends"]))
        values["other_when"] = display.span(pair)
    if "minutes" in values:
        values["minutes"] = display.minutes(int(values["minutes"]))
    if "until" in values:
        values["until"] = _until(values["until"])
    if "role" in values:
        values["role"] = say(Role(values["role"]))
    if "skill" in values:
        values["skill"] = say(Skill(values["skill"]))
    if "reason" in values:
        values["reason"] = _ended(str(values["reason"]))
    if "sealed" in values:
        values["link"] = vault.unseal(values["sealed"])
    return str(SENTENCES[notice.kind]) % values


def _ended(reason: str) -> str:
    """Somebody else's words as a whole sentence, whether or not they typed the full stop."""
    return reason if reason.endswith(tuple("。！？.!?…")) else reason + {"zh_Hans": "。", "en": "."}[language()]


def shown(notice: Notice) -> str:
    """The notice in the inbox: a secret that travels by mail alone is only mentioned there."""
    if notice.kind is K.SLIP_BY_MAIL:
        return str(
            _(
                "A one-time link was sent to your mail address. If this was not you, nothing needs to be done: "
                "nobody gets in without that mail."
            )
        )
    return sentence(notice)


def _until(value: str) -> str:
    when = datetime.fromisoformat(value)
    return display.moment(when) if when.tzinfo else display.day(when.date())
