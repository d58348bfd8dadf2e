import { describe, expect, test } from "vitest";
import { ApiError, endsAccess } from "../src/api/client";
import { headersOf, namespacesIn, tokenIn, tokenOf } from "../src/api/session";

describe("the token", () => {
  test("of a link is behind its #", () => {
    expect(tokenOf("#token=ab-c")).toBe("ab-c");
    expect(tokenOf("#/jobs")).toBeNull();
  });
  test("is pasted with what stands around it", () => {
    expect(tokenIn("  abc.def \n")).toBe("abc.def");
    expect(tokenIn("Bearer abc")).toBe("abc");
    expect(tokenIn("token: abc\n")).toBe("abc");
    expect(tokenIn("abc\n  def")).toBe("abcdef"); // a terminal has broken the line
    expect(tokenIn(" \n")).toBe("");
  });
  test("comes with the names of namespaces, however they are written", () => {
    expect(namespacesIn(" team ")).toBe("team");
    expect(namespacesIn("red, blue\tgreen,,")).toBe("red,blue,green");
    expect(namespacesIn(" , ")).toBe("");
  });
  test("goes into a header, and without one nothing does", () => {
    expect(headersOf({ token: "x", namespace: "", by: "link" })).toEqual({ Authorization: "Bearer x" });
    expect(headersOf({ token: null, namespace: "", by: "viewer" })).toEqual({});
    expect(headersOf({ token: null, namespace: "team", by: "viewer" })).toEqual({ "ParallelRun-Namespace": "team" });
  });
});

test("what ends the view: a token that is unknown, jobs that may not be listed", () => {
  expect(endsAccess(new ApiError(401, "SignIn", ""))).toBe(true);
  expect(endsAccess(new ApiError(401, "NoRights", ""))).toBe(true);
  expect(endsAccess(new ApiError(403, "Namespace", ""))).toBe(true);
  expect(endsAccess(new ApiError(403, "NoRights", ""))).toBe(false);
  expect(endsAccess(new ApiError(503, "Unreachable", ""))).toBe(false);
});
