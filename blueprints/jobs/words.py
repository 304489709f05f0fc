"""What the states of a task are called."""

from enum import StrEnum
from typing import Any

from blueprints.jobs.models import JobState
from core.i18n import lazy

WORDS: dict[StrEnum, Any] = {
    JobState.QUEUED: lazy("Waits its turn"),
    JobState.RUNNING: lazy("At work"),
    JobState.DONE: lazy("Task done"),
    JobState.FAILED: lazy("Did not work"),
    JobState.CANCELLED: lazy("Task stopped"),
}
