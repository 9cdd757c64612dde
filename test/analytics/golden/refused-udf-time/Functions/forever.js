function forever() {
  for (;;);
}
