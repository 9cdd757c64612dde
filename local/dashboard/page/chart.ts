/** The chart of events over time. */

import { BarController, BarElement, CategoryScale, Chart, LinearScale, Tooltip } from 'chart.js';
import type { View } from '../view';
import { part, write } from './elements';
import { counted, minuteOf } from './format';

/** Size of the chart in its tile on A4 paper, in px. On other paper, the style sheet fits it into the tile. */
const PRINTED = { width: 440, height: 200 };

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

/** Draws the chart. The returned function updates it with a new view. */
export function createChart(): (buckets: View['buckets']) => void {
  const canvas = part('minutes') as HTMLCanvasElement;
  canvas.style.visibility = 'hidden'; // until there are bars
  const chart = new Chart<'bar', number[], string>(canvas, {
    type: 'bar',
    data: { labels: [], datasets: [{ label: 'events', data: [], maxBarThickness: 40 }] },
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
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
    matchMedia(query).addEventListener('change', () => {
      requestAnimationFrame(() => {
        applyStyle(chart); // in the colours of the new theme
      });
    });
  // The page still has the size and the colours of the screen.
  addEventListener('beforeprint', () => {
    document.documentElement.classList.add('printing');
    chart.resize(PRINTED.width, PRINTED.height);
    applyStyle(chart);
  });
  addEventListener('afterprint', () => {
    document.documentElement.classList.remove('printing');
    chart.resize();
    applyStyle(chart);
  });
  applyStyle(chart);
  return ({ minutes, events }) => {
    write(part('minutes-heading'), minutes === 1 ? 'Events per minute' : `Events per ${minutes} minutes`);
    chart.data.labels = events.map(({ start }) => minuteOf(start));
    const [dataset] = chart.data.datasets;
    if (dataset) dataset.data = events.map((bucket) => bucket.events);
    chart.update();
    const total = events.reduce((sum, bucket) => sum + bucket.events, 0);
    const most = Math.max(0, ...events.map((bucket) => bucket.events));
    canvas.style.visibility = events.length > 0 ? '' : 'hidden';
    const nothing = canvas.closest('section')?.querySelector<HTMLElement>('.nothing');
    if (nothing) nothing.hidden = events.length > 0;
    canvas.setAttribute(
      'aria-label',
      events.length > 0
        ? `Bar chart: ${counted(total, 'event')} in ${counted(events.length, 'bar')}, at most ${most} in one.`
        : 'No data yet',
    );
  };
}

/** Reads the colours and the font of the chart from the style sheet: light, dark or forced, on screen or paper. */
function applyStyle(chart: Chart<'bar', number[], string>): void {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement('span');
  document.body.append(probe);
  const resolve = (name: string): string => {
    probe.style.color = style.getPropertyValue(name);
    return getComputedStyle(probe).color;
  };
  const font = {
    family: getComputedStyle(document.body).fontFamily,
    size: parseFloat(style.getPropertyValue('--axis-size')),
  };
  const [dataset] = chart.data.datasets;
  const accent = resolve('--accent');
  // A constant would be shared by the bars, and `update('none')` would not replace it.
  if (dataset) dataset.backgroundColor = () => accent;
  for (const scale of ['x', 'y']) {
    const options = chart.options.scales?.[scale];
    if (!options) continue;
    options.ticks = { ...options.ticks, font, color: resolve('--quiet') };
    options.grid = { ...options.grid, color: resolve('--grid') };
  }
  probe.remove();
  chart.update('none');
}
