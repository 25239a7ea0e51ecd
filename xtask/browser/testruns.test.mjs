// The pages of runs of tests over a made-up past, in a real browser: no error in its console, no finding of axe, no
// scrolling sideways on a phone, shapes and words for what is coloured, and all of it without JavaScript.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import * as look from "./looks.mjs";

const SHOWCASE = process.env.SHOWCASE ?? new URL("../../target/debug/examples/showcase", import.meta.url).pathname;
const PAGES = [
  "tests",
  "tests/12",
  "tests/12?only=FAIL",
  "tests/25",
  "tests/26",
  "tests/12/item?test=build&path=O3%2Fshared",
  "tests/12/item?test=size&path=O0%2Fstatic",
  "tests/12/file?test=build&path=O3%2Fshared&attempt=1&file=make.log",
  "tests/history?area=zlib&target=linux%2Fgcc&test=check",
  "tests/history?area=zlib&target=linux%2Fgcc&test=check&path=sanitize%2Fshared",
  "tests/11/diff/12",
];

let browser;
let site;
let url;

before(async () => {
  site = spawn(SHOWCASE, ["0"], { stdio: ["ignore", "pipe", "inherit"] });
  url = await new Promise((found, failed) => {
    let said = "";
    site.stdout.on("data", (bytes) => {
      said += bytes;
      const match = said.match(/http:\/\/127\.0\.0\.1:\d+\//);
      if (match) found(match[0]);
    });
    site.on("error", failed);
    site.on("exit", (code) => failed(new Error(`the showcase ended with ${code}: ${said}`)));
  });
  browser = await look.launch();
});

after(async () => {
  await browser?.close();
  site?.kill();
});

const open = (path, options) => look.open(browser, url, path, options);

look.looks(PAGES, open);

test("every colour of a matrix has a shape and a word", async () => {
  const { page, context } = await open("tests/12");
  const cells = await page.locator(".matrix td a").evaluateAll((all) =>
    all.map((a) => [a.parentElement.className, getComputedStyle(a, "::before").content, a.textContent.trim()]),
  );
  const shapes = new Map(cells.map(([name, shape]) => [name, shape]));
  assert.deepEqual([...shapes.keys()].sort(), ["cancelled", "exception", "failed", "passed", "warnings"]);
  assert.equal(new Set(shapes.values()).size, shapes.size, "each its own");
  assert.ok(cells.every(([, shape, word]) => shape.length > 2 && word.length > 0));
  await context.close();
});

test("ten thousand items fit a phone, and a cell leads to its item", async () => {
  const { page, context, errors } = await open("tests/100", { viewport: { width: 400, height: 900 } });
  assert.equal(await page.locator(".matrix td a").count(), 10_000);
  assert.ok((await look.beyond(page)) <= 0);
  await page.locator(".matrix td.failed a").first().click();
  await page.waitForURL(/item\?test=/);
  assert.match(await page.locator("h1").textContent(), /failed in make/);
  assert.deepEqual(errors, []);
  await context.close();
});

test("without JavaScript all of it is there", async () => {
  for (const [path, words] of [
    ["tests", "linux/gcc"],
    ["tests/12", "make ended with exit code 2"],
    ["tests/12/item?test=build&path=O3%2Fshared", "deflate.c:1673:18"],
    ["tests/12/file?test=build&path=O3%2Fshared&attempt=1&file=make.log", "deflate.c:1673:18"],
    ["tests/11/diff/12", "BOTH-BAD"],
  ]) {
    const { page, context } = await open(path, { javaScriptEnabled: false });
    await page.locator("main", { hasText: words }).waitFor({ timeout: 5_000 });
    await context.close();
  }
});
