import { describe, expect, it } from "vitest";
import type { Job } from "../src/api/types";
import { arranged, countsByState, matches, shareDone, wordsOf, type Arrangement } from "../src/jobs/arrange";
import { clamp, rowForKey, scrollTo, windowAt } from "../src/parts/window";

function job(name: string, more: Partial<Job> = {}): Job {
  return { id: name, world: "directory", name, directory: `/data/${name}`, state: "Complete", ...more };
}
const all: Arrangement = { text: "", states: new Set(), sort: "name", descending: false };
const names = (jobs: Job[]) => jobs.map((one) => one.name).join(" ");

describe("the order of jobs", () => {
  const jobs = [
    job("b2", { state: "Failed", started: "2026-11-30T10:00:00Z", progress: { itemsFailed: 5 } }),
    job("b10", { state: "Running", started: "2026-11-30T11:00:00Z", progress: { miniBatchesCreated: 10, miniBatchesProcessed: 5 } }),
    job("a1", { started: "2026-11-30T09:00:00Z" }),
  ];
  it("counts numbers in names", () => expect(names(arranged(jobs, all))).toBe("a1 b2 b10"));
  it("turns round", () => expect(names(arranged(jobs, { ...all, descending: true }))).toBe("b10 b2 a1"));
  it("has the youngest first by age", () => expect(names(arranged(jobs, { ...all, sort: "age" }))).toBe("b10 b2 a1"));
  it("has what needs a look first by state", () => expect(names(arranged(jobs, { ...all, sort: "state" }))).toBe("b2 b10 a1"));
  it("sorts by what failed, and equal ones by their age", () => expect(names(arranged(jobs, { ...all, sort: "failed" }))).toBe("b10 a1 b2"));
  it("shows states that are wanted", () => expect(names(arranged(jobs, { ...all, states: new Set(["Failed"]) }))).toBe("b2"));
  it("does not change what it was given", () => {
    arranged(jobs, all);
    expect(names(jobs)).toBe("b2 b10 a1");
  });
  it("counts states, those that need a look first", () => {
    expect(countsByState(jobs)).toEqual([["Failed", 1], ["Running", 1], ["Complete", 1]]);
  });
});

describe("the filter", () => {
  it("wants every word, in any order and case", () => {
    const one = job("Digits", { directory: "/data/Team A" });
    expect(matches(one, wordsOf("team digits"))).toBe(true);
    expect(matches(one, wordsOf("team sales"))).toBe(false);
    expect(matches(one, wordsOf("  "))).toBe(true);
  });
});

describe("progress", () => {
  it("is not known before there is a plan", () => expect(shareDone(job("x", { state: "Running" }))).toBe(null));
  it("is whole for an empty complete job", () => expect(shareDone(job("x"))).toBe(1));
  it("never passes all", () => {
    expect(shareDone(job("x", { progress: { miniBatchesCreated: 2, miniBatchesProcessed: 3 } }))).toBe(1);
  });
});

describe("the window of a list", () => {
  it("has the rows in sight and some beyond", () => {
    expect(windowAt(1000, 400, 40, 10_000, 5)).toEqual({ first: 20, last: 40 });
  });
  it("stays inside", () => {
    expect(windowAt(0, 400, 40, 3, 5)).toEqual({ first: 0, last: 3 });
    expect(windowAt(-50, 400, 40, 100, 0)).toEqual({ first: 0, last: 10 });
    expect(windowAt(1e9, 400, 40, 100, 5)).toEqual({ first: 100, last: 100 });
    expect(windowAt(0, 400, 40, 0, 5)).toEqual({ first: 0, last: 0 });
  });
  it("scrolls only as far as needed", () => {
    expect(scrollTo(5, 0, 400, 40)).toBe(null);
    expect(scrollTo(10, 0, 400, 40)).toBe(40);
    expect(scrollTo(2, 200, 400, 40)).toBe(80);
  });
  it("moves by keys to the ends and not past them", () => {
    expect(rowForKey("ArrowDown", 9, 10, 5)).toBe(9);
    expect(rowForKey("PageDown", 0, 10, 5)).toBe(4);
    expect(rowForKey("End", 0, 10, 5)).toBe(9);
    expect(rowForKey("Home", 7, 10, 5)).toBe(0);
    expect(rowForKey("a", 7, 10, 5)).toBe(null);
    expect(rowForKey("End", 0, 0, 5)).toBe(null);
  });
  it("clamps where low is above high", () => expect(clamp(5, 3, 1)).toBe(3));
});
