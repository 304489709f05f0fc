"""What counts as a name, a password, an ID number, a phone number and a path of this site."""

import itertools
from datetime import date
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric
from wtforms import Form

from blueprints.identity import words
from blueprints.identity.forms import NAME, PhoneField, has_run, is_id_number
from blueprints.identity.pages import division_code, local_path
from tests.identity.people import id_number


@pytest.mark.parametrize(
    "name", ["林小满", "欧阳娜娜", "阿卜杜拉·买买提", "Lin Mei", "O'Brien", "José", "J. R. Smith", "㐂"]
)
def test_names_of_every_script_are_names(name):
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", " ", "林1", "林😀", "<b>", "a@b", "林，", "_", "·", "--", "林\u202e", "=1+1"])
def test_anything_else_is_no_name(name):
    assert not NAME.fullmatch(name)


@pytest.mark.parametrize("password", ["aaaa", "x1111y", "abcd", "dcba", "1234", "9876", "AbCd", "zz5678"])
def test_runs_are_found(password):
    assert has_run(password)


@pytest.mark.parametrize("password", ["", "a", "aaa", "abc", "123a", "1212", "aabb", "acegik", "789a", "13579"])
def test_what_is_no_run_is_left_alone(password):
    assert not has_run(password)


@given(st.text(max_size=30))
def test_looking_for_runs_never_fails(password):
    assert has_run(password) == any(
        {ord(b) - ord(a) for a, b in itertools.pairwise(word)} in ({0}, {1}, {-1})
        for word in (password.lower()[i : i + 4] for i in range(len(password.lower()) - 3))
    )


@pytest.mark.parametrize(
    ("number", "good"),
    [
        (id_number(), True),
        (id_number(date(1950, 6, 1)), True),  # older than the county codes that stdnum knows
        (id_number(place="999999"), True),
        (id_number()[:-1] + "0", id_number()[-1] == "0"),
        ("330402" + "19000230" + "982" + "0", False),
        ("33040219010304982", False),
        ("X" * 18, False),
        ("", False),
    ],
)
def test_an_id_number_is_judged_by_its_own_digits(number, good):
    assert is_id_number(number) is good


@given(st.text(max_size=25))
def test_judging_an_id_number_never_fails(text):
    assert is_id_number(text) in (True, False)


@given(st.dates(date(1901, 1, 1), date(2020, 1, 1)), st.integers(10, 99), st.booleans())
def test_one_wrong_digit_is_always_found(birth, order, man):
    number = id_number(birth, man=man, order=order)
    wrong = str((int(number[14]) + 1) % 10)
    assert is_id_number(number)
    assert not is_id_number(number[:14] + wrong + number[15:])
    assert ric.get_birth_date(number) == birth


class PhoneForm(Form):
    phone = PhoneField()


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("19900000001", "+8619900000001"),
        ("+86 199 0000 0001", "+8619900000001"),
        ("199-0000-0001", "+8619900000001"),
        ("１９９００００００１０", "+8619900000010"),
        ("0573-82000000", "+8657382000000"),
        ("+49 30 901820", "+4930901820"),
        ("12345", ""),
        ("19900000001 ext. 5", ""),
        ("", ""),
        ("📞", ""),
    ],
)
def test_phone_numbers_are_kept_in_one_form(typed, number):
    assert PhoneForm(data={"phone": typed}).phone.number == number


@given(st.text(max_size=40))
def test_a_path_never_leads_to_another_site(text):
    path = local_path(text)
    assert path is None or urlsplit(urljoin("http://localhost/", path)).netloc == "localhost"


@given(st.text(max_size=20))
def test_a_division_code_has_twelve_digits_or_is_none(text):
    assert division_code(text) == 0 or (len(text) == 12 and division_code(text) == int(text))


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", "Firefox · Linux"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_browsers_are_called_by_their_names(agent, name):
    assert words.device(agent) == name


def test_every_agreement_has_a_version_of_its_own():
    for texts in words.AGREEMENTS.values():
        assert len({text.version for text in texts}) == len(texts)
        assert all(len(text.version) <= 20 for text in texts)
