"""Mail over SMTP, when an installation has set MAIL_URL (smtp://user:password@host:587 or smtps://…)."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from flask import current_app

TIMEOUT = 20


def is_set() -> bool:
    """Whether this installation can send mail at all."""
    return bool(current_app.config["MAIL_URL"])


def link(path: str) -> str:
    """The address of a page, for a mail; empty if this installation has not set PUBLIC_URL."""
    public: str = current_app.config["PUBLIC_URL"]
    return f"{public}{path}" if public else ""


def reach() -> None:
    """Sign in at the mail server and leave again; raises like `send` when that does not work."""
    with _server() as server:
        server.noop()


def send(address: str, subject: str, body: str, id: str = "") -> None:
    """Hand one message to the mail server; raises OSError or smtplib.SMTPException when it is not taken.

    `id` is the same whenever the same message is tried again, so that a reader's program shows it once.
    """
    message = EmailMessage()
    message["To"], message["From"], message["Subject"] = address, current_app.config["MAIL_FROM"], subject
    message["Date"], message["Message-ID"] = formatdate(localtime=False), _message_id(id)
    message.set_content(body)
    with _server() as server:
        server.send_message(message)


def _message_id(id: str) -> str:
    return f"<{id}@rengang.invalid>" if id else make_msgid(domain="rengang.invalid")


def refuses_the_address(error: Exception) -> bool:
    """Whether the server said for good that there is no such address; anything else is worth another try."""
    refused = error.recipients.values() if isinstance(error, smtplib.SMTPRecipientsRefused) else ()
    return bool(refused) and all(code in (550, 551, 553) for code, _words in refused)


def _server() -> smtplib.SMTP:
    url = urlsplit(current_app.config["MAIL_URL"])
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    server = kind(url.hostname or "localhost", url.port or 0, timeout=TIMEOUT)
    server.ehlo()  # the server says what it can do only when greeted
    if url.scheme != "smtps" and server.has_extn("starttls"):
        # A password goes only to a server that proves its name; a relay nearby often has no such certificate.
        server.starttls(context=ssl.create_default_context() if url.username else None)
    if url.username:
        server.login(unquote(url.username), unquote(url.password or ""))
    return server
