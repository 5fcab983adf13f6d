// The page around the board: clock, connection, drawer. It draws what the last beat said and says how old that is.
// Keys are heard before it is there: keys.js.
const FALTER = 4000; // ms without a beat until the page says that it is behind
const LOST = 12000; // ms until it says that it is not connected
const DAY = 86400000;

const two = (n) => String(n).padStart(2, "0");

export function render({ model }) {
  const byId = (id) => document.getElementById(id);
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
      desk.first("." + focus)?.shadowRoot?.querySelector("input")?.focus({ preventScroll: true });
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
