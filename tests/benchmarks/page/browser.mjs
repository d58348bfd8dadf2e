// Chromium, and a window of it with the list of jobs behind a link.
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const { chromium } = await import(`${root}build/npm/playwright-core/node_modules/playwright-core/index.mjs`);
const flags = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync";

export const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: flags.split(" ") });

// A window of its own: a tab in the background would draw nothing.
export async function openList(link) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(link);
  await page.locator(".body-row").first().waitFor();
  return page;
}
