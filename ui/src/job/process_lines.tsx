// A line for each process: at work in run(), loading (reading, writing), idle.
import type { VNode } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { ProcessSpans, SpanKind } from "../api/types";
import { useDark } from "../parts/media";
import { duration, percent } from "../text/format";
import { Plain } from "./conditions";

const rowHeight = 18;
const barHeight = 12;
/** What one drawing shows; the table below it has all. */
const mostLines = 400;

interface Shares {
  run: number;
  loading: number;
  idle: number;
}

export function sharesOf(process: ProcessSpans): Shares {
  const sums: Record<SpanKind, number> = { run: 0, loading: 0, idle: 0 };
  for (const [from, to, kind] of process.spans) sums[kind] += Math.max(0, to - from);
  const total = sums.run + sums.loading + sums.idle || 1;
  return { run: sums.run / total, loading: sums.loading / total, idle: sums.idle / total };
}

export function rangeOf(processes: ProcessSpans[]): [from: number, to: number] {
  let from = Infinity;
  let to = -Infinity;
  for (const process of processes) {
    for (const span of process.spans) {
      if (span[0] < from) from = span[0];
      if (span[1] > to) to = span[1];
    }
  }
  return from < to ? [from, to] : [0, 1];
}

export function ProcessLines({ processes }: { processes: ProcessSpans[] }): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = useDark();
  const shown = processes.slice(0, mostLines);
  const [from, to] = useMemo(() => rangeOf(processes), [processes]);
  const shares = useMemo(() => processes.map(sharesOf), [processes]);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const paint = () => draw(element, shown, from, to);
    paint();
    const observer = new ResizeObserver(paint);
    observer.observe(element);
    return () => observer.disconnect();
  }, [processes, dark]);

  const mean = (kind: keyof Shares) => shares.reduce((sum, one) => sum + one[kind], 0) / Math.max(1, shares.length);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <div class="lines">
      <ul class="share-legend">
        <li>
          <span class="legend-sign kind-run" aria-hidden="true" /> in run() <strong>{percent(mean("run"))}</strong>
        </li>
        <li>
          <span class="legend-sign kind-loading" aria-hidden="true" /> loading, writing <strong>{percent(mean("loading"))}</strong>
        </li>
        <li>
          <span class="legend-sign kind-idle" aria-hidden="true" /> idle <strong>{percent(mean("idle"))}</strong>
        </li>
      </ul>
      <div class="lines-scroll" role="region" aria-label="Lines of the processes" tabIndex={0}>
        <div class="lines-names" aria-hidden="true">
          {shown.map((one) => (
            <span key={`${one.node}/${one.process}`} title={`${one.node}/${one.process}`}>
              {one.node}/{one.process}
            </span>
          ))}
        </div>
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Lines of ${processes.length} processes over ${duration(to - from)}: on average ${percent(mean("run"))} in run(), ${percent(mean("loading"))} loading and writing, ${percent(mean("idle"))} idle`}
          style={{ height: `${shown.length * rowHeight}px` }}
        />
      </div>
      <div class="lines-ticks" aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick}>{tick === 0 ? "start" : `+${duration((to - from) * tick)}`}</span>
        ))}
      </div>
      {processes.length > mostLines ? (
        <p class="note">The first {mostLines} processes are drawn. The table has all.</p>
      ) : null}
      <details class="as-table">
        <summary>The same as a table</summary>
        <Plain
          label="Shares of each process"
          head={["Process", "In run()", "Loading, writing", "Idle"]}
          rows={processes.map((one, index) => [
            `${one.node}/${one.process}`,
            percent(shares[index]?.run ?? 0),
            percent(shares[index]?.loading ?? 0),
            percent(shares[index]?.idle ?? 0),
          ])}
        />
      </details>
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, processes: ProcessSpans[], from: number, to: number): void {
  const dots = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = processes.length * rowHeight;
  canvas.width = Math.max(1, Math.round(width * dots));
  canvas.height = Math.max(1, Math.round(height * dots));
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(dots, dots);
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const run = color("--kind-run");
  const loading = color("--kind-loading");
  const idle = color("--kind-idle");
  const scale = width / (to - from);
  processes.forEach((process, row) => {
    const top = row * rowHeight + (rowHeight - barHeight) / 2;
    for (const [begin, end, kind] of process.spans) {
      const left = (begin - from) * scale;
      const wide = Math.max(0.6, (end - begin) * scale);
      // Not by colour alone: run is tall, loading is half as tall, idle is a line.
      const tall = kind === "run" ? barHeight : kind === "loading" ? barHeight / 2 : 2;
      context.fillStyle = kind === "run" ? run : kind === "loading" ? loading : idle;
      context.fillRect(left, top + barHeight - tall, wide, tall);
    }
  });
}
