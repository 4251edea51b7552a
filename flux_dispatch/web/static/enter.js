// Uses a link that signs in, for whoever follows it with a browser.

document.querySelector("[data-enter]").requestSubmit();
