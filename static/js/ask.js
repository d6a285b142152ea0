"use strict";

// Confirmation requests: what is asked in the form of a new notification, and the buttons of whoever is asked.
(() => {
  const byId = (id) => document.getElementById(id);
  const closest = (element, selector) => element.closest?.(selector);

  // --- The form ---

  const rows = () => [...document.querySelectorAll("[data-ask-button]")];

  function arrange() {
    const list = document.querySelector("[data-ask-buttons]");
    if (!list) return;
    const all = rows();
    for (const row of all) row.querySelector("[data-remove-button]").disabled = all.length === 1;
    list.querySelector("[data-add-button]").disabled = all.length >= Number(list.dataset.most);
  }

  // The preview follows, and the draft knows of it.
  const changed = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

  function addButton(button) {
    button.before(byId("ask-button-template").content.cloneNode(true));
    arrange();
    rows().at(-1).querySelector("input").focus();
  }

  function removeButton(button) {
    const row = closest(button, "[data-ask-button]");
    const next = row.nextElementSibling.matches("[data-ask-button]") ? row.nextElementSibling : row.previousElementSibling;
    row.remove();
    arrange();
    next.querySelector("input").focus();
  }

  function setDeadline({ form, dataset: { deadline, time } }) {
    const fields = form.elements;
    fields["ask-day"].value = deadline;
    fields["ask-time"].value = time;
    changed(fields["ask-day"]);
  }

  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-shows]")) return;
    byId(target.dataset.shows).hidden = !target.checked;
  });
  document.addEventListener("htmx:load", arrange);

  // --- The buttons of whoever is asked: a reason is asked for once its button is chosen ---

  function showReason(button) {
    const all = [...closest(button, ".ask-answer").querySelectorAll("[data-ask-reason]")];
    for (const other of all) setReason(other, other === button && button.getAttribute("aria-expanded") !== "true");
    const form = byId(button.getAttribute("aria-controls"));
    if (!form.hidden) form.elements.reason.focus();
  }

  function setReason(button, open) {
    button.setAttribute("aria-expanded", String(open));
    byId(button.getAttribute("aria-controls")).hidden = !open;
  }

  function cancelReason({ form }) {
    const button = document.querySelector(`[aria-controls="${form.id}"]`);
    setReason(button, false);
    button.focus();
  }

  // --- The slider of a request: only a link opens one, and it closes by itself once it has served ---

  let clock;

  function dressPage() {
    const page = byId("ask-page");
    clearTimeout(clock);
    window.TaggedFrame.ready.then((portal) => {
      if (portal.placement.placement === "DEFAULT" || !page.isConnected) return;
      for (const button of page.querySelectorAll("[data-close-app]")) button.hidden = false;
      const ending = page.querySelector("[data-closes-after]");
      if (ending) clock = setTimeout(closeApp, Number(ending.dataset.closesAfter));
    }, () => {});
  }

  document.addEventListener("htmx:load", ({ detail: { elt } }) => { if (elt.id === "ask-page") dressPage(); });

  // Outside a slider the portal never answers (frame-protocol.md 5.7): nothing waits for it.
  const closeApp = () => window.TaggedFrame.ready.then((portal) => { portal.parent.closeApplication(); });

  // --- The Inbox ---

  // The request's notification leaves the feed with its answer.
  document.addEventListener("request-over", ({ detail: { note } }) => {
    const copy = note && byId(`note-${note}`);
    if (!copy) return;
    const unread = copy.classList.contains("unread");
    copy.remove();
    if (unread) document.body.dispatchEvent(new CustomEvent("unread", { bubbles: true, detail: { change: -1 } }));
  });

  // --- Clicks ---

  const clicks = {
    "[data-add-button]": addButton,
    "[data-remove-button]": removeButton,
    "[data-deadline]": setDeadline,
    "[data-ask-reason]": showReason,
    "[data-ask-cancel]": cancelReason,
    "[data-close-app]": closeApp,
  };
  document.addEventListener("click", ({ target }) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = closest(target, selector);
      if (element) act(element);
    }
  });
})();
