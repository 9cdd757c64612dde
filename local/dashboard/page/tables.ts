/** The tables and lists of the dashboard. */

import type { View } from '../view';
import { barRow, make, part, replaceRows } from './elements';
import { counted, eventName, money, number, secondOf, stateName, words } from './format';

const LONGEST_ID_CHARACTERS = 16;
const ID_START_CHARACTERS = 8;
const ID_END_CHARACTERS = 4;

export function showFunnel(funnel: View['funnel']): void {
  const most = Math.max(1, ...funnel.map(({ visitors }) => visitors));
  replaceRows(
    part('funnel'),
    funnel.map(({ stage, visitors }) => {
      const percent = Math.round((100 * visitors) / most);
      return barRow(stage, `${counted(visitors, 'visitor')}, ${percent}\u00a0%`, visitors / most);
    }),
  );
}

/** @param nothing the text for an empty name */
export function showSources(id: 'referrers' | 'campaigns', rows: View['referrers'], nothing: string): void {
  const most = Math.max(1, ...rows.map(({ visitors }) => visitors));
  replaceRows(
    part(id),
    rows.map(({ name, visitors, orders }) =>
      barRow(
        name === '' ? nothing : name,
        `${counted(visitors, 'visitor')}, ${counted(orders, 'order')}`,
        visitors / most,
      ),
    ),
  );
}

export function showProducts(products: View['products'], shop: string): void {
  replaceRows(
    part('products'),
    products.map(({ productId, name, code, price, currency, state, visitors, events, sold }) => {
      const row = make('tr');
      const product = make('td');
      const pictured = make('div', '', 'product');
      const label = make('div');
      label.append(productLink(productId, name ?? code, shop));
      const about = [code, state === null ? null : stateName(state)].filter(Boolean).join(' · ');
      label.append(make('small', about));
      pictured.append(picture(productId), label);
      product.append(pictured);
      row.append(product, figure(price === null ? '–' : money(price, currency)));
      for (const value of [visitors, events, sold]) row.append(figure(number(value)));
      return row;
    }),
  );
}

export function showRecent(recent: View['recent'], shop: string): void {
  replaceRows(
    part('recent'),
    recent.map((event) => {
      const row = make('tr');
      const time = make('time', secondOf(event.time));
      time.dateTime = event.time;
      time.title = new Date(event.time).toLocaleString();
      const product = make('td', '', event.productId === null && event.page === null ? 'absent' : '');
      product.dataset.label = 'Product';
      if (event.productId !== null) product.append(productLink(event.productId, event.product, shop));
      else product.textContent = event.page === null ? '–' : pathOf(event.page);
      const choice = choiceOf(event);
      const visitor = cell('Visitor', shortId(event.visitor), 'id');
      visitor.title = event.visitor ?? '';
      const timeCell = cell('Time', '');
      timeCell.append(time);
      row.append(
        timeCell,
        cell('Event', eventName(event.event)),
        product,
        cell('Colour, size', choice === '' ? '–' : choice),
        cell('Quantity', event.quantity === null ? '–' : String(event.quantity), 'number'),
        cell('Unit price', event.price === null ? '–' : money(event.price, event.currency), 'number'),
        visitor,
      );
      return row;
    }),
  );
}

/** For example `Navy, M`. A size without information is omitted. */
function choiceOf({ color, size }: View['recent'][number]): string {
  const chosenSize = size === null || size === 'FREE' ? [] : [size];
  return [...(color === null ? [] : [words(color)]), ...chosenSize].join(', ');
}

function cell(label: string, text: string, className = ''): HTMLTableCellElement {
  const made = make('td', text, text === '–' ? `${className} absent`.trim() : className);
  made.dataset.label = label; // shown beside the value if the table has no header
  return made;
}

const figure = (text: string): HTMLElement => make('td', text, 'number');

function productLink(productId: string | number | null, name: string | null, shop: string): HTMLElement {
  const label = name ?? `Product ${productId ?? '?'}`;
  if (shop === '' || productId === null || name === null) return make('span', label);
  const link = make('a', label);
  const slug = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  link.href = `${shop}/products/${productId}-${slug}`;
  return link;
}

/** The shop's drawing. Products of other shops have none. */
function picture(productId: string | number | null): HTMLElement {
  const image = make('img');
  image.src = `pictures/${productId ?? 0}.svg`;
  image.alt = '';
  image.width = image.height = 40;
  image.setAttribute('loading', 'lazy');
  return image;
}

/** `web-abcd…wxyz`: enough to tell visitors apart. */
function shortId(id: string | null): string {
  if (id === null) return '–';
  if (id.length <= LONGEST_ID_CHARACTERS) return id;
  return `${id.slice(0, ID_START_CHARACTERS)}…${id.slice(-ID_END_CHARACTERS)}`;
}

const pathOf = (url: string): string => (URL.canParse(url) ? new URL(url).pathname : url);
