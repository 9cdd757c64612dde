const main = (value) => value;
globalThis.main = main;
