// When each process worked, how long mini-batches take, and what that cost in memory and processors.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { jobPath } from "../api/client";
import type { JobDetail, Timeline } from "../api/types";
import type { Model } from "../model";
import { useCell } from "../parts/cell";
import { TimeChart, type Series } from "../parts/time_chart";
import { useResource } from "../parts/resource";
import { Empty, Panel, Problem, Waiting } from "../parts/small";
import { bytes, counted, duration, figure } from "../text/format";
import { Plain } from "./conditions";
import { Histogram } from "./histogram";
import { stillReading } from "./overview";
import { ProcessLines } from "./process_lines";

const colors = ["--data-1", "--data-2", "--data-3", "--data-4", "--data-5", "--data-6"];
const dashes: (number[] | undefined)[] = [undefined, [6, 4], [2, 3], [10, 4, 2, 4]];

export function TimePart(props: { model: Model; job: JobDetail }): VNode {
  const { model, job } = props;
  const version = useCell(model.jobVersion);
  const { value, error } = useResource<Timeline>(`timeline ${job.id}`, version, (signal) =>
    model.client.get(jobPath(job.id, "/timeline"), {}, signal),
    (timeline) => timeline.reading === true,
  );
  if (!value) return error ? <Problem error={error} /> : <Waiting />;
  return (
    <div class="parts">
      <Panel
        title="Processes"
        className="whole"
        note={stillReading(value) ?? (value.thinned ? "thinned out: short spans are drawn as one" : counted(value.processes.length, "process", "processes"))}
      >
        {value.processes.length === 0 ? (
          <Empty>No process has had a mini-batch yet.</Empty>
        ) : (
          <ProcessLines processes={value.processes} />
        )}
      </Panel>
      <Panel title="How long run() takes" className="wide-part" note={stillReading(value) ?? "number of mini-batches by seconds"}>
        <div class="chart-place">
          {value.durations.counts.length === 0 ? (
            <Empty>No mini-batch is done yet.</Empty>
          ) : (
            <Histogram edges={value.durations.edgesSeconds} counts={value.durations.counts} />
          )}
        </div>
      </Panel>
      <Panel title="Slowest mini-batches" className="narrow-part">
        {value.slowest.length === 0 ? (
          <Empty>No mini-batch is done yet.</Empty>
        ) : (
          <Plain
            label="Slowest mini-batches"
            head={["Mini-batch", "Time", "Items", "Process"]}
            rows={value.slowest.map((one) => [
              String(one.miniBatch),
              duration(one.seconds),
              one.items === undefined ? "" : String(one.items),
              `${one.node}/${one.process}`,
            ])}
          />
        )}
      </Panel>
      <Resources resources={value.resources} />
    </div>
  );
}

/** Nodes have clocks of their own: one axis for all, with gaps where a node did not measure. */
export function joined(
  resources: Timeline["resources"],
  member: "cpuPercent" | "memoryBytes",
): { times: number[]; series: Series[] } {
  const nodes = Object.keys(resources).sort();
  const times = [...new Set(nodes.flatMap((node) => resources[node]?.time ?? []))].sort((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const series = nodes.map((node, index) => {
    const values: (number | null)[] = new Array<number | null>(times.length).fill(null);
    const one = resources[node];
    one?.time.forEach((time, at) => {
      const slot = place.get(time);
      if (slot !== undefined) values[slot] = one[member][at] ?? null;
    });
    const dash = dashes[Math.floor(index / colors.length) % dashes.length];
    return { name: node, values, color: colors[index % colors.length] ?? "--data-1", ...(dash ? { dash } : {}) };
  });
  // uPlot bridges a gap that is undefined, not one that is null.
  const bridged = series.map((one) => ({ ...one, values: one.values.map((value) => value ?? undefined) as (number | null)[] }));
  return { times, series: nodes.length > 1 ? bridged : series };
}

function most(series: Series[]): number {
  return series.reduce((high, one) => one.values.reduce<number>((top, value) => Math.max(top, value ?? 0), high), 0);
}

function Resources({ resources }: { resources: Timeline["resources"] }): VNode {
  const cpu = useMemo(() => joined(resources, "cpuPercent"), [resources]);
  const memory = useMemo(() => joined(resources, "memoryBytes"), [resources]);
  const none = <Empty>Nothing was measured: resourceMonitorInterval is 0, or the job was too short.</Empty>;
  return (
    <>
      <Panel title="Processors" className="half" note="per cent of the node">
        <div class="chart-place">
          {cpu.times.length === 0 ? (
            none
          ) : (
            <TimeChart
              label={`Processor use of ${counted(cpu.series.length, "node")}, at most ${figure(most(cpu.series))} per cent`}
              times={cpu.times}
              series={cpu.series}
              format={(value) => `${figure(value)} %`}
            />
          )}
        </div>
      </Panel>
      <Panel title="Memory" className="half" note="in use on the node">
        <div class="chart-place">
          {memory.times.length === 0 ? (
            none
          ) : (
            <TimeChart
              label={`Memory in use on ${counted(memory.series.length, "node")}, at most ${bytes(most(memory.series))}`}
              times={memory.times}
              series={memory.series}
              format={(value) => bytes(value)}
            />
          )}
        </div>
      </Panel>
    </>
  );
}
