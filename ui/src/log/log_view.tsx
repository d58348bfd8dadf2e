// One log file of any length. Only the lines in sight are in the document, only the part around them is in memory.
import type { VNode } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { Model } from "../model";
import { useCell } from "../parts/cell";
import { useShortcuts } from "../parts/shortcuts";
import { Problem, Waiting } from "../parts/small";
import { clamp, tallestPx } from "../parts/window";
import { bytes, count, oneLine, percent } from "../text/format";
import { LogReader } from "./log_reader";
import { hitFrom, mostHits, nextError, search, type Search } from "./log_search";
import { longestShown, marksIn, type LogLine } from "./log_window";

const lineHeight = 20;
/** So many lines before an end of what is here, more is fetched. */
const ahead = 300;

export interface LogViewProps {
  model: Model;
  jobId: string;
  path: string;
  atWork: boolean;
  at: number | undefined;
  find: string | undefined;
  onFollow(follow: boolean): void;
}

export function LogView(props: LogViewProps): VNode {
  const { model, jobId, path } = props;
  const [, redraw] = useReducer<number, void>((turn) => turn + 1, 0);
  const scroller = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [follow, setFollow] = useState(props.atWork && props.at === undefined && props.find === undefined);
  const [text, setText] = useState(props.find ?? "");
  const [found, setFound] = useState<Search | null>(null);
  const [current, setCurrent] = useState(-1);
  const [marked, setMarked] = useState<number | null>(props.at ?? null);
  const told = useCell(model.logNews);
  const news = told?.path === path ? told : null;
  const searching = useRef<AbortController | null>(null);
  // The place: a line of the window and a part of it. Changed on every scroll, so no state of Preact.
  const place = useRef({ line: 0, scrollTop: 0, viewport: 400, toEnd: false });
  const following = useRef(follow);
  following.current = follow;
  const timers = useRef<{ settle?: ReturnType<typeof setTimeout>; jump?: ReturnType<typeof setTimeout> }>({});

  const reader = useRef<LogReader | undefined>(undefined);
  reader.current ??= new LogReader(model.client, jobId, path, (moved) => {
    const here = place.current;
    here.line += moved;
    if (here.toEnd) here.line = Number.MAX_SAFE_INTEGER;
    settle();
    redraw();
  });
  const log = reader.current;
  const lines = log.window.lines;

  const inSight = () => place.current.viewport / lineHeight;
  const lastTop = () => Math.max(0, lines0().length - inSight());
  const lines0 = () => log.window.lines;

  /** The height of the whole file: exact if it is here, else guessed. */
  const heightOf = () => {
    if (log.window.whole) return lines0().length * lineHeight;
    const guess = (log.window.size / log.window.averageLine) * lineHeight;
    return clamp(guess, place.current.viewport * 3, tallestPx);
  };

  /** Puts the scroll bar where the place is in the file. */
  const settle = useCallback(() => {
    const element = scroller.current;
    const here = place.current;
    if (!element) return;
    here.line = clamp(here.line, 0, lastTop());
    const height = heightOf();
    const room = Math.max(0, height - here.viewport);
    let target: number;
    if (log.window.whole) target = here.line * lineHeight;
    else if (log.window.atBegin && here.line <= 0) target = 0;
    else if (log.window.atEnd && here.line >= lastTop() - 0.01) target = room;
    else {
      const offset = lines0()[Math.floor(here.line)]?.offset ?? 0;
      target = clamp((offset / Math.max(1, log.window.size)) * room, 1, room - 1);
    }
    const spacer = element.firstElementChild;
    if (spacer instanceof HTMLElement) spacer.style.height = `${height}px`;
    element.scrollTop = target;
    here.scrollTop = element.scrollTop;
  }, []);

  const fetchMore = () => {
    const here = place.current;
    if (!log.loaded) return;
    if (here.line < ahead) void log.back();
    if (here.line + inSight() > lines0().length - ahead) void log.forward();
  };

  const goTo = useCallback(async (offset: number, mark: boolean, text = "") => {
    const here = place.current;
    here.toEnd = false;
    setFollow(false);
    let line = log.loaded ? log.window.lineAt(offset) : -1;
    // Offsets inside a piece are a guess where the text is not ASCII.
    const isIt = line >= 0 && (text === "" || marksIn(log.window.lines[line]?.text ?? "", text).length > 0);
    if (!isIt) line = await log.goTo(offset);
    // A hit stands in the upper third, with what came before it.
    here.line = mark ? line - Math.floor(inSight() / 3) : line;
    if (mark) setMarked(log.window.lines[line]?.offset ?? null);
    settle();
    redraw();
    fetchMore();
  }, []);

  const goToEnd = useCallback(async () => {
    place.current.toEnd = true;
    if (!log.window.atEnd || !log.loaded) await log.goToEnd();
    place.current.line = Number.MAX_SAFE_INTEGER;
    settle();
    redraw();
    fetchMore();
  }, []);

  const moveBy = (by: number) => {
    const here = place.current;
    here.line = clamp(here.line + by, 0, lastTop());
    if (by < 0 && following.current) setFollow(false);
    here.toEnd = by > 0 && following.current && log.window.atEnd && here.line >= lastTop() - 0.5;
    settle();
    redraw();
    fetchMore();
  };

  const onScroll = () => {
    const element = scroller.current;
    const here = place.current;
    if (!element) return;
    const delta = element.scrollTop - here.scrollTop;
    if (delta === 0) return;
    here.scrollTop = element.scrollTop;
    here.toEnd = false;
    const room = Math.max(1, heightOf() - here.viewport);
    if (log.window.whole) {
      here.line = element.scrollTop / lineHeight;
    } else if (Math.abs(delta) <= here.viewport * 3) {
      here.line = clamp(here.line + delta / lineHeight, 0, lastTop());
    } else {
      // The bar was dragged, or Home or End was pressed.
      const share = clamp(element.scrollTop / room, 0, 1);
      clearTimeout(timers.current.settle);
      clearTimeout(timers.current.jump);
      timers.current.jump = setTimeout(() => {
        if (share >= 0.9999) void goToEnd();
        else void goTo(share * log.window.size, false);
      }, 60);
      return;
    }
    const end = log.window.atEnd && here.line >= lastTop() - 0.5;
    if (!end && delta < 0 && following.current) setFollow(false);
    if (end && following.current) here.toEnd = true;
    redraw();
    fetchMore();
    if (!log.window.whole) {
      clearTimeout(timers.current.settle);
      timers.current.settle = setTimeout(settle, 200);
    }
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const measure = () => {
      place.current.viewport = element.clientHeight;
      settle();
      redraw();
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [log.loaded]);

  useEffect(() => {
    if (props.find) void runSearch(props.find, 0);
    else if (props.at !== undefined) void goTo(props.at, true);
    else if (following.current) void goToEnd();
    else void goTo(0, false);
    return () => {
      clearTimeout(timers.current.settle);
      clearTimeout(timers.current.jump);
      searching.current?.abort();
      log.stop();
    };
  }, []);

  // The same file, another place: a link from the errors.
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    if (props.find) {
      setText(props.find);
      void runSearch(props.find, 0);
    }
  }, [props.find]);

  useEffect(() => {
    if (news?.size === undefined || !log.loaded) return;
    if (following.current) place.current.toEnd = true;
    void log.grew(news.size, following.current);
  }, [news?.size, log.loaded]);

  useEffect(() => props.onFollow(follow), [follow]);

  const runSearch = async (wanted: string, from: number) => {
    searching.current?.abort();
    if (wanted === "") {
      setFound(null);
      setCurrent(-1);
      return;
    }
    const abort = new AbortController();
    searching.current = abort;
    let jumped = false;
    setFound({ text: wanted, hits: [], searchedTo: 0, done: false, error: "" });
    setCurrent(-1);
    const jump = (index: number, step: Search) => {
      const hit = step.hits[index];
      if (!hit) return;
      jumped = true;
      setCurrent(index);
      void goTo(hit.offset, true, wanted);
    };
    await search(model.client, jobId, path, wanted, abort.signal, (step) => {
      setFound(step);
      if (jumped) return;
      const behind = step.hits.findIndex((hit) => hit.offset >= from);
      if (behind >= 0) jump(behind, step);
      else if (step.done) jump(hitFrom(step.hits, from), step);
    });
    if (!jumped && !log.loaded && !abort.signal.aborted) await goTo(0, false);
  };

  const stepHit = (by: number) => {
    if (!found || found.hits.length === 0) return;
    const next = (current + by + found.hits.length) % found.hits.length;
    setCurrent(next);
    const hit = found.hits[next];
    if (hit) void goTo(hit.offset, true, found.text);
  };

  const topOffset = () => lines0()[Math.floor(place.current.line)]?.offset ?? 0;

  const findError = async () => {
    try {
      const from = marked !== null ? marked + 1 : topOffset();
      let hit = await nextError(model.client, jobId, path, from, log.signal);
      if (!hit && from > 0) {
        hit = await nextError(model.client, jobId, path, 0, log.signal);
        if (hit) model.say("From the begin of the log again.");
      }
      if (hit) await goTo(hit.offset, true);
      else model.say("This log has no error: neither a traceback nor 'Error:'.");
    } catch {
      if (!log.signal.aborted) model.say("The search did not end; see the line at the top.", true);
    }
  };

  const toggleFollow = () => {
    const next = !following.current;
    setFollow(next);
    following.current = next;
    if (next) void goToEnd();
    else place.current.toEnd = false;
  };

  useShortcuts({
    "/": () => field.current?.select(),
    n: () => stepHit(1),
    N: () => stepHit(-1),
    f: toggleFollow,
    e: () => void findError(),
  });

  const begin = clamp(Math.floor(place.current.line), 0, Math.max(0, lines.length - 1));
  const shown = lines.slice(begin, begin + Math.ceil(inSight()) + 2);
  const part = place.current.line - begin;
  const firstOffset = lines[begin]?.offset ?? 0;
  const lastOffset = shown[shown.length - 1]?.offset ?? 0;
  return (
    <section class="log" aria-label={`Log ${oneLine(path)}`}>
      <div class="log-bar">
        <h2 class="log-title" title={oneLine(path)}>
          {oneLine(path)}
        </h2>
        <form
          class="log-search"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            if (found?.text === text && found.hits.length > 0) stepHit(1);
            else void runSearch(text, topOffset());
          }}
        >
          <input
            ref={field}
            class="field"
            type="search"
            placeholder="Search this log"
            aria-label="Search this log"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
              if (event.currentTarget.value === "") void runSearch("", 0);
            }}
            onKeyDown={(event) => {
              if (event.key !== "Escape") return;
              event.currentTarget.blur();
              scroller.current?.focus();
            }}
          />
          <button type="submit" class="button small">
            Search
          </button>
          <button type="button" class="button small" aria-label="Previous hit" disabled={!found?.hits.length} onClick={() => stepHit(-1)}>
            ↑
          </button>
          <button type="button" class="button small" aria-label="Next hit" disabled={!found?.hits.length} onClick={() => stepHit(1)}>
            ↓
          </button>
        </form>
        <span class="log-hits" role="status">
          {found ? hitWords(found, current, log.window.size) : ""}
        </span>
        <button type="button" class="button small" onClick={() => void findError()}>
          Next error
        </button>
        <button type="button" class="button small" aria-pressed={follow} onClick={toggleFollow}>
          Follow
        </button>
      </div>
      {log.error ? (
        <Problem error={log.error} onRetry={() => void (log.loaded ? log.forward() : goTo(0, false))} />
      ) : null}
      {!log.loaded && !log.error ? <Waiting /> : null}
      <div
        class="log-text"
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label={`Text of ${oneLine(path)}`}
        onScroll={onScroll}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
          const page = Math.max(1, Math.floor(inSight()) - 1);
          const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
          const step = steps[event.key];
          if (step === undefined && event.key !== "Home" && event.key !== "End") return;
          // The browser would scroll bit by bit, and an earlier key would still move what a later one has put in place.
          event.preventDefault();
          if (step !== undefined) moveBy(step);
          else if (event.key === "Home") void goTo(0, false);
          else void goToEnd();
        }}
      >
        <div class="log-space">
          <div class="log-layer" style={{ height: `${place.current.viewport}px` }}>
            <div style={{ transform: `translateY(${-part * lineHeight}px)` }}>
              {shown.map((line, index) => (
                <Line key={index} line={line} find={found?.text ?? ""} marked={line.offset === marked} />
              ))}
            </div>
          </div>
        </div>
      </div>
      <p class="log-foot">
        {log.window.size === 0
          ? log.loaded
            ? "The file is empty."
            : ""
          : `${bytes(log.window.size)} · at ${percent(log.window.size > 0 ? (log.window.atEnd && part + begin >= lastTop() - 0.01 ? 1 : firstOffset / log.window.size) : 0)} · bytes ${count(firstOffset)} to ${count(lastOffset)}`}
        {follow ? (props.atWork ? (news?.follows === false ? "" : " · following") : " · following; the job has ended") : ""}
      </p>
      <p class={`log-way${follow && news?.follows === false ? " log-way-not" : ""}`} role="status">
        {follow && news?.words ? news.words : ""}
      </p>
    </section>
  );
}

function hitWords(found: Search, current: number, size: number): string {
  if (found.error !== "") return found.error;
  const number = found.hits.length >= mostHits ? `${count(mostHits)} or more` : count(found.hits.length);
  const where = !found.done && size > 0 ? `, searched ${percent(found.searchedTo / size)}` : "";
  if (found.hits.length === 0) return found.done ? "Not found" : `Searching${where}`;
  return `${current >= 0 ? `${count(current + 1)} of ` : ""}${number}${where}`;
}

const loud = /\b([A-Z]\w*(Error|Exception)|[Ee]rror|ERROR|Traceback|[Ff]atal|FATAL|CRITICAL)\b/;
const careful = /\bwarn(ing)?\b/i;

function Line(props: { line: LogLine; find: string; marked: boolean }): VNode {
  const cut = props.line.text.length > longestShown;
  const text = oneLine(cut ? props.line.text.slice(0, longestShown) : props.line.text);
  const kind = loud.test(text) ? " line-error" : careful.test(text) ? " line-warning" : "";
  return (
    <div class={`line${kind}${props.marked ? " line-marked" : ""}`}>
      <Marked text={text} find={props.find} />
      {cut ? <span class="line-rest"> … {count(props.line.text.length - longestShown)} more characters</span> : null}
      {text === "" ? " " : null}
    </div>
  );
}

function Marked({ text, find }: { text: string; find: string }): VNode {
  const marks = marksIn(text, find);
  if (marks.length === 0) return <>{text}</>;
  const parts: (VNode | string)[] = [];
  let at = 0;
  for (const [begin, end] of marks) {
    parts.push(text.slice(at, begin), <mark key={begin}>{text.slice(begin, end)}</mark>);
    at = end;
  }
  parts.push(text.slice(at));
  return <>{parts}</>;
}
