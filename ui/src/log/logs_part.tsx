// The log files of a job, and the one that is open.
import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { jobPath } from "../api/client";
import type { JobDetail, LogFile } from "../api/types";
import { isAtWork } from "../jobs/arrange";
import type { Model } from "../model";
import { useCell } from "../parts/cell";
import { useNarrow } from "../parts/media";
import { useResource } from "../parts/resource";
import { Empty, Problem, Waiting } from "../parts/small";
import { fragmentOf, go, type Route } from "../route";
import { bytes, oneLine } from "../text/format";
import { firstLog, folders } from "./log_files";
import { LogView } from "./log_view";

export function LogsPart(props: {
  model: Model;
  job: JobDetail;
  route: Extract<Route, { page: "job" }>;
}): VNode {
  const { model, job, route } = props;
  const version = useCell(model.jobVersion);
  const narrow = useNarrow();
  const [filter, setFilter] = useState("");
  const [following, setFollowing] = useState(isAtWork(job) && route.at === undefined && route.find === undefined);
  const list = useResource<{ files: LogFile[] }>(`logs ${job.id}`, version, (signal) =>
    model.client.get(jobPath(job.id, "/logs"), {}, signal),
  );
  const files = list.value?.files ?? [];
  const path = route.log ?? firstLog(files, job.state);
  const groups = useMemo(() => folders(files, filter), [files, filter]);

  // Following costs a pod in a cluster, so it is done for whoever asks for it.
  const watched = job.world === "directory" || following ? path : undefined;
  useEffect(() => model.watchLog(watched), [model, watched]);
  useEffect(() => () => model.watchLog(undefined), [model]);

  if (!list.value && route.log === undefined) return list.error ? <Problem error={list.error} /> : <Waiting />;
  if (path === undefined) return <Empty>This job has written no log yet.</Empty>;
  const link = (log: string) => fragmentOf({ page: "job", id: job.id, tab: "logs", log });
  return (
    <div class="logs">
      {narrow ? (
        <label class="log-choice">
          <span>Log</span>
          <select
            class="field"
            value={path}
            onChange={(event) => go({ page: "job", id: job.id, tab: "logs", log: event.currentTarget.value })}
          >
            {files.some((file) => file.path === path) ? null : <option value={path}>{oneLine(path)}</option>}
            {files.map((file) => (
              <option key={file.path} value={file.path}>
                {oneLine(file.path)} ({bytes(file.bytes)})
              </option>
            ))}
          </select>
        </label>
      ) : (
        <nav class="log-list" aria-label="Log files">
          <h2 class="only-spoken">Log files</h2>
          <input
            class="field"
            type="search"
            placeholder="Filter the files"
            aria-label="Filter the log files"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
          <div class="log-folders">
            {groups.map(([folder, members]) => (
              <section key={folder}>
                <h3 title={oneLine(folder)}>{folder === "" ? "logs" : oneLine(folder)}</h3>
                <ul>
                  {members.map((file) => (
                    <li key={file.path}>
                      <a href={link(file.path)} aria-current={file.path === path ? "page" : undefined} title={oneLine(file.path)}>
                        <span class="log-name">{oneLine(file.path.slice(folder === "" ? 0 : folder.length + 1))}</span>
                        <span class="log-size">{bytes(file.bytes)}</span>
                      </a>
                    </li>
                  ))}
                </ul>
              </section>
            ))}
            {groups.length === 0 ? <Empty>No file fits the filter.</Empty> : null}
          </div>
        </nav>
      )}
      <LogView
        key={`${job.id} ${path}`}
        model={model}
        jobId={job.id}
        path={path}
        atWork={isAtWork(job)}
        at={route.at}
        find={route.find}
        onFollow={setFollowing}
      />
    </div>
  );
}
