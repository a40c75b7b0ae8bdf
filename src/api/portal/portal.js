"use strict";
// The provisioning page: it uses the public API alone. The token lives in this variable and nowhere else. What comes from the
// server becomes text nodes, never markup.
let token = "";
const BASE = "/api/v1";
const $ = (id) => document.getElementById(id);

// ---- the API

async function ask(method, path, body, more = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...more };
  if (body !== undefined && !headers["Content-Type"]) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const answer = await fetch(path.startsWith(BASE) ? path : BASE + path, { method, headers, body });
  const json = (answer.headers.get("Content-Type") || "").startsWith("application/json");
  const value = json ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(sentence(value, answer.status));
  return { value, etag: answer.headers.get("ETag") };
}

function sentence(value, status) {
  const error = value && value.error;
  if (!error) return `The server answered ${status}.`;
  const details = (error.details || []).map((one) => `\n${one.target}: ${one.message}`);
  return `${error.message} [${error.code}]${details.slice(0, 20).join("")}`;
}

function say(text, good = false) {
  $("message").textContent = text;
  $("message").className = good ? "good" : "";
}

// Runs what a click asks for; a refusal is shown where messages stand.
const guarded = (work) => async (event) => {
  if (event) event.preventDefault();
  say("");
  try {
    await work(event);
  } catch (error) {
    say(error.message);
  }
};

// ---- tables

function cell(row, what, tag = "td") {
  const made = document.createElement(tag);
  made.append(what === undefined || what === null ? "" : what);
  row.append(made);
}

function heading(table, names) {
  table.replaceChildren();
  const row = document.createElement("tr");
  names.forEach((name) => cell(row, name, "th"));
  table.append(row);
}

function button(text, work) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", guarded(work));
  return made;
}

function actions(...buttons) {
  const all = document.createElement("span");
  all.append(...buttons);
  return all;
}

const words = (text) => text.split(/[\s,|]+/).filter(Boolean);
const blocks = (text) => Object.fromEntries(words(text).map((name) => [name, { enabled: true }]));
const enabled = (services) => Object.keys(services || {}).join(" ");
const yes = (flag) => (flag ? "yes" : "no");

// What a form says beside its flags and services; what was left empty is not sent.
function written(form, names) {
  return Object.fromEntries(names.map((name) => [name, form.get(name)]).filter(([, value]) => value));
}

// A row of texts that ends with its buttons.
function row(table, texts, ...buttons) {
  const made = document.createElement("tr");
  texts.forEach((what) => cell(made, what));
  if (buttons.length) cell(made, actions(...buttons));
  table.append(made);
}

// Asks for the header content of a number or an account; `undefined`: the person left it as it is, `null`: none.
function askedContent(of, now) {
  const asked = prompt(`Header content of ${of} (letters, digits, - and _; empty: none)`, now || "");
  return asked === null ? undefined : asked || null;
}

// What each list was asked for last: an answer that comes after another question has no place in it.
const asked = new Map();

// A list page by page; `show` writes one row.
async function list(section, path, show) {
  const question = Symbol(path);
  asked.set(section, question);
  const page = (await ask("GET", path)).value;
  if (asked.get(section) !== question) return;
  page.value.forEach(show);
  const more = section.querySelector(".more");
  more.hidden = !page.nextLink;
  more.onclick = guarded(() => list(section, page.nextLink, show));
}

// ---- accounts

async function accounts() {
  const table = $("account-list");
  heading(table, ["Account", "Shown as", "State", "Services", "Carrier", "Header", "Numbers", ""]);
  await list($("accounts"), "/accounts?maxpagesize=100", (account) => {
    const at = `/accounts/${encodeURIComponent(account.name)}`;
    const suspended = account.state === "suspended";
    const turn = button(suspended ? "Resume" : "Suspend", async () => {
      await ask("POST", `${at}:${suspended ? "resume" : "suspend"}`, undefined, { "If-Match": account.etag });
      await accounts();
    });
    const content = button("Header", async () => {
      const customHeader = askedContent(account.name, account.customHeader);
      if (customHeader === undefined) return;
      await ask("PATCH", at, { customHeader }, { "If-Match": account.etag });
      await accounts();
    });
    const remove = button("Delete", async () => {
      if (prompt(`Type ${account.name} to delete the account.`) !== account.name) return;
      await ask("DELETE", at, undefined, { "If-Match": account.etag });
      await accounts();
    });
    row(table, [account.name, account.displayName, account.state, enabled(account.services), (account.defaults || {}).carrier, account.customHeader, account.numberCount],
      turn, content, remove);
  });
}

$("account-new").addEventListener("submit", guarded(async (event) => {
  const form = new FormData(event.target);
  const body = { services: blocks(form.get("services")), ...written(form, ["displayName", "customHeader"]), defaults: written(form, ["carrier"]) };
  await ask("PUT", `/accounts/${encodeURIComponent(form.get("name"))}`, body, { "If-None-Match": "*" });
  event.target.reset();
  await accounts();
  say("The account is there.", true);
}));

// ---- numbers

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

async function numbers() {
  const form = new FormData($("number-find"));
  const filters = [];
  if (form.get("prefix")) filters.push(`phoneNumber startswith ${quoted(form.get("prefix"))}`);
  if (form.get("account")) filters.push(`account eq ${quoted(form.get("account"))}`);
  const query = new URLSearchParams({ maxpagesize: "100" });
  if (filters.length) query.set("filter", filters.join(" and "));
  const table = $("number-list");
  heading(table, ["Number", "Account", "Carrier", "Services", "Header", "Takes", "Makes", "State", ""]);
  await list($("numbers"), `/numbers?${query}`, (number) => {
    const at = `/accounts/${encodeURIComponent(number.account)}/numbers/${encodeURIComponent(number.phoneNumber)}`;
    const flip = (name, text) => button(text, async () => {
      await ask("PATCH", at, { [name]: !number[name] }, { "If-Match": number.etag });
      await numbers();
    });
    const remove = button("Delete", async () => {
      if (prompt(`Type ${number.phoneNumber} to delete the number.`) !== number.phoneNumber) return;
      await ask("DELETE", at, undefined, { "If-Match": number.etag });
      await numbers();
    });
    const content = button("Header", async () => {
      const customHeader = askedContent(number.phoneNumber, number.customHeader);
      if (customHeader === undefined) return;
      await ask("PATCH", at, { customHeader }, { "If-Match": number.etag });
      await numbers();
    });
    const takes = flip("inboundEnabled", number.inboundEnabled ? "Take no calls" : "Take calls");
    const makes = flip("outboundEnabled", number.outboundEnabled ? "Make no calls" : "Make calls");
    row(table, [number.phoneNumber, number.account, number.carrier, enabled(number.services), number.customHeader, yes(number.inboundEnabled),
      yes(number.outboundEnabled), number.state], takes, makes, content, remove);
  });
}

$("number-find").addEventListener("submit", guarded(numbers));
$("number-new").addEventListener("submit", guarded(async (event) => {
  const form = new FormData(event.target);
  const path = `/accounts/${encodeURIComponent(form.get("account"))}/numbers/${encodeURIComponent(form.get("number"))}`;
  const body = { services: blocks(form.get("services")), ...written(form, ["carrier", "customHeader"]) };
  for (const flag of ["inboundEnabled", "outboundEnabled"]) body[flag] = form.get(flag) !== null;
  await ask("PUT", path, body, { "If-None-Match": "*" });
  await numbers();
  say("The number is there.", true);
}));

// ---- carriers

async function carriers() {
  const table = $("carrier-list");
  heading(table, ["Carrier", "Shown as", "Countries", ""]);
  await list($("carriers"), "/carriers?maxpagesize=100", (carrier) => {
    const remove = button("Delete", async () => {
      if (prompt(`Type ${carrier.id} to delete the carrier.`) !== carrier.id) return;
      await ask("DELETE", `/carriers/${encodeURIComponent(carrier.id)}`, undefined, { "If-Match": carrier.etag });
      await carriers();
    });
    row(table, [carrier.id, carrier.displayName, (carrier.countries || []).join(" ")], remove);
  });
}

$("carrier-new").addEventListener("submit", guarded(async (event) => {
  const form = new FormData(event.target);
  const body = { countries: words(form.get("countries")), ...written(form, ["displayName"]) };
  await ask("PUT", `/carriers/${encodeURIComponent(form.get("id"))}`, body, { "If-None-Match": "*" });
  event.target.reset();
  await carriers();
  say("The carrier is there.", true);
}));

// ---- calls

async function calls() {
  const table = $("call-list");
  heading(table, ["Call", "State", "From", "To", "Calling", "Called", "Account", "Seconds", ""]);
  await list($("calls"), "/calls/active?maxpagesize=100", (call) => {
    const end = button("Hang up", async () => {
      const reason = prompt(`Hang up call ${call.id}? Say why: it is kept in the audit log.`);
      if (!reason) return;
      await ask("POST", `/calls/active/${encodeURIComponent(call.id)}:terminate`, { reason });
      await calls();
      say("The call is ended.", true);
    });
    row(table, [call.id, call.state, call.from, call.to, call.calling, call.called, call.account, call.duration], end);
  });
}

$("call-find").addEventListener("submit", guarded(calls));

// ---- imports: validated first, then run; the bar shows groups that were applied

let job = null;

function showJob() {
  const { counters, state } = job.value;
  const counts = Object.entries(counters).map(([name, count]) => `${name} ${count}`).join(", ");
  $("job").textContent = `${job.value.fileName}: ${state}. ${counts}.`;
  $("run").hidden = state !== "valid";
  $("report").hidden = false;
  $("bar").hidden = job.value.groupsDone === 0 && state !== "importing";
  $("bar").value = job.value.groups ? job.value.groupsDone / job.value.groups : 1;
}

async function showProblems() {
  const table = $("problems");
  const found = (await ask("GET", `/imports/${job.value.id}/rows?maxpagesize=200`)).value.value;
  heading(table, ["Row", "Column", "What", "Text"]);
  found.forEach((problem) => row(table, [problem.row, problem.column, `${problem.severity}: ${problem.code}`, problem.message]));
}

$("import-new").addEventListener("submit", guarded(async (event) => {
  const form = new FormData(event.target);
  for (const name of ["account", "carrier", "country", "services"]) if (!form.get(name)) form.delete(name);
  if (form.has("services")) form.set("services", words(form.get("services")).join("|"));
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${BASE}/imports`, { method: "POST", headers, body: form });
  const value = await answer.json();
  if (!answer.ok) throw new Error(sentence(value, answer.status));
  job = { value, etag: answer.headers.get("ETag") };
  showJob();
  await showProblems();
}));

async function follow() {
  job = await ask("GET", `/imports/${job.value.id}`);
  showJob();
  if (job.value.state === "importing") return setTimeout(guarded(follow), 500);
  await showProblems();
  const good = job.value.state === "completed";
  say(good ? "Every row is imported." : "The import is over; rows with errors were left out.", good);
}

$("run").addEventListener("click", guarded(async () => {
  job = await ask("POST", `/imports/${job.value.id}:run`, undefined, { "If-Match": job.etag });
  showJob();
  await follow();
}));

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

$("report").addEventListener("click", guarded(async () => {
  download("report.csv", (await ask("GET", `/imports/${job.value.id}/report.csv`)).value);
}));
$("template").addEventListener("click", guarded(async () => {
  const country = new FormData($("import-new")).get("country");
  download("PhoneNumber.csv", (await ask("GET", `/imports/template${country ? `?country=${encodeURIComponent(country)}` : ""}`)).value);
}));

// ---- what would happen to a call

$("ask").addEventListener("submit", guarded(async (event) => {
  const body = Object.fromEntries(new FormData(event.target));
  const said = (await ask("POST", "/routes:evaluate", body)).value;
  const refusal = said.refusal;
  $("verdict").textContent = said.allowed ? `The call goes to ${said.candidates[0]}.`
    : `The call is refused with ${refusal.status}: ${refusal.text}.${refusal.key ? ` Look at ${refusal.key}.` : ""}`;
  const table = $("steps");
  heading(table, ["Step", "Finding", "Why"]);
  const add = (...cells) => row(table, cells);
  if (said.trunk) add("Trunk", said.trunk.name, said.trunk.by);
  said.readings.forEach((one) => add(one.header, `${one.written} -> ${one.number || one.problem}`, one.rule));
  if (said.account) add("Account", said.account.name || "none", said.account.by);
  said.routes.forEach((route) => add("Route", `${route.name}: ${route.verdict}`, route.why));
  said.guard.forEach((text) => add("Guard", text, ""));
  said.candidates.forEach((place) => add("Candidate", place, ""));
  (said.invites[0] ? said.invites[0].headers : []).forEach((header) => add(header.name, header.value, header.rule));
}));

// ---- pages

const PAGES = { accounts, numbers, carriers, calls, import: async () => {}, evaluate: async () => {} };

function open(name) {
  for (const page of Object.keys(PAGES)) $(page).hidden = page !== name;
  document.querySelectorAll("nav [data-page]").forEach((tab) => tab.classList.toggle("here", tab.dataset.page === name));
  return PAGES[name]();
}

document.querySelectorAll("nav [data-page]").forEach((tab) => tab.addEventListener("click", guarded(() => open(tab.dataset.page))));

$("enter").addEventListener("submit", guarded(async () => {
  token = $("token").value.trim();
  await ask("GET", "/accounts?maxpagesize=1");
  $("token").value = "";
  $("enter").hidden = true;
  $("pages").hidden = false;
  await open("accounts");
}));

$("leave").addEventListener("click", () => {
  token = "";
  location.reload();
});
