/* Draws the charts of a page again with Vega, so that points answer to the mouse. Without this the drawing stays still. */
"use strict";

const bundle = document.currentScript.dataset.bundle;

function load(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

async function draw(figure) {
  const place = figure.querySelector(".chart-drawing");
  const spec = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const fresh = document.createElement("div");
  await window.vegaEmbed(fresh, { ...spec, width: place.clientWidth }, {
    actions: false,
    ast: true, // the policy of this site forbids code made from text
    defaultStyle: false,
    renderer: "svg",
    tooltip: { disableDefaultStyle: true, id: "chart-tip" },
  });
  // The figure says in words what it shows; Vega's own parts would be read out as "line mark container".
  for (const part of fresh.querySelectorAll("[role], [aria-roledescription]")) {
    part.removeAttribute("role");
    part.removeAttribute("aria-roledescription");
  }
  fresh.querySelector("svg")?.setAttribute("aria-hidden", "true");
  place.replaceChildren(fresh);
}

let loading = null;

async function upgrade(figure) {
  try {
    loading ??= load(bundle);
    await loading;
    await draw(figure);
  } catch (problem) {
    console.warn("the chart stays still", problem);
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    upgrade(entry.target);
  }
}, { rootMargin: "200px" });

function upgradeCharts(root) {
  for (const figure of root.querySelectorAll("[data-chart]")) seen.observe(figure);
}

upgradeCharts(document);
window.arenaCharts = { upgradeCharts };
