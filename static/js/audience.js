"use strict";

// Whom a new notification is for: departments, everyone, a pasted list, exceptions; and in Settings who has a right. Recipients are chosen
// by compose.js.
(() => {
  const byId = (id) => document.getElementById(id);
  const changed = (element) => element.closest("[data-draft]")?.dispatchEvent(new Event("draft-changed"));
  const form = () => byId("new-form") || byId("rights-form");
  const chipsOf = (into) => form().querySelector(`.chips[data-into="${into}"]`);
  const branches = (into) => [...chipsOf(into).querySelectorAll(".chip-branch")];

  function chipOf(name) {
    return form().querySelector(`template[data-template="${name}"]`).content.cloneNode(true).firstElementChild;
  }

  // A name in a chip, and in what its fields and buttons are called.
  function fill(chip, id, name) {
    const [number, called] = chip.querySelectorAll("input[type='hidden']");
    number.value = id;
    called.value = name;
    chip.querySelector(".pill-text").textContent = name;
    for (const named of chip.querySelectorAll("[aria-label]")) named.setAttribute("aria-label", named.getAttribute("aria-label").replace("{name}", () => name));
  }

  // --- Departments: a tick in the dialog is a chip in the form ---

  function addBranch(into, id, name) {
    const chip = chipOf(into);
    fill(chip, id, name);
    chip.dataset.branch = id;
    chip.querySelector("input[type='checkbox']").value = id;
    chipsOf(into).append(chip);
  }

  function tickBranch(box) {
    const { into } = box.closest("[data-into]").dataset;
    const { department, name } = box.dataset;
    if (box.checked) addBranch(into, department, name);
    else branches(into).find((chip) => chip.dataset.branch === department)?.remove();
    changed(chipsOf(into));
  }

  // Rows arrive when they are looked for: those that are chosen already have to say so.
  function markChosen(element) {
    const list = element.closest?.("[data-departments]") || element.querySelector?.("[data-departments]");
    if (!list || !form()) return;
    const chosen = new Set(branches(list.dataset.into).map((chip) => chip.dataset.branch));
    for (const box of list.querySelectorAll("[data-department]")) box.checked = chosen.has(box.dataset.department);
  }

  document.addEventListener("htmx:load", ({ detail: { elt } }) => markChosen(elt));

  function toggleBelow(button) {
    const open = button.getAttribute("aria-expanded") !== "true";
    const below = button.closest("li").querySelector("ul");
    button.setAttribute("aria-expanded", String(open));
    below.hidden = !open;
    if (open && !below.childElementCount) htmx.trigger(button, "open-branch");
  }

  // An answer to what was typed before is not shown: the next one is on its way.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { elt, parameters } = detail.requestConfig;
    if (elt.matches("#department-words, #audience-words") && parameters.words !== elt.value) detail.shouldSwap = false;
  });

  // --- Everyone, and the parts that open ---

  function toggleEveryone() {
    const chips = chipsOf("departments");
    const chip = chips.querySelector(".chip-everyone");
    if (chip) chip.remove();
    else chips.prepend(chipOf("everyone"));
    changed(chips);
  }

  // However the chip went, the button says whether it is there.
  document.addEventListener("draft-changed", () => {
    const button = form()?.querySelector("[data-everyone]");
    button?.setAttribute("aria-pressed", String(Boolean(form().querySelector(".chip-everyone"))));
  }, true);

  function togglePart(button) {
    const part = byId(button.dataset.openPart);
    part.hidden = !part.hidden;
    button.setAttribute("aria-expanded", String(!part.hidden));
    if (!part.hidden) part.querySelector("textarea, button")?.focus();
  }

  // --- People beside departments: exceptions, and who has a right ---

  async function pickMore(button) {
    const { pickInto: into, pickName: named } = button.dataset;
    const people = await window.TaggedFrame.pickPeople(true);
    const chips = chipsOf(into);
    const known = new Set([...chips.querySelectorAll(`[name='${named}']`)].map((input) => input.value));
    for (const { id, name } of people) {
      if (known.has(String(id))) continue;
      const chip = chipOf(named);
      fill(chip, id, name);
      const avatar = chip.querySelector(".ava");
      avatar.classList.add(`ava-${String(id).slice(-1)}`);
      avatar.textContent = name.trim().split(/\s+/).slice(0, 2).map((word) => word[0] || "").join("");
      chips.append(chip);
    }
    changed(chips);
    button.focus();
  }

  function removeMore(cross) {
    const part = cross.closest("[data-more-chips]");
    cross.closest(".chip").remove();
    changed(part);
    part.querySelector("[data-pick-into]").focus();
  }

  // --- Clicks ---

  const clicks = {
    "[data-below]": toggleBelow,
    "[data-everyone]": toggleEveryone,
    "[data-open-part]": togglePart,
    "[data-pick-into]": pickMore,
    "[data-more-chips] .chip-x": removeMore,
  };
  document.addEventListener("click", ({ target }) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = target.closest?.(selector);
      if (element) act(element);
    }
  });
  document.addEventListener("change", ({ target }) => { if (target.matches("[data-department]")) tickBranch(target); });
})();
