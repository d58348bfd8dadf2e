// The commands that buttons show. Pure.
import type { TunableField } from "../api/types";

/** The command of a verb, with the number of nodes in its place. */
export function commandOf(command: string, nodes: number | null): string {
  return command.replace("{nodes}", nodes === null ? "N" : String(nodes));
}

/** The fields whose values are others than before; one that was emptied stays as it was. */
export function changedOf(fields: TunableField[], values: Record<string, string>): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const { name, value } of fields) {
    const now = (values[name] ?? value).trim();
    if (now !== "" && now !== value) changed[name] = now;
  }
  return changed;
}

/** As a word of a command in a shell. */
export function shellWord(text: string): string {
  return /^[\w/.+=:,@%-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function withSettings(command: string, changed: Record<string, string>): string {
  return Object.entries(changed).reduce((words, [name, value]) => `${words} --set ${shellWord(`${name}=${value}`)}`, command);
}
