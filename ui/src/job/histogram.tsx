import type { VNode } from "preact";
import { counted, duration } from "../text/format";

/** Bars between edges; `edges` has one more than `counts`, or as many (then the last bar is open). */
export function Histogram({ edges, counts }: { edges: number[]; counts: number[] }): VNode {
  const most = Math.max(1, ...counts);
  const total = counts.reduce((sum, value) => sum + value, 0);
  const width = 600;
  const height = 190;
  const step = width / counts.length;
  const fullest = counts.indexOf(most);
  const name = (index: number) => {
    const from = duration(edges[index] ?? 0);
    const to = edges[index + 1];
    return to === undefined ? `more than ${from}` : `${from} to ${duration(to)}`;
  };
  const ticks = tickIndexes(counts.length, 6);
  return (
    <figure
      class="histogram"
      role="img"
      aria-label={`Run times of ${counted(total, "mini-batch", "mini-batches")}: most of them ${name(Math.max(0, fullest))}`}
    >
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} class="histogram-base" />
        {counts.map((value, index) => {
          const tall = value === 0 ? 0 : Math.max(2, (value / most) * (height - 8));
          return (
            <rect key={index} x={index * step + 1} y={height - tall} width={Math.max(1, step - 2)} height={tall}>
              <title>{`${name(index)}: ${counted(value, "mini-batch", "mini-batches")}`}</title>
            </rect>
          );
        })}
      </svg>
      <div class="histogram-ticks" aria-hidden="true">
        {ticks.map((index) => (
          <span key={index} style={{ left: `${(index / counts.length) * 100}%` }}>
            {duration(edges[index] ?? 0)}
          </span>
        ))}
      </div>
    </figure>
  );
}

/** At most `most` edges that are spread evenly. Pure. */
export function tickIndexes(bars: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(bars / most));
  const found: number[] = [];
  for (let index = 0; index < bars; index += step) found.push(index);
  return found;
}
