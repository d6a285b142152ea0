/** The wire format between an app's frame and the portal page (frame-protocol.md 2.1 and 2.2). */

function parseParams(text) {
  return text === "" ? {} : JSON.parse(text);
}

/**
 * Both ends of the text are fixed and the JSON between them may hold any number of colons, so it is read from both ends;
 * this takes the SDK's form without parameters and the legacy form with an empty slot alike.
 */
function parseText(text) {
  const parts = text.split(":");
  if (parts.length < 3) return null;
  const [command, sid, callback] = [parts[0], parts.at(-1), parts.at(-2)];
  return { command, params: parseParams(parts.slice(1, -2).join(":")), callback, sid };
}

/** Returns {command, params, callback, sid}, or null for what is no message of a frame. */
export function parseMessage(data) {
  try {
    if (typeof data === "string") return parseText(data);
    if (typeof data?.method !== "string" || typeof data.appSid !== "string") return null;
    return { command: data.method, params: data.params || {}, callback: data.callback, sid: data.appSid };
  } catch {
    return null;
  }
}

/** The reply's text; an undefined value gives the empty answer. */
export function formatReply(callback, value) {
  return `${callback}:${value === undefined ? "" : JSON.stringify(value)}`;
}
