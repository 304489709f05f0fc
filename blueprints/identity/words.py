"""What states, skills and times are called, and the texts that people agree to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from blueprints.identity.models import (
    Daytime,
    Gender,
    GuardianMethod,
    Leaving,
    Purpose,
    Skill,
    SlipPurpose,
    VolunteerState,
    Weekday,
)
from core.actor import Role
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    Role.CLERK: lazy("Clerk"),
    Role.CONFIRMER: lazy("Confirmer"),
    Role.ADMINISTRATOR: lazy("Administrator"),
    Gender.FEMALE: lazy("Female"),
    Gender.MALE: lazy("Male"),
    VolunteerState.SUBMITTED: lazy("Waits for approval"),
    VolunteerState.RETURNED: lazy("Returned to you"),
    VolunteerState.ACTIVE: lazy("Registered"),
    VolunteerState.REJECTED: lazy("Not approved"),
    VolunteerState.RESIGNED: lazy("Left"),
    VolunteerState.MERGED: lazy("Merged into another registration"),
    Skill.APPLIANCES: lazy("Repair of appliances"),
    Skill.HAIRCUT: lazy("Haircuts"),
    Skill.SEWING: lazy("Sewing and mending"),
    Skill.NURSING: lazy("Medical care"),
    Skill.FIRST_AID: lazy("First aid"),
    Skill.COUNSELLING: lazy("Psychological counselling"),
    Skill.LAW: lazy("Legal advice"),
    Skill.TUTORING: lazy("Tutoring"),
    Skill.CALLIGRAPHY: lazy("Calligraphy and painting"),
    Skill.MUSIC: lazy("Music"),
    Skill.PHOTOGRAPHY: lazy("Photo and video"),
    Skill.DIGITAL: lazy("Teaching computers and phones"),
    Skill.TRANSLATION: lazy("Translation"),
    Skill.SIGN_LANGUAGE: lazy("Sign language"),
    Skill.DIALECT: lazy("Local dialect"),
    Skill.DRIVING: lazy("Driving"),
    Skill.WATER_TESTING: lazy("Testing of water"),
    Skill.HOSTING: lazy("Hosting"),
    Skill.WRITING: lazy("Writing"),
    Skill.PROJECTS: lazy("Project management"),
    Weekday.MON: lazy("Monday"),
    Weekday.TUE: lazy("Tuesday"),
    Weekday.WED: lazy("Wednesday"),
    Weekday.THU: lazy("Thursday"),
    Weekday.FRI: lazy("Friday"),
    Weekday.SAT: lazy("Saturday"),
    Weekday.SUN: lazy("Sunday"),
    Daytime.MORNING: lazy("Morning"),
    Daytime.AFTERNOON: lazy("Afternoon"),
    Daytime.EVENING: lazy("Evening"),
    Purpose.PLEDGE: lazy("The volunteer's pledge"),
    Purpose.REGISTRATION: lazy("Use of my data for registration and service"),
    Purpose.ID_NUMBER: lazy("Keeping my ID number"),
    Purpose.LEAGUE: lazy("Showing my registration to my League branch"),
    Purpose.LOCATION: lazy("Comparing my phone's place with the station when I check in"),
    GuardianMethod.IN_PERSON: lazy("In person at the station"),
    GuardianMethod.SIGNED_PAPER: lazy("On signed paper"),
    Purpose.HANDOVER: lazy("Handing my record over to the national system"),
    Purpose.NOTICE_NAME: lazy("Showing my full name on public notices"),
    Purpose.WALL: lazy("Showing my full name on the screens of stations where I serve"),
    SlipPurpose.CLAIM: lazy("Take over the account"),
    SlipPurpose.PASSWORD: lazy("Set a new password"),
    SlipPurpose.PHONE: lazy("Change the phone number"),
    SlipPurpose.LEAVE: lazy("Leave"),
    SlipPurpose.SECOND_STEP: lazy("Take away the second step (phone and codes are lost)"),
    Leaving.KEEP: lazy("Keep my name, date of birth and area with my records, so that they can be certified later"),
    Leaving.ERASE: lazy("Erase my personal data; the records stay as minutes without a person"),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """A text as somebody agreed to it. Who changes a word gives it a new version and keeps the old one."""

    version: str
    paragraphs: tuple[Any, ...]


AGREEMENTS: dict[Purpose, tuple[Agreement, ...]] = {
    # The pledge of 中国注册志愿者管理办法 (2013).
    Purpose.PLEDGE: (
        Agreement(
            "1",
            (
                lazy(
                    "I wish to be a volunteer with honour. I promise: to do what I can, without reward, "
                    "to help others and to serve society; to practise the spirit of volunteering and spread "
                    "a civil culture; to contribute to a good society of solidarity and mutual help, "
                    "equality and friendship, and common progress."
                ),
            ),
        ),
    ),
    Purpose.REGISTRATION: (
        Agreement(
            "1",
            (
                lazy(
                    "Who: the organization you register with, and the offices above it, keep your data in this "
                    "system. Its name and telephone number stand on your page."
                ),
                lazy(
                    "What and why: your name, gender, date of birth, area of residence and phone number, and "
                    "what you choose to add: skills, kinds of service, times, a mail address. The rules on "
                    "records of volunteer service ask for them. They serve to register you, to find posts that "
                    "suit you, to reach you about your shifts, and to record your service. Your home address "
                    "is not asked for."
                ),
                lazy(
                    "Who sees them: the staff of your station and of the offices above it. Everybody else sees "
                    "your surname and a star. Nothing is published, sold or handed on without asking you "
                    "separately."
                ),
                lazy(
                    "How long: while you are registered. When you leave, you choose whether your data stay "
                    "with your records or are erased."
                ),
                lazy(
                    "Your rights: to see, copy and correct your data, to withdraw each consent, and to leave at "
                    "any time, on your own page or at the station."
                ),
            ),
        ),
    ),
    Purpose.ID_NUMBER: (
        Agreement(
            "1",
            (
                lazy(
                    "The ID number is not needed to volunteer. If you give it, it is kept encrypted, and used "
                    "only to make sure that nobody is registered twice or in your name. No page and no list "
                    "ever shows it. You can withdraw this at any time; then it is erased at once."
                ),
            ),
        ),
    ),
    Purpose.LEAGUE: (
        Agreement(
            "1",
            (
                lazy(
                    "Membership of the League is not needed to volunteer. If you name your branch, its "
                    "secretary may see that you are registered and what you have served. You can withdraw this "
                    "at any time; then the branch is removed from your registration."
                ),
            ),
        ),
    ),
    Purpose.LOCATION: (
        Agreement(
            "1",
            (
                lazy(
                    "Your location is not needed to check in. If you agree, your phone is asked where it is when "
                    "you scan the code at the station, and the distance to the station is noted beside your "
                    "check-in. Nobody is refused for it: a long distance is only a reason to ask. Clerks and "
                    "confirmers see the distance, never the place; the place itself is erased after a set number "
                    "of days. You can withdraw this at any time; then distances and places are erased at once."
                ),
            ),
        ),
    ),
    Purpose.HANDOVER: (
        Agreement(
            "1",
            (
                lazy(
                    "You can volunteer without this. If you agree, your registration (name, gender, date of birth, "
                    "phone number, volunteer number, area of residence) and your effective minutes are handed over to "
                    "the national information system for volunteer service (中国志愿服务网), so that they are found "
                    "there, too. Corrections are handed over as well."
                ),
                lazy(
                    "If you gave your ID number here, it goes along only when an administrator needs it and writes "
                    "down why. You can withdraw this at any time: from then on nothing more is handed over. What was "
                    "handed over before is in the hands of that system."
                ),
            ),
        ),
    ),
    # A name is published only with a consent of its own (PIPL 25, 条例 art. 20).
    Purpose.NOTICE_NAME: (
        Agreement(
            "1",
            (
                lazy(
                    "You can volunteer without this. On a public notice stand your surname and a star, what you did, "
                    "with which organization and how long, so that others can say if it is not true. If you agree, "
                    "your full name stands there instead."
                ),
                lazy(
                    "Who sees a notice stands on it: the people of the organization, everybody who is signed in, or "
                    "everybody. It disappears by itself after some working days. You can withdraw this at any time: "
                    "your name is masked from the next time somebody looks."
                ),
            ),
        ),
    ),
    Purpose.WALL: (
        Agreement(
            "1",
            (
                lazy(
                    "You can volunteer without this. A station may have a screen on its wall that tells everybody who "
                    "passes by who serves there today. Of you it shows the surname and the end of your volunteer "
                    "number. If you agree, it shows your full name instead, on the screens of stations where you "
                    "hold a place, on the day of your shift and on no other."
                ),
                lazy(
                    "No other page and no list changes by this, and nothing else about you is shown. You can withdraw "
                    "this at any time: from its next refresh on, some seconds later, a screen shows your short name "
                    "again. Full names of people under 18 are never shown."
                ),
            ),
        ),
    ),
}

# What follows when somebody agrees to what is offered to them.
GIVEN: dict[Purpose, Any] = {
    Purpose.HANDOVER: lazy("Thank you. Your effective minutes go to the national system with the next file."),
    Purpose.NOTICE_NAME: lazy("Thank you. Public notices show your full name from now on."),
    Purpose.WALL: lazy("Thank you. From their next refresh on screens show your full name on the days you serve."),
}
# What follows when a consent is taken back; for the others, what it covered is erased.
TAKEN_BACK: dict[Purpose, Any] = {
    Purpose.HANDOVER: lazy("From now on nothing more is handed over."),
    Purpose.NOTICE_NAME: lazy("From now on your name is masked on public notices."),
    Purpose.WALL: lazy("From its next refresh on a screen shows your short name again."),
}
ERASED_THEN = lazy("What this consent covered is erased at once.")


def current(purpose: Purpose) -> Agreement:
    """The text that is agreed to today."""
    return AGREEMENTS[purpose][-1]


def taken_back(purpose: Purpose) -> str:
    """What taking a consent back means, in a sentence."""
    return str(TAKEN_BACK.get(purpose, ERASED_THEN))


def agreement(purpose: Purpose, version: str) -> Agreement | None:
    """The text of a version, to be read again by who agreed to it."""
    return next((text for text in AGREEMENTS[purpose] if text.version == version), None)


# Browsers and systems claim to be each other, so the more particular marks stand first.
BROWSERS = {
    "MicroMessenger": "WeChat",
    "Edg": "Edge",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "HarmonyOS": "HarmonyOS",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def device(user_agent: str) -> str:
    """Chrome · Android: enough to know one's own browsers by; empty for one that does not say."""
    found = [next((name for mark, name in names.items() if mark in user_agent), "") for names in (BROWSERS, SYSTEMS)]
    return " · ".join(name for name in found if name)
