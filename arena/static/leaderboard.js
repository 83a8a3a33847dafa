/* Keeps a leaderboard up to date while it is looked at: asks cheaply whether anything changed, then fetches the page. */
"use strict";

(() => {
  const PAUSE = 5000;
  const LONGEST_PAUSE = 60000;
  const board = document.getElementById("live-board");
  if (!board) return;
  let mark = null;
  let pause = PAUSE;
  let timer = 0;

  function show(state) {
    const light = board.querySelector(".live");
    if (!light) return;
    light.hidden = false;
    light.dataset.live = state;
    light.textContent = light.dataset.textOn;
  }

  function standings(root) {
    return new Map([...root.querySelectorAll("tr[data-team]")].map((row) => [row.dataset.team, row.dataset.score]));
  }

  async function renew() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live-board");
    if (!fresh || board.contains(document.activeElement) && document.activeElement.matches("a, button, summary")) return false;
    const before = standings(board);
    const hadTable = board.querySelector("details[open]") !== null;
    board.replaceChildren(...fresh.childNodes);
    for (const [team, score] of standings(board)) {
      if (before.get(team) !== score) board.querySelector(`tr[data-team="${team}"]`).classList.add("fresh");
    }
    if (hadTable) board.querySelector("details")?.setAttribute("open", "");
    window.arena.localTimes(board);
    window.arenaCharts?.upgradeCharts(board);
    return true;
  }

  async function look() {
    try {
      // Without the cookie: the answer everybody gets comes from the server's memory.
      const answer = await fetch(board.dataset.source, { credentials: "omit", cache: "no-cache" });
      if (!answer.ok) throw new Error(String(answer.status));
      const seen = answer.headers.get("etag") ?? await answer.text();
      if (mark === null || seen === mark || (await renew())) mark = seen;
      pause = PAUSE;
      show("on");
    } catch {
      pause = Math.min(2 * pause, LONGEST_PAUSE);
      show("off");
    }
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, pause);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
  look();
})();
