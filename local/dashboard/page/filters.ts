/** The filters above the figures. They are part of the page's URL, so that a link shows the same data. */

import { eventName } from '../../page/eventNames';
import type { View } from '../view';
import { part } from './elements';

const form = part('filters') as HTMLFormElement;
const NAMES = ['range', 'event', 'product'] as const;
const select = (name: (typeof NAMES)[number]): HTMLSelectElement =>
  form.elements.namedItem(name) as HTMLSelectElement;

/** The label of a value that the page does not know from its data: `Purchased (purchase)`, `Product 162`. */
function labelOf(name: (typeof NAMES)[number], value: string): string {
  if (name === 'range') return `Last ${value} minutes`;
  if (name === 'product') return `Product ${value}`;
  return eventName(value) === value ? value : `${eventName(value)} (${value})`;
}

/** The filters of the URL, as a query. */
export function readFilters(): string {
  const wanted = new URLSearchParams(location.search);
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const value = wanted.get(name);
    if (value) query.set(name, value);
  }
  return query.toString();
}

/** The chosen filters in words, for paper: `Last hour · All events · Spangle bag`. */
export const filterText = (): string =>
  NAMES.map((name) => select(name).selectedOptions[0]?.text ?? '').join(' · ');

/** Calls `onChange` when the viewer chooses another filter. */
export function watchFilters(onChange: () => void): void {
  const clear = part('clear') as HTMLButtonElement;
  const updateClear = (): void => {
    const hasFilters = readFilters() !== '';
    // A disabled button would lose the focus.
    if (!hasFilters && document.activeElement === clear) select('range').focus();
    clear.disabled = !hasFilters;
  };
  const showUrl = (): void => {
    const wanted = new URLSearchParams(location.search);
    for (const name of NAMES) {
      const value = wanted.get(name) ?? (name === 'range' ? '60' : '');
      const list = select(name);
      if (![...list.options].some((option) => option.value === value))
        list.add(new Option(labelOf(name, value), value));
      list.value = value;
    }
    updateClear();
  };
  const apply = (): void => {
    const query = new URLSearchParams();
    for (const name of NAMES) {
      const { value } = select(name);
      if (value !== '' && !(name === 'range' && value === '60')) query.set(name, value);
    }
    history.replaceState(null, '', query.size > 0 ? `?${query}` : location.pathname);
    updateClear();
    onChange();
  };
  form.addEventListener('change', apply);
  form.addEventListener('reset', () => {
    setTimeout(apply); // after the fields have been reset
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
  });
  showUrl();
}

/** Updates the lists of events and products. An open list is not changed. */
export function showChoices({ events, products }: View['choices']): void {
  fill(
    'event',
    events.map((event) => [event, labelOf('event', event)]),
  );
  fill(
    'product',
    products.map(({ productId, name }) => [String(productId), name ?? labelOf('product', String(productId))]),
  );
}

function fill(
  name: 'event' | 'product',
  choices: readonly (readonly [value: string, label: string])[],
): void {
  const list = select(name);
  const [all] = list.options;
  const { value } = list;
  const wanted =
    choices.some(([choice]) => choice === value) || value === ''
      ? choices
      : [[value, labelOf(name, value)] as const, ...choices];
  const before = [...list.options]
    .slice(1)
    .map((option) => `${option.value}=${option.text}`)
    .join();
  if (!all || document.activeElement === list || before === wanted.map((choice) => choice.join('=')).join())
    return;
  list.replaceChildren(all, ...wanted.map(([choice, label]) => new Option(label, choice)));
  list.value = value;
}
