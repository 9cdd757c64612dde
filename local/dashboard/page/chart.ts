/** The chart of events over time. */

import { BarController, BarElement, CategoryScale, Chart, LinearScale, type Scale, Tooltip } from 'chart.js';
import type { View } from '../view';
import { part, write } from './elements';
import { mergeBuckets, tickPositions } from './chartAxis';
import { counted, minuteOf } from './format';

/** Size of the chart in its tile on A4 paper, in px. On other paper, the style sheet fits it into the tile. */
const PRINTED = { width: 440, height: 200 };

type BarChart = Chart<'bar', number[], string>;

const MAX_BAR_PX = 40;
/** Of a bar and the gap beside it, in px. Bars that would be narrower are merged. */
const MIN_BAR_PX = 5;
const GAP_SHARE = 0.25;
/** Width of the labels of the y axis, in px: an estimate, to decide which bars to merge. */
const Y_LABELS_PX = 30;

/**
 * Bars whose edges lie between two pixels are blurred, and their gaps vanish. Forced colours can be translucent, so the
 * grid behind a bar is cleared.
 */
const WHOLE_PIXELS = {
  id: 'wholePixels',
  beforeDatasetDraw: (
    { ctx }: { ctx: CanvasRenderingContext2D },
    { meta }: { meta: { data: unknown[] } },
  ) => {
    for (const bar of meta.data as BarElement[]) {
      const { width, y, base } = bar.getProps(['width', 'y', 'base']) as Record<
        'width' | 'y' | 'base',
        number
      >;
      const left = Math.round(bar.x - width / 2);
      bar.x = left + width / 2;
      ctx.clearRect(left, y, width, base - y);
    }
  },
};

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

/** Draws the chart. The returned function updates it with a new view. */
export function createChart(): (buckets: View['buckets']) => void {
  const canvas = part('minutes') as HTMLCanvasElement;
  canvas.style.visibility = 'hidden'; // until there are bars
  let latest: View['buckets'] = { minutes: 1, events: [] };
  let shown = latest;
  const isPartial = (at: number): boolean => shown.events[at]?.partial === true;
  const fill = (chart: BarChart): void => {
    const bars = Math.max(1, Math.floor((chart.width - Y_LABELS_PX) / MIN_BAR_PX));
    shown = mergeBuckets(latest, bars);
    const { minutes, events } = shown;
    write(part('minutes-heading'), minutes === 1 ? 'Events per minute' : `Events per ${minutes} minutes`);
    write(part('partial-key'), incomplete(minutes));
    part('partial-key').hidden = !events.some((bucket) => bucket.partial && bucket.events > 0);
    chart.data.labels = events.map(({ start }) => minuteOf(start));
    const total = events.reduce((sum, bucket) => sum + bucket.events, 0);
    const most = Math.max(0, ...events.map((bucket) => bucket.events));
    canvas.setAttribute(
      'aria-label',
      events.length > 0
        ? `Bar chart: ${counted(total, 'event')} in ${counted(events.length, 'bar')}, at most ${most} in one. Lighter bars: ${incomplete(minutes)}.`
        : 'No data yet',
    );
    const [dataset] = chart.data.datasets;
    if (!dataset) return;
    dataset.data = events.map((bucket) => bucket.events);
    dataset.borderWidth = events.map(({ partial }) => (partial ? { top: 1, left: 1, right: 1 } : 0));
    const pitch = (chart.width - Y_LABELS_PX) / Math.max(1, events.length);
    dataset.barThickness = Math.max(1, Math.min(MAX_BAR_PX, Math.floor(pitch * (1 - GAP_SHARE))));
  };
  const chart: BarChart = new Chart(canvas, {
    type: 'bar',
    data: { labels: [], datasets: [{ label: 'events', data: [], inflateAmount: 0 }] },
    plugins: [WHOLE_PIXELS],
    options: {
      onResize: fill,
      maintainAspectRatio: false,
      animation: matchMedia('(prefers-reduced-motion: reduce)').matches ? false : { duration: 200 },
      plugins: {
        legend: { display: false },
        tooltip: {
          displayColors: false,
          callbacks: {
            label: ({ dataIndex, parsed }) =>
              counted(parsed.y ?? 0, 'event') +
              (isPartial(dataIndex) ? `, ${incomplete(shown.minutes)}` : ''),
          },
        },
      },
      scales: {
        x: {
          grid: { display: false },
          ticks: { maxRotation: 0, autoSkip: false },
          afterBuildTicks: (scale: Scale) => {
            const starts = shown.events.map(({ start }) => new Date(start));
            scale.ticks = tickPositions(starts, scale.chart.width).map((value) => ({ value }));
          },
        },
        y: { beginAtZero: true, suggestedMax: 5, ticks: { precision: 0, maxTicksLimit: 6 } },
      },
    },
  });
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)'])
    matchMedia(query).addEventListener('change', () => {
      requestAnimationFrame(() => {
        applyStyle(chart, isPartial); // in the colours of the new theme
      });
    });
  // The page still has the size and the colours of the screen.
  addEventListener('beforeprint', () => {
    document.documentElement.classList.add('printing');
    chart.resize(PRINTED.width, PRINTED.height);
    applyStyle(chart, isPartial);
  });
  addEventListener('afterprint', () => {
    document.documentElement.classList.remove('printing');
    chart.resize();
    applyStyle(chart, isPartial);
  });
  applyStyle(chart, isPartial);
  return (buckets) => {
    latest = buckets;
    fill(chart);
    chart.update();
    const { events } = shown;
    canvas.style.visibility = events.length > 0 ? '' : 'hidden';
    const nothing = canvas.closest('section')?.querySelector<HTMLElement>('.nothing');
    if (nothing) nothing.hidden = events.length > 0;
  };
}

/** Describes a bar that is not entirely within the time range. */
const incomplete = (minutes: number): string => (minutes === 1 ? 'incomplete minute' : 'incomplete interval');

/** Reads the colours and the font of the chart from the style sheet: light, dark or forced, on screen or paper. */
function applyStyle(chart: BarChart, isPartial: (bar: number) => boolean): void {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement('span');
  probe.style.setProperty('forced-color-adjust', 'none'); // for mixtures of system colours
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
  const weak = resolve('--partial');
  // A constant would be shared by the bars, and `update('none')` would not replace it.
  if (dataset) dataset.backgroundColor = ({ dataIndex }) => (isPartial(dataIndex) ? weak : accent);
  if (dataset) dataset.borderColor = () => accent;
  for (const scale of ['x', 'y']) {
    const options = chart.options.scales?.[scale];
    if (!options) continue;
    options.ticks = { ...options.ticks, font, color: resolve('--quiet') };
    options.grid = { ...options.grid, color: resolve('--grid') };
    options.border = { ...options.border, color: resolve('--axis') };
  }
  probe.remove();
  chart.update('none');
}
