"""What the categories, risks and states of posts are called."""

from enum import StrEnum
from typing import Any

from blueprints.posts.models import Category, Hazard, PostState, RiskLevel, ShiftState, Theme
from core.i18n import lazy

THEMES: dict[Theme, Any] = {
    Theme.PEOPLE: lazy("Caring for people"),
    Theme.SOCIETY: lazy("Caring for society"),
    Theme.NATURE: lazy("Caring for nature"),
}
CATEGORIES: dict[Category, Any] = {
    Category.ELDERS: lazy("Help for elders"),
    Category.DISABLED: lazy("Help for people with disabilities"),
    Category.HARDSHIP: lazy("Help in hardship"),
    Category.CONVENIENCE: lazy("Handy services"),
    Category.CHILDREN: lazy("Children left behind"),
    Category.NEW_RESIDENTS: lazy("Children of new residents"),
    Category.NEIGHBOURS: lazy("Looking out for neighbours"),
    Category.CIVILITY: lazy("Good manners in public"),
    Category.TRAFFIC: lazy("Safe traffic"),
    Category.ONLINE: lazy("A civil internet"),
    Category.WINDOW: lazy("Service counters"),
    Category.GOVERNANCE: lazy("Running the community"),
    Category.EVENTS: lazy("Large events"),
    Category.EMERGENCY: lazy("Emergencies"),
    Category.WATER: lazy("Clean water"),
    Category.GREENING: lazy("Greening"),
    Category.CLEANING: lazy("Clean surroundings"),
    Category.CYCLING: lazy("Low-carbon cycling"),
    Category.SORTING: lazy("Waste sorting"),
}
RISK_LEVELS: dict[RiskLevel, Any] = {
    RiskLevel.LOW: lazy("Low risk"),
    RiskLevel.MEDIUM: lazy("Medium risk"),
    RiskLevel.HIGH: lazy("High risk"),
}
HAZARDS: dict[Hazard, Any] = {
    Hazard.WATER: lazy("At or on the water"),
    Hazard.HEIGHT: lazy("Work at height"),
    Hazard.TRAFFIC: lazy("In road traffic"),
    Hazard.NIGHT: lazy("At night"),
    Hazard.ALONE: lazy("Door to door alone"),
    Hazard.RESCUE: lazy("Rescue or disaster"),
}
POST_STATES: dict[PostState, Any] = {
    PostState.DRAFT: lazy("Draft"),
    PostState.PUBLISHED: lazy("Published"),
    PostState.CANCELLED: lazy("Cancelled"),
}
SHIFT_STATES: dict[ShiftState, Any] = {
    ShiftState.DRAFT: lazy("Not published yet"),
    ShiftState.OPEN: lazy("Open for claims"),
    ShiftState.CANCELLED: lazy("Cancelled"),
}
# Keyed by type and value: Category.WATER and Hazard.WATER are equal as strings.
WORDS: dict[tuple[type[StrEnum], str], Any] = {
    (type(member), member.value): word
    for words in (THEMES, CATEGORIES, RISK_LEVELS, HAZARDS, POST_STATES, SHIFT_STATES)
    for member, word in words.items()
}
