// How fast it is, what explains that, and what is odd.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { jobPath } from "../api/client";
import type { Explanation, JobDetail, Timeline } from "../api/types";
import type { Model } from "../model";
import { useCell } from "../parts/cell";
import { TimeChart } from "../parts/time_chart";
import { useResource } from "../parts/resource";
import { Empty, Panel, Problem, Waiting } from "../parts/small";
import { bytes, duration, figure, oneLine, percent } from "../text/format";
import { Conditions } from "./conditions";

/** What is not the whole yet says so. */
export function stillReading(timeline: Timeline | null): string | null {
  return timeline?.reading === true ? "the logs are still being read: there is more to come" : null;
}

export function OverviewPart(props: { model: Model; job: JobDetail }): VNode {
  const { model, job } = props;
  const version = useCell(model.jobVersion);
  const timeline = useResource<Timeline>(`timeline ${job.id}`, version, (signal) =>
    model.client.get(jobPath(job.id, "/timeline"), {}, signal),
    (timeline) => timeline.reading === true,
  );
  const explanation = useResource<Explanation>(`explain ${job.id}`, version, (signal) =>
    model.client.get(jobPath(job.id, "/explain"), {}, signal),
  );
  const warnings = job.warnings ?? [];
  const errors = (job.firstErrors ?? [])
    .map((error) => [error.type, error.message].filter((part) => part).join(": "))
    .filter((error) => error !== "" && !(job.message ?? "").includes(error));
  return (
    <div class="parts">
      {warnings.length > 0 ? (
        <Panel title="Warnings" className="whole">
          <ul class="warnings">
            {warnings.map((warning) => (
              <li key={warning}>{oneLine(warning)}</li>
            ))}
          </ul>
        </Panel>
      ) : null}
      {errors.length > 0 ? (
        <Panel title={errors.length === 1 ? "First error" : "First errors"} className="whole">
          <ul class="first-errors mono">
            {errors.map((error) => (
              <li key={error}>{oneLine(error)}</li>
            ))}
          </ul>
        </Panel>
      ) : null}
      <Panel
        title="Throughput"
        className="wide-part"
        note={stillReading(timeline.value) ?? (timeline.value?.thinned ? "thinned out: some points stand for several" : "mini-batches a second")}
      >
        <div class="chart-place">
          {timeline.value ? (
            <Throughput timeline={timeline.value} />
          ) : timeline.error ? (
            <Problem error={timeline.error} />
          ) : (
            <Waiting />
          )}
        </div>
      </Panel>
      <Panel title="Where the time goes" className="narrow-part" note="as parallelrun explain tells it">
        {explanation.value ? (
          <Explained speed={explanation.value} />
        ) : explanation.error ? (
          <Problem error={explanation.error} />
        ) : (
          <Waiting />
        )}
      </Panel>
      {job.conditions && job.conditions.length > 0 ? (
        <Panel title="Conditions" className="whole">
          <Conditions conditions={job.conditions} />
        </Panel>
      ) : null}
    </div>
  );
}

export function Throughput({ timeline }: { timeline: Timeline }): VNode {
  const points = timeline.throughput ?? [];
  const data = useMemo<[number[], number[]]>(
    () => [points.map((point) => point[0]), points.map((point) => point[1])],
    [points],
  );
  if (points.length === 0) return <Empty>No mini-batch has succeeded yet.</Empty>;
  const values = data[1];
  const most = Math.max(...values);
  const span = (data[0][data[0].length - 1] ?? 0) - (data[0][0] ?? 0);
  return (
    <TimeChart
      label={`Throughput over ${duration(span)}: at most ${figure(most)}, at the end ${figure(values[values.length - 1] ?? 0)} mini-batches a second`}
      times={data[0]}
      series={[{ name: "mini-batches/s", values, color: "--data-1", fill: true }]}
      format={(value) => figure(value)}
    />
  );
}

function Explained({ speed }: { speed: Explanation }): VNode {
  const parts: [string, number, string][] = [
    ["run()", speed.shareOfRun, "run"],
    ["reading and writing", speed.shareOfReadingAndWriting, "loading"],
    ["idle", speed.shareOfIdle, "idle"],
  ];
  return (
    <div class="explained">
      <div class="share-bar" aria-hidden="true">
        {parts.map(([name, share, kind]) => (
          <span key={name} class={`share kind-${kind}`} style={{ width: `${Math.max(0, share) * 100}%` }} />
        ))}
      </div>
      <ul class="share-legend">
        {parts.map(([name, share, kind]) => (
          <li key={name}>
            <span class={`legend-sign kind-${kind}`} aria-hidden="true" />
            {name} <strong>{percent(share)}</strong>
          </li>
        ))}
      </ul>
      <dl class="pairs">
        {speed.startSeconds > 0 ? (
          <div>
            <dt>until the first mini-batch</dt>
            <dd>{duration(speed.startSeconds)}</dd>
          </div>
        ) : null}
        <div>
          <dt>a mini-batch in run(), the middle one</dt>
          <dd>{duration(speed.medianRunSeconds)}</dd>
        </div>
        <div>
          <dt>the longest</dt>
          <dd>{duration(speed.longestRunSeconds)}</dd>
        </div>
        <div>
          <dt>processors while busy, each process</dt>
          <dd>{figure(speed.processorsWhileBusy)}</dd>
        </div>
        {speed.largestProcessKb > 0 ? (
          <div>
            <dt>memory of the largest process</dt>
            <dd>{bytes(speed.largestProcessKb * 1024)}</dd>
          </div>
        ) : null}
      </dl>
      {speed.findings.length === 0 ? (
        <p class="finding-none">Nothing stands out. More processes or nodes make it faster.</p>
      ) : (
        <ul class="findings">
          {speed.findings.map((finding) => (
            <li key={finding.what}>
              <strong>{oneLine(finding.what)}</strong> <span class="figures">{oneLine(finding.figures)}</span>
              <p>Try: {oneLine(finding.try)}</p>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
