// Lets deadlines run on between two loads of a page, by the server's clock and not the viewer's.

const page = Date.parse(document.documentElement.dataset.now);
const loaded = performance.now();
const now = () => page + performance.now() - loaded;

// As the server writes it: 12:39, 2h 02m, 2d 4h.
function span(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const two = (number) => String(number).padStart(2, "0");
  if (hours >= 24) return `${Math.floor(hours / 24)}d ${hours % 24}h`;
  return hours ? `${hours}h ${two(minutes % 60)}m` : `${minutes}:${two(seconds % 60)}`;
}

// What the colour says, for those who do not see it; as in signs.html.
const WORDS = { ok: "", warn: " left, soon due", breached: " overdue" };

function show(element, state) {
  const sign = element.closest("[data-state]");
  if (sign.dataset.state === state) return;
  sign.dataset.state = state;
  if (sign === element) {
    const words = element.querySelector(".sr") ?? element.appendChild(document.createElement("span"));
    words.className = "sr";
    words.textContent = WORDS[state];
  }
  const label = sign.querySelector("[data-overdue]");
  if (label && state === "breached") label.textContent = label.dataset.overdue;
}

function use(clock, since, due) {
  const used = Math.min(100, Math.floor((100 * Math.max(0, now() - since)) / Math.max(1000, due - since)));
  const text = `${used} % used`;
  const share = clock.querySelector(".share");
  if (share.textContent === text) return;
  share.textContent = text;
  clock.querySelector(".used").setAttribute("width", `${used}%`);
  clock.querySelector("svg").setAttribute("aria-label", `${used} % of the time is used`);
}

function tick() {
  for (const element of document.querySelectorAll("[data-due]")) {
    const due = Date.parse(element.dataset.due);
    const left = due - now();
    const warns = element.dataset.warn && Date.parse(element.dataset.warn) <= now();
    const text = (left < 0 ? "−" : "") + span(left);
    const shown = element.firstChild ?? element.appendChild(new Text());
    if (shown.nodeValue !== text) shown.nodeValue = text;
    show(element, left < 0 ? "breached" : warns ? "warn" : "ok");
    if (element.dataset.since) use(element.closest(".clock"), Date.parse(element.dataset.since), due);
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Date.parse(element.dataset.until) - now();
    element.textContent = left > 0 ? span(left) : "0:00";
    element.closest("[data-ends]")?.toggleAttribute("hidden", left <= 0);
  }
}

tick();
setInterval(tick, 1000);
