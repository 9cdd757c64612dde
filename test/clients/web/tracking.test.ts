/** Page views, sessions, campaigns and the loader snippet, in Chromium. */

import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { DEVICE, SLOW, useFixture } from './fixture';

describe.skipIf(!browserProgram)('tracking', () => {
  const fixture = useFixture();

  /** Opens a page whose `tracking` has these options. */
  async function open(options: string, path = '/', referer = ''): Promise<Page> {
    const client = { endpoint: `${fixture.proxy.url}/api`, ...DEVICE, batchTime: 50 };
    fixture.site.page = `<!doctype html><title>Page</title><link rel="icon" href="data:,"><script type="module">
      import { createHubfront } from '/hubfront.mjs';
      import { startTracking } from '/tracking.mjs';
      window.hub = createHubfront(${JSON.stringify(client)});
      window.tracking = startTracking(hub, ${options});
    </script>`;
    const page = await fixture.context.newPage();
    await page.goto(fixture.site.origin + path, referer === '' ? {} : { referer });
    await page.waitForFunction('window.tracking');
    return page;
  }
  const events = async (): Promise<any[]> => (await fixture.arrived()).map(({ body }) => body.Data);
  const arrive = (count: number) => expect.poll(async () => (await events()).length, SLOW).toBe(count);

  test('adds nothing without options', { tags: 'full' }, async () => {
    const page = await open('{}', '/?utm_source=a');
    await page.evaluate(
      `tracking.track({ event: 'a' }); history.pushState(null, '', '/b'); tracking.track([1])`,
    );
    await arrive(2);
    expect(await events()).toEqual([{ event: 'a' }, [1]]);
    expect(await page.evaluate(`localStorage.getItem('hubfront-session')`)).not.toContain('referrer":');
  });

  test('sends a page view for each page, also of the history, with its final title', async () => {
    const page = await open('{ pageViews: true }', '/first?a=1#part');
    await arrive(1);
    await page.evaluate(`(async () => {
      const turn = () => new Promise((resolve) => setTimeout(resolve));
      history.pushState(null, '', '/second'); document.title = 'Second'; await turn();
      history.replaceState({}, '', '/second'); location.hash = 'part'; await turn();
      history.back(); history.back();
    })()`);
    await arrive(3);
    expect(
      (await events()).map(({ event, page_location: url, page_title: title }) => [
        event,
        new URL(url).pathname,
        title,
      ]),
    ).toEqual([
      ['page_view', '/first', 'Page'],
      ['page_view', '/second', 'Second'],
      ['page_view', '/first', 'Second'],
    ]);
    await page.evaluate(
      `tracking.stop(); history.pushState(null, '', '/third'); tracking.track({ event: 'last' })`,
    );
    await arrive(4);
  });

  test('keeps a session for 30 minutes without an event, over pages and tabs, with what led to it', async () => {
    const options = '{ sessions: true, campaigns: true }';
    const page = await open(options, '/?utm_source=mail&utm_campaign=autumn', 'https://news.example/post');
    await page.evaluate(`tracking.track({ event: 'a', utm_source: 'own' })`);
    await arrive(1);
    const second = await open(options, '/other');
    await second.evaluate(`tracking.track({ event: 'b' })`);
    await arrive(2);
    const move = (minutes: number) =>
      `(() => { const s = JSON.parse(localStorage['hubfront-session']); s.last -= ${minutes} * 60000; localStorage['hubfront-session'] = JSON.stringify(s); })()`;
    await second.evaluate(`${move(29)}; tracking.track({ event: 'c' })`);
    await arrive(3);
    await second.evaluate(`${move(31)}; tracking.track({ event: 'd' })`);
    await arrive(4);
    const all = await events();
    expect(all[0]).toMatchObject({
      ...{
        event: 'a',
        utm_source: 'own',
        utm_campaign: 'autumn',
        page_referrer: 'https://news.example/post',
      },
    });
    expect(all[1]).toMatchObject({ event: 'b', utm_source: 'mail', utm_campaign: 'autumn' });
    const ids = all.map(({ session_id }) => session_id as string);
    expect(new Set(ids.slice(0, 3)).size).toBe(1);
    expect(ids[3]).not.toBe(ids[0]);
    expect(all[3].utm_campaign).toBeUndefined();
  });

  test(
    'adds the id of a known user until it is taken back, and after a reload',
    { tags: 'full' },
    async () => {
      const page = await open('{}');
      await page.evaluate(`tracking.identify('u-1'); tracking.track({ event: 'a' })`);
      await arrive(1);
      await page.reload();
      await page.waitForFunction('window.tracking');
      await page.evaluate(
        `tracking.track({ event: 'b' }); tracking.identify(); tracking.track({ event: 'c' })`,
      );
      await arrive(3);
      expect(await events()).toEqual([
        { event: 'a', user_id: 'u-1' },
        { event: 'b', user_id: 'u-1' },
        { event: 'c' },
      ]);
    },
  );

  test(
    'lets beforeSend change and drop events, and drops one for which it throws',
    { tags: 'full' },
    async () => {
      const page = await open(`{ beforeSend: (event) => {
      if (event.event === 'secret') return undefined;
      if (event.event === 'broken') throw new Error('beforeSend');
      return { ...event, card: undefined };
    } }`);
      const ids = await page.evaluate(
        `['a', 'secret', 'broken'].map((event) => tracking.track({ event, card: 4 }))`,
      );
      expect(ids).toEqual([expect.any(String), null, null].map((id) => id ?? undefined));
      await arrive(1);
      expect(await events()).toEqual([{ event: 'a' }]);
    },
  );

  test('without consent sends and stores nothing, and forgets the session', { tags: 'full' }, async () => {
    const page = await open('{ pageViews: true, sessions: true }');
    await arrive(1);
    await page.evaluate(`hub.setConsent(false); tracking.track({ event: 'a' }); tracking.identify('u-1')`);
    expect(await page.evaluate(`localStorage.getItem('hubfront-session')`)).toBeNull();
    await page.evaluate('hub.flush()');
    expect(await events()).toHaveLength(1);
  });

  test('says in debug mode what it queued and what became of it', { tags: 'full' }, async () => {
    const page = await open('{ debug: true }');
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    await page.evaluate(`tracking.track({ event: 'a' })`);
    await expect
      .poll(() => said.map((line) => line.split(' ').slice(0, 2).join(' ')), SLOW)
      .toEqual(['hubfront: queued', 'hubfront: sent']);
  });

  test(
    'the loader snippet of the docs queues commands until the tag has loaded',
    { tags: 'full' },
    async () => {
      const [, snippet = ''] =
        /```html\n(<script>\s+window\.hf[^]*?)```/.exec(await readFile('docs/web.md', 'utf8')) ?? [];
      expect(snippet).toContain('tag.js');
      const client = { ...DEVICE, batchTime: 50 };
      fixture.site.page = `<!doctype html><link rel="icon" href="data:,">${snippet
        .replace('http://localhost:7071/api', `${fixture.proxy.url}/api`)
        .replace('register,', `...${JSON.stringify(client)},`)}`;
      const page = await fixture.context.newPage();
      await page.goto(fixture.site.origin);
      await arrive(2);
      await page.evaluate(`hf('track', { event: 'late' }); hf('nonsense')`);
      await arrive(3);
      expect((await events()).map(({ event }) => event as string).sort()).toEqual([
        'browse_product',
        'late',
        'page_view',
      ]);
    },
  );
});
