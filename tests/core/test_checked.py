"""Codes that people copy by hand."""

from itertools import combinations

import pytest

from core import checked
from core.vault import ALPHABET


@pytest.mark.parametrize("number", [0, 1, 28, 29, 840, 841, 123_456])
def test_what_is_written_is_read_again(number):
    assert checked.read(checked.written(number, salt=5), salt=5) == number


@pytest.mark.parametrize("number", [1, 57, 2099])
def test_every_wrong_character_is_noticed(number):
    code = checked.written(number)
    wrong = [code[:i] + c + code[i + 1 :] for i in range(len(code)) for c in ALPHABET if c != code[i]]
    assert [typed for typed in wrong if checked.read(typed) is not None] == []


def test_every_two_characters_that_changed_places_are_noticed():
    for number in range(400):
        code = checked.written(number)
        for i, j in combinations(range(len(code)), 2):
            swapped = list(code)
            swapped[i], swapped[j] = swapped[j], swapped[i]
            assert swapped == list(code) or checked.read("".join(swapped)) is None


def test_a_code_of_another_series_is_noticed():
    assert checked.read(checked.written(3, salt=7), salt=8) is None


@pytest.mark.parametrize("typed", ["", "2", "0OI", "é", "2" * 50, "<script>", "\0"])
def test_what_is_no_code_is_none(typed):
    assert checked.read(typed) is None


def test_case_spaces_and_full_width_do_not_matter():
    code = checked.written(57)
    assert checked.read(f" {code[0].lower()} {code[1:]} ") == 57
    assert checked.read("".join(chr(ord(c) + 0xFEE0) for c in code)) == 57
