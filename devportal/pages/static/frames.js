/** The frames of apps on this page: opening them (frame-protocol.md 1.1, 1.2) and routing their messages (2.3). */
import { formatReply, parseMessage } from "./messages.js";

const frames = new Map();

/** One opened app: its launch as the server gave it, its iframe, and the slider it sits in (null on the page itself). */
class AppFrame {
  constructor(launch, slider) {
    this.sid = launch.sid;
    this.origin = launch.origin;
    this.init = launch.init;
    this.slider = slider;
    this.iframe = document.createElement("iframe");
    this.iframe.name = launch.name;
    this.iframe.title = launch.title;
    this.iframe.className = "app-frame";
    this.iframe.allow = "clipboard-write";
  }

  get isMainPage() {
    return this.init.PLACEMENT === "DEFAULT";
  }

  reply(callback, value) {
    // A legacy client that wants no answer sends no callback id.
    if (callback) this.iframe.contentWindow?.postMessage(formatReply(callback, value), this.origin);
  }
}

function submitLaunch(launch) {
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: launch.url, target: launch.name, hidden: true });
  for (const [name, value] of Object.entries(launch.fields)) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

/** Opens a launch inside `container`; call listen() first, or the frame's first message is lost. */
export function openFrame(container, launch, slider = null) {
  const frame = new AppFrame(launch, slider);
  frames.set(frame.sid, frame);
  container.replaceChildren(frame.iframe);
  submitLaunch(launch);
  return frame;
}

/** Forgets a frame whose slider was closed. */
export function forgetFrame(frame) {
  frames.delete(frame.sid);
}

/** Starts routing frames' messages to `run(frame, command, params, answer)`. */
export function listen(run) {
  window.addEventListener("message", (event) => {
    const message = parseMessage(event.data);
    const frame = message && frames.get(message.sid);
    // As on the portal: only the origin that was opened, then only a known sid; anything else gets silence.
    if (!frame || event.origin !== frame.origin) return;
    run(frame, message.command, message.params, (value) => frame.reply(message.callback, value));
  });
}
