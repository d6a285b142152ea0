"""The ledger: what the app sent, to whom, what became of it, and who confirmed."""

from typing import Any
from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from b24app.models import Portal, PortalUser, Sender
from notifications import bbcode


class Dispatch(models.Model):
    """One act of sending: a text, its audience and its author."""

    class State(models.TextChoices):
        # The audience is being read from the portal; READY waits for the sender's word; no notification has a row in either.
        PREPARING = "preparing", _("Preparing")
        READY = "ready", _("Ready")
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", pgettext_lazy("state of a dispatch", "Done")
        CANCELLED = "cancelled", pgettext_lazy("state of a dispatch", "Cancelled")

    # Sending goes on, or will by itself.
    UNDER_WAY = (State.QUEUED, State.RUNNING)

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="dispatches", db_index=False)
    sender = models.ForeignKey(Sender, on_delete=models.RESTRICT, related_name="dispatches")
    author = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    # What the page sends once: a second click or a reload with the same key finds this row instead of sending again.
    key = models.UUIDField()
    type = models.CharField(max_length=8, choices=Portal.NoticeType.choices)
    message = models.TextField()
    # Kept for a send of unknown fate, which is repeated exactly as it was.
    message_out = models.TextField(blank=True)
    attach = models.JSONField(null=True)
    tag = models.CharField(max_length=200, blank=True)
    sub_tag = models.CharField(max_length=200, blank=True)
    # Text and tags as they are searched: without codes, and case folded, which SQLite cannot do for every script.
    search_text = models.TextField(editable=False)
    # Whom it was meant for, as chosen (notifications.audience); empty for people named one by one.
    audience = models.JSONField(default=dict)
    # Numbers of the recipients' PortalUser rows while the dispatch is READY; the notifications' own rows hold them afterwards.
    recipients = models.JSONField(null=True)
    total = models.PositiveIntegerField(default=0)
    # Who was left out while the audience was read, and why (notifications.preparing).
    left_out = models.JSONField(default=dict)
    # While a worker reads the audience; past it, that worker has died.
    lease_until = models.DateTimeField(null=True)
    # Why it paused by itself, or why its audience could not be read.
    error_code = models.CharField(max_length=64, blank=True)
    # When the admins were told of that, or that it reached nobody; empty again once somebody lets it go on (notifications.warning).
    warned_at = models.DateTimeField(null=True)
    # What is being taken back in the background ("all", "unanswered", "unread"), up to which row that is done, and what it has come to:
    # numbers by name, and the `error` that ended it (notifications.takeback).
    taking_back = models.CharField(max_length=10, blank=True)
    taking_back_after = models.PositiveBigIntegerField(default=0)
    taken_back = models.JSONField(null=True)
    # Counts changes of its notifications' states; DispatchCount rows were taken at `counted_change` (notifications.counts).
    change = models.PositiveBigIntegerField(default=0)
    counted_change = models.PositiveBigIntegerField(null=True)
    # Whether the two differ. An index finds these, and need not be written at each change of `change`.
    is_stale = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "key"], name="one_dispatch_per_key")]
        indexes = [
            models.Index(fields=["portal", "-id"], name="dispatches_newest_first"),
            models.Index(fields=["portal", "tag", "-id"], name="dispatches_by_tag"),
            models.Index(fields=["portal", "sub_tag", "-id"], name="dispatches_by_sub_tag"),
            models.Index(fields=["portal", "-id"], condition=models.Q(is_stale=True), name="dispatches_stale"),
            # Few at any time: what is being sent, or waits to be.
            models.Index(fields=["portal", "-id"], condition=models.Q(finished_at=None), name="dispatches_open"),
            models.Index(fields=["portal"], condition=~models.Q(taking_back=""), name="dispatches_taken_back"),
            # For what has just ended.
            models.Index(fields=["finished_at"], name="dispatches_by_end"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps what is searched in step with the text and the tags."""
        self.search_text = "\n".join((bbcode.plain(self.message), self.tag, self.sub_tag)).casefold()
        super().save(*args, **kwargs)


class Notification(models.Model):
    """One notification for one person, as the ledger knows it."""

    # Whose name it bears: the sending person's, or the application's.
    Type = Portal.NoticeType

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENDING = "sending", _("Sending")
        SENT = "sent", pgettext_lazy("state of a notification", "Sent")
        UNKNOWN = "unknown", _("Unknown")
        FAILED = "failed", pgettext_lazy("state of a notification", "Failed")
        REPLACED = "replaced", _("Replaced")
        DELETED = "deleted", _("Deleted")
        CONFIRMED = "confirmed", _("Confirmed")
        DECLINED = "declined", _("Declined")
        CANCELLED = "cancelled", pgettext_lazy("state of a notification", "Cancelled")
        EXPIRED = "expired", _("Expired")

    # In these states a copy is, or may be, in the recipient's feed.
    LIVE = (State.QUEUED, State.SENDING, State.SENT, State.UNKNOWN)

    # Every one of these stands first in an index below.
    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    sender = models.ForeignKey(Sender, on_delete=models.RESTRICT, related_name="notifications", db_index=False)
    dispatch = models.ForeignKey(Dispatch, on_delete=models.RESTRICT, related_name="notifications", db_index=False)
    author = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, related_name="+", db_index=False)
    recipient = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, related_name="+", db_index=False)
    type = models.CharField(max_length=8, choices=Portal.NoticeType.choices)
    tag = models.CharField(max_length=200, blank=True)
    sub_tag = models.CharField(max_length=200, blank=True)
    wire_tag = models.CharField(max_length=230)
    wire_sub_tag = models.CharField(max_length=230, blank=True)
    portal_notification_id = models.PositiveBigIntegerField(null=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True)
    reminded_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # A page is read in the order of one of these and ends with its last row, however long the ledger (notifications.ledger).
            models.Index(fields=["portal", "-dispatch", "-id"], name="ledger_newest_first"),
            models.Index(fields=["portal", "tag", "-dispatch", "-id"], name="ledger_by_tag"),
            models.Index(fields=["portal", "sub_tag", "-dispatch", "-id"], name="ledger_by_sub_tag"),
            models.Index(fields=["portal", "state", "-dispatch", "-id"], name="ledger_by_state"),
            models.Index(fields=["recipient", "-dispatch", "-id"], name="ledger_by_recipient"),
            models.Index(fields=["author", "-dispatch", "-id"], name="ledger_by_author"),
            models.Index(fields=["-dispatch", "-id"], name="ledger_of_dispatch"),
            models.Index(fields=["sender", "wire_sub_tag"], name="ledger_by_wire_sub_tag"),
            models.Index(fields=["sender", "wire_tag"], name="ledger_by_wire_tag"),
            models.Index(fields=["dispatch", "state", "id"], name="ledger_by_dispatch"),
            # Few at any time: what is under way, or of unknown fate.
            models.Index(fields=["lease_until"], condition=models.Q(lease_until__isnull=False), name="ledger_leases"),
        ]

    @property
    def message(self) -> str:
        """The text as it was typed."""
        return self.dispatch.message


class DispatchCount(models.Model):
    """How many of a dispatch's notifications are in a state, as of the dispatch's `counted_change`."""

    dispatch = models.ForeignKey(Dispatch, on_delete=models.CASCADE, related_name="counts", db_index=False)
    state = models.CharField(max_length=9, choices=Notification.State.choices)
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dispatch", "state"], name="one_count_per_state")]


class TagGroup(models.Model):
    """What the dispatches of one TAG or SUB_TAG of one sender come to: the sum of their DispatchCount rows (notifications.counts)."""

    class By(models.TextChoices):
        TAG = "tag"
        SUB_TAG = "sub_tag"

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="+", db_index=False)
    by = models.CharField(max_length=7, choices=By.choices)
    value = models.CharField(max_length=200)
    # The newest of its dispatches, and how many they are.
    latest = models.ForeignKey(Dispatch, on_delete=models.RESTRICT, related_name="+")
    dispatches = models.PositiveIntegerField()
    # Numbers of notifications by state, for the states that occur.
    counts = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "by", "value"], name="one_group_per_tag")]
        indexes = [models.Index(fields=["portal", "by", "-latest"], name="groups_newest_first")]


class HourCount(models.Model):
    """What the dispatches made in one hour come to: the sum of their DispatchCount rows (notifications.counts).

    By the hour, because people of one portal live in several time zones, and each has days of their own.
    """

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="+", db_index=False)
    hour = models.DateTimeField()
    # Numbers of notifications by state, for the states that occur.
    counts = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "hour"], name="one_count_per_hour")]


class ConfirmationRequest(models.Model):
    """That a dispatch asks its recipients to confirm: with which buttons, until when, and what became of it as a whole."""

    dispatch = models.OneToOneField(Dispatch, on_delete=models.CASCADE, related_name="confirmation_request")
    # Stands in the link: it opens nothing by itself, and nobody can count from one to the next.
    key = models.UUIDField(unique=True, default=uuid4)
    # A list as notifications.ask writes it.
    buttons = models.JSONField()
    deadline = models.DateTimeField(null=True)
    remind_at = models.DateTimeField(null=True)
    # When the reminder by itself was begun.
    reminded_at = models.DateTimeField(null=True)
    # Since when a reminder of all who wait is under way, by hand or by itself; empty when there is none.
    reminding_since = models.DateTimeField(null=True)
    tells_author = models.BooleanField(default=True)
    told_all_at = models.DateTimeField(null=True)
    told_deadline_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(PortalUser, on_delete=models.RESTRICT, null=True, related_name="+")

    class Meta:
        # What each minute's jobs look for is few at any time.
        indexes = [
            models.Index(fields=["remind_at"], condition=models.Q(reminded_at=None, remind_at__isnull=False), name="requests_to_remind"),
            models.Index(fields=["reminding_since"], condition=models.Q(reminding_since__isnull=False), name="requests_reminding"),
            models.Index(
                fields=["deadline"], condition=models.Q(tells_author=True, told_all_at=None, closed_at=None), name="requests_to_tell"
            ),
        ]


class Answer(models.Model):
    """What a recipient answered to a confirmation request: one row, written once.

    The portal's feed is tidied after it was written, by the recipient's token at once, or later (`tidied_at` is empty until then).
    """

    request = models.ForeignKey(ConfirmationRequest, on_delete=models.CASCADE, related_name="answers")
    notification = models.OneToOneField(Notification, on_delete=models.CASCADE, related_name="answer")
    value = models.CharField(max_length=50)
    label = models.CharField(max_length=50)
    reason = models.TextField(blank=True)
    answered_at = models.DateTimeField()
    tidied_at = models.DateTimeField(null=True)
    tidy_after = models.DateTimeField(null=True)
    tidy_attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["request", "answered_at"], name="answers_by_time"),
            models.Index(fields=["tidy_after"], condition=models.Q(tidied_at=None), name="answers_to_tidy"),
        ]


class Lane(models.Model):
    """Which worker process sends for a portal now: one at a time, until its lease runs out (notifications.lane)."""

    portal = models.OneToOneField(Portal, on_delete=models.CASCADE, related_name="lane")
    owner = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)
    # The portal is not called before: it was not to be reached (`failures` times in a row), or has paused what is needed.
    resume_at = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    # When a portal that can not be used is tried again, if nobody has found out by then that it can.
    probe_at = models.DateTimeField(null=True)
    # The dispatch served last: the next one's turn is after it.
    served = models.PositiveBigIntegerField(default=0)
