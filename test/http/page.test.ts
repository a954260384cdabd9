import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MessageRecord } from '../../src/ports/reports.ts';
import { record } from '../operate/fake-store.ts';
import { findChromium, launch } from './chromium.ts';
import { servePage } from './page-server.ts';

const path = findChromium();
const screenshots = process.env['PAGE_SCREENSHOTS'];
const MARKUP = 'Hi <img src=x onerror="document.title=\'owned\'"> & <b>bold</b>';

function answered(): Partial<MessageRecord> {
  const now = Date.now();
  const { turn, sends, job } = record();
  return {
    job: job && { ...job, startedAt: now + 5, endedAt: now + 30, attempts: 1 },
    turn: turn && { ...turn, plannedAt: now + 20, members: 1 },
    sends: sends.slice(0, 1).map((send) => ({ ...send, startedAt: now + 21, endedAt: now + 30 })),
    ending: 'answered',
    endingReason: 'reply',
    endedAt: now + 30,
  };
}

function gaveUp(): Partial<MessageRecord> {
  const { job, ...rest } = answered();
  const attempts = record().attempts.map((attempt) => ({ ...attempt, startedAt: Date.now(), endedAt: Date.now() + 12, error: 'script_asked_to_fail' }));
  return { ...rest, job: job && { ...job, state: 'dead' }, turn: null, sends: [], attempts, ending: 'dead', endingReason: 'attempts_exhausted' };
}

if (path === null) console.warn('NO CHROMIUM: the tests of the playground page did not run. Install chromium, or put one into PATH.');

describe.skipIf(path === null && process.env['CI'] !== 'true')('the playground page', () => {
  let browser: Browser;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    if (path === null) throw new Error('CI has to have a chromium in PATH');
    browser = await launch(path);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  async function open(work: Parameters<typeof servePage>[0], options: { locale?: string; width?: number; dark?: boolean } = {}) {
    const server = await servePage(work);
    closing.push(() => server.http.close());
    const { locale = 'en-US', width = 1280, dark = false } = options;
    const context = await browser.newContext({ locale, viewport: { width, height: width < 500 ? 844 : 860 }, colorScheme: dark ? 'dark' : 'light' });
    closing.push(() => context.close());
    const page = await context.newPage();
    const trouble: string[] = [];
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('console', (line) => line.type() === 'error' && trouble.push(line.text()));
    page.on('request', (request) => request.url().startsWith(server.address) || request.url().startsWith('data:') || trouble.push(request.url()));
    await page.goto(server.address);
    return { page, server, trouble };
  }

  async function shoot(page: Page, name: string): Promise<void> {
    if (!screenshots) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: `${screenshots}/${name}.png` });
  }

  it('sends a message with the keyboard, shows the answer as text, and the journey to its ending', async () => {
    const gate = Promise.withResolvers<void>();
    const { page, trouble } = await open(async () => {
      await gate.promise;
      return { reply: MARKUP, record: answered() };
    });
    await page.getByText('connected', { exact: true }).waitFor();
    await page.keyboard.type('Hello there');
    await page.keyboard.press('Enter');
    await page.locator('#typing').waitFor({ state: 'visible' });
    await page.locator('#ending').getByText('On its way').waitFor();
    await shoot(page, 'waiting');
    gate.resolve();
    await page.locator('#messages').getByText(MARKUP).waitFor();
    await page.locator('#typing').waitFor({ state: 'hidden' });
    await page.locator('#ending').getByText('Answered').waitFor();
    expect(await page.locator('#steps h3').allInnerTexts()).toEqual([
      expect.stringContaining('Received'),
      expect.stringContaining('Verified'),
      expect.stringContaining('Accepted?'),
      expect.stringContaining('Wait'),
      expect.stringContaining('Attempt 1'),
      expect.stringContaining('Reply written'),
      expect.stringContaining('Sent'),
      expect.stringContaining('Ended'),
    ]);
    await page.locator('.fate').getByText(/^Answered · \d+ ms$/).waitFor();
    expect(await page.locator('#messages img, #messages b').count()).toBe(0);
    expect(await page.title()).toBe('Chasqui · Playground');
    await shoot(page, 'answered');
    expect(trouble).toEqual([]);
  });

  it('speaks Spanish to a Spanish browser, and English after the switch', async () => {
    const { page } = await open(async () => ({ reply: 'Hola', record: answered() }), { locale: 'es-AR', dark: true });
    await page.getByRole('heading', { name: 'El recorrido del mensaje' }).waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe('es');
    await page.getByRole('textbox', { name: 'Escribe un mensaje' }).fill('¿Qué tal?');
    await page.getByRole('button', { name: 'Enviar' }).click();
    await page.locator('#ending').getByText('Respondido').waitFor();
    await shoot(page, 'es-dark');
    await page.getByRole('button', { name: 'EN', exact: true }).click();
    await page.locator('#ending').getByText('Answered').waitFor();
    await page.reload();
    await page.locator('#ending').getByText('Answered').waitFor();
    expect(await page.locator('#messages li').count()).toBe(2);
  });

  it('fits a phone of 390 px: the chat, and the journey behind a tab', async () => {
    const { page, trouble } = await open(async () => ({ reply: 'Sorry', record: gaveUp() }), { width: 390 });
    await page.getByRole('textbox').fill('fail, please, with a text long enough to be broken into two or even three lines');
    await page.keyboard.press('Enter');
    await page.locator('.fate').getByText('Given up').waitFor();
    await shoot(page, 'phone-chat');
    expect(await page.locator('#journey').isVisible()).toBe(false);
    await page.locator('.said').click();
    await page.locator('#ending').getByText('Given up').waitFor();
    expect(await page.locator('#journey').isVisible()).toBe(true);
    await shoot(page, 'phone-journey');
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    expect(trouble).toEqual([]);
  });

  it('says when a message was not stored, and sends it again under the same id', async () => {
    const { page, server } = await open(async () => ({ reply: 'Here I am', record: answered() }));
    const ids: unknown[] = [];
    let refuse = true;
    await page.route('**/webhooks/playground', async (route) => {
      ids.push((route.request().postDataJSON() as { id: string }).id);
      if (!refuse) return route.continue();
      return route.fulfill({ status: 429, contentType: 'application/problem+json', body: JSON.stringify({ detail: 'the disk is busy', code: 'store_busy' }) });
    });
    await page.getByRole('textbox').fill('Are you there?');
    await page.keyboard.press('Enter');
    await page.getByText('Not stored. Send again').waitFor();
    await page.locator('#about').getByText('the disk is busy').waitFor();
    refuse = false;
    await page.getByText('Not stored. Send again').click();
    await page.locator('#messages').getByText('Here I am').waitFor();
    expect(new Set(ids).size).toBe(1);
    expect(ids).toHaveLength(2);
    expect(server.telemetry.logged.filter((line) => line.level === 'error')).toEqual([]);
  });
});
