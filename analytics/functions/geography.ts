/** Relates geographies. */

import { wktToGeoJSON } from '@terraformer/wkt';
import { booleanClockwise } from '@turf/boolean-clockwise';
import { booleanIntersects } from '@turf/boolean-intersects';
import { booleanOverlap } from '@turf/boolean-overlap';
import { booleanWithin } from '@turf/boolean-within';
import geodesic from 'geographiclib-geodesic';
import * as z from 'zod';

const position = z.tuple([z.number(), z.number()]).rest(z.number());
/** "First and last points declared must be equal to close the loop" (CreatePolygon). */
const ring = z
  .array(position)
  .min(4)
  .refine((all) => String(all[0]) === String(all.at(-1)));
const geometry = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Point'), coordinates: position }),
  z.object({ type: z.literal('LineString'), coordinates: z.array(position).min(2) }),
  z.object({ type: z.literal('Polygon'), coordinates: z.array(ring).min(1) }),
]);
type Geometry = z.infer<typeof geometry>;

/** Parses GeoJSON, or WKT as a text. @returns undefined if the value is neither */
function readGeometry(value: unknown): Geometry | undefined {
  if (typeof value !== 'string') return geometry.safeParse(value).data;
  try {
    return geometry.safeParse(wktToGeoJSON(value.toUpperCase())).data;
  } catch {
    return undefined;
  }
}

/** "A polygon with left-hand ring orientation will generate a geography that encompass the entire globe minus the polygon" (CreatePolygon). */
const isInverted = (one: Geometry): boolean =>
  one.type === 'Polygon' && booleanClockwise(one.coordinates[0] ?? []);

const contains = (outer: Geometry, inner: Geometry): boolean =>
  isInverted(outer) ? !booleanIntersects(inner, outer) : booleanWithin(inner, outer);

/**
 * Computes the functions of Stream Analytics that relate two geographies. The result is null if one value is not a
 * geography.
 */
type Relate = (a: Geometry, b: Geometry) => number | null;

const bit = (holds: boolean): number => (holds ? 1 : 0);

/** By lower-case name. Edges are straight in longitude and latitude. */
export const GEOGRAPHY: Readonly<Record<string, Relate>> = {
  st_within: (a, b) => (a.type === 'LineString' || b.type !== 'Polygon' ? null : bit(contains(b, a))),
  st_intersects: (a, b) => bit(booleanIntersects(a, b)),
  st_overlaps: (a, b) => (a.type !== 'Polygon' || b.type !== 'Polygon' ? null : bit(booleanOverlap(a, b))),
  // "Returns the geodesic distance between two points in meters. … If used with Polygons will return 0."
  st_distance: (a, b) => {
    if (a.type !== 'Point' || b.type !== 'Point') return 0;
    const [[fromLongitude, fromLatitude], [toLongitude, toLatitude]] = [a.coordinates, b.coordinates];
    const { s12 = null } = geodesic.Geodesic.WGS84.Inverse(
      fromLatitude,
      fromLongitude,
      toLatitude,
      toLongitude,
    );
    return s12;
  },
};

/** @param args JSON array of the two geographies @returns JSON */
export function relate(name: string, args: string): string | null {
  const [first, second] = (JSON.parse(args) as unknown[]).map(readGeometry);
  const found = first && second ? GEOGRAPHY[name]?.(first, second) : null;
  return found === null || found === undefined ? null : JSON.stringify(found);
}
