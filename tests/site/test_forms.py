"""Every form that a role can reach, filled in badly: one clear sentence, the right status, and what was typed stays."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

import pytest

from blueprints.admin import demo
from tests.factories import sign_in
from tests.site.test_pages import kind_of, people, visit

TYPED = {"text", "search", "tel", "email", "number", "date", "time", "datetime-local", "password", "textarea", ""}
# What is typed into every field of a form at once.
MISCHIEF = {
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 3,  # first: where it is refused, the form is still there to keep it
    "nothing": "",
    "too much": "长" * 5000,
    "another type": "-1e999",
    "script": '"><script>alert(1)</script>',
    "control characters": "\x00\x07\x1b[31m\x7f林",
}
ANSWERS = {200, 303, 400, 403, 404, 409, 413, 422, 429}
NEVER_SENT = re.compile(r"/sign-out|/demo/")  # they end what the others need


@dataclass
class Sent:
    """One form of a page: where it goes, what it holds, and which fields one types into."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)


class Forms(HTMLParser):
    """The forms of a page with the values they would send."""

    def __init__(self, path: str, html: str) -> None:
        super().__init__()
        self.path, self.found, self._select, self._area = path, [], "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Sent(given.get("action") or self.path, given.get("method", "get")))
        elif self.found and tag in ("input", "select", "textarea") and given.get("name"):
            self._field(self.found[-1], tag, given)
        elif tag == "option" and self._select and ("selected" in given or self._select not in self.found[-1].values):
            self.found[-1].values[self._select] = given.get("value", "")

    def _field(self, form: Sent, tag: str, given: dict[str, str]) -> None:
        name, kind = given["name"], "textarea" if tag == "textarea" else given.get("type", "")
        if tag == "select":
            self._select = name
        elif kind in TYPED:
            form.typed.add(name)
        elif kind not in ("radio", "checkbox") or "checked" in given:
            form.values[name] = given.get("value", "")


def forms_of(client, flaws: list[str]) -> Iterator[tuple[str, Sent]]:
    """One of each kind of form that can be reached by clicking."""
    todo, opened, known, seen = ["/", "/me", "/desk"], set(), set(), {}
    while todo:
        path = todo.pop(0)
        outside = not path.startswith("/") or path.startswith("//") or re.search(r"[?&](lang|mode|theme)=", path)
        if outside or path in opened or seen.get(kind_of(path), 0) >= 2 or len(opened) > 220:
            continue
        seen[kind_of(path)] = seen.get(kind_of(path), 0) + 1
        opened.add(path)
        page = client.get(path, buffered=True)
        todo += visit(client, path, []) if page.status_code in (200, 303) else []
        for form in Forms(path, page.text).found if page.mimetype == "text/html" else []:
            if form.typed and kind_of(form.action) not in known and not NEVER_SENT.search(form.action):
                known.add(kind_of(form.action))
                yield path, form


def wrong_with(client, form: Sent, what: str) -> str:
    """What is wrong with the answer to the form when mischief stands in all its fields; empty for a sound one."""
    data = form.values | dict.fromkeys(form.typed, MISCHIEF[what])
    method = client.post if form.method.lower() == "post" else client.get
    key = "data" if form.method.lower() == "post" else "query_string"
    answer = method(form.action, **{key: data})
    if answer.status_code not in ANSWERS:
        return f"{answer.status_code}"
    if "<script>alert(1)" in answer.text:
        return "the script comes back as a script"
    if answer.status_code == 422 and what == "emoji" and "password" not in "".join(form.typed):
        return "" if escape(MISCHIEF[what]) in answer.text or not _shows_again(form) else "what was typed is lost"
    return ""


def _shows_again(form: Sent) -> bool:
    """Secrets and codes are typed anew after a mistake, on purpose."""
    return not re.search(r"password|code|pin|id_number|phone|date|day|starts|ends", " ".join(form.typed))


@pytest.mark.slow
def test_every_form_answers_every_mischief_with_a_sentence(app):
    demo.load()
    app.extensions["demo"] = True
    problems, sent = [], set()
    for role, account_id in people().items():
        client = app.test_client()
        if account_id:
            sign_in(client, account_id)
        for path, form in list(forms_of(client, [])):
            sent.add(kind_of(form.action))
            flaws = {what: wrong_with(client, form, what) for what in MISCHIEF}
            problems += [(role, path, form.action, what, flaw) for what, flaw in flaws.items() if flaw]
    assert not problems, "\n".join(map(str, problems))
    assert len(sent) > 30, sorted(sent)
