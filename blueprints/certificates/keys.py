"""The key that signs papers: made at set-up, replaced by a command; what a retired one signed can still be checked."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from blueprints.certificates.models import SigningKey
from core import audit, vault
from core.db import db

VALID_FOR = timedelta(days=3653)  # a paper is asked for long after it was signed


def current() -> SigningKey | None:
    """The key that signs now."""
    return db.session.scalar(select(SigningKey).where(SigningKey.retired_at.is_(None)))


def every() -> list[SigningKey]:
    """All keys there ever were, the oldest first."""
    return list(db.session.scalars(select(SigningKey).order_by(SigningKey.id)))


def make(name: str, *, now: datetime) -> SigningKey:
    """A new key; the one before signs nothing more. `name` stands in the signature: who runs this installation."""
    before = current()
    if before:
        before.retired_at, before.is_current = now, None
        db.session.flush()
    made = _made(name, now)
    db.session.add(made)
    db.session.flush()
    audit.note("signing key made", made, actor_id=None, now=now, fingerprint=made.fingerprint)
    return made


def _made(name: str, now: datetime) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(private, name, now)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made = SigningKey(made_at=now, is_current=True, certificate=certificate.public_bytes(Encoding.PEM).decode())
    made.private_key, made.fingerprint = vault.seal(pem), certificate.fingerprint(SHA256()).hex()
    return made


def _certificate(private: ec.EllipticCurvePrivateKey, name: str, now: datetime) -> x509.Certificate:
    """Self-signed: a reader shows whose it is, and its fingerprint is what this installation publishes."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + VALID_FOR)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return builder.add_extension(usage, critical=True).sign(private, SHA256())


def opened(key: SigningKey) -> tuple[str, str]:
    """Certificate and private key as PEM, for the one who signs."""
    return key.certificate, vault.unseal(key.private_key)
