// What each request shows: the token of the link, which is taken out of the address bar at once and kept for this tab
// alone; or the token of a viewer, which is kept nowhere but in the memory of this page.

export interface Access {
  token: string | null; // none: a proxy in front of the server adds one
  namespace: string; // whose jobs a viewer sees, "team" or "red,blue"; "": those that the server shows by itself
  by: "link" | "viewer";
}

export function headersOf(access: Access): Record<string, string> {
  return {
    ...(access.token === null ? {} : { Authorization: `Bearer ${access.token}` }),
    ...(access.namespace === "" ? {} : { "ParallelRun-Namespace": access.namespace }),
  };
}

/** The names of one namespace or of several, as a request has them. Pure. */
export function namespacesIn(text: string): string {
  return text.split(/[\s,]+/).filter((name) => name !== "").join(",");
}

/** A pasted token, without what a terminal or a kubeconfig has around it. Pure. */
export function tokenIn(text: string): string {
  return text.trim().replace(/^(?:bearer\s+|token:\s*)/i, "").replace(/\s+/g, "");
}

const key = "parallelrun-token";
const namespaceKey = "parallelrun-namespace";

/** The token in "#token=...", or nothing. Pure. */
export function tokenOf(fragment: string): string | null {
  const match = /^#token=([A-Za-z0-9_\-.~+/=%]+)$/.exec(fragment);
  if (!match?.[1]) return null;
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return null;
  }
}

export function takeToken(): string | null {
  const given = tokenOf(location.hash);
  if (given !== null) {
    history.replaceState(null, "", location.pathname + "#/jobs");
    try {
      sessionStorage.setItem(key, given);
    } catch {
      // Without storage the token lives as long as the page.
    }
    return given;
  }
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

export function forgetToken(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // There was none.
  }
}

export function keptNamespace(): string {
  try {
    return sessionStorage.getItem(namespaceKey) ?? "";
  } catch {
    return "";
  }
}

export function keepNamespace(name: string): void {
  try {
    sessionStorage.setItem(namespaceKey, name);
  } catch {
    // Then it is asked for again.
  }
}
