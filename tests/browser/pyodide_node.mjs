// Runs a Python script in Pyodide under Node, and then its coroutine function main(), which returns the exit code or None.
//
//   PYODIDE_MOUNT=FOLDER:FOLDER PYTHONPATH=FOLDER:FOLDER node pyodide_node.mjs SCRIPT [ARGUMENT...]
//
// The folders to mount, and that of the script, are seen under their own names.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

// An uncaught error would print the one line of pyodide.asm.mjs, 1.2 MB of it.
function fail(error) {
  process.stderr.write(`${String(error?.message ?? error).slice(0, 8000)}\n`);
  process.exit(1);
}
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

const { loadPyodide } = await import("pyodide");
globalThis.WebSocket ??= createRequire(import.meta.url)("ws").WebSocket;

const [script, ...rest] = process.argv.slice(2);
const folders = (name) => (process.env[name] ?? "").split(":").filter(Boolean);
const write = (stream) => ({ write: (bytes) => (stream.write(new Uint8Array(bytes)), bytes.length) });
const python = await loadPyodide({ env: { PYTHONDONTWRITEBYTECODE: "1", ...pass("HYPOTHESIS_PROFILE") } });
python.setStdout(write(process.stdout));
python.setStderr(write(process.stderr));
const mounted = [];
for (const folder of [dirname(resolve(script)), ...folders("PYTHONPATH"), ...folders("PYODIDE_MOUNT")].sort()) {
  // what lies below a folder that is there already is there too
  if (mounted.some((above) => folder === above || folder.startsWith(`${above}/`))) continue;
  python.FS.mkdirTree(folder);
  python.mountNodeFS(folder, folder);
  mounted.push(folder);
}
python.globals.set("arguments", python.toPy([script, ...rest]));
python.globals.set("folders", python.toPy(folders("PYTHONPATH")));
python.runPython("import sys; sys.argv = list(arguments); sys.path[:0] = list(folders)");
let code;
try {
  python.runPython(readFileSync(script, "utf8"), { filename: script });
  code = await python.globals.get("main")();
} catch (error) {
  fail(error);
}
// Timers that asyncio has cancelled are still there in JavaScript: Node would wait for them.
process.exit(Number.isInteger(code) ? code : 0);

function pass(name) {
  return name in process.env ? { [name]: process.env[name] } : {};
}
