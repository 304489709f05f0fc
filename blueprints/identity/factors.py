"""The second step at sign-in: a code that a phone makes anew every 30 seconds, or a printed one that is good once.

A phone tells the real time, also in a demo whose clock was moved: codes are judged at `at`, a moment of `clock.real()`.
"""

import hmac
import secrets
from datetime import datetime

import pyotp
from sqlalchemy import delete

from blueprints.identity import queries, tries
from blueprints.identity.actions import end_sessions, forget_second_step, open_session, tell, use_slip
from blueprints.identity.forms import RECOVERY_DIGITS, code_digits
from blueprints.identity.models import Account, RecoveryCode, SecondFactor, SlipPurpose
from core import audit, masks, vault
from core.db import db, lock
from core.i18n import _
from core.refusal import Refusal

SECONDS, TOLERANCE = 30, 1  # a code lives for one step; a clock may be wrong by one more
RECOVERY_CODES = 10
ISSUER = "Rengang"
PAGE = "/me/second-step"


class WrongCode(Refusal):
    """A code that is good for nothing; whoever catches it counts the try."""


# ── the phone ──


def new_secret() -> str:
    """A secret that a phone and this server will share (160 bits)."""
    return pyotp.random_base32()


def address_for_phone(secret: str, phone: str | None) -> str:
    """What the picture says to the phone: the secret, and a name that tells nobody whose it is."""
    name = masks.phone(phone)
    return pyotp.TOTP(secret, interval=SECONDS).provisioning_uri(name=name, issuer_name=ISSUER)


def set_up(account_id: int, secret: str, code: str, *, session_id: int, now: datetime, at: datetime) -> list[str]:
    """Let the phone that made this code be the second step from now on; returns the new recovery codes.

    An earlier phone and its recovery codes end, and so does every other session: nobody was asked for a code there.
    """
    lock(Account, account_id)
    step = _step_of(secret, code_digits(code), 0, at)
    if step is None:
        raise WrongCode(_wrong_at_set_up(), "code")
    factor = queries.second_factor(account_id) or SecondFactor(account_id=account_id)
    factor.sealed, factor.last_step, factor.set_up_at = vault.seal(secret), step, now
    db.session.add(factor)
    end_sessions(account_id, now=now, but=session_id)
    audit.note("second step set up", factor, actor_id=account_id, now=now, about_id=account_id)
    tell(account_id, "second_step_set_up", now=now, path=PAGE)
    return _new_codes(account_id, now)


def _wrong_at_set_up() -> str:
    return str(
        _(
            "This is not the code that the phone shows now. Please wait for the next one and type it within half a "
            "minute. If it is refused again, check that the phone sets its clock by itself."
        )
    )


def _step_of(secret: str, code: str, last_step: int, at: datetime) -> int | None:
    """Which step the code belongs to, if it is one of now and was not used before (RFC 6238, 5.2)."""
    current = int(at.timestamp()) // SECONDS
    if last_step > current + TOLERANCE:  # the machine's clock was put back: what it said before counts no more
        last_step = 0
    made = pyotp.TOTP(secret, interval=SECONDS)
    steps = range(max(current - TOLERANCE, last_step + 1), current + TOLERANCE + 1)
    fitting = [step for step in steps if hmac.compare_digest(made.generate_otp(step), code)]
    return fitting[0] if fitting else None


# ── proving ──


def proof_of(account: Account) -> str:
    """What a browser carries between the two steps: void as soon as the password changes."""
    return vault.digest(f"second step/{account.id}/{account.password_hash}")


def sign_in(account_id: int, proof: str, code: str, *, address: str, device: str, now: datetime, at: datetime) -> str:
    """Open a session for somebody whose password fitted ten minutes ago at most; returns the token of the cookie."""
    account = lock(Account, account_id)
    if account.closed_at or not hmac.compare_digest(proof_of(account), proof):
        raise Refusal(_("Your password was changed just now. Please sign in with the new one."))
    use(account_id, code, now=now, at=at)
    tries.forgive(tries.of_phone("sign-in", account.phone or "", address))
    tries.forgive(tries.of_second_step(account_id, address))
    return open_session(account_id, device=device, now=now)


def use(account_id: int, code: str, *, now: datetime, at: datetime) -> None:
    """Use a code up: one of the phone, or a printed one. Raises WrongCode if it is neither."""
    lock(Account, account_id)
    factor, plain = queries.second_factor(account_id), code_digits(code)
    if factor is None:
        raise Refusal(_("This account has no second step any more. Please sign in again."))
    if len(plain) == RECOVERY_DIGITS:
        return _use_recovery_code(account_id, plain, now)
    step = _step_of(vault.unseal(factor.sealed), plain, factor.last_step, at)
    if step is None:
        raise WrongCode(_wrong(), "code")
    factor.last_step = step
    return None


def _wrong() -> str:
    return str(
        _(
            "This code is wrong, too old or was used already. Please type the one that the phone shows now, "
            "or a recovery code that was not used."
        )
    )


def _use_recovery_code(account_id: int, plain: str, now: datetime) -> None:
    code = queries.recovery_code(account_id, _kept(account_id, plain))
    if code is None:
        raise WrongCode(_wrong(), "code")
    code.used_at = now
    db.session.flush()
    audit.note("recovery code used", code, actor_id=account_id, now=now, about_id=account_id)
    tell(account_id, "recovery_code_used", now=now, path=PAGE, left=queries.recovery_codes_left(account_id))


# ── recovery codes ──


def renew_codes(account_id: int, *, now: datetime) -> list[str]:
    """Ten new recovery codes; the old ones are void."""
    lock(Account, account_id)
    factor = queries.second_factor(account_id)
    if factor is None:
        raise Refusal(_("There is no second step yet. Please set it up first; the codes come with it."))
    audit.note("recovery codes made", factor, actor_id=account_id, now=now, about_id=account_id)
    tell(account_id, "recovery_codes_made", now=now, path=PAGE)
    return _new_codes(account_id, now)


def _new_codes(account_id: int, now: datetime) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    codes: set[str] = set()
    while len(codes) < RECOVERY_CODES:
        codes.add(f"{secrets.randbelow(10**RECOVERY_DIGITS):0{RECOVERY_DIGITS}d}")
    for code in codes:
        db.session.add(RecoveryCode(account_id=account_id, code_hash=_kept(account_id, code), made_at=now))
    return sorted(codes)


def _kept(account_id: int, plain: str) -> str:
    return vault.digest(f"recovery code/{account_id}/{plain}")


# ── the end of it ──


def remove(account_id: int, *, now: datetime) -> None:
    """Take the second step away; not while a role asks for it."""
    lock(Account, account_id)
    if queries.roles_that_ask(account_id):
        raise Refusal(_("Your role asks for the second step, so it stays. You can move it to another phone instead."))
    _take_away(account_id, now)


def remove_with_slip(slip_id: int, kept: str | None, *, now: datetime) -> None:
    """Take the second step away whose phone and codes are lost, with a slip and the password whose hash is `kept`.

    Two people are in it: whoever issued the slip does not know the password. All devices are signed out, since the
    lost phone may be one. Who needs a second step is led to a new one at the next sign-in.
    """
    _slip, account = use_slip(slip_id, SlipPurpose.SECOND_STEP, now)
    if account.password_hash != kept:
        raise Refusal(_("Your password was changed just now. Please sign in with the new one."))
    end_sessions(account.id, now=now)
    _take_away(account.id, now)


def _take_away(account_id: int, now: datetime) -> None:
    factor = queries.second_factor(account_id)
    if factor is None:
        raise Refusal(_("This account has no second step any more. Please sign in again."))
    audit.note("second step removed", factor, actor_id=account_id, now=now, about_id=account_id)
    tell(account_id, "second_step_removed", now=now, path=PAGE)
    forget_second_step(account_id)
