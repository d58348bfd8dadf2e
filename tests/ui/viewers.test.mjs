// The page in a cluster, in a real browser against a real API server without nodes: who signs in sees what his token
// lets him see, and nothing is left of it when the token ends.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { findings, launch } from "./browser.mjs";
import { Cluster, job } from "./cluster.mjs";
import { program, root } from "./jobs.mjs";

const cluster = new Cluster();
const kubectl = (words, input) => cluster.kubectl(words, input);

let page, address, browser;

/** A namespace with a job, and an account that may look at it. */
function team(name, jobName) {
  kubectl(["create", "namespace", name]);
  kubectl(["create", "-f", "-"], JSON.stringify(job(jobName, name)));
  kubectl(["create", "serviceaccount", "viewer", "-n", name]);
  const verbs = "--verb=get,list,watch";
  kubectl(["create", "role", "viewer", "-n", name, verbs, "--resource=parallelrunjobs.parallelrun.dev"]);
  kubectl(["create", "rolebinding", "viewer", "-n", name, "--role=viewer", `--serviceaccount=${name}:viewer`]);
  return kubectl(["create", "token", "viewer", "-n", name]);
}

before(async () => {
  await cluster.up();
  const words = ["ui", "--listen", "127.0.0.1:0", "--behind-proxy", "--pages", join(root, "build/ui")];
  page = spawn(program, [...words, "--api-server", cluster.url, "--api-server-ca", cluster.authority], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {},
  });
  for await (const line of createInterface({ input: page.stdout })) {
    address = line;
    break;
  }
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (page && page.exitCode === null) {
    page.kill("SIGTERM");
    await once(page, "exit");
  }
  await cluster.down();
});

async function tab() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(60_000);
  const opened = await context.newPage();
  await opened.goto(address);
  return opened;
}

async function signIn(opened, token, namespace) {
  await opened.getByLabel("Your bearer token").fill(token);
  await opened.getByLabel("Namespace").fill(namespace);
  await opened.keyboard.press("Enter");
}

const link = (opened, name) => opened.getByRole("link", { name, exact: true });

describe("the page in a cluster", () => {
  test("two viewers see two lists, by keys alone, and nothing is kept in the browser", async () => {
    const tokens = { red: team("red", "digits"), blue: team("blue", "salaries") };
    const [red, blue] = [await tab(), await tab()];
    await red.getByRole("heading", { name: "Sign in" }).waitFor();
    assert.deepEqual(await findings(red), []);
    await red.waitForFunction(() => document.activeElement?.type === "password");
    await red.keyboard.insertText("wrong");
    await red.keyboard.press("Enter");
    await red.getByRole("alert").filter({ hasText: "does not know your token" }).waitFor();
    await signIn(red, `Bearer ${tokens.red}`, "red");
    await signIn(blue, tokens.blue, "blue");
    await link(red, "digits").waitFor();
    await link(blue, "salaries").waitFor();
    assert.ok(!(await red.content()).includes("salaries") && !(await blue.content()).includes("digits"));
    const kept = await red.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
    assert.ok(!kept.includes(tokens.red) && !kept.includes(tokens.red.slice(-20)), kept);
    assert.ok(!red.url().includes(tokens.red.slice(-20)));
    // A button that the viewer has no right to says so.
    await link(red, "digits").click();
    await red.getByText("no right to patch").first().waitFor({ state: "attached" });
    // Reloaded, the page knows him no more.
    await red.reload();
    await red.getByRole("heading", { name: "Sign in" }).waitFor();
    assert.ok(!(await red.content()).includes("digits"));
    await Promise.all([red.context().close(), blue.context().close()]);
  });

  test("several namespaces are one list, and what may not be read is a sentence", async () => {
    const token = team("violet", "stars");
    team("amber", "wages");
    const opened = await tab();
    await signIn(opened, token, "violet, amber");
    await link(opened, "stars").waitFor();
    await opened.getByText("1 place could not be read").click();
    await opened.getByText("no right to list parallelrunjobs.parallelrun.dev in the namespace 'amber'").waitFor();
    assert.ok(!(await opened.content()).includes("wages"));
    assert.deepEqual(await findings(opened), []);
    kubectl(["create", "rolebinding", "guest", "-n", "amber", "--role=viewer", "--serviceaccount=violet:viewer"]);
    await link(opened, "wages").waitFor();
    await link(opened, "stars").waitFor();
    await opened.getByText("could not be read").waitFor({ state: "detached" });
    await opened.context().close();
  });

  test("a log that cannot be followed says why", async () => {
    const token = team("pink", "roses");
    const opened = await tab();
    await signIn(opened, token, "pink");
    await link(opened, "roses").click();
    await opened.waitForURL(/#\/job\/c/);
    const at = (await opened.evaluate(() => location.hash)).replace(/(#\/job\/[^/?]+).*/, "$1/logs?log=sys%2Fmaster_role.txt");
    await opened.evaluate((hash) => (location.hash = hash), at);
    await opened.locator(".log-way-not", { hasText: "This log is not followed: " }).waitFor();
    await opened.getByRole("button", { name: "Follow", pressed: true }).click();
    await opened.locator(".log-way-not").waitFor({ state: "detached" });
    await opened.context().close();
  });

  test("without the right to all namespaces it asks for one", async () => {
    const token = team("green", "letters");
    const opened = await tab();
    await signIn(opened, token, "");
    await opened.getByRole("heading", { name: "Whose jobs?" }).waitFor();
    await opened.getByRole("alert").filter({ hasText: "name a namespace" }).waitFor();
    assert.deepEqual(await findings(opened), []);
    await opened.getByLabel("Namespace").fill("green");
    await opened.getByRole("button", { name: "Show the jobs" }).click();
    await link(opened, "letters").waitFor();
    await opened.getByRole("button", { name: "Sign out" }).click();
    await opened.getByLabel("Your bearer token").waitFor();
    assert.ok(!(await opened.content()).includes("letters"));
    await opened.context().close();
  });

  test("who signs in next in the same tab sees nothing of the one before, not for a moment", async () => {
    const tokens = [team("rose", "diaries"), team("jade", "rents")];
    const opened = await tab();
    await signIn(opened, tokens[0], "rose");
    await link(opened, "diaries").waitFor();
    await opened.keyboard.press("/");
    await opened.keyboard.type("diar");
    await opened.getByRole("button", { name: "Sign out" }).click();
    await opened.getByLabel("Your bearer token").waitFor();
    await opened.evaluate(() => {
      window.flashes = [];
      const look = () => {
        const fields = [...document.querySelectorAll("input")].map((field) => field.value).join(" ");
        const seen = `${document.title} ${document.body.innerHTML} ${fields}`;
        if (/diar/.test(seen)) window.flashes.push(seen);
      };
      new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    await signIn(opened, tokens[1], "jade");
    await link(opened, "rents").waitFor();
    assert.equal(await opened.getByRole("searchbox").inputValue(), "");
    assert.deepEqual(await opened.evaluate(() => window.flashes), []);
    await opened.context().close();
  });

  test("a token that ends empties the page", async () => {
    const token = team("gold", "numbers");
    const opened = await tab();
    await signIn(opened, token, "gold");
    await link(opened, "numbers").waitFor();
    kubectl(["delete", "serviceaccount", "viewer", "-n", "gold"]);
    // The API server keeps what it knows of a token for 10 s, the page's server for 5.
    await opened.getByRole("alert").filter({ hasText: "it has ended" }).waitFor({ timeout: 90_000 });
    assert.ok(!(await opened.content()).includes("numbers"), "nothing of a job stays");
    await opened.context().close();
  });

  test("a proxy that adds the token spares the form", async () => {
    const token = team("grey", "words");
    const context = await browser.newContext({ extraHTTPHeaders: { Authorization: `Bearer ${token}` } });
    const opened = await context.newPage();
    await opened.goto(address);
    await opened.getByRole("heading", { name: "Whose jobs?" }).waitFor();
    await opened.getByLabel("Namespace").fill("grey");
    await opened.keyboard.press("Enter");
    await link(opened, "words").waitFor();
    await opened.reload();
    await link(opened, "words").waitFor();
    await context.close();
  });
});
