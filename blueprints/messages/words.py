"""The sentence of each notice, in the language of whoever reads it. `%(when)s` is told from `starts` and `ends`."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from blueprints.identity.models import Skill
from blueprints.messages.models import Bulletin, BulletinKind, Channel, Notice, NoticeKind, RobotKind, Topic
from blueprints.messages.rules import topic_of
from core import display, vault
from core.actor import Role
from core.i18n import _, language, lazy
from core.words import say

WORDS: dict[StrEnum, Any] = {
    Topic.REMINDERS: lazy("Reminders: the day before and shortly before the start"),
    Topic.CHANGES: lazy("A shift I claimed changes or is cancelled"),
    Topic.OFFERS: lazy("A place becomes free for me"),
    Topic.CLAIMS: lazy("What I claimed or cancelled myself"),
    Topic.RECORDS: lazy("My records: handed in, effective, returned"),
    Topic.ACCOUNT: lazy("Registration, roles and the safety of my account"),
    Channel.MAIL: lazy("Mail"),
    Channel.PUSH: lazy("Notification of the browser"),
    Channel.SMS: lazy("Text message"),
    Channel.ROBOT: lazy("Group robot"),
    RobotKind.WECOM: lazy("WeCom group robot"),
    RobotKind.DINGTALK: lazy("DingTalk group robot"),
}

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
    K.GROUP_NAMED: lazy(
        "%(person)s would like you to come along to “%(title)s”, %(when)s. Place %(place)s is kept for you until "
        "%(until)s; it is yours only if you accept."
    ),
    K.GROUP_ASKED: lazy(
        "%(person)s would like you to come along to “%(title)s”, %(when)s. The organizer approves each person: "
        "if it suits you, ask for a place there."
    ),
    K.SHIFT_SHORT: lazy(
        "“%(title)s”, %(when)s, has %(held)s of at least %(minimum)s people. Please decide: cancel, merge, borrow "
        "people, or go on."
    ),
    K.MERGED_KEPT: lazy(
        "“%(other_title)s”, %(other_when)s, is merged into “%(title)s”, %(when)s. Place %(place)s is kept for you "
        "there until %(until)s; it is yours only if you accept."
    ),
    K.MERGED_ELSEWHERE: lazy(
        "“%(other_title)s”, %(other_when)s, is merged into “%(title)s”, %(when)s. No place could be "
        "kept for you there; please look whether you can still join."
    ),
    K.HELP_WANTED: lazy(
        "%(organization)s is short of people for “%(title)s”, %(when)s. If you have time and would like to, a place "
        "is free."
    ),
    K.RECORD_CHECK_ASKED: lazy("A spot check looks at %(count)s of your entries. Please send evidence by %(until)s."),
    K.RECORD_OVERDUE: lazy(
        "%(count)s things of organizations below yours became overdue. Please look at them, and ask there."
    ),
    K.HELP_ASKED: lazy(
        "%(organization)s asks for help: “%(title)s”, %(when)s, has %(held)s of at least %(minimum)s people."
    ),
    K.GROUP_DECLINED: lazy("%(person)s does not come along to “%(title)s”, %(when)s. The place is free again."),
    K.HANDOVER_ENDED: lazy(
        "Your search for a stand-in or swap at “%(title)s”, %(when)s, has ended: the shift began or changed. "
        "You still hold the place."
    ),
    K.SHIFT_SOON: lazy("Reminder: “%(title)s”, %(when)s, at %(where)s. You hold place %(place)s."),
    K.SHIFT_NEAR: lazy("Soon: “%(title)s”, %(when)s, at %(where)s. You hold place %(place)s."),
    K.TRIAL: lazy("This is a test message, so that you see what reaches you."),
    K.REGISTRATION_RECEIVED: lazy("Your registration has reached %(organization)s. You can claim once it is approved."),
    K.REGISTRATION_APPROVED: lazy("%(organization)s approved your registration. You can now claim."),
    K.REGISTRATION_RETURNED: lazy(
        "%(organization)s returned your registration: %(reason)s Please correct it and send it again."
    ),
    K.REGISTRATION_REJECTED: lazy("%(organization)s did not approve your registration: %(reason)s"),
    K.RECORD_HANDED_IN: lazy(
        "%(organization)s handed in %(minutes)s for “%(title)s”, %(when)s. A second person confirms it by %(until)s. "
        "If this is not right, open the entry and say so."
    ),
    K.RECORD_ON_NOTICE: lazy(
        "%(minutes)s for “%(title)s”, %(when)s, are agreed to. Because nobody was checked in and out by the system at "
        "the time, they stand on public notice, and count after %(until)s unless somebody objects."
    ),
    K.OBJECTION_UPHELD: lazy("Your objection to “%(title)s”, %(when)s, was right: %(reason)s"),
    K.OBJECTION_DISMISSED: lazy("Your objection to “%(title)s”, %(when)s, was dismissed: %(reason)s"),
    K.SUPPLEMENT_PROPOSED: lazy(
        "%(organization)s stated %(minutes)s for you that were no shift: “%(title)s”, %(when)s. Please say whether "
        "that is true; nothing happens before you do."
    ),
    K.SUPPLEMENT_REFUSED: lazy("The person did not agree to what you stated for them: “%(title)s”, %(when)s."),
    K.SUPPLEMENT_VOUCHED: lazy(
        "The organization vouched for “%(title)s”, %(when)s, %(minutes)s. The level above decides on it."
    ),
    K.SUPPLEMENT_QUESTION: lazy("About “%(title)s”, %(when)s, the organization asks: %(reason)s Please answer."),
    K.SUPPLEMENT_DECLINED: lazy("“%(title)s”, %(when)s, was not vouched for: %(reason)s"),
    K.RECORD_ENTERED: lazy(
        "%(organization)s entered %(minutes)s for you that belong to no shift: “%(title)s”, %(when)s. "
        "If you did not serve there, say so on your record at once."
    ),
    K.REQUEST_DECLINED: lazy("No place of %(title)s, %(when)s, could be given. The reason is in Rengang."),
    K.REQUEST_UNANSWERED: lazy("Nobody answered your request for %(title)s, %(when)s. It has ended."),
    K.CLAIMS_OPEN: lazy("%(title)s, %(when)s, can be claimed now."),
    K.STAND_IN_ASKED: lazy("Can you stand in at %(title)s, %(when)s? Please answer in Rengang."),
    K.SWAP_ASKED: lazy(
        "Somebody would like to swap a place of %(title)s, %(when)s, with you. Please answer in Rengang."
    ),
    K.PLACE_TAKEN: lazy("Your place of %(title)s, %(when)s, is taken over. You need not come."),
    K.SWAP_DONE: lazy("Swapped: you now hold a place of %(title)s, %(when)s."),
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
    K.DISPUTE_RECEIVED: lazy(
        "Your dispute of “%(title)s”, %(when)s, has arrived. %(organization)s decides by %(until)s."
    ),
    K.DISPUTE_WAITS: lazy("Somebody disputes the entry “%(title)s”, %(when)s. Please decide by %(until)s."),
    K.DISPUTE_REJECTED: lazy(
        "Your dispute of “%(title)s”, %(when)s, was rejected: %(reason)s You can appeal until %(until)s."
    ),
    K.DISPUTE_DISMISSED: lazy("Your dispute of “%(title)s”, %(when)s, was rejected for good: %(reason)s"),
    K.DISPUTE_ACCEPTED: lazy("Your dispute of “%(title)s”, %(when)s, was accepted."),
    K.DISPUTE_AGAINST: lazy(
        "The person whose entry “%(title)s”, %(when)s, is disputed it and was right. You recorded or confirmed it."
    ),
    K.IDENTITY_REPORTED: lazy(
        "Somebody reports a registration in their name that they know nothing of. Please decide by %(until)s."
    ),
    K.IDENTITY_FOUND: lazy("A reported registration was found to be void. A second person has to agree: please look."),
    K.REGISTRATION_VOIDED: lazy(
        "A registration that you made, approved, recorded for or confirmed for is void: its person knew nothing of it."
    ),
    K.REGISTRATION_DOUBTED: lazy(
        "Somebody reported that your registration was made without your knowledge, and a first person found it to be "
        "so. If a second one agrees, your account is closed and its hours are taken back. If you registered yourself, "
        "tell %(organization)s at once, with your identity card."
    ),
    K.REGISTRATION_KEPT: lazy(
        "The report that your registration was made without your knowledge was looked into, and it is not so: your "
        "account and your hours stay as they are."
    ),
    K.REGISTRATION_CLOSED: lazy(
        "Your account is closed and its hours are taken back: two people found that your registration was made "
        "without your knowledge. If that is wrong, go to %(organization)s with your identity card, and quote "
        "%(number)s."
    ),
    K.REGISTRATION_MERGING: lazy(
        "It is proposed at %(organization)s that two registrations of yours become one: %(number)s goes on with the "
        "hours of both, and the other account is closed. If one of them is not yours, please object on this page."
    ),
    K.REGISTRATION_MERGED: lazy(
        "Your two registrations are one now: %(number)s goes on, and the hours of both count there. Please sign in "
        "with its phone number from now on. If that is wrong, tell your district office."
    ),
    K.REGISTRATION_STAYS: lazy("Two registrations were not merged, and nothing has changed: %(reason)s"),
    K.MERGER_WAITS: lazy("Two registrations shall become one. Please look at both and decide."),
    K.MERGER_DECLINED: lazy("What you proposed about two registrations was not done: %(reason)s"),
    K.CERTIFICATE_ISSUED: lazy("Certificate %(number)s is issued. You can download and print it."),
    K.CERTIFICATE_DECLINED: lazy("The request for certificate %(number)s was declined: %(reason)s"),
    K.CERTIFICATE_REVOKED: lazy("Certificate %(number)s was taken back: %(reason)s"),
    K.CERTIFICATE_CHANGED: lazy(
        "An entry in certificate %(number)s was corrected. Whoever checks it is told so; please print a new one."
    ),
    K.IMPORT_ENTERED: lazy("“%(title)s” is entered: %(count)s rows. What could not be entered stands in its list."),
    K.IMPORT_DECLINED: lazy("The import “%(title)s” was declined: %(reason)s"),
    K.HONOUR_PROPOSED: lazy(
        "%(organization)s proposed you for “%(title)s”. Please look at the reason and at what is counted for you: you "
        "can say that it is not right, or that you do not want it."
    ),
    K.HONOUR_ON_NOTICE: lazy(
        "You are on public notice for “%(title)s” until %(until)s. It is granted after that unless something said "
        "against it is right."
    ),
    K.HONOUR_GRANTED: lazy("%(organization)s granted you “%(title)s”."),
    K.HONOUR_WITHDRAWN: lazy("Your nomination for “%(title)s” has ended: %(reason)s"),
    K.HONOUR_REVOKED: lazy("“%(title)s” was taken back from you: %(reason)s"),
    K.HONOUR_CHANGED: lazy(
        "An entry was corrected on which an approval for “%(title)s” rests. Please look whether it still stands."
    ),
    K.HONOUR_DOUBT_UPHELD: lazy("What you said against a nomination for “%(title)s” was right: %(reason)s"),
    K.HONOUR_DOUBT_DISMISSED: lazy("What you said against a nomination for “%(title)s” was dismissed: %(reason)s"),
    K.HONOUR_DOUBT_LAPSED: lazy(
        "The nomination for “%(title)s” that you objected to has ended, so nobody decides on your objection. If it is "
        "made anew, please object again."
    ),
    K.JOB_DONE: lazy("Ready: %(title)s. You find it among your tasks."),
    K.JOB_FAILED: lazy("“%(title)s” did not come to its end. The reason stands with the task."),
    K.ATTENDANCE_SETTLED: lazy("%(organization)s entered your times of “%(title)s”, %(when)s: %(reason)s"),
    K.NO_SHOW_NOTED: lazy(
        "%(organization)s noted that you did not come to “%(title)s”, %(when)s. If that is not right, say so here. "
        "Only the station sees it, and it fades on %(until)s."
    ),
    K.NO_SHOW_UNDONE: lazy("%(organization)s took back the note that you did not come to “%(title)s”, %(when)s."),
    K.NO_SHOW_DISPUTED: lazy(
        "Somebody says they were wrongly noted as not there: “%(title)s”, %(when)s. Another person than you decides."
    ),
    K.NO_SHOW_UPHELD: lazy(
        "Another person looked at your objection about “%(title)s”, %(when)s: the note stays. "
        "%(reason)s It fades on %(until)s."
    ),
    K.NO_SHOW_OVERTURNED: lazy(
        "Another person looked at your objection about “%(title)s”, %(when)s: the note is taken off. %(reason)s"
    ),
    K.ABSENCE_EXCUSED: lazy(
        "%(organization)s noted that you could not come to “%(title)s”, %(when)s. That is no mark against you."
    ),
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

# For a text message or a notification: what matters, and a title that may be cut.
SHORT: dict[NoticeKind, Any] = {
    K.CLAIM_OFFERED: lazy("A place of %(title)s, %(when)s, is kept for you until %(until)s."),
    K.OFFER_LAPSED: lazy("The place offered on %(title)s, %(when)s, has lapsed."),
    K.PLACE_MOVED_UP: lazy("You now hold a place of %(title)s, %(when)s."),
    K.SHIFT_CHANGED: lazy("Changed: %(title)s is now %(when)s. Reason and place are in Rengang."),
    K.SHIFT_CANCELLED: lazy("Cancelled: %(title)s, %(when)s."),
    K.CLAIM_RULES_CHANGED: lazy("Your place on %(title)s, %(when)s, has ended. The reason is in Rengang."),
    K.CLAIM_RELEASED: lazy("Your place on %(title)s, %(when)s, has ended. The reason is in Rengang."),
    K.SHIFT_SOON: lazy("Reminder: %(title)s, %(when)s."),
    K.SHIFT_NEAR: lazy("Soon: %(title)s, %(when)s."),
    K.REQUEST_DECLINED: lazy("No place of %(title)s, %(when)s, could be given. The reason is in Rengang."),
    K.REQUEST_UNANSWERED: lazy("Nobody answered your request for %(title)s, %(when)s. It has ended."),
    K.CLAIMS_OPEN: lazy("%(title)s, %(when)s, can be claimed now."),
    K.STAND_IN_ASKED: lazy("Can you stand in at %(title)s, %(when)s? Please answer in Rengang."),
    K.SWAP_ASKED: lazy(
        "Somebody would like to swap a place of %(title)s, %(when)s, with you. Please answer in Rengang."
    ),
    K.PLACE_TAKEN: lazy("Your place of %(title)s, %(when)s, is taken over. You need not come."),
    K.SWAP_DONE: lazy("Swapped: you now hold a place of %(title)s, %(when)s."),
    K.RECORD_EFFECTIVE: lazy("%(minutes)s for %(title)s are effective."),
    K.RECORD_RETURNED: lazy("The entry for %(title)s was returned to the station. The reason is in Rengang."),
}

BULLETINS: dict[BulletinKind, Any] = {
    BulletinKind.SHIFT_CHANGED: lazy("“%(title)s” has changed: now %(when)s at %(where)s."),
    BulletinKind.SHIFT_CANCELLED: lazy("“%(title)s”, %(when)s, will not take place."),
    BulletinKind.SHIFT_SHORT: lazy(
        "“%(title)s”, %(when)s, has %(count)s of at least %(needed)s people. Please decide at the desk."
    ),
    BulletinKind.TODAY: lazy("Shifts today: %(count)s\n%(lines)s"),
    BulletinKind.TRIAL: lazy("This is a test message of %(organization)s. It reached the group."),
}


def sentence(notice: Notice) -> str:
    """The notice as one reads it, with its dates told from today."""
    return str(SENTENCES[notice.kind]) % told(notice.values)


def written(notice: Notice) -> str:
    """The notice as it is sent: read at another time, so that its dates are told by their names."""
    return str(SENTENCES[notice.kind]) % told(notice.values, near=False)


def announced(bulletin: Bulletin) -> str:
    """What a group chat reads."""
    return str(BULLETINS[bulletin.kind]) % told(bulletin.values, near=False)


def short(notice: Notice, longest: int, *, bare: bool = False) -> str:
    """The notice in at most so many characters: only a title is ever cut, and what does not fit is only mentioned.

    A `bare` one says no more than the title and the time of a shift, which is what people agree to hand on.
    """
    words = SHORT.get(notice.kind)
    if "sealed" in notice.values or (bare and words is None):
        return _mentioned(notice)
    values = told(notice.values, near=False)
    if words is None:
        whole = str(SENTENCES[notice.kind]) % values
        return whole if len(whole) <= longest else _mentioned(notice)
    values["title"] = _cut(str(values.get("title", "")), longest - len(str(words) % {**values, "title": ""}))
    found = str(words) % values
    return found if len(found) <= longest else _mentioned(notice)


def parameters(notice: Notice) -> dict[str, str]:
    """The values of a notice for a gateway whose templates are approved beforehand: title, time, and no name."""
    values = told({name: notice.values[name] for name in HANDED_ON if name in notice.values}, near=False)
    shown = {name: str(value) for name, value in values.items() if name not in ("starts", "ends")}
    if "title" in shown:
        shown["title"] = _cut(shown["title"], LONGEST_VALUE)
    return shown


LONGEST_VALUE = 20  # characters; what gateways commonly let through in one place of a template
HANDED_ON = ("title", "starts", "ends", "until", "place", "position")


def _mentioned(notice: Notice) -> str:
    return _("You have a new message in Rengang: %(topic)s.", topic=str(SHORT_TOPICS[topic_of(notice.kind)]))


SHORT_TOPICS: dict[Topic, Any] = {
    Topic.REMINDERS: lazy("a reminder"),
    Topic.CHANGES: lazy("a change of what you claimed"),
    Topic.OFFERS: lazy("a free place"),
    Topic.CLAIMS: lazy("about your claim"),
    Topic.RECORDS: lazy("about your record"),
    Topic.ACCOUNT: lazy("about your account"),
}


def _cut(text: str, longest: int) -> str:
    """No more characters than that, the last of them an ellipsis if some are missing."""
    return text if len(text) <= longest else text[: max(longest - 1, 0)].rstrip() + "…"


def told(given: Mapping[str, str | int], *, near: bool = True) -> dict[str, Any]:
    """The values of a notice as people say them."""
    values: dict[str, Any] = dict(given)
    if "starts" in values:
        pair = (datetime.fromisoformat(values["starts"]), datetime.fromisoformat(values["ends"]))
        values["when"] = display.span(pair, near=near)
    if "other_starts" in values:
        pair = (datetime.fromisoformat(values["other_starts"]), datetime.fromisoformat(values["other_ends"]))
        values["other_when"] = display.span(pair, near=near)
    if "minutes" in values:
        values["minutes"] = display.minutes(int(values["minutes"]))
    if "until" in values:
        values["until"] = _until(values["until"], near)
    if "role" in values:
        values["role"] = say(Role(values["role"]))
    if "skill" in values:
        values["skill"] = say(Skill(values["skill"]))
    if "reason" in values:
        values["reason"] = _ended(str(values["reason"]))
    if "sealed" in values:
        values["link"] = vault.unseal(values.pop("sealed"))
    return values


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


def _until(value: str, near: bool) -> str:
    when = datetime.fromisoformat(value)
    return display.moment(when, near=near) if when.tzinfo else display.day(when.date(), near=near)
