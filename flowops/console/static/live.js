// Says that cases changed since the page was loaded. Nothing moves by itself: whoever reads decides when.

import { renew } from "./banner.js";
import { listen } from "./stream.js";

const sign = document.getElementById("live");
if (sign) {
  const changed = new Set();
  const text = sign.appendChild(new Text());
  const link = document.createElement("a");
  link.href = sign.dataset.refresh;
  let late;

  // The link stays the same element, so that who is about to press it does not lose it.
  function say(state, words, offer) {
    sign.hidden = false;
    sign.dataset.state = state;
    if (text.nodeValue !== words) text.nodeValue = words;
    if (link.textContent !== offer) link.textContent = offer;
    if (offer && !link.isConnected) sign.append(link);
    if (!offer) link.remove();
  }

  function news() {
    if (changed.has("reload")) return "Much may have changed — Refresh";
    return changed.size ? `${changed.size} changed — Refresh` : "";
  }

  const hears = {
    live() {
      late = clearTimeout(late);
      if (changed.size) say("news", "", news());
      else say("live", "Live", "");
    },
    lost() {
      late ??= setTimeout(() => {
        const since = document.querySelector(".foot time").textContent;
        say("lost", changed.size ? "Reconnecting… " : `Reconnecting… ${sign.dataset.shows} as of ${since}`, news());
      }, 3000);
    },
    over(why) {
      late = clearTimeout(late);
      say("over", `${why}. `, "Sign in again");
    },
    event(kind, data) {
      if (kind !== "case-changed") renew();
      if (kind === "effects-changed") return;
      // A page that renews itself has nothing to offer.
      if (!sign.dispatchEvent(new Event("changed", { cancelable: true }))) return;
      // After a longer time away nobody can say what was missed.
      changed.add(kind === "case-changed" ? data.id : kind);
      hears.live();
    },
  };
  listen(sign.dataset.stream, hears);
}
