// A chart over time, drawn by uPlot. What it shows is said in words too.
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useDark } from "./media";

export interface Series {
  name: string;
  values: (number | null)[];
  color: string; // the name of a CSS variable
  fill?: boolean;
  dash?: number[];
}

export interface TimeChartProps {
  label: string;
  times: number[];
  series: Series[];
  format: (value: number) => string;
  height?: number;
}

function variable(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function optionsOf(element: HTMLElement, props: TimeChartProps): uPlot.Options {
  const grid = { stroke: variable(element, "--line"), width: 1 };
  const axis = {
    stroke: variable(element, "--soft"),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    grid,
    ticks: grid,
  };
  return {
    width: Math.max(200, element.clientWidth),
    height: props.height ?? 260,
    legend: { show: props.series.length > 1, live: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, space: 90, values: timeTicks },
      { ...axis, size: 58, values: (_plot, ticks) => ticks.map((tick) => props.format(tick)) },
    ],
    series: [
      {},
      ...props.series.map((one) => {
        const color = variable(element, one.color);
        return {
          label: one.name,
          stroke: color,
          width: 1.75,
          ...(one.dash ? { dash: one.dash } : {}),
          ...(one.fill ? { fill: `color-mix(in srgb, ${color} 16%, transparent)` } : {}),
          points: { show: one.values.length < 3 },
        };
      }),
    ],
  };
}

/** A day of 24 hours; the date where a tick begins another day. */
function timeTicks(_plot: uPlot, ticks: number[]): string[] {
  const pad = (value: number) => value.toString().padStart(2, "0");
  const step = (ticks[1] ?? 0) - (ticks[0] ?? 0);
  return ticks.map((tick) => {
    const at = new Date(tick * 1000);
    if (step >= 86400) return `${at.getMonth() + 1}-${pad(at.getDate())}`;
    const minute = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
    if (step >= 1 && Math.round(step) % 60 === 0) return minute;
    const seconds = `${minute}:${pad(at.getSeconds())}`;
    if (step >= 1) return seconds;
    return `${seconds}.${at.getMilliseconds().toString().padStart(3, "0").slice(0, step >= 0.1 ? 1 : 2)}`;
  });
}

export function TimeChart(props: TimeChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useDark();
  const names = props.series.map((one) => one.name).join("\n");

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot(optionsOf(element, props), dataOf(props), element);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      const width = Math.max(200, element.clientWidth);
      if (made.width !== width) made.setSize({ width, height: props.height ?? 260 });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark, names, props.height]);

  useEffect(() => plot.current?.setData(dataOf(props)), [props.times, props.series]);

  return <div class="chart" ref={place} role="img" aria-label={props.label} />;
}

function dataOf(props: TimeChartProps): uPlot.AlignedData {
  return [props.times, ...props.series.map((one) => one.values)];
}
