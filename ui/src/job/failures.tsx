// What failed: errors of the script grouped by their traceback, and the items that failed.
import type { VNode } from "preact";
import { jobPath } from "../api/client";
import type { ErrorGroup, ErrorGroups, FailedItem, FailedItems, JobDetail } from "../api/types";
import type { Model } from "../model";
import { useCell, useNow } from "../parts/cell";
import { useNarrow } from "../parts/media";
import { usePages } from "../parts/pages";
import { useResource } from "../parts/resource";
import { Copy, Empty, Panel, Problem, Waiting } from "../parts/small";
import { VirtualTable, type Column } from "../parts/virtual_table";
import { fragmentOf } from "../route";
import { ago, count, counted, oneLine } from "../text/format";

export function FailuresPart(props: { model: Model; job: JobDetail }): VNode {
  const { model, job } = props;
  const version = useCell(model.jobVersion);
  const errors = useResource<ErrorGroups>(`errors ${job.id}`, version, (signal) =>
    model.client.get(jobPath(job.id, "/errors"), {}, signal),
  );
  const tries = job.progress?.triesFailed ?? 0;
  return (
    <div class="parts">
      <Panel title="Errors of the script" className="whole" note={tries > 0 ? counted(tries, "failed try", "failed tries") : ""}>
        {errors.value ? (
          <Groups job={job} groups={errors.value} />
        ) : errors.error ? (
          <Problem error={errors.error} />
        ) : (
          <Waiting />
        )}
      </Panel>
      <Panel title="Failed items" className="whole">
        <Items model={model} job={job} version={version} />
      </Panel>
    </div>
  );
}

function Groups({ job, groups }: { job: JobDetail; groups: ErrorGroups }): VNode {
  if (groups.errors.length === 0) return <Empty>The script has raised no error.</Empty>;
  return (
    <>
      <ul class="groups">
        {groups.errors.map((group, index) => (
          <li key={`${group.file} ${index}`}>
            <Group job={job} group={group} open={index === 0} />
          </li>
        ))}
      </ul>
      {groups.others > 0 ? (
        <p class="note">And {counted(groups.others, "error")} of other kinds, which are in the logs alone.</p>
      ) : null}
    </>
  );
}

/** The place of a group in its log: the file below logs/, and what to look for there. Pure. */
export function placeInLog(group: ErrorGroup): { log: string; find: string } | null {
  if (group.file === "") return null;
  const lines = group.traceback.split("\n").filter((line) => line.trim() !== "");
  const last = lines[lines.length - 1] ?? "";
  const find = last !== "" ? last : group.type;
  return { log: group.file.replace(/^logs\//, ""), find: find.trim().slice(0, 200) };
}

function Group(props: { job: JobDetail; group: ErrorGroup; open: boolean }): VNode {
  const { job, group } = props;
  const now = useNow(10_000);
  const place = placeInLog(group);
  const title = group.type ? `${group.type}: ${group.message}` : group.message;
  return (
    <details class="group" open={props.open}>
      <summary>
        <span class="group-count">{count(group.count)}×</span>
        <span class="group-title">{oneLine(title)}</span>
        <span class="group-phase">
          {group.phase ? `in ${group.phase}` : "the process itself"}
          {group.earlierStart ? " · an earlier start" : ""}
        </span>
      </summary>
      <p class="group-where">
        First {ago(group.first, now)}
        {group.where ? ` on ${oneLine(group.where)}` : ""}
        {group.what ? `, ${oneLine(group.what)}` : ""}
        {group.last && group.last !== group.first ? `; last ${ago(group.last, now)}` : ""}
      </p>
      <div class="group-acts">
        {place ? (
          <a
            class="button small"
            href={fragmentOf({ page: "job", id: job.id, tab: "logs", log: place.log, find: place.find })}
          >
            Show the line in the log
          </a>
        ) : null}
        {group.traceback ? <Copy text={group.traceback} label="Copy the traceback" /> : null}
      </div>
      {group.traceback ? (
        <pre class="traceback" tabIndex={0} role="region" aria-label={`Traceback of ${oneLine(group.type || "the error")}`}>
          {group.traceback}
        </pre>
      ) : null}
    </details>
  );
}

const pageSize = 200;

function Items(props: { model: Model; job: JobDetail; version: number }): VNode {
  const { model, job } = props;
  const narrow = useNarrow();
  const pages = usePages<FailedItem>(`failed ${job.id}`, props.version, pageSize, async (offset, limit, signal) => {
    const answer = await model.client.get<FailedItems>(jobPath(job.id, "/failed"), { offset, limit }, signal);
    return { total: answer.total, more: answer.more === true, rows: answer.items };
  });
  const columns: Column<FailedItem>[] = [
    {
      key: "item",
      title: "Item",
      className: "f-item",
      cell: (one) => <span title={oneLine(one.item)}>{oneLine(one.item)}</span>,
    },
    { key: "batch", title: "Mini-batch", className: "f-batch", cell: (one) => oneLine(String(one.miniBatch)) },
    { key: "tries", title: "Tries", className: "f-tries", cell: (one) => count(one.tries) },
    {
      key: "error",
      title: "Error",
      className: "f-error",
      cell: (one) => (
        <span title={oneLine(one.error)}>
          {one.kind === "shortfall" ? "too few results: " : ""}
          {oneLine(one.error)}
        </span>
      ),
    },
  ];
  if (pages.error && pages.total === null) return <Problem error={pages.error} />;
  if (pages.total === null) return <Waiting />;
  if (pages.total === 0) return <Empty>No item has failed.</Empty>;
  return (
    <>
      <p class="note">{pages.more ? "At least " : ""}
        {counted(pages.total, "row")}; a row is an item or a range of items.</p>
      <VirtualTable<FailedItem>
        label="Failed items"
        className={narrow ? "failed-table narrow" : "failed-table"}
        columns={narrow ? columns.filter((column) => column.key === "item" || column.key === "error") : columns}
        rows={pages.total + (pages.more ? 1 : 0)}
        row={pages.row}
        rowKey={(_row, index) => String(index)}
        rowHeight={30}
        onWindow={pages.want}
        empty=""
      />
    </>
  );
}
