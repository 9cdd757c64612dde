export type { Kept, Output, Plan, PlanNode, StreamSource, TemporalNode } from './plan';
export { referenceTable } from './plan';
export { type ReferenceUse, referenceColumn } from './bindings';
export { MACROS } from './macros';
export type { PayloadFields } from './payload';
export { QueryError, diagnostic, raisedInQuery } from './queryError';
export type { Column } from './scope';
export { translate } from './translate';
export { name as sqlName, quote as sqlText } from './types';
