"""PDFs as people send them: good ones, and everything that only pretends to be one."""

import zlib
from io import BytesIO

from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

N = NameObject


def written(change=lambda _writer: None, pages=1, **values):
    writer = PdfWriter()
    for _n in range(pages):
        writer.add_blank_page(200, 200)
    change(writer)
    out = BytesIO()
    writer.write(out, **values)
    return out.getvalue()


def action(kind, **values):
    return DictionaryObject({N("/S"): N(kind), **{N(f"/{name}"): value for name, value in values.items()}})


def _opening(kind, **values):
    def change(writer):
        writer.root_object[N("/OpenAction")] = action(kind, **values)

    return change


def _hidden_name(writer):
    """What the action does is written in an object of its own."""
    name = writer._add_object(N("/JavaScript"))
    writer.root_object[N("/OpenAction")] = DictionaryObject({N("/S"): name, N("/JS"): TextStringObject("app.alert(1)")})


def _when_closed(writer):
    writer.pages[0][N("/AA")] = DictionaryObject({N("/C"): action("/GoTo")})


def _form(writer):
    writer.root_object[N("/AcroForm")] = DictionaryObject({N("/XFA"): ArrayObject()})


def _film(writer):
    annotation = DictionaryObject({N("/Type"): N("/Annot"), N("/Subtype"): N("/RichMedia")})
    writer.pages[0][N("/Annots")] = ArrayObject([writer._add_object(annotation)])


def in_a_packed_stream(script):
    """The catalog of a good PDF stands in an object stream, with this in it."""
    catalog = b"<< /Type /Catalog /Pages 2 0 R " + script + b" >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>"
    objects = {1: catalog, 2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", 3: page}
    places, body = [], b""
    for number, text in objects.items():
        places.append(f"{number} {len(body)}".encode())
        body += text + b" "
    head = b" ".join(places) + b" "
    return _with_streams(head, body, len(objects))


def _with_streams(head, body, count):
    content = zlib.compress(head + body)
    out = b"%PDF-1.5\n"
    start = len(out)
    told = f"/Type /ObjStm /N {count} /First {len(head)} /Filter /FlateDecode /Length {len(content)}"
    out += b"4 0 obj\n<< " + told.encode() + b" >>\nstream\n" + content + b"\nendstream\nendobj\n"
    index = len(out)
    rows = [(0, 0, 0), *((2, 4, place) for place in range(count)), (1, start, 0), (1, index, 0)]
    table = zlib.compress(b"".join(bytes([kind, at >> 16, at >> 8 & 255, at & 255, more]) for kind, at, more in rows))
    told = f"/Type /XRef /Size {len(rows)} /W [1 3 1] /Root 1 0 R /Filter /FlateDecode /Length {len(table)}"
    out += b"5 0 obj\n<< " + told.encode() + b" >>\nstream\n" + table + b"\nendstream\nendobj\n"
    return out + f"startxref\n{index}\n%%EOF\n".encode()


def bomb(megabytes=64):
    """An object stream that is a few kB and unpacks to far too much."""
    body = b"<< /Type /Catalog /Pages 2 0 R >> " + b" " * (megabytes * 1024 * 1024)
    return _with_streams(b"1 0 ", body, 1)


def deep(brackets=50_000):
    """Brackets in brackets, for whoever follows them by calling itself."""
    return in_a_packed_stream(b"/Deep " + b"[" * brackets + b"]" * brackets)


def locked(password="secret", owner=None):
    def change(writer):
        writer.encrypt(password, owner, algorithm="AES-256")

    return written(change)


def attached():
    return written(lambda writer: writer.add_attachment("list.exe", b"MZ"))


def scripted():
    """A script among the names of the document, which runs when it is opened."""

    def change(writer):
        script = writer._add_object(action("/JavaScript", JS=TextStringObject("app.alert(1)")))
        named = DictionaryObject({N("/Names"): ArrayObject([TextStringObject("a"), script])})
        writer.root_object[N("/Names")] = DictionaryObject({N("/JavaScript"): named})

    return written(change)


def appended(raw, text):
    """Behind the end comes an object that nothing points to, and the old end once more."""
    end = raw[raw.rindex(b"startxref") :]
    return raw + b"99 0 obj\n" + text + b"\nendobj\n" + end


GOOD = {
    "a page": written(),
    "many pages": written(pages=40),
    "one with a link": written(
        lambda w: w.root_object.__setitem__(N("/Link"), action("/URI", URI=TextStringObject("https://x.example")))
    ),
    "one that opens at its first page": written(
        lambda w: w.root_object.__setitem__(N("/OpenAction"), ArrayObject([w.pages[0].indirect_reference, N("/Fit")]))
    ),
    "one with packed objects": in_a_packed_stream(b""),
}
HOSTILE = {
    "a script": (scripted(), "a program"),
    "a script whose name stands apart": (written(_hidden_name), "a program"),
    "a script in a packed stream": (
        in_a_packed_stream(b"/OpenAction << /S /JavaScript /JS (app.alert(1)) >>"),
        "a program",
    ),
    "a script whose name is written in signs": (
        in_a_packed_stream(b"/OpenAction << /S /J#61vaScript /#4AS (app.alert(1)) >>"),
        "a program",
    ),
    "a program to start": (written(_opening("/Launch", F=TextStringObject("cmd.exe"))), "a program"),
    "a form that sends itself": (
        written(_opening("/SubmitForm", F=TextStringObject("https://x.example"))),
        "a program",
    ),
    "another file that opens": (written(_opening("/GoToR", F=TextStringObject("other.pdf"))), "a program"),
    "an address that opens": (written(_opening("/URI", URI=TextStringObject("https://x.example"))), "a program"),
    "an address that opens behind a page": (
        written(_opening("/GoTo", Next=action("/URI", URI=TextStringObject("https://x.example")))),
        "a program",
    ),
    "an article of another file": (written(_opening("/Thread", F=TextStringObject("//x.example/a.pdf"))), "a program"),
    "content that lies elsewhere": (
        in_a_packed_stream(b"/Thing << /Length 0 /F (//x.example/a) >>"),
        "a program",
    ),
    "an action when a page is left": (written(_when_closed), "a program"),
    "a form of programs": (written(_form), "a program"),
    "a film": (written(_film), "a program"),
    "a file inside": (attached(), "a program"),
    "a script that nothing points to": (appended(written(), b"<< /S /JavaScript /JS (app.alert(1)) >>"), "a program"),
    "one with a password": (locked(), "protected by a password"),
    "one that only its owner may change": (locked("", "owner"), "protected by a password"),
    "a truncated one": (written(pages=40)[:2000], "damaged or not whole"),
    "one without its beginning": (b"%PDF-1.7\n" + written(pages=40)[3000:], "damaged or not whole"),
    "only a name": (b"%PDF-1.7\n%%EOF", "damaged or not whole"),
    "one without pages": (written(pages=0), "damaged or not whole"),
    "a page with a beginning of a PDF": (
        b"%PDF-1.7\n<html><script>alert(1)</script></html>\n%%EOF",
        "damaged or not whole",
    ),
    "a bomb": (bomb(), "too much"),
    "thousands of pages": (written(pages=400), "too much"),
    "brackets without end": (deep(), ""),
    "one of six megabytes": (written() + b" " * 6 * 1024 * 1024, "larger than 5 MB"),
}
