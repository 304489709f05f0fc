"""What the running of an installation itself has to remember."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class Lease(Base):
    """Which process does what only one may do, and until when it holds that without another sign of life."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(40), unique=True)
    holder: Mapped[str] = mapped_column(String(80))
    held_until: Mapped[datetime]
