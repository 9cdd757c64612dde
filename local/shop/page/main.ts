/** The entry of the shop's page: routing between views, and their event handlers. */

import * as cart from './cart';
import { element } from './html';
import { createOfflineSwitch } from './offline';
import { startPanel } from './panel';
import { ofSku, productAt, refreshOffers } from './products';
import { createTracking } from './tracking';
import { type View, cartView, homeView, missingView, productView, thanksView } from './views';

const endpoint = document.documentElement.dataset.endpoint ?? '';
const offline = createOfflineSwitch(endpoint);
const tracking = createTracking(endpoint);
startPanel(tracking, offline);

function viewOf(pathname: string): View {
  if (pathname === '/') return homeView();
  if (pathname === '/cart') return cartView(cart.lines(), cart.totals());
  const product = productAt(pathname.replace('/products/', ''));
  return product ? productView(product) : missingView();
}

function show(view: View): void {
  const main = element('main');
  main.innerHTML = view.content.markup;
  document.title = view.title === '' ? 'Spangle' : `${view.title} · Spangle`;
  const count = cart.count();
  const badge = element('cart-count');
  badge.hidden = count === 0;
  badge.textContent = String(count);
  for (const link of document.querySelectorAll<HTMLAnchorElement>('.top nav a')) {
    if (link.href === location.origin + location.pathname) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

const dashboardLink = element('dashboard') as HTMLAnchorElement;
const { dashboard } = document.documentElement.dataset;
if (dashboard) {
  dashboardLink.href = dashboard;
  dashboardLink.hidden = false;
}

/** A page that was loaded long ago shows the current prices, too. */
async function refreshPage(): Promise<void> {
  const { pathname } = location;
  const changed = await refreshOffers().catch(() => false);
  // Renders the page with the new prices, and keeps the visitor's selection and the focus.
  if (changed && pathname === location.pathname && !document.querySelector('#thanks')) {
    const chosen = [...document.querySelectorAll<HTMLInputElement>('input:checked')].map(
      ({ value }) => value,
    );
    const focused = focusedControl();
    show(viewOf(pathname));
    for (const input of document.querySelectorAll<HTMLInputElement>('#main input'))
      if (chosen.includes(input.value)) input.click();
    focused?.();
  }
}

function visit(): void {
  show(viewOf(location.pathname));
  void refreshPage();
  const product = productAt(location.pathname.replace('/products/', ''));
  const [sku] = product?.skus ?? [];
  if (product && sku) tracking.browsed(product, sku);
}

function announce(text: string): void {
  element('announcement').textContent = text;
}

/** Links within the shop are followed without reloading the page. */
document.addEventListener('click', (event) => {
  const link = (event.target as Element).closest('a');
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.origin !== location.origin || link.hash !== '') return;
  event.preventDefault();
  history.pushState(null, '', link.href);
  visit();
  scrollTo(0, 0);
  element('main').focus({ preventScroll: true });
});
addEventListener('popstate', visit);

document.addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  if (form.id === 'add-to-cart') addChosen(form);
  if (form.id === 'order') placeOrder();
});

document.addEventListener('change', (event) => {
  const field = event.target as HTMLInputElement;
  const { form } = field;
  if (field.dataset.sku !== undefined) changeQuantity(Number(field.dataset.sku), Number(field.value));
  else if (form?.id === 'add-to-cart' && field.name === 'color') {
    form.dataset.color = field.value;
    document.querySelector('.product')?.setAttribute('data-color', field.value);
  }
});

document.addEventListener('click', (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>('button[data-remove]');
  if (button) changeQuantity(Number(button.dataset.remove), 0);
});

function addChosen(form: HTMLFormElement): void {
  const chosen = new FormData(form);
  const product = productAt(location.pathname.replace('/products/', ''));
  const sku = product?.skus.find(
    ({ color_name, size_name }) => color_name === chosen.get('color') && size_name === chosen.get('size'),
  );
  if (!product || !sku) return;
  cart.add(sku);
  tracking.addedToCart(product, sku);
  const count = element('cart-count');
  count.hidden = false;
  count.textContent = String(cart.count());
  announce(`${product.product_name} is in your cart.`);
  element('added').hidden = false;
}

function changeQuantity(skuId: number, quantity: number): void {
  cart.setQuantity(skuId, quantity);
  show(viewOf(location.pathname));
  // The cart is rendered again, so the focus is restored: to the same list, or to the page if the item was removed.
  const successor = document.querySelector<HTMLElement>(`[data-sku="${skuId}"]`);
  (successor ?? element('main')).focus({ preventScroll: true });
  announce(
    `${ofSku(skuId)?.product.product_name ?? ''}: ${quantity === 0 ? 'taken out' : `quantity ${quantity}`}.`,
  );
}

/** Remembers the focused control. @returns a function that focuses the control that replaced it, if there is one */
function focusedControl(): (() => void) | undefined {
  const { dataset, name, value } = document.activeElement as HTMLInputElement;
  const selector =
    dataset.sku !== undefined
      ? `[data-sku="${CSS.escape(dataset.sku)}"]`
      : name && value
        ? `#main [name="${CSS.escape(name)}"][value="${CSS.escape(value)}"]`
        : undefined;
  if (selector === undefined) return undefined;
  return () => {
    document.querySelector<HTMLElement>(selector)?.focus({ preventScroll: true });
  };
}

function placeOrder(): void {
  const orderId = tracking.purchased(cart.lines());
  cart.empty();
  show(thanksView(orderId));
  element('main').focus({ preventScroll: true });
}

visit();
