// How numbers, times and sizes read. Pure.

const space = "\u00a0"; // does not break

/** 1234567 -> "1,234,567" */
export function count(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 item", "2 items" */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)}${space}${value === 1 ? one : many}`;
}

/** Three digits that count: 0.0123 -> "0.0123", 12.34 -> "12.3" */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return count(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return trimmed(value.toFixed(1));
  if (size >= 1) return trimmed(value.toFixed(2));
  return size === 0 ? "0" : trimmed(value.toPrecision(2));
}

function trimmed(digits: string): string {
  return digits.includes(".") && !digits.includes("e") ? digits.replace(/\.?0+$/, "") : digits;
}

/** A length of time in the two largest units: "850 ms", "12.3 s", "4 min 10 s", "2 h 5 min", "3 d 4 h". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds === 0) return `0${space}s`;
  if (seconds < 0.001) return `${figure(seconds * 1e6)}${space}µs`;
  if (seconds < 0.9995) return `${figure(seconds * 1000)}${space}ms`;
  if (seconds < 9.95) return `${trimmed(seconds.toFixed(1))}${space}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${space}s`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(seconds / 3600);
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const first = `${count(large)}${space}${largeUnit}`;
  return small === 0 ? first : `${first}${space}${small}${space}${smallUnit}`;
}

/** How long ago, in one unit: "now", "12 s", "5 min", "3 h", "2 d". Empty where `time` is no time. */
export function age(time: string | undefined, now: number): string {
  const at = time ? Date.parse(time) : NaN;
  if (Number.isNaN(at)) return "";
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds}${space}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${space}min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}${space}h`;
  return `${count(Math.floor(seconds / 86400))}${space}d`;
}

/** "5 min ago", "now"; what is no time stays as it is. */
export function ago(time: string | undefined, now: number): string {
  const old = age(time, now);
  if (old === "") return oneLine(time ?? "");
  return old === "now" ? "now" : `${old}${space}ago`;
}

/** 1536 -> "1.5 KiB" */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  let rest = value;
  while (rest >= 1023.5 && unit < units.length - 1) {
    rest /= 1024;
    ++unit;
  }
  return `${unit === 0 ? count(rest) : figure(rest)}${space}${units[unit]}`;
}

/** 0.256 -> "26 %". Not all is never "100 %", and something is never "0 %". */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  const rounded = Math.round(share * 100);
  if (rounded >= 100 && share < 1) return `99${space}%`;
  if (rounded <= 0 && share > 0) return `<1${space}%`;
  return `${rounded}${space}%`;
}

/** The time of day of this machine: "14:03:09"; with the date where it is another day. */
export function clock(time: number, now: number): string {
  const at = new Date(time);
  const pad = (value: number) => value.toString().padStart(2, "0");
  const day = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  if (new Date(now).toDateString() === at.toDateString()) return day;
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${day}`;
}

/** Foreign text on one line: control characters are shown as codes, direction marks too. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (sign) =>
    sign === "\t" ? "  " : `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** The last part of a path, for narrow places. */
export function lastPart(path: string): string {
  const parts = path.split("/").filter((part) => part !== "");
  return parts[parts.length - 1] ?? path;
}
