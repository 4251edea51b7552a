// Says on the button of a form that takes its time that it was sent, and keeps it from being sent twice.

for (const form of document.querySelectorAll("[data-busy]")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    button.setAttribute("aria-busy", "true");
    button.textContent = form.dataset.busy;
    // not before the form is on its way
    setTimeout(() => (button.disabled = true));
  });
}

// a page that is come back to by the browser's own history begins anew
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
