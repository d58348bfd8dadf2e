import { describe, expect, it } from "vitest";
import { changedOf, commandOf, shellWord, withSettings } from "../src/job/command";

const fields = [
  { name: "miniBatchSize", value: "10" },
  { name: "runMaxTry", value: "3" },
];

describe("the command of a button", () => {
  it("has the number of nodes", () => {
    expect(commandOf("parallelrun scale digits --nodes {nodes}", 3)).toBe("parallelrun scale digits --nodes 3");
    expect(commandOf("parallelrun scale digits --nodes {nodes}", null)).toBe("parallelrun scale digits --nodes N");
  });
  it("has what was changed alone", () => {
    expect(changedOf(fields, { miniBatchSize: "20", runMaxTry: "3" })).toEqual({ miniBatchSize: "20" });
    expect(changedOf(fields, { miniBatchSize: " 10 ", runMaxTry: "" })).toEqual({});
    expect(changedOf(fields, {})).toEqual({});
    expect(withSettings("parallelrun resubmit out", { miniBatchSize: "20", runMaxTry: "5" })).toBe(
      "parallelrun resubmit out --set miniBatchSize=20 --set runMaxTry=5",
    );
  });
  it("is safe to paste", () => {
    expect(shellWord("a/b-2.x")).toBe("a/b-2.x");
    expect(withSettings("x", { miniBatchSize: "10 MB; rm 'y'" })).toBe("x --set 'miniBatchSize=10 MB; rm '\\''y'\\'''");
  });
});
