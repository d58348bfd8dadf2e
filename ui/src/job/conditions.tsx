import type { VNode } from "preact";
import type { ClusterEvent, Condition, Pod } from "../api/types";
import { useNow } from "../parts/cell";
import { age, oneLine } from "../text/format";

export function Conditions({ conditions }: { conditions: Condition[] }): VNode {
  const now = useNow(10_000);
  return (
    <Plain
      label="Conditions"
      head={["Condition", "Status", "Reason", "Since", "Message"]}
      rows={conditions.map((one) => [
        one.type,
        one.status,
        one.reason ?? "",
        age(one.lastTransitionTime, now),
        one.message ?? "",
      ])}
    />
  );
}

export function Events({ events }: { events: ClusterEvent[] }): VNode {
  const now = useNow(10_000);
  return (
    <Plain
      label="Events"
      head={["Kind", "Reason", "Age", "Times", "Message"]}
      rows={events.map((one) => [
        one.type ?? "",
        one.reason ?? "",
        age(one.last, now),
        one.count === undefined ? "" : String(one.count),
        one.message ?? "",
      ])}
    />
  );
}

export function Pods({ pods }: { pods: Pod[] }): VNode {
  const now = useNow(10_000);
  return (
    <Plain
      label="Pods"
      head={["Pod", "Role", "State", "Node", "Age"]}
      rows={pods.map((one) => [one.name, one.role ?? "", one.phase ?? "", one.node ?? "", age(one.created, now)])}
    />
  );
}

/** A short table, whole in the document. */
export function Plain(props: { label: string; head: string[]; rows: string[][] }): VNode {
  return (
    <div class="plain-scroll" role="group" aria-label={props.label} tabIndex={0}>
      <table class="plain">
        <thead>
          <tr>
            {props.head.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{oneLine(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
