export { isObject, objectOf, type Json, type JsonObject } from './json';
export { MAX_PROPERTIES_BYTES, MAX_TAGS_BYTES } from './limits';
export { readDocument, readTwinChange } from './readChange';
export { twinDocument } from './twinDocument';
export { twinJson } from './twinJson';
export { createTwinStore, deviceTwinJson, twinEtag, type Twin, type TwinStore } from './twinStore';
