/** The portal's picking dialogs. Each resolves with what was confirmed, or with null when it was cancelled. */
import { get } from "./http.js";

const TYPING_PAUSE_MS = 150;

function personRow(person) {
  return { id: person.id, name: person.name, note: person.position, initials: person.initials, colour: person.colour, value: person };
}

function option(row) {
  const item = document.getElementById("option-template").content.cloneNode(true).firstElementChild;
  item.dataset.optionId = row.id;
  item.setAttribute("aria-label", row.name);
  const avatar = item.querySelector(".avatar");
  avatar.textContent = row.initials;
  avatar.classList.add(`ava-${row.colour}`);
  item.querySelector(".option-name").textContent = row.name;
  item.querySelector(".option-note").textContent = row.note;
  return item;
}

/** Shows the dialog; `find(text)` returns the rows {id, name, note, initials, colour, value} that match a search. */
function pick({ title, multiple, find }) {
  const dialog = document.getElementById("picker-template").content.cloneNode(true).firstElementChild;
  const search = dialog.querySelector("input");
  const list = dialog.querySelector(".options");
  const confirm = dialog.querySelector("[data-confirm]");
  const status = dialog.querySelector(".picker-status");
  const chosen = new Map();
  let latestSearch = 0;

  function refresh() {
    for (const item of list.children) item.setAttribute("aria-selected", String(chosen.has(item.dataset.optionId)));
    confirm.disabled = chosen.size === 0;
    status.textContent = chosen.size ? `Selected: ${[...chosen.values()].map((row) => row.name).join(", ")}` : "Nobody selected yet";
  }

  function toggle(row) {
    const wasChosen = chosen.delete(row.id);
    if (!multiple) chosen.clear();
    if (!wasChosen) chosen.set(row.id, row);
    refresh();
  }

  async function fill() {
    const thisSearch = ++latestSearch;
    const rows = await find(search.value.trim());
    if (thisSearch !== latestSearch) return;
    list.replaceChildren(
      ...rows.map((row) => {
        const item = option(row);
        item.addEventListener("click", () => toggle(row));
        return item;
      }),
    );
    refresh();
  }

  let typing = null;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(fill, TYPING_PAUSE_MS);
  });
  dialog.querySelector("h2").textContent = title;
  dialog.setAttribute("aria-label", title);
  list.setAttribute("aria-multiselectable", String(multiple));
  for (const button of dialog.querySelectorAll("[data-cancel]")) button.addEventListener("click", () => dialog.close());
  confirm.addEventListener("click", () => dialog.close("confirmed"));
  document.body.append(dialog);
  dialog.showModal();
  fill();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "confirmed" ? [...chosen.values()].map((row) => row.value) : null);
    });
  });
}

/** Picks people; resolves with user objects of the shape of selectUser's answer. */
export async function pickPeople({ multiple }) {
  const find = async (text) => (await get("/_portal/people", { q: text })).people.map(personRow);
  const people = await pick({ title: multiple ? "Select people" : "Select a person", multiple, find });
  return people?.map(({ id, name, photo, position, url, sub, sup }) => ({ id, name, photo, position, url, sub, sup })) ?? null;
}

/** Picks access rights; resolves with [{id, name}]. Rights in `blocked` are not offered. */
export function pickAccess({ blocked }) {
  const find = async (text) => {
    const { rights } = await get("/_portal/access-rights", { q: text });
    return rights
      .filter((right) => !blocked.includes(right.id))
      .map((right) => ({ ...right, value: { id: right.id, name: right.name } }));
  };
  return pick({ title: "Select who has access", multiple: true, find });
}
