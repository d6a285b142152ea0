"""The way to every page, dialog and state of the app on a portal filled by `scripts.lifelike`, in whatever language it speaks.

Each step starts from the open app and finds what it presses by what does not change with the language.
"""

from collections.abc import Callable

from playwright.sync_api import Frame, Locator, expect

Step = Callable[[Frame], None]


def settled(frame: Frame) -> None:
    """Return when the page shows what was asked for: no request is under way, nothing is a skeleton any more."""
    expect(frame.locator("#main")).to_have_attribute("aria-busy", "false")
    expect(frame.locator(".htmx-request, .htmx-settling, .htmx-swapping, .skeleton:visible, #preview:empty")).to_have_count(0)
    frame.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")


def _replace(frame: Frame, place: str, act: Callable[[], object]) -> None:
    """Do what brings something new to `place`, and wait until it is there."""
    frame.locator(place).evaluate("(place) => { for (const child of place.children) child.dataset.old = ''; }")
    act()
    expect(frame.locator(f"{place} > [data-old]")).to_have_count(0)
    settled(frame)


def _tab(frame: Frame, key: str) -> None:
    _replace(frame, "#main", frame.locator(f"[data-tab='{key}']").click)


def _page(frame: Frame, selector: str, number: int = 0) -> None:
    """Press what leads to another page."""
    _replace(frame, "#main", frame.locator(selector).nth(number).click)


def _press(frame: Frame, selector: str, number: int = 0) -> None:
    frame.locator(selector).nth(number).click()
    settled(frame)


def _dialog(frame: Frame, selector: str, number: int = 0) -> Locator:
    """Press what opens a dialog."""
    frame.locator(selector).nth(number).click()
    dialog = frame.locator("#dialog")
    expect(dialog).to_be_visible()
    settled(frame)
    return dialog


def _view(frame: Frame, value: str) -> None:
    sent(frame)
    if not frame.locator(f"#sent-view [value='{value}']").is_checked():
        _replace(frame, "#sent-list", frame.locator(f"#sent-view label:has([value='{value}'])").click)


def _choose(frame: Frame, name: str, value: str) -> None:
    """Choose in the open filter, and close it."""
    frame.locator(f"[name='{name}']").select_option(value)
    _replace(frame, "#sent-list", lambda: frame.locator("#sent-filter").dispatch_event("filter"))
    frame.locator(f"[name='{name}']").press("Escape")


def _dispatch(frame: Frame, state: str) -> None:
    """Open the newest dispatch in this state."""
    _view(frame, "dispatches")
    _press(frame, "#filter-toggle")
    _choose(frame, "dispatch_state", state)
    _page(frame, ".dispatch-grid .message")


def sent(frame: Frame) -> None:
    _tab(frame, "sent")
    expect(frame.locator(".figures-30")).to_be_visible()


def sent_filter(frame: Frame) -> None:
    sent(frame)
    _press(frame, "#filter-toggle")


def sent_chosen(frame: Frame) -> None:
    sent(frame)
    for number in range(2):
        frame.locator("#sent-list tbody .tick").nth(number).check()
    expect(frame.locator("[data-delete-chosen]")).to_be_enabled()


def sent_nothing(frame: Frame) -> None:
    sent(frame)
    frame.locator("#sent-search").fill("1234567890")
    expect(frame.locator("#sent-list .empty")).to_be_visible()
    settled(frame)


def groups(frame: Frame) -> None:
    _view(frame, "tag")
    expect(frame.locator(".group-grid")).to_be_visible()


def group(frame: Frame) -> None:
    _view(frame, "sub_tag")
    _replace(frame, "#sent-list", frame.locator("[data-open]").nth(2).click)
    expect(frame.locator(".group-bar")).to_be_visible()


def row_dialog(frame: Frame) -> None:
    sent(frame)
    _dialog(frame, "#sent-list .message", 1)


def delete_dialog(frame: Frame) -> None:
    sent(frame)
    _dialog(frame, "#sent-list .deletes", 1)


def confirm_dialog(frame: Frame) -> None:
    sent(frame)
    _dialog(frame, ".toolbar-end [hx-get$='/sent/confirm/']")


def found_confirmations(frame: Frame) -> None:
    """What waits for the person under the SUB_TAG of the request by a colleague."""
    _tab(frame, "inbox")
    sub_tag = frame.locator(".note.request .pill").last.inner_text()
    confirm_dialog(frame)
    frame.locator("#dialog [name='sub_tag']").fill(sub_tag)
    frame.locator("#dialog [type='submit']").click()
    expect(frame.locator("#dialog .choice").first).to_be_visible()
    settled(frame)


def dispatches(frame: Frame) -> None:
    _view(frame, "dispatches")
    expect(frame.locator(".dispatch-grid")).to_be_visible()


def dispatch_running(frame: Frame) -> None:
    _dispatch(frame, "running")


def dispatch_paused(frame: Frame) -> None:
    _dispatch(frame, "paused")


def dispatch_failed(frame: Frame) -> None:
    """A dispatch that not everybody got, with the names of those."""
    _view(frame, "list")
    _press(frame, "#filter-toggle")
    _choose(frame, "state", "failed")
    tag = frame.locator("#sent-list .pill-text").nth(0).inner_text()
    _view(frame, "dispatches")
    frame.locator("#sent-search").fill(tag)
    expect(frame.locator(".dispatch-grid tbody tr")).to_have_count(1)
    settled(frame)
    _page(frame, ".dispatch-grid .message")
    _press(frame, "#failures summary")


def take_back_dialog(frame: Frame) -> None:
    dispatch_paused(frame)
    _dialog(frame, "#act-take-back")


def audience_review(frame: Frame) -> None:
    """The dispatch that waits for its sender's word, just above the one under way."""
    dispatches(frame)
    _page(frame, ".dispatch-grid tr:has(+ tr .bar-queued) .message")
    expect(frame.locator("#audience-names li").first).to_be_visible()
    settled(frame)


def request(frame: Frame) -> None:
    """The answers to the request of which some have come, and some were declined."""
    groups(frame)
    _page(frame, ".group-grid tr:has(.badge-violet):has(.badge-bad) .asks")
    expect(frame.locator(".request-grid")).to_be_visible()
    settled(frame)


def request_close_dialog(frame: Frame) -> None:
    request(frame)
    _dialog(frame, "#act-close")


def sheet(frame: Frame) -> None:
    request(frame)
    _page(frame, "[hx-get$='/sheet/']")
    expect(frame.locator(".sheet-people")).to_be_visible()


def new(frame: Frame) -> None:
    _tab(frame, "new")
    expect(frame.locator("#preview .note-box, #preview .note, #preview > *").first).to_be_visible()


def new_full(frame: Frame) -> None:
    """A long form: everyone but some, every kind of block, and a request with a third button."""
    new(frame)
    _press(frame, "[data-everyone]")
    for part in ("audience-list", "audience-except"):
        _press(frame, f"[data-open-part='{part}']")
    frame.locator("[name='message']").fill("[B]4471[/B]: 1 240,00 €")
    for kind in ("MESSAGE", "LINK", "IMAGE", "GRID"):
        _press(frame, f"[data-add='{kind}']")
    frame.locator("[name='ask-wanted']").check()
    _press(frame, "[data-add-button]")
    _press(frame, "[data-deadline]", 1)
    frame.locator("[name='ask-reminds']").check()
    expect(frame.locator("#preview")).to_contain_text("4471")
    settled(frame)


def new_wrong(frame: Frame) -> None:
    """Sent empty: what is missing stands beside each field."""
    new(frame)
    _press(frame, "#new-form [type='submit']")
    expect(frame.locator("#new-form .error").first).to_be_visible()


def departments_dialog(frame: Frame) -> None:
    new(frame)
    dialog = _dialog(frame, "#audience [hx-get*='departments']")
    expect(dialog.locator(".department").first).to_be_visible()


def inbox(frame: Frame) -> None:
    _tab(frame, "inbox")
    expect(frame.locator("#feed .note").first).to_be_visible()


def inbox_chosen(frame: Frame) -> None:
    inbox(frame)
    for number in range(2):
        # Not a click: by then the strip of buttons may float above the box.
        frame.locator("#feed .note-check input").nth(number).press("Space")
    _press(frame, "#feed [data-menu]")


def inbox_delete_dialog(frame: Frame) -> None:
    inbox(frame)
    _dialog(frame, "#feed .note-tools [hx-get*='inbox/delete/']")


def inbox_search(frame: Frame) -> None:
    inbox(frame)
    frame.locator("#inbox-words").fill("4471")
    expect(frame.locator("#inbox-list .feed-bar p.small")).to_have_count(1)
    _press(frame, "[data-search-toggle]")
    frame.locator("#search-when").select_option("period")


def settings(frame: Frame) -> None:
    _tab(frame, "settings")
    expect(frame.locator("#rights-form")).to_be_visible()
    expect(frame.locator("#senders-list")).to_be_visible()
    expect(frame.locator("#delete-data")).to_be_visible()
    settled(frame)


def settings_checked(frame: Frame) -> None:
    settings(frame)
    frame.locator("#rights-form select").nth(1).select_option("chosen")
    frame.locator("#check-connection").click()
    expect(frame.locator(".checked")).to_be_visible()
    settled(frame)


def sender_dialog(frame: Frame) -> None:
    settings(frame)
    _dialog(frame, "[id^='sender-remove-']")


def data_dialog(frame: Frame) -> None:
    settings(frame)
    _dialog(frame, "#delete-data")


def activity(frame: Frame) -> None:
    _tab(frame, "activity")


def calls(frame: Frame) -> None:
    _tab(frame, "activity")
    _page(frame, ".activity-views a:not([aria-current])")
    expect(frame.locator(".calls-grid")).to_be_visible()


def call_dialog(frame: Frame) -> None:
    calls(frame)
    dialog = _dialog(frame, ".calls-grid .message", 2)
    if dialog.locator("summary").count():
        dialog.locator("summary").first.click()
    settled(frame)


def toasts(frame: Frame) -> None:
    """One of each kind; their texts are on the page."""
    sent(frame)
    frame.evaluate(
        """() => { const { offline, failed } = document.getElementById("toasts").dataset;
        for (const [kind, text] of [["ok", document.title], ["bad", offline], ["info", failed]])
            document.dispatchEvent(new CustomEvent("toast", { detail: { kind, text } })); }"""
    )
    expect(frame.locator(".toast")).to_have_count(3)
    settled(frame)


def portal_silent(frame: Frame) -> None:
    """What is shown when the portal does not answer, above the page."""
    sent(frame)
    frame.evaluate(
        """() => { const panel = document.getElementById("portal-silent-template").content.cloneNode(true).firstElementChild;
        panel.id = "portal-silent";
        document.body.prepend(panel); }"""
    )
    settled(frame)


def load_failed(frame: Frame) -> None:
    """What is shown when a page could not be loaded."""
    sent(frame)
    frame.evaluate(
        """() => { const panel = document.getElementById("load-failed-template").content.cloneNode(true).firstElementChild;
        panel.querySelector("[data-reason]").textContent = document.getElementById("toasts").dataset.offline;
        document.getElementById("main").replaceChildren(panel); }"""
    )


PAGES: dict[str, Step] = {
    step.__name__.replace("_", "-"): step
    for step in (
        sent, sent_filter, sent_chosen, sent_nothing, groups, group, row_dialog, delete_dialog, confirm_dialog, found_confirmations,
        dispatches, dispatch_running, dispatch_paused, dispatch_failed, take_back_dialog, audience_review, request, request_close_dialog,
        sheet, inbox, inbox_chosen, inbox_delete_dialog, inbox_search, new, departments_dialog, new_full, new_wrong, settings,
        settings_checked, sender_dialog, data_dialog, activity, calls, call_dialog, toasts, portal_silent, load_failed,
    )
}  # fmt: skip
"""Every step by the page's name, in the order of the app's tabs."""
