// Tells the times of charts in the viewer's zone, and what a bucket has, where it is pointed at or touched.

const DAY = 86_400;
const LAST_FROM = 95; // percent: from there a label ends at its time, and does not stick out
const DISTANCE = 8; // pixels between a bucket and what is told of it
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const zone = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short", hour: "numeric" });

let leave; // takes away what is told of the bucket that was pointed at last

function adopt(root) {
  for (const figure of root.querySelectorAll("[data-chart]")) {
    // buckets of a day are days of UTC, and no other zone's
    if (figure.dataset.step < DAY) localise(figure);
    tellBuckets(figure);
  }
  for (const table of root.querySelectorAll("[data-chart-table]")) {
    if (table.dataset.step < DAY) localise(table);
  }
}

adopt(document);
document.addEventListener("refreshed", (event) => adopt(event.target));
// one for all charts: those that a page shows anew must not leave theirs behind
document.addEventListener("pointerdown", (event) => leave?.(event), { capture: true });

function localise(part) {
  for (const name of part.querySelectorAll("[data-zone]")) {
    name.textContent = zone.formatToParts(new Date()).find((each) => each.type === "timeZoneName").value;
  }
  for (const time of part.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.textContent = `${day.format(at)}, ${clock.format(at)}`;
  }
  const step = part.dataset.step * 1000;
  const buckets = part.querySelectorAll("[data-from]");
  if (buckets.length) moveLabels(part, new Date(buckets[0].dataset.from), step, buckets.length * step);
}

// A label stands where a clock of UTC is at a round time; it moves to where the viewer's clock is at the same. In less
// than a day that may be nowhere, so that it stays, and says what the viewer's clock is at.
function moveLabels(part, first, step, span) {
  const labels = [...part.querySelectorAll("[data-at]")];
  const areDays = labels.every((each) => each.dataset.at.endsWith("T00:00Z")) && labels.length > 1;
  for (const label of labels) {
    const at = new Date(span < DAY * 1000 ? label.dataset.at : label.dataset.at.slice(0, -1));
    if (!areDays && at < first) at.setDate(at.getDate() + 1);
    if (!areDays && at - first >= span) at.setDate(at.getDate() - 1);
    const x = ((at - first + step / 2) / span) * 100;
    if (x < 0 || x > 100) label.remove();
    label.setAttribute("x", `${x.toFixed(2)}%`);
    label.classList.toggle("last", x > LAST_FROM);
    label.textContent = areDays || clock.format(at) === "00:00" ? day.format(at) : clock.format(at);
  }
}

function tellBuckets(figure) {
  const plot = figure.querySelector(".plot");
  const buckets = [...plot.querySelectorAll("[data-from]")].map((part) => ({ part, lines: linesOf(part, figure) }));
  if (!buckets.length) return;
  // the browser's own box would stand beside ours
  for (const title of plot.querySelectorAll("title")) {
    if (title.parentNode === plot) plot.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  plot.removeAttribute("aria-labelledby");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.ariaHidden = "true";
  figure.append(tip);

  function point(event) {
    const { left, width } = plot.getBoundingClientRect();
    const number = Math.floor(((event.clientX - left) / width) * buckets.length);
    tell(buckets[Math.min(Math.max(number, 0), buckets.length - 1)]);
  }
  function tell(bucket) {
    for (const { part } of buckets) part.classList.toggle("pointed", part === bucket?.part);
    tip.hidden = !bucket;
    if (bucket) fill(tip, bucket, figure, plot);
    leave = (event) => plot.contains(event.target) || tell();
  }
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && tell());
}

function linesOf(part, figure) {
  const [time, ...values] = part.querySelector("title").textContent.split("\n");
  const step = Number(figure.dataset.step);
  if (step >= DAY) return [time, ...values];
  const from = new Date(part.dataset.from);
  const to = new Date(from.getTime() + step * 1000);
  return [`${day.format(from)}, ${clock.format(from)}–${clock.format(to)}`, ...values];
}

function fill(tip, { part, lines: [time, ...values] }, figure, plot) {
  const swatches = figure.querySelectorAll(".legend .swatch");
  const head = document.createElement("b");
  head.textContent = time;
  const rows = values.map((value, number) => {
    const row = document.createElement("span");
    row.append(swatches[number].cloneNode(true), value);
    return row;
  });
  tip.replaceChildren(head, ...rows);
  const frame = figure.getBoundingClientRect();
  const { left, right } = part.querySelector("rect").getBoundingClientRect();
  const after = right - frame.left + DISTANCE;
  const before = left - frame.left - DISTANCE - tip.offsetWidth;
  const x = after + tip.offsetWidth <= frame.width ? after : Math.max(before, 0);
  tip.style.setProperty("left", `${x}px`);
  tip.style.setProperty("top", `${plot.getBoundingClientRect().top - frame.top}px`);
}
