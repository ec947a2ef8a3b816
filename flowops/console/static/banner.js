// Shows or takes away the banner that says effects are paused, when that happens and without a reload.

import { listen } from "./stream.js";

const banner = document.getElementById("banner");
let asked = 0;

// The banner as it is now; `false` when it could not be had.
export async function renew() {
  const mine = ++asked;
  try {
    const answer = await fetch("/console/effects/banner", { redirect: "error" });
    const text = answer.ok ? await answer.text() : undefined;
    if (text !== undefined && mine === asked) banner.innerHTML = text;
    return text !== undefined;
  } catch {
    return false;
  }
}

// A page with a sign for the stream listens there. Another one was made some time before it begins to listen.
if (!document.getElementById("live")) {
  let stale = true;
  const hears = {
    async live() {
      if (!stale) return;
      stale = false;
      stale = !(await renew());
    },
    lost() {},
    over() {},
    event(kind) {
      if (kind === "case-changed") return;
      stale = true;
      hears.live();
    },
  };
  listen("/console/events", hears);
}
