from django.apps import AppConfig
from django.conf import settings

from b24app import logs


class B24AppConfig(AppConfig):
    """The platform floor."""

    name = "b24app"

    def ready(self) -> None:
        logs.follow(settings.HUEY)
