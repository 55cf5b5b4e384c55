// Sorting, filters and the address of a board. The table is complete without this script.
"use strict";
for (const board of document.querySelectorAll("[data-board]")) {
  const body = board.querySelector("tbody");
  const rows = [...body.querySelectorAll("tr[id]")];
  const nothing = body.querySelector(".nothing");
  const heads = [...board.querySelectorAll("thead th")];
  const chips = [...board.querySelectorAll("[data-facet]")];
  const search = board.querySelector("[data-search]");
  const all = board.querySelector("[data-all]");
  const reset = board.querySelector("[data-reset]");
  const status = board.querySelector("[data-count]");
  const pager = board.querySelector("[data-pager]"); // only beside a large table
  const pageSize = pager ? Number(pager.dataset.pager) : Infinity;
  let pageNow = 1;
  let order = heads.filter((head) => head.hasAttribute("aria-sort")).map((head) => ({ head, direction: head.getAttribute("aria-sort") }));
  const bitsOrder = (text) => { const [w, a] = text.slice(1).split("A"); return Number(w) * 100 + Number(a); };
  const firstDirection = (head) =>
    head.dataset.kind === "bits" || (head.dataset.kind === "number" && head.dataset.better === "more") ? "descending" : "ascending";
  const inAddress = (entries) => entries.map(({ head, direction }) => (direction === "descending" ? "-" : "") + head.dataset.key).join(",");
  const first = order;
  const initial = inAddress(order);

  function value(row, head) {
    const text = row.cells[heads.indexOf(head)].dataset.v;
    if (text === undefined) return null;
    if (head.dataset.kind === "number") return Number(text);
    return head.dataset.kind === "bits" ? bitsOrder(text) : text.toLowerCase();
  }
  // By the first heading, equal rows by the next. A reader is told of the first one; the others say it themselves.
  function sort(wanted) {
    order = wanted;
    for (const head of heads) {
      const place = order.findIndex((entry) => entry.head === head);
      const button = head.querySelector(".sort");
      head.removeAttribute("aria-sort");
      button.removeAttribute("aria-description");
      delete button.dataset.then;
      if (place === 0) head.setAttribute("aria-sort", order[0].direction);
      if (place <= 0) continue;
      button.dataset.then = `${order[place].direction === "ascending" ? "↑" : "↓"}${place + 1}`;
      button.setAttribute("aria-description", `orders equal rows, ${order[place].direction}`);
    }
    const keyed = rows.map((row, place) => ({ row, place, values: order.map(({ head }) => value(row, head)), base: row.classList.contains("base") }));
    keyed.sort((a, b) => {
      if (a.base !== b.base) return a.base ? -1 : 1; // FP32 first, whatever the order
      for (const [at, { direction }] of order.entries()) {
        const one = a.values[at], other = b.values[at];
        if ((one === null) !== (other === null)) return one === null ? 1 : -1; // missing last, both ways
        if (one !== other) return (one < other) === (direction === "ascending") ? -1 : 1;
      }
      return a.place - b.place;
    });
    body.append(...keyed.map((entry) => entry.row), nothing);
  }
  // A click sorts by this heading alone; with Shift it only settles what the headings before it left equal.
  function choose(head, further) {
    const at = order.findIndex((entry) => entry.head === head);
    const turned = order[at]?.direction === "ascending" ? "descending" : "ascending";
    const entry = { head, direction: at < 0 ? firstDirection(head) : turned };
    if (!further) sort([entry]);
    else sort(at < 0 ? [...order, entry] : order.with(at, entry));
  }
  const pressed = (facet) => chips.filter((chip) => chip.dataset.facet === facet && chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.value);
  function filter() {
    const facets = Object.fromEntries(["backend", "bits", "kind", "layers", "pareto"].map((facet) => [facet, pressed(facet)]));
    const words = search.value.trim().toLowerCase();
    const chosen = Object.entries(facets).filter(([, values]) => values.length);
    let shown = 0, empty = 0;
    for (const row of rows) {
      const fits = chosen.every(([facet, values]) => values.includes(row.dataset[facet])) && (!words || row.cells[0].textContent.toLowerCase().includes(words));
      row.hidden = !fits && !row.classList.contains("base");
      if (row.hidden) continue;
      shown += 1;
      if (row.matches(".failed, .skipped")) empty += 1;
    }
    nothing.hidden = shown > rows.filter((row) => row.classList.contains("base")).length;
    const total = shown === rows.length ? "" : ` of ${rows.length}`;
    status.textContent = `${shown}${total} ${shown === 1 && !total ? "row" : "rows"}${empty ? `, ${empty} without a result` : ""}`;
    reset.hidden = !(chosen.length || words);
    // Plots show what the table shows; their scales stay as they are.
    const gone = new Set(rows.filter((row) => row.hidden).map((row) => row.id));
    for (const mark of document.querySelectorAll("[data-row]")) mark.classList.toggle("gone", gone.has(mark.dataset.row));
    turn(pageNow);
    return { chosen, words };
  }
  // The pages of a large table: rows on others are away, which print ignores. FP32 is on every page.
  const listed = () => [...body.querySelectorAll("tr[id]:not([hidden], .base)")];
  function turn(wanted) {
    if (!pager) return;
    const shown = listed();
    const last = Math.max(Math.ceil(shown.length / pageSize), 1);
    pageNow = Math.min(Math.max(wanted, 1), last);
    shown.forEach((row, place) => row.classList.toggle("away", Math.floor(place / pageSize) !== pageNow - 1));
    pager.hidden = last === 1;
    pager.querySelector("[data-where]").textContent = `Page ${pageNow} of ${last}`;
    pager.querySelector("[data-turn='-1']").disabled = pageNow === 1;
    pager.querySelector("[data-turn='1']").disabled = pageNow === last;
  }
  function toTarget() {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { /* not an address of ours */ }
    const row = document.getElementById(id);
    if (!row || !row.classList.contains("away")) return;
    turn(Math.floor(listed().indexOf(row) / pageSize) + 1);
    row.scrollIntoView();
  }
  function remember({ chosen, words }) {
    const address = new URLSearchParams();
    for (const [facet, values] of chosen) address.set(facet, values.join(","));
    if (all && board.classList.contains("all")) address.set("columns", "all");
    if (words) address.set("q", words);
    if (inAddress(order) !== initial) address.set("sort", inAddress(order));
    if (pageNow > 1) address.set("page", String(pageNow));
    const text = address.toString().replaceAll("%2C", ",");
    try { history.replaceState(null, "", (text ? `?${text}` : location.pathname) + location.hash); } catch { /* not from here */ }
  }
  function expand(open) {
    if (!all) return;
    board.classList.toggle("all", open);
    all.setAttribute("aria-pressed", String(open));
  }
  function restore() {
    const address = new URLSearchParams(location.search);
    for (const chip of chips) {
      chip.setAttribute("aria-pressed", String((address.get(chip.dataset.facet) || "").split(",").includes(chip.dataset.value)));
    }
    search.value = address.get("q") || "";
    const wanted = new Map();
    for (const key of (address.get("sort") || "").split(",")) {
      const head = heads.find((other) => other.dataset.key === key.replace(/^-/, ""));
      if (head) wanted.set(head, { head, direction: key.startsWith("-") ? "descending" : "ascending" });
    }
    expand(address.get("columns") === "all" || [...wanted.keys()].some((head) => head.classList.contains("extra")));
    const wish = wanted.size ? [...wanted.values()] : first;
    if (inAddress(wish) !== inAddress(order)) sort(wish);
    pageNow = Math.trunc(Number(address.get("page"))) || 1;
    filter();
    toTarget();
  }

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", (event) => {
      choose(head, event.shiftKey);
      pageNow = 1;
      remember(filter());
    });
  }
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      pageNow = 1;
      remember(filter());
    });
  }
  if (all) all.addEventListener("click", () => {
    expand(!board.classList.contains("all"));
    remember(filter());
  });
  search.addEventListener("input", () => {
    pageNow = 1;
    remember(filter());
  });
  reset.addEventListener("click", () => {
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    search.value = "";
    remember(filter());
    search.focus();
  });
  for (const button of board.querySelectorAll("[data-turn]")) {
    button.addEventListener("click", () => {
      turn(pageNow + Number(button.dataset.turn));
      remember(filter());
      board.querySelector(".table.board").scrollIntoView();
    });
  }
  // Where the table scrolls sideways by itself, CSS can't hold its header in the window.
  const region = board.querySelector(".table.board");
  const header = region.querySelector("thead");
  function hold() {
    const above = getComputedStyle(region).overflowX === "visible" ? 0 : -region.getBoundingClientRect().top;
    const most = region.clientHeight - header.offsetHeight - (body.lastElementChild.previousElementSibling?.offsetHeight ?? 0);
    header.style.transform = above > 0 && above < most + header.offsetHeight ? `translateY(${Math.min(above, most)}px)` : "";
  }
  addEventListener("scroll", hold, { passive: true });
  addEventListener("resize", hold, { passive: true });
  addEventListener("hashchange", toTarget);
  addEventListener("popstate", restore); // Back and Forward: the view is what the address says
  restore();
}
