// Messages to many widgets that came as one. Each goes to its model as if it had come alone; then the page is painted once.
async function unpack({ messages }, buffers, manager) {
  const models = await Promise.all(messages.map(({ to }) => manager.get_model(to)));
  let at = 0;
  messages.forEach(({ data, count }, i) => {
    models[i]._handle_comm_msg({ content: { data }, buffers: buffers.slice(at, at + count) });
    at += count;
  });
}
function initialize({ model }) {
  const unpacked = (message, buffers) => unpack(message, buffers, model.widget_manager);
  model.on("msg:custom", unpacked);
  model.send({ event: "ready" });
  return () => model.off("msg:custom", unpacked);
}
export default { initialize };
