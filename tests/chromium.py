"""Which Chromium the browser tests drive, and how it gets onto a machine that has none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-noto-cjk")
REMEDY = (
    "Chromium is missing. Install it (Debian and Ubuntu: apt install chromium fonts-noto-cjk), "
    "or set CHROMIUM to the path of a Chromium or Chrome."
)


class ChromiumMissingError(Exception):
    """The browser tests cannot run, and that is a failure."""


def find() -> str:
    """The path of a Chromium."""
    if chosen := os.environ.get("CHROMIUM"):
        if not Path(chosen).exists():
            raise ChromiumMissingError(f"CHROMIUM is set to {chosen}, which does not exist.")
        return chosen
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise ChromiumMissingError(REMEDY)


def ensure() -> str:
    """The path of a Chromium, installed now if this machine lets us."""
    try:
        return find()
    except ChromiumMissingError:
        if os.environ.get("CHROMIUM") or not _may_install():
            raise
    _install()
    return find()


def _may_install() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for line in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-q", *line], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            raise ChromiumMissingError(f"apt-get {line[0]} failed. {REMEDY}")
