// The buttons that change a job. Each asks first and shows the command that does the same.
import type { VNode } from "preact";
import { useId, useState } from "preact/hooks";
import { ApiError, jobPath } from "../api/client";
import { verbNames, type JobDetail, type TunableField, type Verb, type VerbName } from "../api/types";
import type { Model } from "../model";
import { Dialog } from "../parts/dialog";
import { Copy } from "../parts/small";
import { oneLine } from "../text/format";
import { go } from "../route";
import { changedOf, commandOf, withSettings } from "./command";

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
    ask: (name) => `Make ${name} anew?`,
    what: "A new job with its own output directory. Results that are still good are taken over, the rest runs. It goes on when this page is closed.",
    yes: "Start the new job",
  },
  retryFailed: {
    button: "Retry failed",
    ask: (name) => `Retry the failed items of ${name}?`,
    what: "A new job with the same settings and its own output directory. Good results are taken over; what failed or was never done runs again. It goes on when this page is closed.",
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
  const fields = verb.fields ?? [];
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(fields.map((field) => [field.name, field.value])),
  );
  const changed = changedOf(fields, values);
  const command = withSettings(commandOf(verb.command, name === "scale" && fits ? number : null), changed);

  const send = async () => {
    if (!fits || busy) return;
    setBusy(true);
    setError("");
    try {
      const given = name === "scale" ? { nodes: number } : name === "resubmit" ? { set: changed } : {};
      const done = await model.client.post(jobPath(job.id, `/${name}`), given);
      model.say(done.message);
      props.onClose();
      if (done.job !== undefined) go({ page: "job", id: done.job, tab: "overview" });
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
        {fields.length > 0 ? (
          <Settings fields={fields} values={values} onInput={(name, value) => setValues({ ...values, [name]: value })} />
        ) : null}
        {verb.note ? <p class="verb-note">{oneLine(verb.note)}</p> : null}
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

const levels = ["DEBUG", "INFO", "WARNING"];

/** What may be tuned. An empty field stays as it is. */
function Settings(props: {
  fields: TunableField[];
  values: Record<string, string>;
  onInput: (name: string, value: string) => void;
}): VNode {
  return (
    <fieldset class="settings">
      <legend>Settings that may be others this time</legend>
      {props.fields.map(({ name, value }) => (
        <label key={name}>
          <code>{name}</code>
          {name === "loggingLevel" ? (
            <select
              class="field"
              value={props.values[name] ?? value}
              onChange={(event) => props.onInput(name, event.currentTarget.value)}
            >
              {(levels.includes(value) ? levels : [value, ...levels]).map((level) => (
                <option key={level} value={level}>
                  {level}
                </option>
              ))}
            </select>
          ) : (
            <input
              class="field"
              type="text"
              maxLength={100}
              autoComplete="off"
              spellcheck={false}
              placeholder="as before"
              value={props.values[name] ?? value}
              onInput={(event) => props.onInput(name, event.currentTarget.value)}
            />
          )}
        </label>
      ))}
    </fieldset>
  );
}
