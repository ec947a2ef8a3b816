// Draws the line chart from the table below it, so that both show the same numbers; without this the columns stay.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const moment = (seconds) => `${day.format(seconds * 1000)}, ${time.format(seconds * 1000)}`;

// Times of the tables, from UTC to the clock of whoever reads them.
for (const element of document.querySelectorAll(".numbers time")) {
  element.textContent = moment(Date.parse(element.dateTime) / 1000);
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

function draw(card) {
  const box = card.querySelector(".drawing");
  const rows = [...card.querySelectorAll("tbody tr")].map((row) => [...row.cells]);
  const times = rows.map(([since]) => Date.parse(since.firstElementChild.dateTime) / 1000);
  const [first, second] = [1, 2].map((column) => rows.map((cells) => Number(cells[column].textContent.replaceAll(",", ""))));
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
          ({ cursor: { idx } }) => {
            const said = idx == null ? "" : `${moment(times[idx])}: ${first[idx]} arrived, ${second[idx]} resolved`;
            card.querySelector("output").textContent = said;
          },
        ],
      },
    },
    [times, first, second],
    box,
  );
  new ResizeObserver(() => chart.setSize(size())).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw());
}

document.querySelectorAll("[data-chart]").forEach(draw);
