/** Calls from the portal's own pages to its own server. */

/** Nested values become PHP-style keys (`a[b][0]`), so everything arrives as text, as it does from a real portal's form posts. */
function appendNested(form, key, value) {
  if (value !== null && typeof value === "object") {
    for (const [inner, child] of Object.entries(value)) appendNested(form, `${key}[${inner}]`, child);
  } else {
    form.append(key, value ?? "");
  }
}

async function answerOf(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.message ?? `The portal answered ${response.status}.`);
  return body;
}

/** POSTs `values` as a form and returns the JSON answer; throws an Error with a sentence for people. */
export async function post(path, values = {}) {
  const form = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) appendNested(form, key, value);
  return answerOf(await fetch(path, { method: "POST", body: form }));
}

/** GETs JSON; throws an Error with a sentence for people. */
export async function get(path, query = {}) {
  return answerOf(await fetch(`${path}?${new URLSearchParams(query)}`));
}
