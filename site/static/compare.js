// The comparison's slider: which row, which input, how much of each image.
"use strict";
for (const box of document.querySelectorAll("[data-compare]")) {
  const stage = box.querySelector("[data-stage]");
  const image = box.querySelector("[data-right] img");
  const left = box.querySelector(".left img");
  const label = box.querySelector("[data-label]");
  const range = box.querySelector("[data-reveal]");
  const variants = box.querySelector("[data-variant]");
  const picks = [...box.querySelectorAll("[data-pick]")];
  const items = [...box.querySelectorAll("[data-item]")];

  const press = (buttons, chosen) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
  };
  const name = () => {
    const item = Number(stage.style.getPropertyValue("--i")) + 1;
    image.alt = `${variants.selectedOptions[0].dataset.name}, evaluation item ${item}`;
    left.alt = `FP32, evaluation item ${item}`;
  };
  const show = () => {
    const option = variants.selectedOptions[0];
    image.src = option.dataset.src;
    label.textContent = option.dataset.bits;
    press(picks, picks.find((pick) => pick.dataset.pick === option.value));
    name();
  };
  const reveal = () => stage.style.setProperty("--reveal", `${range.value}%`);

  for (const pick of picks) pick.addEventListener("click", () => { variants.value = pick.dataset.pick; show(); });
  variants.addEventListener("change", show);
  for (const item of items) {
    item.addEventListener("click", () => {
      stage.style.setProperty("--i", item.dataset.item);
      press(items, item);
      name();
    });
  }
  range.addEventListener("input", reveal);
  const drag = (event) => {
    const area = stage.getBoundingClientRect();
    range.value = String(Math.round((event.clientX - area.left) / area.width * 100));
    reveal();
  };
  stage.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", (event) => { if (stage.hasPointerCapture(event.pointerId)) drag(event); });
  // A reload may restore the form: show what it says.
  show();
  reveal();
}
