"""Dispatches in the portal's frame: one to many, from Send to its end, as its author watches it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from b24app.models import PortalUser, Sender
from devportal.people import staff
from devportal.server import Stand
from devportal.world import Portal
from notifications import dispatching, lane, people, sending
from notifications.models import Dispatch
from tests.browser.conftest import Desk
from tests.browser.test_walk import expect_accessible, expect_no_scrollbars
from tests.processes import queue_at

TEXT = "All hands on Thursday at ten"


@pytest.fixture
def portal(stand: Stand) -> Portal:
    """A company of 120, more than two batches hold; one of them was dismissed."""
    portal = stand.portals[0]
    portal.people |= {id_: person for id_, person in staff(120, domain="many.example", seed=5).items() if id_ not in portal.people}
    portal.people[7].active = False
    return portal


@pytest.fixture
def worker_waits(tmp_path: Path) -> Iterator[None]:
    """What a click enqueues stays in the queue: the test does the worker's steps, one by one."""
    with queue_at(f"sqlite:///{tmp_path / 'queue.sqlite3'}"):
        yield


@pytest.fixture
def ready(installed: Desk, worker_waits: None) -> Dispatch:
    """The audience is read, and waits for its author's word."""
    author = PortalUser.objects.get(portal__member_id=installed.portal.member_id, user_id=installed.portal.admin.id)
    known = people.rows(author.portal, list(installed.portal.people))
    for row in known.values():
        row.name = installed.portal.people[row.user_id].full_name
    PortalUser.objects.bulk_update(known.values(), ["name"])
    return Dispatch.objects.create(
        portal=author.portal,
        sender=Sender.objects.get(portal=author.portal, kind=Sender.Kind.APP),
        author=author,
        key=uuid4(),
        state=Dispatch.State.READY,
        type="personal",
        message=TEXT,
        tag="hands",
        audience={"everyone": True},
        recipients=[row.pk for row in known.values()],
        total=120,
    )


def send_a_batch(dispatch: Dispatch) -> None:
    """What a worker does in one step."""
    assert sending.deliver(sending.claim(dispatch.pk, lane.LEASE)) is None


def open_dispatch(desk: Desk) -> Locator:
    """From the list to the dispatch's page; returns its figures."""
    desk.frame.get_by_role("group", name="View").get_by_role("radio", name="Dispatches").check()
    desk.frame.get_by_role("table", name="Dispatches, newest first").get_by_role("button", name=TEXT).click()
    expect(desk.frame.get_by_role("heading", name=TEXT)).to_be_focused()
    return desk.frame.locator("#dispatch-live")


def test_watched_from_send_to_its_end(installed: Desk, ready: Dispatch) -> None:
    """The figures move without a reload; pause holds it, resume lets it go on, and the page stops asking when it is over."""
    frame, page = installed.frame, installed.page
    installed.open()
    figures = open_dispatch(installed)
    frame.get_by_role("button", name="Send", exact=True).click()
    expect(figures).to_contain_text("0 of 120")
    expect(figures.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "0")
    send_a_batch(ready)
    expect(figures).to_contain_text("50 of 120")
    expect(frame.get_by_role("heading", name=TEXT)).to_be_focused()

    pause = figures.get_by_role("button", name="Pause")
    pause.focus()
    send_a_batch(ready)
    expect(figures).to_contain_text("100 of 120")
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    expect(figures.get_by_role("status").first).to_contain_text("Paused")
    assert sending.claim(ready.pk, lane.LEASE) == []
    resume = figures.get_by_role("button", name="Resume")
    expect(resume).to_be_focused()
    expect_accessible(installed)
    page.keyboard.press("Enter")
    expect(pause).to_be_focused()

    lane.run(ready.portal_id, others_wait=lambda: False)
    expect(figures).to_contain_text("120 of 120")
    expect(figures.get_by_role("status").first).to_contain_text("Done")
    expect(figures.locator("[data-again]")).to_have_count(0)
    figures.get_by_text("1 person", exact=True).click()
    expect(figures.locator("#failures")).to_contain_text(installed.portal.people[7].full_name)
    sent = ready.notifications.filter(state="sent").values_list("recipient__user_id", flat=True)
    assert [installed.bell_texts(installed.portal.people[user_id]) for user_id in sent] == [[TEXT]] * 119

    frame.get_by_role("button", name="Sent 119").click()
    expect(frame.get_by_role("combobox", name="State")).to_have_value("sent")
    rows = frame.locator("#dispatch-rows tbody tr:not(.grid-more)")
    expect(rows).to_have_count(50)
    frame.get_by_role("button", name="Load more").click()
    expect(rows).to_have_count(100)


def test_taken_back_and_nothing_overflows(installed: Desk, ready: Dispatch, stand: Stand) -> None:
    """The history and the page at the Market's widths, in both themes; one call takes it back from everybody."""
    frame, page = installed.frame, installed.page
    dispatching.start(ready.author, ready.pk)
    send_a_batch(ready)
    installed.open()
    for width, theme in ((1280, "light"), (1920, "dark")):
        page.set_viewport_size({"width": width, "height": 720})
        if theme == "dark":
            frame.get_by_role("button", name="Dark theme").click()
        expect(frame.get_by_text("Sending to 120 people: 41 %")).to_be_visible()
        figures = open_dispatch(installed)
        expect_no_scrollbars(installed)
        expect_accessible(installed)
        frame.get_by_role("button", name="All dispatches").click()
        expect(frame.get_by_role("radio", name="Dispatches")).to_be_checked()
        expect(frame.locator("#main")).to_be_focused()
        expect_no_scrollbars(installed)
        expect_accessible(installed)
    frame.get_by_role("button", name=f"Open {TEXT}").click()
    figures.get_by_role("button", name="Take back").click()
    dialog = frame.get_by_role("dialog")
    expect(dialog.get_by_role("radio", name="From everybody")).to_be_focused()
    expect_accessible(installed)
    stand.log.clear()
    dialog.get_by_role("button", name="Take back").click()
    expect(dialog).to_be_hidden()
    expect(figures).to_contain_text("Taken back from 49 people.")
    expect(figures.get_by_role("status").first).to_contain_text("Cancelled")
    assert len(stand.log.commands("im.notify.delete")) == 1
    assert not any(installed.feed(person) for person in installed.portal.people.values())
