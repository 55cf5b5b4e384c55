// A plot under the pointer and the keys: what each mark is, a way to its row, and a larger view.
"use strict";
const REACH = 26; // pixels between the pointer and the mark that it means
for (const figure of document.querySelectorAll(".plot")) {
  const area = figure.querySelector(".area");
  const drawing = area.querySelector("svg");
  const enlarge = figure.querySelector("[data-enlarge]");
  const words = new Map();
  for (const mark of drawing.querySelectorAll("[data-row]")) {
    const title = mark.querySelector("title");
    words.set(mark, title.textContent);
    title.remove(); // one tip is enough, and this one needs no waiting
  }
  const tip = document.createElement("p");
  tip.className = "tip";
  tip.setAttribute("aria-live", "polite");
  area.append(tip);
  area.tabIndex = 0;
  area.setAttribute("role", "group");
  area.setAttribute("aria-label", `${figure.querySelector("h3").textContent}: arrow keys go from mark to mark, Enter to the row in the table`);

  let lit = null;
  const middle = (mark) => {
    const box = mark.querySelector("use").getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const shown = () => [...words.keys()].filter((mark) => !mark.classList.contains("gone"));
  function light(mark) {
    if (lit === mark) return;
    if (lit) lit.classList.remove("lit");
    lit = mark;
    tip.textContent = mark ? words.get(mark) : "";
    if (!mark) return;
    mark.classList.add("lit");
    const frame = area.getBoundingClientRect();
    const [x, y] = middle(mark);
    const left = Math.min(Math.max(x - frame.x - tip.offsetWidth / 2, 0), frame.width - tip.offsetWidth);
    const above = y - frame.y - tip.offsetHeight - 12;
    tip.style.left = `${left}px`;
    tip.style.top = `${above >= 0 ? above : y - frame.y + 14}px`;
  }
  function nearest(event) {
    let best = null, least = REACH;
    for (const mark of shown()) {
      const [x, y] = middle(mark);
      const far = Math.hypot(event.clientX - x, event.clientY - y);
      if (far < least) [best, least] = [mark, far];
    }
    return best;
  }
  function step(by) {
    const marks = shown().map((mark) => ({ mark, place: middle(mark) }));
    marks.sort((a, b) => a.place[0] - b.place[0] || a.place[1] - b.place[1]);
    const now = marks.findIndex((entry) => entry.mark === lit);
    const next = now < 0 && by === -1 ? marks.length - 1 : Math.min(Math.max(now + by, 0), marks.length - 1);
    if (marks.length) light(marks[next].mark);
  }
  function follow() {
    if (!lit) return;
    const row = document.getElementById(lit.dataset.row);
    location.hash = encodeURIComponent(lit.dataset.row);
    row.querySelector("a").focus(); // so that the keys go on from there
  }
  const keys = {
    ArrowRight: () => step(1),
    ArrowDown: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowUp: () => step(-1),
    Home: () => step(-Infinity),
    End: () => step(Infinity),
    Enter: follow,
    Escape: () => light(null),
  };
  area.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  area.addEventListener("pointermove", (event) => light(nearest(event)));
  area.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") light(null); });
  area.addEventListener("blur", () => light(null));
  area.addEventListener("click", (event) => {
    const mark = nearest(event);
    // A first touch shows what the mark is, a second one follows it; a mouse has shown it before.
    if (mark && (event.pointerType === "mouse" || mark === lit)) { light(mark); follow(); } else light(mark);
  });

  // Heights are in pixels: twice as much room for what stands in a row, with the words at one size.
  const height = drawing.height.baseVal.value;
  enlarge.addEventListener("click", () => {
    const large = enlarge.getAttribute("aria-pressed") !== "true";
    light(null);
    enlarge.setAttribute("aria-pressed", String(large));
    figure.classList.toggle("large", large);
    drawing.setAttribute("height", large ? 2 * height : height);
    for (const part of drawing.querySelectorAll("line, text, use")) {
      for (const name of ["y", "y1", "y2"]) {
        if (!part.hasAttribute(name)) continue;
        part.dataset[name] ??= part.getAttribute(name);
        const value = Number(part.dataset[name]);
        const moved = value > height ? value + height : 2 * value; // what stands below the axis stays there
        part.setAttribute(name, large ? moved : part.dataset[name]);
      }
    }
  });
}
