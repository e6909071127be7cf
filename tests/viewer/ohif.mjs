// A reader at OHIF, as a program: opens studies in a headless Chromium, loads results, says what the page shows.
//
//   node ohif.mjs CHROMIUM ORTHANC_HTTP_PORT      (tests/support/viewer.py starts it)
//
// One request a line comes on stdin, {"do": name, ...arguments}; one answer a line goes to stdout, {"ok": value} or
// {"error": text}. What the page's console complains of goes to stderr. When stdin ends, the browser is closed.
import { writeFile } from 'node:fs/promises';
import readline from 'node:readline';
import { chromium } from 'playwright-core';
import { serve } from './serve.mjs';

const PATIENCE = 60_000; // ms; everything is drawn by the CPU, on a busy machine
const REST = 200; // ms without a change
const SIZE = { width: 1600, height: 900 };
const FLAGS = [
  '--no-sandbox', // root in a container has none
  '--use-gl=angle', // WebGL without a graphics card
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage', // containers have little of it
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1', // nothing leaves this machine
];

const [executablePath, orthanc] = process.argv.slice(2);
const port = await serve(Number(orthanc));
const browser = await chromium.launch({ executablePath, headless: true, args: FLAGS });
const page = await newPage();

/** The words and numbers below are OHIF's own: its `data-cy` marks are what its makers test it by. */
const WANTED = {
  /** Open a study; resolves when its first image is drawn. */
  async open({ study }) {
    await page.goto(`http://127.0.0.1:${port}/viewer?StudyInstanceUIDs=${study}`, { waitUntil: 'domcontentloaded' });
    await imageDrawn();
  },

  /** Open a result by its series number, as a reader does: a double click in the list of series. */
  load: ({ number }) =>
    page.locator(`[data-cy^="study-browser-thumbnail"][data-series="${number}"]`).first().dblclick(),

  /** Answer a question of the page, such as whether to open a segmentation. */
  answer: ({ choice }) => page.getByRole('button', { name: choice, exact: true }).first().click(),

  /** Open one of the panels at the right, and return title and details of each segment or measurement in it. */
  async panel({ name }) {
    const icon = page.locator(`[data-cy="${name}-btn"]`).first();
    const rows = page.locator('[data-cy="data-row"]');
    await icon.click();
    await rows.first().waitFor();
    return rows.evaluateAll((all) =>
      all.map((row) => ({
        title: row.querySelector('[data-cy="data-row-title"]').innerText,
        details: row.parentElement.querySelector('[data-cy^="data-row-details"]')?.innerText ?? '',
      })),
    );
  },

  /** Return every word of the page, once these are among them. */
  async text({ words }) {
    await page.getByText(words).first().waitFor();
    return page.evaluate(() => document.body.innerText);
  },

  /** Show the image whose plane holds a point of the patient, in mm. */
  async slice({ point }) {
    await page.evaluate(async ([x, y, z]) => {
      const { metaData, getEnabledElements } = window.cornerstone;
      const { viewport } = getEnabledElements()[0];
      const away = (id) => {
        const { imagePositionPatient: p, rowCosines: r, columnCosines: c } = metaData.get('imagePlaneModule', id);
        const normal = [r[1] * c[2] - r[2] * c[1], r[2] * c[0] - r[0] * c[2], r[0] * c[1] - r[1] * c[0]];
        return Math.abs(normal[0] * (x - p[0]) + normal[1] * (y - p[1]) + normal[2] * (z - p[2]));
      };
      const distances = viewport.getImageIds().map(away);
      const nearest = Math.min(...distances);
      if (!(nearest < 0.1)) throw new Error(`no image within 0.1 mm of the point; the nearest is ${nearest} mm away`);
      await viewport.setImageIdIndex(distances.indexOf(nearest));
      viewport.render();
    }, point);
    await imageDrawn();
  },

  /** Show all segments or none of them, with the eye above their list. */
  async toggle() {
    await page.locator('[data-cy^="all-segments-visibility-toggle"]').first().click();
    await page.mouse.move(SIZE.width / 2, SIZE.height - 1); // no hint of the eye stays in the picture
  },

  /** Write a picture of the page. */
  picture: ({ path }) => pictureOf(page, path),

  /** Write a picture of the image alone; return where points of the patient lie in it, in pixels (x, y). */
  async image({ path, points }) {
    await pictureOf(page.locator('.cornerstone-canvas').first(), path);
    return page.evaluate((all) => {
      const { viewport } = window.cornerstone.getEnabledElements()[0];
      return all.map((point) => [...viewport.worldToCanvas(point)]);
    }, points);
  },
};

async function newPage() {
  const made = await browser.newPage({ viewport: SIZE });
  made.setDefaultTimeout(PATIENCE);
  await made.addInitScript(() => localStorage.setItem('shownTours', '["basicViewerTour"]'));
  made.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) console.error(`${said.type()}: ${said.text().slice(0, 500)}`);
  });
  made.on('pageerror', (error) => console.error(`page error: ${String(error.stack ?? error).slice(0, 1000)}`));
  made.on('response', (got) => {
    if (got.status() >= 400) console.error(`HTTP ${got.status()}: ${got.url()}`);
  });
  return made;
}

function imageDrawn() {
  return page.waitForFunction(() => {
    const drawn = window.cornerstone?.getEnabledElements() ?? [];
    return drawn.some(({ viewport }) => viewport.getImageData?.());
  });
}

/** Write a picture as soon as what it shows no longer changes. */
async function pictureOf(shown, path) {
  const deadline = Date.now() + PATIENCE;
  for (let before = Buffer.alloc(0); Date.now() < deadline; await page.waitForTimeout(REST)) {
    const now = await shown.screenshot({ animations: 'disabled' });
    if (now.equals(before)) return writeFile(path, now);
    before = now;
  }
  throw new Error(`the page does not come to rest within ${PATIENCE / 1000} s`);
}

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { do: name, ...wishes } = JSON.parse(line);
  try {
    answer({ ok: (await WANTED[name](wishes)) ?? null });
  } catch (error) {
    answer({ error: String(error.message ?? error).slice(0, 2000) });
  }
}
await browser.close();
process.exit();
