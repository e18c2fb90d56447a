// Python in this thread: the page's own, or that of a worker. Everything comes from this folder, nothing from elsewhere.
import { loadPyodide, version } from "./pyodide/pyodide.mjs";
import bigint from "./bigint.mjs";

const here = new URL("./", import.meta.url).href;

async function bytes(name) {
  const answer = await fetch(here + name);
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer.arrayBuffer();
}

// `tell` takes objects with a `kind`; those of binder.py, and "loading" and "ready" of our own.
export async function createEngine(tell) {
  const began = performance.now();
  tell({ kind: "loading", text: "Loading Python…" });
  const python = await loadPyodide({ indexURL: `${here}pyodide/` });
  const { wheels, modules } = JSON.parse(new TextDecoder().decode(await bytes("files.json")));
  tell({ kind: "loading", text: "Unpacking the library…" });
  for (const wheel of await Promise.all(wheels.map((name) => bytes(`wheels/${name}`)))) python.unpackArchive(wheel, "wheel");
  for (const name of modules) python.FS.writeFile(name, new Uint8Array(await bytes(name)));
  // A strict Content Security Policy forbids to make functions from text; those of a module are welcome.
  globalThis.bigint = bigint;
  const binder = python.pyimport("binder");
  tell({ kind: "ready", pyodide: version, python: python.runPython("import sys; sys.version.split()[0]"), milliseconds: performance.now() - began });

  const line = (text) => tell(JSON.parse(text));
  let running = null;
  return {
    async run(options) {
      await this.stop();
      running = binder.run(JSON.stringify(options), line);
      await running;
      running = null;
    },
    async stop() {
      binder.stop();
      if (running) await running;
    },
    renew: () => binder.renew(),
    call: () => binder.call(),
  };
}
