"""Whom a notification is for: the company's departments to choose from, and the names of who was found before anything is sent."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from b24app.frame.session import FrameRequest, frame_view
from b24app.rest.errors import RestError
from b24app.roles import Right, may_send_to_many
from notifications import departments, preparing, tasks
from notifications.departments import Department, Tree
from notifications.models import Dispatch
from notifications.shapes import integer

INTO = ("departments", "except_departments", *(f"{right}_departments" for right in Right))
"""Where a chosen department goes: among the recipients, among the exceptions, or among those who have a right."""


@require_GET
@frame_view(allow=may_send_to_many)
def new_departments(request: FrameRequest) -> HttpResponse:
    """The dialog with the company's structure; with words, the departments of this name."""
    into = request.GET.get("into", "")
    words = request.GET.get("words", "").strip()
    context: dict[str, Any] = {"into": into if into in INTO else INTO[0], "words": words}
    try:
        tree = departments.of(request.person)
    except RestError as error:
        if error.code != "INSUFFICIENT_SCOPE":
            raise
        return render(request, "frame/audience_departments.html", {**context, "problem": preparing.NO_DEPARTMENTS})
    if words:
        found = tree.search(words)
        shown = [{"department": each, "path": tree.path(each)} for each in found[: departments.MOST_FOUND]]
        context |= {"found": shown, "more": len(found) - len(shown)}
    else:
        context["rows"] = [_row(tree, each, is_open=True) for each in tree.children(0)]
    is_list = request.headers.get("HX-Target") == "department-list"
    return render(request, f"frame/audience_departments.html{'#list' if is_list else ''}", context)


@require_GET
@frame_view(allow=may_send_to_many)
def new_branch(request: FrameRequest, number: int) -> HttpResponse:
    """The departments right below one."""
    tree = departments.of(request.person)
    return render(request, "frame/audience_branch.html", {"rows": [_row(tree, each) for each in tree.children(number)]})


@require_GET
@frame_view()
def dispatch_audience(request: FrameRequest, number: int) -> HttpResponse:
    """Who will get a dispatch that is not sent yet: how many, who was left out and why, and the names, fifty at a time."""
    return _review(request, number)


@require_POST
@frame_view(allow=may_send_to_many)
def dispatch_audience_again(request: FrameRequest, number: int) -> HttpResponse:
    """Read the recipients once more after the portal refused it."""
    try:
        dispatch = preparing.again(request.person, number)
    except Dispatch.DoesNotExist:
        raise Http404 from None
    tasks.prepare_dispatch(dispatch.pk)
    return _review(request, number)


def _review(request: FrameRequest, number: int) -> HttpResponse:
    words = request.GET.get("words", "").strip()
    try:
        review = preparing.review(request.person, number, words, integer(request.GET.get("page")) or 1)
    except Dispatch.DoesNotExist:
        raise Http404 from None
    part = "#names" if request.headers.get("HX-Target") == "audience-names" else ""
    # Whoever has waited for the names goes on at them.
    context = {"review": review, "may_send": may_send_to_many(request.person), "waited": "waited" in request.GET}
    return render(request, f"frame/audience_review.html{part}", context)


def _row(tree: Tree, department: Department, *, is_open: bool = False) -> dict[str, object]:
    """A department as the tree shows it: `below` are the rows under it where they are shown at once."""
    children = tree.children(department.id)
    below = [_row(tree, each) for each in children] if is_open else []
    return {"department": department, "has_below": bool(children), "below": below}
