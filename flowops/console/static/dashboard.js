// Draws the line chart from the table below it, so that both show the same numbers; without this the columns stay. Shows
// new figures without a reload, and keeps what is the viewer's: focus, scroll, and what is open.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const moment = (seconds) => `${day.format(seconds * 1000)}, ${time.format(seconds * 1000)}`;

// Times of the tables, from UTC to the clock of whoever reads them.
function localise(page) {
  for (const element of page.querySelectorAll(".numbers time")) {
    element.textContent = moment(Date.parse(element.dateTime) / 1000);
  }
}

function labels(_chart, splits, _axis, _space, step) {
  let last = "";
  return splits.map((seconds) => {
    const date = day.format(seconds * 1000);
    if (step >= DAY) return date;
    const label = time.format(seconds * 1000) + (date === last ? "" : `\n${date}`);
    last = date;
    return label;
  });
}

function read(card) {
  const rows = [...card.querySelectorAll("tbody tr")].map((row) => [...row.cells]);
  const times = rows.map(([since]) => Date.parse(since.firstElementChild.dateTime) / 1000);
  return [times, ...[1, 2].map((column) => rows.map((cells) => Number(cells[column].textContent.replaceAll(",", ""))))];
}

// Gives what draws it anew after the table changed.
function draw(card) {
  const box = card.querySelector(".drawing");
  // A canvas does not know our colours by name, so it asks the drawn key.
  const ink = (selector, property) => () => getComputedStyle(card.querySelector(selector))[property];
  const text = ink(".drawing", "color");
  const lines = ink(".rest", "borderTopColor");
  const font = `11px ${getComputedStyle(card).fontFamily}`;
  const axis = { stroke: text, font, ticks: { show: false } };
  const grid = { stroke: lines, width: 1 };
  const size = () => ({ width: box.clientWidth, height: box.clientHeight });

  box.replaceChildren();
  const chart = new uPlot(
    {
      ...size(),
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { y: { range: (_chart, _low, high) => [0, Math.max(4, Math.ceil(high * 1.1))] } },
      axes: [
        { ...axis, grid: { show: false }, values: labels, size: 42, space: 60 },
        { ...axis, grid, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000], size: 34, space: 32 },
      ],
      series: [
        {},
        { stroke: ink(".line-1", "stroke"), width: 2, points: { show: false } },
        { stroke: ink(".line-2", "stroke"), width: 2, dash: [6, 4], points: { show: false } },
      ],
      hooks: {
        setCursor: [
          ({ cursor: { idx }, data: [times, first, second] }) => {
            const said = idx == null ? "" : `${moment(times[idx])}: ${first[idx]} arrived, ${second[idx]} resolved`;
            card.querySelector("output").textContent = said;
          },
        ],
      },
    },
    read(card),
    box,
  );
  new ResizeObserver(() => chart.setSize(size())).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw());
  return () => chart.setData(read(card));
}

// Makes a part of the page like its new version; what did not change is not touched.
function renew(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.matches(".drawing, output, form, #live")) return;
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [olds, news] = [old, fresh].map((each) => [...each.childNodes]);
  news.forEach((child, place) => (olds[place] ? renew(olds[place], child) : old.append(child)));
  olds.slice(news.length).forEach((each) => each.remove());
}

// In milliseconds. Not every figure is about a case, and some change with time alone.
const SOON = 15_000;
const ANYWAY = 60_000;
const SHARE = 20; // of the time, at most a twentieth is spent counting for one viewer

function follow(sign, charts) {
  let isNews = false;
  let isAsking = false;
  let asked = performance.now();
  let rest = SOON;

  async function ask() {
    const began = performance.now();
    isNews = false;
    try {
      const answer = await fetch(sign.dataset.refresh, { redirect: "manual" });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      rest = Math.max(SOON, SHARE * (performance.now() - began));
      localise(fresh);
      for (const part of [".rail", ".dash > .scroll", ".dash > .foot"]) {
        renew(document.querySelector(part), fresh.querySelector(part));
      }
      charts.forEach((chart) => chart());
    } catch {
      isNews = true; // the page says as of when it is; the next try comes after the same rest
    }
    asked = performance.now();
  }

  sign.addEventListener("changed", (event) => {
    event.preventDefault();
    isNews = true;
  });
  setInterval(async () => {
    const isDue = performance.now() - asked >= (isNews ? rest : Math.max(rest, ANYWAY));
    if (isAsking || !isDue || document.visibilityState !== "visible") return;
    isAsking = true;
    await ask();
    isAsking = false;
  }, 1000);
}

localise(document);
const charts = [...document.querySelectorAll("[data-chart]")].map(draw);
const sign = document.getElementById("live");
if (sign) follow(sign, charts);
