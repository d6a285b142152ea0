"""What docs/deploy.md tells operators to type or to watch exists: commands, their options, figures."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from b24app.networks import read_networks

DEPLOY = (Path(__file__).resolve().parent.parent / "docs" / "deploy.md").read_text()

COMMAND = re.compile(r"manage\.py ([a-z_]+)([^`\n|#;]*)")
FUNCTIONS = {"avg", "by", "delta", "max", "min", "min_over_time", "sum", "and", "or"}


@pytest.mark.parametrize(("name", "rest"), sorted(set(COMMAND.findall(DEPLOY))))
def test_every_command_and_option_exists(name: str, rest: str) -> None:
    command = load_command_class(get_commands()[name], name)
    known = command.create_parser("manage.py", name).format_help()
    for option in re.findall(r"--[a-z-]+", rest):
        assert option in known


@pytest.mark.django_db
def test_alerts_watch_figures_that_exist(client: Client, settings: Settings) -> None:
    settings.METRICS_ALLOW = read_networks("METRICS_ALLOW", ["127.0.0.0/8"])
    told = {family.name for family in text_string_to_metric_families(client.get("/metrics").content.decode())}
    watched = set()
    for expression in re.findall(r"^ +expr: (.+)$", DEPLOY, re.MULTILINE):
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([a-z]+\)", "", expression)
        watched |= set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - FUNCTIONS
    assert "notifications_oldest_due_seconds" in watched
    # Prometheus' own word for whether the scrape worked.
    assert watched - {"up"} <= told
