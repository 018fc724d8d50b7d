// A picture made of cells, one Tab stop: arrows move within it, Enter, Space or a click pick a cell.
//
// Cells are elements, updated in place. Nothing here knows what a cell means: glyph, classes and sentence come from
// Python, the looks from the style sheet.

const LINES = 5; // of headings above each other; what does not fit is cut

function el(tag, cls, text) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text) e.textContent = text;
  return e;
}

function render({ model, el: root }) {
  const grid = el("div", "vml-cg");
  grid.setAttribute("role", "grid");
  grid.dataset.lmSuppressShortcuts = "true"; // arrows belong to the picture, not to the notebook
  root.replaceChildren(grid);
  let cells = [], seen = {}, shape = "", cursor = 0, fitted = -1;

  const get = (name) => model.get(name);
  const blank = (i) => !cells[i] || cells[i].classList.contains("v0");

  function pick(i, event) {
    model.send({ event: "pick", index: i, shift: !!(event && event.shiftKey) });
  }

  function build() {
    const cols = get("cols"), n = get("count"), gaps = new Set(get("gaps"));
    const tracks = [], place = [];
    for (let c = 0; c < cols; c++) {
      if (gaps.has(c)) tracks.push("var(--gapw)");
      tracks.push("minmax(0,var(--cap))");
      place.push(tracks.length + 1);
    }
    grid.replaceChildren();
    grid.style.setProperty("--tracks", tracks.join(" "));
    grid.setAttribute("aria-colcount", cols);
    const heads = get("heads");
    if (heads.length) {
      const row = el("div", "vml-cg-row vml-cg-heads");
      row.setAttribute("aria-hidden", "true");
      row.append(el("div", "lab corner", get("corner")));
      for (const [col, span, labels, tip] of heads) {
        const h = el("div", "head");
        h.style.gridColumn = `${place[col]} / ${place[col + span - 1] + 1}`;
        h.title = tip;
        const text = el("span");
        for (const [letters, name, code] of labels) {
          if (letters) text.append(el("em", "", letters));
          text.append(el("b", "", name), el("code", "", code));
        }
        h.append(text);
        row.append(h);
      }
      grid.append(row);
    }
    cells = [];
    const labels = get("row_labels");
    for (let start = 0, r = 0; start < n; start += cols, r++) {
      const row = el("div", "vml-cg-row");
      row.setAttribute("role", "row");
      if (labels.length) {
        const lab = el("div", "lab");
        lab.setAttribute("role", "rowheader");
        row.append(lab);
      }
      for (let c = 0; c < cols && start + c < n; c++) {
        const cell = el("div", "c");
        cell.setAttribute("role", "gridcell");
        cell.tabIndex = -1;
        cell.style.gridColumn = place[c];
        cell.dataset.i = start + c;
        row.append(cell);
        cells.push(cell);
      }
      grid.append(row);
    }
    seen = { glyphs: [], classes: [], tips: [], chips: [], fills: [], on: [] };
    if (cells.length) {
      cursor = Math.min(cursor, cells.length - 1);
      if (blank(cursor)) cursor = Math.max(0, cells.findIndex((c) => !c.classList.contains("v0")));
      cells[cursor].tabIndex = 0;
    }
  }

  function update() {
    grid.setAttribute("aria-label", get("label"));
    const now = JSON.stringify([get("cols"), get("count"), get("gaps"), get("heads"), get("row_labels").length, get("corner")]);
    if (now !== shape) {
      const focused = grid.contains(document.activeElement);
      shape = now;
      fitted = -1;
      build();
      if (focused && cells[cursor]) cells[cursor].focus({ preventScroll: true });
    }
    const [glyphs, classes, tips, chips, fills] = ["glyphs", "classes", "tips", "chips", "fills"].map(get);
    const picked = new Set(get("selected")), kin = new Set(get("kin")), hand = get("hand");
    grid.classList.toggle("some-kin", kin.size > 0);
    cells.forEach((cell, i) => {
      if (seen.glyphs[i] !== glyphs[i] || seen.chips[i] !== chips[i]) {
        cell.textContent = glyphs[i] ?? "";
        if (chips[i]) cell.prepend(el("i", "", chips[i]));
      }
      if (seen.tips[i] !== tips[i]) cell.setAttribute("aria-label", tips[i] || glyphs[i] || "empty");
      if (seen.fills[i] !== fills[i]) cell.style.setProperty("--fill", fills[i] || "none");
      const on = (picked.has(i) ? " sel" : "") + (kin.has(i) ? " kin" : "") + (i === hand ? " hand" : "");
      if (seen.classes[i] !== classes[i] || seen.on[i] !== on) {
        cell.className = "c " + (classes[i] ?? "") + on + (cell.classList.contains("cut") ? " cut" : "");
        cell.setAttribute("aria-selected", picked.has(i) ? "true" : "false");
      }
      seen.on[i] = on;
    });
    Object.assign(seen, { glyphs, classes, tips, chips, fills });
    grid.querySelectorAll(".lab[role=rowheader]").forEach((lab, r) => {
      const text = get("row_labels")[r] || ["", "", ""];
      const key = JSON.stringify(text);
      if (lab.dataset.key === key) return;
      lab.dataset.key = key;
      lab.replaceChildren();
      if (text[0]) lab.append(el("span", "vml-badge", text[0]));
      lab.append(el("b", "", text[1]));
      if (text[2]) lab.append(el("small", "", text[2]));
      lab.title = [text[1], text[2]].filter(Boolean).join(": ");
    });
    const longest = Math.max(0, ...glyphs.map((g) => g.length));
    if (longest !== fitted) {
      fitted = longest;
      requestAnimationFrame(fit);
    }
    if (cells[cursor] && blank(cursor)) moveTo(cells.findIndex((_, i) => !blank(i)), false);
  }

  function moveTo(i, focus) {
    if (i < 0 || i >= get("count")) return;
    if (blank(i)) return;
    cells[cursor].tabIndex = -1;
    cursor = i;
    cells[i].tabIndex = 0;
    if (focus) cells[i].focus({ preventScroll: false });
  }

  function step(key, i) {
    const cols = get("cols"), n = get("count");
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: cols, ArrowUp: -cols }[key];
    if (by) {
      for (let k = i + by; k >= 0 && k < n; k += by) {
        if (Math.abs(by) === 1 && Math.floor(k / cols) !== Math.floor(i / cols)) return -1;
        if (!blank(k)) return k;
      }
      return -1;
    }
    const row = Math.floor(i / cols) * cols;
    const ends = { Home: [row, 1], End: [Math.min(row + cols, n) - 1, -1], PageUp: [i % cols, cols], PageDown: [n - 1, -1] }[key];
    if (!ends) return -1;
    for (let k = ends[0]; k >= 0 && k < n; k += ends[1]) if (!blank(k)) return k;
    return -1;
  }

  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") pick(cursor, event);
    else {
      const to = step(event.key, cursor);
      if (to < 0 && !/^(Arrow|Home|End|Page)/.test(event.key)) return;
      if (to >= 0) moveTo(to, true);
    }
    event.preventDefault();
    event.stopPropagation();
  });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest(".c");
    if (!cell || cell.classList.contains("v0")) return;
    moveTo(+cell.dataset.i, true);
    pick(+cell.dataset.i, event);
  });
  grid.addEventListener("pointerover", (event) => {
    const cell = event.target.closest(".c");
    if (cell) cell.title = get("tips")[+cell.dataset.i] ?? "";
  });
  grid.addEventListener("focusin", (event) => {
    const cell = event.target.closest(".c");
    if (cell) moveTo(+cell.dataset.i, false);
  });

  function fitText() { // numbers that would touch their neighbours get smaller, then go
    const glyphs = get("glyphs"), longest = Math.max(0, ...glyphs.map((g) => g.length));
    if (longest > 5 || !cells.length) return; // words: the style sheet cuts them
    const width = Math.min(...cells.slice(0, get("cols")).map((c) => c.offsetWidth || 99));
    grid.classList.toggle("tight", width < 6.7 * longest + 2);
    grid.classList.toggle("tiny", width < 10);
    cells.forEach((c, i) => c.classList.toggle("cut", 4.9 * (glyphs[i] || "").length > width));
  }
  function fitHeads() { // a heading that is wider than its columns stands a line higher than those it would touch
    const row = grid.querySelector(".vml-cg-heads");
    if (!row || !row.offsetWidth) return;
    const all = [...row.querySelectorAll(".head")].map((h) => ({ h, text: h.firstChild }));
    for (const { text } of all) text.style.maxWidth = "none";
    for (const a of all) [a.left, a.width, a.wide] = [a.h.offsetLeft, a.h.offsetWidth, a.text.scrollWidth + 8];
    const edge = row.offsetWidth, ends = []; // of each line, where its last heading ends
    for (const a of all) {
      const begin = Math.max(0, Math.min(a.left, edge - a.wide));
      let up = 0;
      while (up < LINES && (ends[up] ?? -1) > begin) up++;
      const fits = up < LINES;
      if (!fits) up = 0;
      ends[up] = Math.max(ends[up] ?? 0, fits ? begin + a.wide : a.left + a.width);
      a.h.style.setProperty("--up", up);
      a.h.classList.toggle("up", up > 0);
      a.text.style.left = `${fits ? begin - a.left : 0}px`;
      a.text.style.maxWidth = `${fits ? edge : a.width}px`;
    }
    row.style.setProperty("--lines", Math.max(1, ends.length));
  }
  function fit() {
    fitText();
    fitHeads();
  }
  const sized = new ResizeObserver(fit);
  sized.observe(root);
  model.on("change", update);
  update();
  return () => {
    model.off("change", update);
    sized.disconnect();
  };
}

export default { render };
