import { check } from "./check.mjs";

const report = (result) => fetch("/report", { method: "POST", body: JSON.stringify(result) });
const fail = (error) => report({ fatal: String(error?.message ?? error).slice(-4000) });
// a module that does not even begin would be a long silence
addEventListener("error", (event) => fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => fail(event.reason));

const asked = new URLSearchParams(location.search);
const strict = asked.has("strict");
if (asked.has("worker")) {
  const worker = new Worker("/check/check_worker.mjs", { type: "module" });
  worker.onmessage = ({ data }) => report(data);
  worker.onerror = (event) => fail(event.message);
  worker.postMessage({ strict });
} else {
  check(strict).then(report, fail);
}
