// Small pieces of every page.
import type { ComponentChildren, VNode } from "preact";
import { useState } from "preact/hooks";
import type { ApiError } from "../api/client";
import { percent } from "../text/format";

const symbols: Record<string, string> = {
  Pending: "○",
  Running: "▶",
  Suspended: "‖",
  Silent: "?",
  Interrupted: "◼",
  Complete: "✓",
  Failed: "✕",
};

/** A state is a symbol, a colour and its word. */
export function StateBadge({ state }: { state: string }): VNode {
  return (
    <span class={`state state-${state.toLowerCase()}`}>
      <span class="state-symbol" aria-hidden="true">
        {symbols[state] ?? "•"}
      </span>
      {state}
    </span>
  );
}

export function ProgressBar(props: {
  share: number | null;
  failedShare?: number;
  label: string;
  state: string;
}): VNode {
  const share = props.share ?? 0;
  const failed = Math.min(share, props.failedShare ?? 0);
  return (
    <span
      class={`progress progress-${props.state.toLowerCase()}`}
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(props.share === null
        ? { "aria-valuetext": "nothing is planned yet" }
        : { "aria-valuenow": Math.floor(share * 100), "aria-valuetext": percent(share) })}
    >
      <span class="progress-good" style={{ width: `${(share - failed) * 100}%` }} />
      <span class="progress-failed" style={{ width: `${failed * 100}%` }} />
    </span>
  );
}

/** What kind of thing is in the way, before the sentence that says it. */
const kinds: Record<string, string> = {
  NoRights: "No rights",
  NotFound: "Not there",
  Damaged: "Damaged",
  Failed: "The system cannot",
  Unreachable: "No answer",
};

export function Problem(props: { error: ApiError; onRetry?: () => void }): VNode {
  return (
    <div class="problem" role="alert">
      <p>
        <span class="problem-sign" aria-hidden="true">
          !
        </span>
        {kinds[props.error.reason] ? <strong>{kinds[props.error.reason]}: </strong> : null}
        {props.error.message}
      </p>
      {props.onRetry ? (
        <button type="button" class="button" onClick={props.onRetry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}

export function Panel(props: {
  title: string;
  note?: ComponentChildren;
  className?: string;
  children: ComponentChildren;
}): VNode {
  return (
    <section class={`panel ${props.className ?? ""}`} aria-label={props.title}>
      <header class="panel-head">
        <h2>{props.title}</h2>
        {props.note ? <span class="panel-note">{props.note}</span> : null}
      </header>
      {props.children}
    </section>
  );
}

/** Waiting for an answer; the place keeps its height, so that nothing jumps. */
export function Waiting(): VNode {
  return (
    <p class="waiting-line">
      <span class="waiting-dots" aria-hidden="true" />
      Loading
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }): VNode {
  return <p class="empty">{children}</p>;
}

export function Copy({ text, label }: { text: string; label: string }): VNode {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("Select the text and copy it");
    }
    setTimeout(() => setSaid(""), 2000);
  };
  return (
    <button type="button" class="button small" aria-label={label} onClick={() => void copy()}>
      <span aria-live="polite">{said || "Copy"}</span>
    </button>
  );
}
