"""The start: production refuses missing or weak secrets in one clear sentence, and HTTPS rules follow APP_URL."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent
GOOD = {
    "DJANGO_DEBUG": "off",
    "DJANGO_SECRET_KEY": "k8Qz-3vN0pXw_7rT5yUeB2mHsLdGfJa9cVbOiR4tYxEqWnMuKlZj61",
    "TOKEN_KEYS": Fernet.generate_key().decode(),
    "B24_CLIENT_ID": "local.0123",
    "B24_CLIENT_SECRET": "secret-of-a-test",
    "APP_URL": "https://notifications.example",
}


def start(printed: str = "'started'", **changes: str) -> subprocess.CompletedProcess[str]:
    """Start Django in a process of its own under GOOD with `changes` and print an expression over `settings`."""
    code = f"import django; django.setup(); from django.conf import settings; print({printed})"
    environment = os.environ | GOOD | {"DJANGO_SETTINGS_MODULE": "b24app.settings"} | changes
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_starts_with_good_secrets() -> None:
    assert start().stdout == "started\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DJANGO_SECRET_KEY", ""),
        ("DJANGO_SECRET_KEY", "short"),
        ("DJANGO_SECRET_KEY", "a" * 60),
        ("TOKEN_KEYS", ""),
        ("TOKEN_KEYS", "not-a-fernet-key"),
        ("B24_CLIENT_ID", ""),
        ("B24_CLIENT_SECRET", ""),
        ("HUEY_URL", "amqp://127.0.0.1/"),
    ],
)
def test_refuses_to_start_and_names_the_variable(name: str, value: str) -> None:
    result = start(**{name: value})
    assert result.returncode != 0
    sentence = result.stderr.strip().splitlines()[-1]
    assert sentence.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert name in sentence
    assert not value or value not in sentence


@pytest.mark.parametrize(
    ("address", "expected"), [("https://notifications.example", "True 31536000"), ("http://127.0.0.1:8000", "False 0")]
)
def test_https_rules_follow_app_url(address: str, expected: str) -> None:
    result = start("settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS, sep=' '", APP_URL=address)
    assert result.stdout.strip() == expected


def test_the_command_line_says_it_in_one_sentence() -> None:
    environment = os.environ | GOOD | {"DJANGO_SETTINGS_MODULE": "b24app.settings", "DJANGO_SECRET_KEY": ""}
    command = [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("DJANGO_SECRET_KEY must be")
    assert result.stderr.count("\n") == 1


def test_app_url_names_the_allowed_host() -> None:
    assert start("settings.ALLOWED_HOSTS", DJANGO_ALLOWED_HOSTS="notifications.example").stdout.strip() == "['notifications.example']"


READ = sorted(set(re.findall(r"""env(?:\.\w+)?\(\s*"(\w+)\"""", (ROOT / "b24app" / "settings.py").read_text())))


@pytest.mark.parametrize("name", READ)
def test_every_variable_that_is_read_is_explained(name: str) -> None:
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    assert any(f"`{name}`" in line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    assert re.search(rf"^#?{name}=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_nothing_else_is_explained() -> None:
    assert len(READ) > 15
    assert sorted(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)) == READ


def test_the_example_starts_when_its_secrets_are_filled_in() -> None:
    """Every optional line switched on, where it stands: each is a value that the app takes."""
    text = (ROOT / ".env.example").read_text()
    told = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.+)$", text, re.MULTILINE))
    assert start(**(told | {"B24_CA_FILE": ""})).stdout == "started\n"


def test_the_stand_in_is_no_part_of_a_production_start() -> None:
    assert start("'devportal' in settings.INSTALLED_APPS").stdout.strip() == "False"
