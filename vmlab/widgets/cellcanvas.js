// More cells than elements are good for: one canvas, drawn from a byte a cell, with the keys and messages of a CellGrid.

const KINDS = ["--line", "--anon", "--file", "--swap", "--hatch", "--file"]; // none anon file slot gone disk
const HOLLOW = [0, 5], DIRTY = 8, ACCESSED = 16, SHARED = 32;

function render({ model, el: root }) {
  const get = (name) => model.get(name);
  const canvas = document.createElement("canvas");
  canvas.className = "vml-canvas";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "cell grid");
  canvas.dataset.lmSuppressShortcuts = "true"; // arrows belong to the picture, not to the notebook
  const box = document.createElement("div");
  box.className = "vml-cg";
  box.append(canvas);
  root.replaceChildren(box);
  let cursor = 0, asked = -1, timer = 0;

  function pick(i, event) {
    model.send({ event: "pick", index: i, shift: event.shiftKey });
  }
  function ask(i) { // what is there? Python knows
    clearTimeout(timer);
    if (i === asked) return;
    timer = setTimeout(() => {
      asked = i;
      model.send({ event: "tip", index: i });
    }, 60);
  }
  function told(message) {
    if (message.tip === undefined) return;
    canvas.title = message.text;
    canvas.setAttribute("aria-label", message.text);
  }
  function cellAt(event) {
    const area = canvas.getBoundingClientRect(), cols = get("cols"), rows = Math.ceil(get("count") / cols);
    const c = Math.floor(((event.clientX - area.left) / area.width) * cols);
    const r = Math.floor(((event.clientY - area.top) / area.height) * rows);
    return c >= 0 && c < cols && r >= 0 && r * cols + c < get("count") ? r * cols + c : -1;
  }

  // The cells, on a sheet of their own: a selection that moves leaves them as they are.
  const sheet = document.createElement("canvas");
  let sheetOf = null, sheetLook = "";
  function cells(cols, n, at, colour) {
    const codes = get("codes"), fill = KINDS.map(colour), ground = colour("--bg"), cow = colour("--cow");
    const look = [cols, n, at, fill, ground, cow].join(" ");
    if (codes === sheetOf && look === sheetLook) return;
    sheetOf = codes;
    sheetLook = look;
    sheet.width = canvas.width;
    sheet.height = canvas.height;
    const g = sheet.getContext("2d"), gap = at > 5 ? 1 : 0;
    const bytes = codes ? new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength) : [];
    for (let i = 0; i < n; i++) {
      const x = (i % cols) * at, y = Math.floor(i / cols) * at, code = bytes[i] || 0, kind = code & 7;
      g.fillStyle = g.strokeStyle = fill[kind] || fill[0];
      if (HOLLOW.includes(kind)) g.strokeRect(x + 0.5, y + 0.5, at - 1 - gap, at - 1 - gap);
      else g.fillRect(x, y, at - gap, at - gap);
      if (at < 6) continue;
      if (code & SHARED) {
        g.fillStyle = cow;
        g.fillRect(x, y + at - gap - at / 5, at - gap, at / 5);
      }
      g.fillStyle = ground;
      if (code & DIRTY) {
        g.beginPath();
        g.moveTo(x + at - gap, y + at * 0.6);
        g.lineTo(x + at - gap, y + at - gap);
        g.lineTo(x + at * 0.6, y + at - gap);
        g.fill();
      }
      if (code & ACCESSED) g.fillRect(x + at - gap - at / 4, y + at / 10, at / 6, at / 6);
    }
  }

  function paint() {
    const cols = get("cols"), n = get("count"), rows = Math.ceil(n / cols), px = window.devicePixelRatio || 1;
    const side = Math.max(2, Math.min(26, Math.max(box.clientWidth, 64) / cols)), at = side * px;
    const style = getComputedStyle(box), colour = (v) => style.getPropertyValue(v).trim() || "#888";
    canvas.style.width = `${side * cols}px`;
    canvas.style.height = `${side * rows}px`;
    canvas.width = Math.round(at * cols);
    canvas.height = Math.round(at * rows);
    canvas.setAttribute("aria-label", get("label"));
    cells(cols, n, at, colour);
    const g = canvas.getContext("2d");
    if (sheet.width && sheet.height) g.drawImage(sheet, 0, 0);
    const ring = (i, name, width) => {
      g.strokeStyle = colour(name);
      g.lineWidth = width * px;
      g.strokeRect((i % cols) * at - px, Math.floor(i / cols) * at - px, at + px, at + px);
    };
    for (const i of get("kin")) ring(i, "--ink", 1.5);
    for (const i of get("selected")) {
      ring(i, "--halo", 4);
      ring(i, "--ink", 2);
    }
    if (get("hand") >= 0) ring(get("hand"), "--ink", 1);
    if (document.activeElement === canvas) ring(cursor, "--ink", 1);
  }

  canvas.addEventListener("click", (event) => {
    const i = cellAt(event);
    if (i < 0) return;
    cursor = i;
    pick(i, event);
    paint();
  });
  canvas.addEventListener("mousemove", (event) => {
    const i = cellAt(event);
    if (i >= 0) ask(i);
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cols = get("cols"), last = get("count") - 1, row = cursor - (cursor % cols);
    const to = {
      ArrowRight: cursor + 1, ArrowLeft: cursor - 1, ArrowDown: cursor + cols, ArrowUp: cursor - cols,
      Home: row, End: Math.min(row + cols - 1, last), PageUp: cursor % cols, PageDown: last,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") pick(cursor, event);
    else if (to === undefined) return;
    else if (to >= 0 && to <= last) {
      cursor = to;
      paint();
      ask(to);
    }
    event.preventDefault();
    event.stopPropagation();
  });

  model.on("change", paint);
  model.on("msg:custom", told);
  const themed = new MutationObserver(paint);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const sized = new ResizeObserver(paint);
  sized.observe(root);
  paint();
  return () => {
    model.off("change", paint);
    model.off("msg:custom", told);
    themed.disconnect();
    sized.disconnect();
    clearTimeout(timer);
  };
}

export default { render };
