// Somebody who visits the demo page: chooses, presses its buttons, waits for what it is told, and reports what is to be seen.
const $ = (id) => document.getElementById(id);
const report = (result) => fetch("/report", { method: "POST", body: JSON.stringify(result) });
const fail = (error) => report({ fatal: String(error?.stack ?? error?.message ?? error).slice(-4000) });
addEventListener("error", (event) => fail(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => fail(event.reason));

let told = [];
document.addEventListener("told", ({ detail }) => told.push(detail));

function until(what, condition) {
  const end = performance.now() + 40000;
  return new Promise((resolve, reject) => {
    (function look() {
      if (condition()) resolve();
      else if (performance.now() > end) reject(new Error(`waited in vain: ${what}; ${$("status").textContent}; ${JSON.stringify(told.slice(-5)).slice(0, 2000)}`));
      else setTimeout(look, 20);
    })();
  });
}

const heard = (kind) => told.some((one) => one.kind === kind);

async function run(choices, condition) {
  told = [];
  for (const [name, value] of Object.entries(choices)) $("options").elements[name].value = value;
  $("options").dispatchEvent(new Event("change"));
  $("run").click();
  await until(JSON.stringify(choices), condition);
  return {
    told,
    peer: $("peer").textContent,
    status: $("status").textContent,
    permanent: document.querySelector("#permanent .id").textContent,
    temporary: document.querySelector("#temporary .id").textContent,
    states: document.querySelectorAll("#states li:not(.now)").length,
    bars: [...document.querySelectorAll("#states .bar")].filter((bar) => bar.getBoundingClientRect().width > 0).length,
    errors: [...document.querySelectorAll("#errors b")].map((name) => name.textContent.split(" ")[0]),
  };
}

async function visit() {
  await until("Python", () => !$("run").disabled);
  const result = {};
  result.whole = await run({ mode: "whole", trouble: "" }, () => heard("sums"));
  const line = document.querySelector("#wire details");
  line.querySelector("summary").click();
  await until("bytes", () => line.querySelector("pre"));
  result.whole.hex = line.querySelector("pre").textContent.split("\n").map((row) => row.slice(6).replaceAll(" ", "")).join("");
  $("renew").click();
  await until("a renewal", () => told.some((one) => one.kind === "bound" && one.renewal));
  result.whole.renewed = document.querySelector("#binding .note").textContent.includes("renewed");
  told = [...told];
  result.split = await run({ mode: "split", framing: "padded" }, () => heard("sums"));
  $("stop").click();
  await until("the end", () => $("stop").disabled);
  result.nobody = await run({ mode: "whole", trouble: "nobody" }, () => heard("failed"));
  result.forgotten = await run({ trouble: "forgotten", framing: "abridged", crypto: "python" }, () => heard("sums") && told.filter((one) => one.kind === "bound").length === 2);
  await report(result);
}

visit().catch(fail);
