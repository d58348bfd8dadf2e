// Which page is shown: the part of the address behind "#". Pure, but for `go`.

export const tabs = ["overview", "time", "failures", "logs", "output", "setup"] as const;
export type Tab = (typeof tabs)[number];

export type Route =
  | { page: "jobs" }
  | { page: "job"; id: string; tab: Tab; log?: string; at?: number; find?: string };

export function routeOf(fragment: string): Route {
  const [path = "", query = ""] = fragment.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter((part) => part !== "");
  const id = parts[1];
  if (parts[0] !== "job" || id === undefined) return { page: "jobs" };
  const tab = tabs.find((one) => one === parts[2]) ?? "overview";
  const words = new URLSearchParams(query);
  const log = words.get("log");
  const at = words.get("at");
  const find = words.get("find");
  return {
    page: "job",
    id: decoded(id),
    tab,
    ...(log !== null ? { log } : {}),
    ...(at !== null && Number.isFinite(Number(at)) ? { at: Number(at) } : {}),
    ...(find !== null ? { find } : {}),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function fragmentOf(route: Route): string {
  if (route.page === "jobs") return "#/jobs";
  const words = new URLSearchParams();
  if (route.log !== undefined) words.set("log", route.log);
  if (route.at !== undefined) words.set("at", String(route.at));
  if (route.find !== undefined) words.set("find", route.find);
  const query = words.toString();
  return `#/job/${encodeURIComponent(route.id)}/${route.tab}${query === "" ? "" : `?${query}`}`;
}

export function go(route: Route): void {
  location.hash = fragmentOf(route);
}
