// Writes times in the reader's own zone and habit; UTC stays in the title. "ago" and "left" go on counting.

const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function relative(date) {
  const seconds = (date - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(seconds / size), unit);
}

// to the second, as what is waited for
function left(date) {
  const seconds = Math.ceil((date - Date.now()) / 1000);
  if (seconds <= 0) return "any moment";
  const days = Math.floor(seconds / 86400);
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const [first, ...others] = days || parts[0] ? parts : parts.slice(1);
  return `in ${days ? `${days} d ` : ""}${[first, ...others.map((each) => String(each).padStart(2, "0"))].join(":")}`;
}

const STYLES = { ago: relative, left, time: (date) => TIME.format(date), full: (date) => FULL.format(date) };

export function write(root) {
  for (const time of root.querySelectorAll("time[data-when]")) {
    time.textContent = STYLES[time.dataset.when](new Date(time.dateTime));
  }
}

write(document);
setInterval(() => {
  for (const time of document.querySelectorAll('time:is([data-when="ago"], [data-when="left"])')) {
    time.textContent = STYLES[time.dataset.when](new Date(time.dateTime));
  }
}, 1000);
