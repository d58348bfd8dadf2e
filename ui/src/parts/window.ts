// Which rows of a long list are drawn. Pure.

/** Browsers cut elements at about 33 million pixels; a longer list is squeezed into this. */
export const tallestPx = 15_000_000;

export interface Window {
  first: number;
  last: number; // not included
}

/** Rows that a viewport shows, and `beyond` more on each side. */
export function windowAt(
  top: number,
  viewport: number,
  rowHeight: number,
  rows: number,
  beyond: number,
): Window {
  if (rows === 0 || rowHeight <= 0) return { first: 0, last: 0 };
  const first = Math.floor(Math.max(0, top) / rowHeight) - beyond;
  const last = Math.ceil((Math.max(0, top) + viewport) / rowHeight) + beyond;
  return { first: clamp(first, 0, rows), last: clamp(last, 0, rows) };
}

/** Where to scroll so that `row` is in sight; null: it already is. */
export function scrollTo(row: number, top: number, viewport: number, rowHeight: number): number | null {
  const begin = row * rowHeight;
  if (begin < top) return begin;
  if (begin + rowHeight > top + viewport) return Math.max(0, begin + rowHeight - viewport);
  return null;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}

/** The row that a key goes to from `row`; null: the key is another's. */
export function rowForKey(key: string, row: number, rows: number, page: number): number | null {
  const step = Math.max(1, page - 1);
  const to: Record<string, number> = {
    ArrowDown: row + 1,
    ArrowUp: row - 1,
    PageDown: row + step,
    PageUp: row - step,
    Home: 0,
    End: rows - 1,
  };
  const target = to[key];
  return target === undefined || rows === 0 ? null : clamp(target, 0, rows - 1);
}
