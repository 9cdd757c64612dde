// the type of a value as JavaScript sees it
function main(value) {
  return value instanceof Date ? 'Date ' + value.getUTCSeconds() : Object.keys(value).sort().join();
}
