/** The types of JSON documents. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object of these members. `__proto__` is treated as an ordinary member. */
export const objectOf = <Value>(members: Iterable<readonly [string, Value]>): Record<string, Value> =>
  Object.fromEntries(members);
