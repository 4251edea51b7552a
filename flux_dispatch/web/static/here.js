// Marks in the navigation what is being read, and closes its menu once something was chosen.

const navigation = document.getElementById("navigation");
const links = new Map([...navigation.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const sections = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
let current;

function mark() {
  const reading = sections.filter((each) => each.getBoundingClientRect().top <= window.innerHeight / 3).at(-1);
  const link = links.get((reading ?? sections[0]).id);
  if (link === current) return;
  current?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  current = link;
  const { top, bottom } = link.getBoundingClientRect();
  const frame = navigation.getBoundingClientRect();
  if (top < frame.top || bottom > frame.bottom) navigation.scrollTop += top - frame.top - frame.height / 3;
}

let waiting = false;
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    mark();
  });
}

window.addEventListener("scroll", later, { passive: true });
window.addEventListener("resize", later, { passive: true });
mark();

navigation.addEventListener("click", (event) => {
  if (event.target.closest("a") && navigation.matches(":popover-open")) navigation.hidePopover();
});
