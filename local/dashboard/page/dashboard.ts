/** The dashboard's page. */

import { connectMoreButton } from '../../page/expandableRows';
import { followStream } from '../../page/sharedStream';
import type { View } from '../view';
import { createChart } from './chart';
import { codeParts, make, part, write, writeParts } from './elements';
import { filterText, readFilters, showChoices, watchFilters } from './filters';
import { ABSENT, counted, dateAndTime, money, number, secondOf, zoneName } from './format';
import { lagText, pipelineLine } from './pipeline';
import { showSensors } from './sensors';
import { createStatus } from './status';
import { showFunnel, showProducts, showRecent, showSources } from './tables';

const shop = document.documentElement.dataset.shop ?? '';
const showBuckets = createChart();
const status = createStatus();
const labelMore = connectMoreButton(part('more'), 'events');
let paused = false;

for (const id of ['shop', 'empty-shop']) {
  const link = part(id) as HTMLAnchorElement;
  link.hidden = shop === '';
  if (shop !== '') link.href = shop;
}

function show(view: View): void {
  status.onView(view);
  write(part('query'), view.job.query);
  write(part('pipeline'), pipelineLine(view));
  write(part('lag'), lagText(view));
  // Before the job has begun, zeros would look like counts.
  const isMeasured = view.job.status !== 'waiting' || view.pipeline.oldest !== null;
  if (isMeasured) showFigures(view);
  else showNoFigures();
  showBuckets(isMeasured ? view.buckets : { ...view.buckets, events: [] });
  showFunnel(view.funnel, isMeasured);
  for (const nothing of document.querySelectorAll<HTMLElement>('.nothing'))
    writeParts(nothing, isMeasured ? codeParts(nothingText(nothing, view)) : [ABSENT]);
  showProducts(view.products, shop);
  showSources('referrers', view.referrers, 'Direct or unknown');
  showSources('campaigns', view.campaigns, 'No campaign');
  showRecent(view.recent, shop);
  showExtent(view);
  showSensors(view);
  showChoices(view.choices);
}

/** If the shop has had events, the filters (one is the time range) exclude what the list would show. */
function nothingText({ dataset: { text = '', filtered = text } }: HTMLElement, { pipeline }: View): string {
  return pipeline.oldest === null ? text : filtered;
}

type Revenue = View['revenue'][number];

const FIGURES = ['revenue', 'orders', 'visitors', 'sessions', 'events'];

function showNoFigures(): void {
  for (const id of FIGURES) {
    write(part(id), ABSENT);
    write(part(`${id}-detail`), '');
  }
}

function showFigures({ counts, revenue, recent }: View): void {
  const [first, ...others] = revenue;
  write(part('revenue'), first ? money(first.revenue, first.currency) : ABSENT);
  const details = revenueDetails(first, others);
  writeParts(
    part('revenue-detail'),
    details.map((line) => make('span', line, 'line')),
  );
  write(part('orders'), number(counts.orders));
  const perCurrency = revenue.map(
    ({ currency, orders }) => `${number(orders)}\u00a0in\u00a0${currency ?? 'no\u00a0currency'}`,
  );
  write(part('orders-detail'), perCurrency.join(', '));
  write(part('visitors'), number(counts.visitors));
  const rate = counts.visitors > 0 ? Math.round((100 * counts.orders) / counts.visitors) : 0;
  write(part('visitors-detail'), counts.visitors > 0 ? `${rate} orders per 100 visitors` : '');
  write(part('sessions'), counts.sessions > 0 || counts.events === 0 ? number(counts.sessions) : ABSENT);
  write(part('sessions-detail'), sessionsDetail(counts));
  write(part('events'), number(counts.events));
  const [newest] = recent;
  write(part('events-detail'), newest ? `latest at ${secondOf(newest.time)}` : '');
}

function sessionsDetail({ sessions, events }: View['counts']): string {
  if (sessions > 0) return 'a session ends after 30\u00a0min of inactivity';
  return events > 0 ? 'events carry no session id' : '';
}

/**
 * A line for each currency but the first, and then the refunds in the first one, whose amount stands above. The refunds
 * are last, because an amount after them would seem to be one of them.
 */
function revenueDetails(first: Revenue | undefined, others: readonly Revenue[]): string[] {
  if (!first) return [readFilters() === '' ? 'no orders yet' : 'no orders'];
  const refunds = ({ refunded, currency }: Revenue): string[] =>
    refunded > 0 ? [`${money(refunded, currency)} of\u00a0refunds deducted`] : [];
  const orders = (currency: string | null): string =>
    currency === null ? 'orders without a currency' : `${currency}\u00a0orders`;
  const plus = (one: Revenue): string =>
    `plus\u00a0${money(one.revenue, one.currency)} in\u00a0${orders(one.currency)}`;
  const lines =
    others.length === 0
      ? [`${counted(first.items, 'item')} in ${counted(first.orders, 'order')}`]
      : others.map((one) => [plus(one), ...refunds(one)].join(', '));
  return [...lines, ...refunds(first)];
}

/** Says how many events the list of recent events contains. An order has a row for each item. */
function showExtent({ recent, counts }: View): void {
  const listed = new Set(recent.map(({ key }) => key.split('/')[0])).size;
  labelMore(listed, counts.events);
  const all = listed === counts.events;
  write(
    part('recent-printed'),
    all
      ? `All ${counted(listed, 'event')}`
      : `Newest ${number(listed)} of ${counted(counts.events, 'event')}`,
  );
}

let stop: (() => void) | undefined;
function follow(): void {
  stop?.();
  const query = readFilters();
  (part('export') as HTMLAnchorElement).href = `events.csv?${query}`;
  stop = followStream(`events?${query}`, 'view', 1, {
    onReset: () => undefined,
    onData: (data) => {
      if (!paused) show(JSON.parse(data) as View);
    },
    onConnected: status.onConnected,
  });
}

const pause = part('pause');
pause.addEventListener('click', () => {
  paused = !paused;
  pause.setAttribute('aria-pressed', String(paused));
  pause.textContent = paused ? 'Continue' : 'Pause';
  status.onPaused(paused);
});
part('print').addEventListener('click', () => {
  print();
});
addEventListener('beforeprint', () => {
  write(part('printed'), `${filterText()} · ${dateAndTime(new Date())}`);
});
write(part('zone'), `Times are shown in ${zoneName()}.`);
watchFilters(follow);
follow();
