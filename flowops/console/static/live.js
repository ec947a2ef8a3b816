// Says that cases changed since the page was loaded. Nothing moves by itself: whoever reads decides when.

const sign = document.getElementById("live");
if (sign) {
  const stream = new EventSource(sign.dataset.stream);
  const changed = new Set();
  let late;

  const say = (state, text) => {
    clearTimeout(late);
    sign.hidden = false;
    sign.dataset.state = state;
    sign.textContent = text;
  };
  stream.onopen = () => {
    clearTimeout(late);
    if (!changed.size) say("live", "Live");
  };
  stream.onerror = () => {
    clearTimeout(late);
    late = setTimeout(() => say("lost", "Reconnecting…"), 3000);
  };
  const offer = (text) => {
    say("news", "");
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = text;
    sign.append(link);
  };
  stream.addEventListener("case-changed", (event) => {
    changed.add(JSON.parse(event.data).id);
    offer(`${changed.size} changed — Refresh`);
  });
  // After a longer time away nobody can say what was missed.
  stream.addEventListener("reload", () => {
    changed.add("reload");
    offer("Much may have changed — Refresh");
  });
  addEventListener("pagehide", () => stream.close());
}
