"""The paper sheet: printed with codes, photographed, typed in, and confirmed by another person who sees the photo."""

import re
from datetime import timedelta
from io import BytesIO

import pytest

from blueprints.claims import actions as claims
from blueprints.claims import queries as attendance
from blueprints.claims.models import Act, EvidenceClass
from blueprints.identity import actions as identity
from blueprints.identity.models import Leaving
from blueprints.records import actions as records
from blueprints.records import queries as recorded
from blueprints.rollcall import actions, queries, upkeep
from blueprints.rollcall.forms import hour
from blueprints.rollcall.models import Evidence
from core.db import db
from core.refusal import Refusal
from tests.claims.test_claiming import claim
from tests.factories import HOUR, START, make_post, make_shift, sign_in
from tests.rollcall.photos import bomb, jpeg
from tests.rollcall.queues import seen, times

MINUTE = timedelta(minutes=1)
END = START + 2 * HOUR
MONDAY = END + 50 * HOUR


@pytest.fixture
def zhou(shift, world):
    return claim(shift, world.zhou)


def sheet(shift):
    return f"/desk/shifts/{shift.id}/sheet"


def code(held):
    return attendance.row_codes(held.shift_id)[held.id]


def sends_photo(client, shift, raw, name="photo.jpg"):
    return client.post(f"{sheet(shift)}/photos", data={"photo": (BytesIO(raw), name)})


def sends_large(client, shift, raw):
    """The same, written by hand: the test client would leave its own temporary file open."""
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = head + raw + b"\r\n--x--\r\n"
    return client.post(f"{sheet(shift)}/photos", data=body, content_type="multipart/form-data; boundary=x")


def typed(*rows):
    names = ("code", "came", "left")
    return {f"rows-{n}-{name}": said for n, row in enumerate(rows) for name, said in zip(names, row, strict=True)}


@pytest.fixture
def photographed(chen, at, shift):
    """The clerk at the desk after the shift, with the photo already there."""
    at(END + HOUR)
    assert sends_photo(chen, shift, jpeg()).status_code == 303
    return chen


def test_the_printed_roster_bears_its_number_and_a_code_in_each_row(chen, shift, held, zhou):
    page = chen.get(f"/desk/shifts/{shift.id}/roster/print").text
    codes = {code(held), code(zhou)}
    assert len(codes) == 2
    assert all(f'<td class="sheet__code">{each}</td>' in page for each in codes)
    assert attendance.sheet_number(shift.id) in page


def test_a_code_stays_the_same_whatever_happens_to_the_others(shift, held, zhou, world):
    before = code(zhou)
    claims.release(held.id, world.chen, reason="来不了", now=START - 48 * HOUR)
    claim(shift, world.shen)
    assert code(zhou) == before


def test_rows_are_entered_with_the_sheet_as_their_note(photographed, shift, held, zhou):
    rows = typed((code(held), "9:05", "1055"), (code(zhou).lower(), "０９００", "11.00"), ("", "", ""))
    answer = photographed.post(sheet(shift), data=rows, follow_redirects=True)
    assert "2 people are entered and told." in answer.text
    assert times(held) == [(START + 5 * MINUTE, END - 5 * MINUTE)]
    assert times(zhou) == [(START, END)]
    note = seen(held).spans[0].entered.note
    assert note == f"Paper sheet {attendance.sheet_number(shift.id)}, row {code(held)}"
    assert seen(held).evidence is EvidenceClass.B


def test_after_closing_the_rows_are_class_c(photographed, at, shift, held):
    at(MONDAY)
    photographed.post(sheet(shift), data=typed((code(held), "900", "1100")))
    assert seen(held).evidence is EvidenceClass.C


def test_without_a_photo_nothing_is_entered_and_what_was_typed_stays(chen, at, shift, held):
    at(END)
    answer = chen.post(sheet(shift), data=typed((code(held), "0900", "1100")))
    assert answer.status_code == 409
    assert "add a photo of the sheet first" in answer.text
    assert 'value="0900"' in answer.text
    assert times(held) == []


def test_one_wrong_row_keeps_all_out_and_says_which(photographed, shift, held, zhou):
    swapped = code(zhou)[1] + code(zhou)[0] + code(zhou)[2:]
    answer = photographed.post(sheet(shift), data=typed((code(held), "0900", "1100"), (swapped, "0900", "1100")))
    assert answer.status_code == 409
    assert answer.text.count("This code is not on the sheet of this shift. Please look again.") == 1
    assert f'value="{swapped}"' in answer.text
    assert ">林小满</output>" in answer.text
    assert times(held) == []


@pytest.mark.parametrize(
    ("came", "left", "status", "said"),
    [
        ("0900", "", 422, "Please type a time like 0905."),
        ("25:00", "1100", 422, "Please type a time like 0905."),
        ("x", "\0", 422, "Please type a time like 0905."),
        ("1100", "0900", 409, "The end must be after the beginning."),
        ("0600", "1100", 409, "Please enter times between"),
        ("9" * 30, "1100", 422, "at most 20 characters"),
    ],
)
def test_times_that_cannot_be_are_told_beside_their_row(photographed, held, came, left, status, said):
    answer = photographed.post(f"/desk/shifts/{held.shift_id}/sheet", data=typed((code(held), came, left)))
    assert (answer.status_code, said in answer.text) == (status, True)
    assert times(held) == []


def test_a_code_typed_twice_or_left_out_is_told(photographed, shift, held):
    twice = photographed.post(sheet(shift), data=typed((code(held), "9", "10"), (code(held), "10", "11")))
    assert twice.text.count("This code is typed twice.") == 2
    assert "Please type the code of the row." in photographed.post(sheet(shift), data=typed(("", "9", "10"))).text
    assert "No row is filled in yet." in photographed.post(sheet(shift), data={}).text


def test_somebody_who_was_handed_in_already_is_told_beside_the_row(photographed, at, shift, held, zhou, world):
    claims.punch(held.id, Act.IN, world.chen, now=START)
    claims.punch(held.id, Act.OUT, world.chen, now=END)
    records.hand_in(shift.id, world.chen, now=END)
    rows = typed((code(zhou), "0900", "1100"), (code(held), "0900", "1000"))
    answer = photographed.post(sheet(shift), data=rows)
    assert "handed in already" in answer.text
    assert times(zhou) == []


def test_a_night_shift_is_typed_by_the_clock_on_the_wall(chen, at, world):
    night = make_shift(make_post(world.station), starts_at=START + 13 * HOUR, hours=4)
    held = claim(night, world.lin)
    at(START + 18 * HOUR)
    sends_photo(chen, night, jpeg())
    assert chen.post(sheet(night), data=typed((code(held), "2205", "0155"))).status_code == 303
    assert times(held) == [(START + 13 * HOUR + 5 * MINUTE, START + 17 * HOUR - 5 * MINUTE)]


@pytest.mark.parametrize(
    ("raw", "name"), [(b"", "a.jpg"), (b"GIF89a", "a.jpg"), (bomb(), "a.png"), (jpeg()[:400], "a.jpg"), (b"x", "")]
)
def test_a_file_that_is_no_picture_is_told_and_changes_nothing(chen, shift, raw, name):
    answer = sends_photo(chen, shift, raw, name)
    assert answer.status_code in (409, 422)
    assert "hoto" in answer.text
    assert queries.evidence_on([shift.id]) == {}


def test_an_upload_may_be_larger_than_a_form_but_not_without_end(app, chen, shift):
    assert sends_large(chen, shift, jpeg((900, 600)) + b"\0" * 2**21).status_code == 303  # 2 MB
    answer = sends_large(chen, shift, b"\0" * (app.config["PICTURE_BYTES"] + 1))
    assert (answer.status_code, "larger than 12 MB" in answer.text) == (413, True)
    assert "larger than 1 MB" in chen.post(sheet(shift), data={"x": "y" * 2**21}).text


def test_the_same_photo_twice_is_kept_once_and_there_is_an_end(chen, shift, world):
    assert [sends_photo(chen, shift, jpeg()).status_code for _ in range(2)] == [303, 303]
    assert len(queries.evidence_on([shift.id])[shift.id]) == 1
    for number in range(actions.MOST_PICTURES - 1):
        actions.keep_picture(shift.id, bytes([number + 1]), world.chen, now=START)
    with pytest.raises(Refusal, match="10 pictures"):
        actions.keep_picture(shift.id, b"more", world.chen, now=START)


def test_the_photo_is_shown_to_those_who_may_see_the_shift_and_to_nobody_else(photographed, client, shift, world):
    (kept,) = queries.evidence_on([shift.id])[shift.id]
    address = f"/desk/evidence/{kept.id}"
    answer = photographed.get(address)
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("image/jpeg", "private, no-store")
    assert len(answer.data) == kept.size
    for who, status in ((world.wu, 200), (world.gu, 404), (world.pan, 404), (world.qian, 403)):
        sign_in(client, who.account_id)
        assert client.get(address).status_code == status


def test_the_confirmer_sees_the_photo_beside_the_entries_and_who_typed_does_not_confirm(
    photographed, client, shift, held, world
):
    photographed.post(sheet(shift), data=typed((code(held), "0900", "1100")))
    (record,) = records.hand_in(shift.id, world.chen, now=END + HOUR)
    db.session.commit()
    (kept,) = queries.evidence_on([shift.id])[shift.id]
    sign_in(client, world.wu.account_id)
    for page in (f"/desk/records/{record.id}", "/desk/records"):
        assert f"/desk/evidence/{kept.id}" in client.get(page).text
    assert world.chen.account_id in recorded.recorders_of(held.id)
    with pytest.raises(Refusal):
        records.confirm([record.id], world.chen, now=END + HOUR)


def test_who_leaves_and_takes_their_data_is_on_no_photo_any_more(photographed, shift, held, world):
    identity.leave(world.lin.account_id, Leaving.ERASE, now=END + HOUR)
    db.session.commit()
    (kept,) = db.session.scalars(db.select(Evidence)).all()
    assert (kept.erased_at, len(kept.sha256)) == (END + HOUR, 64)
    assert photographed.get(f"/desk/evidence/{kept.id}").status_code == 404
    assert "is not kept any more" in photographed.get(sheet(shift)).text


def test_a_photo_is_kept_for_a_year(photographed, shift, held):
    for late, kept in ((timedelta(days=364), 1), (timedelta(days=366), 0)):
        assert upkeep.has_old_pictures(END + late) is not bool(kept)
        assert actions.erase_old_pictures(END + late) == 1 - kept
        db.session.commit()
    assert actions.erase_old_pictures(END + timedelta(days=400)) == 0
    (old,) = db.session.scalars(db.select(Evidence)).all()
    assert old.erased_at == END + timedelta(days=366)


def test_the_number_of_a_sheet_leads_to_it_within_reach(chen, client, shift, world):
    number = attendance.sheet_number(shift.id)
    assert chen.get(f"/desk/sheets?number={number.lower()}").location == sheet(shift)
    for wrong in (number[1] + number[0] + number[2:], "zzzzzzzz", "\0"):
        assert "There is no sheet" in chen.get("/desk/sheets", query_string={"number": f"x{wrong}"}).text
    sign_in(client, world.gu.account_id)
    assert "There is no sheet" in client.get(f"/desk/sheets?number={number}").text


def test_a_name_cannot_break_out_of_the_page(chen, shift, held, at):
    at(END)
    page = chen.get(sheet(shift)).text
    assert re.search(rf'<li data-code="{code(held)}">林小满</li>', page)


@pytest.mark.parametrize(
    ("text", "said"),
    [("905", "09:05"), ("0905", "09:05"), ("9:05", "09:05"), ("９：０５", "09:05"), ("9", "09:00"), ("24:00", None)],
)
def test_a_time_is_read_as_people_write_it(text, said):
    assert (hour(text).strftime("%H:%M") if hour(text) else None) == said
