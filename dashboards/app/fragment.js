// HTML that answers clicks: an element with data-pick sends its value to the board.
// What a person has unfolded stays so when a word of the HTML changes; counts in its title may change as well.
function folds(root) {
  const found = new Map();
  for (const one of root.querySelectorAll("details")) {
    const title = one.querySelector("summary")?.textContent.replace(/[\d,.]+/g, "#");
    let turn = 1;
    while (found.has(`${title} ${turn}`)) turn += 1;
    found.set(`${title} ${turn}`, one);
  }
  return found;
}

export function render({ model }) {
  const root = document.createElement("div");
  root.className = "fragment";
  let was = null;

  function draw() {
    if (model.html === was) return;
    was = model.html;
    const focused = root.getRootNode().activeElement?.dataset?.pick;
    const scrolled = root.querySelector("pre")?.scrollTop ?? 0;
    const open = new Map([...folds(root)].map(([title, one]) => [title, one.open]));
    root.innerHTML = model.html;
    for (const [title, one] of folds(root)) one.open = open.get(title) ?? one.open;
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
