from django.apps import AppConfig


class B24AppConfig(AppConfig):
    """The platform floor."""

    name = "b24app"
