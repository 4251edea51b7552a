// Puts a search above a list in groups: what does not fit is hidden, and so are groups in which nothing is left.

export function offerSearch(list, rows, label) {
  const search = document.createElement("input");
  search.type = "search";
  search.className = "find";
  search.placeholder = label;
  search.setAttribute("aria-label", label);
  const none = document.createElement("p");
  none.className = "help";
  none.setAttribute("role", "status");
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let all = 0;
    for (const section of list.querySelectorAll("section")) {
      let visible = 0;
      for (const row of section.querySelectorAll(rows)) {
        const fits = words.every((word) => row.textContent.toLowerCase().includes(word));
        row.hidden = !fits;
        visible += fits;
      }
      section.hidden = visible === 0;
      all += visible;
    }
    none.textContent = all ? "" : "Nothing fits.";
  });
  // Enter in a search is no wish to send the form
  search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  list.before(search, none);
}

for (const list of document.querySelectorAll("[data-find]")) offerSearch(list, "tbody tr", list.dataset.find);
