"""What staff type to find a person: sealed in the address, so that no name and no phone number stands there.

An address with it is good for an hour and only for whoever typed it; afterwards one types again.
"""

import json

from flask import request

from core import vault
from core.forms import tidy

NAME = "s"  # in the query
LASTS = 3600  # seconds
LONGEST = 40


def sealed(owner_id: int, field: str = "q") -> str | None:
    """The words in a field of the search that was sent, as the address may hold them; None for an empty one."""
    text = (tidy(request.form.get(field)) or "")[:LONGEST]
    return vault.seal(json.dumps([owner_id, text])) if text else None


def words(owner_id: int) -> str:
    """What stands in the address of this page; nothing if it is another person's, forged or too old."""
    kept = vault.unsealed(request.args.get(NAME, ""), within=LASTS)
    owner, text = json.loads(kept) if kept else (0, "")
    return str(text) if owner == owner_id else ""
