/** The picture of a product, as inline SVG. */

import { DRAWINGS, PLAIN_DRAWING } from '../drawings';
import { Html } from './html';

/** @param slug of the product; one without a drawing gets a plain label */
export function picture(slug: string): Html {
  const drawing = DRAWINGS[slug] ?? PLAIN_DRAWING;
  return new Html(`<svg viewBox="0 0 160 160" aria-hidden="true">${drawing}</svg>`);
}
