// Values as Grafana writes them, by the name that a unit has in a dashboard's file.

const DECIMAL = [[1e12, " T"], [1e9, " B"], [1e6, " Mil"], [1e3, " K"], [1, ""]];
const BINARY = [[2 ** 40, " TiB"], [2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"], [1, " B"]];
const SECONDS = [[86400, " days"], [3600, " hours"], [60, " min"], [1, " s"], [1e-3, " ms"], [1e-6, " µs"]];
const SHARE = [[0.01, "%"]];

const UNITS = {
  short: DECIMAL,
  cps: DECIMAL.map(([size, name]) => [size, `${name} c/s`]),
  bytes: BINARY,
  s: SECONDS,
  percentunit: SHARE,
};

// Three digits, or as many as tell two lines of an axis apart that are `step` from each other.
function format(unit, value, step) {
  const scales = UNITS[unit];
  if (!scales) throw new Error(`the unit ${unit} is unknown`);
  const least = scales[scales.length - 1];
  const [size, name] = scales.find(([size]) => Math.abs(value) >= size) ?? least;
  if (value === 0) return `0${scales === SECONDS ? " s" : (scales.find(([size]) => size === 1) ?? least)[1]}`;
  const scaled = value / size;
  const decimals = step ? decimalsOf(step / size) : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(scaled))));
  // 70 s are 1.17 min.
  return `${Number(scaled.toFixed(size >= 60 && scales === SECONDS ? Math.min(decimals, 2) : Math.min(decimals, 6)))}${name}`;
}

function decimalsOf(step) {
  for (let decimals = 0; decimals < 6; decimals++) {
    if (Math.abs(step - Number(step.toFixed(decimals))) < step * 1e-6) return decimals;
  }
  return 6;
}
