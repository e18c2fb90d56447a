import { check } from "./check.mjs";

addEventListener("message", async ({ data }) => {
  try {
    postMessage(await check(data.strict));
  } catch (error) {
    postMessage({ fatal: String(error?.message ?? error).slice(-4000) });
  }
});
