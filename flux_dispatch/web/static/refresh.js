// Fetches the page again every few seconds while it is looked at, and puts what it says then in the place of the part
// that is marked for it. Where it cannot be had, what is there stays.

import { offer } from "./copy.js";
import { write } from "./when.js";

const part = () => document.querySelector("[data-refresh]");
let timer;

function plan() {
  clearTimeout(timer);
  if (part() && !document.hidden) timer = setTimeout(refresh, 1000 * (Number(part().dataset.refresh) || 10));
}

async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch(location.href);
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-refresh]"));
  } catch {
    // it is tried again
  }
  plan();
}

function show(there) {
  const here = part();
  const focused = here.contains(document.activeElement) && document.activeElement.id;
  // what was looked at is over, or the session is: the page as it is now says what came of it
  if (!there) return location.reload();
  // somebody is about to use what has no name by which it would be found again
  if (focused === "") return;
  const opened = [...here.querySelectorAll("details")].map((each) => each.open);
  here.replaceWith(there);
  for (const [number, each] of there.querySelectorAll("details").entries()) each.open = opened[number] ?? each.open;
  write(there);
  offer(there);
  there.dispatchEvent(new Event("refreshed", { bubbles: true }));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
plan();
