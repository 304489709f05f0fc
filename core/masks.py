"""Names and numbers for people who have no need to know them whole."""


def name(full: str) -> str:
    """The surname and stars: 沈*, 欧阳* would be 欧*, Lin Mei is L*."""
    return f"{full[:1]}*" if full else ""


def phone(number: str | None) -> str:
    """The first three and the last four digits: 199****0001."""
    digits = (number or "").removeprefix("+86")
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 8 else "****"
