/** Sliders: sheets over the page, one above another, holding an app's second frame or another page of the portal. */
import { forgetFrame, openFrame } from "./frames.js";
import { post } from "./http.js";
import { showNotice } from "./notice.js";

const CLOSING_MS = 200;
// The SDK tells the wanted width by the prefix of the path; which prefix means which width is read in its source.
const PATH_WIDTHS = [
  [/^\/crm\/type\//, 1640],
  [/^\/company\/personal\/user\//, 1200],
  [/^\/crm\/company\//, 950],
  [/^\/workgroups\//, 900],
];

const stack = [];

class Slider {
  constructor({ title, label, width, isApp }) {
    this.isApp = isApp;
    this.closed = new Promise((resolve) => (this.settleClosed = resolve));
    const content = document.getElementById("slider-template").content.cloneNode(true);
    this.element = content.querySelector(".slider");
    this.heading = content.querySelector(".slider-title");
    this.body = content.querySelector(".slider-body");
    this.heading.textContent = title;
    this.element.setAttribute("aria-label", title);
    content.querySelector(".slider-label").textContent = label;
    if (width) content.querySelector(".slider-sheet").style.maxWidth = `${width}px`;
    content.querySelector(".slider-close").addEventListener("click", () => this.close());
    this.element.addEventListener("click", (event) => event.target === this.element && this.close());
    document.getElementById("sliders").append(content);
    stack.push(this);
  }

  fill(launch) {
    this.frame = openFrame(this.body, launch, this);
  }

  close() {
    const place = stack.indexOf(this);
    if (place < 0) return;
    stack.splice(place, 1);
    this.element.classList.add("closing");
    this.settleClosed();
    setTimeout(() => {
      if (this.frame) forgetFrame(this.frame);
      this.element.remove();
    }, CLOSING_MS);
  }
}

/** The app slider that was opened last, or undefined. */
export function topAppSlider() {
  return stack.findLast((slider) => slider.isApp);
}

/** The page a frame is opened from, as the portal passes it in PLACEMENT_OPTIONS.URI. */
function currentAddress() {
  return location.pathname + location.search;
}

/**
 * Opens an app in a slider. `target` names what to launch (see POST /_portal/launch), `params` are the opener's: keys
 * starting with `bx24_` are settings of the slider and do not reach the app.
 */
export async function openAppSlider(target, params = {}) {
  const isSetting = ([key]) => key.startsWith("bx24_");
  const settings = Object.fromEntries(Object.entries(params).filter(isSetting));
  const options = Object.fromEntries(Object.entries(params).filter((entry) => !isSetting(entry)));
  const slider = new Slider({
    title: settings.bx24_title ?? "",
    label: settings.bx24_label?.text ?? "",
    width: Number(settings.bx24_width) || null,
    isApp: true,
  });
  const opening = await post("/_portal/launch", { uri: currentAddress(), ...target, params: options });
  if (opening.launch) {
    if (!slider.heading.textContent) slider.heading.textContent = opening.launch.title;
    slider.element.setAttribute("aria-label", slider.heading.textContent);
    slider.fill(opening.launch);
  } else if (opening.message) {
    showNotice(slider.body, opening.message);
  }
  return slider;
}

/** Opens a page of this portal in a slider; the path may step back with `..`, and its hash is dropped. */
export function openPathSlider(path) {
  const address = new URL(path, location.origin);
  const width = PATH_WIDTHS.find(([prefix]) => prefix.test(path))?.[1];
  const slider = new Slider({ title: "", label: "", width, isApp: false });
  const page = document.createElement("iframe");
  page.className = "page-frame";
  page.title = "Portal page";
  page.src = location.origin + address.pathname + address.search;
  page.addEventListener("load", () => {
    slider.heading.textContent = page.contentDocument?.getElementById("page-title")?.textContent ?? "";
  });
  slider.body.append(page);
  return slider;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) stack.at(-1)?.close();
});
