"""`manage.py devportal` as a process."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "manage.py", "devportal", "--tls", "--port", "0", "--app-url", "http://127.0.0.1:9"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "b24app.settings", "DJANGO_DEBUG": "on"},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield started
    started.kill()
    started.wait()


def test_prints_what_a_developer_needs_and_ends_on_sigterm(process: subprocess.Popen[str]) -> None:
    """design.md 4: per portal its address and an admin's webhook, with TLS the CA's file."""
    assert process.stdout is not None
    printed = [process.stdout.readline() for _ in range(8)]
    text = "".join(printed)
    ca_file = re.search(r"CA to trust: (\S+)", text)
    webhooks = re.findall(r"webhook of .*: (https://localhost:\d+/rest/1/\w+/)", text)
    assert ca_file is not None
    assert len(webhooks) == 3
    feed = requests.post(f"{webhooks[1]}im.notify.get", json={}, verify=ca_file[1], timeout=10).json()["result"]
    assert [item["notify_type"] for item in feed["notifications"]] == [1, 1, 2, 2, 4]
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
