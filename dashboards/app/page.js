// The page around the board: clock, connection, keys. It draws what the last beat said and says how old that is.
const FALTER = 4000; // ms without a beat until the page says that it is behind
const LOST = 12000; // ms until it says that it is not connected
const DAY = 86400000;

function* deep(root, selector) {
  for (const el of root.querySelectorAll("*")) {
    if (el.matches(selector)) yield el;
    if (el.shadowRoot) yield* deep(el.shadowRoot, selector);
  }
}
const first = (selector) => deep(document, selector).next().value;
const two = (n) => String(n).padStart(2, "0");

export function render({ model }) {
  const byId = (id) => document.getElementById(id);
  const cursor = { row: null, step: null };
  let heard = performance.now();

  function tick() {
    const since = performance.now() - heard;
    const now = new Date(model.beat.now + since);
    const day = Math.floor((now - Date.UTC(now.getUTCFullYear(), 0, 0)) / DAY);
    byId("utc").innerHTML =
      `<b>${two(now.getUTCHours())}:${two(now.getUTCMinutes())}:${two(now.getUTCSeconds())}</b>` +
      `<i>UTC ${now.getUTCFullYear()}-${String(day).padStart(3, "0")}</i>`;
    const behind = Math.max(since > FALTER ? since : 0, model.beat.behind * 1000);
    const link = byId("link");
    const lost = since > LOST;
    link.className = "link" + (lost ? " lost" : behind ? " behind" : "");
    link.textContent = lost ? "not connected: reload" : behind ? `${Math.round(behind / 1000)} s behind` : "live";
    link.title = model.beat.fault ? `The site cannot be read: ${model.beat.fault}` : "";
    document.body.classList.toggle("stale", Boolean(lost || behind));
    keep();
  }

  function beat() {
    heard = performance.now();
    const { deadline, attention } = model.beat;
    byId("deadline").textContent = deadline.text;
    byId("deadline").className = "deadline " + deadline.level;
    for (const [board, count] of Object.entries(attention)) {
      const at = document.querySelector(`[data-board="${board}"]`);
      if (!at) continue;
      at.hidden = !count;
      at.textContent = `▲${count > 999 ? "999+" : count}`;
    }
    tick();
  }

  function say() {
    const line = byId("said");
    line.hidden = !model.said.text;
    line.textContent = model.said.text || "";
    line.className = "said " + (model.said.level || "");
    if (model.said.text) line.scrollIntoView({ block: "nearest" });
  }

  function rows() {
    return [...deep(document, ".tabulator-row, tr.row")];
  }

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

  const press = (selector) => {
    const at = first(selector);
    (at?.shadowRoot?.querySelector("button") ?? at)?.click();
  };
  // What is ticked goes first, then the step whose story is open, then what the filter finds.
  const act = (verb) => press(model.drawer && !first(".verbs.ticked") && first(".one") ? `.one .key-${verb}` : `.key-${verb}`);
  const keys = {
    "/": () => first(".key-filter")?.shadowRoot?.querySelector("input")?.focus(),
    j: () => move(1),
    k: () => move(-1),
    Enter: () => (kept()?.querySelector('[tabulator-field="kind"], [tabulator-field="id"]') ?? cursor.row)?.click(),
    x: () => kept()?.querySelector("input[type=checkbox]")?.click(),
    r: () => act("rescue"),
    h: () => act("hold"),
    "?": () => byId("help").showModal(),
    Escape: () => (byId("drawer").hidden ? null : press(".key-close")),
  };

  document.addEventListener("keydown", (event) => {
    const at = event.composedPath()[0];
    const typing = at.matches?.("input:not([type=checkbox]), textarea, select");
    if (typing && event.key === "Escape") at.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (event.key === "Enter" && at.matches?.("button, a")) return;
    const board = /^[1-9]$/.test(event.key) && document.querySelectorAll(".rail a:not(.out)")[event.key - 1];
    if (board) board.click();
    else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  document.addEventListener("click", (event) => {
    const row = event.composedPath().find((el) => el.matches?.(".tabulator-row, tr.row"));
    if (row) put(row);
  });
  byId("keys").onclick = keys["?"];
  const narrow = matchMedia("(max-width: 700px)");
  byId("menu").onclick = () => document.body.classList.toggle(narrow.matches ? "menu" : "slim");
  const width = () => (model.narrow = narrow.matches);
  narrow.addEventListener("change", width);
  width();
  // What is drawn on a canvas cannot follow the page's colours by itself.
  const colours = () => (model.colours = document.documentElement.dataset.theme);
  new MutationObserver(colours).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  colours();

  const drawer = () => (byId("drawer").hidden = !model.drawer);
  const address = () => history.replaceState(null, "", location.pathname + (model.query && "?" + model.query));
  // Who writes in the drawer already keeps the cursor: what they type next belongs there, not into the reason.
  const writes = () => {
    let at = document.activeElement;
    const here = byId("drawer").contains(at);
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return here && at.matches("input, textarea");
  };
  // A preview is read from its top, whatever field the cursor is in.
  const focus = ({ focus }) =>
    setTimeout(() => {
      if (writes()) return;
      first("." + focus)?.shadowRoot?.querySelector("input")?.focus({ preventScroll: true });
      byId("drawer").scrollTop = 0;
    }, 100);
  model.on("beat", beat);
  model.on("said", say);
  model.on("drawer", drawer);
  model.on("query", address);
  model.on("msg:custom", focus);
  drawer();
  beat();
  say();
  const timer = setInterval(tick, 250);
  model.on("remove", () => clearInterval(timer));
  return document.createElement("span");
}
