"""The platform floor's tables: portals, the people known on them, senders of tags, and the log of REST calls."""

import hashlib

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from b24app.encryption import EncryptedTextField


class Portal(models.Model):
    """A Bitrix24 company portal. `member_id` is its identity for ever; its domain can change."""

    class State(models.TextChoices):
        INSTALLING = "installing", _("Installing")
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        REMOVED = "removed", _("Removed")

    class Who(models.TextChoices):
        ADMINS = "admins", _("Administrators only")
        CHOSEN = "chosen", _("Administrators and those chosen here")
        EVERYONE = "everyone", _("Everyone")

    class NoticeType(models.TextChoices):
        PERSONAL = "personal", pgettext_lazy("type of notification", "Personal")
        SYSTEM = "system", pgettext_lazy("type of notification", "System")

    member_id = models.CharField(max_length=64, unique=True)
    domain = models.CharField(max_length=255)
    client_endpoint = models.CharField(max_length=255)
    oauth_server = models.CharField(max_length=255)
    client_id = models.CharField(max_length=255)
    scope = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=1, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.INSTALLING)
    suspended_code = models.CharField(max_length=64, blank=True)
    suspended_at = models.DateTimeField(null=True)
    application_token = EncryptedTextField(blank=True)
    language = models.CharField(max_length=8, default="en")
    version = models.PositiveIntegerField(default=0)
    bound_version = models.PositiveIntegerField(null=True)
    # Counts the installations of this portal: frame tokens of an earlier one are worth nothing in the next.
    installation = models.PositiveIntegerField(default=1)
    license_family = models.CharField(max_length=64, blank=True)
    # Limits other than the plan's, where somebody who knows has set them: requests in the bucket, and how many drain per second.
    bucket_capacity = models.FloatField(null=True)
    bucket_drain = models.FloatField(null=True)

    # The rights (b24app.roles), and for each of them that is for chosen ones: who those are.
    who_may_send = models.CharField(max_length=10, choices=Who.choices, default=Who.ADMINS)
    who_may_send_to_many = models.CharField(max_length=10, choices=Who.choices, default=Who.ADMINS)
    who_may_see_all = models.CharField(max_length=10, choices=Who.choices, default=Who.ADMINS)
    chosen = models.JSONField(default=dict)
    interface_language = models.CharField(max_length=8, blank=True)
    # What a new notification begins with.
    default_type = models.CharField(max_length=8, choices=NoticeType.choices, default=NoticeType.PERSONAL)
    tag_prefix = models.CharField(max_length=50, blank=True)
    # Whether admins get a notification when a dispatch or a token of theirs needs them.
    warns_admins = models.BooleanField(default=True)
    retention_days = models.PositiveIntegerField(default=365)

    created_at = models.DateTimeField(auto_now_add=True)
    installed_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.domain

    @property
    def scopes(self) -> set[str]:
        """The granted scopes as a set of names."""
        return {name.strip() for name in self.scope.split(",") if name.strip()}

    @property
    def origin(self) -> str:
        """Scheme and host of the portal, as a browser states its origin."""
        return self.client_endpoint.split("/rest")[0]


class PortalUser(models.Model):
    """A person of a portal whom the app has met: as a user with tokens, or by name only as a recipient."""

    class TokenState(models.TextChoices):
        NONE = "none", _("No token")
        VALID = "valid", _("Valid")
        DEAD = "dead", _("Dead")

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="people")
    user_id = models.PositiveBigIntegerField()
    name = models.CharField(max_length=255, blank=True)
    photo = models.CharField(max_length=500, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    is_admin = models.BooleanField(default=False)
    # Numbers of the departments the person belongs to, as the portal told at the last opening: rights can be a department's.
    departments = models.JSONField(default=list)
    profile_at = models.DateTimeField(null=True)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    token_state = models.CharField(max_length=5, choices=TokenState.choices, default=TokenState.NONE)
    refresh_claimed_at = models.DateTimeField(null=True)
    last_opened_at = models.DateTimeField(null=True)
    # When the admins were told that this admin's token is dead; empty while it lives.
    warned_at = models.DateTimeField(null=True)
    # The person wants the figures at the top of the first page out of the way.
    folds_figures = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "user_id"], name="one_row_per_person")]

    def __str__(self) -> str:
        return self.name or f"#{self.user_id}"


class LaunchProof(models.Model):
    """What the authorization server said of an access token, kept for the token's life. The key is a hash: no token is stored here."""

    token_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(PortalUser, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()


def namespace_of(kind: str, client_id: str) -> str:
    """The prefix the portal puts before TAG and SUB_TAG of this sender, e.g. `MP|0a1b2|` (observed in server source; bitrix24.md 6.2)."""
    hashed = client_id if kind == Sender.Kind.APP else f"custom{client_id}"
    return f"MP|{hashlib.md5(hashed.encode(), usedforsecurity=False).hexdigest()[:5]}|"


class Sender(models.Model):
    """The CLIENT_ID context of tags: this application over OAuth, or a webhook with a CLIENT_ID of its own."""

    class Kind(models.TextChoices):
        APP = "app", _("Application")
        WEBHOOK = "webhook", _("Webhook")

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="senders")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    name = models.CharField(max_length=100)
    client_id = models.CharField(max_length=255, blank=True)
    webhook_url = EncryptedTextField(blank=True)
    broken_code = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal"], condition=Q(kind="app"), name="one_app_sender_per_portal")]

    def __str__(self) -> str:
        return self.name

    @property
    def namespace(self) -> str:
        """The prefix of this sender's stored tags, e.g. `MP|0a1b2|`."""
        return namespace_of(self.kind, self.client_id)


class Bucket(models.Model):
    """The portal's request budget, shared by all our processes: `level` requests were in it at `measured_at` (epoch seconds).

    `counted` says whether the portal counts requests at all: a self-hosted one does not unless its administrator wants it; None until
    an answer has shown it (b24app.rest.budget).
    """

    portal = models.OneToOneField(Portal, on_delete=models.CASCADE, related_name="bucket")
    counted = models.BooleanField(null=True)
    level = models.FloatField(default=0)
    measured_at = models.FloatField(default=0)
    version = models.PositiveBigIntegerField(default=0)


class MethodPause(models.Model):
    """A method whose operating time is used up until `until`, or nearly used up and freed again at `resets_at` (doc: limits)."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="method_pauses")
    method = models.CharField(max_length=64)
    until = models.DateTimeField()
    resets_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["portal", "method"], name="one_pause_per_method")]


class CallLog(models.Model):
    """One REST call: what was asked and answered, with every secret masked. Kept seven days."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="calls")
    user_id = models.PositiveBigIntegerField(null=True)
    method = models.CharField(max_length=64)
    request = models.JSONField()
    response = models.JSONField(null=True)
    code = models.CharField(max_length=64, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    # Of a batch that was answered: how many of its commands ended with an error.
    failed_commands = models.PositiveSmallIntegerField(default=0)
    milliseconds = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["portal", "-id"], name="calls_of_portal"),
            models.Index(fields=["portal", "method", "-id"], name="calls_by_method"),
            models.Index(fields=["created_at"], name="calls_by_age"),
        ]


class Activity(models.Model):
    """Something that a person of the portal did with the app, or that the app did by itself: `person` is empty then (b24app.activity)."""

    portal = models.ForeignKey(Portal, on_delete=models.CASCADE, related_name="activities", db_index=False)
    person = models.ForeignKey(PortalUser, on_delete=models.CASCADE, null=True, related_name="activities", db_index=False)
    kind = models.CharField(max_length=32)
    # Plain values that the kind's sentence tells; no text in any language.
    details = models.JSONField(default=dict)
    # The details as they are searched: case folded, which SQLite cannot do for every script.
    search_text = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["portal", "-id"], name="activities_newest_first"),
            models.Index(fields=["portal", "kind", "-id"], name="activities_by_kind"),
            models.Index(fields=["person", "-id"], name="activities_by_person"),
            models.Index(fields=["portal", "at"], name="activities_by_age"),
        ]
