"""Short codes that people copy by hand, with a check character: one wrong character, or two that changed places, are
always noticed."""

import unicodedata

from core.vault import ALPHABET

BASE = len(ALPHABET)  # a prime, so that every weight below it tells each error apart


def written(number: int, *, salt: int = 0, width: int = 2) -> str:
    """The number as a code of at least `width` characters and the check; `salt` tells one series from another."""
    digits = [number % BASE]
    while number := number // BASE:
        digits.append(number % BASE)
    digits += [0] * (width - len(digits))
    return "".join(ALPHABET[digit] for digit in reversed(digits)) + ALPHABET[_check(digits, salt)]


def read(code: str, *, salt: int = 0) -> int | None:
    """The number of a typed code, however it is cased and spaced; None if it was not copied rightly."""
    typed = [ALPHABET.find(character) for character in plain(code)]
    if len(typed) < 2 or len(typed) > 8 or -1 in typed:
        return None
    check, digits = typed[-1], typed[-2::-1]
    return sum(digit * BASE**place for place, digit in enumerate(digits)) if check == _check(digits, salt) else None


def plain(code: str) -> str:
    """The code as it was printed."""
    return "".join(c for c in unicodedata.normalize("NFKC", code).upper() if c.isalnum())


def _check(digits: list[int], salt: int) -> int:
    """Each place has a weight of its own, and the check character the weight 1."""
    return -(salt + sum((place + 2) * digit for place, digit in enumerate(digits))) % BASE
