"""Addresses of the app. Those of the frame live under /frame/ and ask for the bearer token."""

from django.urls import URLPattern, URLResolver, include, path

from b24app import (
    activity_page,
    events,
    exchanges_page,
    health,
    install,
    metrics,
    oauth_views,
    opening,
    public_pages,
    senders_page,
    settings_page,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("app/", opening.app, name="app"),
    path("install/", install.install, name="install"),
    path("events/", events.events, name="events"),
    path("oauth/start/", oauth_views.start, name="oauth-start"),
    path("oauth/callback/", oauth_views.callback, name="oauth-callback"),
    *(path(f"{name}/", public_pages.page, {"name": name}, name=name) for name in public_pages.PAGES),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("frame/session/", opening.renew, name="frame-session"),
    path("frame/install/", install.connect, name="frame-install"),
    path("frame/settings/", settings_page.settings_page, name="settings"),
    path("frame/settings/check/", settings_page.check_connection, name="settings-check"),
    path("frame/activity/", activity_page.activity_page, name="activity"),
    path("frame/activity/file/", activity_page.activity_file, name="activity-file"),
    path("frame/activity/calls/", exchanges_page.calls, name="calls"),
    path("frame/activity/calls/<int:number>/", exchanges_page.call, name="call"),
    path("frame/activity/calls/<int:number>/file/", exchanges_page.call_file, name="call-file"),
    path("frame/senders/", senders_page.senders_card, name="senders"),
    path("frame/senders/add/", senders_page.sender_add, name="sender-add"),
    path("frame/senders/<int:number>/remove/", senders_page.sender_remove, name="sender-remove"),
    path("frame/senders/<int:number>/check/", senders_page.sender_check, name="sender-check"),
    path("frame/", include("notifications.urls")),
]

handler400 = "b24app.pages.bad_request"
handler404 = "b24app.pages.not_found"
handler500 = "b24app.pages.server_error"
