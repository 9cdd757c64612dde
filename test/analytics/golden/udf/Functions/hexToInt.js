function hexToInt(text) {
  return parseInt(text, 16);
}
