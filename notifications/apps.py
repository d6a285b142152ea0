from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """The upper floor: what the app is for."""

    name = "notifications"
