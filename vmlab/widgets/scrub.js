// A slider through the moments. It speaks only when a person moves it: what Python sets never comes back as a wish.
function render({ model, el }) {
  const input = document.createElement("input");
  input.type = "range";
  input.className = "vml-scrub";
  input.step = 1;
  input.dataset.lmSuppressShortcuts = "true";
  const ticks = document.createElement("div");
  ticks.className = "vml-ticks";
  el.replaceChildren(input, ticks);
  let asked = null, timer = 0;
  function tell() {
    timer = 0;
    if (asked !== null) model.send({ event: "moment", moment: asked });
    asked = null;
  }
  input.addEventListener("input", () => {
    asked = +input.value;
    if (!timer) timer = setTimeout(tell, 80);
  });
  function update() {
    const [min, max, value] = ["min", "max", "value"].map((n) => model.get(n));
    input.min = min;
    input.max = Math.max(max, min + 1);
    if (asked === null) input.value = value;
    input.disabled = max <= min;
    input.title = `moment ${value} of ${max}`;
    input.setAttribute("aria-label", "moment");
    ticks.replaceChildren(
      ...model.get("marks").map((at) => {
        const tick = document.createElement("i");
        tick.style.left = `${(100 * (at - min)) / Math.max(1, max - min)}%`;
        return tick;
      }),
    );
  }
  model.on("change", update);
  update();
  return () => {
    model.off("change", update);
    clearTimeout(timer);
  };
}
export default { render };
