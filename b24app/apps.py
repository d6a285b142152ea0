from django.apps import AppConfig
from django.conf import settings

from b24app import logs


class B24AppConfig(AppConfig):
    """The platform floor."""

    name = "b24app"

    def ready(self) -> None:
        from b24app import vendor  # noqa: F401 - registers its check

        logs.follow(settings.HUEY)
