// The keys of every board. Heard from the page's first moment, before the board is drawn: who has pressed "/" goes on typing
// into the filter, also where it is not there yet; half a word would move the board about (a 1 leads to the first board).
(() => {
  function* deep(root, selector) {
    for (const el of root.querySelectorAll("*")) {
      if (el.matches(selector)) yield el;
      if (el.shadowRoot) yield* deep(el.shadowRoot, selector);
    }
  }
  const first = (selector) => deep(document, selector).next().value;
  const byId = (id) => document.getElementById(id);
  const cursor = { row: null, step: null };
  let early = null; // what was typed after "/" while there is no filter to type into

  const rows = () => [...deep(document, ".tabulator-row, tr.row")];
  const stepOf = (row) => row.dataset.pick ?? row.querySelector('[tabulator-field="id"]')?.textContent;

  // The table builds its rows anew when its columns change; the cursor stays on its step.
  function keep() {
    if (cursor.step === null || cursor.row?.isConnected) return;
    const row = rows().find((one) => stepOf(one) === cursor.step);
    if (row) cursor.row = row;
    row?.classList.add("cursor");
  }

  function kept() {
    keep();
    return cursor.row;
  }

  function put(row) {
    cursor.row?.classList.remove("cursor");
    cursor.row = row;
    cursor.step = row ? stepOf(row) : null;
    row?.classList.add("cursor");
    row?.scrollIntoView({ block: "nearest" });
  }

  function move(by) {
    keep();
    const all = rows();
    const at = all.indexOf(cursor.row);
    put(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))] ?? null);
  }

  // A board is drawn in one go: once it is there without a filter, none will come.
  function pour() {
    const input = first(".key-filter")?.shadowRoot?.querySelector("input");
    if (!input && !document.querySelector("main [data-root-id]")?.childElementCount) return;
    const { text, entered } = early;
    early = null;
    input?.focus();
    if (!text || input?.getRootNode().activeElement !== input) return;
    input.value += text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (entered) input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function hold(key) {
    if (key === "Escape" || key === "Tab") early = null;
    else if (key === "Enter") early.entered = true;
    else if (key === "Backspace") early.text = early.text.slice(0, -1);
    else if (key.length === 1) early.text += key;
  }

  function filter() {
    early = { text: "", entered: false };
    pour();
  }

  const press = (selector) => {
    const at = first(selector);
    (at?.shadowRoot?.querySelector("button") ?? at)?.click();
  };
  const opened = () => byId("drawer")?.hidden === false;
  // What is ticked goes first, then the step whose story is open, then what the filter finds.
  const act = (verb) => press(opened() && !first(".verbs.ticked") && first(".one") ? `.one .key-${verb}` : `.key-${verb}`);
  const keys = {
    "/": filter,
    j: () => move(1),
    k: () => move(-1),
    Enter: () => (kept()?.querySelector('[tabulator-field="kind"], [tabulator-field="id"]') ?? cursor.row)?.click(),
    x: () => kept()?.querySelector("input[type=checkbox]")?.click(),
    r: () => act("rescue"),
    h: () => act("hold"),
    "?": () => byId("help")?.showModal(),
    Escape: () => (opened() ? press(".key-close") : null),
  };

  function choose(event) {
    const board = /^[1-9]$/.test(event.key) && document.querySelectorAll(".rail a:not(.out)")[event.key - 1];
    if (board) board.click();
    else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  }

  document.addEventListener("keydown", (event) => {
    const at = event.composedPath()[0];
    const typing = at.matches?.("input:not([type=checkbox]), textarea, select");
    if (typing && event.key === "Escape") at.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || byId("help")?.open) return;
    if (early) {
      event.preventDefault();
      hold(event.key);
    } else if (event.key !== "Enter" || !at.matches?.("button, a")) choose(event);
  });
  document.addEventListener("click", (event) => {
    if (event.target.id === "keys") keys["?"]();
    const row = event.composedPath().find((el) => el.matches?.(".tabulator-row, tr.row"));
    if (row) put(row);
  });
  setInterval(() => early && pour(), 50);
  setInterval(keep, 250);
  window.desk = { first };
})();
