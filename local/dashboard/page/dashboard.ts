/** The dashboard's page. */

import { connectMoreButton } from '../../page/expandableRows';
import { followStream } from '../../page/sharedStream';
import type { View } from '../view';
import { createChart } from './chart';
import { codeParts, part, write, writeParts } from './elements';
import { filterText, readFilters, showChoices, watchFilters } from './filters';
import { ABSENT, counted, dateAndTime, money, number, secondOf, zoneName } from './format';
import { lagText, pipelineLine } from './pipeline';
import { showSensors } from './sensors';
import { createStatus } from './status';
import { showFunnel, showProducts, showRecent, showSources } from './tables';

const shop = document.documentElement.dataset.shop ?? '';
const showBuckets = createChart();
const status = createStatus();
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
    writeParts(nothing, isMeasured ? codeParts(nothing.dataset.text ?? '') : [ABSENT]);
  showProducts(view.products, shop);
  showSources('referrers', view.referrers, 'Direct or unknown');
  showSources('campaigns', view.campaigns, 'No campaign');
  showRecent(view.recent, shop);
  showSensors(view);
  showChoices(view.choices);
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
  write(part('revenue'), first ? money(first.revenue, first.currency) : number(0));
  write(part('revenue-detail'), revenueDetail(first, others));
  write(part('orders'), number(counts.orders));
  const perCurrency = revenue.map(
    ({ currency, orders }) => `${number(orders)}\u00a0in\u00a0${currency ?? 'no\u00a0currency'}`,
  );
  write(part('orders-detail'), perCurrency.join(', '));
  write(part('visitors'), number(counts.visitors));
  const rate = counts.visitors > 0 ? Math.round((100 * counts.orders) / counts.visitors) : 0;
  write(part('visitors-detail'), counts.visitors > 0 ? `${rate} orders per 100 visitors` : '');
  write(part('sessions'), counts.sessions > 0 || counts.events === 0 ? number(counts.sessions) : ABSENT);
  write(
    part('sessions-detail'),
    counts.sessions === 0 && counts.events > 0
      ? 'events carry no session id'
      : 'ended by 30\u00a0min of inactivity',
  );
  write(part('events'), number(counts.events));
  const [newest] = recent;
  write(part('events-detail'), newest ? `latest at ${secondOf(newest.time)}` : '');
}

/** Refunds stand beside the amount from which they have been deducted. */
function revenueDetail(first: Revenue | undefined, others: readonly Revenue[]): string {
  if (!first) return readFilters() === '' ? 'no orders yet' : 'no orders';
  const refunds = ({ refunded, currency }: Revenue): string =>
    refunded > 0 ? `after refunds of ${money(refunded, currency)}` : '';
  if (others.length === 0) {
    const sold = `${counted(first.items, 'item')} in ${counted(first.orders, 'order')}`;
    return [sold, refunds(first)].filter(Boolean).join(', ');
  }
  const rest = others.map((one) => {
    const amount = money(one.revenue, one.currency);
    return one.refunded > 0 ? `${amount} (${refunds(one)})` : amount;
  });
  return [refunds(first), `plus ${rest.join(', ')}`].filter(Boolean).join(' · ');
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
connectMoreButton(part('more'));
part('print').addEventListener('click', () => {
  print();
});
addEventListener('beforeprint', () => {
  write(part('printed'), `${filterText()} · ${dateAndTime(new Date())}`);
});
write(part('zone'), `All times are in the time zone ${zoneName()}.`);
watchFilters(follow);
follow();
