// Puts a button on every piece of code, and beside every id or secret, that copies it; without scripts there is none.

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // pages that are not served over HTTPS have no clipboard
    return false;
  }
}

function copyButton(label, source, text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = label;
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text())) ? "Copied" : "Press Ctrl-C";
    if (button.textContent !== "Copied") getSelection().selectAllChildren(source);
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}

export function offer(root) {
  for (const code of root.querySelectorAll("[data-copy]")) {
    const source = code.querySelector("pre");
    code.prepend(copyButton("Copy", source, () => source.textContent));
  }
  for (const each of root.querySelectorAll("[data-copy-text]")) {
    const source = each.querySelector("code") ?? each;
    each.append(copyButton(each.dataset.copyLabel, source, () => each.dataset.copyText));
  }
}

offer(document);
