// All jobs: filter, sort, open.
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Job } from "../api/types";
import type { Model } from "../model";
import { useCell, useNow } from "../parts/cell";
import { useNarrow } from "../parts/media";
import { useShortcuts } from "../parts/shortcuts";
import { Problem, ProgressBar, StateBadge, Waiting } from "../parts/small";
import { focusRow, VirtualTable, type Column } from "../parts/virtual_table";
import { fragmentOf, go } from "../route";
import { age, ago, count, counted, duration, oneLine, percent } from "../text/format";
import { arranged, countsByState, failedItems, isAtWork, placeOf, shareDone, type SortKey } from "./arrange";

function linkOf(job: Job): string {
  return fragmentOf({ page: "job", id: job.id, tab: "overview" });
}

export function JobsPage({ model }: { model: Model }): VNode {
  const jobs = useCell(model.jobs);
  const unread = useCell(model.unread);
  const error = useCell(model.listError);
  const { kept } = model;
  const [text, setText] = useState(kept.text);
  const [states, setStates] = useState<ReadonlySet<string>>(kept.states);
  const [sort, setSort] = useState({ key: kept.sort, descending: kept.descending });
  const narrow = useNarrow();
  const now = useNow(5000);
  const filter = useRef<HTMLInputElement>(null);

  useEffect(() => {
    document.title = "Jobs – ParallelRunJob";
  }, []);
  Object.assign(kept, { text, states, sort: sort.key, descending: sort.descending });

  const counts = useMemo(() => countsByState(jobs ?? []), [jobs]);
  const rows = useMemo(
    () => arranged(jobs ?? [], { text, states, sort: sort.key, descending: sort.descending }),
    [jobs, text, states, sort],
  );

  const intoList = () => focusRow("Jobs");
  useShortcuts({ "/": () => filter.current?.focus(), j: intoList, k: intoList });

  const heading = (key: SortKey): NonNullable<Column<Job>["sort"]> => ({
    direction: sort.key !== key ? "none" : sort.descending ? "descending" : "ascending",
    toggle: () => setSort((before) => ({ key, descending: before.key === key ? !before.descending : false })),
  });
  const toggleState = (state: string) => {
    const next = new Set(states);
    if (!next.delete(state)) next.add(state);
    setStates(next);
  };

  const name = (job: Job) => (
    <a class="job-name" href={linkOf(job)} tabIndex={-1} title={oneLine(job.name)}>
      {oneLine(job.name)}
    </a>
  );
  const progress = (job: Job) => {
    const share = shareDone(job);
    const planned = job.progress?.miniBatchesCreated ?? 0;
    return (
      <>
        <ProgressBar
          share={share}
          failedShare={planned > 0 ? (job.progress?.miniBatchesFailed ?? 0) / planned : 0}
          label={`Progress of ${oneLine(job.name)}`}
          state={job.state}
        />
        <span class="progress-number">{share === null ? "–" : percent(share)}</span>
      </>
    );
  };
  const failed = (job: Job) => {
    const items = failedItems(job);
    return items === 0 ? <span class="zero">0</span> : <span class="bad-number">{count(items)}</span>;
  };
  const when = (job: Job) => (narrow ? age(job.started, now) : ago(job.started, now)) || "–";
  const timing = (job: Job) =>
    isAtWork(job) ? (
      job.timeLeftSeconds != null ? (
        `${duration(job.timeLeftSeconds)} left`
      ) : (
        <span class="zero">not known yet</span>
      )
    ) : (
      <span class="took">took {duration(job.elapsedSeconds)}</span>
    );

  const wide: Column<Job>[] = [
    { key: "state", title: "State", className: "c-state", sort: heading("state"), cell: (job) => <StateBadge state={job.state} /> },
    { key: "name", title: "Job", className: "c-name", sort: heading("name"), cell: name },
    {
      key: "place",
      title: "Where",
      className: "c-place",
      sort: heading("place"),
      cell: (job) => (
        <span class="place" title={oneLine(placeOf(job))}>
          <span class="place-kind">{job.world === "cluster" ? "namespace " : ""}</span>
          {oneLine(placeOf(job))}
        </span>
      ),
    },
    { key: "progress", title: "Progress", className: "c-progress", sort: heading("progress"), cell: progress },
    { key: "failed", title: "Failed items", className: "c-failed", sort: heading("failed"), cell: failed },
    { key: "age", title: "Started", className: "c-age", sort: heading("age"), cell: when },
    { key: "left", title: "Time", className: "c-left", sort: heading("left"), cell: timing },
  ];
  const small: Column<Job>[] = [
    {
      key: "name",
      title: "Job",
      className: "c-main",
      sort: heading("name"),
      cell: (job) => (
        <>
          {name(job)}
          <span class="under">
            <StateBadge state={job.state} /> {when(job)}
          </span>
        </>
      ),
    },
    {
      key: "progress",
      title: "Progress",
      className: "c-side",
      sort: heading("progress"),
      cell: (job) => (
        <>
          <span class="progress-line">{progress(job)}</span>
          <span class="under">{failedItems(job) > 0 ? <>{failed(job)} failed</> : timing(job)}</span>
        </>
      ),
    },
  ];

  if (jobs === null) {
    return (
      <div class="jobs">
        <h1>Jobs</h1>
        {error ? <Problem error={error} onRetry={() => void model.reloadJobs()} /> : <Waiting />}
      </div>
    );
  }
  const filtered = rows.length !== jobs.length;
  return (
    <div class="jobs">
      <div class="jobs-head">
        <h1>Jobs</h1>
        <p class="jobs-count" role="status">
          {filtered ? `${count(rows.length)} of ${counted(jobs.length, "job")}` : counted(jobs.length, "job")}
        </p>
        <div class="chips" role="group" aria-label="Show only these states">
          {counts.map(([state, number]) => (
            <button
              key={state}
              type="button"
              class={`chip chip-${state.toLowerCase()}`}
              aria-pressed={states.has(state)}
              onClick={() => toggleState(state)}
            >
              <StateBadge state={state} /> <span class="chip-number">{count(number)}</span>
            </button>
          ))}
        </div>
        <input
          ref={filter}
          class="field filter"
          type="search"
          placeholder="Filter by name, place, state"
          aria-label="Filter the jobs"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") {
              setText("");
              event.currentTarget.blur();
            }
          }}
        />
      </div>
      {unread.length > 0 ? (
        <details class="unread">
          <summary>{counted(unread.length, "place")} could not be read</summary>
          <ul>
            {unread.map((reason) => (
              <li key={reason}>{oneLine(reason)}</li>
            ))}
          </ul>
        </details>
      ) : null}
      <VirtualTable<Job>
        label="Jobs"
        className={narrow ? "jobs-table narrow" : "jobs-table"}
        columns={narrow ? small : wide}
        rows={rows.length}
        row={(index) => rows[index] ?? null}
        rowKey={(job) => job.id}
        rowHeight={narrow ? 60 : 38}
        open={(job) => go({ page: "job", id: job.id, tab: "overview" })}
        empty={
          filtered ? (
            <>
              <p>No job fits the filter.</p>
              <button
                type="button"
                class="button"
                onClick={() => {
                  setText("");
                  setStates(new Set());
                }}
              >
                Show all
              </button>
            </>
          ) : (
            <p>
              There is no job here yet. Start one with <code>parallelrun run job.yaml</code>; it appears by itself.
            </p>
          )
        }
      />
    </div>
  );
}
