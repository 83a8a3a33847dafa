/* What every page gets on top of plain HTML: local times, menus that close, the theme without a reload, copy buttons. */
"use strict";

const language = document.documentElement.lang;

/* "3 hours ago", for moments of the last week; the day before that. */
function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  if (seconds < -7 * 86400) return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(at);
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ["minute", 60];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}

function localTimes(root) {
  for (const node of root.querySelectorAll("time[datetime]")) {
    const at = new Date(node.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    if (node.dataset.form === "relative") {
      node.textContent = ago(at);
      continue;
    }
    const style = node.dataset.form === "date"
      ? { year: "numeric", month: "short", day: "numeric" }
      : { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false };
    node.textContent = new Intl.DateTimeFormat(language, style).format(at);
  }
}

function closingMenus() {
  const close = (except) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (menu !== except) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => close(event.target.closest("details[data-menu]")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest("details[data-menu][open]");
    close(null);
    if (menu) menu.querySelector("summary").focus();
  });
}

function themeWithoutReload() {
  const form = document.querySelector("[data-theme-form]");
  if (!form) return;
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    document.documentElement.dataset.theme = button.value;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `arena_theme=${button.value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    for (const other of form.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
    form.closest("details").open = false;
  });
}

function copyButtons() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      button.dataset.copied = "yes";
      setTimeout(() => delete button.dataset.copied, 1600);
    });
  }
}

/* On a phone the tabs are wider than the page: the one that is open comes into sight. */
function openTabInSight() {
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    const row = tab.parentElement;
    row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.clientWidth) / 2;
  }
}

localTimes(document);
openTabInSight();
closingMenus();
themeWithoutReload();
copyButtons();
window.arena = { localTimes };
