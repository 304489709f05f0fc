"""Who is asking: an account with its live grants, read once a request and never changed by it."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What staff may do on an organization and everything under it; none implies another."""

    CLERK = "clerk"
    CONFIRMER = "confirmer"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Held:
    """A role held on an organization; `path` covers it and all below it."""

    role: Role
    organization_id: int
    path: str


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a request or a command."""

    account_id: int
    name: str
    session_id: int = 0
    volunteer_id: int | None = None
    volunteer_state: str = ""
    held: tuple[Held, ...] = ()
    owes_second_step: bool = False  # a role asks for it: until it is set up, no role is held

    @property
    def is_volunteer(self) -> bool:
        return self.volunteer_id is not None

    @property
    def is_staff(self) -> bool:
        return bool(self.held) or self.owes_second_step

    def can(self, role: str) -> bool:
        """Whether the role is held anywhere."""
        return any(held.role == role for held in self.held)

    def may(self, role: str, path: str) -> bool:
        """Whether the role is held on the organization at this path or above it."""
        return any(held.role == role and path.startswith(held.path) for held in self.held)

    def reach(self, *roles: str) -> list[str]:
        """The paths on which any of the roles is held."""
        return sorted({held.path for held in self.held if held.role in roles})
