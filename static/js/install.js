"use strict";

// The installer: bind what the portal shall call, then tell the portal that the app is installed. Texts come from the page.
(() => {
  const PORTAL_LIMIT_MS = 10_000;
  const SERVER_LIMIT_MS = 20_000;

  const page = document.body.dataset;
  const steps = [...document.querySelectorAll("[data-step]")];
  const progress = document.getElementById("progress");
  const failure = document.getElementById("failure");
  const done = document.getElementById("done");

  function show(current, state) {
    for (const [number, step] of steps.entries()) {
      step.dataset.state = number < current ? "done" : number === current ? state : "waiting";
      if (number === current && state === "running") step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
    progress.value = current;
    failure.hidden = state !== "failed";
  }

  // The SDK waits for the portal without any limit of its own (frame-protocol.md 3).
  function handshake() {
    if (!window.B24Js) return Promise.reject(new Error(page.noPortal));
    const limit = new Promise((_, reject) => setTimeout(() => reject(new Error(page.noPortal)), PORTAL_LIMIT_MS));
    const init = window.B24Js.initializeB24Frame().catch(() => { throw new Error(page.noPortal); });
    return Promise.race([init, limit]);
  }

  async function connectPortal() {
    let answer;
    try {
      answer = await fetch(page.connectUrl, {
        method: "POST",
        headers: { Authorization: `Bearer ${page.frameToken}` },
        signal: AbortSignal.timeout(SERVER_LIMIT_MS),
      });
    } catch {
      throw new Error(page.noServer);
    }
    if (answer.status === 401) throw new Error(page.expired);
    const outcome = await answer.json().catch(() => ({ ok: false, message: page.noServer }));
    if (!outcome.ok) throw new Error(outcome.message);
  }

  function finish(portal) {
    show(steps.length, "done");
    done.hidden = false;
    // Outside the installation mode installFinish rejects. On a real portal it never answers: the portal reloads the page with the app.
    if (portal.isInstallMode) portal.installFinish().catch(() => {});
  }

  async function run() {
    let step = 1;
    try {
      show(step, "running");
      await connectPortal();
      show(++step, "running");
      finish(await handshake());
    } catch (error) {
      show(step, "failed");
      document.getElementById("reason").textContent = error.message;
      document.getElementById("retry").focus();
    }
  }

  document.getElementById("retry").addEventListener("click", run);
  document.addEventListener("DOMContentLoaded", run);
})();
