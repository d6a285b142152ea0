/** The bell: the person's notifications, kept up to date without disturbing what is being read, pressed or typed. */
import { post } from "./http.js";
import { toast } from "./toast.js";

const OPEN_POLL_MS = 3000;
const CLOSED_POLL_MS = 10000;

const bell = document.getElementById("bell");
const panel = document.getElementById("notification-panel");
const list = document.getElementById("notification-list");
const counter = document.getElementById("bell-counter");
const renderedAs = new WeakMap();
let timer = null;
let latestRefresh = 0;

function isOpen() {
  return !panel.hidden;
}

function isBeingAnswered(item) {
  return item.querySelector(".answer-form:not([hidden])") !== null;
}

function showCounter(unread) {
  counter.textContent = unread > 99 ? "99+" : String(unread);
  counter.hidden = unread === 0;
  bell.setAttribute("aria-label", unread ? `Notifications, ${unread} unread` : "Notifications");
}

/** Items that did not change keep their element; an item somebody is answering is left alone until that is over. */
function reconcile(fresh) {
  const present = new Map([...list.children].map((item) => [item.dataset.notificationId, item]));
  const wanted = [...fresh.children].map((item) => {
    const old = present.get(item.dataset.notificationId);
    if (old && (renderedAs.get(old) === item.outerHTML || isBeingAnswered(old))) return old;
    renderedAs.set(item, item.outerHTML);
    return item;
  });
  for (const old of [...list.children]) if (!wanted.includes(old)) old.remove();
  wanted.forEach((item, place) => {
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
}

async function refresh() {
  const thisRefresh = ++latestRefresh;
  const response = await fetch("/_portal/notifications");
  const html = await response.text();
  if (!response.ok || thisRefresh !== latestRefresh) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const content = fresh.content.firstElementChild;
  showCounter(Number(content.dataset.unread));
  reconcile(content);
  list.setAttribute("aria-busy", "false");
}

async function poll() {
  clearTimeout(timer);
  try {
    await refresh();
  } catch {
    // The stand-in is restarting; the next round tries again.
  }
  timer = setTimeout(poll, isOpen() ? OPEN_POLL_MS : CLOSED_POLL_MS);
}

function show(open) {
  panel.hidden = !open;
  bell.setAttribute("aria-expanded", String(open));
  if (open) poll();
}

async function act(path, values) {
  try {
    const answer = await post(path, values);
    if (answer.message) toast(answer.message);
  } catch (error) {
    toast(error.message);
  }
  await poll();
}

function showAnswerForm(item, open) {
  item.querySelector(".answer-form").hidden = !open;
  item.querySelector("[data-act=reply]").hidden = open;
  if (open) item.querySelector("textarea").focus();
}

async function sendAnswer(item) {
  const text = item.querySelector("textarea").value.trim();
  if (!text) return;
  showAnswerForm(item, false);
  await act(`/_portal/notifications/${item.dataset.notificationId}/answer`, { text });
}

const ACTIONS = {
  confirm: (item, button) => act(`/_portal/notifications/${item.dataset.notificationId}/confirm`, { value: button.value }),
  delete: (item) => act(`/_portal/notifications/${item.dataset.notificationId}/delete`),
  read: (item) => act(`/_portal/notifications/${item.dataset.notificationId}/read`),
  reply: (item) => showAnswerForm(item, true),
  send: (item) => sendAnswer(item),
  cancel: (item) => showAnswerForm(item, false),
};

if (bell) {
  bell.addEventListener("click", () => show(!isOpen()));
  panel.querySelector("[data-close]").addEventListener("click", () => show(false));
  panel.querySelector("[data-read-all]").addEventListener("click", () => act("/_portal/notifications/read-all"));
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) ACTIONS[button.dataset.act](button.closest("[data-notification-id]"), button);
  });
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.target.tagName !== "TEXTAREA") return;
    event.preventDefault();
    sendAnswer(event.target.closest("[data-notification-id]"));
  });
  poll();
}
