// The buttons that change a job. Each asks first and shows the command that does the same.
import type { VNode } from "preact";
import { useId, useState } from "preact/hooks";
import { ApiError, jobPath } from "../api/client";
import { verbNames, type JobDetail, type Verb, type VerbName } from "../api/types";
import type { Model } from "../model";
import { Dialog } from "../parts/dialog";
import { Copy } from "../parts/small";
import { oneLine } from "../text/format";
import { commandOf } from "./command";

interface Words {
  button: string;
  ask: (name: string) => string;
  what: string;
  yes: string;
  danger?: boolean;
}

const words: Record<VerbName, Words> = {
  suspend: {
    button: "Suspend",
    ask: (name) => `Suspend ${name}?`,
    what: "Its pods end for now. What is committed stays, and the job goes on there when you resume it.",
    yes: "Suspend the job",
  },
  resume: {
    button: "Resume",
    ask: (name) => `Resume ${name}?`,
    what: "The job gets its pods again and goes on where it stopped.",
    yes: "Resume the job",
  },
  scale: {
    button: "Scale",
    ask: (name) => `Scale ${name}?`,
    what: "Work of a node that goes is given to the others; it costs no try.",
    yes: "Scale the job",
  },
  resubmit: {
    button: "Resubmit",
    ask: (name) => `Submit ${name} again?`,
    what: "The same job starts again. What is committed already is not computed twice.",
    yes: "Submit it again",
  },
  retryFailed: {
    button: "Retry failed",
    ask: (name) => `Retry the failed items of ${name}?`,
    what: "Only what failed is run again.",
    yes: "Retry what failed",
  },
  cancel: {
    button: "Cancel",
    ask: (name) => `Cancel ${name}?`,
    what: "The job ends. Its committed output and its logs stay.",
    yes: "Cancel the job",
    danger: true,
  },
};

export function Verbs(props: { model: Model; job: JobDetail; gone: boolean }): VNode {
  const { model, job } = props;
  const [asked, setAsked] = useState<VerbName | null>(null);
  const [off, setOff] = useState<string>("");
  const verbs = job.verbs ?? {};
  const verb = asked === null ? undefined : verbs[asked];
  return (
    <div class="verbs" role="group" aria-label="Change the job">
      {verbNames.map((name) => {
        const one = verbs[name];
        if (!one) return null;
        const why = props.gone ? "the job is gone" : one.allowed ? "" : (one.why ?? "it is not possible now");
        return (
          <VerbButton
            key={name}
            name={name}
            why={why}
            onClick={() => {
              if (why === "") {
                setOff("");
                setAsked(name);
              } else {
                setOff(`${words[name].button} is off: ${oneLine(why)}`);
              }
            }}
          />
        );
      })}
      <p class="verb-off" role="status">
        {off}
      </p>
      {asked !== null && verb ? (
        <Confirm model={model} job={job} name={asked} verb={verb} onClose={() => setAsked(null)} />
      ) : null}
    </div>
  );
}

function VerbButton(props: { name: VerbName; why: string; onClick: () => void }): VNode {
  const reason = useId();
  const off = props.why !== "";
  return (
    <>
      <button
        type="button"
        class={`button verb-${props.name}`}
        aria-disabled={off ? "true" : undefined}
        aria-describedby={off ? reason : undefined}
        aria-haspopup={off ? undefined : "dialog"}
        title={off ? oneLine(props.why) : undefined}
        onClick={props.onClick}
      >
        {words[props.name].button}
      </button>
      {off ? (
        <span id={reason} hidden>
          Off: {oneLine(props.why)}
        </span>
      ) : null}
    </>
  );
}

function Confirm(props: {
  model: Model;
  job: JobDetail;
  name: VerbName;
  verb: Verb;
  onClose: () => void;
}): VNode {
  const { model, job, name, verb } = props;
  const [nodes, setNodes] = useState(String(Math.max(1, job.nodes ?? job.progress?.agents ?? 1)));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const text = words[name];
  const number = Number(nodes);
  const fits = name !== "scale" || (/^\d+$/.test(nodes) && number >= 1 && number <= 10_000);
  const command = commandOf(verb.command, name === "scale" && fits ? number : null);

  const send = async () => {
    if (!fits || busy) return;
    setBusy(true);
    setError("");
    try {
      const message = await model.client.post(jobPath(job.id, `/${name}`), name === "scale" ? { nodes: number } : {});
      model.say(message);
      props.onClose();
    } catch (problem) {
      setError(problem instanceof ApiError ? problem.message : String(problem));
      setBusy(false);
    }
  };

  return (
    <Dialog title={text.ask(oneLine(job.name))} onClose={props.onClose} className="confirm">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>{text.what}</p>
        {name === "scale" ? (
          <label class="scale-field">
            Nodes
            <input
              class="field"
              type="number"
              inputMode="numeric"
              min={1}
              max={10000}
              step={1}
              value={nodes}
              aria-invalid={fits ? undefined : "true"}
              onInput={(event) => setNodes(event.currentTarget.value)}
            />
            {fits ? null : <span class="field-problem">A whole number from 1 to 10,000.</span>}
          </label>
        ) : null}
        <p class="command-label">In a terminal this is:</p>
        <div class="command">
          <code>{command}</code>
          <Copy text={command} label="Copy the command" />
        </div>
        <p class="form-problem" role="alert">
          {error}
        </p>
        <div class="dialog-foot">
          <button type="button" class="button" onClick={props.onClose}>
            Leave it
          </button>
          <button type="submit" class={`button ${text.danger ? "danger" : "primary"}`} disabled={!fits || busy}>
            {busy ? "Waiting for the answer" : text.yes}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
