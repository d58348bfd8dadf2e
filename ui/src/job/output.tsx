// The first rows of the output.
import type { VNode } from "preact";
import { jobPath } from "../api/client";
import type { JobDetail, Rows } from "../api/types";
import type { Model } from "../model";
import { useCell } from "../parts/cell";
import { useResource } from "../parts/resource";
import { Empty, Panel, Problem, Waiting } from "../parts/small";
import { VirtualTable, type Column } from "../parts/virtual_table";
import { counted, oneLine } from "../text/format";

const most = 200;

/** A value of a row as one line of text. Pure. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return oneLine(value);
  return oneLine(JSON.stringify(value));
}

/** The names of the columns; rows of text alone have one. Pure. */
export function columnNames(rows: Rows): string[] {
  const width = rows.rows.reduce((widest, row) => Math.max(widest, row.length), rows.columns?.length ?? 0);
  return Array.from({ length: width }, (_, index) => rows.columns?.[index] ?? (width === 1 ? "Row" : `${index + 1}`));
}

export function OutputPart(props: { model: Model; job: JobDetail }): VNode {
  const { model, job } = props;
  const version = useCell(model.jobVersion);
  const rows = useResource<Rows>(`rows ${job.id}`, version, (signal) =>
    model.client.get(jobPath(job.id, "/rows"), { limit: most }, signal),
  );
  const place = [job.directory ?? job.output, job.outputFile].filter((part) => part).join("/");
  return (
    <div class="parts">
      <Panel
        title="First rows"
        className="whole"
        note={rows.value?.truncated ? `the first ${most}; parallelrun output shows more` : (job.format ?? "")}
      >
        {place ? <p class="note path">{oneLine(place)}</p> : null}
        {rows.value ? (
          <RowTable rows={rows.value} />
        ) : rows.error ? (
          <Problem error={rows.error} />
        ) : (
          <Waiting />
        )}
      </Panel>
    </div>
  );
}

function RowTable({ rows }: { rows: Rows }): VNode {
  if (rows.rows.length === 0) return <Empty>{rows.note ?? "No row is written yet."}</Empty>;
  const names = columnNames(rows);
  const columns: Column<unknown[]>[] = names.map((name, index) => ({
    key: `${index}`,
    title: oneLine(name),
    className: names.length === 1 ? "r-only" : "r-cell",
    cell: (row) => {
      const text = cellText(row[index]);
      return <span title={text.slice(0, 2000)}>{text}</span>;
    },
  }));
  return (
    <>
      <p class="only-spoken">{counted(rows.rows.length, "row")}</p>
      <VirtualTable<unknown[]>
        label="First rows of the output"
        className={names.length > 4 ? "rows-table many-columns" : "rows-table"}
        columns={columns}
        rows={rows.rows.length}
        row={(index) => rows.rows[index] ?? null}
        rowKey={(_row, index) => String(index)}
        rowHeight={28}
        empty=""
      />
    </>
  );
}
