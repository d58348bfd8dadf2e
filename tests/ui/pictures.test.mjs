// The pictures of the page that the README and docs/ui.md show, taken of a real job. With PICTURES=1 they replace those in
// docs/pictures; else they are left in build/test-results to be looked at.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { Jobs, root, Server } from "./jobs.mjs";

const viewport = { width: 1200, height: 760 };
const jobs = new Jobs();
let server, browser;

before(async () => {
  await jobs.makeDigits();
  server = await new Server().start([jobs.out]);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await jobs.end();
});

/** Width and height of a PNG. */
function sizeOf(file) {
  const bytes = readFileSync(file);
  assert.equal(bytes.toString("latin1", 1, 4), "PNG");
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

for (const colorScheme of ["light", "dark"]) {
  test(`a job, ${colorScheme}`, async () => {
    const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
    const page = await context.newPage();
    await page.goto(server.link);
    await page.getByRole("link", { name: "digits", exact: true }).click();
    await page.getByRole("img", { name: /Throughput over/ }).waitFor();
    await page.getByText("Where the time goes").waitFor();
    await page.waitForFunction(() => !document.querySelector(".waiting-line"));
    const name = `page-${colorScheme}.png`;
    const taken = join(root, "build/test-results", name);
    mkdirSync(join(root, "build/test-results"), { recursive: true });
    await page.screenshot({ path: taken });
    await context.close();
    assert.deepEqual(sizeOf(taken), viewport);
    const shown = join(root, "docs/pictures", name);
    if (process.env.PICTURES === "1") copyFileSync(taken, shown);
    assert.deepEqual(sizeOf(shown), viewport, "PICTURES=1 tests/ui/run makes it anew");
  });
}
