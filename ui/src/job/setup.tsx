// What the job was told to do, what was different the last time, and what the cluster says.
import type { VNode } from "preact";
import { jobPath } from "../api/client";
import type { Difference, JobDetail } from "../api/types";
import type { Model } from "../model";
import { useCell } from "../parts/cell";
import { useResource } from "../parts/resource";
import { Copy, Empty, Panel, Problem, Waiting } from "../parts/small";
import { oneLine } from "../text/format";
import { Conditions, Events, Plain, Pods } from "./conditions";
import { cellText } from "./output";

export function SetupPart(props: { model: Model; job: JobDetail }): VNode {
  const { model, job } = props;
  const version = useCell(model.jobVersion);
  const difference = useResource<Difference>(`difference ${job.id}`, job.state === "Running" ? "" : version, (signal) =>
    model.client.get(jobPath(job.id, "/difference"), {}, signal),
  );
  return (
    <div class="parts">
      <Panel title="Manifest" className="half start">
        {job.manifest ? (
          <>
            <div class="panel-acts">
              <Copy text={job.manifest} label="Copy the manifest" />
            </div>
            <pre class="manifest" tabIndex={0} role="region" aria-label="Text of the manifest">
              {job.manifest}
            </pre>
          </>
        ) : (
          <Empty>The manifest of this job was not kept.</Empty>
        )}
      </Panel>
      <div class="half column">
        <Panel title="What differs from the run before" note={difference.value?.previous ? oneLine(difference.value.previous) : ""}>
          {difference.value ? (
            <Differences difference={difference.value} />
          ) : difference.error ? (
            difference.error.status === 404 ? (
              <Empty>{difference.error.message}</Empty>
            ) : (
              <Problem error={difference.error} />
            )
          ) : (
            <Waiting />
          )}
        </Panel>
        {job.conditions && job.conditions.length > 0 ? (
          <Panel title="Conditions">
            <Conditions conditions={job.conditions} />
          </Panel>
        ) : null}
        {job.events && job.events.length > 0 ? (
          <Panel title="Events">
            <Events events={job.events} />
          </Panel>
        ) : null}
        {job.pods && job.pods.length > 0 ? (
          <Panel title="Pods">
            <Pods pods={job.pods} />
          </Panel>
        ) : null}
      </div>
    </div>
  );
}

function Differences({ difference }: { difference: Difference }): VNode {
  if (!difference.previous) return <Empty>{difference.note ?? "There is no earlier run of this job here."}</Empty>;
  if (difference.fields.length === 0) return <Empty>Nothing: both runs had the same settings.</Empty>;
  return (
    <Plain
      label="Settings that differ"
      head={["Field", "Before", "Now"]}
      rows={difference.fields.map((one) => [one.field, cellText(one.was), cellText(one.now)])}
    />
  );
}
