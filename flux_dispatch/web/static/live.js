// Keeps a page up to date while it is looked at: the server writes the rows; new ones come on top, others change in place.

import { offer } from "./copy.js";
import { write } from "./when.js";

const MOST_ROWS = 100;
const SAY_EVERY = 5000;
const SLOWEST = 60000;

const sign = document.querySelector("[data-live]");
const spoken = document.querySelector("[data-live-said]");
const list = document.querySelector("[data-live-rows]");
// nothing is there yet: what comes first needs the whole page
const isEmpty = !document.querySelector("[data-cell]");

let source;
let failures = 0;
let again;

function show(state) {
  sign.dataset.state = state;
  sign.textContent = state === "open" ? "Live" : "Reconnecting…";
  sign.hidden = false;
}

function open() {
  clearTimeout(again);
  if (source || document.hidden) return;
  source = new EventSource(sign.dataset.live);
  source.addEventListener("open", () => {
    failures = 0;
    show("open");
  });
  source.addEventListener("error", () => {
    show("closed");
    if (source?.readyState !== EventSource.CLOSED) return; // the browser comes again by itself
    close();
    again = setTimeout(open, Math.min(2000 * 2 ** failures++, SLOWEST));
  });
  source.addEventListener("rows", (event) => take(event.data, false));
  source.addEventListener("all", (event) => take(event.data, true));
}

function close() {
  source?.close();
  source = undefined;
}

function take(html, isAll) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const rows = [...template.content.children];
  if (isEmpty) return rows.length && location.reload();
  if (list && isAll && rows.length) dropBelowGap(rows.at(-1).id);
  let added = 0;
  let changed = 0;
  for (const row of rows.reverse()) {
    const old = document.getElementById(row.id);
    if (old) changed += update(old, row);
    else if (list) added += insert(row);
  }
  say(added, changed);
}

// more has happened than was told: what is above and below would not belong together
function dropBelowGap(oldest) {
  if (document.getElementById(oldest)) return;
  for (const row of [...list.rows]) if (row.id < oldest && !hasFocus(row)) row.remove();
}

function insert(row) {
  const below = [...list.rows].find((each) => each.id < row.id);
  if (!below && list.rows.length) return 0;
  row.classList.add("new");
  list.insertBefore(row, below ?? null);
  finish(row);
  const last = list.rows[list.rows.length - 1];
  if (list.rows.length > MOST_ROWS && !hasFocus(last)) last.remove();
  return 1;
}

function update(old, row) {
  const before = old.querySelector(".status")?.textContent;
  for (const cell of row.querySelectorAll("[data-cell]")) {
    const place = old.querySelector(`[data-cell="${cell.dataset.cell}"]`);
    if (!place || hasFocus(place)) continue;
    place.replaceChildren(...cell.childNodes);
    finish(place);
  }
  if ((old.dataset.version ?? "") !== (row.dataset.version ?? old.dataset.version ?? "")) {
    old.dataset.version = row.dataset.version;
    refetch();
  }
  return before === old.querySelector(".status")?.textContent ? 0 : 1;
}

// there is more of it than its state: the parts that tell of that are taken from the page as it is now
let isFetching = false;
let isStale = false;
async function refetch() {
  isStale = isFetching;
  if (isFetching) return;
  isFetching = true;
  try {
    const response = await fetch(location.href);
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || hasFocus(part)) continue;
      for (const each of part.querySelectorAll("details[id]")) {
        const same = fresh.querySelector(`#${each.id}`);
        if (same) same.open = each.open;
      }
      part.replaceChildren(...fresh.childNodes);
      finish(part);
    }
  } catch {
    // the states are right all the same
  } finally {
    isFetching = false;
  }
  if (isStale) refetch();
}

const hasFocus = (element) => element.contains(document.activeElement);

function finish(element) {
  write(element);
  offer(element);
}

let waiting;
let news = [0, 0];
function say(added, changed) {
  news = [news[0] + added, news[1] + changed];
  if (waiting || !(added || changed)) return;
  waiting = setTimeout(() => {
    const [more, others] = news;
    const said = [more && `${more} new`, others && `${others} changed`].filter(Boolean);
    spoken.textContent = said.join(", ");
    news = [0, 0];
    waiting = undefined;
  }, SAY_EVERY);
}

if (sign) {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}
