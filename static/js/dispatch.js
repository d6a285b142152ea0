"use strict";

// A dispatch's page: while it is under way the page asks how it stands, and only what differs is changed, so that focus, open details and
// a button that is being pressed stay as they are.
(() => {
  const LONGEST_MS = 60_000;

  const byId = (id) => document.getElementById(id);
  const live = () => byId("dispatch-live");
  const isLive = (event) => event.detail?.target?.id === "dispatch-live";
  const asksByItself = (event) => event.detail?.elt?.id === "dispatch-live";

  // --- Asking again, only while somebody looks ---

  let clock;
  let failures = 0;
  // An act that is on its way answers with the figures itself; an answer that was overtaken by a later one is not shown.
  let acting = 0;
  let latest = null;

  function plan() {
    clearTimeout(clock);
    const pause = Number(live()?.querySelector("[data-again]")?.dataset.again);
    if (!pause || document.visibilityState !== "visible") return;
    clock = setTimeout(ask, Math.min(pause * 2 ** failures, Math.max(pause, LONGEST_MS)));
  }

  function ask() {
    if (!live()) return;
    if (acting) plan();
    else htmx.trigger(live(), "poll");
  }

  document.addEventListener("visibilitychange", plan);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isLive(event)) return;
    latest = event.detail.xhr;
    if (!asksByItself(event)) acting += 1;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isLive(event)) return;
    if (!asksByItself(event)) acting = Math.max(0, acting - 1);
    else if (event.detail.failed && event.detail.xhr.status !== 401) failures += 1;
    plan();
  });
  // Nobody asked for these requests: their failures are kept from the toasts, and the next question waits longer.
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, (event) => { if (asksByItself(event)) event.stopImmediatePropagation(); }, true);
  }

  // --- The answer ---

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isLive(event) || !event.detail.shouldSwap) return;
    event.detail.shouldSwap = false;
    if (event.detail.xhr !== latest || !live()) return;
    failures = 0;
    show(event.detail.serverResponse);
  });

  function show(html) {
    const answer = document.createElement("template");
    answer.innerHTML = html;
    const before = stateOf();
    const wasInside = live().contains(document.activeElement);
    morph(live(), answer.content);
    // What was pressed may be gone, as Pause is once it was pressed.
    if (wasInside && !live().contains(document.activeElement)) (live().querySelector("#dispatch-acts .btn") || byId("dispatch-title")).focus();
    if (stateOf() !== before && !byId("dispatch-rows").contains(document.activeElement)) htmx.trigger(byId("dispatch-rows"), "reload");
  }

  const stateOf = () => live().querySelector(".figures-state .badge")?.className + live().querySelector("[data-again]")?.dataset.again;

  // Make `old` like `fresh`. Elements are recognised by their ids, or by their place; what was loaded into [data-kept] stays.
  function morph(old, fresh) {
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      const same = next.id ? [...old.children].find(({ id }) => id === next.id) : isAlike(at, next) ? at : null;
      if (!same) {
        old.insertBefore(next, at);
        if (next.nodeType === Node.ELEMENT_NODE) htmx.process(next);
        continue;
      }
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      if (same.nodeType !== Node.ELEMENT_NODE) same.data = next.data;
      else if (!same.matches("[data-kept], .htmx-request")) {
        dress(same, next);
        morph(same, next);
      }
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  const isAlike = (old, next) => old && !old.id && old.nodeName === next.nodeName;

  function dress(old, next) {
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  // --- From a state to those who are in it ---

  document.addEventListener("click", ({ target }) => {
    const state = target.closest?.("[data-rows-state]")?.dataset.rowsState;
    const select = state && byId("rows-filter")?.elements.state;
    if (!select) return;
    select.value = state;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    byId("rows-title").scrollIntoView({ block: "nearest" });
    select.focus({ preventScroll: true });
  });

  // --- Coming and going ---

  const main = byId("main");
  let wasHere = false;

  document.addEventListener("dispatch-discarded", ({ detail }) => htmx.ajax("GET", detail.show, { source: main, target: main }));
  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => { if (target === main) wasHere = Boolean(byId("dispatch")); });
  document.addEventListener("htmx:afterSettle", ({ detail: { target } }) => {
    if (target !== main) return;
    failures = acting = 0;
    plan();
    // The button that led away is gone with the page it was on.
    if (wasHere && document.activeElement === document.body) main.focus({ preventScroll: true });
  });
})();
