"""What a clerk fills in to change or to call off what people have claimed."""

from wtforms import BooleanField, TextAreaField

from blueprints.posts.forms import Given, PostForm, Revised, ShiftForm
from core.forms import AtMost
from core.i18n import lazy


class PostChangeForm(PostForm):
    """What a published post says; the rule asks for the reason when somebody has claimed it."""

    acknowledged = BooleanField(lazy("I have looked at this wording again, and it is meant so."))
    reason = TextAreaField(lazy("Reason for the change"), [AtMost(200)])


class ShiftChangeForm(Revised, ShiftForm):
    """Time, places and break of one shift."""

    reason = TextAreaField(lazy("Reason for the change"), [AtMost(200)])


class NewShiftForm(Revised, ShiftForm):
    """One more shift of a published post."""


class CallOffForm(Revised):
    """Why something that was promised will not take place."""

    reason = TextAreaField(lazy("Reason"), [Given(lazy("Please say why: everyone who claimed is told.")), AtMost(200)])
