// What the page shows. The work is done by engine.mjs, here or in a worker.
const $ = (id) => document.getElementById(id);
const form = $("options");
const field = (name) => form.elements[name];

const STATES = {
  ExpectResPQ: ["wait", "req_pq_multi is out; the server answers with a product of two primes"],
  Factoring: ["work", "pq is taken apart: the proof of work of the handshake"],
  ExpectServerDHParams: ["wait", "both factors are out, RSA-padded; the server answers with its half of Diffie-Hellman"],
  ProvingPrime: ["work", "a prime that we have not seen before is proven"],
  Raising: ["work", "two powers modulo 2048 bits: our half, and the key"],
  ExpectDHAnswer: ["wait", "our half is out; the server says whether the key counts"],
  KeyAgreed: ["work", "the key is agreed"],
  Binding: ["vault", "the binding is sealed under the permanent key and sent under the temporary one"],
};

const CHOICES = ["mode", "framing", "crypto", "thread", "lifetime", "trouble"];

let engine = null;
let engineThread = "";
let local = null;
let begun = false;
let expiry = null;
let bars = [];
let totals = null;

// ---- elements, by text only: nothing that comes from elsewhere is HTML

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
const ms = (seconds) => `${(seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0)} ms`;

function say(text, mood = "") {
  $("status").className = mood;
  $("status").textContent = text;
}

function card(id, value, note, done = false) {
  const element = $(id);
  element.classList.toggle("done", done);
  element.querySelector(".id").textContent = value;
  element.querySelector(".note").textContent = note;
}

function hexdump(hex) {
  const pairs = hex.match(/../g) ?? [];
  const lines = [];
  for (let at = 0; at < pairs.length; at += 16) {
    lines.push(`${at.toString(16).padStart(4, "0")}  ${pairs.slice(at, at + 8).join(" ")}  ${pairs.slice(at + 8, at + 16).join(" ")}`);
  }
  return lines.join("\n");
}

function addLine(way, at, size, what, hex) {
  const line = make("details", way);
  const head = make("summary");
  head.append(
    Object.assign(make("span", "way", way === "out" ? "→" : "←"), { title: way === "out" ? "sent" : "received" }),
    make("time", "", ms(at)),
    make("span", "bytes", `${size} bytes`),
    make("span", "what", what),
  );
  line.append(head);
  line.addEventListener("toggle", () => {
    if (line.open && !line.querySelector("pre")) {
      const dump = make("pre", "", hexdump(hex));
      dump.tabIndex = 0;
      dump.setAttribute("aria-label", `${size} bytes in hexadecimal`);
      line.append(dump);
    }
  });
  $("wire").append(line);
}

function addNote(text) {
  $("wire").append(make("div", "note", text));
}

function addError({ name, text, next }) {
  const last = $("errors").lastElementChild;
  if (last && last.dataset.said === `${name} ${text}`) {
    last.dataset.times = Number(last.dataset.times ?? 1) + 1;
    last.querySelector("b").textContent = `${name} ×${last.dataset.times}`;
    last.querySelector("small").textContent = next ?? "";
    return;
  }
  const box = make("div", "error");
  box.dataset.said = `${name} ${text}`;
  box.append(make("b", "", name), make("span", "", text), make("small", "", next ?? ""));
  $("errors").append(box);
  $("errors").hidden = false;
}

// ---- bars share one scale, which grows with the run

function addState({ state, key, began, ended }) {
  document.querySelector("#states .now")?.remove();
  const [mood, text] = STATES[state] ?? ["wait", ""];
  const row = make("li", mood);
  const track = make("div", "track");
  const bar = make("div", "bar");
  track.append(bar);
  row.append(make("span", "which", `${key} key`), make("code", "", state), make("time", "", ms(ended - began)), track, make("small", "", text));
  $("states").append(row);
  bars.push({ bar, began, ended });
  const whole = Math.max(...bars.map((one) => one.ended)) || 1;
  for (const one of bars) {
    one.bar.style.setProperty("--from", `${(one.began / whole) * 100}%`);
    one.bar.style.setProperty("--long", `${((one.ended - one.began) / whole) * 100}%`);
  }
  $("no-states").hidden = true;
}

function showNow({ state, key }) {
  document.querySelector("#states .now")?.remove();
  if (!state) return;
  const row = make("li", "now");
  row.append(make("span", "which", `${key} key`), make("code", "", state), make("time", "", "…"));
  $("states").append(row);
}

function showExpiry() {
  if (!expiry) return;
  const left = expiry - Date.now() / 1000;
  const until = new Date(expiry * 1000).toLocaleString();
  const span = left > 5400 ? `${(left / 3600).toFixed(1)} h` : left > 90 ? `${(left / 60).toFixed(0)} min` : `${Math.max(0, left).toFixed(0)} s`;
  $("temporary").querySelector(".note").textContent = left > 0 ? `ends in ${span}, ${until}` : `ended ${until}`;
}
setInterval(showExpiry, 1000);

// ---- what the engine tells

const HEAR = {
  loading: ({ text }) => say(text),
  ready({ pyodide, python, milliseconds }) {
    $("versions").textContent = `Python ${python} in Pyodide ${pyodide}, loaded in ${(milliseconds / 1000).toFixed(1)} s, ${engineThread === "worker" ? "in a Web Worker" : "in the page's own thread"}.`;
    say("Ready.");
  },
  crypto: ({ name }) => { totals.crypto = name; },
  dialling: ({ url, at }) => { say(`Opening a WebSocket to ${url} …`); addNote(`${ms(at)}: opening ${url}`); },
  stream: ({ at }) => { say("The WebSocket is open."); addNote(`${ms(at)}: open, subprotocol binary`); },
  note: ({ text, at }) => { say(text); addNote(`${ms(at)}: ${text}`); },
  wire({ way, at, size, what, hex }) {
    totals[way] += size;
    addLine(way, at, size, what, hex);
  },
  vault({ url, request, answer, at }) {
    const hex = request ?? answer;
    addLine(request ? "out" : "in", at, hex.length / 2, request ? `to the vault at ${url}: what is to be sealed` : "from the vault: the sealed binding", hex);
  },
  state: addState,
  now: showNow,
  key({ which, id, expires_at: until }) {
    if (which === "permanent") card("permanent", id, "made by this page, in its memory only", true);
    else {
      card("temporary", id, "");
      expiry = until;
      showExpiry();
    }
  },
  bound({ id, permanent, expires_at: until, renewal, at }) {
    expiry = until;
    card("temporary", id, "", true);
    showExpiry();
    if (field("mode").value === "split") card("permanent", permanent, "in the vault; this page has its id only", true);
    card("binding", "yes", renewal ? "renewed on the live stream" : `after ${ms(at)}`, true);
    if (!renewal) totals.bound = at;
    say(`Bound after ${ms(at)}: temporary key ${id} speaks for permanent key ${permanent}.`, "good");
    enable();
  },
  call: ({ name, size, milliseconds }) => addNote(`${name} was answered with ${size} bytes in ${milliseconds.toFixed(1)} ms`),
  sums({ round_trips: trips, computing }) {
    card("cost", ms(totals.bound ?? 0), `${ms(computing)} of it computing (${totals.crypto}); ${trips} round trips; ${totals.out} bytes out, ${totals.in} in`, true);
  },
  error(error) {
    addError(error);
    say(`${error.name}: ${error.next ?? error.text}`, "bad");
  },
  failed: () => ended("It did not come to a binding. The panel below says why.", "bad"),
  stopped: () => ended("Stopped. The WebSocket is closed, and the keys are forgotten."),
  fatal: ({ text }) => {
    addError({ name: "Python", text, next: "Reload the page." });
    ended("Python could not be run.", "bad");
  },
};

function hear(told) {
  HEAR[told.kind]?.(told);
  document.dispatchEvent(new CustomEvent("told", { detail: told }));
}

function ended(text, mood) {
  begun = false;
  document.querySelector("#states .now")?.remove();
  say(text, mood);
  enable();
}

// ---- what people do

function enable() {
  const bound = begun && $("binding").classList.contains("done");
  $("run").disabled = !engine;
  $("run").textContent = $("states").children.length || $("wire").children.length ? "Run again" : "Run";
  $("stop").disabled = !begun;
  $("call").disabled = $("renew").disabled = !bound;
}

async function start(thread) {
  if (engine && engineThread === thread) return;
  engine?.end?.();
  engine = null;
  engineThread = thread;
  if (thread === "worker") {
    const worker = new Worker("worker.mjs", { type: "module" });
    const loaded = new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        if (data.kind === "ready") resolve();
        if (data.kind === "fatal") reject(new Error(data.text));
        hear(data);
      };
      worker.onerror = (event) => reject(new Error(event.message ?? "the worker cannot be started"));
    });
    await loaded;
    const order = (name) => async (options) => worker.postMessage({ order: name, options });
    engine = { run: order("run"), stop: order("stop"), renew: order("renew"), call: order("call"), end: () => worker.terminate() };
  } else {
    const { createEngine } = await import("./engine.mjs");
    const here = await createEngine(hear);
    engine = { ...here, end: () => here.stop() };
    engine.run = here.run.bind(here);
    engine.stop = here.stop.bind(here);
  }
}

function clear() {
  $("errors").replaceChildren();
  $("errors").hidden = true;
  $("states").replaceChildren();
  $("wire").replaceChildren();
  $("no-states").hidden = false;
  bars = [];
  expiry = null;
  totals = { in: 0, out: 0, crypto: "" };
  const split = field("mode").value === "split";
  card("permanent", split ? field("permanent_key_id").value || "–" : "–", split ? "in the vault; this page has its id only" : "not made yet");
  card("temporary", "–", "not made yet");
  card("binding", "no", "\u00a0");
  card("cost", "–", "\u00a0");
}

function chosen() {
  const trouble = field("trouble").value;
  const url = { nobody: local?.nobody, silent: local?.silent }[trouble] ?? field("url").value;
  const text = Object.fromEntries(["framing", "crypto", "lifetime", "dc", "pem", "vault", "permanent_key_id"].map((name) => [name, field(name).value]));
  return { ...text, url, trouble, split: field("mode").value === "split", forgetful_url: local?.forgetful ?? field("url").value };
}

async function run() {
  clear();
  begun = true;
  say("Starting…");
  try {
    await start(field("thread").value);
    enable();
    await engine.run(chosen());
  } catch (error) {
    hear({ kind: "fatal", text: String(error?.message ?? error) });
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
$("stop").addEventListener("click", () => engine.stop());
$("call").addEventListener("click", () => engine.call());
$("renew").addEventListener("click", () => engine.renew());
form.addEventListener("change", describe);

function describe() {
  const split = field("mode").value === "split";
  field("vault").required = field("permanent_key_id").required = split;
  let host = "";
  try { host = new URL(field("url").value).hostname; } catch { /* it is being typed */ }
  const own = local && field("url").value === local.url;
  $("peer").textContent = own
    ? "The peer is mtproto-bind serve on this machine: our own server, over a real WebSocket. It is not Telegram, and nothing leaves this machine."
    : host.endsWith(".telegram.org")
      ? "The peer is a server of Telegram. The key that is made there is a real one, and belongs to nobody who is logged in."
      : `The peer is whatever answers at ${field("url").value || "the address below"}. It is known by the public key below, and by nothing else.`;
}

// ---- the beginning

async function begin() {
  try {
    const answer = await fetch("local.json");
    if (answer.ok) local = await answer.json();
  } catch { /* a static server has none: fill in the form */ }
  for (const name of ["url", "pem", "vault", "permanent_key_id", "dc"]) if (local?.[name]) field(name).value = local[name];
  // a link may choose how to run, but not to whom to talk
  for (const [name, value] of new URLSearchParams(location.search)) if (CHOICES.includes(name)) field(name).value = value;
  if (!local) {
    form.querySelector("details").open = true;
    for (const option of field("trouble").options) option.disabled = Boolean(option.value);
  }
  describe();
  clear();
  const asked = new URLSearchParams(location.search).has("run");
  try {
    await start(field("thread").value);
  } catch (error) {
    hear({ kind: "fatal", text: String(error?.message ?? error) });
    return;
  }
  enable();
  if (asked) run();
}

begin();
