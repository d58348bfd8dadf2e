import { describe, expect, it } from "vitest";
import { EventParser, pauseBefore, type ServerEvent } from "../src/api/event_stream";
import { tokenOf } from "../src/api/session";
import { commandOf } from "../src/job/command";
import { fragmentOf, routeOf, type Route } from "../src/route";

const text = ": hello\n\nevent: job\ndata: {\"id\":\"ä\"}\n\ndata: one\r\ndata:two\r\n\r\nevent: nothing\n\ndata\n\n";
const wanted: ServerEvent[] = [
  { event: "job", data: '{"id":"ä"}' },
  { event: "message", data: "one\ntwo" },
  { event: "message", data: "" },
];

describe("the event stream", () => {
  it("reads it in one piece", () => expect(new EventParser().push(text)).toEqual(wanted));
  it("reads it cut anywhere", () => {
    for (let cut = 1; cut < text.length; ++cut) {
      const parser = new EventParser();
      expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(wanted);
    }
  });
  it("reads it sign by sign", () => {
    const parser = new EventParser();
    expect([...text].flatMap((sign) => parser.push(sign))).toEqual(wanted);
  });
  it("gives nothing that is not whole", () => expect(new EventParser().push("data: x\n")).toEqual([]));
});

describe("pauses", () => {
  it("grow and end at half a minute", () => {
    expect([1, 2, 3, 4, 5, 6, 60].map((failures) => pauseBefore(failures, 0))).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    expect(pauseBefore(1, 1)).toBe(1200);
  });
});

describe("the address", () => {
  it("gives the token and nothing else", () => {
    expect(tokenOf("#token=abc-DEF_1.2")).toBe("abc-DEF_1.2");
    expect(tokenOf("#token=a%2Fb")).toBe("a/b");
    for (const wrong of ["", "#", "#/jobs", "#token=", "#token=a b", "#x&token=a", "#token=%ff"]) expect(tokenOf(wrong)).toBe(null);
  });
  it("reads back what it writes", () => {
    const routes: Route[] = [
      { page: "jobs" },
      { page: "job", id: "a/b?c#d%", tab: "logs", log: "user/a b.txt", at: 12, find: "x & y" },
      { page: "job", id: "x", tab: "overview" },
    ];
    for (const route of routes) expect(routeOf(fragmentOf(route))).toEqual(route);
  });
  it("takes anything", () => {
    expect(routeOf("")).toEqual({ page: "jobs" });
    expect(routeOf("#/job")).toEqual({ page: "jobs" });
    expect(routeOf("#/job/x/nonsense?at=y")).toEqual({ page: "job", id: "x", tab: "overview" });
    expect(routeOf("#/job/%E0%A4%A")).toEqual({ page: "job", id: "%E0%A4%A", tab: "overview" });
  });
});

describe("the command of a verb", () => {
  it("has the number in its place", () => {
    expect(commandOf("parallelrun scale x --nodes {nodes}", 3)).toBe("parallelrun scale x --nodes 3");
    expect(commandOf("parallelrun scale x --nodes {nodes}", null)).toBe("parallelrun scale x --nodes N");
    expect(commandOf("parallelrun cancel x", null)).toBe("parallelrun cancel x");
  });
});
