/** The tables and lists of the dashboard. */

import { eventName } from '../../page/eventNames';
import type { View } from '../view';
import { barRow, make, part, replaceRows } from './elements';
import { ABSENT, counted, dateAndTime, money, number, secondOf, stateName, words } from './format';

const LONGEST_ID_CHARACTERS = 16;
const ID_START_CHARACTERS = 8;
const ID_END_CHARACTERS = 4;
/** Of a product that can be bought. */
const USUAL_STATE = 'on_sale';

/** Without visitors, the funnel shows no percentages. @param isMeasured false before the job has begun */
export function showFunnel(funnel: View['funnel'], isMeasured: boolean): void {
  const most = Math.max(0, ...funnel.map(({ visitors }) => visitors));
  const valueOf = (visitors: number): string => {
    if (!isMeasured) return ABSENT;
    const count = counted(visitors, 'visitor');
    return most > 0 ? `${count}, ${Math.round((100 * visitors) / most)}%` : count;
  };
  replaceRows(
    part('funnel'),
    funnel.map(({ stage, visitors }) => barRow(stage, valueOf(visitors), visitors / Math.max(1, most))),
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
      const shownPrice = price === null ? ABSENT : money(price, currency);
      label.append(make('small', about, 'about'));
      // A narrow page has no room for the code and for a column of prices.
      const unusual = state === null || state === USUAL_STATE ? [] : [stateName(state)];
      label.append(...[shownPrice, ...unusual].map((text) => make('small', text, 'narrow')));
      pictured.append(picture(productId), label);
      product.append(pictured);
      row.append(product, figure(shownPrice));
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
      time.title = dateAndTime(new Date(event.time));
      const product = make('td', '', event.productId === null && event.page === null ? 'absent' : '');
      product.dataset.column = 'product';
      if (event.productId !== null) product.append(productLink(event.productId, event.product, shop));
      else product.textContent = event.page === null ? ABSENT : pathOf(event.page);
      const variant = variantOf(event);
      const visitor = cell('visitor', shortId(event.visitor), 'id');
      visitor.title = event.visitor ?? '';
      const timeCell = cell('time', '');
      timeCell.append(time);
      row.append(
        timeCell,
        cell('event', eventName(event.event)),
        product,
        cell('variant', variant === '' ? ABSENT : variant),
        cell('quantity', event.quantity === null ? ABSENT : String(event.quantity), 'number'),
        cell('price', event.price === null ? ABSENT : money(event.price, event.currency), 'number'),
        visitor,
      );
      return row;
    }),
  );
}

/** For example `Navy, M`. A size without information is omitted. */
function variantOf({ color, size }: View['recent'][number]): string {
  const chosenSize = size === null || size === 'FREE' ? [] : [size];
  return [...(color === null ? [] : [words(color)]), ...chosenSize].join(', ');
}

/** @param column its place if each row is a card */
function cell(column: string, text: string, className = ''): HTMLTableCellElement {
  const made = make('td', text, text === ABSENT ? `${className} absent`.trim() : className);
  made.dataset.column = column;
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
  if (id === null) return ABSENT;
  if (id.length <= LONGEST_ID_CHARACTERS) return id;
  return `${id.slice(0, ID_START_CHARACTERS)}…${id.slice(-ID_END_CHARACTERS)}`;
}

const pathOf = (url: string): string => (URL.canParse(url) ? new URL(url).pathname : url);
