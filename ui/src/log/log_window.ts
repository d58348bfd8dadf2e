// The part of a log file that the page holds: whole lines, one piece of the file after the other, bounded. Pure.

export interface LogLine {
  /** Where it begins in the file, in bytes. Exact at the begin of each piece; else as far as the text is valid UTF-8. */
  offset: number;
  text: string;
}

const encoder = new TextEncoder();

/** A line is shown up to here; the rest is counted. */
export const longestShown = 4000;

function byteLength(text: string): number {
  // Most lines are ASCII, where both lengths are the same.
  for (let at = 0; at < text.length; ++at) {
    if (text.charCodeAt(at) > 127) return encoder.encode(text).length;
  }
  return text.length;
}

/** The lines of a piece. A last line without its end is a line too. */
export function linesOf(text: string, offset: number): LogLine[] {
  const lines: LogLine[] = [];
  let begin = 0;
  let at = offset;
  while (begin < text.length) {
    let end = text.indexOf("\n", begin);
    const whole = end >= 0;
    if (!whole) end = text.length;
    const line = text.slice(begin, end);
    lines.push({ offset: at, text: line.endsWith("\r") ? line.slice(0, -1) : line });
    at += byteLength(line) + (whole ? 1 : 0);
    begin = end + 1;
  }
  return lines;
}

export interface Piece {
  offset: number;
  next: number; // behind its last byte
  text: string;
}

interface Held {
  from: number;
  to: number;
  lines: number;
}

/** Small pieces of a log that grows are held as one, up to this. */
const pieceBytes = 256 * 1024;

export class LogWindow {
  lines: LogLine[] = [];
  size = 0;
  #held: Held[] = [];
  /** The last line has no end yet: what comes next goes on in it. */
  #open = false;

  constructor(private readonly mostPieces: number) {}

  /** Bytes: the window is [from, to) of the file. */
  get from(): number {
    return this.#held[0]?.from ?? 0;
  }
  get to(): number {
    return this.#held[this.#held.length - 1]?.to ?? 0;
  }
  get atBegin(): boolean {
    return this.from === 0;
  }
  get atEnd(): boolean {
    return this.to >= this.size;
  }
  /** The whole file is here. */
  get whole(): boolean {
    return this.atBegin && this.atEnd;
  }

  replace(piece: Piece, size: number): void {
    this.lines = linesOf(piece.text, piece.offset);
    this.#held = [{ from: piece.offset, to: piece.next, lines: this.lines.length }];
    this.size = size;
    this.#open = piece.text !== "" && !piece.text.endsWith("\n");
  }

  /** Behind what is here. Gives how many lines went away at the top. */
  append(piece: Piece, size: number): number {
    if (piece.offset !== this.to) return 0;
    this.size = size;
    if (piece.next === piece.offset) return 0;
    const added = linesOf(piece.text, piece.offset);
    const last = this.lines[this.lines.length - 1];
    const first = added[0];
    if (this.#open && last && first) {
      this.lines[this.lines.length - 1] = { offset: last.offset, text: last.text + first.text };
      added.shift();
    }
    for (const line of added) this.lines.push(line);
    this.#open = !piece.text.endsWith("\n");
    const behind = this.#held[this.#held.length - 1];
    if (behind && piece.next - behind.from <= pieceBytes) {
      behind.to = piece.next;
      behind.lines += added.length;
    } else {
      this.#held.push({ from: piece.offset, to: piece.next, lines: added.length });
    }
    let gone = 0;
    while (this.#held.length > this.mostPieces) gone += this.#held.shift()?.lines ?? 0;
    this.lines.splice(0, gone);
    return gone;
  }

  /** Before what is here. Gives how many lines came on top. */
  prepend(piece: Piece, size: number): number {
    if (piece.next !== this.from || piece.next === piece.offset) return 0;
    const added = linesOf(piece.text, piece.offset);
    this.lines = added.concat(this.lines);
    this.#held.unshift({ from: piece.offset, to: piece.next, lines: added.length });
    this.size = Math.max(size, this.size);
    while (this.#held.length > this.mostPieces) {
      this.lines.length -= this.#held.pop()?.lines ?? 0;
      this.#open = false;
    }
    return added.length;
  }

  /** The line that holds this byte of the file; -1: it is not here. */
  lineAt(offset: number): number {
    if (this.lines.length === 0 || offset < this.from || offset > this.to) return -1;
    let low = 0;
    let high = this.lines.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.lines[middle]?.offset ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Bytes of an average line, to guess how long the whole is. */
  get averageLine(): number {
    return this.lines.length === 0 ? 100 : Math.max(1, (this.to - this.from) / this.lines.length);
  }
}

/** Where the text stands in the line, for marks. Without regard to case, as the server searches. */
export function marksIn(line: string, text: string): [begin: number, end: number][] {
  if (text === "") return [];
  const marks: [number, number][] = [];
  const low = line.toLowerCase();
  const wanted = text.toLowerCase();
  // Lower case may be longer than the line ("İ"): then nothing is marked, rather than the wrong part.
  if (low.length !== line.length) return [];
  for (let at = low.indexOf(wanted); at >= 0 && marks.length < 100; at = low.indexOf(wanted, at + wanted.length))
    marks.push([at, at + wanted.length]);
  return marks;
}
