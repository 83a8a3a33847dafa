/* The form of a submission: files can be dropped, the upload shows how far it is, errors appear without a new page. */
"use strict";

const form = document.getElementById("submit-form");

function share(value) {
  return new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(value);
}

function size(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const options = { style: "unit", unit: units[power], maximumFractionDigits: power ? 1 : 0 };
  return new Intl.NumberFormat(document.documentElement.lang, options).format(bytes / 1000 ** power);
}

function tellError(text) {
  const box = document.createElement("div");
  box.className = "notice bad";
  box.setAttribute("role", "alert");
  const line = document.createElement("p");
  line.textContent = text;
  box.append(line);
  const place = document.getElementById("submit-error");
  place.replaceChildren(...(text ? [box] : []));
  if (text) place.scrollIntoView({ block: "nearest" });
}

function problemWith(file) {
  if (!file) return null;
  if (!file.size) return form.dataset.textEmpty;
  if (file.size > Number(form.dataset.limit)) return form.dataset.textLarge;
  return null;
}

function showChoice(input) {
  const file = input.files[0];
  const chosen = form.querySelector("[data-chosen]");
  chosen.hidden = !file;
  chosen.textContent = file ? size(file.size) : "";
  tellError(problemWith(file) ?? "");
}

function dropping(input) {
  const zone = form.querySelector("[data-drop]");
  form.querySelector("[data-drop-hint]").hidden = false;
  let depth = 0;
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (isFile(event)) zone.classList.toggle("over", ++depth > 0);
  });
  document.addEventListener("dragleave", (event) => {
    if (isFile(event)) zone.classList.toggle("over", --depth > 0);
  });
  // Anywhere on the page counts: a file that misses the zone would otherwise replace the page.
  document.addEventListener("dragover", (event) => {
    if (isFile(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove("over");
    if (form.dataset.busy || !event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    showChoice(input);
  });
}

function setBusy(busy) {
  if (busy) form.dataset.busy = "yes";
  else delete form.dataset.busy;
  form.querySelector("[data-upload]").hidden = !busy;
  form.querySelector("[data-cancel]").hidden = !busy;
  form.querySelector('button[type="submit"]').disabled = busy;
}

function showProgress(done) {
  document.getElementById("upload-bar").value = done;
  form.querySelector("[data-share]").textContent = share(done);
  // Screen readers hear quarters, not every step.
  const quarter = share(Math.floor(done * 4) / 4);
  const status = form.querySelector("[data-upload-status]");
  if (status.textContent !== quarter) status.textContent = quarter;
}

function upload(file) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("message", form.elements.message.value);
  body.append("file", file, file.name);
  request.open("POST", form.dataset.to);
  request.responseType = "json";
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRF-Token", form.elements.csrf_token.value);
  const mark = `${form.elements.form_key.value}-${file.size}-${file.lastModified}-${encodeURIComponent(file.name)}`;
  request.setRequestHeader("Idempotency-Key", mark.slice(0, 200));
  request.upload.onprogress = (event) => event.lengthComputable && showProgress(event.loaded / event.total);
  request.upload.onload = () => { form.querySelector("[data-share]").textContent = form.dataset.textSent; };
  request.onload = () => {
    const answer = request.response;
    if (request.status < 300 && answer) {
      location.assign(`${answer.links.page}?notice=submitted`);
      return;
    }
    setBusy(false);
    tellError(answer?.detail ?? form.dataset.textBroken);
  };
  request.onerror = () => { setBusy(false); tellError(form.dataset.textBroken); };
  request.onabort = () => setBusy(false);
  form.querySelector("[data-cancel]").onclick = () => request.abort();
  tellError("");
  setBusy(true);
  showProgress(0);
  request.send(body);
}

if (form) {
  const input = form.elements.file;
  input.addEventListener("change", () => showChoice(input));
  dropping(input);
  form.addEventListener("submit", (event) => {
    const file = input.files[0];
    if (!file) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    const problem = problemWith(file);
    if (problem) tellError(problem);
    else upload(file);
  });
  // Back from the next page: the form is as it was, and not busy.
  window.addEventListener("pageshow", (event) => event.persisted && setBusy(false));
}
