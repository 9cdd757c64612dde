/** The drawings of the demo shop's products: for its pages, and as files for the dashboard. */

import shopProducts from './products.json';

/**
 * Drawings of the products, in the colour of the surrounding element: `.fill`, darker `.shade`, lighter `.shine`.
 * A `.stitch` is a line on the product. A `.line` is drawn on the ground, so that it must differ from the ground, too.
 */
export const DRAWINGS: Readonly<Record<string, string>> = {
  'spangle-bag': `
    <path class="line" d="M44 62c0-34 12-46 36-46s36 12 36 46"/>
    <path class="fill" d="M30 58h100l10 74a10 10 0 0 1-10 12H30a10 10 0 0 1-10-12z"/>
    <path class="shade" d="M27 82h106l-3-24H30z"/>
    <g class="shine"><circle cx="45" cy="104" r="4"/><circle cx="63" cy="118" r="4"/><circle cx="81" cy="104" r="4"/><circle cx="99" cy="118" r="4"/><circle cx="117" cy="104" r="4"/><circle cx="45" cy="130" r="3"/><circle cx="81" cy="130" r="3"/><circle cx="117" cy="130" r="3"/></g>
    <rect class="shine" x="72" y="74" width="16" height="14" rx="4"/>`,
  'ribbon-pumps': `
    <path class="fill" d="M12 96c2-22 14-34 26-32 6 22 30 34 66 38 26 3 40 10 42 24H98c-22 0-34-10-50-20v26a4 4 0 0 1-8 0l-2-30c-10-2-20-2-26-6z"/>
    <path class="shade" d="M98 126h48v4a4 4 0 0 1-4 4h-34c-8 0-12-4-10-8z"/>
    <path class="shine" d="M98 92c-10-8-22-8-24 0s12 10 24 4c12 8 24 8 26 0s-14-12-26-4z"/>
    <circle class="shade" cx="99" cy="94" r="5"/>`,
  'linen-shirt': `
    <path class="fill" d="M56 24 24 40 8 80l24 10 8-16v70h80V74l8 16 24-10-16-40-32-16c-6 12-42 12-48 0z"/>
    <path class="shade" d="M56 24c6 12 42 12 48 0l-6-4H62zM40 74l-2-14 6 84h-4zm80 0 2-14-6 84h4z"/>
    <path class="stitch" d="M80 34v110"/>
    <g class="shade"><circle cx="86" cy="58" r="2.5"/><circle cx="86" cy="82" r="2.5"/><circle cx="86" cy="106" r="2.5"/><circle cx="86" cy="130" r="2.5"/></g>
    <path class="shine" d="M98 66h18v20H98z"/>`,
  'wool-muffler': `
    <path class="shade" d="M80 74l34-8 10 78H92z"/>
    <path class="shine" d="M119 104l-34-2 2 10 33 2zm2 16-33-2 2 10 33 2z"/>
    <path class="fill" d="M30 44c0-36 100-36 100 0s-18 38-50 38-50-2-50-38z"/>
    <path class="shade" d="M48 42c0-18 64-18 64 0S96 58 80 58s-32-2-32-16z"/>
    <path class="fill" d="M46 66l34 10-12 68H36z"/>
    <path class="shine" d="M41 104l34-2-2 10-33 2zm-2 16 32-2-2 10-32 2z"/>
    <path class="line thin" d="M38 144v10m7-10v10m7-10v10m7-10v10m7-10v10M94 144v10m7-10v10m7-10v10m7-10v10m7-10v10"/>`,
  'pleated-skirt': `
    <rect class="shade" x="50" y="22" width="60" height="14" rx="4"/>
    <path class="fill" d="M50 36h60l32 102c-36 10-88 10-124 0z"/>
    <path class="stitch" d="M60 36 40 142M72 36l-9 109M88 36l9 109M100 36l20 106"/>
    <path class="shine" d="M22 126c36 10 80 10 116 0l2 6c-36 10-84 10-120 0z"/>`,
  'denim-jacket': `
    <path class="fill" d="M54 22 26 36 10 104l22 8 8-34v62h80V78l8 34 22-8-16-68-28-14-16 10H70z"/>
    <path class="shade" d="M54 22 80 46l26-24-10-6H64zM40 128h80v12H40z"/>
    <path class="stitch" d="M80 48v90M41 72h33M86 72h33"/>
    <path class="shine" d="M50 74h20v18l-10 6-10-6zm40 0h20v18l-10 6-10-6z"/>`,
  'straw-hat': `
    <ellipse class="fill" cx="80" cy="106" rx="70" ry="22"/>
    <ellipse class="shade" cx="80" cy="102" rx="46" ry="12"/>
    <path class="fill" d="M39 94c1-42 15-56 41-56s40 14 41 56z"/>
    <path class="shade" d="M39 86c18 10 64 10 82 0l1 14c-14 10-70 10-84 0z"/>
    <path class="stitch" d="M52 60c16 6 40 6 56 0M45 74c22 8 48 8 70 0M22 112c34 12 82 12 116 0"/>`,
  'leather-belt': `
    <path class="fill" fill-rule="evenodd" d="M80 30c40 0 68 18 68 44s-28 44-68 44-68-18-68-44 28-44 68-44zm0 16c-32 0-52 12-52 28s20 28 52 28 52-12 52-28-20-28-52-28z"/>
    <path class="shade" d="M84 100c26 2 46 10 54 22l-8 12c-8-12-24-18-46-18z"/>
    <rect class="line" x="58" y="94" width="30" height="30" rx="5"/>
    <path class="line thin" d="M73 109h22"/>
    <g class="shine"><circle cx="106" cy="112" r="2.5"/><circle cx="117" cy="116" r="2.5"/><circle cx="127" cy="122" r="2.5"/></g>`,
  'knit-cardigan': `
    <path class="fill" d="M58 22 28 36 8 116l22 6 12-44v66h76V78l12 44 22-6-20-80-30-14-22 44z"/>
    <path class="shade" d="M58 22 80 66l22-44-8-4-14 30-14-30zM42 134h76v10H42zM10 110l22 6-2 6-22-6zm140 0-22 6 2 6 22-6z"/>
    <path class="stitch" d="M80 66v78"/>
    <g class="shine"><circle cx="87" cy="82" r="3.5"/><circle cx="87" cy="102" r="3.5"/><circle cx="87" cy="122" r="3.5"/></g>`,
  'canvas-sneakers': `
    <path class="fill" d="M14 62c14 6 26 4 34-10l34 32c10 8 60 6 64 30v8H14z"/>
    <path class="shade" d="M14 62c14 6 26 4 34-10l10 9C48 82 28 84 14 80z"/>
    <path class="sole" d="M10 118h138v8a10 10 0 0 1-10 10H20a10 10 0 0 1-10-10z"/>
    <path class="stitch" d="m60 66-10 12m20-3-10 12m20-3-10 12m20-4-8 12"/>
    <path class="shine" d="M120 96c14 2 24 6 26 18h-32c-2-8 0-14 6-18z"/>`,
};

/** The label of a product without a drawing. */
export const PLAIN_DRAWING = '<rect class="fill" x="30" y="30" width="100" height="100" rx="16"/>';

/** The colours of SKUs on a light ground, as in shop.css. */
const COLORS: Readonly<Record<string, string>> = {
  ...{ BLACK: '#2f2d35', WHITE: '#ece7de', NAVY: '#2b3f6b', RED: '#b8323f', BEIGE: '#c9ab82' },
  ...{ GREEN: '#4f7a5b', GREY: '#8d8f98', BROWN: '#855c3c', BLUE: '#5b8fc7', PINK: '#d98aa3' },
};
const DEFAULT_COLOR = '#8d8a93';

/** A product's picture as an SVG file, in the colour of its first SKU, or a label if the shop does not sell it. */
export function pictureFile(productId: string): string {
  const product = shopProducts.find(({ product_id }) => String(product_id) === productId);
  const color = COLORS[product?.skus[0]?.color_name ?? ''] ?? DEFAULT_COLOR;
  const style = `.fill{fill:${color}}.shade{fill:color-mix(in oklab,${color} 72%,#000)}.shine{fill:color-mix(in oklab,${color} 55%,#fff)}.sole{fill:#fffdf9}.line{fill:none;stroke:color-mix(in oklab,${color} 60%,#000);stroke-width:7;stroke-linecap:round;stroke-linejoin:round}.stitch{fill:none;stroke:color-mix(in oklab,${color} 60%,#000);stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}.thin{stroke-width:2.5}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160"><style>${style}</style><rect width="160" height="160" fill="#cfc8be"/>${DRAWINGS[product?.slug ?? ''] ?? PLAIN_DRAWING}</svg>`;
}
