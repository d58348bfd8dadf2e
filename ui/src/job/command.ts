/** The command of a verb, with the number of nodes in its place. Pure. */
export function commandOf(command: string, nodes: number | null): string {
  return command.replace("{nodes}", nodes === null ? "N" : String(nodes));
}
