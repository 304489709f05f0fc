"""A missing browser is a failure that says what to do."""

import pytest

from tests import chromium


def test_a_missing_browser_is_a_failure_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(chromium.ChromiumMissingError, match="apt install chromium"):
        chromium.ensure()


def test_a_chosen_browser_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    with pytest.raises(chromium.ChromiumMissingError, match="/nowhere/chromium"):
        chromium.ensure()
