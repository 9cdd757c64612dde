export { plainValue } from './plainValue';
export { type JsonNode, type JsonShape, JsonSyntaxError, scanJson } from './scanJson';
