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

function tick() {
  for (const element of document.querySelectorAll("[data-due]")) {
    const left = Date.parse(element.dataset.due) - now();
    const warns = element.dataset.warn && Date.parse(element.dataset.warn) <= now();
    const text = (left < 0 ? "−" : "") + span(left);
    const shown = element.firstChild ?? element.appendChild(new Text());
    if (shown.nodeValue !== text) shown.nodeValue = text;
    if (element.dataset.state) element.dataset.state = left < 0 ? "breached" : warns ? "warn" : "ok";
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    const left = Date.parse(element.dataset.until) - now();
    element.textContent = left > 0 ? span(left) : "0:00";
    element.closest("[data-ends]")?.toggleAttribute("hidden", left <= 0);
  }
}

tick();
setInterval(tick, 1000);
