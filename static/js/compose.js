"use strict";

// New notification: the draft, recipients, formatting, counters, the attachment builder. What the page shows of the draft, the server renders.
(() => {
  const byId = (id) => document.getElementById(id);
  const main = byId("main");
  const root = document.documentElement;
  const draftOf = (element) => element.closest("[data-draft]");
  // The preview follows: it asks for this event only, so that typing a name to look for does not count as a change.
  const changed = (element) => draftOf(element)?.dispatchEvent(new Event("draft-changed"));

  // --- The draft: a half-written notification stays as it is, cursor and all, while another tab is looked at ---

  let aside = null;

  function begin(section) {
    // The answer to Send may come while another tab is shown: events of a section that is put aside do not reach the document.
    section.addEventListener("draft-sent", (event) => {
      event.stopPropagation();
      leave(section, event.detail?.show);
    });
    section.addEventListener("toast", ({ detail }) => {
      if (!section.isConnected) document.dispatchEvent(new CustomEvent("toast", { detail }));
    });
    new ResizeObserver(() => followView()).observe(section);
  }

  // `show` is the page to go to; the Sent tab without it.
  function leave(section, show) {
    section.removeAttribute("data-draft");
    if (aside === section) aside = null;
    else if (show) htmx.ajax("GET", show, { source: main, target: main });
    else document.querySelector("#tabs [data-tab='sent']").click();
  }

  document.addEventListener("htmx:beforeSwap", ({ detail: { target, requestConfig, shouldSwap } }) => {
    if (target !== main || !shouldSwap || requestConfig.verb !== "get") return;
    const open = main.querySelector("[data-draft]");
    if (open) {
      aside = open;
      open.remove();
    }
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { target, requestConfig } }) => {
    const fresh = target === main && requestConfig.verb === "get" && main.querySelector("[data-draft]");
    if (!fresh) return;
    if (aside) {
      fresh.replaceWith(aside);
      dress(aside);
      aside = null;
    } else begin(fresh);
  });
  // A form that came back with errors is a new element without a builder.
  document.addEventListener("htmx:load", ({ detail: { elt } }) => dress(elt));

  function dress(element) {
    const editor = element.querySelector(".attach-editor");
    if (editor && !roots.has(editor)) dressEditor(editor);
    for (const counter of document.querySelectorAll("[data-counts]")) count(counter);
  }

  function dressEditor(editor) {
    if (!showBlocks(editor)) showJson(editor);
    // The field with the error may be hidden behind the blocks.
    const isWrong = field(editor).matches("[aria-invalid='true']");
    if (isWrong && document.activeElement === document.body) editor.querySelector("[data-blocks] [data-key], [name='attach']").focus();
  }

  function isEmpty(form) {
    const fields = ["message", "message_out", "tag", "sub_tag", "attach", "listed"].map((name) => form.elements[name]);
    // Who may not send to many has no field for a list.
    return !fields.some((field) => field?.value.trim() && field.value.trim() !== field.dataset.prefix) && !form.querySelector(".chip, [name='ask-wanted']:checked");
  }

  function discard(button) {
    if (isEmpty(button.form)) leave(draftOf(button));
    else document.dispatchEvent(new CustomEvent("open-dialog", { detail: { templateId: "discard-template" } }));
  }

  function discardNow() {
    document.dispatchEvent(new Event("close-dialog"));
    leave(main.querySelector("[data-draft]"));
  }

  // --- Recipients: the portal's own dialog, or a name that is typed ---

  function addRecipients(field, people) {
    const chips = field.querySelector(".chips");
    const known = new Set([...chips.querySelectorAll("input[name='recipients']")].map((input) => input.value));
    for (const { id, name } of people) {
      if (known.has(String(id))) continue;
      const chip = field.querySelector("template").content.cloneNode(true).firstElementChild;
      const avatar = chip.querySelector(".ava");
      avatar.classList.add(`ava-${String(id).slice(-1)}`);
      avatar.textContent = name.trim().split(/\s+/).slice(0, 2).map((word) => word[0] || "").join("");
      chip.querySelector(".pill-text").textContent = name;
      const cross = chip.querySelector(".chip-x");
      cross.setAttribute("aria-label", cross.getAttribute("aria-label").replace("{name}", () => name));
      chip.querySelector("input[name='recipients']").value = id;
      chip.querySelector("input[name='names']").value = name;
      chips.append(chip);
    }
    changed(field);
  }

  async function pickRecipients(button) {
    const field = button.closest("[data-recipients]");
    addRecipients(field, await window.TaggedFrame.pickPeople(true));
    button.focus();
  }

  function removeRecipient(cross) {
    const field = cross.closest("[data-recipients]");
    cross.closest(".chip").remove();
    changed(field);
    combobox(field).focus();
  }

  const SHORTEST_NAME = 2;
  const combobox = (field) => field.querySelector("[role='combobox']");
  const listbox = (input) => byId(input.getAttribute("aria-controls"));
  const optionsOf = (input) => [...listbox(input).querySelectorAll("[role='option'][data-id]")];
  const activeOption = (input) => byId(input.getAttribute("aria-activedescendant") || "");

  function openList(input, open) {
    listbox(input).hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) activate(input, null);
  }

  function activate(input, option) {
    for (const other of optionsOf(input)) other.setAttribute("aria-selected", String(other === option));
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function step(input, by) {
    const options = optionsOf(input);
    if (!options.length) return;
    if (listbox(input).hidden) openList(input, true);
    const at = options.indexOf(activeOption(input));
    activate(input, options[at < 0 ? (by > 0 ? 0 : options.length - 1) : (at + by + options.length) % options.length]);
  }

  function choose(input, option) {
    input.value = "";
    openList(input, false);
    listbox(input).replaceChildren();
    addRecipients(input.closest("[data-recipients]"), [{ id: option.dataset.id, name: option.dataset.name }]);
    input.focus();
  }

  function lookUp(input) {
    if (input.value.trim().length >= SHORTEST_NAME) htmx.trigger(input, "look-up");
    else openList(input, false);
  }

  const keysOfCombobox = {
    ArrowDown: (input) => step(input, 1),
    ArrowUp: (input) => step(input, -1),
    Escape: (input) => openList(input, false),
    Enter: (input) => { if (activeOption(input)) choose(input, activeOption(input)); },
  };

  // An answer to what was typed before is not shown: the next one is on its way.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target?.id !== "people-found") return;
    const input = detail.requestConfig.elt;
    if (detail.requestConfig.parameters.words !== input.value) detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
    if (target.id !== "people-found") return;
    const input = document.querySelector("[aria-controls='people-found']");
    activate(input, null);
    openList(input, document.activeElement === input);
  });
  // The mouse must not take the focus away from the field.
  document.addEventListener("mousedown", (event) => { if (event.target.closest("[role='listbox']")) event.preventDefault(); });
  document.addEventListener("focusout", (event) => { if (event.target.matches?.("[role='combobox']")) openList(event.target, false); });

  // --- Counters of characters ---

  function count(counter) {
    const length = [...byId(counter.dataset.counts).value].length;
    const limit = Number(counter.dataset.limit);
    counter.textContent = `${length.toLocaleString(root.lang)} / ${limit.toLocaleString(root.lang)}`;
    counter.classList.toggle("over", length > limit);
  }

  // --- BB codes around the selected text ---

  const KEYS = { b: "b", i: "i", u: "u" };

  // The old command is the only way to write into a field so that the browser's Undo takes it back.
  function write(area, start, end, text, from, to) {
    area.focus();
    area.setSelectionRange(start, end);
    document.execCommand("insertText", false, text);
    area.setSelectionRange(start + from, start + to);
  }

  function wrap(area, code) {
    const { value, selectionStart: start, selectionEnd: end } = area;
    const [open, close] = [`[${code}]`, `[/${code}]`];
    const chosen = value.slice(start, end);
    if (value.slice(0, start).endsWith(open) && value.slice(end).startsWith(close)) {
      write(area, start - open.length, end + close.length, chosen, 0, chosen.length);
    } else write(area, start, end, open + chosen + close, open.length, open.length + chosen.length);
  }

  function link(area) {
    const { value, selectionStart: start, selectionEnd: end } = area;
    const chosen = value.slice(start, end);
    const isAddress = /^https?:\/\/\S+$/i.test(chosen);
    const address = isAddress ? chosen : "https://";
    const caption = isAddress ? "" : chosen;
    const before = `[url=${address}]`;
    // What is still missing is selected: the caption, or the address.
    const [from, to] = isAddress ? [before.length, before.length] : [5, 5 + address.length];
    write(area, start, end, `${before}${caption}[/url]`, from, to);
  }

  // Whole lines, each with the messenger's mark of a quoted line.
  function quote(area) {
    const { value, selectionStart, selectionEnd } = area;
    const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
    const found = value.indexOf("\n", selectionEnd);
    const end = found < 0 ? value.length : found;
    const lines = value.slice(start, end).split("\n");
    const isQuoted = lines.every((line) => line.startsWith(">>"));
    const text = lines.map((line) => (isQuoted ? line.slice(2) : `>>${line}`)).join("\n");
    write(area, start, end, text, isQuoted ? 0 : 2, text.length);
  }

  function format(area, code) {
    if (code === "url") link(area);
    else if (code === "quote") quote(area);
    else wrap(area, code);
  }

  // --- The attachment builder. Its truth is the JSON in the form's field; the blocks are a way to write it. ---
  // Each block keeps the object it came from, so what the builder has no field for stays as it was.

  const roots = new WeakMap();
  const sources = new WeakMap();
  const NEW_BLOCKS = {
    MESSAGE: () => ({ MESSAGE: "" }),
    LINK: () => ({ LINK: { LINK: "" } }),
    IMAGE: () => ({ IMAGE: { LINK: "" } }),
    GRID: () => ({ GRID: [{ DISPLAY: "ROW", NAME: "", VALUE: "" }] }),
    // An empty object would reach PHP as an empty array; these are the documented example's values.
    DELIMITER: () => ({ DELIMITER: { SIZE: 200, COLOR: "#c6c6c6" } }),
  };
  const REQUIRED = ["LINK", "MESSAGE", "VALUE"];

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const field = (editor) => editor.querySelector("[name='attach']");
  const blocksOf = (editor) => [...editor.querySelectorAll("[data-blocks] > .block")];

  // The kind of a block that the builder has fields for, or "".
  function kindOf(block) {
    const [kind, ...more] = isObject(block) ? Object.keys(block) : [];
    const value = block?.[kind];
    const shown = { MESSAGE: typeof value === "string", LINK: isObject(value), IMAGE: isObject(value), DELIMITER: true };
    if (more.length) return "";
    if (kind === "GRID") return Array.isArray(value) && value.every(isObject) ? kind : "";
    return Object.hasOwn(shown, kind ?? "") && shown[kind] ? kind : "";
  }

  const copy = (editor, selector) => editor.querySelector(selector).content.cloneNode(true).firstElementChild;

  function fill(element, values) {
    for (const input of element.querySelectorAll("[data-key]")) input.value = values[input.dataset.key] ?? "";
  }

  function addRow(block, cell) {
    const row = copy(block.closest(".attach-editor"), "[data-row]");
    sources.set(row, cell);
    block.querySelector("[data-rows]").append(row);
    fill(row, cell);
    return row;
  }

  function addBlock(editor, source) {
    const kind = kindOf(source);
    const block = copy(editor, `[data-block="${kind}"]`);
    sources.set(block, source);
    editor.querySelector("[data-blocks]").append(block);
    if (kind === "GRID") for (const cell of source.GRID) addRow(block, cell);
    else if (kind) fill(block, kind === "MESSAGE" ? source : source[kind]);
    else block.querySelector("[data-kind]").textContent = isObject(source) ? Object.keys(source).join(", ") : "";
    return block;
  }

  // Show the JSON as blocks; false when it is none that can be shown so.
  function showBlocks(editor) {
    const text = field(editor).value.trim();
    let value = [];
    try { value = text ? JSON.parse(text) : []; } catch { return false; }
    const list = Array.isArray(value) ? value : value?.BLOCKS;
    if (!Array.isArray(list)) return false;
    const { BLOCKS: _, ...settings } = Array.isArray(value) ? {} : value;
    roots.set(editor, settings);
    editor.querySelector("[data-blocks]").replaceChildren();
    for (const block of list) addBlock(editor, block);
    editor.querySelector("[data-colour] select").value = settings.COLOR_TOKEN === "base" ? "" : settings.COLOR_TOKEN || "";
    note(editor, list.every(kindOf) ? "" : editor.dataset.kept);
    show(editor, false);
    arrange(editor);
    return true;
  }

  function showJson(editor) {
    roots.set(editor, {});
    show(editor, true);
  }

  function show(editor, asJson) {
    editor.querySelector("[data-builder]").hidden = asJson;
    editor.querySelector("[data-json]").hidden = !asJson;
    editor.querySelector("[data-as-json]").hidden = asJson;
    editor.querySelector("[data-as-blocks]").hidden = !asJson;
  }

  function note(editor, text) {
    const place = editor.querySelector("[data-builder-note]");
    place.textContent = text;
    place.hidden = !text;
  }

  function toJson(editor) {
    showJson(editor);
    field(editor).focus();
  }

  function toBlocks(editor) {
    if (showBlocks(editor)) editor.querySelector("[data-as-json]").focus();
    else {
      document.dispatchEvent(new CustomEvent("toast", { detail: { kind: "bad", text: editor.dataset.lost } }));
      field(editor).focus();
    }
  }

  // What stands in the fields, over what the object had before.
  function filled(element, source) {
    const result = { ...source };
    for (const { dataset: { key }, value } of element.querySelectorAll("[data-key]")) {
      if (value || REQUIRED.includes(key)) result[key] = value;
      else delete result[key];
    }
    return result;
  }

  function read(block) {
    const source = sources.get(block);
    const kind = kindOf(source);
    if (kind === "MESSAGE") return filled(block, source);
    if (kind === "GRID") return { GRID: [...block.querySelectorAll("[data-row-of-table]")].map((row) => filled(row, sources.get(row))) };
    return kind === "LINK" || kind === "IMAGE" ? { [kind]: filled(block, source[kind]) } : source;
  }

  function writeJson(editor) {
    const blocks = blocksOf(editor).map(read);
    const settings = roots.get(editor);
    const value = Object.keys(settings).length ? { ID: 1, ...settings, BLOCKS: blocks } : blocks;
    field(editor).value = blocks.length ? JSON.stringify(value, null, 2) : "";
  }

  function save(editor) {
    writeJson(editor);
    arrange(editor);
    changed(editor);
  }

  function arrange(editor) {
    const blocks = blocksOf(editor);
    blocks.forEach((block, at) => {
      block.querySelector("[data-move='up']").disabled = at === 0;
      block.querySelector("[data-move='down']").disabled = at === blocks.length - 1;
    });
    editor.querySelector("[data-colour]").hidden = !blocks.length;
  }

  const editorOf = (element) => element.closest(".attach-editor");
  const blockOf = (element) => element.closest(".block");

  function add(button) {
    const editor = editorOf(button);
    const block = addBlock(editor, NEW_BLOCKS[button.dataset.add]());
    save(editor);
    (block.querySelector("[data-key]") || block.querySelector("[data-remove-block]")).focus();
  }

  function removeBlock(button) {
    const editor = editorOf(button);
    const next = blockOf(button).nextElementSibling || blockOf(button).previousElementSibling;
    blockOf(button).remove();
    save(editor);
    (next?.querySelector("[data-remove-block]") || editor.querySelector("[data-add]")).focus();
  }

  function move(button) {
    const block = blockOf(button);
    if (button.dataset.move === "up") block.previousElementSibling.before(block);
    else block.nextElementSibling.after(block);
    save(editorOf(button));
    (button.disabled ? block.querySelector("[data-move]:enabled") : button).focus();
  }

  function removeRow(button) {
    const [block, row] = [blockOf(button), button.closest("[data-row-of-table]")];
    const next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    save(editorOf(block));
    (next?.querySelector("[data-remove-row]") || block.querySelector("[data-add-row]")).focus();
  }

  function newRow(button) {
    const row = addRow(blockOf(button), NEW_BLOCKS.GRID().GRID[0]);
    save(editorOf(button));
    row.querySelector("input").focus();
  }

  function colour(select) {
    const editor = editorOf(select);
    const { COLOR_TOKEN: _, ...others } = roots.get(editor);
    // The number is all that stays of an attachment whose colour was taken away again.
    const rest = Object.keys(others).every((key) => key === "ID") ? {} : others;
    roots.set(editor, select.value ? { ...others, COLOR_TOKEN: select.value } : rest);
    save(editor);
  }

  // --- The preview stays in sight ---
  // The frame is as high as its page and never scrolls; the portal around it does. Which part is seen, only an intersection observer
  // can tell: with many thresholds on short rungs, one after the other down the page, it tells it at every small step.

  const RUNG_PX = 120;
  // A portal may keep a header of its own over the top of the frame; no observer tells of it.
  const PORTAL_HEADER_PX = 68;
  const seen = new IntersectionObserver(() => measure(), { threshold: Array.from({ length: 16 }, (_, step) => step / 15) });

  function measure() {
    const once = new IntersectionObserver(([entry]) => {
      once.disconnect();
      if (entry.intersectionRect.height > 0) place(entry.intersectionRect.top);
    });
    once.observe(root);
  }

  function place(top) {
    const rail = document.querySelector(".rail");
    const card = rail?.querySelector(".preview");
    if (!card) return;
    const room = rail.offsetHeight - card.offsetHeight;
    const shift = Math.max(0, Math.min(room, top - rail.getBoundingClientRect().top + Math.min(top, PORTAL_HEADER_PX)));
    rail.style.setProperty("--shift", `${Math.round(shift)}px`);
  }

  function followView() {
    const rail = document.querySelector(".rail");
    if (!rail) return;
    const ladder = rail.querySelector(".rungs");
    const wanted = Math.ceil(rail.offsetHeight / RUNG_PX);
    const rungs = [...ladder.children];
    for (let at = rungs.length; at < wanted; at += 1) {
      const rung = Object.assign(document.createElement("span"), { className: "rung" });
      rung.style.setProperty("--at", `${at * RUNG_PX}px`);
      ladder.append(rung);
      seen.observe(rung);
    }
    for (const rung of rungs.slice(wanted)) {
      seen.unobserve(rung);
      rung.remove();
    }
    measure();
  }

  // --- Notes beside the preview are read out when they change, not whenever they are drawn ---

  document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    const plain = (element) => element.textContent.replace(/\s+/g, " ").trim();
    if (detail.target.id === "preview-notes" && plain(detail.target) === plain(detail.fragment)) detail.shouldSwap = false;
  });

  // --- Clicks and keys ---

  const clicks = {
    "[data-discard]": discard,
    "[data-discard-now]": discardNow,
    "[data-pick]": pickRecipients,
    "[data-recipients] .chip-x": removeRecipient,
    "[data-recipients] .picker": (box, event) => { if (event.target === box) combobox(box).focus(); },
    "#people-found [data-id]": (option) => choose(document.querySelector("[aria-controls='people-found']"), option),
    "[data-format]": (button) => format(button.form.elements.message, button.dataset.format),
    "[data-add]": add,
    "[data-remove-block]": removeBlock,
    "[data-move]": move,
    "[data-add-row]": newRow,
    "[data-remove-row]": removeRow,
    "[data-as-json]": (button) => toJson(editorOf(button)),
    "[data-as-blocks]": (button) => toBlocks(editorOf(button)),
  };
  document.addEventListener("click", (event) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = event.target.closest?.(selector);
      if (element) act(element, event);
    }
  });

  document.addEventListener("input", ({ target }) => {
    const counter = target.id && document.querySelector(`[data-counts="${target.id}"]`);
    if (counter) count(counter);
    if (target.matches("[role='combobox']")) lookUp(target);
    // A half-typed address would make the preview look for pictures that do not exist.
    else if (target.matches("[data-key][type='url']")) writeJson(editorOf(target));
    else if (target.matches("[data-key]")) save(editorOf(target));
    else if (target.matches("[data-colour] select")) colour(target);
    else if (target.name) changed(target);
  });

  document.addEventListener("change", ({ target }) => { if (target.matches("[data-key][type='url']")) changed(target); });

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target.matches("[role='combobox']")) {
      if (key === "Backspace" && !target.value) target.closest("[data-recipients]").querySelector(".picker .chip:last-of-type > .chip-x")?.click();
      if (keysOfCombobox[key]) {
        event.preventDefault();
        keysOfCombobox[key](target);
      }
    } else if (key === "Enter" && target.matches("#new-form input")) {
      // Enter in a line must not send something that is still being written.
      event.preventDefault();
    } else if ((event.ctrlKey || event.metaKey) && !event.altKey && KEYS[key.toLowerCase()] && target.matches("#new-form [name='message']")) {
      event.preventDefault();
      format(target, KEYS[key.toLowerCase()]);
    }
  });
})();
