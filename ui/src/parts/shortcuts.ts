// Keys without Ctrl or Alt, for who works without a mouse. They can be switched off.
import { useEffect } from "preact/hooks";

const key = "parallelrun-no-shortcuts";

export function shortcutsOn(): boolean {
  try {
    return localStorage.getItem(key) === null;
  } catch {
    return true;
  }
}

export function setShortcuts(on: boolean): void {
  try {
    if (on) localStorage.removeItem(key);
    else localStorage.setItem(key, "1");
  } catch {
    // They stay on.
  }
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"))
  );
}

export type Keys = Record<string, (() => void) | undefined>;

/** While the component stands. "?" works even when the others are off, so that they can be found. */
export function useShortcuts(keys: Keys): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const action = keys[event.key];
      if (!action || (event.key !== "?" && !shortcutsOn())) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}
