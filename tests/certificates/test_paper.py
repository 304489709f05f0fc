"""The paper itself: looked at as an image and as text, and its signature checked without the library that signs."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta

import pypdfium2
import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from blueprints.certificates import keys, paper
from blueprints.claims.models import EvidenceClass
from core.i18n import speaking

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
CLASSES = [EvidenceClass.A, EvidenceClass.B, EvidenceClass.C]


def rows(count):
    return [
        paper.Served(date(2026, 1, 3) + timedelta(days=n), "社区图书角管理岗", "便民利民", CLASSES[n % 3], 95 + n)
        for n in range(count)
    ]


def facts(count=6, **values):
    blocks = [paper.Block("烟雨社区志愿服务站", rows(count)), paper.Block("南湖街道团工委", rows(2))]
    told = {"blocks": blocks, "category": None, "stamp": None, **values}
    code = "ABCD-EFGH-JKMN-PQRS"
    address = f"https://gang.example.org/verify/{code}"
    return paper.Facts(
        "RG2026112512345678", code, address, NOW, "欧阳小满", "T0012345", date(2026, 1, 1), date(2026, 11, 25), **told
    )


@pytest.fixture
def pem(app):
    """Certificate and private key of a new signing key that is written nowhere."""
    return keys.opened(keys._made("嘉兴市志愿服务指导中心", NOW))


def text_of(pdf):
    document = pypdfium2.PdfDocument(pdf)
    pages = ["".join(document[n].get_textpage().get_text_range().split()) for n in range(len(document))]
    document.close()
    return pages


@pytest.fixture
def made(app):
    with app.test_request_context(), speaking("zh_Hans"):
        yield paper.set_(facts())


def test_it_says_time_content_and_who_recorded(made):
    """办法 art. 15; and no more than is true."""
    said = "".join(text_of(made))
    for words in ("志愿服务记录证明", "欧阳小满", "T0012345", "社区图书角管理岗", "1小时35分", "RG2026112512345678"):
        assert words in said, words
    assert "由烟雨社区志愿服务站、南湖街道团工委依据本系统记录出具" in said
    assert "国家认可" not in said
    assert "ABCD-EFGH-JKMN-PQRS" in said


def test_the_classes_of_evidence_stand_apart_and_add_up(made):
    said = "".join(text_of(made))
    assert "A3小时13分·B3小时15分·C3小时17分" in said  # the first block: 95 + 98, 96 + 99, 97 + 100 minutes
    assert "合计12小时56分" in said  # with 95 + 96 of the second


def test_a_name_with_markup_and_rare_characters_is_printed_as_text(app):
    with app.test_request_context(), speaking("zh_Hans"):
        pdf = paper.set_(facts(1, stamp={"organization": '#read("/etc/passwd")', "people": "核对：喆堃 $x$ *b*"}))
    said = "".join(text_of(pdf))
    assert '#read("/etc/passwd")' in said
    assert "喆堃$x$*b*" in said


def test_many_entries_go_on_on_further_pages_with_their_number(app):
    with app.test_request_context(), speaking("zh_Hans"):
        pages = text_of(paper.set_(facts(120)))
    assert len(pages) > 2
    assert f"第2页，共{len(pages)}页" in pages[1]


def test_the_page_looks_like_a_page(made):
    """Black on white, with margins, and with ink in the middle: nothing runs over an edge."""
    document = pypdfium2.PdfDocument(made)
    picture = document[0].render(scale=1).to_pil().convert("L")
    document.close()
    width, height = picture.size
    margin = [picture.getpixel((x, y)) for x in (5, width - 6) for y in range(0, height, 7)]
    assert min(margin) > 250
    inside = list(picture.crop((60, 60, width - 60, height - 60)).tobytes())
    assert 0.01 < sum(pixel < 128 for pixel in inside) / len(inside) < 0.2


def test_the_qr_code_carries_the_address_of_the_check(app):
    assert "<svg" in paper._qr("https://gang.example.org/verify/ABCD")


def test_it_is_small_signed_and_whole(made, pem):
    signed = paper.sign(made, *pem, reason="志愿服务记录证明")
    assert len(signed) < 60_000
    assert proven(signed)


def test_a_changed_byte_breaks_the_signature(made, pem):
    signed = bytearray(paper.sign(made, *pem, reason="志愿服务记录证明"))
    position = signed.index(b"endstream") - 30
    signed[position] ^= 1
    with pytest.raises(AssertionError):
        proven(bytes(signed))


def test_another_key_does_not_pass_for_ours(made, pem, app):
    signed = paper.sign(made, *keys.opened(keys._made("别的单位", NOW)), reason="x")
    assert signer_of(signed).fingerprint(SHA256()) != x509.load_pem_x509_certificate(pem[0].encode()).fingerprint(
        SHA256()
    )


# --- a reader of our own: ByteRange, digest, signed attributes, and the curve, by other libraries ---------------


def signature_of(pdf):
    found = re.search(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", pdf)
    start, length, second, rest = map(int, found.groups())
    covered = pdf[start : start + length] + pdf[second : second + rest]
    assert second + rest == len(pdf), "the signature must cover the file to its end"
    contents = bytes.fromhex(pdf[start + length + 1 : second - 1].decode())  # zeros after it fill the place
    return covered, cms.ContentInfo.load(contents, strict=False)["content"]


def signer_of(pdf):
    _covered, signed = signature_of(pdf)
    return x509.load_der_x509_certificate(signed["certificates"][0].dump())


def proven(pdf):
    covered, signed = signature_of(pdf)
    info = signed["signer_infos"][0]
    attributes = {attribute["type"].native: attribute["values"][0].native for attribute in info["signed_attrs"]}
    assert attributes["message_digest"] == hashlib.sha256(covered).digest(), "the file was changed"
    signature, told = info["signature"].native, info["signed_attrs"].untag().dump()
    try:
        signer_of(pdf).public_key().verify(signature, told, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise AssertionError("the signature is not by this key") from error
    return True
