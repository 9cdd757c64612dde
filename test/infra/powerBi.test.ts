import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readQuery } from './query';

const ORIGINAL_COLUMNS = [
  'sku_id',
  'event',
  'event_value',
  'size_name',
  'color_name',
  'user_id',
  'price',
  'product_state',
  'product_code',
  'can_purchase',
];

describe('the rows of Power BI', () => {
  const { outputs } = readQuery();

  it('keep the ten columns of the original', () => {
    expect(outputs['product-events']?.slice(0, 10).map(({ name }) => name)).toEqual(ORIGINAL_COLUMNS);
  });
});

describe('the report projects of Power BI', () => {
  it.each(Object.keys(readQuery().outputs))(
    '%s opens its report, which uses only columns that the query writes',
    (output) => {
      const project = JSON.parse(readFileSync(`infra/powerbi/${output}.pbip`, 'utf8'));
      expect(project.artifacts).toEqual([{ report: { path: `${output}.Report` } }]);
      const folder = join('infra/powerbi', `${output}.Report`);
      const known = (readQuery().outputs[output] ?? []).map(({ name }) => name);
      const shown = readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('visual.json'))
        .flatMap((file) => fieldsOf(JSON.parse(readFileSync(join(folder, file), 'utf8'))));
      expect(shown.length).toBeGreaterThan(3);
      expect(new Set(shown.map(({ entity }) => entity))).toEqual(new Set([output]));
      expect(shown.map(({ property }) => property).filter((property) => !known.includes(property))).toEqual(
        [],
      );
    },
  );
});

/** Each column that a visual's definition names, with the table that it is of. */
function fieldsOf(value: unknown): { entity: string; property: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const { Expression: from, Property: property } = value as {
    Expression?: { SourceRef?: { Entity?: string } };
    Property?: string;
  };
  const entity = from?.SourceRef?.Entity;
  const own = entity !== undefined && property !== undefined ? [{ entity, property }] : [];
  return [...own, ...Object.values(value).flatMap(fieldsOf)];
}
