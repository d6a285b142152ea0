"""Addresses of the frame's pages about notifications."""

from django.urls import path

from notifications.views import inbox, new, search, sent

urlpatterns = [
    path("sent/", sent.sent, name="sent"),
    path("sent/<int:number>/", sent.sent_row, name="sent-row"),
    path("sent/delete/", sent.sent_delete, name="sent-delete"),
    path("sent/confirm/", sent.sent_confirm, name="sent-confirm"),
    path("new/", new.new, name="new"),
    path("new/preview/", new.new_preview, name="new-preview"),
    path("new/people/", new.new_people, name="new-people"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/news/", inbox.inbox_news, name="inbox-news"),
    path("inbox/search/", search.search, name="inbox-search"),
    path("inbox/search/types/", search.search_types, name="inbox-search-types"),
    path("inbox/read/", inbox.inbox_read, name="inbox-read"),
    path("inbox/read-newer/", inbox.inbox_read_newer, name="inbox-read-newer"),
    path("inbox/read-all/", inbox.inbox_read_all, name="inbox-read-all"),
    path("inbox/confirm/", inbox.inbox_confirm, name="inbox-confirm"),
    path("inbox/answer/", inbox.inbox_answer, name="inbox-answer"),
    path("inbox/delete/", inbox.inbox_delete, name="inbox-delete"),
    path("inbox/delete-elsewhere/", inbox.inbox_delete_elsewhere, name="inbox-delete-elsewhere"),
]
