// What stands around each page.
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { Model } from "./model";
import { useCell, useNow } from "./parts/cell";
import { clock, counted } from "./text/format";

export function Head(props: { model: Model; onHelp: () => void; onLeave: () => void }): VNode {
  const { access } = props.model;
  const worlds = useCell(props.model.worlds);
  const connection = useCell(props.model.connection);
  const words: string[] = [];
  if (worlds && worlds.directories.length > 0) {
    words.push(
      worlds.directories.length === 1
        ? (worlds.directories[0] ?? "")
        : counted(worlds.directories.length, "directory", "directories"),
    );
  }
  if (worlds?.cluster) {
    const namespace = worlds.cluster.namespace;
    words.push(`${worlds.cluster.context || "cluster"}${namespace ? `, namespace${namespace.includes(",") ? "s" : ""} ${namespace}` : ", all namespaces"}`);
  }
  const state = { connecting: "Connecting", live: "Live", away: "No connection" }[connection.state];
  return (
    <header class="head">
      <a class="brand" href="#/jobs">
        <span class="brand-sign" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        ParallelRunJob
      </a>
      <span class="worlds" title={words.join(" · ")}>
        {words.join(" · ")}
      </span>
      <span class={`connection connection-${connection.state}`}>
        <span class="connection-dot" aria-hidden="true" />
        {state}
      </span>
      <button type="button" class="button small" aria-haspopup="dialog" onClick={props.onHelp}>
        Keys <kbd aria-hidden="true">?</kbd>
      </button>
      {access.by === "viewer" ? (
        <button type="button" class="button small" onClick={props.onLeave}>
          {access.token === null ? "Namespace" : "Sign out"}
        </button>
      ) : null}
    </header>
  );
}

/** Nothing in silence: when the server is away, the page says so, since when, and when it tries again. */
export function Banner({ model }: { model: Model }): VNode {
  const connection = useCell(model.connection);
  return (
    <div class="banner-place" role="status">
      {connection.state === "away" ? <Away model={model} connection={connection} /> : null}
    </div>
  );
}

function Away(props: {
  model: Model;
  connection: { retryAt: number; message: string };
}): VNode {
  const now = useNow(1000);
  const heard = useCell(props.model.heard);
  const left = Math.max(0, Math.ceil((props.connection.retryAt - now) / 1000));
  return (
    <div class="banner">
      <p>
        {props.connection.message} What you see is from {clock(heard, now)}.{" "}
        {/* The countdown is for the eye alone: a screen reader would read it each second. */}
        <span aria-hidden="true">{left === 0 ? "Trying now." : `Next try in ${left} s.`}</span>
      </p>
      <button type="button" class="button small" onClick={() => props.model.retryNow()}>
        Try now
      </button>
    </div>
  );
}

export function Footer(props: { said: { text: string; bad: boolean } | null; onGone: () => void }): VNode {
  useEffect(() => {
    if (!props.said) return undefined;
    const timer = setTimeout(props.onGone, props.said.bad ? 20_000 : 8_000);
    return () => clearTimeout(timer);
  }, [props.said]);
  return (
    <div class="toast-place" role="status">
      {props.said ? (
        <div class={`toast${props.said.bad ? " toast-bad" : ""}`}>
          <p>{props.said.text}</p>
          <button type="button" class="button small" onClick={props.onGone}>
            Close
          </button>
        </div>
      ) : null}
    </div>
  );
}
