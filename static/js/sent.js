"use strict";

// The Sent tab: its filter, the switch between list and groups, the rows that are chosen.
(() => {
  const byId = (id) => document.getElementById(id);

  // --- Filter and view: one form says what #sent-list shows ---

  // Where the person goes on after the list is redrawn: what they pressed is gone by then.
  let goOnAt = null;

  function show(values, next) {
    const form = byId("sent-filter");
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    goOnAt = next;
    // Not "change": a click outside the field it comes from would redraw the list under the mouse.
    form.dispatchEvent(new Event("filter"));
  }

  function setFilter({ dataset: { filter, value = "" } }) {
    // Without its TAG the list is no longer that of an opened group.
    const closes = byId("sent-filter").elements.opened.value === filter || filter === "sender";
    show({ [filter]: value, ...(closes && { opened: "" }) }, () => document.querySelector(`.chip-x[data-filter="${filter}"]`) || byId("sent-search"));
  }

  function clearFilters() {
    show({ words: "", tag: "", sub_tag: "", person: "", state: "", dispatch_state: "", sender: "", opened: "" });
    byId("sent-search").focus();
  }

  function openGroup({ dataset: { open: by, value, sender } }) {
    show({ view: "list", opened: by, [by]: value, sender }, () => document.querySelector("[data-back]"));
  }

  function backToGroups() {
    const fields = byId("sent-filter").elements;
    const by = fields.opened.value;
    const value = fields[by].value;
    show({ view: by, opened: "", [by]: "", sender: "" }, () => [...document.querySelectorAll("[data-open]")].find((pill) => pill.dataset.value === value));
  }

  document.addEventListener("htmx:afterSettle", ({ detail: { target } }) => {
    if (target.id !== "sent-list") return;
    if (document.activeElement === document.body) (goOnAt?.() || byId("main")).focus({ preventScroll: true });
    goOnAt = null;
  });

  function togglePanel(open) {
    const button = byId("filter-toggle");
    if (!button) return;
    byId("filter-panel").hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  }

  // --- The rows that are chosen ---

  function countChosen() {
    const strip = document.querySelector("#sent-list .strip");
    if (!strip) return;
    const all = document.querySelectorAll("#sent-list [name='row']");
    const chosen = document.querySelectorAll("#sent-list [name='row']:checked").length;
    const header = document.querySelector("#sent-list [data-choose-all]");
    header.checked = chosen > 0 && chosen === all.length;
    header.indeterminate = chosen > 0 && chosen < all.length;
    strip.querySelector("[data-chosen]").textContent = chosen;
    strip.querySelector("[data-all]").textContent = all.length;
    strip.querySelector("[data-delete-chosen]").disabled = chosen === 0;
    follow(strip, chosen > 0);
  }

  // While something is chosen the strip stays in sight. The portal scrolls, not this page: what tells of it are rows that come and go.
  const watcher = new IntersectionObserver((changes) => {
    const place = changes.find(({ target }) => target.matches(".strip-place"));
    if (place) place.target.firstElementChild.classList.toggle("floats", !place.isIntersecting);
    document.dispatchEvent(new Event("view-moved"));
  }, { threshold: [0, 0.5, 1] });

  function follow(strip, isWanted) {
    watcher.disconnect();
    if (isWanted) for (const element of [strip.parentElement, ...document.querySelectorAll("#sent-list tr")]) watcher.observe(element);
    else strip.classList.remove("floats");
  }

  document.addEventListener("change", ({ target }) => {
    if (target.matches("#sent-list [data-choose-all]")) {
      for (const box of document.querySelectorAll("#sent-list [name='row']")) box.checked = target.checked;
    }
    if (target.matches("#sent-list .tick")) countChosen();
    if (target.matches("#sent-view input")) show({ opened: "" });
  });
  document.addEventListener("htmx:load", countChosen);

  // --- Clicks and keys ---

  const clicks = {
    "[data-filter]": setFilter,
    "[data-clear-filters]": clearFilters,
    "[data-open]": openGroup,
    "[data-back]": backToGroups,
    "#filter-toggle": (button) => togglePanel(button.getAttribute("aria-expanded") !== "true"),
  };
  document.addEventListener("click", ({ target }) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = target.closest(selector);
      if (element) act(element);
    }
    if (!target.closest(".search")) togglePanel(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || byId("filter-panel")?.hidden !== false) return;
    togglePanel(false);
    byId("filter-toggle").focus();
  });
})();
