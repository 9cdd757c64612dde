export { isObject, objectOf, type Json, type JsonObject } from './json';
export { readDocument, readTwinChange } from './readChange';
export { twinJson } from './twinJson';
export { createTwinStore, deviceTwinJson, twinEtag, type Twin, type TwinStore } from './twinStore';
