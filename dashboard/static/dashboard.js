// Draws the charts that the page describes, and keeps the live page current. Everything works without it, by the tables.
"use strict";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = () => (document.documentElement.dataset.theme
  || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

function axisWords(unit) {
  const language = document.documentElement.lang;
  if (unit === "ratio") {
    const say = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
    return (value) => say.format(value);
  }
  const say = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  if (unit !== "seconds") return (value) => say.format(value);
  return (value) => value >= 5400 ? `${say.format(value / 3600)} h` : value >= 90 ? `${say.format(value / 60)} min` : `${say.format(value)} s`;
}

// A legend in as many rows as its names need (a character is about 7 pixels wide), each name whole or cut with a sign.
function legendBelow(names, width, text) {
  const most = Math.max(80, width - 60), rows = [];
  for (const name of names) {
    const needed = Math.min(most, name.length * 7) + 34;
    if (rows.length && rows[rows.length - 1] + needed <= width) rows[rows.length - 1] += needed;
    else rows.push(needed);
  }
  return { height: 8 + 20 * rows.length, legend: { bottom: 0, icon: "roundRect", itemWidth: 14, itemHeight: 8, itemGap: 12,
    textStyle: { ...text, width: most, overflow: "truncate" } } };
}

const MOST_BELOW = 80;

function options(said, width) {
  const ink = style("--ink"), quiet = style("--quiet"), rule = style("--rule");
  const colours = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => style(`--series-${number}`));
  const text = { color: ink, fontFamily: style("--font") };
  const common = {
    color: colours, textStyle: text, backgroundColor: style("--card"), animationDuration: 250,
    // Drawn, not written as HTML: the page's security policy allows no style within it.
    tooltip: { renderMode: "richText", confine: true, backgroundColor: style("--card"), borderColor: rule, textStyle: text },
  };
  const words = (number, place) => said.series[number].says[place];
  if (said.kind === "donut") {
    const total = said.series[0].values.reduce((sum, value) => sum + (value || 0), 0);
    const below = legendBelow(said.labels, width, text);
    return { ...common,
      tooltip: { ...common.tooltip, trigger: "item", formatter: (p) => `${p.name}: ${words(0, p.dataIndex)}` },
      legend: below.legend,
      series: [{ type: "pie", radius: ["45%", "70%"], bottom: below.height, itemStyle: { borderColor: style("--card"), borderWidth: 2 },
        label: { color: ink, formatter: (p) => `${words(0, p.dataIndex)}` }, silent: false,
        data: said.labels.map((name, place) => ({ name, value: said.series[0].values[place] || 0 })).filter((one) => total === 0 || one.value > 0) }] };
  }
  if (said.kind === "funnel") {
    return { ...common, grid: { left: 8, right: 72, top: 8, bottom: 8, containLabel: true },
      tooltip: { ...common.tooltip, trigger: "item", formatter: (p) => `${p.name}: ${words(0, p.dataIndex)}` },
      xAxis: { type: "value", show: false }, yAxis: { type: "category", inverse: true, data: said.labels, axisTick: { show: false },
        axisLine: { show: false }, axisLabel: { color: ink, width: 150, overflow: "break", lineHeight: 14 } },
      series: [{ type: "bar", data: said.series[0].values, barCategoryGap: "25%", itemStyle: { borderRadius: [0, 4, 4, 0] },
        label: { show: true, position: "right", color: ink, formatter: (p) => words(0, p.dataIndex) } }] };
  }
  const below = said.series.length > 1 ? legendBelow(said.series.map((one) => one.name), width, text) : { height: 0 };
  // Long names (people, advertisements), for which there is no room below, stand beside their bars.
  const longest = Math.max(0, ...said.labels.map((label) => label.length));
  const lies = said.kind === "bar" && longest * said.labels.length > MOST_BELOW && longest > 16;
  const values = { type: "value", min: said.unit === "score" ? 1 : 0, max: said.unit === "score" ? 5 : undefined,
    axisLabel: { color: quiet, formatter: axisWords(said.unit), hideOverlap: true }, splitLine: { lineStyle: { color: rule } } };
  const classes = { type: "category", data: said.labels, inverse: lies, axisLine: { lineStyle: { color: rule } }, axisLabel:
    lies ? { color: quiet, interval: said.labels.length <= 12 ? 0 : "auto", width: Math.min(180, width / 2), overflow: "truncate" }
      : said.kind === "bar" && said.labels.length <= 12 ? { color: quiet, interval: 0, rotate: said.labels.length > 5 ? 35 : 0 }
        : { color: quiet, hideOverlap: true } };
  return { ...common,
    grid: { left: 8, right: 16, top: 16, bottom: 8 + below.height, containLabel: true },
    legend: below.legend,
    tooltip: { ...common.tooltip, trigger: "axis", formatter: (points) => [points[0].axisValueLabel,
      ...points.map((p) => `${p.seriesName}: ${words(p.seriesIndex, p.dataIndex)}`)].join("\n") },
    xAxis: lies ? values : classes, yAxis: lies ? classes : values,
    series: said.series.map((one, number) => said.kind === "bar"
      ? { type: "bar", name: one.name, data: one.values, itemStyle: { borderRadius: lies ? [0, 3, 3, 0] : [3, 3, 0, 0] } }
      : { type: "line", name: one.name, data: one.values, connectNulls: false, symbol: ["circle", "rect", "triangle", "diamond"][number % 4],
          symbolSize: 6, showSymbol: one.values.length < 45, lineStyle: { width: 2, type: ["solid", "dashed", "dotted"][Math.floor(number / 8) % 3] } }),
  };
}

function draw(place) {
  const said = JSON.parse(place.dataset.chart);
  const known = echarts.getInstanceByDom(place);
  const chart = known || echarts.init(place);
  chart.setOption(options(said, place.clientWidth), true);
  if (known) return;
  chart.on("click", (point) => {
    const number = point.componentType === "series" && said.kind !== "donut" && said.kind !== "funnel" ? point.seriesIndex : 0;
    const index = said.kind === "donut" ? said.labels.indexOf(point.name) : point.dataIndex;
    const link = said.series[number].links[index];
    if (link) location.assign(link);
  });
  place.closest("figure").querySelector(".picture")?.addEventListener("click", () => save(place, said));
}

function save(place, said) {
  place.querySelector("canvas").toBlob((picture) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(picture);
    link.download = `${said.name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

const charts = () => document.querySelectorAll(".canvas[data-chart]");
const drawAll = () => charts().forEach(draw);
drawAll();
new ResizeObserver(() => charts().forEach((place) => echarts.getInstanceByDom(place)?.resize())).observe(document.body);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
addEventListener("beforeprint", () => charts().forEach((place) => echarts.getInstanceByDom(place)?.resize()));

document.getElementById("theme")?.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("theme", document.documentElement.dataset.theme); } catch { /* this page only */ }
  drawAll();
});
document.getElementById("print")?.addEventListener("click", () => print());

// A page on its way says so: filters nobody asked before may take a moment.
document.querySelector(".filters")?.addEventListener("submit", () => {
  document.querySelector("main").setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => document.querySelector("main").removeAttribute("aria-busy"));

// Days of one's own are asked for only where "chosen days" is chosen.
document.querySelectorAll("select[data-shows]").forEach((select) => {
  const fields = document.querySelector(`[data-when="${select.name}"]`);
  const turn = () => {
    fields.hidden = select.value !== select.dataset.shows;
    fields.querySelectorAll("input").forEach((input) => { input.disabled = fields.hidden; });
  };
  select.addEventListener("change", turn);
  turn();
});

// Menus close when another opens, by Escape, and by a click elsewhere.
const menus = [...document.querySelectorAll("details.menu")];
menus.forEach((menu) => menu.addEventListener("toggle", () => {
  if (menu.open) menus.forEach((other) => { if (other !== menu) other.open = false; });
}));
addEventListener("click", (event) => menus.forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; }));
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  menus.filter((menu) => menu.open).forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
});

const live = document.getElementById("live");
if (live) {
  const lost = document.getElementById("lost");
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(live.dataset.refresh);
      if (!answer.ok) throw new Error(answer.status);
      live.innerHTML = await answer.text();
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }, Number(live.dataset.seconds) * 1000);
}
