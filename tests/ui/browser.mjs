// Chromium, and what axe-core says of a page in it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./jobs.mjs";

const packages = join(root, "build/npm");
const { chromium } = await import(join(packages, "playwright-core/node_modules/playwright-core/index.mjs"));
const axe = readFileSync(join(packages, "axe-core/node_modules/axe-core/axe.min.js"), "utf8");
const flags =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: flags.split(" ") });

/** What axe-core has to say of the page as it is. */
export async function findings(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`);
}
