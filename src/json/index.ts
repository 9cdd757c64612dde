export { plainValue } from './plainValue';
export { type JsonNode, type JsonShape, JsonDepthError, JsonSyntaxError, scanJson } from './scanJson';
