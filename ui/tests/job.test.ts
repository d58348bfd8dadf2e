import { describe, expect, it } from "vitest";
import { placeInLog } from "../src/job/failures";
import { tickIndexes } from "../src/job/histogram";
import { cellText, columnNames } from "../src/job/output";
import { stillReading } from "../src/job/overview";
import { rangeOf, sharesOf } from "../src/job/process_lines";
import { joined } from "../src/job/time";
import type { ErrorGroup, Timeline } from "../src/api/types";

const group: ErrorGroup = {
  count: 1, phase: "run", type: "ValueError", message: "bad", first: "", where: "", what: "", last: "",
  earlierStart: false, file: "logs/user/error/run.txt", traceback: "Traceback\n  line\nValueError: bad\n\n",
};

describe("the place of an error in its log", () => {
  it("is its last line", () => expect(placeInLog(group)).toEqual({ log: "user/error/run.txt", find: "ValueError: bad" }));
  it("is its type without a traceback", () => expect(placeInLog({ ...group, traceback: "" })?.find).toBe("ValueError"));
  it("is nowhere without a file", () => expect(placeInLog({ ...group, file: "" })).toBe(null));
});

describe("rows of the output", () => {
  it("are text, whatever they hold", () => {
    expect([null, "a\nb", 1.5, true, { a: [1] }].map(cellText)).toEqual(["", "a\\x0ab", "1.5", "true", '{"a":[1]}']);
  });
  it("have names for every column", () => {
    expect(columnNames({ columns: null, rows: [["x"]], truncated: false })).toEqual(["Row"]);
    expect(columnNames({ columns: ["a"], rows: [["x", "y"]], truncated: false })).toEqual(["a", "2"]);
    expect(columnNames({ columns: null, rows: [], truncated: false })).toEqual([]);
  });
});

describe("the lines of processes", () => {
  const one = { node: "n", process: "p", spans: [[10, 13, "run"], [13, 14, "loading"], [14, 20, "idle"]] as [number, number, "run" | "loading" | "idle"][] };
  it("have shares of their time", () => expect(sharesOf(one)).toEqual({ run: 0.3, loading: 0.1, idle: 0.6 }));
  it("have a common range", () => expect(rangeOf([one, { ...one, spans: [[5, 6, "run"]] }])).toEqual([5, 20]));
  it("may be empty", () => {
    expect(rangeOf([])).toEqual([0, 1]);
    expect(sharesOf({ ...one, spans: [] })).toEqual({ run: 0, loading: 0, idle: 0 });
  });
});

describe("charts", () => {
  it("share one axis of time", () => {
    const { times, series } = joined(
      {
        b: { time: [1, 3], cpuPercent: [10, 30], memoryBytes: [] },
        a: { time: [2], cpuPercent: [20], memoryBytes: [] },
      },
      "cpuPercent",
    );
    expect(times).toEqual([1, 2, 3]);
    expect(series.map((one) => one.name)).toEqual(["a", "b"]);
    expect(series[1]?.values).toEqual([10, undefined, 30]);
  });
  it("have few ticks", () => {
    expect(tickIndexes(9, 6)).toEqual([0, 2, 4, 6, 8]);
    expect(tickIndexes(0, 6)).toEqual([]);
  });
});

describe("a timeline", () => {
  const whole: Timeline = {
    throughput: [], processes: [], durations: { edgesSeconds: [], counts: [] }, slowest: [], resources: {}, thinned: false,
  };
  it("says while logs are left to read", () => expect(stillReading({ ...whole, reading: true })).toMatch(/more to come/));
  it("says nothing when it is the whole", () => {
    expect([stillReading(whole), stillReading({ ...whole, reading: false }), stillReading(null)]).toEqual([null, null, null]);
  });
});
