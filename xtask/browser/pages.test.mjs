// Every page in a real browser: no error in its console, no finding of axe, no scrolling sideways on a phone; live where
// it should be; all of it readable without JavaScript; the acts with a login.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as look from "./looks.mjs";
import { Town } from "./town.mjs";

const PAGES = [
  "",
  "waterfall",
  "builders",
  "builders/linux",
  "builders/broken/1",
  "builders/broken/1/steps/1/logs/stdio",
  "changes",
  "changes/1",
  "workers",
  "workers/here",
  "queue",
  "schedulers",
  "tests",
  "gates",
  "gates/trunk",
  "login",
];

const town = new Town();
let browser;

before(async () => {
  await town.start();
  town.commit("README", "second", "A second change with <b>marks</b> & signs");
  await town.until("builds?complete=true", (answer) => answer.builds.length >= 2);
  // One that was rejected, one under test, one that waits for the only slot.
  for (const [branch, file] of [["worse", "bad"], ["better", "good"], ["later", "late"]]) town.land(branch, file, branch);
  await town.until("gates", ({ gates }) => gates[0].line.length === 2 && gates[0].line[0].trial !== null);
  browser = await look.launch();
});

after(async () => {
  await browser?.close();
  await town.end();
});

const open = (path, options) => look.open(browser, town.url, path, options);

look.looks(PAGES, open);

test("a change shows on the waterfall without a reload", async () => {
  const { page, context } = await open("waterfall");
  await page.evaluate(() => (globalThis.sameDocument = true));
  town.commit("README", "third", "A third change that is seen live");
  await page.locator("main", { hasText: "A third change that is seen live" }).waitFor({ timeout: 30_000 });
  assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
  await context.close();
});

test("a log grows while it is looked at", async () => {
  town.force("slow");
  await town.until("builders/slow/builds", (answer) => answer.builds.length === 1);
  await town.until("builders/slow/builds/1/steps", (answer) => answer.steps.length === 1);
  const { page, context } = await open("builders/slow/1/steps/0/logs/stdio");
  await page.getByText("one", { exact: true }).waitFor();
  town.ring();
  await page.getByText("ding", { exact: true }).waitFor();
  await context.close();
});

test("the failed step stands open at its error, and hostile output stays text", async () => {
  const { page, context } = await open("builders/broken/1");
  const error = page.getByText("error: unknown type <script>alert(1)</script>").first();
  await error.waitFor();
  assert.equal(await page.locator("main script").count(), 0);
  await context.close();
});

test("without JavaScript all of it is there", async () => {
  for (const [path, words] of [
    ["", "broken"],
    ["waterfall", "A second change"],
    ["builders/broken/1", "error: unknown type"],
    ["builders/broken/1/steps/1/logs/stdio", "deflate.c:12:5"],
    ["changes", "A second change"],
    ["workers", "here"],
    ["gates/trunk", "waits for a slot"],
    ["gates/trunk", "test failed"],
  ]) {
    const { page, context } = await open(path, { javaScriptEnabled: false });
    await page.locator("main", { hasText: words }).waitFor({ timeout: 5_000 });
    await context.close();
  }
});

test("a build is forced by a form after a login, and by nobody before", async () => {
  const refused = await fetch(new URL("builders/linux/force", town.url), { method: "POST", redirect: "manual" });
  assert.ok(refused.status >= 300 && refused.status < 500, `without a login it is ${refused.status}`);
  const { page, context } = await open("login");
  await page.getByLabel(/name/i).first().fill("ann");
  await page.getByLabel(/password/i).fill("sesame");
  await page.getByRole("button", { name: /log ?in/i }).last().click();
  const builds = (await town.api("builders/linux/builds")).builds.length;
  await page.goto("builders/linux");
  const form = page.locator("form[action$='/force']");
  await form.getByRole("button").last().click();
  await town.until("builders/linux/builds", (answer) => answer.builds.length === builds + 1);
  await context.close();
});
