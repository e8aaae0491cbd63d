// Draws a dashboard: panels on Grafana's grid of 24 columns, lines by uPlot, which Grafana draws with, too.

const COLUMN = 24;
const ROW = 38;
const GAP = 8;
// Grafana's classic palette.
const COLOURS = [
  "#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0", "#508642", "#cca300",
  "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477", "#b7dbab", "#f4d598", "#70dbed", "#f9ba8f",
];
const FONT = "11px Inter";

function draw(dashboard) {
  document.querySelector("header").append(...heading(dashboard));
  const grid = document.querySelector("#grid");
  for (const panel of dashboard.panels) drawPanel(grid, panel, dashboard.times);
}

function element(name, options, ...children) {
  const made = Object.assign(document.createElement(name), options);
  made.append(...children);
  return made;
}

function heading({ title, description, variables, times }) {
  const text = element("div", {}, element("h1", {}, title), element("p", {}, description));
  const at = (time) => new Date(time * 1000).toISOString().slice(11, 16);
  const range = `${at(times[0])} to ${at(times[times.length - 1])} UTC`;
  const fields = Object.entries({ ...variables, Time: range }).map(([label, value]) =>
    element("div", { className: "field" }, element("b", {}, label), value),
  );
  return [text, element("div", { className: "space" }), ...fields];
}

function drawPanel(grid, panel, times) {
  const { x, y, w, h } = panel.gridPos;
  const column = (innerWidth - GAP) / COLUMN;
  const plot = element("div", { className: "plot" });
  const legend = panel.options?.legend ?? {};
  const series = ordered(panel, legend);
  const side = legend.placement === "right" ? "right" : "bottom";
  const body = element("div", { className: `body ${side}` }, plot, drawLegend(series, side, legend));
  const box = element("div", { className: "panel" }, element("h2", {}, panel.title), element("p", {}, panel.description), body);
  const place = { left: GAP + x * column, top: y * ROW, width: w * column - GAP, height: h * ROW - GAP };
  for (const [name, pixels] of Object.entries(place)) box.style[name] = `${pixels}px`;
  grid.append(box);
  new uPlot(options(panel, series, times, plot), [times, ...series.map(({ values }) => values)], plot);
}

// Each series with its unit, colour and last value; by that value where the legend is to be so.
function ordered(panel, legend) {
  const { defaults, overrides } = panel.fieldConfig;
  const unitOf = (name) => {
    const own = overrides.filter(({ matcher }) => matcher.id === "byName" && matcher.options === name);
    return own.flatMap(({ properties }) => properties).find(({ id }) => id === "unit")?.value ?? defaults.unit;
  };
  const series = panel.series.map(({ name, values }, i) => ({
    name,
    values,
    unit: unitOf(name),
    colour: COLOURS[i % COLOURS.length],
    last: values.findLast((value) => value !== null),
  }));
  if (legend.sortDesc) series.sort((a, b) => (b.last ?? -1) - (a.last ?? -1));
  return series;
}

function drawLegend(series, side, { calcs = [] }) {
  const item = ({ name, unit, colour, last }) => {
    const line = element("i", {});
    line.style.background = colour;
    const value = calcs.includes("lastNotNull") ? [element("em", {}, last === undefined ? "" : format(unit, last))] : [];
    return element("span", {}, line, name, ...value);
  };
  return element("div", { className: "legend" }, ...series.map(item));
}

function options(panel, series, times, plot) {
  const units = [...new Set(series.map(({ unit }) => unit))];
  const { width, height } = plot.getBoundingClientRect();
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
    padding: [8, units.length > 1 ? 4 : 14, 0, 4],
    scales: Object.fromEntries([["x", { time: true }], ...units.map((unit) => [unit, { range: rangeOf(panel) }])]),
    axes: [timeAxis(), ...units.map(valueAxis)],
    series: [{}, ...series.map(({ unit, colour }) => ({ scale: unit, stroke: colour, width: 1.5, points: { show: false } }))],
    hooks: { draw: [(chart) => drawThresholds(chart, panel.fieldConfig.defaults, units[0])] },
  };
}

// From the panel's own minimum to a bit above the largest value.
function rangeOf({ fieldConfig: { defaults } }) {
  return (_, least, most) => {
    const low = defaults.min ?? least ?? 0;
    const high = defaults.max ?? (most > low ? most + (most - low) * 0.08 : low + 1);
    return [low, high];
  };
}

const GRID = { stroke: "#e9ebed", width: 1 };

function timeAxis() {
  const at = (time) => new Date(time * 1000).toISOString().slice(11, 16);
  return { font: FONT, stroke: "#6a7075", grid: GRID, ticks: { show: false }, size: 24, gap: 4, space: 60,
    incrs: [60, 120, 300, 600, 1800, 3600], values: (_, times) => times.map(at) };
}

function valueAxis(unit, i) {
  const axis = { scale: unit, side: i ? 1 : 3, font: FONT, stroke: "#6a7075", grid: { ...GRID, show: i === 0 },
    ticks: { show: false }, size: 62, gap: 6, space: 28,
    values: (_, values, __, ___, step) => values.map((value) => format(unit, value, step)) };
  if (unit === "bytes") axis.incrs = Array.from({ length: 41 }, (_, i) => 2 ** i);
  if (unit === "s") axis.incrs = [1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 3600];
  return axis;
}

// Where a panel is to show its thresholds, a dashed line at each.
function drawThresholds(chart, { custom = {}, thresholds = { steps: [] } }, unit) {
  if ((custom.thresholdsStyle?.mode ?? "off") === "off") return;
  const { ctx, bbox } = chart;
  for (const { value, color } of thresholds.steps) {
    if (value === null || value > chart.scales[unit].max) continue;
    const y = chart.valToPos(value, unit, true);
    ctx.save();
    ctx.strokeStyle = color;
    ctx.setLineDash([8, 6]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
}
