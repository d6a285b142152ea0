"use strict";

// Inbox: what is read and chosen, news that come while the tab is open, quick answers, menus, and the search form.
// Addresses and texts come from the page; requests are htmx's.
(() => {
  // A new notification is on the screen within 15 s: the time between two questions, and room for the answer.
  const NEWS_MS = 12_000;
  const LONGEST_NEWS_MS = 5 * 60_000;
  const CONFIRMATION = "1";
  const OTHER = "3";

  const byId = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const list = () => byId("inbox-list");
  const notes = () => all("#feed .note");
  const fire = (name, detail) => document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));

  // --- Read and unread ---

  const isConfirmation = (note) => note.dataset.kind === CONFIRMATION;

  function setRead(note, read) {
    if (note.classList.contains("unread") !== read) return 0;
    const pressed = note.contains(document.activeElement) && document.activeElement.matches(".when-read, .when-unread");
    note.classList.toggle("unread", !read);
    if (pressed) note.querySelector(read ? ".when-read" : ".when-unread").focus();
    return read ? -1 : 1;
  }

  document.addEventListener("inbox-marked", ({ detail: { ids, from, read } }) => {
    const marked = ids
      ? ids.map((id) => byId(`note-${id}`)).filter(Boolean)
      : notes().filter((note) => Number(note.dataset.id) >= from && !isConfirmation(note));
    const change = marked.reduce((sum, note) => sum + setRead(note, read), 0);
    for (const note of marked) choose(note, false);
    showChosen();
    if (change) fire("unread", { change });
  });

  document.addEventListener("inbox-deleted", ({ detail: { ids } }) => {
    const gone = notes().filter((note) => ids.includes(Number(note.dataset.id)));
    const unread = gone.filter((note) => note.classList.contains("unread")).length;
    const after = notes().indexOf(gone.at(-1)) + 1;
    const next = [...notes().slice(after), ...notes().reverse()].find((note) => !gone.includes(note));
    for (const note of gone) note.remove();
    if (unread) fire("unread", { change: -unread });
    showChosen();
    if (!next) refresh();
    // The button that opened the dialog is gone; a closing dialog gives the focus back as its last act.
    else byId("dialog").addEventListener("close", () => next.querySelector(".note-name").focus(), { once: true });
  });

  // --- Choosing several ---

  const boxes = () => all("#feed .note-check input");

  function choose(note, chosen) {
    const box = note.querySelector(".note-check input");
    if (box) box.checked = chosen;
  }

  function showChosen() {
    const strip = byId("inbox-chosen");
    if (!strip) return;
    const there = boxes();
    const chosen = there.filter((box) => box.checked).length;
    const everything = strip.querySelector("[data-choose-all]");
    everything.checked = chosen > 0 && chosen === there.length;
    everything.indeterminate = chosen > 0 && chosen < there.length;
    const actions = strip.querySelector("[data-actions]");
    // Whoever has just used a button that goes away now goes on from here.
    if (!chosen && actions.contains(document.activeElement)) everything.focus();
    actions.hidden = !chosen;
    strip.querySelector("[data-count]").textContent = chosen ? strip.dataset.text.replace("{chosen}", chosen).replace("{all}", there.length) : "";
    follow(chosen > 0);
  }

  // While something is chosen the strip stays in sight. The portal scrolls, not this page: what tells of it are notes that come and go.
  const watcher = new IntersectionObserver((changes) => {
    const bar = changes.find(({ target }) => target.matches(".feed-bar"));
    if (bar) byId("inbox-chosen")?.classList.toggle("floats", !bar.isIntersecting);
    fire("view-moved");
  }, { threshold: [0, 0.25, 0.5, 0.75, 1] });

  function follow(isWanted) {
    watcher.disconnect();
    byId("inbox-chosen").classList.remove("floats");
    if (isWanted) for (const element of [byId("inbox-chosen").parentElement, ...notes()]) watcher.observe(element);
  }

  function chooseAll(chosen) {
    for (const box of boxes()) box.checked = chosen;
    showChosen();
  }

  // --- News ---
  // The page asks for what came since the newest ids it has seen, per kind: confirmations and the rest are paged one after the other, so
  // of a kind that no page has reached yet nothing can be new.

  let seen = {};
  let clock;
  let askedAt = 0;
  let failures = 0;

  const news = () => byId("inbox-news");

  function learn() {
    for (const kind of [CONFIRMATION, OTHER]) {
      const ids = all(`#feed .note[data-kind="${kind}"]`).map((note) => Number(note.dataset.id));
      if (ids.length) seen[kind] = Math.max(seen[kind] ?? 0, ...ids);
      else if (kind === CONFIRMATION || !document.querySelector("#feed .feed-more")) seen[kind] ??= 0;
    }
  }

  function plan() {
    clearTimeout(clock);
    if (document.visibilityState !== "visible" || !news()) return;
    const pause = Math.min(NEWS_MS * 2 ** failures, LONGEST_NEWS_MS);
    clock = setTimeout(ask, Math.max(0, askedAt + pause - Date.now()));
  }

  function ask() {
    if (!news()) return;
    askedAt = Date.now();
    htmx.trigger(news(), "poll");
  }

  function asksForNews(event) {
    return event.detail?.elt?.id === "inbox-news";
  }

  function failed() {
    failures += 1;
    plan();
  }

  document.addEventListener("visibilitychange", plan);
  document.addEventListener("inbox-news-failed", failed);
  document.addEventListener("htmx:configRequest", (event) => {
    if (!asksForNews(event)) return;
    event.detail.parameters.set("confirmation", seen[CONFIRMATION] ?? "");
    event.detail.parameters.set("other", seen[OTHER] ?? "");
  });
  // Nobody asked for this request: its failures are kept from the toasts, and the next question waits longer.
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, (event) => {
      if (!asksForNews(event)) return;
      event.stopImmediatePropagation();
      failed();
    }, true);
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!asksForNews(event)) return;
    const { xhr, shouldSwap } = event.detail;
    if (!shouldSwap) return;
    failures = 0;
    plan();
    if (news().hasAttribute("data-empty")) {
      event.detail.shouldSwap = false;
      if (xhr.responseText.includes("<article")) refresh();
    } else if (news().dataset.last === xhr.responseText) {
      // The same news once more: a screen reader is not told again, and the focus stays.
      event.detail.shouldSwap = false;
    }
    news().dataset.last = xhr.responseText;
  });

  function heading(kind) {
    return document.querySelector(`#feed .feed-heading[data-kind="${kind}"]`);
  }

  function showNews() {
    const arrived = [...news().querySelector("template").content.querySelectorAll(".note")].filter((note) => !byId(note.id));
    const places = { [CONFIRMATION]: heading(CONFIRMATION), [OTHER]: heading(OTHER) };
    news().replaceChildren();
    delete news().dataset.last;
    for (const note of arrived) {
      // A request of the app itself has no kind of the portal's: it stands with what waits for an answer.
      const kind = note.dataset.kind ?? CONFIRMATION;
      places[kind].after(note);
      places[kind] = note;
      htmx.process(note);
    }
    learn();
    showChosen();
    arrived[0]?.querySelector(".note-name").focus();
  }

  // --- The list as a whole ---

  const searchForm = () => byId("inbox-search");
  const isSearching = () => [...new FormData(searchForm()).values()].some((value) => value !== "");

  function refresh() {
    if (!list()) return;
    if (isSearching()) htmx.trigger(searchForm(), "submit");
    else htmx.trigger(list(), "reload");
  }

  document.addEventListener("inbox-changed", refresh);
  document.addEventListener("ledger-changed", refresh);
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event.detail;
    if (!list() || target === news()) return;
    if (target.id === "main") roomForPanel.observe(byId("search-panel"));
    if (target === list() || target.id === "main") {
      seen = {};
      failures = 0;
      askedAt = Date.now();
    }
    if (target === list() || target.id === "main" || target.matches(".feed-more")) {
      learn();
      plan();
      showChosen();
    }
  });

  // --- Quick answers ---

  function openAnswer(button) {
    const form = byId(button.getAttribute("aria-controls"));
    button.hidden = true;
    button.setAttribute("aria-expanded", "true");
    form.hidden = false;
    form.elements.text.focus();
  }

  function closeAnswer(cancel) {
    const form = cancel.closest("form");
    const button = form.parentElement.querySelector("[data-answer]");
    form.hidden = true;
    form.reset();
    button.hidden = false;
    button.setAttribute("aria-expanded", "false");
    button.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (!event.target.matches?.(".answer textarea")) return;
    if (event.key === "Escape") closeAnswer(event.target);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });

  // --- Menus ---

  const openMenu = () => document.querySelector("[data-menu][aria-expanded='true']");

  function showMenu(button, open) {
    const menu = byId(button.getAttribute("aria-controls"));
    button.setAttribute("aria-expanded", String(open));
    menu.hidden = !open;
    if (open) menu.querySelector("[role='menuitem']").focus();
  }

  function moveInMenu(event) {
    const button = openMenu();
    if (!button) return;
    const items = all("[role='menuitem']", byId(button.getAttribute("aria-controls")));
    const at = items.indexOf(document.activeElement);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    if (event.key in steps) {
      event.preventDefault();
      items.at(steps[event.key] % items.length).focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      showMenu(button, false);
      button.focus();
    }
  }

  document.addEventListener("keydown", moveInMenu);

  // --- The search form ---

  function togglePanel(open) {
    const panel = byId("search-panel");
    if (!panel || panel.hidden === !open) return;
    panel.hidden = !open;
    document.querySelector("[data-search-toggle]").setAttribute("aria-expanded", String(open));
    if (open) htmx.trigger(byId("search-types"), "open");
    else document.body.style.removeProperty("min-height");
  }

  // The frame is only as high as its page: a panel that reaches below makes the page higher.
  const roomForPanel = new ResizeObserver(([{ target }]) => {
    if (!target.hidden) document.body.style.minHeight = `${Math.ceil(target.getBoundingClientRect().bottom + 24)}px`;
  });

  function showDates() {
    const chosen = searchForm().elements.when.value;
    for (const part of all("[data-when]", searchForm())) part.hidden = part.dataset.when !== chosen;
  }

  function showClear() {
    searchForm().querySelector(".search-box [data-search-clear]").hidden = !isSearching();
  }

  function empty(names) {
    for (const name of names) searchForm().elements[name].value = "";
    showDates();
    showClear();
    htmx.trigger(searchForm(), "submit");
  }

  function clearSearch() {
    byId("search-chips").replaceChildren();
    empty(["words", "type", "type_name", "author", "author_id", "when", "day", "first", "last"]);
    togglePanel(false);
    byId("inbox-words").focus();
  }

  async function pickAuthor(button) {
    const [person] = await window.TaggedFrame.pickPeople(false);
    if (!person) return;
    searchForm().elements.author.value = person.name;
    searchForm().elements.author_id.value = person.id;
    showClear();
    button.focus();
  }

  document.addEventListener("input", ({ target }) => {
    if (target.form !== searchForm() || !target.form) return;
    if (target.name === "author") target.form.elements.author_id.value = "";
    if (target.name === "type") target.form.elements.type_name.value = target.value && target.selectedOptions[0].text;
    showDates();
    showClear();
  });

  // The same words are asked for once: Enter does not wait for the pause in typing that would ask too.
  let asked = "";

  document.addEventListener("htmx:confirm", (event) => {
    const { elt, triggeringEvent } = event.detail;
    if (!elt.matches("#inbox-search")) return;
    const wanted = new URLSearchParams(new FormData(elt)).toString();
    if (triggeringEvent.type === "submit") togglePanel(false);
    else if (wanted === asked) event.preventDefault();
    asked = wanted;
  });

  // --- Clicks ---

  const clicks = {
    "[data-show-news]": showNews,
    "[data-choose-all]": (box) => chooseAll(box.checked),
    "[data-choose-none]": () => chooseAll(false),
    ".note-check input": showChosen,
    "[data-answer]": openAnswer,
    "[data-answer-cancel]": closeAnswer,
    "[data-search-toggle]": (button) => togglePanel(button.getAttribute("aria-expanded") !== "true"),
    "[data-search-clear]": clearSearch,
    "[data-search-drop]": (cross) => { cross.closest(".chip").remove(); empty(cross.dataset.searchDrop.split(" ")); byId("inbox-words").focus(); },
    "[data-pick-author]": pickAuthor,
  };
  document.addEventListener("click", (event) => {
    if (!list()) return;
    const menu = openMenu();
    const menuButton = event.target.closest("[data-menu]");
    if (menu) {
      showMenu(menu, false);
      if (event.target.closest("[role='menuitem']")) menu.focus();
    }
    if (menuButton && menuButton !== menu) showMenu(menuButton, true);
    for (const [selector, act] of Object.entries(clicks)) {
      const element = event.target.closest(selector);
      if (element) act(element);
    }
    if (!event.target.closest("#inbox-search")) togglePanel(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || byId("search-panel")?.hidden !== false) return;
    togglePanel(false);
    document.querySelector("[data-search-toggle]").focus();
  });
})();
