// The page in a real browser over real jobs: by clicks and keys. The tests share one server, browser and set of jobs.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { findings, launch } from "./browser.mjs";
import { Jobs, markup, root, Server } from "./jobs.mjs";

const jobs = new Jobs();
let server, browser;
let told = []; // what no page may do: errors, refused files, requests to others

before(async () => {
  await jobs.make();
  server = await new Server().start([jobs.out]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await jobs.end();
});

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => told.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Refused requests are what some tests want to see; the browser logs them by itself.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) told.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith("http://127.0.0.1:")) told.push(`request: ${request.url()}`);
  });
  await page.goto(options.link ?? server.link);
  return page;
}

async function withPage(options, work) {
  told = [];
  const page = await open(options);
  try {
    await work(page);
    assert.deepEqual(told, []);
  } finally {
    await page.context().close();
  }
}

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const text = (page, words) => page.getByText(words).first().waitFor();

async function openJob(page, name) {
  await row(page, name).first().click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}
async function openTab(page, name) {
  await page.getByRole("tab", { name }).click();
  await page.getByRole("tabpanel", { name }).waitFor();
}
/** Nothing of the users' text has become an element or has run. */
async function assertNoMarkup(page) {
  assert.equal(await page.locator("img, script:not([src])").count(), 0);
  assert.doesNotMatch(await page.title(), /owned/);
}

describe("the list of jobs", () => {
  test("has each job with its state, and the token is out of the address", () =>
    withPage({}, async (page) => {
      await row(page, "running").waitFor();
      assert.doesNotMatch(page.url(), /token/);
      assert.match(await row(page, "failing").innerText(), /Failed/);
      assert.match(await row(page, "running").innerText(), /Running/);
      assert.match(await row(page, "finished").first().innerText(), /Complete[^]*100/);
      // Folders with markup in their names are text, and what cannot be read is named.
      await text(page, markup);
      await page.getByText("1 place could not be read").click();
      await text(page, /damaged/);
      await assertNoMarkup(page);
      await text(page, "Live");
      // The token stays for this tab.
      await page.reload();
      await row(page, "running").waitFor();
    }));

  test("is used by keys alone", () =>
    withPage({}, async (page) => {
      await row(page, "running").waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("failing");
      await text(page, /1 of \d+\sjobs/);
      assert.equal(await row(page, "running").count(), 0);
      await page.keyboard.press("Escape");
      await row(page, "running").waitFor();
      await page.getByRole("columnheader", { name: "State" }).getByRole("button").press("Enter");
      assert.equal(await page.locator("[aria-sort]").getAttribute("aria-sort"), "ascending");
      // What needs a look comes first.
      assert.match(await page.locator(".body-row").first().innerText(), /Failed/);
      // From wherever the focus is, into the list.
      await page.evaluate(() => document.activeElement?.blur());
      await page.keyboard.press("j");
      await page.locator(".body-row:focus[aria-rowindex='2']").waitFor();
      await page.keyboard.press("j");
      await page.locator(".body-row:focus[aria-rowindex='3']").waitFor();
      await page.keyboard.press("k");
      await page.locator(".body-row:focus[aria-rowindex='2']").waitFor();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Home");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: "failing" }).waitFor();
      await page.keyboard.press("u");
      await page.getByRole("heading", { level: 1, name: "Jobs" }).waitFor();
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
      await page.keyboard.press("Escape");
      assert.equal(await page.getByRole("dialog").count(), 0);
    }));

  test("shows only the states that are wanted", () =>
    withPage({}, async (page) => {
      await page.locator(".chip-failed").click();
      await text(page, /1 of \d+\sjobs/);
      assert.equal(await page.locator(".body-row").count(), 1);
    }));
});

describe("a job that is complete", () => {
  test("shows its speed, processes, rows and settings, all as text", () =>
    withPage({}, async (page) => {
      await openJob(page, "finished");
      await page.locator(".facts").getByText("40 of 40").waitFor();
      await page.getByRole("img", { name: /Throughput over/ }).waitFor();
      await text(page, "Where the time goes");
      await page.keyboard.press("2");
      await page.getByRole("img", { name: /Lines of 2 processes/ }).waitFor();
      await page.getByRole("img", { name: /Run times of 40 mini-batches/ }).waitFor();
      await page.keyboard.press("5");
      await page.getByRole("cell", { name: `text 0 ${markup}`, exact: true }).waitFor();
      await page.keyboard.press("6");
      await text(page, /entryScript:/);
      await page.keyboard.press("3");
      await text(page, "The script has raised no error.");
      await assertNoMarkup(page);
    }));

  test("has buttons that are off and say why", () =>
    withPage({}, async (page) => {
      await openJob(page, "finished");
      const button = page.getByRole("button", { name: "Suspend" });
      assert.equal(await button.getAttribute("aria-disabled"), "true");
      await button.click({ force: true });
      await text(page, /^Suspend is off: /);
      assert.equal(await page.getByRole("dialog").count(), 0);
    }));

  test("is said to be gone when its folder is deleted", () =>
    withPage({}, async (page) => {
      await page.getByRole("searchbox").fill("leaving");
      await openJob(page, "finished");
      jobs.remove("leaving");
      await text(page, /This job is gone/);
    }));

  test("is said to be damaged when its state gets so, and is shown as it was", () =>
    withPage({}, async (page) => {
      await page.getByRole("searchbox").fill("breaking");
      await openJob(page, "finished");
      jobs.damage("breaking");
      await page.getByRole("alert").filter({ hasText: "job.json" }).first().waitFor();
      await text(page, "What you see is the last that could be read.");
      await text(page, /40 of 40/);
      assert.equal(await page.getByText(/This job is gone/).count(), 0);
    }));
});

describe("a job that failed", () => {
  test("groups its errors and leads to the line in the log", () =>
    withPage({}, async (page) => {
      await openJob(page, "failing");
      await page.getByRole("tab", { name: /Failures/ }).click();
      await page.locator(".group-title", { hasText: `ValueError: bad digit ${markup}` }).waitFor();
      await page.locator(".traceback", { hasText: "entry.py" }).waitFor();
      await page.getByRole("cell", { name: /1\d\d\.txt/ }).first().waitFor();
      await page.getByRole("link", { name: "Show the line in the log" }).click();
      await page.locator(".line-marked", { hasText: "ValueError: bad digit" }).waitFor();
      assert.match(page.url(), /log=user%2Ferror/);
      await assertNoMarkup(page);
    }));
});

describe("a long log", () => {
  test("is searched and read from end to end, with few lines in the document", () =>
    withPage({}, async (page) => {
      await page.getByRole("searchbox").fill("out/finished");
      await openJob(page, "finished");
      await openTab(page, "Logs");
      await page.getByRole("link", { name: /big\.txt/ }).click();
      const log = page.getByRole("region", { name: /^Text of .*big\.txt/ });
      await log.getByText("00000000 an ordinary line").waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("needle");
      await page.keyboard.press("Enter");
      await page.locator(".line-marked", { hasText: "here is the Needle" }).waitFor();
      await text(page, "1 of 1");
      // What stands around it is there too, and goes on when one scrolls.
      await log.getByText("00450122 an").waitFor();
      await log.getByText("00450124 an").waitFor();
      await log.focus();
      await page.keyboard.press("PageUp");
      await log.getByText("00450110 an").waitFor();
      await page.keyboard.press("End");
      await log.getByText("the last line").waitFor();
      await page.keyboard.press("Home");
      await log.getByText("00000000 an ordinary line").waitFor();
      assert.ok((await page.locator(".line").count()) < 100);
    }));
});

describe("a job that runs", () => {
  test("moves by itself, its log follows, and it can be cancelled", () =>
    withPage({}, async (page) => {
      await openJob(page, "running");
      const done = () => page.locator(".fact", { hasText: "Mini-batches" }).innerText();
      const first = await done();
      await openTab(page, "Logs");
      await page.getByRole("link", { name: "process000.stdout.txt" }).click();
      await page.getByRole("button", { name: "Follow", pressed: true }).waitFor();
      const lines = page.locator(".line", { hasText: "reading" });
      await lines.first().waitFor();
      const before = await lines.count();
      await page.waitForFunction((count) => document.querySelectorAll(".line").length > count + 1, before);
      await page.waitForFunction((words) => document.querySelector(".fact")?.innerText !== words, first);
      assert.notEqual(await done(), first);

      await page.getByRole("button", { name: "Cancel" }).click();
      const dialog = page.getByRole("dialog", { name: "Cancel running?" });
      await dialog.getByText(/^kill -INT \d+$/).waitFor();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Cancel" }).press("Enter");
      await dialog.getByRole("button", { name: "Cancel the job" }).click();
      await text(page, /got an interrupt/);
      await page.locator(".job-title .state-interrupted").waitFor();
      await page.locator(".only-spoken", { hasText: "running: Interrupted" }).waitFor({ state: "attached" });
    }));
});

describe("the server", () => {
  test("may be away, and the page says so until it is back", () =>
    withPage({}, async (page) => {
      await text(page, "Live");
      await openJob(page, "failing");
      await page.context().setOffline(true);
      await page.keyboard.press("u");
      await text(page, /What you see is from/);
      await text(page, "No connection");
      await row(page, "failing").waitFor();
      await page.context().setOffline(false);
      await page.getByRole("button", { name: "Try now" }).click();
      await text(page, "Live");
      assert.equal(await page.locator(".banner").count(), 0);
    }));

  test("takes no other token, and shows nothing of a job without one", () =>
    withPage({ link: `${server.origin}/#token=wrong` }, async (page) => {
      await page.getByRole("heading", { name: "The token of this page has ended" }).waitFor();
      assert.equal(await page.locator(".table, .job").count(), 0);
      await page.goto(`${server.origin}/`);
      await page.getByRole("heading", { name: "This page needs the link with its token" }).waitFor();
    }));

  test("ends a page's token when it starts again: no job stays on the screen", async () => {
    const other = await new Server().start([jobs.out]);
    await withPage({ link: other.link }, async (page) => {
      await openJob(page, "failing");
      const port = other.port;
      await other.stop();
      await text(page, "No connection");
      await other.start([jobs.out], port);
      await page.getByRole("heading", { name: "The token of this page has ended" }).waitFor();
      assert.doesNotMatch(await page.locator("body").innerText(), /failing|bad digit/);
      assert.doesNotMatch(await page.title(), /failing/);
      assert.equal(await page.evaluate(() => sessionStorage.length), 0);
      await page.goto(other.link);
      await row(page, "failing").waitFor();
    }).finally(() => other.stop());
  });
});

describe("every part of the page", () => {
  const parts = ["overview", "time", "failures", "logs", "output", "setup"];

  for (const [width, colorScheme] of [[1280, "light"], [1280, "dark"], [360, "light"], [360, "dark"]]) {
    test(`is for everybody: ${width} pixels, ${colorScheme}`, () =>
      withPage({ viewport: { width, height: 740 }, colorScheme, reducedMotion: "reduce" }, async (page) => {
        await row(page, "failing").waitFor();
        const wrong = { list: await findings(page) };
        await openJob(page, "failing");
        for (const part of parts) {
          await page.evaluate((name) => (location.hash = location.hash.replace(/\/\w+$/, `/${name}`)), part);
          await page.locator(`#tab-${part}[aria-selected=true]`).waitFor();
          await page.waitForFunction(() => !document.querySelector(".waiting-line"));
          wrong[part] = await findings(page);
          const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (excess > 0) wrong[part].push(`wider than the window by ${excess} pixels`);
        }
        await page.evaluate(() => (location.hash = "#/jobs"));
        await openJob(page, "finished");
        await page.waitForFunction(() => !document.querySelector(".waiting-line"));
        wrong.complete = await findings(page);
        assert.deepEqual(Object.values(wrong).flat(), []);
      }));
  }

  test("stays where it is while it loads", () =>
    withPage({}, async (page) => {
      const shifts = () =>
        page.evaluate(
          () =>
            new Promise((resolve) => {
              let sum = 0;
              new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
              }).observe({ type: "layout-shift", buffered: true });
              setTimeout(() => resolve(sum), 100);
            }),
        );
      await row(page, "failing").waitFor();
      assert.ok((await shifts()) < 0.05);
      await openJob(page, "finished");
      await page.getByRole("img", { name: /Throughput/ }).waitFor();
      await page.reload();
      await page.waitForFunction(() => document.querySelector(".job") && !document.querySelector(".waiting-line"));
      const sum = await shifts();
      assert.ok(sum < 0.1, `layout shift ${sum}`);
    }));

  test("is small: less than 150 kB gzipped, no fonts, no inline code", () => {
    const folder = join(root, "build/ui");
    const names = readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile());
    const sizes = names.map((name) => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length);
    const sum = sizes.reduce((total, size) => total + size, 0);
    assert.ok(sum < 150_000, `${sum} bytes: ${names.map((name, index) => `${name} ${sizes[index]}`).join(", ")}`);
    assert.deepEqual(names.filter((name) => !/\.(html|js|css|svg)$|^licenses\.txt$/.test(name)), []);
    assert.doesNotMatch(readFileSync(join(folder, "index.html"), "utf8"), /<style|<script>|\son\w+=|\sstyle=/);
  });
});

// Last: what they begin is in the list from then on.
describe("a job that is made anew", () => {
  const place = (page, name) => page.locator(".job-place", { hasText: new RegExp(`/${name}( |$)`) }).waitFor();
  const command = (page) => page.locator(".command code").innerText();

  for (const colorScheme of ["dark", "light"]) {
    test(`can be tuned, by keys alone, ${colorScheme}`, () =>
      withPage({ colorScheme }, async (page) => {
        await page.getByRole("searchbox").fill("out/finished");
        await openJob(page, "finished");
        await page.getByRole("button", { name: "Resubmit" }).press("Enter");
        const dialog = page.getByRole("dialog", { name: "Make finished anew?" });
        const fields = ["miniBatchSize", "nodeCount", "processCountPerNode", "runInvocationTimeout", "runMaxTry"];
        for (const name of fields) assert.notEqual(await dialog.getByRole("textbox", { name }).inputValue(), "");
        assert.equal(await command(page), `parallelrun resubmit ${join(jobs.out, "finished")}`);
        await dialog.getByRole("textbox", { name: "runMaxTry" }).focus();
        await page.keyboard.press("Control+A");
        await page.keyboard.type("many");
        assert.match(await command(page), /finished --set runMaxTry=many$/);
        await dialog.getByRole("combobox", { name: "loggingLevel" }).selectOption("DEBUG");
        assert.match(await command(page), /--set loggingLevel=DEBUG --set runMaxTry=many$/);
        assert.deepEqual(await findings(page), []);
        // What the command says against it stands in the window, which stays.
        await dialog.getByRole("textbox", { name: "runMaxTry" }).press("Enter");
        await dialog.getByRole("alert").getByText(/runMaxTry/).waitFor();
        if (colorScheme === "dark") return page.keyboard.press("Escape");
        await page.keyboard.press("Control+A");
        await page.keyboard.type("4");
        await page.keyboard.press("Enter");
        await place(page, "finished-2");
        await page.locator(".job-title .state-complete").waitFor();
        await page.keyboard.press("6");
        await page.getByText(/runMaxTry: "?4/).first().waitFor();
      }));
  }

  test("tries again what failed, by clicks", () =>
    withPage({}, async (page) => {
      await openJob(page, "failing");
      await page.getByRole("button", { name: "Retry failed" }).click();
      const dialog = page.getByRole("dialog", { name: "Retry the failed items of failing?" });
      assert.equal(await command(page), `parallelrun resubmit ${join(jobs.out, "failing")}`);
      assert.equal(await dialog.getByRole("textbox").count(), 0);
      assert.deepEqual(await findings(page), []);
      await dialog.getByRole("button", { name: "Leave it" }).click();
      await dialog.waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Retry failed" }).click();
      await dialog.getByRole("button", { name: "Retry what failed" }).click();
      await place(page, "failing-2");
      // The script is as it was.
      await page.locator(".job-title .state-failed").waitFor();
      await page.keyboard.press("u");
      await page.getByRole("searchbox").fill("failing-2");
      await text(page, /1 of \d+\sjobs/);
    }));

  test("is off with the reason where nothing has failed", () =>
    withPage({}, async (page) => {
      await page.getByRole("searchbox").fill("out/finished-2");
      await openJob(page, "finished");
      await page.getByRole("button", { name: "Retry failed" }).click({ force: true });
      await text(page, /^Retry failed is off: nothing has failed; `parallelrun resubmit /);
    }));
});
