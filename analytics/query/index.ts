export type { GroupedSelect, Output, Plan, PlannedSelect, StreamSource } from './plan';
export { referenceTable } from './plan';
export { MACROS } from './macros';
export { QueryError, diagnostic, raisedInQuery } from './queryError';
export { type Column, type PayloadFields, type ReferenceUse, referenceColumn } from './scope';
export { translate } from './translate';
export { name as sqlName, quote as sqlText } from './types';
