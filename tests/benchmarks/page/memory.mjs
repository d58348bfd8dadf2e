// usage: memory.mjs LINK SECONDS EVERY: opens the list, the overview and a followed log of the one job behind the link, and
// writes a line of JSON for each sample: seconds, and the bytes of each page's JavaScript heap after its garbage is collected.
import { browser, openList } from "./browser.mjs";

const [link, seconds, every] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

async function opened(tab) {
  const page = await openList(link);
  if (tab !== undefined) {
    await page.getByRole("link", { name: "benchmark", exact: true }).click();
    await page.getByRole("tab", { name: tab }).click();
  }
  if (tab === "Logs") {
    await page.getByRole("link", { name: /process000\.stdout\.txt/ }).click();
    await page.locator(".line", { hasText: "an ordinary line" }).first().waitFor();
  }
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  return async () => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  };
}

const pages = { list: await opened(), overview: await opened("Overview"), log: await opened("Logs") };
const begun = performance.now();
for (let sample = 0; sample * every <= seconds; ++sample) {
  const wait = sample * every * 1000 - (performance.now() - begun);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
  const heaps = {};
  for (const [name, used] of Object.entries(pages)) heaps[name] = await used();
  console.log(JSON.stringify({ seconds: Math.round((performance.now() - begun) / 1000), ...heaps }));
}
await browser.close();
