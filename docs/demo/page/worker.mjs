// The engine in a thread of its own, where long powers do not hold up the page.
import { createEngine } from "./engine.mjs";

const tell = (told) => postMessage(told);
const fail = (error) => tell({ kind: "fatal", text: String(error?.message ?? error).slice(0, 2000) });
const engine = createEngine(tell);

addEventListener("message", async ({ data: { order, options } }) => {
  try {
    await (await engine)[order](options);
  } catch (error) {
    fail(error);
  }
});
engine.catch(fail);
