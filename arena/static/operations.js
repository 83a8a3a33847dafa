/* Keeps the live parts of the operations pages fresh: fetches the page again and exchanges what is marked for it.
   Forms stand outside of the marked parts, so nothing that is being typed is lost. */
"use strict";

(() => {
  const EVERY = 4000;

  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-refresh]")) {
      const other = fresh.querySelector(`[data-refresh="${CSS.escape(part.dataset.refresh)}"]`);
      if (!other || part.contains(document.activeElement)) continue;
      const open = [...part.querySelectorAll("details")].map((details) => details.open);
      if (typeof localTimes === "function") localTimes(other);
      part.replaceChildren(...other.childNodes);
      part.querySelectorAll("details").forEach((details, index) => { details.open = open[index] ?? details.open; });
    }
  }

  async function loop() {
    if (document.visibilityState === "visible") await refresh().catch(() => {});
    setTimeout(loop, EVERY);
  }

  setTimeout(loop, EVERY);
})();
