// The text/event-stream format, read from a fetch: EventSource cannot send a token. Pure.

export interface ServerEvent {
  event: string;
  data: string;
}

/** Takes the text as it comes, in any pieces, and gives the events that are whole. */
export class EventParser {
  #rest = "";
  #event = "";
  #data: string[] = [];

  push(text: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    this.#rest += text;
    let begin = 0;
    for (let at = 0; at < this.#rest.length; ++at) {
      const sign = this.#rest[at];
      if (sign !== "\n" && sign !== "\r") continue;
      // The other half of "\r\n" may be still under way.
      if (sign === "\r" && at + 1 === this.#rest.length) break;
      const line = this.#rest.slice(begin, at);
      if (sign === "\r" && this.#rest[at + 1] === "\n") ++at;
      begin = at + 1;
      const event = this.#line(line);
      if (event) found.push(event);
    }
    this.#rest = this.#rest.slice(begin);
    return found;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") {
      const event = { event: this.#event || "message", data: this.#data.join("\n") };
      const any = this.#data.length > 0;
      this.#event = "";
      this.#data = [];
      return any ? event : null;
    }
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    return null;
  }
}

/** Milliseconds until the next try: 1, 2, 4, ... 30 s, and up to a fifth more, so that pages do not come together. */
export function pauseBefore(failures: number, random: number): number {
  const pause = Math.min(30_000, 1000 * 2 ** Math.max(0, failures - 1));
  return Math.round(pause * (1 + 0.2 * random));
}
