// Finds event types by what is typed, and greys out single types while all are chosen.

import { offerSearch } from "./find.js";

for (const picker of document.querySelectorAll("[data-picker]")) {
  const all = picker.querySelector("[data-all]");
  offerSearch(picker.querySelector("[data-choices]"), ".tick", "Find an event type");

  const follow = () => picker.toggleAttribute("data-everything", all.checked);
  all.addEventListener("change", follow);
  follow();
}
