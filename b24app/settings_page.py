"""The Settings tab, for admins: language, retention, and how the connection with the portal is."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from b24app import activity, checking, scopes
from b24app.frame.notices import toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import Bucket, Portal, PortalUser
from b24app.rest.budget import plan_limits
from b24app.rest.errors import sentence
from b24app.roles import is_admin

SMALLEST_BUCKET, LARGEST_BUCKET = 10, 1000
SLOWEST_DRAIN, FASTEST_DRAIN = 0.5, 100
SHORTEST_RETENTION, LONGEST_RETENTION = 30, 3650


def _between(least: float, most: float) -> list[BaseValidator]:
    return [
        MinValueValidator(least, gettext_lazy("Type %(limit_value)s or more.")),
        MaxValueValidator(most, gettext_lazy("Type %(limit_value)s or less.")),
    ]


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an admin may choose for the portal."""

    interface_language = forms.ChoiceField(label=gettext_lazy("Interface language"), required=False)
    retention_days = forms.IntegerField(
        label=gettext_lazy("Keep the list of sent notifications for"),
        help_text=gettext_lazy("Days, from 30 to 3650. Older entries are erased every night."),
        validators=_between(SHORTEST_RETENTION, LONGEST_RETENTION),
    )

    bucket_capacity = forms.FloatField(
        label=gettext_lazy("Requests in reserve"),
        required=False,
        help_text=gettext_lazy("From 10 to 1000. Leave it empty for what your portal's plan has."),
        validators=_between(SMALLEST_BUCKET, LARGEST_BUCKET),
    )
    bucket_drain = forms.FloatField(
        label=gettext_lazy("Requests per second"),
        required=False,
        help_text=gettext_lazy("From 0.5 to 100. Set both only if Bitrix24 has given your portal other limits."),
        validators=_between(SLOWEST_DRAIN, FASTEST_DRAIN),
    )

    class Meta:
        model = Portal
        fields = [
            "default_type", "tag_prefix", "interface_language", "retention_days", "warns_admins", "bucket_capacity", "bucket_drain",
        ]  # fmt: skip
        labels = {
            "default_type": gettext_lazy("Type of new notifications"),
            "tag_prefix": gettext_lazy("TAG begins with"),
            "warns_admins": gettext_lazy("Tell administrators what needs them"),
        }
        help_texts = {
            "default_type": gettext_lazy("What New notification begins with. Senders can choose another one."),
            "tag_prefix": gettext_lazy("New notification begins with this TAG. One to which nothing was added counts as none."),
            "warns_admins": gettext_lazy(
                "When a dispatch stops by itself or reaches nobody, or an administrator's access ends, the administrators who use the app "
                "get a notification."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("The portal's language")), *settings.LANGUAGES]
        self.fields["interface_language"] = forms.ChoiceField(
            label=self.fields["interface_language"].label, required=False, choices=choices
        )
        plan = plan_limits(self.instance)
        self.fields["bucket_capacity"].widget.attrs["placeholder"] = f"{plan.capacity:g}"
        self.fields["bucket_drain"].widget.attrs["placeholder"] = f"{plan.drain:g}"
        for name, field in self.fields.items():
            if name != "warns_admins":
                field.widget.attrs |= {"class": "control", "autocomplete": "off"}

    def clean_tag_prefix(self) -> str:
        """A TAG takes no control characters, so its beginning takes none."""
        prefix: str = self.cleaned_data["tag_prefix"]
        if not prefix.isprintable():
            raise forms.ValidationError(_("A tag cannot contain line breaks or control characters. Remove them."))
        return prefix


@require_http_methods(["GET", "POST"])
@frame_view(allow=is_admin)
def settings_page(request: FrameRequest) -> HttpResponseBase:
    """Show the settings; POST saves them, all or none. What was typed stays when something is wrong."""
    if request.method == "GET":
        return _page(request, SettingsForm(instance=request.portal))
    form = SettingsForm(request.POST, instance=Portal.objects.get(pk=request.portal.pk))
    if not form.is_valid():
        # With status 200: htmx shows no other, and browsers write any other one into the console as an error.
        return _page(request, form)
    labels = [str(form.fields[name].label) for name in form.changed_data]
    changed = {name: form.cleaned_data[name] for name in form.changed_data}
    if changed:
        Portal.objects.filter(pk=request.portal.pk).update(**changed)
        activity.note(request.person, activity.Kind.SETTINGS, settings=changed)
    text = _("Saved: %(settings)s.") % {"settings": "; ".join(labels)} if labels else _("Nothing was changed, so nothing had to be saved.")
    request.portal.refresh_from_db()
    return toast(_page(request, SettingsForm(instance=request.portal)), text)


@require_POST
@frame_view(allow=is_admin)
def check_connection(request: FrameRequest) -> HttpResponseBase:
    """Ask the portal, repair what can be repaired, and say what was done and what is left to people."""
    checked = checking.check(request.person)
    request.portal.refresh_from_db()
    # Its card alone: what was typed into the forms beside it stays.
    response = render(request, "frame/settings.html#connection", _connection(request.portal) | {"checked": checked})
    if not checked.left:
        return toast(response, _("The connection works: the portal answers, events and links are bound."))
    return toast(response, checked.left[0], "bad")


def _page(request: FrameRequest, form: SettingsForm) -> HttpResponseBase:
    portal = request.portal
    bucket = Bucket.objects.filter(portal=portal).first()
    context = {
        "form": form,
        "plan": plan_limits(portal),
        "is_unlimited": bucket is not None and bucket.counted is False,
        **_connection(portal),
    }
    return render(request, "frame/settings.html", context)


def _connection(portal: Portal) -> dict[str, Any]:
    """How the connection stands, as we know it without asking the portal."""
    admins = portal.people.filter(is_admin=True).defer("access_token", "refresh_token").order_by("name", "user_id")
    calls = portal.calls.defer("request", "response").order_by("-id")
    return {
        "portal": portal,
        "granted": sorted(portal.scopes),
        "missing": scopes.missing(portal.scopes),
        "admins": admins,
        "any_dead": any(admin.token_state == PortalUser.TokenState.DEAD for admin in admins),
        "bound": checking.is_bound(portal),
        "last_call": calls.first(),
        "last_error": calls.exclude(code="").first(),
        "suspended_message": sentence(portal.suspended_code),
        "oauth_link": f"{settings.APP_URL}{reverse('oauth-start')}?{urlencode({'domain': portal.domain})}",
    }
