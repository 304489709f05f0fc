"""The web server stays small: what only a command or a rare page needs is imported there."""

import subprocess
import sys

HEAVY = {"pywebpush", "aiohttp", "PIL", "requests", "urllib3", "numpy", "playwright", "gunicorn", "waitress", "psycopg"}


def test_the_application_imports_nothing_heavy():
    code = "import sys, app; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "flask" in loaded
    assert not HEAVY & loaded
