// The jobs of a cluster beside those of a directory in one list (`parallelrun ui DIR -n NS`), in a real browser. The API server
// and the operator are the real ones; there is no node, so pods run because a test says so.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { findings, launch } from "./browser.mjs";
import { Cluster, job } from "./cluster.mjs";
import { Jobs, program, Server } from "./jobs.mjs";

const namespace = "team";
const cluster = new Cluster();
const jobs = new Jobs();
let server, browser, environment;

before(async () => {
  await Promise.all([cluster.up(), jobs.complete("here", 0.01)]);
  cluster.operate();
  cluster.kubectl(["create", "namespace", namespace]);
  environment = { ...process.env, KUBECONFIG: cluster.kubeconfig, PATH: `${dirname(program)}:${process.env.PATH}` };
  server = await new Server().start([jobs.out, "-n", namespace], 0, environment);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await cluster.down();
  await jobs.end();
});

async function tab() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.goto(server.link);
  return page;
}

const link = (page, name) => page.getByRole("link", { name, exact: true });
const row = (page, name) => page.getByRole("row").filter({ has: link(page, name) });
/** A button of a verb, once it is on or off. The words of the job come a moment before what may be done with it. */
const button = (page, verb, off = false) =>
  page.getByRole("button", { name: verb, exact: true }).and(page.locator(off ? "[aria-disabled]" : ":not([aria-disabled])"));
const state = (page, name) => page.locator(`.job-title .state-${name}`).waitFor();
const specOf = (name) => cluster.read("parallelrunjob", name, namespace).spec;
const fact = (page, title, value) => page.locator(".fact", { hasText: title }).getByText(value, { exact: true }).waitFor();

/** A job of two nodes whose pods run. */
async function submit(name) {
  cluster.kubectl(["create", "-f", "-"], JSON.stringify(job(name, namespace, { nodeCount: 2 })));
  await cluster.runPods(namespace, name, 3);
}

async function openJob(page, name) {
  await link(page, name).click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

/** Presses the button of a verb; gives its window, with the command that it shows. */
async function ask(page, verb, title) {
  await button(page, verb).click();
  const dialog = page.getByRole("dialog", { name: title });
  await dialog.getByText("In a terminal this is:").waitFor();
  return { dialog, command: await dialog.locator(".command code").innerText() };
}

async function isOff(page, verb, why) {
  await button(page, verb, true).click({ force: true });
  await page.getByText(why).waitFor();
}

/** What the page shows for a terminal, in a terminal. */
const inTerminal = (command) => execFileSync("/bin/sh", ["-c", command], { env: environment, encoding: "utf8" });

describe("directories and a cluster", () => {
  test("are one list, in which each job is its own", async () => {
    const page = await tab();
    await row(page, "here").waitFor();
    await page.locator(".worlds", { hasText: jobs.out }).filter({ hasText: `namespace ${namespace}` }).waitFor();
    // A job of the cluster with the name of one of the directory, and it comes by itself.
    await submit("here");
    await submit("there");
    await row(page, "there").waitFor();
    assert.equal(await row(page, "here").count(), 2);
    await row(page, "there").filter({ hasText: "Running" }).filter({ hasText: `namespace ${namespace}` }).waitFor();
    await row(page, "here").filter({ hasText: "Complete" }).filter({ hasText: join(jobs.out, "here") }).waitFor();
    assert.deepEqual(await findings(page), []);
    // The filter knows both by their places.
    await page.getByRole("searchbox").fill(jobs.out);
    await page.getByText(/1 of 3\sjobs/).waitFor();
    await link(page, "here").click();
    await page.locator(".job-place", { hasText: join(jobs.out, "here") }).waitFor();
    await page.keyboard.press("u");
    await page.getByRole("searchbox").fill(namespace);
    await page.getByText(/2 of 3\sjobs/).waitFor();
    await link(page, "here").click();
    await page.locator(".job-place", { hasText: `Namespace ${namespace}` }).waitFor();
    await page.keyboard.press("u");
    await page.getByRole("searchbox").fill("");
    // One that runs here from now on comes by itself too.
    await jobs.complete("later", 0.01);
    await row(page, "later").waitFor();
    // Each has the commands of its own world.
    await openJob(page, "later");
    await isOff(page, "Suspend", /^Suspend is off: /);
    await page.context().close();
  });
});

describe("a job in a cluster", () => {
  test("is suspended, resumed, scaled and cancelled by clicks, each asked first", async () => {
    await submit("digits");
    const page = await tab();
    await openJob(page, "digits");
    await state(page, "running");
    await fact(page, "Nodes", "2 of 2 ready");
    await isOff(page, "Resume", /^Resume is off: .*not suspended/);

    let { dialog, command } = await ask(page, "Suspend", "Suspend digits?");
    assert.equal(command, `parallelrun suspend digits -n ${namespace}`);
    assert.deepEqual(await findings(page), []);
    await dialog.getByRole("button", { name: "Leave it" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.ok(!specOf("digits").suspend, "nothing is done before the answer");
    ({ dialog } = await ask(page, "Suspend", "Suspend digits?"));
    await dialog.getByRole("button", { name: "Suspend the job" }).click();
    await page.getByText(/will be suspended/).waitFor();
    await state(page, "suspended");
    assert.equal(specOf("digits").suspend, true);
    await isOff(page, "Suspend", /^Suspend is off: .*suspended already/);

    ({ dialog, command } = await ask(page, "Resume", "Resume digits?"));
    assert.equal(command, `parallelrun resume digits -n ${namespace}`);
    await dialog.getByRole("button", { name: "Resume the job" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.equal(specOf("digits").suspend, false);
    await cluster.runPods(namespace, "digits", 3);
    await state(page, "running");

    ({ dialog, command } = await ask(page, "Scale", "Scale digits?"));
    assert.equal(command, `parallelrun scale digits --nodes 2 -n ${namespace}`);
    const nodes = dialog.getByRole("spinbutton", { name: "Nodes" });
    await nodes.fill("0");
    await dialog.getByText("A whole number from 1 to 10,000.").waitFor();
    assert.ok(await dialog.getByRole("button", { name: "Scale the job" }).isDisabled());
    await nodes.fill("3");
    assert.match(await dialog.locator(".command code").innerText(), /--nodes 3 /);
    await dialog.getByRole("button", { name: "Scale the job" }).click();
    await page.getByText(/3 nodes in place of 2/).waitFor();
    assert.equal(specOf("digits").nodeCount, 3);
    await cluster.runPods(namespace, "digits", 4);
    await fact(page, "Nodes", "3 of 3 ready");

    ({ dialog, command } = await ask(page, "Cancel", "Cancel digits?"));
    assert.equal(command, `parallelrun cancel digits -n ${namespace}`);
    await dialog.getByRole("button", { name: "Cancel the job" }).click();
    await page.getByText(/This job is gone/).waitFor();
    await page.keyboard.press("u");
    await link(page, "digits").waitFor({ state: "detached" });
    await page.context().close();
  });

  test("is scaled and resumed from elsewhere while its page is open, by the commands that it shows", async () => {
    await submit("letters");
    const page = await tab();
    await openJob(page, "letters");
    await state(page, "running");
    await fact(page, "Nodes", "2 of 2 ready");
    // By keys alone this time.
    await button(page, "Scale").press("Enter");
    const nodes = page.getByRole("spinbutton", { name: "Nodes" });
    await nodes.focus();
    await page.keyboard.press("Control+A");
    await page.keyboard.type("1");
    const command = await page.locator(".command code").innerText();
    await page.keyboard.press("Escape");
    assert.equal(specOf("letters").nodeCount, 2);
    inTerminal(command);
    await fact(page, "Nodes", "1 of 1 ready");

    inTerminal((await ask(page, "Suspend", "Suspend letters?")).command);
    await page.keyboard.press("Escape");
    await state(page, "suspended");
    inTerminal((await ask(page, "Resume", "Resume letters?")).command);
    await page.keyboard.press("Escape");
    await cluster.runPods(namespace, "letters", 2);
    await state(page, "running");
    await fact(page, "Nodes", "1 of 1 ready");
    await page.context().close();
  });
});

describe("the API server", () => {
  test("may be away for a while: list and job say so, directories go on, and all recovers by itself", async () => {
    await submit("away");
    const [list, one] = [await tab(), await tab()];
    await row(list, "away").waitFor();
    await openJob(one, "away");
    await state(one, "running");
    await cluster.leave();
    await list.getByText("1 place could not be read").click();
    await list.locator(".unread").getByText(/does not answer/).waitFor();
    const alert = one.locator(".job-head").getByRole("alert");
    await alert.filter({ hasText: "does not answer" }).waitFor();
    await one.getByText("What you see is the last that could be read.").waitFor();
    // What was known stays, and the server of the page itself is there.
    await row(list, "away").waitFor();
    await state(one, "running");
    await list.getByText("Live", { exact: true }).waitFor();
    assert.deepEqual([await findings(list), await findings(one)].flat(), []);
    await jobs.complete("meanwhile", 0.01);
    await row(list, "meanwhile").waitFor();
    // A button that cannot work now says why, in its window.
    const { dialog } = await ask(one, "Suspend", "Suspend away?");
    await dialog.getByRole("button", { name: "Suspend the job" }).click();
    await dialog.getByRole("alert").filter({ hasText: "does not answer" }).waitFor();
    await one.keyboard.press("Escape");

    cluster.back();
    await list.getByText("could not be read").waitFor({ state: "detached", timeout: 120_000 });
    await one.getByText("What you see is the last that could be read.").waitFor({ state: "detached", timeout: 120_000 });
    assert.equal(await alert.count(), 0);
    // What changes from now on is seen again.
    inTerminal(`parallelrun suspend away -n ${namespace}`);
    await state(one, "suspended");
    await row(list, "away").filter({ hasText: "Suspended" }).waitFor();
    await Promise.all([list.context().close(), one.context().close()]);
  });
});
