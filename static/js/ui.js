"use strict";

// What the page does by itself: tabs, dialogs, toasts. Talking to the portal is frame.js's work.
(() => {
  const TOAST_MS = 8000;
  const MOST_TOASTS = 5;

  const byId = (id) => document.getElementById(id);
  const main = byId("main");
  const dialog = byId("dialog");
  const dialogContent = byId("dialog-content");
  const toasts = byId("toasts");
  const root = document.documentElement;
  const copyOf = (templateId) => byId(templateId).content.cloneNode(true).firstElementChild;

  // --- The visible part of the frame ---
  // A fitted frame can be far higher than the window, and the page cannot see its parent's scroll position. An intersection observer can:
  // it clips by the top window, also across origins.

  function measureView() {
    return new Promise((resolve) => {
      const observer = new IntersectionObserver(([entry]) => {
        observer.disconnect();
        const seen = entry.intersectionRect;
        if (seen.height > 0) {
          root.style.setProperty("--view-top", `${Math.max(0, Math.round(seen.top))}px`);
          root.style.setProperty("--view-height", `${Math.round(seen.height)}px`);
        }
        resolve();
      });
      observer.observe(root);
    });
  }

  document.addEventListener("view-moved", measureView);

  // --- Toasts ---

  function toast(kind, text) {
    const shown = [...toasts.children].find((other) => other.querySelector("span").textContent === text);
    if (shown) shown.remove();
    while (toasts.childElementCount >= MOST_TOASTS) toasts.firstElementChild.remove();
    const item = copyOf("toast-template");
    item.classList.add(`toast-${kind}`);
    item.querySelector("span").textContent = text;
    let clock;
    const wait = () => { clock = setTimeout(() => item.remove(), TOAST_MS); };
    const hold = () => clearTimeout(clock);
    for (const name of ["mouseenter", "focusin"]) item.addEventListener(name, hold);
    for (const name of ["mouseleave", "focusout"]) item.addEventListener(name, () => { hold(); wait(); });
    item.querySelector("[data-close-toast]").addEventListener("click", () => item.remove());
    wait();
    // An open modal dialog makes everything outside it inert: the toasts go where the person is.
    (dialog.open ? dialog : document.body).append(toasts);
    measureView().then(() => toasts.append(item));
  }

  document.addEventListener("toast", (event) => toast(event.detail.kind, event.detail.text));
  document.addEventListener("htmx:sendError", () => toast("bad", toasts.dataset.offline));
  document.addEventListener("htmx:timeout", () => toast("bad", toasts.dataset.offline));
  document.addEventListener("htmx:responseError", (event) => {
    // An expired session is renewed by frame.js; an error that explains itself brings its own toast.
    const xhr = event.detail.xhr;
    if (xhr.status !== 401 && !xhr.getResponseHeader("HX-Trigger")) toast("bad", toasts.dataset.failed);
  });

  // --- Tabs ---

  const tabs = () => [...byId("tabs").querySelectorAll(".tab")];

  function markTab(path) {
    // A page that has no tab of its own says under which one it is.
    const under = main.querySelector("[data-under]")?.dataset.under;
    for (const tab of tabs()) {
      if (path.split("?")[0] === tab.getAttribute("href") || tab.dataset.tab === under) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    // On a narrow screen the tabs are a line that is pushed aside.
    const strip = byId("tabs");
    const current = strip.querySelector("[aria-current]");
    if (current) strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;
  }

  function showLoadFailure(path, reason) {
    const panel = copyOf("load-failed-template");
    panel.querySelector("[data-reason]").textContent = reason;
    panel.querySelector("[data-reload]").addEventListener("click", () => {
      main.replaceChildren(copyOf("skeleton-template"));
      htmx.ajax("GET", path, { source: main, target: main });
    });
    main.replaceChildren(panel);
  }

  function reasonOf(xhr) {
    const problem = new DOMParser().parseFromString(xhr?.responseText || "", "text/html").querySelector("[data-problem]");
    return problem ? problem.textContent.trim() : xhr?.status ? toasts.dataset.failed : toasts.dataset.offline;
  }

  // Whoever clicks another tab while the first one is still on its way wants the other: only the latest answer is shown.
  // Aborting the first request would do it too, but htmx writes every abort into the console as an error.
  let latest = null;

  document.addEventListener("htmx:beforeRequest", ({ detail: { target, xhr } }) => {
    if (target !== main) return;
    latest = xhr;
    main.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target === main && detail.xhr !== latest) detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { target, failed, xhr, pathInfo, requestConfig } }) => {
    // After 401 frame.js makes the request once more.
    if (target !== main || xhr !== latest || xhr.status === 401) return;
    main.setAttribute("aria-busy", "false");
    // A tab that did not come keeps what was there; only the first one has nothing to keep.
    if (failed && requestConfig.verb === "get" && main.querySelector(".skeleton")) showLoadFailure(pathInfo.requestPath, reasonOf(xhr));
  });

  document.addEventListener("htmx:afterSwap", ({ detail: { target, requestConfig, pathInfo } }) => {
    if (target === main && requestConfig.verb === "get") markTab(pathInfo.requestPath);
  });

  // --- Where to go on: the part of an answer that says so, or the first field with an error ---
  // The autofocus attribute itself is an error in a frame of another origin.

  document.addEventListener("htmx:load", ({ detail: { elt } }) => {
    (elt.matches("[data-focus]") ? elt : elt.querySelector("[data-focus], [aria-invalid='true']"))?.focus();
  });

  // --- Dialogs ---

  let opener = null;

  async function openDialog() {
    if (!dialog.open) {
      await measureView();
      dialog.showModal();
    }
    (dialog.querySelector("[data-focus], .control") || byId("dialog-title"))?.focus();
  }

  dialog.addEventListener("close", () => {
    document.body.style.removeProperty("min-height");
    document.body.append(toasts);
    // The row that opened the dialog may have been redrawn since.
    const back = opener?.isConnected ? opener : main;
    opener = null;
    back.focus();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target === dialogContent && !dialog.open) opener = event.detail.elt;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === dialogContent) openDialog();
  });
  // The frame is only as high as its page: a dialog that reaches below makes the page higher.
  new ResizeObserver(() => {
    if (dialog.open) document.body.style.minHeight = `${Math.ceil(dialog.offsetTop + dialog.offsetHeight + 24)}px`;
  }).observe(dialog);

  document.addEventListener("close-dialog", () => dialog.close());
  document.addEventListener("open-dialog", ({ detail }) => {
    dialogContent.replaceChildren(copyOf(detail.templateId));
    openDialog();
  });

  // --- The number of unread notifications on the Inbox tab ---

  document.addEventListener("unread", (event) => {
    const counter = byId("count-inbox");
    const { total, change = 0 } = event.detail;
    const number = total ?? Number(counter.dataset.number || 0) + change;
    counter.dataset.number = Math.max(0, number);
    counter.textContent = number > 99 ? "99+" : number > 0 ? number : "";
  });

  // --- Clicks ---

  const clicks = {
    "[data-close-dialog]": () => dialog.close(),
    "#theme": (button) => {
      const dark = root.dataset.theme !== "dark";
      root.dataset.theme = dark ? "dark" : "light";
      button.setAttribute("aria-pressed", String(dark));
    },
  };
  document.addEventListener("click", (event) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = event.target.closest(selector);
      if (element) act(element);
    }
  });
})();
