"""What a tablet sends, as the tests write it: its clock may be wrong, and its queue may be anything."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count

from blueprints.claims import queries as attendance
from blueprints.rollcall import actions, rules
from blueprints.rollcall.forms import read
from core.db import db
from tests.factories import START

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = count(1)


def ms(moment):
    return (moment - EPOCH) // timedelta(milliseconds=1)


class Tablet:
    """A tablet that got the roster of a shift at a moment; its clock is `wrong` by so much."""

    def __init__(self, shift, clerk, got=START, wrong=timedelta(0)):
        self.wrong, self.met_at = wrong, got + wrong
        self.sealed = rules.pass_for(clerk.account_id, shift.id, now=got)

    def marks(self, claim, act, at, **more):
        number = next(_numbers)
        told = {"key": f"key-{number:08d}", "number": number, "claim": claim.id, "act": act, "at": ms(at + self.wrong)}
        return told | {"met_at": ms(self.met_at), "pass": self.sealed} | more

    def queue(self, acts, now):
        return json.dumps({"sent_at": ms(now + self.wrong), "acts": acts})

    def sends(self, acts, clerk, now):
        batch = read(self.queue(acts, now))
        answers = actions.receive(batch.marks, clerk, sent_at=batch.sent_at, now=now)
        db.session.commit()
        return answers


def states(answers):
    return [str(answer.state) for answer in answers]


def seen(claim):
    db.session.expire_all()
    return attendance.attendance(claim.id)


def times(claim):
    return [(span.entered.at, span.left.at if span.left else None) for span in seen(claim).spans]
