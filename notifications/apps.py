from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """The upper floor: what the app is for."""

    name = "notifications"

    def ready(self) -> None:
        # Models, which both modules need, are there from here on.
        from b24app import lifecycle
        from b24app import metrics as floor
        from notifications import erasing, metrics

        floor.add("ledger", metrics.ledger)
        lifecycle.erase_first(erasing.erase)
        lifecycle.forget_too(erasing.forget_names)
