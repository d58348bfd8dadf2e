import { describe, expect, it } from "vitest";
import { age, ago, bytes, clock, count, counted, duration, figure, lastPart, oneLine, percent } from "../src/text/format";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("numbers", () => {
  it("groups digits", () => {
    expect([0, 999, 1000, 1234567].map(count)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });
  it("has one and many", () => {
    expect(plain(counted(1, "item"))).toBe("1 item");
    expect(plain(counted(0, "mini-batch", "mini-batches"))).toBe("0 mini-batches");
  });
  it("shows three digits that count", () => {
    expect([0, 0.01234, 0.5, 1.5, 12.34, 123.4, 12345].map(figure)).toEqual(["0", "0.012", "0.5", "1.5", "12.3", "123", "12,345"]);
    expect(figure(NaN)).toBe("–");
  });
  it("never calls a part all, nor something nothing", () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(percent).map(plain)).toEqual(["0 %", "<1 %", "50 %", "99 %", "100 %"]);
  });
  it("names bytes", () => {
    expect([0, 1023, 1024, 1536, 1e9].map(bytes).map(plain)).toEqual(["0 B", "1,023 B", "1 KiB", "1.5 KiB", "954 MiB"]);
  });
});

describe("times", () => {
  it("has two units at most, and no 60", () => {
    const texts = [0, 0.0002, 0.85, 1, 9.94, 9.96, 59.6, 61, 3599, 3600, 86399, 90000, 31 * 86400].map(duration).map(plain);
    expect(texts).toEqual(["0 s", "200 µs", "850 ms", "1 s", "9.9 s", "10 s", "1 min", "1 min 1 s", "59 min 59 s", "1 h", "1 d", "1 d 1 h", "31 d"]);
  });
  it("says nothing of what is not known", () => {
    expect([null, undefined, NaN, -1].map(duration)).toEqual(["–", "–", "–", "–"]);
  });
  it("has ages in one unit", () => {
    const now = Date.parse("2026-11-30T12:00:00Z");
    const at = (seconds: number) => new Date(now - seconds * 1000).toISOString();
    expect([0, 5, 65, 7200, 47 * 3600, 3 * 86400].map((seconds) => plain(age(at(seconds), now)))).toEqual(["now", "5 s", "1 min", "2 h", "47 h", "3 d"]);
    expect(age("not a time", now)).toBe("");
    expect(plain(ago(at(65), now))).toBe("1 min ago");
    expect(ago(at(0), now)).toBe("now");
    // A clock that is ahead is no reason for a negative age.
    expect(age(new Date(now + 60000).toISOString(), now)).toBe("now");
  });
  it("has the date where it is another day", () => {
    const noon = new Date(2026, 10, 30, 12, 3, 9).getTime();
    expect(clock(noon, noon + 1000)).toBe("12:03:09");
    expect(clock(noon, noon + 86400_000)).toBe("2026-11-30 12:03:09");
  });
});

describe("foreign text", () => {
  it("stays on its line and in its direction", () => {
    expect(oneLine("a\nb\u001b[31m\u202ec\tz")).toBe("a\\x0ab\\x1b[31m\\x202ec  z");
    expect(oneLine("<img src=x onerror=alert(1)>")).toBe("<img src=x onerror=alert(1)>");
  });
  it("has a last part", () => {
    expect([lastPart("/a/b/"), lastPart("x"), lastPart("/")]).toEqual(["b", "x", "/"]);
  });
});
