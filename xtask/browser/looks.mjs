// How every page is looked at: in light and dark, wide and on a phone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = ["light", "dark"].flatMap((colorScheme) => [1280, 400].map((width) => ({ colorScheme, width })));

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

// A page, with what its console says is wrong.
export async function open(browser, baseURL, path, options = {}) {
  const context = await browser.newContext({ baseURL, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
  const answer = await page.goto(path, { waitUntil: "domcontentloaded" });
  return { page, context, errors, status: answer.status() };
}

// How many pixels a page is too wide for its window; 0 and less is right.
export const beyond = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

// Each page in each look: it is there, axe finds nothing, it does not scroll sideways, its console is silent. `visit`
// opens one, as `open` does.
export function looks(paths, visit) {
  for (const { colorScheme, width } of LOOKS) {
    describe(`${colorScheme}, ${width} pixels wide`, () => {
      for (const path of paths) {
        test(`/${path}`, async () => {
          const { page, context, errors, status } = await visit(path, { colorScheme, viewport: { width, height: 900 } });
          assert.equal(status, 200);
          await page.evaluate(AXE);
          const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
          const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html}`));
          assert.deepEqual(found, []);
          const over = await beyond(page);
          assert.ok(over <= 0, `the page is ${over} pixels too wide`);
          assert.deepEqual(errors, []);
          await context.close();
        });
      }
    });
  }
}
