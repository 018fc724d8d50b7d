// What a person does on a chart: points, clicks, presses keys. bqplot's own marks and interactions tell no place without
// taking the mouse for themselves, and know no keys; panning and the wheel are left to its PanZoom, below this layer.
//
// Places are told as a share of the plot's width. The layer lets the mouse through; it holds the line and the keyboard's focus.
const KEYS = ["ArrowLeft", "ArrowRight", "Home", "End", "Enter", "Escape", "+", "=", "-", "0"];

function render({ model, el: root }) {
  const line = document.createElement("i");
  root.tabIndex = 0;
  root.classList.add("vml-pointer");
  root.setAttribute("role", "application");
  root.dataset.lmSuppressShortcuts = "true"; // arrows belong to the chart, not to the notebook
  root.append(line);
  let box = null, down = null, waiting = 0, last = null, settling = [], gone = false;

  const plot = () => box && box.querySelector(".plotarea_events");
  const say = (event, more) => model.send({ event, ...more });
  function share(e) {
    const r = plot()?.getBoundingClientRect();
    if (!r || !r.width) return null;
    const at = (e.clientX - r.left) / r.width;
    return at < 0 || at > 1 || e.clientY < r.top || e.clientY > r.bottom ? null : at;
  }
  function tell() {
    waiting = 0;
    say("point", { at: last });
  }
  function point(at) {
    if (at === null && last === null) return;
    last = at;
    if (!waiting) waiting = setTimeout(tell, 60);
  }
  const moved = (e) => { if (!e.buttons) point(share(e)); };
  const left = () => point(null);
  function pressed(e) {
    down = share(e) === null ? null : [e.clientX, e.clientY];
    if (!down) return;
    root.focus({ preventScroll: true });
    window.addEventListener("pointerup", released, { capture: true, once: true }); // perhaps outside the chart
  }
  function released(e) {
    const at = share(e);
    if (down && Math.hypot(e.clientX - down[0], e.clientY - down[1]) < 4 && at !== null) say("pick", { at });
    else if (down) settled();
    down = null;
  }
  // The last moves of a scale wait until the kernel is idle (ipywidgets throttles them), and this would overtake them: so late, and twice
  function settled() {
    settling.forEach(clearTimeout);
    settling = [250, 1500].map((ms) => setTimeout(() => say("settled"), ms));
  }
  // Only a chart that has the focus takes the wheel: a page that is scrolled past its charts stays as it is
  function wheeled(e) {
    if (document.activeElement !== root) return e.stopImmediatePropagation();
    settled();
  }
  function typed(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || !KEYS.includes(e.key)) return;
    e.preventDefault();
    e.stopPropagation();
    say("key", { key: e.key, shift: e.shiftKey });
  }
  function update() {
    const at = model.get("line"), inner = plot()?.getBoundingClientRect(), outer = root.getBoundingClientRect();
    root.setAttribute("aria-label", model.get("label"));
    line.hidden = at < 0 || !inner || !outer.width;
    if (!line.hidden) line.style.left = `${(100 * (inner.left - outer.left + at * inner.width)) / outer.width}%`;
  }
  const heard = [
    ["pointermove", moved], ["pointerleave", left], ["pointerdown", pressed], ["wheel", wheeled],
  ];
  function attach() {
    if (gone) return;
    box = root.closest(".vml-plot");
    if (!box) return requestAnimationFrame(attach);
    for (const [name, call] of heard) box.addEventListener(name, call, { capture: name !== "pointerleave", passive: true });
    update();
  }
  root.addEventListener("keydown", typed);
  model.on("change", update);
  attach();
  return () => {
    gone = true;
    model.off("change", update);
    clearTimeout(waiting);
    settling.forEach(clearTimeout);
    for (const [name, call] of heard) box?.removeEventListener(name, call, { capture: name !== "pointerleave" });
  };
}
export default { render };
