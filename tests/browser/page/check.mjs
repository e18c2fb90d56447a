// Runs the checks in this thread, the page's own or a worker's, and gives what came of them.
import { loadPyodide } from "/pyodide/pyodide.mjs";
import bigint from "/bigint.mjs";

export async function check(strict) {
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const python = await loadPyodide({ indexURL: new URL("/pyodide/", import.meta.url).href });
  const { wheels } = await (await fetch("/files.json")).json();
  for (const name of wheels) python.unpackArchive(await bytes(`/wheels/${name}`), "wheel");
  for (const name of ["check_crypto.py", "check_websocket.py"]) python.FS.writeFile(name, new Uint8Array(await bytes(`/check/${name}`)));
  const setting = await (await fetch("/check/setting.json")).text();
  const functions = strict ? bigint : undefined;
  const crypto = python.pyimport("check_crypto").whole(functions);
  const sockets = JSON.parse(await python.pyimport("check_websocket").whole(setting, functions));
  return { crypto, ...sockets, document: typeof document, isolated: crossOriginIsolated };
}
