// Has the server look at a URL as its field is left, by the rule that it will be held to.

for (const input of document.querySelectorAll("[data-check-url]")) {
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.id = `${input.id}-problem`;
  problem.setAttribute("role", "alert");

  const tell = (text) => {
    // the one before, or the one that came with the page
    input.closest(".field").querySelector(".problem")?.remove();
    problem.textContent = text;
    if (text) {
      input.closest(".field").append(problem);
      input.setAttribute("aria-invalid", "true");
    } else {
      input.removeAttribute("aria-invalid");
    }
  };

  input.addEventListener("blur", async () => {
    const asked = input.value.trim();
    if (!asked) return tell("");
    const address = `${input.dataset.checkUrl}?${new URLSearchParams({ url: asked })}`;
    try {
      const response = await fetch(address, { headers: { accept: "application/json" } });
      if (response.ok && input.value.trim() === asked) tell((await response.json()).problem ?? "");
    } catch {
      // it is checked when the form is sent
    }
  });
  input.addEventListener("input", () => tell(""));
}
