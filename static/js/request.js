"use strict";

// The report of a confirmation request: kept up to date while somebody looks at it and answers may come; the sheet as a file and on paper.
(() => {
  const LONGEST_MS = 60_000;

  const byId = (id) => document.getElementById(id);
  const live = () => byId("request-live");
  const asks = (event) => event.detail?.elt?.id === "request-live";

  // --- Asking how it stands ---

  let clock;
  let failures = 0;

  function plan() {
    clearTimeout(clock);
    const pause = Number(byId("request-now")?.dataset.again);
    if (!pause || document.visibilityState !== "visible") return;
    clock = setTimeout(() => live() && htmx.trigger(live(), "poll"), Math.min(pause * 2 ** failures, Math.max(pause, LONGEST_MS)));
  }

  document.addEventListener("visibilitychange", plan);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!asks(event)) return;
    failures = event.detail.failed && event.detail.xhr.status !== 401 ? failures + 1 : 0;
    plan();
  });
  // Nobody asked for these requests: their failures are kept from the toasts, and the next question waits longer.
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, (event) => { if (asks(event)) event.stopImmediatePropagation(); }, true);
  }

  // --- The answer has the parts that may have changed, each with an id: only those that did are put in the place of the old ones ---

  const shown = new Map();

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!asks(event) || event.detail.xhr.status !== 200) return;
    event.detail.shouldSwap = false;
    const answer = document.createElement("template");
    answer.innerHTML = event.detail.serverResponse;
    for (const fresh of [...answer.content.children]) replace(byId(fresh.id), fresh);
  });

  function replace(old, fresh) {
    const html = fresh.outerHTML;
    if (!old || shown.get(fresh.id) === html) return;
    shown.set(fresh.id, html);
    for (const details of old.querySelectorAll("details[open][id]")) fresh.querySelector(`#${details.id}`)?.setAttribute("open", "");
    const focused = old.contains(document.activeElement) ? document.activeElement.id : null;
    old.replaceWith(fresh);
    htmx.process(fresh);
    // What had the focus may be gone, as the buttons are once nobody waits any more.
    if (focused !== null) (byId(focused) || byId("request-title")).focus({ preventScroll: true });
  }

  // --- People: another answer or name begins with the first page ---

  document.addEventListener("htmx:configRequest", ({ detail: { elt, parameters } }) => {
    if (elt.id === "request-filter") parameters.delete("page");
  });
  document.addEventListener("htmx:afterSettle", ({ detail: { target, elt } }) => {
    // Whoever pages has another page now than the last answer had.
    if (elt.id === "request-people") shown.delete("request-people");
    if (target.id !== "main" && elt.id !== "request") return;
    shown.clear();
    failures = 0;
    plan();
  });

  // --- The sheet ---

  async function save(button) {
    if (button.classList.contains("busy")) return;
    button.classList.add("busy");
    try {
      const answer = await window.TaggedFrame.get(button.dataset.save);
      if (!answer.ok) throw new Error(`The file was not fetched: ${answer.status}.`);
      const [, name] = answer.headers.get("Content-Disposition").match(/filename="([^"]+)"/);
      const href = URL.createObjectURL(await answer.blob());
      Object.assign(document.createElement("a"), { href, download: name }).click();
      URL.revokeObjectURL(href);
    } catch {
      document.dispatchEvent(new CustomEvent("toast", { detail: { kind: "bad", text: button.dataset.failed } }));
    } finally {
      button.classList.remove("busy");
    }
  }

  const clicks = { "[data-save]": save, "[data-print]": () => window.print() };
  document.addEventListener("click", ({ target }) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = target.closest(selector);
      if (element) act(element);
    }
  });
})();
