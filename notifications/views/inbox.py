"""Inbox: the signed-in person's own feed, and what can be done with each notification in it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from b24app.frame.notices import Kind, toast
from b24app.frame.session import FrameRequest, frame_view
from b24app.models import Sender
from b24app.rest.errors import RestError
from b24app.roles import may_see_all, may_take_back
from notifications import answering, confirming, revoking
from notifications import inbox as feed
from notifications.errors import InvalidInput
from notifications.forms import ElsewhereForm, NumbersForm
from notifications.shapes import integer
from notifications.views.ask import question

CONFIRMATIONS, OTHERS = "1", "3"
"""The two kinds of a feed, as the page tells them apart: their order and paging differ (bitrix24.md 6.9)."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line above the first notification of its kind; the page hides it while nothing follows."""

    kind: str
    heading: str


@require_GET
@frame_view()
def inbox(request: FrameRequest) -> HttpResponse:
    """The tab; for `#inbox-list` the list alone, and with `cursor` the next items alone."""
    cursor = request.GET.get("cursor", "")
    context = {"continued": bool(cursor), "lists_requests": True, **_rights(request), "origin": request.portal.origin}
    try:
        page = feed.page(request.person, cursor)
    except InvalidInput as error:
        return render(request, f"frame/inbox.html{_part(request, cursor)}", context | {"refusal": error.message})
    questions = [] if cursor else [question(request.person, waiting) for waiting in answering.waiting(request.person)]
    context |= {
        "rows": list(_with_headings(page, cursor)),
        "questions": questions,
        "is_empty": not page.items and not questions and not cursor,
        "next_url": page.next_cursor and f"{reverse('inbox')}?cursor={page.next_cursor}",
    }
    return _triggering(render(request, f"frame/inbox.html{_part(request, cursor)}", context), unread={"total": page.unread})


@require_GET
@frame_view()
def inbox_news(request: FrameRequest) -> HttpResponse:
    """What came since the newest notifications that the page has: a bar that says so, and the items for when it is pressed.

    Asked for by the page itself, again and again: an error of the portal is no news to the person, it only makes the page ask later.
    """
    seen = feed.Newest(*(_newest(request.GET.get(name, "")) for name in ("confirmation", "other")))
    try:
        news = feed.news(request.person, seen)
    except RestError:
        return _triggering(HttpResponse(status=204), **{"inbox-news-failed": {}})
    asking = {item.row.pk for item in news.items if item.row and item.asks}
    waiting = answering.waiting(request.person) if asking else []
    context = {
        "entries": news.items,
        "questions": [question(request.person, each) for each in waiting if each.row.pk in asking],
        "lists_requests": True,
        **_rights(request),
        "origin": request.portal.origin,
    }
    return _triggering(render(request, "frame/inbox_news.html", context), unread={"total": news.unread})


@require_POST
@frame_view()
def inbox_read(request: FrameRequest) -> HttpResponse:
    """Mark the chosen notifications as read or unread, in one call; of confirmations it says that the portal never marks them."""
    ids = [integer(value) for value in [*request.GET.getlist("id"), *request.POST.getlist("ids")]]
    left = len(request.POST.getlist("confirmations"))
    is_read = request.GET.get("read") == "Y"
    if left and not ids:
        return toast(HttpResponse(status=204), _not_marked(left), "info")
    try:
        feed.mark(request.person, ids, is_read=is_read)
    except InvalidInput as error:
        return _refused(error)
    response = _triggering(HttpResponse(status=204), **{"inbox-marked": {"ids": ids, "read": is_read}})
    if not request.POST:
        return response
    done = _marked_text(len(ids), is_read=is_read)
    return toast(response, f"{done} {_not_marked(left)}", "info") if left else toast(response, done)


@require_POST
@frame_view()
def inbox_read_newer(request: FrameRequest) -> HttpResponse:
    """Mark one notification and all newer ones (bitrix24.md 6.8)."""
    number, is_read = integer(request.GET.get("id")), request.GET.get("read") == "Y"
    try:
        feed.mark_newer(request.person, number, is_read=is_read)
    except InvalidInput as error:
        return _refused(error)
    response = _triggering(HttpResponse(status=204), **{"inbox-marked": {"from": number, "read": is_read}})
    if is_read:
        return toast(response, _("This notification and all newer ones are marked as read. Confirmations stay until you answer them."))
    return toast(response, _("This notification and all newer ones are marked as unread."))


@require_POST
@frame_view()
def inbox_read_all(request: FrameRequest) -> HttpResponse:
    """Mark the whole feed as read, and say that confirmations stay (bitrix24.md 6.8)."""
    left = feed.mark_all(request.person)
    counted = {} if left is None else {"unread": {"total": left}}
    response = _triggering(HttpResponse(status=204), **{"inbox-marked": {"from": 0, "read": True}}, **counted)
    if left == 0:
        return toast(response, _("Everything is marked as read."))
    if left is None:
        return toast(response, _("Everything is marked as read. Confirmations stay until you answer them."), "info")
    text = ngettext(
        "Marked as read. %(count)d confirmation stays until you answer it.",
        "Marked as read. %(count)d confirmations stay until you answer them.",
        left,
    )
    return toast(response, text % {"count": left}, "info")


@require_POST
@frame_view()
def inbox_confirm(request: FrameRequest) -> HttpResponse:
    """Press one button of a confirmation; answers with what the portal said."""
    number = integer(request.POST.get("id"))
    try:
        [pressed] = confirming.press(request.person, {number: request.POST.get("value", "")})
    except InvalidInput as error:
        return _refused(error)
    if pressed.error:
        raise pressed.error
    response = render(request, "frame/inbox_said.html", {"reaction": pressed, "done": _("Done.")})
    return _triggering(response, **{"inbox-marked": {"ids": [number], "read": True}}) if pressed.accepted else response


@require_POST
@frame_view()
def inbox_answer(request: FrameRequest) -> HttpResponse:
    """Send a quick answer; when it fails, the page keeps the text."""
    try:
        reaction = feed.answer(request.person, integer(request.POST.get("id")), request.POST.get("text", ""))
    except InvalidInput as error:
        return _refused(error)
    if not reaction.accepted:
        return toast(HttpResponse(status=204), _("The portal did not take the answer: this notification waits for none any more."), "bad")
    return render(request, "frame/inbox_said.html", {"reaction": reaction, "done": _("Your answer was sent.")})


@require_http_methods(["GET", "POST"])
@frame_view()
def inbox_delete(request: FrameRequest) -> HttpResponse:
    """The question; posted, the chosen notifications go from the person's own feed, in one batch."""
    form = NumbersForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return HttpResponse(status=400)
    if request.method == "GET":
        context = {"ids": form.ids, "count": len(form.ids), "address": reverse("inbox-delete")}
        return render(request, "frame/inbox_delete.html", context)
    try:
        results = feed.delete(request.person, form.ids)
    except InvalidInput as error:
        return _refused(error)
    errors = [result.error for result in results if result.error]
    if len(errors) == len(results):
        raise errors[0]
    gone = [result.id for result in results if not result.error]
    return toast(_close_dialog({"inbox-deleted": {"ids": gone}}), *_deleted_text(results))


@require_http_methods(["GET", "POST"])
@frame_view(allow=may_see_all)
def inbox_delete_elsewhere(request: FrameRequest) -> HttpResponse:
    """The question; posted, everything with this TAG or SUB_TAG that other code of the app sent goes from every feed of the portal."""
    form = ElsewhereForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return HttpResponse(status=400)
    number = form.cleaned_data["sender"]
    sender = get_object_or_404(Sender, portal=request.portal, pk=number) if number else None
    if request.method == "GET":
        context = {"by": form.by, "value": form.value, "sender_id": number, "address": reverse("inbox-delete-elsewhere")}
        return render(request, "frame/inbox_delete.html", context)
    try:
        deleted = revoking.delete_elsewhere(request.person, form.by, form.value, sender)
    except InvalidInput as error:
        return _refused(error)
    response = _close_dialog({"inbox-changed": {}})
    if deleted:
        return toast(response, _("The portal says that everything with this tag is deleted."))
    return toast(response, _("The portal says that nothing was deleted."), "bad")


def _rights(request: FrameRequest) -> dict[str, bool | int]:
    """What decides on the acts that an entry offers beside those on the person's own feed."""
    person = request.person
    return {"may_take_back": may_take_back(person), "may_see_all": may_see_all(person), "me": person.pk}


def _part(request: HttpRequest, cursor: str) -> str:
    if cursor:
        return "#items"
    return "#list" if request.headers.get("HX-Target") == "inbox-list" else ""


def _with_headings(page: feed.InboxPage, cursor: str) -> Iterator[feed.InboxItem | Heading]:
    """The items, and before those of each kind its heading, once in the whole list; also where nothing follows yet but news may."""
    begun = {"": "", CONFIRMATIONS: CONFIRMATIONS, OTHERS: CONFIRMATIONS + OTHERS}[cursor[-1:]]
    if not begun:
        yield Heading(CONFIRMATIONS, _("Waiting for your answer"))
    for item in page.items:
        if not item.item.is_confirmation and OTHERS not in begun:
            begun += OTHERS
            yield Heading(OTHERS, _("Notifications"))
        yield item
    if not page.next_cursor and OTHERS not in begun:
        yield Heading(OTHERS, _("Notifications"))


def _newest(value: str) -> int | None:
    return integer(value) if value else None


def _marked_text(count: int, *, is_read: bool) -> str:
    if is_read:
        text = ngettext("%(count)d notification is marked as read.", "%(count)d notifications are marked as read.", count)
    else:
        text = ngettext("%(count)d notification is marked as unread.", "%(count)d notifications are marked as unread.", count)
    return text % {"count": count}


def _not_marked(count: int) -> str:
    """What to say of chosen confirmations, which the page keeps chosen."""
    text = ngettext(
        "%(count)d confirmation was not marked: it stays unread until you answer it, and is still selected.",
        "%(count)d confirmations were not marked: they stay unread until you answer them, and are still selected.",
        count,
    )
    return text % {"count": count}


def _deleted_text(results: Sequence[feed.Deleted]) -> tuple[str, Kind]:
    """What to tell about a deletion: how many went, and why the others did not."""
    deleted = sum(result.deleted for result in results)
    failed = [result.error for result in results if result.error]
    done = ngettext("%(count)d notification deleted.", "%(count)d notifications deleted.", deleted) % {"count": deleted}
    if failed:
        kept = ngettext("%(count)d could not be deleted: %(reason)s", "%(count)d could not be deleted: %(reason)s", len(failed))
        return f"{done} {kept % {'count': len(failed), 'reason': failed[0].message}}", "bad"
    if not deleted:
        return _("Nothing was deleted: it was not in your notification centre any more."), "info"
    return done, "ok"


def _triggering(response: HttpResponse, **triggers: object) -> HttpResponse:
    """Tell the page what happened: events by name, each with its detail.

    `unread` has the `total` of the whole feed; `inbox-marked` names what is read or unread now, by `ids` or all `from` an id on.
    """
    response.headers["HX-Trigger"] = json.dumps(triggers)
    return response


def _close_dialog(triggers: dict[str, object]) -> HttpResponse:
    return _triggering(HttpResponse(status=204), **{"close-dialog": {}, **triggers})


def _refused(error: InvalidInput) -> HttpResponse:
    return toast(HttpResponse(status=204), str(error.message), "bad")
