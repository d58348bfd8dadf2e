import { describe, expect, it } from "vitest";
import { firstLog, folders } from "../src/log/log_files";
import { hitFrom } from "../src/log/log_search";
import { LogWindow, linesOf, marksIn } from "../src/log/log_window";

const bytes = (text: string) => new TextEncoder().encode(text).length;
const texts = (window: LogWindow) => window.lines.map((line) => line.text);

describe("lines", () => {
  it("know where they begin, in bytes", () => {
    expect(linesOf("aä\n\r\nlast", 100)).toEqual([
      { offset: 100, text: "aä" },
      { offset: 104, text: "" },
      { offset: 106, text: "last" },
    ]);
    expect(linesOf("", 5)).toEqual([]);
  });
});

describe("the window of a log", () => {
  // 1,000 lines of 10 bytes, cut into pieces of 100 bytes.
  const file = Array.from({ length: 1000 }, (_, line) => `line ${String(line).padStart(4, "0")}\n`).join("");
  const size = bytes(file);
  const piece = (offset: number, length = 100_000) => {
    const end = Math.min(size, offset + length);
    return { offset, next: end, text: file.slice(offset, end) };
  };

  it("goes forward and lets the first pieces go", () => {
    const window = new LogWindow(2);
    window.replace(piece(0, 300_000), size);
    expect(window.whole).toBe(true);
    window.replace({ ...piece(0, 200_000), next: 200_000, text: "x".repeat(199_999) + "\n" }, 900_000);
    expect(window.append({ offset: 200_000, next: 500_000, text: "y\n".repeat(150_000) }, 900_000)).toBe(0);
    expect(window.append({ offset: 500_000, next: 800_000, text: "z\n".repeat(150_000) }, 900_000)).toBe(1);
    expect([window.from, window.to, window.lines.length, window.atBegin, window.atEnd]).toEqual([200_000, 800_000, 300_000, false, false]);
  });

  it("goes back and lets the last pieces go", () => {
    const window = new LogWindow(2);
    window.replace(piece(9000, 1000), size);
    expect(window.prepend(piece(8000, 1000), size)).toBe(100);
    expect(window.prepend(piece(7000, 1000), size)).toBe(100);
    expect([window.from, window.to, window.lines.length]).toEqual([7000, 9000, 200]);
    expect(window.append(piece(9000, 1000), size)).toBe(0);
    expect(texts(window)[200]).toBe("line 0900");
  });

  it("takes no piece that does not fit", () => {
    const window = new LogWindow(4);
    window.replace(piece(5000, 1000), size);
    expect(window.append(piece(7000, 1000), size)).toBe(0);
    expect(window.prepend(piece(3000, 1000), size)).toBe(0);
    expect([window.from, window.to]).toEqual([5000, 6000]);
  });

  it("finds the line of a byte", () => {
    const window = new LogWindow(4);
    window.replace(piece(5000, 1000), size);
    expect([4999, 5000, 5009, 5010, 5999].map((offset) => window.lineAt(offset))).toEqual([-1, 0, 0, 1, 99]);
    expect(window.lineAt(7000)).toBe(-1);
  });

  it("goes on in a line that had no end yet", () => {
    const window = new LogWindow(4);
    window.replace({ offset: 0, next: 7, text: "one\ntwo" }, 7);
    window.append({ offset: 7, next: 15, text: " and\nthr" }, 15);
    window.append({ offset: 15, next: 18, text: "ee\n" }, 18);
    window.append({ offset: 18, next: 23, text: "four\n" }, 23);
    expect(texts(window)).toEqual(["one", "two and", "three", "four"]);
    expect(window.lines.map((line) => line.offset)).toEqual([0, 4, 12, 18]);
  });

  it("is bounded while a log grows line by line", () => {
    const window = new LogWindow(3);
    window.replace({ offset: 0, next: 0, text: "" }, 0);
    let at = 0;
    for (let step = 0; step < 20_000; ++step) {
      const text = `${"x".repeat(99)}\n`;
      window.append({ offset: at, next: at + 100, text }, at + 100);
      at += 100;
    }
    expect(window.atEnd).toBe(true);
    expect(window.lines.length).toBeLessThan((3 * 256 * 1024) / 100 + 1);
    expect(window.lines[0]?.offset).toBe(window.from);
  });
});

describe("marks", () => {
  it("stand where the text is, in any case", () => expect(marksIn("An error, an ERROR", "error")).toEqual([[3, 8], [13, 18]]));
  it("mark nothing rather than the wrong part", () => expect(marksIn("İİ error", "error")).toEqual([]));
  it("need a text", () => expect(marksIn("abc", "")).toEqual([]));
});

describe("hits", () => {
  const hits = [10, 20, 30].map((offset) => ({ offset, line: "" }));
  it("begin at the place, else at the begin", () => expect([0, 20, 21, 31].map((offset) => hitFrom(hits, offset))).toEqual([0, 1, 2, 0]));
  it("may be none", () => expect(hitFrom([], 5)).toBe(-1));
});

describe("log files", () => {
  const files = ["70_driver_log.txt", "job_progress_overview.txt", "user/error.txt", "user/stdout/127.0.0.1/process000.stdout.txt"].map((path) => ({ path, bytes: 5 }));
  it("begin where the documentation says", () => {
    expect(firstLog(files, "Failed")).toBe("user/error.txt");
    expect(firstLog(files, "Running")).toBe("job_progress_overview.txt");
    expect(firstLog([{ path: "user/error.txt", bytes: 0 }, { path: "x", bytes: 1 }], "Failed")).toBe("user/error.txt");
    expect(firstLog([], "Failed")).toBe(undefined);
  });
  it("stand in their folders", () => {
    expect(folders(files, "").map(([folder, members]) => [folder, members.length])).toEqual([["", 2], ["user", 1], ["user/stdout/127.0.0.1", 1]]);
    expect(folders(files, "process STDOUT").map(([folder]) => folder)).toEqual(["user/stdout/127.0.0.1"]);
  });
});
