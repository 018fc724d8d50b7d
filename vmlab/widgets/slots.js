// A line of texts that change in place, so that a live region is spoken and nothing is ever read as markup.
function render({ model, el }) {
  const line = document.createElement("div");
  el.replaceChildren(line);
  function update() {
    const slots = model.get("slots");
    line.className = model.get("kind");
    line.style.setProperty("--k", model.get("colour") || "var(--line)");
    while (line.children.length > slots.length) line.lastChild.remove();
    slots.forEach(([cls, text, role], i) => {
      let node = line.children[i];
      if (!node) {
        node = document.createElement("span");
        line.append(node);
      }
      if (node.className !== cls) node.className = cls;
      if ((node.getAttribute("role") || "") !== role) {
        if (role) node.setAttribute("role", role);
        else node.removeAttribute("role");
        if (role === "status") node.setAttribute("aria-live", "polite");
        else node.removeAttribute("aria-live");
      }
      if (node.textContent !== text) node.textContent = text;
      node.title = cls.includes("tip") ? text : "";
      node.hidden = !text && cls.includes("opt");
    });
  }
  model.on("change", update);
  update();
  return () => model.off("change", update);
}
export default { render };
