/** The layout and the controls of the dashboard's page in Chromium, with sample figures. */

import { describe, expect, test } from 'vitest';
import { browserProgram } from '../../clients/browser';
import { useSamplePage } from './samplePage';

/** `--accent` in light mode */
const LIGHT_ACCENT = '11,92,192';

interface Box {
  left: number;
  right: number;
  bottom: number;
}

describe.skipIf(!browserProgram)('the page of the dashboard', () => {
  const sample = useSamplePage();

  test('prints the chart in its tile, in dark ink, with the filters and the time instead of controls', async () => {
    await sample.page.emulateMedia({ colorScheme: 'dark' });
    await sample.page.locator('select[name=product]').selectOption({ label: 'Spangle bag' });
    // The layout on paper exists only while the browser prints.
    await sample.page.evaluate(`matchMedia('print').addEventListener('change', ({ matches }) => {
      if (!matches) return;
      const box = (selector) => document.querySelector(selector).getBoundingClientRect().toJSON();
      const isShown = (element) => element.getClientRects().length > 0;
      const { width, height } = document.querySelector('#minutes');
      const pixels = document.querySelector('#minutes').getContext('2d').getImageData(0, 0, width, height).data;
      const inks = {};
      for (let i = 0; i < pixels.length; i += 4)
        if (pixels[i + 3] === 255) inks[pixels.slice(i, i + 3)] = (inks[pixels.slice(i, i + 3)] ?? 0) + 1;
      window.paper = {
        width: document.documentElement.getBoundingClientRect().width,
        canvas: box('#minutes'), tile: box('section:has(#minutes)'), neighbour: box('section:has(#funnel)'),
        figures: [...document.querySelectorAll('.figure')].map((figure) => figure.getBoundingClientRect().top),
        controls: [...document.querySelectorAll('button, select, #status')].filter(isShown).length,
        printed: document.querySelector('#printed').innerText,
        ink: Object.entries(inks).sort(([, a], [, b]) => b - a)[0][0],
      };
    })`);
    const pdf = (await sample.page.pdf({ format: 'A4' })).toString('latin1');
    const paper = await sample.page.evaluate<{
      width: number;
      canvas: Box;
      tile: Box;
      neighbour: Box;
      figures: number[];
      controls: number;
      printed: string;
      ink: string;
    }>('window.paper');
    expect(paper.canvas.right).toBeLessThanOrEqual(paper.tile.right);
    expect(paper.canvas.bottom).toBeLessThanOrEqual(paper.tile.bottom);
    expect(paper.tile.right).toBeLessThanOrEqual(paper.neighbour.left);
    expect(paper.neighbour.right).toBeLessThanOrEqual(paper.width);
    expect(new Set(paper.figures).size).toBe(1);
    expect(paper.controls).toBe(0);
    expect(paper.printed).toMatch(/^Last hour · All events · Spangle bag · .*\b20\d\d\b/);
    expect(paper.ink).toBe(LIGHT_ACCENT);
    expect(pdf.match(/\/Type \/Page\b/g)).toHaveLength(3); // 50 rows
    expect(await sample.page.evaluate(`document.documentElement.className`)).toBe('');
  });

  test(
    'keeps the focus on a link while new rows arrive and its own row changes',
    { tags: 'full' },
    async () => {
      const focus = () =>
        sample.page.evaluate('document.activeElement.href ?? document.activeElement.tagName');
      const arrive = async (): Promise<void> => {
        const [first, ...others] = sample.view.recent;
        const [top, ...rest] = sample.view.products;
        if (!first || !top) return;
        sample.view = {
          ...sample.view,
          counts: { ...sample.view.counts, events: sample.view.counts.events + 1 },
          recent: [{ ...first, key: `new-${sample.view.counts.events}`, size: 'new' }, first, ...others],
          products: [...rest, { ...top, visitors: top.visitors + 1 }],
        };
        await expect
          .poll(() => sample.page.locator('#events').innerText())
          .toBe(String(sample.view.counts.events));
      };
      const recent = sample.page.locator('#recent a').nth(2);
      await recent.focus();
      await sample.page.evaluate('window.before = document.activeElement');
      const href = await focus();
      await arrive();
      expect(await focus()).toBe(href);
      expect(await sample.page.evaluate('window.before === document.activeElement')).toBe(true);
      await sample.page.locator('#products a').first().focus();
      const product = await focus();
      await arrive();
      await sample.page
        .locator('#products tr')
        .last()
        .getByRole('link')
        .and(sample.page.locator(':focus'))
        .waitFor();
      expect(await focus()).toBe(product);
    },
  );

  test(
    'shows the newest 12 events, all of them on request and on paper, and hides no row with the focus',
    { tags: 'full' },
    async () => {
      const rows = sample.page.locator('#recent tr').filter({ visible: true });
      expect(await rows.count()).toBe(12);
      await sample.page.emulateMedia({ media: 'print' });
      expect(await rows.count()).toBe(sample.view.recent.length);
      await sample.page.emulateMedia({ media: 'screen' });
      await sample.page
        .getByRole('button', { name: `Show the newest ${sample.view.recent.length} events` })
        .click();
      expect(await rows.count()).toBe(sample.view.recent.length);
      await sample.page.locator('#recent a').nth(14).focus();
      await sample.page.evaluate(`document.querySelector('#more').dispatchEvent(new Event('click'))`);
      expect(await rows.count()).toBe(13);
      expect(await sample.page.locator('#recent tr').nth(14).isVisible()).toBe(true);
      sample.view = { ...sample.view, recent: sample.view.recent.slice(0, 12) };
      await expect.poll(() => sample.page.locator('#more').isVisible()).toBe(false);
    },
  );

  test.each([1360, 800, 390, 320])('fills the rows of the figures at %i px', async (width) => {
    await sample.page.setViewportSize({ width, height: 700 });
    const rights = await sample.page.evaluate<number[]>(`(() => {
      const rightmost = {};
      for (const tile of document.querySelectorAll('.figure')) {
        const { top, right } = tile.getBoundingClientRect();
        rightmost[top] = Math.max(rightmost[top] ?? 0, Math.round(right));
      }
      return Object.values(rightmost);
    })()`);
    expect(new Set(rights).size).toBe(1);
  });

  test('shows an event in three lines on a narrow phone', async () => {
    await sample.page.setViewportSize({ width: 320, height: 700 });
    const lines = await sample.page.evaluate<number>(`(() => {
      const card = document.querySelector('#recent tr:nth-child(3)');
      const { paddingTop, paddingBottom, lineHeight } = getComputedStyle(card);
      const height = card.getBoundingClientRect().height - parseFloat(paddingTop) - parseFloat(paddingBottom);
      return Math.round(height / parseFloat(lineHeight));
    })()`);
    expect(lines).toBe(3);
  });

  test.each([1360, 600, 320])(
    'orders the top products by a shown column at %i px',
    { tags: 'full' },
    async (width) => {
      await sample.page.setViewportSize({ width, height: 700 });
      const heading = sample.page.getByRole('columnheader', { name: 'Events' });
      expect(await heading.getAttribute('aria-sort')).toBe('descending');
      expect(await heading.isVisible()).toBe(true);
      const shown = sample.page.locator('#products td:nth-child(4)').filter({ visible: true });
      expect(await shown.allInnerTexts()).toEqual(sample.view.products.map(({ events }) => String(events)));
      expect(
        await sample.page.locator('#products tr').filter({ hasText: 'Canvas sneakers' }).innerText(),
      ).toContain('€39.50');
      // The last column ends where the bars of the other tiles end.
      const inset = (selector: string) =>
        sample.page.evaluate<number>(`(() => {
        const element = document.querySelector('${selector}');
        return element.closest('section').getBoundingClientRect().right - element.getBoundingClientRect().right + parseFloat(getComputedStyle(element).paddingRight);
      })()`);
      expect(await inset('#products td:last-child')).toBe(await inset('#funnel .bar'));
    },
  );

  test(
    'offers to clear the filters only while there are some, and keeps the focus in them',
    { tags: 'full' },
    async () => {
      const clear = sample.page.getByRole('button', { name: 'Clear filters' });
      expect(await clear.isDisabled()).toBe(true);
      await sample.page.locator('select[name=range]').selectOption('15');
      await clear.focus();
      await sample.page.keyboard.press('Enter');
      await expect.poll(() => clear.isDisabled()).toBe(true);
      expect(await sample.page.locator('select[name=range]').and(sample.page.locator(':focus')).count()).toBe(
        1,
      );
    },
  );

  test('marks the bars that the time range contains only in part', { tags: 'full' }, async () => {
    const key = sample.page.locator('#partial-key');
    const buckets = (last: number) => ({
      minutes: 1,
      events: [9, 9, last].map((events, i) => ({
        ...{ start: `2026-11-24T10:0${i}:00Z`, events, partial: i === 2 },
      })),
    });
    sample.view = { ...sample.view, buckets: buckets(9) };
    const label = () => sample.page.locator('#minutes').getAttribute('aria-label');
    await expect.poll(label).toMatch(/^Bar chart: 27 events in 3 bars.* Lighter bars: incomplete minute\.$/);
    expect(await key.isVisible()).toBe(true);
    // All bars are equally wide, so the row of pixels has two bars in one colour and one in another.
    const inks = await sample.page.evaluate<Record<string, number>>(`(() => {
      const { width, height } = document.querySelector('#minutes');
      const row = document.querySelector('#minutes').getContext('2d').getImageData(0, Math.round(0.55 * height), width, 1).data;
      const inks = {};
      for (let i = 0; i < row.length; i += 4)
        if (row[i + 3] === 255) inks[row.slice(i, i + 3)] = (inks[row.slice(i, i + 3)] ?? 0) + 1;
      return inks;
    })()`);
    const { [LIGHT_ACCENT]: whole = 0, ...others } = inks;
    const borders = 2;
    expect(Object.values(others)).toContain((whole - borders) / 2 - borders);
    sample.view = { ...sample.view, buckets: buckets(0) };
    await expect.poll(() => key.isVisible()).toBe(false);
  });

  test('merges bars that have no room, and counts the same events in them', { tags: 'full' }, async () => {
    const label = () => sample.page.locator('#minutes').getAttribute('aria-label');
    const counted = async (): Promise<string | undefined> => /[\d,]+ events/.exec((await label()) ?? '')?.[0];
    await expect.poll(label).toContain('in 61 bars');
    expect(await sample.page.locator('#minutes-heading').innerText()).toBe('Events per minute');
    const before = await counted();
    await sample.page.setViewportSize({ width: 320, height: 700 });
    await expect.poll(label).toMatch(/in 3[01] bars/);
    expect(await sample.page.locator('#minutes-heading').innerText()).toBe('Events per 2 minutes');
    expect(await counted()).toBe(before);
  });
});
