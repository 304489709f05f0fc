"""Copying a month, and templates of an organization: what is proposed, and that nothing comes twice."""

from datetime import date

import pytest
from sqlalchemy import select

from blueprints.organizations import actions as organizations
from blueprints.posts import actions as posts
from blueprints.posts.models import Shift, Template
from blueprints.series import actions, queries
from core import clock
from core.actor import Role
from core.db import db
from core.refusal import Refusal
from core.workdays import DayKind
from tests.factories import BEFORE, give, make_account, make_organization, make_post, make_shift, make_world, sign_in
from tests.posts.samples import published, slot
from tests.posts.test_desk import value_of
from tests.series.samples import DAY, MONDAY, START, WEEK, made

MAY, JUNE = date(2099, 5, 1), date(2099, 6, 1)


@pytest.fixture(autouse=True)
def saturday(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: BEFORE)


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def post(world):
    """The first Monday, and over midnight the last Sunday of May, which is its fifth."""
    post = make_post(world.station)
    make_shift(post, starts_at=START, minimum=1, cut_off_hours=24)
    make_shift(post, starts_at=clock.at(date(2099, 5, 31), START.replace(hour=22).time()), hours=4)
    return post


@pytest.fixture
def desk(client, world):
    sign_in(client, world.chen.account_id)
    return client


def proposed(world, month=MAY):
    return queries.copied_month(world.station, None, month, BEFORE)


def rows_of(proposals):
    return [
        {"source": one.shift.id, "day": one.day, "starts": 540, "ends": 660, "places": 2, "break_minutes": 0}
        for one in proposals
    ]


def shifts():
    return list(db.session.scalars(select(Shift).order_by(Shift.starts_at)))


def test_the_same_weekday_of_the_next_month_is_proposed_and_a_fifth_one_that_is_not_there_left_out(world, post):
    assert [(one.day, one.take) for one in proposed(world)] == [(JUNE, True)]
    assert [one.day for one in queries.copied_month(world.station, post, MAY, BEFORE)] == [JUNE]
    assert proposed(world, JUNE) == []


def test_a_holiday_and_what_is_there_already_are_proposed_unticked(world, post):
    top = give(make_account("市主任"), Role.ADMINISTRATOR, world.city)
    organizations.set_day(JUNE, DayKind.HOLIDAY, "端午", actor=top, now=BEFORE)
    assert [one.take for one in proposed(world)] == [False]
    organizations.set_day(JUNE, DayKind.WORKDAY, "端午", actor=top, now=BEFORE)
    make_shift(post, starts_at=START + 4 * WEEK)
    assert [one.take for one in proposed(world)] == [False]


def test_what_a_series_goes_on_to_make_is_not_proposed(world):
    made(world, make_post(world.station), until_day=MONDAY + 70 * DAY)
    assert proposed(world) == []
    ending = make_post(world.station)
    made(world, ending, until_day=MONDAY + 2 * WEEK)
    assert len(proposed(world)) == 3


def test_copying_twice_gives_no_duplicates_and_keeps_what_was_said_of_the_shift(world, post):
    rows = rows_of(proposed(world))
    first = actions.copy_month(world.station.id, rows, world.chen, now=BEFORE)
    db.session.commit()
    again = actions.copy_month(world.station.id, rows, world.chen, now=BEFORE)
    assert (first.made, again.made, again.known) == (1, 0, 1)
    copy = shifts()[-1]
    assert (copy.starts_at, copy.minimum, copy.cut_off_hours) == (START + 4 * WEEK, 1, 24)


def test_what_a_rule_refuses_does_not_spoil_the_other_posts(world, post):
    old = make_post(world.station, title="旧岗位")
    make_shift(old, starts_at=START - 360 * DAY), make_shift(old, starts_at=START)
    copied = actions.copy_month(world.station.id, rows_of(proposed(world)), world.chen, now=BEFORE)
    assert copied.made == 1
    assert [title for title, _reason in copied.refused] == ["旧岗位"]
    assert "at most one year" in copied.refused[0][1]


def test_only_the_own_clerk_copies_and_only_own_shifts(world, post):
    rows = rows_of(proposed(world))
    with pytest.raises(Refusal, match="does not cover"):
        actions.copy_month(world.station.id, rows, world.gu, now=BEFORE)
    assert actions.copy_month(world.other_station.id, rows, world.gu, now=BEFORE).made == 0
    with pytest.raises(Refusal, match="tick at least one"):
        actions.copy_month(world.station.id, [], world.chen, now=BEFORE)
    with pytest.raises(Refusal, match="time to come"):
        actions.copy_month(world.station.id, [rows[0] | {"day": MONDAY - 7 * DAY}], world.chen, now=BEFORE)


def test_the_page_proposes_adjusts_and_offers(desk, world, post):
    page = desk.get("/desk/months")
    assert "June 2099 as May 2099" in page.text
    assert value_of(page, "rows-0-day") == "2099-06-01"
    source = value_of(page, "rows-0-source")
    typed = {"rows-0-take": "y", "rows-0-source": source, "rows-0-day": "2099-06-02", "rows-0-starts": "14:00"}
    typed |= {"rows-0-ends": "16:00", "rows-0-places": "4"}
    wrong = desk.post("/desk/months?month=2099-05-01", data=typed | {"rows-0-places": "0"})
    assert (wrong.status_code, value_of(wrong, "rows-0-starts")) == (422, "14:00")
    done = desk.post("/desk/months?month=2099-05-01", data=typed, follow_redirects=True)
    assert "1 shift is offered." in done.text
    assert (shifts()[-1].starts_at, shifts()[-1].places) == (
        clock.at(date(2099, 6, 2), START.replace(hour=14).time()),
        4,
    )
    assert "1 was there already." in desk.post("/desk/months", data=typed, follow_redirects=True).text
    assert desk.post("/desk/months", data={"rows-0-source": source}).status_code == 409


def test_whoever_works_for_several_stations_chooses_one(client, world):
    chen = give(make_account("两站站长"), Role.CLERK, world.station)
    give_second = make_organization("烟雨社区志愿服务队", parent=world.town)
    actor = give(db.session.get_one(type(make_account()), chen.account_id), Role.CLERK, give_second)
    sign_in(client, actor.account_id)
    page = client.get("/desk/months").text
    assert "烟雨社区志愿服务队" in page
    assert client.get(f"/desk/months?organization={world.other_station.id}").status_code == 404
    assert "Nothing to copy" in client.get(f"/desk/months?organization={give_second.id}").text


# --- templates ----------------------------------------------------------------------------------------------


def test_a_post_is_kept_as_a_template_and_new_posts_start_from_it(desk, world):
    post = published(world, slot(), slot(START + 2 * DAY), place="烟雨社区二楼阅览室")
    url = f"/desk/posts/{post.id}/template"
    assert value_of(desk.get(url), "name") == post.title
    done = desk.post(url, data={"name": "周末阅览"}, follow_redirects=True)
    assert "周末阅览" in done.text
    kept = db.session.scalars(select(Template)).one()
    assert (kept.weekdays, kept.starts, kept.places) == ([1, 3], 540, 2)
    assert "responsible_name" not in kept.text
    page = desk.get(f"/desk/posts/new?organization={world.station.id}&template={kept.id}")
    assert value_of(page, "place") == "烟雨社区二楼阅览室"
    assert value_of(page, "shifts-0-day") == "2099-05-04"
    assert value_of(page, "shifts-0-starts") == "09:00"


def test_one_of_the_same_name_is_replaced_and_bad_names_are_refused(desk, world):
    post = published(world)
    for _twice in range(2):
        posts.keep_template(post.id, "图书角", world.chen, BEFORE)
    assert db.session.scalar(select(db.func.count(Template.id))) == 1
    for name in ("", "长" * 41):
        assert desk.post(f"/desk/posts/{post.id}/template", data={"name": name}).status_code == 422


def test_a_template_belongs_to_its_organization_and_can_be_thrown_away(client, world):
    kept = posts.keep_template(published(world).id, "图书角", world.chen, BEFORE)
    db.session.commit()
    with pytest.raises(Refusal, match="not yours"):
        posts.drop_template(kept.id, world.gu, BEFORE)
    sign_in(client, world.gu.account_id)
    assert client.post(f"/desk/templates/{kept.id}/removal").status_code == 404
    assert client.get(f"/desk/organizations/{world.station.id}/templates").status_code == 404
    sign_in(client, world.chen.account_id)
    gone = client.post(f"/desk/templates/{kept.id}/removal", follow_redirects=True)
    assert "No template yet" in gone.text
