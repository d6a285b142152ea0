"""The ledger: what the app sent, to whom, and what became of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from b24app.models import Portal, PortalUser, Sender


class Dispatch(models.Model):
    """One act of sending: a text, its audience and its author."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="dispatches")
    author = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    # What the page sends once: a second click or a reload with the same key finds this row instead of sending again.
    key = models.UUIDField()
    # Kept for a send of unknown fate, which is repeated exactly as it was.
    message_out = models.TextField(blank=True)
    attach = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "key"], name="one_dispatch_per_key")]


class Notification(models.Model):
    """One notification for one person, as the ledger knows it."""

    class Type(models.TextChoices):
        PERSONAL = "personal", pgettext_lazy("type of notification", "Personal")
        SYSTEM = "system", pgettext_lazy("type of notification", "System")

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        SENT = "sent", pgettext_lazy("state of a notification", "Sent")
        UNKNOWN = "unknown", _("Unknown")
        FAILED = "failed", _("Failed")
        REPLACED = "replaced", _("Replaced")
        DELETED = "deleted", _("Deleted")
        CONFIRMED = "confirmed", _("Confirmed")
        EXPIRED = "expired", _("Expired")

    # In these states a copy is, or may be, in the recipient's feed.
    LIVE = (State.QUEUED, State.SENDING, State.SENT, State.UNKNOWN)

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="notifications")
    sender = models.ForeignKey(Sender, on_delete=models.RESTRICT, related_name="notifications")
    dispatch = models.ForeignKey(Dispatch, on_delete=models.RESTRICT, related_name="notifications")
    author = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, related_name="+")
    recipient = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, related_name="+")
    type = models.CharField(max_length=8, choices=Type.choices)
    tag = models.CharField(max_length=200, blank=True)
    sub_tag = models.CharField(max_length=200, blank=True)
    wire_tag = models.CharField(max_length=230)
    wire_sub_tag = models.CharField(max_length=230, blank=True)
    message = models.TextField()
    portal_notification_id = models.PositiveBigIntegerField(null=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["portal", "-id"], name="ledger_newest_first"),
            models.Index(fields=["portal", "tag", "-id"], name="ledger_by_tag"),
            models.Index(fields=["portal", "sub_tag", "-id"], name="ledger_by_sub_tag"),
            models.Index(fields=["portal", "recipient", "-id"], name="ledger_by_recipient"),
            models.Index(fields=["sender", "wire_sub_tag"], name="ledger_by_wire_sub_tag"),
            models.Index(fields=["sender", "wire_tag"], name="ledger_by_wire_tag"),
        ]
