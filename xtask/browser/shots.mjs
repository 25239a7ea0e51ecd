// Pictures of the pages for the manual: `npm run shots -- http://127.0.0.1:8010/ ../../docs/screenshots`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, folder] = process.argv.slice(2);
if (!folder) {
  console.error("wanted: the address of a master that shows something, and a folder");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });

// The newest build that failed, and its log that says why.
const { builds } = await (await fetch(new URL("api/v2/builds?results=2&order=-buildid&limit=1", url))).json();
const story = await (await fetch(new URL(`api/v2/sluice/builds/${builds[0].buildid}`, url))).json();
const build = `builders/${encodeURIComponent(story.builder)}/${story.number}`;
const pages = {
  home: "",
  waterfall: "waterfall",
  build,
  log: `${build}/steps/${encodeURIComponent(story.trouble.step)}/logs/stdio`,
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 400]) {
    const context = await browser.newContext({ baseURL: url, colorScheme, viewport: { width, height: 800 } });
    const page = await context.newPage();
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(path, { waitUntil: "load" });
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`) });
    }
    await context.close();
  }
}
await browser.close();
