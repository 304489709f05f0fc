"""What must be true of every page, read from its HTML."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"input", "img", "br", "hr", "meta", "link", "use", "path", "circle", "rect", "line", "polyline"}
FIELDS = {"input", "select", "textarea"}
# Words that stay as they are in a Chinese sentence.
LATIN = re.compile(r"English|PDF|CSV|ICS|JSON|Rengang|Chrome|iCal|Outlook|Google|OK|URL|QR|SMTP")
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,.'’]+[A-Za-z]{2,})+")


@dataclass
class Page(HTMLParser):
    """One page, taken apart."""

    html: str
    ids: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    fields: list[dict[str, str | None]] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    lang: str | None = None
    title: str = ""
    _open: list[str] = field(default_factory=list)
    _untold: list[int] = field(default_factory=list)  # how deep the elements lie that hold what no language has

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags[tag] += 1
        if tag not in VOID:
            self._open.append(tag)
            if tag == "code":  # addresses and codes are not words
                self._untold.append(len(self._open))
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        if tag == "html":
            self.lang = values.get("lang")
        if tag == "label" and values.get("for"):
            self.labels.add(str(values["for"]))
        if tag in FIELDS and values.get("type") not in ("hidden", "submit"):
            self.fields.append({**values, "_in_label": "label" if "label" in self._open else None})
        self.texts += [str(values[name]) for name in ("aria-label", "placeholder", "alt", "title") if values.get(name)]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
            self._untold = [depth for depth in self._untold if depth <= len(self._open)]

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["title"]:
            self.title += data
        if not self._untold and not {"script", "style"} & set(self._open[-1:]):
            self.texts.append(data)

    def flaws(self) -> list[str]:
        """Everything that is wrong with the page; an empty list for a sound one."""
        found = [f"{self.tags['h1']} h1"] if self.tags["h1"] != 1 else []
        found += [f"id {id} twice" for id, count in Counter(self.ids).items() if count > 1]
        found += [f"field {f.get('name')} without a label" for f in self.fields if not self._labelled(f)]
        found += [] if self.title.strip() else ["no title"]
        found += [] if self.lang in ("zh-Hans", "en") else [f"lang {self.lang}"]
        found += self.untranslated() if self.lang == "zh-Hans" else []
        return found

    def _labelled(self, one: dict[str, str | None]) -> bool:
        return bool(
            one.get("aria-label") or one.get("aria-labelledby") or one["_in_label"] or one.get("id") in self.labels
        )

    def untranslated(self) -> list[str]:
        texts = [LATIN.sub("", text) for text in self.texts]
        return [f"English: {match.group()[:60]}" for text in texts if (match := ENGLISH.search(text))]
