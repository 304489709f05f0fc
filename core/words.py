"""The word of each state and kind as people read it; each area has its own in words.py."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from flask import Flask, current_app

Key = tuple[type[StrEnum], str]


def init_app(app: Flask, *tables: Mapping[Any, Any]) -> None:
    """Register the filter `word`: `{{ claim.state|word }}`."""
    words: dict[Key, Any] = {}
    for table in tables:
        words |= {_key(member): word for member, word in table.items()}
    app.extensions["words"] = words
    app.add_template_filter(say, "word")


def say(member: StrEnum) -> str:
    """The word of a member in the reader's language."""
    return str(current_app.extensions["words"][_key(member)])


def _key(member: StrEnum | Key) -> Key:
    """Members of two enums may share a value ("water" is a category and a hazard), so the type belongs to the key."""
    return member if isinstance(member, tuple) else (type(member), member.value)
