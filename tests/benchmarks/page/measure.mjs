// usage: measure.mjs LINK ROUNDS MINI_BATCHES: what the page takes in a real browser, as one line of JSON.
// The folders behind the link are those of tests/benchmarks/page_speed.py.
import { browser, openList } from "./browser.mjs";

const [link, rounds, miniBatches] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]).toLocaleString("en")];

async function withPage(work) {
  const page = await openList(link);
  try {
    return await work(page);
  } finally {
    await page.context().close();
  }
}

const firstPaint = () =>
  withPage((page) => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000));

/** Frames a second while the list moves by 40 pixels with each of them. */
const scroll = (moving) =>
  withPage((page) =>
    page.evaluate(
      (moving) =>
        new Promise((resolve) => {
          const list = document.querySelector(".table-scroll");
          const begun = performance.now();
          const stamps = [];
          const frame = (now) => {
            stamps.push(now);
            if (moving) list.scrollTop += 40;
            if (performance.now() - begun < 3000) requestAnimationFrame(frame);
            else resolve((stamps.length - 1) / ((stamps.at(-1) - stamps[0]) / 1000));
          };
          requestAnimationFrame(frame);
        }),
      moving,
    ),
  );

async function openJob(page, name) {
  await page.getByRole("searchbox").fill(name);
  await page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) }).first().waitFor();
  const begun = performance.now();
  await page.getByRole("link", { name, exact: true }).first().click();
  return begun;
}
const since = (begun) => (performance.now() - begun) / 1000;

const longLog = () =>
  withPage(async (page) => {
    await openJob(page, "with-a-long-log");
    await page.getByRole("tab", { name: "Logs" }).click();
    const file = page.getByRole("link", { name: /long\.txt/ });
    await file.waitFor();
    let begun = performance.now();
    await file.click();
    // Another file is open before, and its lines stay until this one is there.
    await page.getByRole("region", { name: /^Text of .*long\.txt/ }).locator(".line").first().waitFor();
    const open = since(begun);
    await page.keyboard.press("/");
    await page.keyboard.type("needle");
    begun = performance.now();
    await page.keyboard.press("Enter");
    await page.locator(".line-marked", { hasText: "the Needle" }).waitFor();
    return { open, search: since(begun) };
  });

const manyMiniBatches = () =>
  withPage(async (page) => {
    const begun = await openJob(page, "with-many-mini-batches");
    await page.locator(".facts").getByText(`${miniBatches} of ${miniBatches}`).waitFor();
    await page.getByRole("img", { name: /Throughput over/ }).waitFor();
    // The whole of it: the page says while logs are left.
    await page.waitForFunction(() => !document.body.innerText.includes("the logs are still being read"));
    return since(begun);
  });

const figures = { firstPaint: [], frames: [], framesAtRest: [], logOpen: [], logSearch: [], manyOpen: [] };
for (let round = 0; round < rounds; ++round) {
  figures.firstPaint.push(await firstPaint());
  figures.framesAtRest.push(await scroll(false));
  figures.frames.push(await scroll(true));
  const log = await longLog();
  figures.logOpen.push(log.open);
  figures.logSearch.push(log.search);
  figures.manyOpen.push(await manyMiniBatches());
}
await browser.close();
console.log(JSON.stringify(figures));
