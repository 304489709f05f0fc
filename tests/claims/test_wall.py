"""The screen of a station: who serves today, what is short, and nothing that is not meant for a wall."""

import re

import pytest

from blueprints.claims import actions, linking, links, wall
from blueprints.claims.models import Act, LinkKind
from blueprints.identity import actions as people
from blueprints.identity import queries as identity
from blueprints.identity.models import Leaving, Purpose, Volunteer
from core import clock
from core.db import db
from tests.claims.test_attendance import END, MINUTE, mark
from tests.claims.test_claiming import actor_of, claim
from tests.counting import counted
from tests.factories import BEFORE, HOUR, START, make_post, make_shift, make_volunteer, make_world
from tests.site.pages import Page

PART = {"HX-Request-Type": "partial"}


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

    move(START)
    return move


@pytest.fixture
def path(world, at):
    link = linking.renew(world.station.id, LinkKind.WALL, world.chen, now=BEFORE)
    db.session.commit()
    return f"/wall/{links.token(link)}"


@pytest.fixture
def screen(client):
    return client


def shown(screen, path):
    answer = screen.get(path)
    assert answer.status_code == 200
    return answer.text


def test_it_shows_who_is_here_by_surname_and_end_of_the_number_and_no_more(screen, path, world, shift):
    held = claim(shift, world.lin)
    claim(shift, world.zhou)
    mark(held, Act.IN, world.chen, START)
    page = shown(screen, path)
    assert f"林 {world.lin.number[-4:]}" in page
    assert re.search(r'class="wall__here">.{0,400}林 ', page, re.DOTALL)
    phones = [volunteer.account_id for volunteer in (world.lin, world.zhou)]
    assert phones
    for private in ("林小满", "周晓航", world.lin.number, "1990000"):
        assert private not in page
    assert Page(page).flaws() == []


def agrees(volunteer, now=BEFORE):
    people.agree_to(Purpose.WALL, volunteer.account_id, now=now)
    db.session.commit()


def test_whoever_agreed_is_shown_by_full_name_from_the_next_poll_on_and_nobody_else(screen, path, world, shift):
    claim(shift, world.lin), claim(shift, world.zhou)
    first = screen.get(path, headers=PART)
    assert "林小满" not in first.text
    agrees(world.lin)
    second = screen.get(path, headers=PART | {"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert "<span>林小满</span>" in second.text
    assert world.lin.number[-4:] not in second.text
    assert f"周 {world.zhou.number[-4:]}" in second.text
    assert "周晓航" not in second.text


def test_taking_it_back_is_seen_with_the_next_poll(screen, path, world, shift):
    claim(shift, world.lin)
    agrees(world.lin)
    tag = screen.get(path, headers=PART).headers["ETag"]
    consent = identity.live_consent(world.lin.account_id, Purpose.WALL)
    people.withdraw(consent.id, actor=actor_of(world.lin), now=START)
    db.session.commit()
    answer = screen.get(path, headers=PART | {"If-None-Match": tag})
    assert (answer.status_code, "林小满" in answer.text) == (200, False)
    assert f"林 {world.lin.number[-4:]}" in answer.text


def test_another_consent_shows_nobodys_full_name(screen, path, world, shift):
    claim(shift, world.lin)
    people.agree_to(Purpose.HANDOVER, world.lin.account_id, now=BEFORE)
    db.session.commit()
    assert "林小满" not in shown(screen, path)


@pytest.mark.parametrize("born", [START.date().replace(year=2099 - 17), None], ids=["a minor", "nobody knows"])
def test_nobody_under_age_is_shown_by_full_name_whoever_agreed(screen, path, world, shift, born):
    claim(shift, world.lin)
    agrees(world.lin)
    db.session.get_one(Volunteer, world.lin.id).birth_date = born  # a clerk corrected it afterwards
    db.session.commit()
    assert "林小满" not in shown(screen, path)


def test_a_full_name_goes_with_the_place_and_with_the_account(screen, path, world, shift):
    held = claim(shift, world.lin)
    agrees(world.lin)
    assert "林小满" in shown(screen, path)
    actions.cancel(held.id, actor_of(world.lin), now=BEFORE)
    db.session.commit()
    assert "林小满" not in shown(screen, path)
    people.leave(world.lin.account_id, Leaving.KEEP, now=START)
    db.session.commit()
    assert identity.live_consent(world.lin.account_id, Purpose.WALL) is None


def test_what_is_short_has_a_picture_that_leads_to_its_page(screen, path, world, shift):
    coming = make_shift(make_post(world.station, title="周末清洁岗"), starts_at=START + 3 * HOUR)
    full = make_shift(make_post(world.station, title="已满的岗"), starts_at=START + 4 * HOUR, places=1)
    claim(full, world.zhou)
    make_shift(make_post(world.station, title="太远的岗"), starts_at=START + 8 * 24 * HOUR)
    make_shift(make_post(world.other_station, title="别处的岗"), starts_at=START + HOUR)
    found = wall.wall(world.station, START)
    assert [gap.id for gap in found.short] == [coming.id]
    page = shown(screen, path)
    assert page.count('class="qr"') == 1
    assert "2 missing" in page
    assert [word for word in ("太远的岗", "别处的岗") if word in page] == []


def test_today_is_what_runs_or_begins_today_by_the_clock_on_the_wall(world, at):
    late = make_shift(make_post(world.station), starts_at=START + 14 * HOUR)  # 23:00, over midnight
    tomorrow = make_shift(make_post(world.station), starts_at=START + 15 * HOUR)  # 00:00
    assert [line.id for line in wall.wall(world.station, START).today] == [late.id]
    assert [line.id for line in wall.wall(world.station, START + 15 * HOUR).today] == [late.id, tomorrow.id]
    assert [line.id for line in wall.wall(world.station, START + 16 * HOUR).today] == [tomorrow.id]


def test_a_poll_without_news_is_304_with_the_hour_and_news_of_any_kind_is_200(screen, path, world, shift, at):
    tag = screen.get(path, headers=PART).headers["ETag"]

    def ask():
        nonlocal tag
        answer = screen.get(path, headers=PART | {"If-None-Match": tag})
        tag = answer.headers.get("ETag", tag)
        assert int(answer.headers["X-Now"]) > 0
        return answer.status_code

    assert ask() == 304
    held = claim(shift, world.lin, START - HOUR)
    assert (ask(), ask()) == (200, 304)
    mark(held, Act.IN, world.chen, START)
    assert (ask(), ask()) == (200, 304)
    mark(held, Act.OUT, world.chen, START + MINUTE)
    assert (ask(), ask()) == (200, 304)
    make_shift(make_post(world.station), starts_at=START + HOUR)
    assert (ask(), ask()) == (200, 304)
    at(END + MINUTE)
    assert (ask(), ask()) == (200, 304)


def test_a_renewed_or_ended_address_is_gone_at_once_also_for_a_poll(screen, path, world):
    linking.renew(world.station.id, LinkKind.WALL, world.chen, now=START)
    db.session.commit()
    assert [screen.get(path).status_code, screen.get(path, headers=PART).status_code] == [404, 404]


def test_the_address_is_short_enough_for_a_remote_control_in_small_letters(screen, path):
    token = path.removeprefix("/wall/")
    assert len(token) == 14
    assert screen.get(f"/wall/{token.lower()}").status_code == 200
    assert screen.get(f"/wall/{token.replace('-', '')}").status_code == 200


def test_what_does_not_fit_comes_on_other_pages_and_one_can_turn_them_without_a_script(screen, path, world):
    post = make_post(world.station)
    for number in range(9):
        make_shift(post, starts_at=START + (1 + number) * MINUTE, places=1)
    page = shown(screen, path)
    assert page.count('class="wall__page"') == 3
    assert page.count('class="wall__page" hidden') == 2
    assert f'content="20;url={path}?page=2"' in page
    assert f'content="20;url={path}?page=1"' in shown(screen, f"{path}?page=3")
    for wrong in ("0", "99", "x", "9" * 30):
        assert screen.get(f"{path}?page={wrong}").status_code == 200


def test_a_crowd_is_counted_where_its_names_have_no_room(screen, path, world):
    shift = make_shift(make_post(world.station), places=20)
    for number in range(12):
        claim(shift, make_volunteer(f"第{number}人", world.station))
    assert "and 4 more" in shown(screen, path)


def test_the_screen_is_not_kept_not_indexed_and_sends_no_address_along(screen, path):
    headers = screen.get(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex"


def test_text_of_a_post_is_text(screen, path, world):
    make_shift(make_post(world.station, title="<script>alert(1)</script>"), starts_at=START + HOUR)
    assert "<script>alert" not in shown(screen, path)


def test_a_screen_asks_as_often_for_one_shift_as_for_many(screen, path, world):
    post = make_post(world.station)

    def asked(first, last):
        for number in range(first, last):
            shift = make_shift(post, starts_at=START + number * MINUTE, places=2)
            claim(shift, make_volunteer(f"第{number}人", world.station))
        with counted() as statements:
            assert screen.get(path, headers=PART).status_code == 200
        return len(statements)

    assert asked(1, 3) == asked(3, 9) <= 7


def test_who_gave_up_is_not_on_the_screen(screen, path, world, shift):
    held = claim(shift, world.lin)
    actions.cancel(held.id, actor_of(world.lin), now=BEFORE)
    db.session.commit()
    assert world.lin.number[-4:] not in shown(screen, path)
