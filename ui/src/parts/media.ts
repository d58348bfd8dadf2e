import { useEffect, useState } from "preact/hooks";

/** Whether a media query holds, also after it has changed. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = () => setHolds(list.matches);
    change();
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, [query]);
  return holds;
}

export const useNarrow = (): boolean => useMedia("(max-width: 719px)");
export const useDark = (): boolean => useMedia("(prefers-color-scheme: dark)");
