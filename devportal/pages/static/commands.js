/** What the portal page does for each command of a frame (frame-protocol.md 2.6). Not calling `answer` is the portal's silence. */
import { pickAccess, pickPeople } from "./dialogs.js";
import { post } from "./http.js";
import { openAppSlider, openPathSlider, topAppSlider } from "./sliders.js";
import { toast } from "./toast.js";

// Only the start of the path is looked at: the SDK puts one of these before any path and steps back with `..`.
const OPENABLE_PATHS =
  /^\/(crm\/(deal|lead|contact|company|type)|marketplace|company\/personal\/user\/[0-9]+|workgroups\/group\/[0-9]+)\//;

function getInitData(frame, _params, answer) {
  answer(frame.init);
  frame.init = { ...frame.init, FIRST_RUN: false };
}

function setInstall(frame, params, answer) {
  answer(params);
}

async function setInstallFinish(frame) {
  if (!frame.init.INSTALL) return;
  await post("/_portal/install-finish", { sid: frame.sid });
  const address = new URL(location.href);
  address.searchParams.set("install_finished", "Y");
  location.assign(address);
}

async function refreshAuth(frame, _params, answer) {
  const tokens = await post("/_portal/refresh-auth", { sid: frame.sid });
  frame.init = { ...frame.init, ...tokens };
  answer(tokens);
}

function cssSize(value) {
  return /^\d+(\.\d+)?$/.test(String(value)) ? `${value}px` : String(value);
}

function resizeWindow(frame, { width, height }, answer) {
  if (frame.slider) return;
  if (width !== undefined) frame.iframe.style.width = cssSize(width);
  if (height !== undefined) frame.iframe.style.height = cssSize(height);
  answer({ width: frame.iframe.offsetWidth, height: frame.iframe.offsetHeight });
}

function setTitle(frame, params, answer) {
  if (!frame.isMainPage) return;
  const heading = frame.slider ? frame.slider.heading : document.getElementById("page-title");
  heading.textContent = params.title;
  answer(params);
}

function setScroll(frame, params, answer) {
  if (!frame.isMainPage) return;
  window.scrollTo(window.scrollX, Number(params.scroll) || 0);
  answer(params);
}

function reloadWindow(frame) {
  if (frame.isMainPage) location.reload();
}

async function openApplication(frame, params, answer) {
  const slider = await openAppSlider({ kind: "slider", sid: frame.sid }, params);
  await slider.closed;
  answer();
}

function closeApplication(_frame, _params, answer) {
  const slider = topAppSlider();
  if (!slider) return;
  // The answer goes first: closing takes the asking frame away.
  answer();
  slider.close();
}

async function openPath(_frame, { path }, answer) {
  if (typeof path !== "string" || !OPENABLE_PATHS.test(path)) {
    answer({ result: "error", errorCode: "PATH_NOT_AVAILABLE" });
    return;
  }
  await openPathSlider(path).closed;
  answer({ result: "close" });
}

async function selectUser(_frame, params, answer) {
  const people = await pickPeople({ multiple: Boolean(params.mult) });
  if (people) answer(params.mult ? people : people[0]);
}

async function selectAccess(_frame, params, answer) {
  const chosen = await pickAccess({ blocked: Object.values(params.value ?? []) });
  if (chosen) answer(chosen);
}

async function setAppOption(frame, params, answer) {
  // The portal saves and answers for administrators only.
  if (!frame.init.IS_ADMIN) return;
  const options = await post("/_portal/app-option", { sid: frame.sid, name: params.name, value: params.value });
  frame.init = { ...frame.init, APP_OPTIONS: options };
  answer(options);
}

async function setUserOption(frame, params, answer) {
  const options = await post("/_portal/user-option", { sid: frame.sid, name: params.name, value: params.value });
  frame.init = { ...frame.init, USER_OPTIONS: options };
  answer(params);
}

function getInterface(_frame, _params, answer) {
  answer({ command: [], event: [] });
}

// Not here, and so never answered: the messenger's im* commands, selectCRM (this portal has no CRM),
// placementBindEvent (no placement here sends events) and every unknown command.
const COMMANDS = new Map(
  Object.entries({
    getInitData, setInstall, setInstallFinish, refreshAuth, resizeWindow, setTitle, setScroll, reloadWindow,
    openApplication, closeApplication, openPath, selectUser, selectAccess, setAppOption, setUserOption, getInterface,
  }),
);

/** Runs a frame's command; a failure is told to the person, and the frame gets silence, as on the portal. */
export async function runCommand(frame, command, params, answer) {
  try {
    await COMMANDS.get(command)?.(frame, params, answer);
  } catch (error) {
    toast(error.message);
  }
}
