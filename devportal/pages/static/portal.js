/** Starts a portal page: the app's frame or slider, links into the app, the person switch. */
import "./bell.js";
import { runCommand } from "./commands.js";
import { listen, openFrame } from "./frames.js";
import { get, post } from "./http.js";
import { showNotice } from "./notice.js";
import { openAppSlider } from "./sliders.js";
import { toast } from "./toast.js";

const APP_LINK = /^\/marketplace\/view\/([^/]+)\/$/;

async function openOnPage(stage) {
  const { kind, app, query, uri } = stage.dataset;
  try {
    const opening = await post("/_portal/launch", { kind, app, query, uri });
    if (opening.launch) openFrame(stage, opening.launch);
    else if (opening.message) showNotice(stage, opening.message);
  } catch (error) {
    showNotice(stage, error.message);
  }
}

async function openLink(app, query, uri) {
  try {
    return await openAppSlider({ kind: "view", app, query, ...(uri === undefined ? {} : { uri }) });
  } catch (error) {
    toast(error.message);
    return null;
  }
}

/** A page opened at a /marketplace/view/ address shows the slider over the portal; closing it leads to the start page. */
async function openOverPage({ app, query, uri }) {
  const slider = await openLink(app, query, uri);
  await slider?.closed;
  history.replaceState(null, "", "/");
}

function followAppLinks(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey) return;
  const address = new URL(link.href);
  const app = address.origin === location.origin && address.pathname.match(APP_LINK)?.[1];
  if (!app) return;
  event.preventDefault();
  openLink(decodeURIComponent(app), address.search.slice(1));
}

function startPersonSwitch(menu) {
  const search = menu.querySelector("input[type=search]");
  const rows = menu.querySelector(".switch-people");
  let latest = 0;

  async function fill() {
    const thisSearch = ++latest;
    const { people } = await get("/_portal/people", { q: search.value.trim() });
    if (thisSearch !== latest) return;
    rows.replaceChildren(
      ...people.map((person) => {
        const item = document.getElementById("switch-template").content.cloneNode(true).firstElementChild;
        item.value = person.id;
        item.dataset.userId = person.id;
        item.setAttribute("aria-label", person.name);
        const avatar = item.querySelector(".avatar");
        avatar.textContent = person.initials;
        avatar.classList.add(`ava-${person.colour}`);
        item.querySelector(".option-name").textContent = person.name;
        item.querySelector(".option-note").textContent = [person.admin ? "Administrator" : null, person.position].filter(Boolean).join(" · ");
        return item;
      }),
    );
  }

  menu.addEventListener("toggle", () => {
    if (!menu.open) return;
    search.focus();
    fill().catch((error) => toast(error.message));
  });
  search.addEventListener("input", () => fill().catch((error) => toast(error.message)));
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}

listen(runCommand);
document.addEventListener("click", followAppLinks);
const menu = document.getElementById("person-switch");
if (menu) startPersonSwitch(menu);
const stage = document.getElementById("app-stage");
if (stage?.dataset.slider) openOverPage(stage.dataset);
else if (stage) openOnPage(stage);
