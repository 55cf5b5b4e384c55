// "Copy" puts the command that stands beside it on the clipboard, "Copy link" the address of the view.
"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  const code = button.parentElement.querySelector("[data-copy-text]");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // no clipboard here: leave it selected
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
for (const button of document.querySelectorAll("[data-copy-link]")) {
  const name = button.textContent;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Link copied";
    } catch {
      button.textContent = "It stands in the address bar"; // no clipboard here
    }
    setTimeout(() => { button.textContent = name; }, 2000);
  });
}
