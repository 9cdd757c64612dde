/** Draws the dashboard page from the views that the server sends. */

import { BarController, BarElement, CategoryScale, Chart, LinearScale, Tooltip } from 'chart.js';
import { followStream } from '../../page/sharedStream';
import type { View } from '../view';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

const number = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const canvas = part('minutes') as HTMLCanvasElement;
const chart = new Chart<'bar', number[], string>(canvas, {
  type: 'bar',
  data: { labels: [], datasets: [{ label: 'events', data: [] }] },
  options: {
    maintainAspectRatio: false,
    animation: matchMedia('(prefers-reduced-motion: reduce)').matches ? false : { duration: 200 },
    plugins: { legend: { display: false } },
    scales: {
      x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 12 } },
      y: { beginAtZero: true, suggestedMax: 5, ticks: { precision: 0, maxTicksLimit: 6 } },
    },
  },
});

/** Gives the chart the colours of the page, which has a light and a dark theme. */
function colourChart(): void {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement('span');
  document.body.append(probe);
  const colour = (name: string): string => {
    probe.style.color = style.getPropertyValue(name);
    return getComputedStyle(probe).color;
  };
  const [dataset] = chart.data.datasets;
  if (dataset) dataset.backgroundColor = colour('--accent');
  for (const scale of ['x', 'y']) {
    const options = chart.options.scales?.[scale];
    if (!options) continue;
    options.ticks = { ...options.ticks, color: colour('--quiet') };
    options.grid = { ...options.grid, color: colour('--line') };
  }
  probe.remove();
  chart.update('none');
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', colourChart);
colourChart();

function show(view: View): void {
  part('query').textContent = view.job.query;
  const words = {
    waiting: 'Waiting for the first product snapshot',
    running: 'Live',
    stopped: 'Stopped',
  };
  say(words[view.job.status], view.job.status);
  const problems = [
    view.job.problem,
    view.missing.length > 0
      ? `The query's output has no ${view.missing.join(', ')}, so tiles stay empty`
      : null,
  ].filter((problem) => problem !== null);
  part('problem').hidden = problems.length === 0;
  part('problem').textContent = problems.join(' · ');

  part('events').textContent = number.format(view.counts.events);
  part('rows').textContent = number.format(view.counts.rows);
  part('dropped').textContent = number.format(view.counts.dropped);
  part('dropped').title = `${number.format(view.counts.malformed)} of them were not JSON objects`;
  part('dropped').parentElement?.classList.toggle('bad', view.counts.dropped > 0);
  part('late').textContent = number.format(view.counts.late);
  showReference(view);

  chart.data.labels = view.minutes.map(({ minute }) => clock.format(new Date(minute)));
  const [dataset] = chart.data.datasets;
  if (dataset) dataset.data = view.minutes.map(({ events }) => events);
  chart.update();
  const current = view.minutes.at(-1)?.events ?? 0;
  canvas.setAttribute(
    'aria-label',
    `Bar chart of the last ${view.minutes.length} minutes. This minute: ${current} events.`,
  );

  showFunnel(view);
  part('products').replaceChildren(
    ...view.products.map(({ productId, code, price, state, events }) =>
      row([code ?? `product ${productId ?? '?'}`, price, state, events], [1, 3]),
    ),
  );
  part('latest-columns').replaceChildren(
    ...view.latest.columns.map((column) => {
      const head = document.createElement('th');
      head.scope = 'col';
      head.textContent = column;
      return head;
    }),
  );
  part('latest').replaceChildren(...view.latest.rows.map((values) => row(values)));
  const nothing = view.counts.rows === 0 && view.job.status === 'running';
  for (const id of ['no-products', 'no-rows']) part(id).hidden = !nothing;
}

function showReference({ now, reference, nextReference }: View): void {
  if (!reference) return;
  const minutes = Math.max(0, Math.floor((Date.parse(now) - Date.parse(reference.validFrom)) / 60_000));
  part('reference-age').textContent =
    minutes < 1
      ? 'under a minute old'
      : minutes < 120
        ? `${minutes} min old`
        : `${Math.floor(minutes / 60)} h old`;
  const next = nextReference ? `; the next one from ${clock.format(new Date(nextReference.validFrom))}` : '';
  part('reference-path').textContent = `${reference.path}, ${number.format(reference.rows)} SKUs${next}`;
}

const counted = (count: number, what: string): string =>
  `${number.format(count)} ${what}${count === 1 ? '' : 's'}`;

function showFunnel({ funnel }: View): void {
  const most = Math.max(1, ...funnel.map(({ events }) => events));
  part('funnel').replaceChildren(
    ...funnel.map(({ stage, events, visitors }, i) => {
      const item = document.createElement('li');
      const label = document.createElement('div');
      label.className = 'label';
      const name = document.createElement('span');
      name.textContent = stage;
      const count = document.createElement('span');
      const before = funnel[i - 1]?.visitors ?? 0;
      const share = before > 0 ? ` (${Math.round((100 * visitors) / before)} %)` : '';
      count.textContent = `${counted(events, 'event')}, ${counted(visitors, 'visitor')}${share}`;
      label.append(name, count);
      const bar = document.createElement('div');
      bar.className = 'bar';
      bar.style.backgroundSize = `${(100 * events) / most}%`;
      item.append(label, bar);
      return item;
    }),
  );
}

function row(
  values: readonly (string | number | boolean | null)[],
  numbers: readonly number[] = [],
): HTMLElement {
  const made = document.createElement('tr');
  for (const [i, value] of values.entries()) {
    const cell = document.createElement('td');
    if (numbers.includes(i)) cell.className = 'number';
    if (value === null) {
      cell.className += ' absent';
      cell.textContent = '–';
      cell.setAttribute('aria-label', 'null');
    } else {
      cell.textContent =
        numbers.includes(i) && typeof value === 'number' ? number.format(value) : String(value);
      cell.title = String(value);
    }
    made.append(cell);
  }
  return made;
}

function say(text: string, status: string): void {
  const line = part('status');
  if (line.textContent !== text) line.textContent = text;
  line.className = `status ${status}`;
}

let paused = false;
const pause = part('pause');
pause.addEventListener('click', () => {
  paused = !paused;
  pause.setAttribute('aria-pressed', String(paused));
  pause.textContent = paused ? 'Go on' : 'Pause';
});

followStream('events', 'view', 1, {
  onReset: () => undefined,
  onData: (data) => {
    if (!paused) show(JSON.parse(data) as View);
  },
  onConnected: (connected) => {
    if (!connected) say('Connection lost, trying again', 'stopped');
  },
});
