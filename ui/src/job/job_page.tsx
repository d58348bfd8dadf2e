// One job: its state, its verbs, and the parts of the page.
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../api/client";
import type { JobDetail } from "../api/types";
import { failedItems, isAtWork, placeOf, shareDone } from "../jobs/arrange";
import type { Model } from "../model";
import { useCell, useNow } from "../parts/cell";
import { useShortcuts } from "../parts/shortcuts";
import { Problem, ProgressBar, StateBadge, Waiting } from "../parts/small";
import { fragmentOf, go, tabs, type Route, type Tab } from "../route";
import { ago, count, counted, duration, oneLine, percent } from "../text/format";
import { FailuresPart } from "./failures";
import { LogsPart } from "../log/logs_part";
import { OutputPart } from "./output";
import { OverviewPart } from "./overview";
import { SetupPart } from "./setup";
import { TimePart } from "./time";
import { Verbs } from "./verbs";

type JobRoute = Extract<Route, { page: "job" }>;

const titles: Record<Tab, string> = {
  overview: "Overview",
  time: "Time",
  failures: "Failures",
  logs: "Logs",
  output: "Output",
  setup: "Setup",
};

export function JobPage(props: { model: Model; route: JobRoute }): VNode {
  const { model, route } = props;
  const job = useCell(model.detail);
  const error = useCell(model.detailError);
  const gone = useCell(model.gone);
  const name = job ? oneLine(job.name) : "Job";

  useEffect(() => {
    document.title = `${name}${job ? `: ${job.state}` : ""} – ParallelRunJob`;
  }, [name, job?.state]);

  const openTab = (tab: Tab) => go({ page: "job", id: route.id, tab });
  useShortcuts(Object.fromEntries(tabs.map((tab, index) => [String(index + 1), () => openTab(tab)])));

  if (!job || job.id !== route.id) {
    return (
      <div class="job">
        <Back />
        {error ? (
          <>
            <h1>This job cannot be shown</h1>
            <Problem error={error} />
          </>
        ) : (
          <Waiting />
        )}
      </div>
    );
  }
  return (
    <div class={`job job-tab-${route.tab}`}>
      <JobHead model={model} job={job} gone={gone} error={error} />
      <Tabs route={route} job={job} />
      <div
        class="tab-panel"
        role="tabpanel"
        id="tab-panel"
        aria-labelledby={`tab-${route.tab}`}
        tabIndex={route.tab === "logs" ? -1 : 0}
      >
        {route.tab === "overview" ? <OverviewPart model={model} job={job} /> : null}
        {route.tab === "time" ? <TimePart model={model} job={job} /> : null}
        {route.tab === "failures" ? <FailuresPart model={model} job={job} /> : null}
        {route.tab === "logs" ? <LogsPart model={model} job={job} route={route} /> : null}
        {route.tab === "output" ? <OutputPart model={model} job={job} /> : null}
        {route.tab === "setup" ? <SetupPart model={model} job={job} /> : null}
      </div>
    </div>
  );
}

function Back(): VNode {
  return (
    <a class="back" href="#/jobs">
      <span aria-hidden="true">←</span> All jobs
    </a>
  );
}

function JobHead(props: { model: Model; job: JobDetail; gone: boolean; error: ApiError | null }): VNode {
  const { model, job, gone, error } = props;
  const now = useNow(1000);
  const progress = job.progress ?? {};
  const planned = progress.miniBatchesCreated ?? 0;
  const done = progress.miniBatchesProcessed ?? 0;
  const share = shareDone(job);
  const atWork = isAtWork(job) && !gone;
  const failed = failedItems(job);
  const elapsed =
    atWork && job.started && !Number.isNaN(Date.parse(job.started))
      ? Math.max(job.elapsedSeconds ?? 0, (now - Date.parse(job.started)) / 1000)
      : job.elapsedSeconds;
  return (
    <header class="job-head">
      <Back />
      <div class="job-title">
        <h1 title={oneLine(job.name)}>{oneLine(job.name)}</h1>
        <StateBadge state={job.state} />
        <Verbs model={model} job={job} gone={gone} />
      </div>
      <p class="job-place">
        {job.world === "cluster" ? "Namespace " : ""}
        <span class="path">{oneLine(placeOf(job))}</span>
        {job.started ? (
          <>
            {" · started "}
            <time dateTime={job.started} title={job.started}>
              {ago(job.started, now)}
            </time>
          </>
        ) : null}
      </p>
      {gone ? (
        <p class="job-message message-bad" role="alert">
          This job is gone: it was deleted, or its directory was. What you see is the last that was known.
        </p>
      ) : null}
      {error && !gone ? (
        <>
          <Problem error={error} />
          <p class="job-message">What you see is the last that could be read.</p>
        </>
      ) : null}
      {job.message ? (
        <p class={`job-message${job.state === "Failed" ? " message-bad" : ""}`}>
          {job.reason && job.reason !== "Completed" ? <strong>{oneLine(job.reason)}: </strong> : null}
          {oneLine(job.message)}
        </p>
      ) : null}
      <div class="job-progress">
        <ProgressBar
          share={share}
          failedShare={planned > 0 ? (progress.miniBatchesFailed ?? 0) / planned : 0}
          label="Progress of the job"
          state={job.state}
        />
        <span class="job-percent">{share === null ? "–" : percent(share)}</span>
      </div>
      <dl class="facts">
        <Fact
          title="Mini-batches"
          value={`${count(done)} of ${count(planned)}${progress.planComplete === false ? "+" : ""}`}
        />
        <Fact
          title={atWork ? "Time left" : "Took"}
          value={atWork ? (job.timeLeftSeconds != null ? duration(job.timeLeftSeconds) : "not known yet") : duration(elapsed)}
        />
        {atWork ? <Fact title="Runs for" value={duration(elapsed)} /> : null}
        <Fact title="Items done" value={count(progress.itemsSucceeded ?? 0)} />
        <Fact title="Items failed" value={count(failed)} bad={failed > 0} />
        <Fact title="Tries failed" value={count(progress.triesFailed ?? 0)} bad={(progress.triesFailed ?? 0) > 0} />
        {atWork ? (
          <>
            <Fact
              title="Nodes"
              value={job.nodes !== undefined ? `${job.nodesReady ?? 0} of ${job.nodes} ready` : count(progress.agents ?? 0)}
            />
            <Fact title="Processes ready" value={count(progress.processesReady ?? 0)} />
          </>
        ) : null}
      </dl>
      <Spoken job={job} gone={gone} />
    </header>
  );
}

function Fact(props: { title: string; value: string; bad?: boolean }): VNode {
  return (
    <div class={props.bad ? "fact fact-bad" : "fact"}>
      <dt>{props.title}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}

/** What a screen reader says by itself: a new state at once, progress every twenty seconds. */
function Spoken(props: { job: JobDetail; gone: boolean }): VNode {
  const { job } = props;
  const [text, setText] = useState("");
  const last = useRef({ state: "", at: 0 });
  useEffect(() => {
    const now = Date.now();
    if (last.current.state === job.state && now - last.current.at < 20_000) return;
    const first = last.current.state === "";
    last.current = { state: job.state, at: now };
    if (first && !isAtWork(job)) return;
    const share = shareDone(job);
    const failed = failedItems(job);
    setText(
      `${oneLine(job.name)}: ${job.state}${share === null ? "" : `, ${percent(share)} done`}` +
        (failed > 0 ? `, ${counted(failed, "failed item")}` : ""),
    );
  }, [job]);
  return (
    <p class="only-spoken" aria-live="polite">
      {text}
    </p>
  );
}

function Tabs(props: { route: JobRoute; job: JobDetail }): VNode {
  const { route, job } = props;
  const numbers: Partial<Record<Tab, number>> = { failures: failedItems(job) };
  const onKey = (event: KeyboardEvent) => {
    const at = tabs.indexOf(route.tab);
    const to: Record<string, number> = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at + tabs.length - 1) % tabs.length,
      Home: 0,
      End: tabs.length - 1,
    };
    const target = to[event.key];
    const tab = target === undefined ? undefined : tabs[target];
    if (tab === undefined) return;
    event.preventDefault();
    go({ page: "job", id: route.id, tab });
    document.getElementById(`tab-${tab}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Parts of the job" onKeyDown={onKey}>
      {tabs.map((tab) => (
        <a
          key={tab}
          id={`tab-${tab}`}
          class="tab"
          role="tab"
          href={fragmentOf({ page: "job", id: route.id, tab })}
          aria-selected={route.tab === tab}
          aria-controls={route.tab === tab ? "tab-panel" : undefined}
          tabIndex={route.tab === tab ? 0 : -1}
        >
          {titles[tab]}
          {numbers[tab] ? <span class="tab-number">{count(numbers[tab] ?? 0)}</span> : null}
        </a>
      ))}
    </div>
  );
}
