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

  // --- Clicks ---

  const clicks = {
    "[data-add-button]": addButton,
    "[data-remove-button]": removeButton,
    "[data-deadline]": setDeadline,
  };
  document.addEventListener("click", ({ target }) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = closest(target, selector);
      if (element) act(element);
    }
  });
})();
