/* A submission that waits: its place in the queue as it moves up, and the page anew when the verdict is there. */
"use strict";

const waiting = document.getElementById("waiting");

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function number(value) {
  return new Intl.NumberFormat(document.documentElement.lang).format(value);
}

function waitText(seconds, position) {
  if (!seconds) return position ? waiting.dataset.textNobody : "";
  if (seconds < 90) return fill(waiting.dataset.textSeconds, { count: number(Math.ceil(seconds)) });
  return fill(waiting.dataset.textMinutes, { count: number(Math.ceil(seconds / 60)) });
}

function change(selector, text) {
  const node = waiting.querySelector(selector);
  if (node.textContent.trim() !== text) node.textContent = text; // unchanged text is not read out again
}

function show(state) {
  const position = state.queue_position;
  change("[data-place]", position ? fill(waiting.dataset.textPlace, { position: number(position) }) : waiting.dataset.textNow);
  change("[data-wait]", waitText(state.expected_wait_seconds, position));
}

if (waiting) {
  const source = new EventSource(waiting.dataset.events);
  source.addEventListener("status", (event) => {
    const state = JSON.parse(event.data);
    if (state.status === "queued") {
      show(state);
      return;
    }
    source.close();
    location.replace(location.pathname);
  });
  // A stream that is refused (the log-in ended) is not tried again by the browser: the page says why.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.replace(location.pathname), 5000);
  });
  window.addEventListener("pagehide", () => source.close());
}
