/** The views of the shop: home, product, cart and not found. */

import { type Line, type Money, QUANTITIES } from './cart';
import { type Html, html } from './html';
import { picture } from './pictures';
import { type Product, badge, colors, money, pathOf, products, words } from './products';

export interface View {
  /** empty for the shop's default title */
  title: string;
  content: Html;
}

export function homeView(): View {
  return {
    title: '',
    content: html`
      <section class="hero">
        <p class="eyebrow">Autumn, in ten pieces</p>
        <h1>Things worth wearing twice</h1>
      </section>
      <ul class="grid">
        ${products.map(card)}
      </ul>
    `,
  };
}

function card(product: Product): Html {
  const [first] = product.skus;
  const said = badge(product);
  return html`
    <li class="card">
      <a href="/products/${pathOf(product)}">
        <span class="picture" data-color="${first?.color_name ?? ''}">${picture(product.slug)}</span>
        ${said === '' ? '' : html`<span class="badge">${said}</span>`}
        <span class="card-name">${product.product_name}</span>
        <span class="card-price">${money(product.price, product.currency)}</span>
        <span class="swatches" aria-hidden="true">
          ${colors(product).map(({ color_name }) => html`<i data-color="${color_name}"></i>`)}
        </span>
      </a>
    </li>
  `;
}

export function productView(product: Product): View {
  const [first] = product.skus;
  const sizes = [...new Set(product.skus.map(({ size_name }) => size_name))];
  return {
    title: product.product_name,
    content: html`
      <nav class="crumbs" aria-label="Breadcrumb">
        <a href="/">Products</a> <span>${product.product_name}</span>
      </nav>
      <article class="product" data-color="${first?.color_name ?? ''}">
        <div class="picture large">${picture(product.slug)}</div>
        <div class="detail">
          ${badge(product) === '' ? '' : html`<p class="badge inline">${badge(product)}</p>`}
          <h1>${product.product_name}</h1>
          <p class="price">${money(product.price, product.currency)} <small>tax included</small></p>
          <form id="add-to-cart">
            <fieldset>
              <legend>Colour</legend>
              <div class="choices">
                ${colors(product).map((sku, at) => choice('color', sku.color_name, words(sku.color_name), at === 0))}
              </div>
            </fieldset>
            <fieldset>
              <legend>Size</legend>
              <div class="choices">
                ${sizes.map((size, at) => choice('size', size, size === 'FREE' ? 'One size' : size, at === 0))}
              </div>
            </fieldset>
            ${
              product.can_purchase
                ? html`<button class="primary">Add to cart</button>`
                : html`<button class="primary" disabled>Sold out</button>`
            }
            <p id="added" class="added" hidden>Added to your cart. <a href="/cart">Go to the cart</a></p>
          </form>
          <p class="code">${product.product_code}</p>
        </div>
      </article>
    `,
  };
}

function choice(name: 'color' | 'size', value: string, label: string, checked: boolean): Html {
  return html`
    <label class="choice">
      <input type="radio" name="${name}" value="${value}" ${checked ? 'checked' : ''} />
      <span>${name === 'color' ? html`<i data-color="${value}"></i>` : ''}${label}</span>
    </label>
  `;
}

export function cartView(lines: readonly Line[], totals: readonly Money[]): View {
  if (lines.length === 0) {
    return {
      title: 'Cart',
      content: html`
        <section class="empty">
          <h1>Your cart is empty</h1>
          <p><a class="primary" href="/">Look at the products</a></p>
        </section>
      `,
    };
  }
  return {
    title: 'Cart',
    content: html`
      <h1>Cart</h1>
      <ul class="lines">
        ${lines.map(cartLine)}
      </ul>
      <form id="order" class="order">
        <p class="total">
          <span>Total</span>
          <strong>${totals.map(({ amount, currency }) => money(amount, currency)).join(' + ')}</strong>
        </p>
        <button class="primary">Place the order</button>
        <p class="quiet">This is a demo: you pay nothing, and only telemetry is sent.</p>
      </form>
    `,
  };
}

function cartLine({ product, sku, quantity }: Line): Html {
  const size = sku.size_name === 'FREE' ? 'one size' : sku.size_name;
  const said = badge(product);
  return html`
    <li class="line">
      <span class="picture small" data-color="${sku.color_name}">${picture(product.slug)}</span>
      <div>
        <a href="/products/${pathOf(product)}">${product.product_name}</a>
        <p class="quiet">${words(sku.color_name)}, ${size}${said === '' ? '' : html` · ${said}`}</p>
      </div>
      <label>
        <span class="quiet">Quantity<span class="visually-hidden"> of ${product.product_name}</span></span>
        <select data-sku="${sku.sku_id}">
          ${QUANTITIES.map((n) => html`<option ${n === quantity ? 'selected' : ''}>${n}</option>`)}
        </select>
      </label>
      <strong>${money(product.price * quantity, product.currency)}</strong>
      <button type="button" data-remove="${sku.sku_id}" aria-label="Remove ${product.product_name}">
        <span aria-hidden="true">✕</span>
      </button>
    </li>
  `;
}

export function thanksView(orderId: string): View {
  return {
    title: 'Thank you',
    content: html`
      <section class="empty" id="thanks">
        <h1>Thank you</h1>
        <p>Your order ${orderId} is telemetry now.</p>
        <p><a class="primary" href="/">Back to the products</a></p>
      </section>
    `,
  };
}

export function missingView(): View {
  return {
    title: 'Not found',
    content: html`
      <section class="empty">
        <h1>There is no such page</h1>
        <p><a class="primary" href="/">Look at the products</a></p>
      </section>
    `,
  };
}
