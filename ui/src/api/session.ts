// The token of the link. It is taken out of the address bar at once, and kept for this tab alone.

const key = "parallelrun-token";

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
