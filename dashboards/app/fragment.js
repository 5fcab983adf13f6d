// HTML that answers clicks: an element with data-pick sends its value to the board.
export function render({ model }) {
  const root = document.createElement("div");
  root.className = "fragment";
  let was = null;

  function draw() {
    if (model.html === was) return;
    was = model.html;
    const focused = root.getRootNode().activeElement?.dataset?.pick;
    const scrolled = root.querySelector("pre")?.scrollTop ?? 0;
    root.innerHTML = model.html;
    if (focused) root.querySelector(`[data-pick="${CSS.escape(focused)}"]`)?.focus();
    const log = root.querySelector("pre");
    if (log) log.scrollTop = scrolled;
  }

  root.addEventListener("click", (event) => {
    const picked = event.target.closest("[data-pick]");
    if (picked && !picked.disabled) model.send_msg({ pick: picked.dataset.pick });
  });
  model.on("html", draw);
  draw();
  return root;
}
