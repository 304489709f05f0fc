"""Addresses that leave the screen: printed, sent on, or read by a phone's camera."""

from flask import current_app, request, url_for

from core.qr import picture


def invitation_link(code: str) -> str:
    """Where somebody who was invited reads what is offered."""
    return public(url_for("invitations.show_offer", code=code))


def public(path: str) -> str:
    """The whole address of a path of this installation (setting PUBLIC_URL, else as this request came)."""
    base: str = current_app.config["PUBLIC_URL"] or request.url_root.rstrip("/")
    return base + path


def qr(link: str) -> str:
    """A picture of the link for an <img>."""
    return picture(link)
