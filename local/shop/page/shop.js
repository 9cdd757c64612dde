const PRODUCTS = [
  {
    id: 162,
    slug: 'spangle-bag',
    name: 'Spangle bag',
    color: 'BLACK',
    colorId: 379,
    size: 'FREE',
    price: 4900,
  },
  {
    id: 171,
    slug: 'ribbon-pumps',
    name: 'Ribbon pumps',
    color: 'RED',
    colorId: 402,
    size: '23.5',
    price: 7900,
  },
  { id: 188, slug: 'linen-shirt', name: 'Linen shirt', color: 'WHITE', colorId: 351, size: 'M', price: 5900 },
  {
    id: 204,
    slug: 'wool-muffler',
    name: 'Wool muffler',
    color: 'NAVY',
    colorId: 366,
    size: 'FREE',
    price: 3900,
  },
];

const page = {
  products: document.getElementById('products'),
  device: document.getElementById('device'),
  events: document.getElementById('events'),
};

const { api, functionKey } = await (await fetch('config.json')).json();
let lastProductId = null;

/** This browser's own proposal of its device id and key: with it, a registration can be repeated safely. */
function credentials() {
  const kept = localStorage.getItem('hubfront-device');
  if (kept) return JSON.parse(kept);
  const key = crypto.getRandomValues(new Uint8Array(32));
  const made = { deviceId: `shop-${crypto.randomUUID()}`, deviceKey: btoa(String.fromCharCode(...key)) };
  localStorage.setItem('hubfront-device', JSON.stringify(made));
  return made;
}

async function post(path, body, headers = {}) {
  const answer = await fetch(`${api}/api/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.title ?? `status ${answer.status}`);
  return content;
}

async function register() {
  const device = credentials();
  await post('devices', device, { 'X-Functions-Key': functionKey });
  page.device.textContent = `This browser is the device ${device.deviceId}.`;
  return device;
}

const registered = register();
registered.catch((error) => {
  page.device.textContent = `This browser could not be registered: ${error.message}`;
});

async function track(event, product) {
  const line = document.createElement('li');
  line.textContent = `${event}: ${product.name} …`;
  page.events.prepend(line);
  try {
    const { results } = await post('messages', {
      ...(await registered),
      deviceMessage: {
        event,
        event_value: `https://shop.example/ja/shop/products/${product.id}-${product.slug}?color=${product.colorId}`,
        size_name: product.size,
        color_name: product.color,
        product_id: product.id,
        referer_product_id: lastProductId,
      },
    });
    lastProductId = product.id;
    line.className = 'accepted';
    line.textContent = `${event}: ${product.name}, message ${results[0].messageId}`;
  } catch (error) {
    line.className = 'refused';
    line.textContent = `${event}: ${product.name}: ${error.message}`;
  }
}

function button(label, product, event) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = label;
  made.setAttribute('aria-label', `${label}: ${product.name}`);
  made.addEventListener('click', () => track(event, product));
  return made;
}

for (const product of PRODUCTS) {
  const item = document.createElement('li');
  const name = document.createElement('strong');
  name.textContent = product.name;
  const detail = document.createElement('p');
  detail.textContent = `${product.color}, ${product.size}, ¥${product.price.toLocaleString('en')}`;
  item.append(
    name,
    detail,
    button('View', product, 'browse_product'),
    button('Add to cart', product, 'add_to_cart'),
  );
  page.products.append(item);
}
