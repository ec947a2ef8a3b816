// Listens to the stream of changes while the page is seen, and begins again wherever it breaks. An EventSource would
// end for good with any answer but 200, and never say which it was.

const SILENCE = 45_000; // three heartbeats in milliseconds
const LONGEST = 30_000; // between two tries

async function* messages(answer, alive) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    alive();
    const blocks = (text + part.value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) yield Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/)));
  }
}

// `hears` is told when the stream is live, when it is lost (it goes on by itself), and of each event; and with `over`
// when whoever looks may listen no more.
export function listen(address, hears) {
  let last, current, again;
  let tries = 0;

  function stop() {
    clearTimeout(again);
    current?.abort();
    current = undefined;
  }

  async function start() {
    stop();
    const mine = (current = new AbortController());
    let silence;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENCE);
    };
    hears.lost();
    alive();
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const answer = await fetch(address, { headers, redirect: "manual", signal: mine.signal });
      if (answer.type === "opaqueredirect" || answer.status === 401) return hears.over("Signed out");
      if (answer.status === 403) return hears.over("No longer allowed");
      if (!answer.ok) throw new Error(answer.status);
      for await (const { id, event, data } of messages(answer, alive)) {
        if (id) {
          last = id;
          tries = 0;
          hears.live();
        }
        if (event) hears.event(event, JSON.parse(data));
      }
    } catch {
      // Whatever broke it, it is tried again below.
    } finally {
      clearTimeout(silence);
    }
    if (current !== mine) return;
    hears.lost();
    // Those who lost the same server do not all come back in the same moment.
    again = setTimeout(start, Math.min(LONGEST, 1000 * 2 ** tries++) * (0.5 + Math.random() / 2));
  }

  // A browser keeps six connections to a host without HTTP/2, for all its tabs together.
  const follow = () => (document.visibilityState === "visible" ? start() : stop());
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", (event) => event.persisted && follow());
  follow();
}
