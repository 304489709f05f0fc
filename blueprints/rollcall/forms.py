"""What a tablet sends, and what a clerk fills in about it."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask_wtf.file import FileField
from wtforms import FieldList, FormField, HiddenField, StringField, ValidationError
from wtforms import Form as PlainForm

from blueprints.claims.models import Act
from blueprints.rollcall.rules import MOST_AT_ONCE, Watch, opened
from core.forms import AtMost, Filled, Form, tidy
from core.i18n import _, lazy
from core.refusal import Refusal

KEY = re.compile(r"[A-Za-z0-9-]{8,64}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FARTHEST = 80_000_000_000_000  # milliseconds, some two thousand years: two such moments can be added up
LONGEST = 600
MOST_ROWS = 120


class Unreadable(Refusal):
    """What was sent is no queue of a tablet, or too much at once."""

    status = 422


@dataclass(frozen=True, slots=True)
class Mark:
    """One act as a tablet tells it; what could not be read is None. All moments are by the tablet's clock."""

    key: str
    sent: str
    claim_id: int | None = None
    act: Act | None = None
    at: datetime | None = None
    met_at: datetime | None = None  # when the tablet got the roster
    watch: Watch | None = None
    number: int = 0  # the tablet counts its acts
    undoes: str = ""  # the key of the act that is taken back
    punch_id: int | None = None  # or what the roster showed as entered


@dataclass(frozen=True, slots=True)
class Batch:
    sent_at: datetime
    marks: list[Mark]


def read(text: str) -> Batch:
    """The queue of a tablet: {"sent_at": ms, "acts": [...]}; single acts that cannot be read are kept all the same."""
    try:
        told = json.loads(text)
        sent_at, acts = _moment(told["sent_at"]), told["acts"]
    except (ValueError, TypeError, KeyError, RecursionError):
        sent_at, acts = None, None
    if sent_at is None or not isinstance(acts, list):
        raise Unreadable(_("What was sent cannot be read. Reload the roster and send again."))
    if len(acts) > MOST_AT_ONCE:
        raise Unreadable(_("Please send at most %(count)d entries at once. Nothing was entered.", count=MOST_AT_ONCE))
    return Batch(sent_at, [_mark(act) for act in acts])


def _mark(told: Any) -> Mark:
    sent = json.dumps(told, sort_keys=True)
    if not isinstance(told, dict) or not KEY.fullmatch(key := str(told.get("key", ""))) or len(sent) > LONGEST:
        return Mark(fingerprint(sent), sent[:LONGEST])
    return Mark(
        key,
        sent,
        claim_id=_id(told.get("claim")),
        act=Act(told["act"]) if told.get("act") in tuple(Act) else None,
        at=_moment(told.get("at")),
        met_at=_moment(told.get("met_at")),
        watch=opened(str(told.get("pass", ""))),
        number=_id(told.get("number")) or 0,
        undoes=str(told.get("undoes", "")),
        punch_id=_id(told.get("punch")),
    )


def fingerprint(sent: str) -> str:
    """The key of what came without one, or under the key of something else."""
    return hashlib.sha256(sent.encode()).hexdigest()


def _id(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**31 else None


def _moment(value: Any) -> datetime | None:
    well = type(value) is int and 0 <= value <= FARTHEST
    return EPOCH + timedelta(milliseconds=value) if well else None


class QueueForm(Form):
    """The queue of a page that cannot send by itself."""

    acts = HiddenField()


class DismissalForm(Form):
    reason = StringField(lazy("Reason"), [Filled(lazy("Please say why this does not count.")), AtMost(200)])


# --- the paper sheet ----------------------------------------------------------------------------------------


def hour(text: str) -> time | None:
    """A time as people write it: 9:05, 0905, 9.05, 9; None if it is none."""
    said = re.fullmatch(r"(\d{1,2})(?:\D?(\d\d))?", unicodedata.normalize("NFKC", text).strip())
    hours, minutes = (int(said[1]), int(said[2] or 0)) if said else (24, 0)
    return time(hours, minutes) if hours < 24 and minutes < 60 else None


class RowForm(PlainForm):
    """One row of the sheet; an empty one is passed over."""

    code = StringField(lazy("Row code"), filters=[tidy], validators=[AtMost(20)])
    came = StringField(lazy("In"), filters=[tidy], validators=[AtMost(20)])
    left = StringField(lazy("Out"), filters=[tidy], validators=[AtMost(20)])

    @property
    def is_empty(self) -> bool:
        return not (self.code.data or self.came.data or self.left.data)

    def validate(self, extra_validators: Any = None) -> bool:
        well: bool = super().validate(extra_validators)
        if self.is_empty or not well:
            return well
        if not self.code.data:
            self.code.errors = [_("Please type the code of the row.")]
        for field in (self.came, self.left):
            if hour(field.data or "") is None:
                field.errors = [_("Please type a time like 0905. Whoever has no time here is left out for now.")]
        return not any((self.code.errors, self.came.errors, self.left.errors))


class Rows(FieldList):
    """Rows whose numbers come from the request: strange ones are passed over, and too many cut off."""

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> list[int]:
        numbers = (key[len(prefix) + 1 :].split("-", 1)[0] for key in formdata if key.startswith(f"{prefix}-"))
        known = {int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 4}
        return sorted(known)[:MOST_ROWS]


class SheetForm(Form):
    rows = Rows(FormField(RowForm))

    def add_rows(self, count: int) -> None:
        """Have at least so many rows to type in."""
        while len(self.rows) < min(count, MOST_ROWS):
            self.rows.append_entry()


class PhotoForm(Form):
    photo = FileField(
        lazy("Photo of the sheet"),
        description=lazy("The whole sheet, flat and in good light. Where and with what it was taken is not kept."),
    )

    def validate_photo(self, field: FileField) -> None:
        if not field.data or not field.data.filename:
            raise ValidationError(_("Please choose a photo."))
