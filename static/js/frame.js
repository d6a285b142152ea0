"use strict";

// The page's talk with the portal around it: the SDK's handshake, the bearer token of every request, people, and the frame's height.
// Texts come from the page (translated there); this file has none.
(() => {
  // The portal may never answer (frame-protocol.md 3): every wait for it has a limit of our own.
  const PORTAL_LIMIT_MS = 10_000;
  // A token that is refused this soon after its renewal will not get better by another one.
  const JUST_NOW_MS = 30_000;
  const UNSEEN_MS = 1000;
  // Toasts and a closed dialog need some room even on a nearly empty page.
  const LOWEST_PX = 480;

  const page = document.body.dataset;
  // Memory only: storage throws in a frame whose third-party storage is blocked, and an address or a cookie would leak the token.
  let token = page.frameToken;
  let renewedAt = 0;

  function within(promise) {
    let clock;
    const limit = new Promise((_, reject) => { clock = setTimeout(() => reject(new Error("The portal does not answer.")), PORTAL_LIMIT_MS); });
    return Promise.race([promise, limit]).finally(() => clearTimeout(clock));
  }

  // --- The SDK, after the first paint: 440 kB that nothing on the screen waits for ---

  function loadSdk() {
    return new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: page.sdkUrl, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  }

  const painted = new Promise((resolve) => {
    new PerformanceObserver(resolve).observe({ type: "paint", buffered: true });
    // A frame that is not shown is not painted.
    setTimeout(resolve, UNSEEN_MS);
  });

  async function connect() {
    await painted;
    if (!window.B24Js) await loadSdk();
    return window.B24Js.initializeB24Frame();
  }

  let connection = null;

  function connected() {
    // A failed handshake is not kept: the next caller begins a new one.
    connection ??= within(connect()).catch((error) => { connection = null; throw error; });
    return connection;
  }

  const ready = connected();
  ready.then(fit, () => showPortalSilent(document.body, () => connected().then(fit)));

  // --- The bearer token ---

  async function renew() {
    const portal = await connected();
    const auth = await within(portal.auth.refreshAuth());
    const answer = await fetch(page.sessionUrl, {
      method: "POST",
      body: new URLSearchParams({
        AUTH_ID: auth.access_token,
        REFRESH_ID: auth.refresh_token,
        DOMAIN: new URL(auth.domain).host,
        member_id: page.memberId,
        LANG: document.documentElement.lang,
      }),
    });
    if (!answer.ok) throw new Error(`The session was not renewed: ${answer.status}.`);
    token = (await answer.json()).token;
    renewedAt = Date.now();
  }

  // However many requests find the token expired, one renewal serves them all.
  let renewal = null;

  function renewed() {
    renewal ??= renew().finally(() => { renewal = null; });
    return renewal;
  }

  // --- Every htmx request carries the token, and is made once more when it had expired ---

  // How to issue an element's latest request again: htmx hands this out before each request, and it reads the fields afresh, so what a
  // person typed meanwhile goes along and nothing on the page is touched.
  const again = new WeakMap();

  document.addEventListener("htmx:confirm", (event) => again.set(event.detail.elt, event.detail.issueRequest));

  document.addEventListener("htmx:configRequest", (event) => { event.detail.headers.Authorization = `Bearer ${token}`; });

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, elt, requestConfig } = event.detail;
    token = xhr.getResponseHeader("X-Frame-Token") || token;
    if (xhr.status !== 401) return;
    event.preventDefault();
    repeat(elt, requestConfig.headers.Authorization === `Bearer ${token}`);
  });

  // `refused`: the present token itself was refused, not one that has been replaced since the request went out.
  async function repeat(elt, refused) {
    try {
      if (refused && Date.now() - renewedAt < JUST_NOW_MS) throw new Error("A token of just now was refused as well.");
      if (refused) await renewed();
    } catch {
      showPortalSilent(elt, () => { renewedAt = 0; return repeat(elt, true); });
      return;
    }
    if (elt.isConnected) again.get(elt)?.(true);
  }

  // For what is no part of the page, a file to be saved: the answer to a request that carries the token, made once more when it had expired.
  async function get(path) {
    const ask = () => fetch(path, { headers: { Authorization: `Bearer ${token}` } });
    let answer = await ask();
    if (answer.status === 401) {
      await renewed();
      answer = await ask();
    }
    token = answer.headers.get("X-Frame-Token") || token;
    return answer;
  }

  // --- When the portal does not answer ---

  // What waits for the portal, by the element it is about: pressing a button twice makes it wait once.
  const waiting = new Map();

  function showPortalSilent(about, retry) {
    waiting.set(about, retry);
    const template = document.getElementById("portal-silent-template");
    if (!template || document.getElementById("portal-silent")) return;
    const panel = template.content.cloneNode(true).firstElementChild;
    panel.id = "portal-silent";
    panel.querySelector("[data-retry]").addEventListener("click", () => {
      panel.remove();
      const retries = [...waiting];
      waiting.clear();
      for (const [key, one] of retries) one().catch(() => showPortalSilent(key, one));
    });
    // Above the page, which stays as it is: what was typed is still there when the portal answers again. While a dialog is open,
    // everything outside it is out of reach.
    (document.querySelector("dialog[open]") ?? document.body).prepend(panel);
    panel.querySelector("[data-retry]").focus();
  }

  // --- Height: the frame follows the content both ways ---

  let height = 0;

  function fit() {
    requestAnimationFrame(() => {
      const wanted = Math.max(LOWEST_PX, Math.ceil(document.body.getBoundingClientRect().height));
      if (wanted === height) return;
      connected().then((portal) => {
        height = wanted;
        // The SDK's fitWindow only ever grows, and its resizeWindow fixes the width (frame-protocol.md 5.4): so the command itself.
        portal.parent.message.send("resizeWindow", { width: "100%", height, isSafely: true });
      }, () => {});
    });
  }

  new ResizeObserver(fit).observe(document.body);
  document.addEventListener("htmx:afterSettle", fit);

  // --- People ---

  // Stays pending when the person closes the portal's dialog without choosing: let nothing wait for it.
  async function pickPeople(multiple) {
    const portal = await connected();
    const picked = await (multiple ? portal.dialog.selectUsers() : portal.dialog.selectUser());
    return [picked].flat().filter(Boolean).map(({ id, name }) => ({ id: Number(id), name: String(name) }));
  }

  window.TaggedFrame = { ready, pickPeople, fit, get };
})();
