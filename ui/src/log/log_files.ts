// Which log files there are, in the order of need. Pure.
import type { LogFile } from "../api/types";

/** Where to look first: docs/logs.md, "Where to start". */
export function firstLog(files: LogFile[], state: string): string | undefined {
  const wanted =
    state === "Failed"
      ? ["user/error.txt", "job_progress_overview.txt"]
      : ["job_progress_overview.txt", "sys/master_role.txt"];
  const found = wanted.find((name) => files.some((file) => file.path === name && file.bytes > 0));
  return found ?? files[0]?.path;
}

/** By folder; those that fit all words of the filter. */
export function folders(files: LogFile[], filter: string): [folder: string, files: LogFile[]][] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const found = new Map<string, LogFile[]>();
  for (const file of files) {
    const path = file.path.toLowerCase();
    if (!words.every((word) => path.includes(word))) continue;
    const slash = file.path.lastIndexOf("/");
    const folder = slash < 0 ? "" : file.path.slice(0, slash);
    const members = found.get(folder);
    if (members) members.push(file);
    else found.set(folder, [file]);
  }
  return [...found].sort((a, b) => (a[0] < b[0] ? -1 : 1));
}
