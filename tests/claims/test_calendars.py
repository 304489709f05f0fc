"""Calendars by a secret address: made, renewed, ended; right in every zone; changes and cancellations reach them."""

import logging
import re
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from flask import request_finished, request_started
from icalendar import Calendar
from sqlalchemy import select

from blueprints.claims import actions, feed, linking, links
from blueprints.claims.models import LinkKind, SecretLink
from blueprints.identity import actions as identity
from blueprints.identity.models import Account, Leaving
from blueprints.posts.models import Post
from core import clock, logs
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import actor_of, claim
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, browser_of, make_post, make_shift, make_volunteer, make_world

DAY = timedelta(days=1)
END = START + 2 * HOUR
STATION = LinkKind.STATION


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def shift(world):
    return make_shift(make_post(world.station), places=3)


@pytest.fixture
def at(monkeypatch):
    def move(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    move(BEFORE)
    return move


@pytest.fixture
def as_(app, at):
    return partial(browser_of, app)


def own_path(volunteer):
    link = linking.renew_own(actor_of(volunteer), now=BEFORE)
    db.session.commit()
    return f"/calendar/{links.token(link)}.ics"


def station_path(world):
    link = linking.renew(world.station.id, STATION, world.chen, now=BEFORE)
    db.session.commit()
    return f"/calendar/stations/{links.token(link)}.ics"


def read(app, path):
    answer = app.test_client().get(path)
    assert answer.status_code == 200
    return Calendar.from_ical(answer.text)


def only(app, path):
    (event,) = read(app, path).walk("VEVENT")
    return event


# --- the address ------------------------------------------------------------------------------------------------------


def test_nobody_has_an_address_who_did_not_make_one(as_, world):
    page = as_(world.lin).get("/me/schedule").text
    assert "/calendar/" not in re.sub(r'action="[^"]+"', "", page)
    assert "Make an address" in page
    assert db.session.scalars(select(SecretLink)).all() == []


def test_an_address_is_made_renewed_and_ended_on_the_page_and_the_old_one_is_gone_at_once(app, as_, world):
    lin, stranger, seen = as_(world.lin), app.test_client(), []
    for _ in range(2):
        assert lin.post("/me/calendar/address").status_code == 303
        seen.append(re.search(r"http://localhost(/calendar/[^<]+\.ics)", lin.get("/me/schedule").text)[1])
    assert seen[0] != seen[1]
    assert [stranger.get(path).status_code for path in seen] == [404, 200]
    assert lin.post("/me/calendar/removal").status_code == 303
    assert stranger.get(seen[1]).status_code == 404
    assert "Make an address" in lin.get("/me/schedule").text


def test_the_database_keeps_no_address_that_somebody_could_use(world):
    path = own_path(world.lin)
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    row = db.session.scalars(select(SecretLink)).one()
    assert token not in f"{row.token_hash} {row.token_sealed}"
    assert len(token) == 43


def test_one_kind_of_address_opens_nothing_of_another_kind(app, world):
    own, station = own_path(world.lin), station_path(world)
    wall = links.token(linking.renew(world.station.id, LinkKind.WALL, world.chen, now=BEFORE))
    db.session.commit()
    tokens = [path.rsplit("/", 1)[1].removesuffix(".ics") for path in (own, station)] + [wall]
    wrong = [f"/calendar/{t}.ics" for t in tokens[1:]] + [f"/calendar/stations/{t}.ics" for t in (tokens[0], wall)]
    wrong += [f"/wall/{t}" for t in tokens[:2]] + ["/calendar/x.ics", f"/calendar/{tokens[0][:-1]}.ics"]
    assert {path: app.test_client().get(path).status_code for path in wrong} == dict.fromkeys(wrong, 404)


def test_only_clerks_of_the_station_make_its_addresses(as_, world):
    for actor in (world.gu, world.wu, world.qian):
        with pytest.raises(Refusal, match="does not cover"):
            linking.renew(world.station.id, STATION, actor, now=BEFORE)
    page = f"/desk/organizations/{world.station.id}/screens"
    assert as_(world.gu).get(page).status_code == 404
    assert as_(world.gu).post(f"{page}/wall/address").status_code == 404
    chen = as_(world.chen)
    assert chen.get("/desk/screens").location == page
    assert [chen.post(f"{page}/{kind}/address").status_code for kind in ("wall", "station", "schedule", "x")] == [
        303,
        303,
        404,
        404,
    ]
    assert chen.get(page).text.count('class="address"') == 2


def test_a_closed_account_and_a_closed_station_have_no_calendar(app, world, at):
    own, station = own_path(world.lin), station_path(world)
    identity.leave(world.lin.account_id, Leaving.KEEP, now=BEFORE)
    world.station.closed_at = BEFORE
    db.session.commit()
    assert [app.test_client().get(path).status_code for path in (own, station)] == [404, 404]
    assert db.session.scalars(select(SecretLink.kind)).all() == [STATION]


@pytest.fixture
def written(app):
    """Every line that the log gets meanwhile."""
    lines, handler, root = [], logging.Handler(), logging.getLogger()
    handler.emit = lambda record: lines.append(logs.JsonLine().format(record))
    level, hooks = root.level, ((request_started, logs._begin), (request_finished, logs._record))
    root.addHandler(handler), root.setLevel(logging.INFO)
    for signal, hook in hooks:
        signal.connect(hook, app)
    yield lines
    root.removeHandler(handler), root.setLevel(level)
    for signal, hook in hooks:
        signal.disconnect(hook, app)


def test_no_log_ever_holds_a_token(app, world, at, written):
    paths = [own_path(world.lin), station_path(world)]
    wall = links.token(linking.renew(world.station.id, LinkKind.WALL, world.chen, now=BEFORE))
    db.session.commit()
    for path in [*paths, f"/wall/{wall}", *(path[:-6] + "x.ics" for path in paths), "/wall/ABCD-EFGH-JKMN"]:
        app.test_client().get(path)
        app.logger.error("broke at %s", path)
    said = "\n".join(written)
    assert said.count('"path": "/calendar/<token>.ics"') >= 2
    assert '"path": "/wall/<token>"' in said
    secrets = [wall, "ABCD-EFGH-JKMN", *(path.rsplit("/", 1)[1][:20] for path in paths)]
    assert [secret for secret in secrets if secret in said] == []


# --- what stands in it ------------------------------------------------------------------------------------------------


def rules_of(body):
    """The rules of RFC 5545 that calendars are strict about."""
    lines = body.split(b"\r\n")
    assert lines[-1] == b""
    assert b"\n" not in b"".join(lines)  # 3.1: every line ends with CRLF
    assert max(map(len, lines)) <= 75  # octets, folded
    body.decode()
    calendar = Calendar.from_ical(body)
    assert (str(calendar["version"]), str(calendar["method"])) == ("2.0", "PUBLISH")
    assert calendar["prodid"]
    uids = []
    for event in calendar.walk("VEVENT"):
        for name in ("uid", "dtstamp", "dtstart", "dtend", "sequence", "status", "summary", "last-modified"):
            assert name in event, name
        assert event["dtstamp"].dt.tzinfo is UTC or event["dtstamp"].dt.utcoffset() == timedelta()
        assert event["dtend"].dt > event["dtstart"].dt
        assert event["dtstart"].dt.utcoffset() == timedelta()  # 3.3.5: in UTC no definition of a zone is needed
        uids.append(str(event["uid"]))
    assert len(uids) == len(set(uids))
    return calendar


def test_the_rules_of_the_format_hold_for_long_chinese_text_and_for_signs(app, world, at):
    place = "一楼；东门, 左转\\直走" + "很长的地名" * 20
    post = make_post(world.station, title="图书角；值守, 第二组", place=place[:120], responsible_name="陈\r\n站长")
    claim(make_shift(post), world.lin)
    for path in (own_path(world.lin), station_path(world)):
        calendar = rules_of(app.test_client().get(path).data)
        (event,) = calendar.walk("VEVENT")
        assert "图书角；值守, 第二组" in str(event["summary"])
        assert str(event["location"]).endswith(place[:120])
    assert "\r\n站长" not in app.test_client().get(own_path(world.lin)).text


def test_an_entry_keeps_its_name_and_its_number_grows_with_every_change(app, world, shift, at):
    path, seen = own_path(world.lin), []
    held = claim(shift, world.lin)
    seen.append(only(app, path))
    post = db.session.get(Post, shift.post_id)
    later = {"starts_at": START + HOUR, "ends_at": END + HOUR, "places": 3, "break_minutes": 0}
    change = {"revision": post.revision, "reason": "推迟", "now": BEFORE + HOUR}
    actions.change_shift(shift.id, later, world.chen, **change)
    db.session.commit()
    seen.append(only(app, path))
    assert seen[1]["dtstart"].dt == START + HOUR
    assert seen[1]["last-modified"].dt == BEFORE + HOUR
    actions.cancel(held.id, actor_of(world.lin), now=BEFORE + 2 * HOUR)
    db.session.commit()
    seen.append(only(app, path))
    assert (str(seen[2]["status"]), str(seen[2]["transp"])) == ("CANCELLED", "TRANSPARENT")
    assert len({str(event["uid"]) for event in seen}) == 1
    numbers = [int(event["sequence"]) for event in seen]
    assert numbers == sorted(set(numbers))


def test_what_was_called_off_says_so_for_a_month_and_is_then_left_out(app, world, shift, at):
    own, station = own_path(world.lin), station_path(world)
    far = make_shift(db.session.get(Post, shift.post_id), starts_at=START + 60 * DAY)
    claim(far, world.lin)
    actions.cancel_shift(far.id, world.chen, reason="台风", now=BEFORE)
    db.session.commit()
    at(BEFORE + 29 * DAY)
    assert str(only(app, own)["summary"]) == "已取消：社区图书角管理岗"
    statuses = {str(event["uid"]): str(event["status"]) for event in read(app, station).walk("VEVENT")}
    assert statuses == {f"shift-{shift.id}@rengang": "CONFIRMED", f"shift-{far.id}@rengang": "CANCELLED"}
    at(BEFORE + 31 * DAY)
    assert list(read(app, own).walk("VEVENT")) == []
    assert [str(event["uid"]) for event in read(app, station).walk("VEVENT")] == [f"shift-{shift.id}@rengang"]


def test_a_station_tells_how_many_are_missing_and_nobodys_name(app, world, shift, at):
    path = station_path(world)
    claim(shift, world.lin), claim(shift, world.zhou)
    make_shift(make_post(world.other_station))
    make_shift(make_post(world.station, state="draft", published_at=None, published_by_id=None), state="draft")
    event = only(app, path)
    assert str(event["summary"]) == "社区图书角管理岗 2/3 · 缺 1 人"
    text = app.test_client().get(path).text
    assert [name for name in ("林小满", "周晓航", "陈站长", world.lin.number) if name in text] == []


def test_ones_own_calendar_names_nobody_else_on_the_shift(app, world, shift, at):
    claim(shift, world.lin), claim(shift, world.zhou)
    text = app.test_client().get(own_path(world.lin)).text
    assert [name for name in ("周晓航", world.zhou.number) if name in text] == []


def test_the_calendar_speaks_the_language_of_its_owner(app, world, shift, at):
    claim(shift, world.lin)
    db.session.get(Account, world.lin.account_id).lang = "en"
    db.session.commit()
    assert "You hold place 1." in str(only(app, own_path(world.lin))["description"])


def test_an_unchanged_calendar_is_not_sent_again_and_a_changed_one_is(app, world, shift, at):
    claim(shift, world.lin)
    for path in (own_path(world.lin), station_path(world)):
        tag = app.test_client().get(path).headers["ETag"]
        at(BEFORE + HOUR)
        again = app.test_client().get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        assert "private" in again.headers["Cache-Control"]
    claim(shift, world.zhou)
    assert app.test_client().get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("whose", ["own", "station"])
def test_a_calendar_asks_as_often_for_one_entry_as_for_thirty(app, world, at, whose):
    path = own_path(world.lin) if whose == "own" else station_path(world)
    post = make_post(world.station)
    claim(make_shift(post), world.lin)
    app.test_client().get(path)  # the tree of places is read once in ten minutes

    def asked(first, last):
        for number in range(first, last):
            claim(make_shift(post, starts_at=START + number * DAY), world.lin)
        with counted() as statements:
            assert app.test_client().get(path).status_code == 200
        return len(statements)

    assert asked(1, 2) == asked(2, 30) <= 3


# --- zones ------------------------------------------------------------------------------------------------------------

# Around the nights on which clocks change, and over midnight of the last day of a year.
MOMENTS = [
    datetime(2026, 3, 28, 8, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 24, 23, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 15, 30, tzinfo=UTC),
    datetime(2027, 7, 1, 6, tzinfo=UTC),
]
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_every_moment_survives_the_calendar_in_every_zone(app, world, monkeypatch, zone, moment):
    monkeypatch.setitem(app.config, "TIME_ZONE", zone)
    monkeypatch.setattr(clock, "now", lambda: moment - DAY)
    shift = make_shift(make_post(world.station), starts_at=moment, hours=3)
    held = actions.claim(shift.id, actor_of(make_volunteer(birth_date=date(1990, 1, 1))), now=moment - DAY)
    db.session.commit()
    with app.test_request_context():
        body = feed.own(held.volunteer_id, moment - DAY, "http://localhost")
    (event,) = rules_of(body).walk("VEVENT")
    assert (event["dtstart"].dt, event["dtend"].dt) == (moment, moment + 3 * HOUR)
    assert f"DTSTART:{moment:%Y%m%dT%H%M%S}Z\r\n".encode() in body
    assert f"X-WR-TIMEZONE:{zone}".encode() in body
