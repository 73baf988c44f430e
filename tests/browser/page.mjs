// The report's page in a real browser: no script errors, no request leaves it, tables sort and filter, figures have words
// where the mouse rests, and nothing is wider than the window, in both themes and at two widths.
//
// Needs node, chromium and playwright-core (npm install playwright-core, in the source folder or in $LESION_NODE_MODULES/..),
// gnuplot and the Fashion-MNIST images; where one is missing it says so and exits with 77.
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const lesion = process.env.LESION, source = process.env.LESION_SOURCE;
const browserPath = process.env.LESION_CHROMIUM ?? '/usr/bin/chromium';

function skip(why) {
    console.log(`skipped: ${why}`);
    process.exit(77);
}

function findPlaywright() {
    for (const folder of [process.env.LESION_NODE_MODULES, path.join(source, 'node_modules'), '/usr/lib/node_modules', '/usr/local/lib/node_modules'])
        if (folder && existsSync(path.join(folder, 'playwright-core')))
            return createRequire(path.join(folder, 'x.js'))('playwright-core');
    return null;
}

/* A page with most figures: every filter, fractions, controls, classes, on few images. */
function makePage(folder) {
    const database = path.join(folder, 'quick.db');
    execFileSync(lesion, ['run', path.join(source, 'configs/quickstart.yaml'), '--set', 'data.take.per_class=2', '--db', database, '--quiet'], { stdio: 'inherit' });
    execFileSync(lesion, ['report', database], { stdio: 'inherit' });
    return path.join(folder, 'quick.html');
}

const column = (page, table, n) => page.locator(`#${table} tbody tr:not([hidden]) > :nth-child(${n})`).allTextContents();
const number = text => parseFloat(text.replace('\u2212', '-').replace(/[^-+.\de]/g, ''));

async function sorts(page) {
    const heading = page.locator('#filter-table thead th:nth-child(4) button');
    await heading.click();
    const up = (await column(page, 'filter-table', 4)).map(number);
    assert.ok(up.length > 5 && up.every((x, i) => i === 0 || x >= up[i - 1]), 'not ascending');
    assert.equal(await page.locator('#filter-table thead th:nth-child(4)').getAttribute('aria-sort'), 'ascending');
    await heading.click();
    const down = (await column(page, 'filter-table', 4)).map(number);
    assert.ok(down.every((x, i) => i === 0 || x <= down[i - 1]), 'not descending');
    assert.ok(down[0] > up[0]);
    await page.locator('#filter-table thead th:nth-child(1) button').focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#filter-table thead th:nth-child(1)').getAttribute('aria-sort'), 'ascending');
}

async function filters(page) {
    const tools = page.locator('.table:has(#filter-table)').locator('xpath=preceding-sibling::p[1]');
    const few = (await column(page, 'filter-table', 1)).length;
    await tools.locator('button').click();
    assert.ok((await column(page, 'filter-table', 1)).length > few, 'all rows are not shown');
    await tools.locator('input').fill('CONV2_1');
    const layers = await column(page, 'filter-table', 1);
    assert.ok(layers.length > 0 && layers.every(name => name === 'conv2_1'), `filtered: ${layers}`);
    await tools.locator('input').fill('no such row');
    assert.equal((await column(page, 'filter-table', 1)).length, 0);
    assert.match(await tools.locator('[role=status]').textContent(), /^0 of /);
    await tools.locator('input').fill('');
}

async function figuresHaveWords(page) {
    const figures = await page.locator('figure').evaluateAll(all => all.map(f => ({
        id: f.id, titles: f.querySelectorAll('svg title').length, label: f.querySelector('svg').getAttribute('aria-label'),
        caption: f.querySelector('figcaption').textContent.length, texts: f.querySelectorAll('svg text').length })));
    assert.ok(figures.length >= 8, `only ${figures.length} figures`);
    for (const f of figures)
        assert.ok(f.label && f.caption > 40 && f.texts > 3, `${f.id} lacks words`);
    assert.equal(figures.find(f => f.id === 'fig-filters-map').titles, 1376);
    for (const id of ['fig-layers-heat', 'fig-filters-ranked', 'fig-classes-layers', 'fig-volcano'])
        assert.ok(figures.find(f => f.id === id).titles > 5, `${id} has no words for the mouse`);
    const ids = await page.locator('[id]').evaluateAll(all => all.map(e => e.id));
    assert.equal(new Set(ids).size, ids.length, 'an id stands twice');
}

async function fits(page, width) {
    const widest = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(widest <= width, `${widest} px wide in a window of ${width}`);
}

/* WCAG's contrast of two CSS colours rgb(r, g, b). */
function contrast(a, b) {
    const light = colour => colour.match(/\d+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
}

async function canBeRead(page) {
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    for (const [where, property] of [['p', 'color'], ['a', 'color'], ['figcaption', 'color'], ['caption', 'color'], ['svg text', 'fill']]) {
        const colour = await page.locator(where).first().evaluate((e, p) => getComputedStyle(e)[p], property);
        assert.ok(contrast(colour, back) >= 4.5, `${where}: ${colour} on ${back}`);
    }
}

async function look(browser, file, colorScheme, width) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
    const page = await context.newPage();
    const errors = [], requests = [];
    page.on('pageerror', e => errors.push(e.message));
    page.on('console', m => m.type() === 'error' && errors.push(m.text()));
    page.on('request', r => requests.push(r.url()));
    await page.goto(pathToFileURL(file).href);
    await sorts(page);
    await filters(page);
    await figuresHaveWords(page);
    await fits(page, width);
    await canBeRead(page);
    assert.deepEqual(errors, []);
    assert.deepEqual(requests, [pathToFileURL(file).href]);
    await context.close();
    console.log(`${colorScheme}, ${width} px: as it should be`);
}

async function withoutScripts(browser, file) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    assert.equal(await page.locator('#filter-table tbody tr').count(), 500);
    assert.ok(await page.locator('#filter-table tbody tr').nth(400).isVisible());
    await context.close();
}

const playwright = findPlaywright();
if (!playwright) skip('playwright-core is not installed (npm install playwright-core)');
if (!existsSync(browserPath)) skip(`${browserPath} is not there (apt-get install chromium)`);
if (spawnSync('gnuplot', ['--version']).status !== 0) skip('gnuplot is not installed (apt-get install gnuplot-nox)');
if (!existsSync(path.join(process.env.FASHION_MNIST ?? '/usr/share/datasets/fashion-mnist', 't10k-images-idx3-ubyte.gz')))
    skip('the Fashion-MNIST images are not there (apt-get install dataset-fashion-mnist)');

const folder = mkdtempSync(path.join(tmpdir(), 'lesion-browser-'));
let browser;
try {
    const file = makePage(folder);
    browser = await playwright.chromium.launch({
        executablePath: browserPath,
        args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
    for (const colorScheme of ['light', 'dark'])
        for (const width of [1200, 400])
            await look(browser, file, colorScheme, width);
    await withoutScripts(browser, file);
} finally {
    await browser?.close();
    rmSync(folder, { recursive: true });
}
