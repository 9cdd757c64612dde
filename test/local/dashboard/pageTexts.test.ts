/** What the dashboard's page says in Chromium, with sample figures. */

import { describe, expect, test } from 'vitest';
import { emptyView } from '../../../local/dashboard/sampleView';
import { browserProgram } from '../../clients/browser';
import { useSamplePage } from './samplePage';

describe.skipIf(!browserProgram)('the texts of the dashboard', () => {
  const sample = useSamplePage();

  test(
    'shows an absurd amount in few characters, and its cards stay within 320 px',
    { tags: 'full' },
    async () => {
      const [first] = sample.view.recent;
      if (!first) return;
      const absurd = { ...first, key: 'absurd', price: 1e300, event: 'x'.repeat(200) };
      sample.view = {
        ...sample.view,
        revenue: [{ currency: 'JPY', revenue: 1e300, refunded: 2.5, orders: 1, items: 1 }],
        recent: [absurd, ...sample.view.recent],
      };
      await expect.poll(() => sample.page.locator('#revenue').innerText()).toBe('1.000e+300 JPY');
      expect(await sample.page.locator('#revenue-detail').innerText()).toBe(
        '1 item in 1 order\n¥3 of\u00a0refunds deducted',
      );
      await sample.page.setViewportSize({ width: 320, height: 700 });
      const overflow = `(() => { const all = document.querySelector('#recent').closest('.scroll'); return all.scrollWidth - all.clientWidth; })()`;
      await expect.poll(() => sample.page.evaluate(overflow)).toBe(0);
    },
  );

  test('shows zeros only once the job counts, and no share of nothing', { tags: 'full' }, async () => {
    const values = () => sample.page.locator('.figure .value, #funnel li span:nth-child(2)').allInnerTexts();
    sample.view = emptyView(new Date(), 'waiting');
    await sample.page.locator('body[data-state="starting"]').waitFor();
    expect(new Set(await values())).toEqual(new Set(['–']));
    expect(new Set(await sample.page.locator('.nothing').allInnerTexts())).toEqual(new Set(['–']));
    expect(await sample.page.getByRole('link', { name: 'Open the shop' }).isVisible()).toBe(false);
    expect(await sample.page.locator('#empty-text').innerText()).toMatch(
      /If you see an error there, press Ctrl\+C and run npm start again\.$/,
    );
    expect(await sample.page.locator('#empty-text code').allInnerTexts()).toEqual([
      'npm start',
      'Ctrl+C',
      'npm start',
    ]);
    expect(await sample.page.locator('#minutes').isVisible()).toBe(false);
    expect(await sample.page.locator('footer').innerText()).not.toContain('0 events');
    sample.view = emptyView(new Date());
    await sample.page.locator('body[data-state="empty"]').waitFor();
    expect(await values()).toEqual(['–', '0', '0', '0', '0', '0 visitors', '0 visitors', '0 visitors']);
    expect(await sample.page.locator('#revenue-detail').innerText()).toBe('no orders yet');
    expect(await sample.page.locator('#minutes').isVisible()).toBe(true);
  });

  test(
    'shows the figures of before a restart while the job waits for its product list',
    { tags: 'full' },
    async () => {
      sample.view = { ...sample.view, job: { ...sample.view.job, status: 'waiting' } };
      await sample.page.locator('body[data-state="starting"]').waitFor();
      expect(await sample.page.locator('#orders').innerText()).toBe(String(sample.view.counts.orders));
    },
  );

  test('ends the reason of a stop with one full stop', { tags: 'full' }, async () => {
    const problems = [
      ['query.asaql:1:1: a CAST failed', 'Fix the cause'],
      ['Could not write file "results.duckdb.wal": No space left on device.', 'Free some disk space'],
    ] as const;
    for (const [problem, advice] of problems) {
      sample.view = { ...sample.view, job: { ...sample.view.job, status: 'stopped', problem } };
      await expect
        .poll(() => sample.page.locator('#notice').innerText())
        .toContain(`Reason: ${problem.replace(/\.$/, '')}. These figures no longer change. ${advice}, then`);
    }
    expect(await sample.page.locator('#notice').innerText()).toMatch(
      /press Ctrl\+C in the terminal where npm start is running, and run npm start again\.$/,
    );
  });

  test('says what to do if the connection to the server does not come back', { tags: 'full' }, async () => {
    const advice =
      'This page reconnects by itself. If this lasts, check the terminal where you ran npm start. If that command has ended, run it again.';
    const notice = sample.page.locator('#notice');
    await sample.context.route('**/events?*', (route) => route.abort());
    await sample.page.locator('select[name=range]').selectOption('15');
    await expect
      .poll(() => notice.innerText())
      .toContain(`No connection to the dashboard's server. These are the last figures received. ${advice}`);
    await sample.page.reload();
    await expect
      .poll(() => notice.innerText())
      .toContain(`No connection to the dashboard's server. ${advice}`);
  });

  test('explains a session only if there are sessions', { tags: 'full' }, async () => {
    const detail = sample.page.locator('#sessions-detail');
    expect(await detail.innerText()).toBe('a session ends after 30\u00a0min of inactivity');
    sample.view = { ...sample.view, counts: { ...sample.view.counts, sessions: 0 } };
    await expect.poll(() => detail.innerText()).toBe('events carry no session id');
    sample.view = emptyView(new Date());
    await expect.poll(() => detail.innerText()).toBe('');
  });

  test('says how many of the events are listed, on the button and on paper', { tags: 'full' }, async () => {
    const printed = sample.page.locator('#recent-printed');
    expect(await printed.isVisible()).toBe(false);
    await sample.page.emulateMedia({ media: 'print' });
    const listed = new Set(sample.view.recent.map(({ key }) => key.split('/')[0])).size;
    expect(await printed.innerText()).toBe(`Newest ${listed} of ${sample.view.counts.events} events`);
    const [order] = sample.view.recent;
    if (!order) return;
    // The three items of one order
    const recent = [0, 1, 2].map((item) => ({ ...order, key: `1/${item}` }));
    sample.view = { ...sample.view, counts: { ...sample.view.counts, events: 1 }, recent };
    await expect.poll(() => printed.innerText()).toBe('All 1 event');
  });

  test('names an unusual state of a product, also on a phone', { tags: 'full' }, async () => {
    await sample.page.setViewportSize({ width: 320, height: 700 });
    const jacket = sample.page.locator('#products tr').filter({ hasText: 'Denim jacket' });
    await expect.poll(() => jacket.locator('.narrow').allInnerTexts()).toEqual(['¥12,900', 'Pre-order']);
    expect(await sample.page.locator('#products tr').first().locator('.narrow').allInnerTexts()).toEqual([
      '¥4,900',
    ]);
  });

  test(
    'names a filter of the URL, and offers no shop where the filters match nothing',
    { tags: 'full' },
    async () => {
      sample.view = { ...emptyView(new Date()), pipeline: sample.view.pipeline };
      await sample.page.goto(`${sample.url}/?event=refund&product=9`);
      await sample.page.getByRole('heading', { name: 'No event matches the filters' }).waitFor();
      const nothing = () => sample.page.locator('.nothing').filter({ visible: true }).allInnerTexts();
      const [visitor, sensor] = ['No visitor matches the filters.', expect.stringMatching(/^No sensor /)];
      expect(await nothing()).toEqual([
        ...['No product matches the filters.', visitor, visitor],
        ...[sensor, 'No event matches the filters.'],
      ]);
      expect(await sample.page.getByRole('link', { name: 'Open the shop' }).isVisible()).toBe(false);
      const chosen = () => sample.page.locator('#filters option:checked').allInnerTexts();
      expect(await chosen()).toEqual(['Last hour', 'Refunded (refund)', 'Product 9']);
      sample.view = emptyView(new Date());
      await sample.page.getByRole('link', { name: 'Open the shop' }).waitFor();
      await expect.poll(async () => (await nothing())[0]).toBe('No product has been viewed yet.');
    },
  );

  test('shows what each sensor last sent, and which of them are silent', { tags: 'full' }, async () => {
    const sensors = sample.page.getByRole('region', { name: 'Store sensors' });
    const shown = () => sensors.getByRole('listitem').allInnerTexts();
    // However slow this machine is, two of them are not silent.
    const sensorsShown = sample.view.sensors.map((one, i) => (i < 2 ? { ...one, interval: 3_600 } : one));
    sample.view = { ...sample.view, sensors: sensorsShown };
    await expect.poll(async () => (await shown())[0]).toMatch(/Last seen /);
    const [ginza = '', osaka = '', sapporo = ''] = await shown();
    expect(ginza).toMatch(/^Ginza\s+19\.1\u00a0°C\s+Door closed\s+Last seen \d\d:\d\d:\d\d$/);
    expect(osaka).toMatch(/^Osaka\s+22\.4\u00a0°C\s+Door open\s+Last seen /);
    expect(sapporo).toMatch(/^Sapporo\s+16\.6\u00a0°C\s+Door closed\s+Silent for 12\u00a0min, since /);
    const [first] = sample.view.sensors;
    if (!first) return;
    sample.view = {
      ...sample.view,
      sensors: [{ ...first, store: null, temperature: null, door: null, interval: 86_400 }],
    };
    await expect.poll(shown).toEqual([expect.stringMatching(/^sensor-ginza\s+–\s+No door\s+Last seen /)]);
    sample.view = { ...sample.view, sensors: [] };
    await sensors.getByText('No sensor has sent anything in the last 24 hours.').waitFor();
    expect(await sensors.locator('code').allInnerTexts()).toEqual([
      'Ctrl+C',
      'npm start',
      'npm start -- --sensors',
    ]);
    expect(await shown()).toEqual([]);
  });

  test(
    'gives each refund beside its currency, and dropped events with their reasons',
    { tags: 'full' },
    async () => {
      const revenue = { revenue: 100, refunded: 0, orders: 1, items: 1 };
      const dropped = [
        { reason: 'malformed', events: 2 },
        { reason: 'too late', events: 1 },
      ];
      sample.view = {
        ...sample.view,
        revenue: [
          { ...revenue, currency: 'JPY', refunded: 4_900 },
          { ...revenue, currency: 'EUR', refunded: 5 },
          { ...revenue, currency: 'USD' },
          { ...revenue, currency: null },
        ],
        pipeline: { ...sample.view.pipeline, dropped },
      };
      await expect
        .poll(() => sample.page.locator('#revenue-detail').innerText())
        .toBe(
          [
            'plus\u00a0€100.00 in\u00a0EUR\u00a0orders, €5.00 of\u00a0refunds deducted',
            'plus\u00a0$100.00 in\u00a0USD\u00a0orders',
            'plus\u00a0100 in\u00a0orders without a currency',
            '¥4,900 of\u00a0refunds deducted',
          ].join('\n'),
        );
      expect(await sample.page.locator('#pipeline').innerText()).toContain(
        '2 malformed events and 1 event too late dropped',
      );
      expect(await sample.page.locator('#zone').innerText()).toMatch(/^Times are shown in \S+\.$/);
    },
  );

  test('has a picture for a product that the shop does not sell', { tags: 'full' }, async () => {
    const [top, ...rest] = sample.view.products;
    if (top)
      sample.view = {
        ...sample.view,
        products: [{ ...top, productId: 9_999, name: null, code: null }, ...rest],
      };
    await sample.page.getByText('Product 9999').waitFor();
    await expect
      .poll(() => sample.page.evaluate(`document.querySelector('#products img').naturalWidth > 0`))
      .toBe(true);
  });
});
