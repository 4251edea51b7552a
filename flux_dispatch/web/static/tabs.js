// The language that somebody chooses is chosen everywhere on the page, and when they come again.

const KEY = "flux-language";
const tabs = [...document.querySelectorAll("[data-tab]")];

function choose(language) {
  for (const tab of tabs) if (tab.value === language) tab.checked = true;
}

function kept() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // it is forgotten with the page
  }
}

choose(kept());

for (const tab of tabs) {
  tab.addEventListener("change", () => {
    const before = tab.getBoundingClientRect().top;
    choose(tab.value);
    keep(tab.value);
    // what stands above has another height now; what is looked at stays where it is
    window.scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
  });
}
