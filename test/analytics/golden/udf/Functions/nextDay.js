function nextDay(time) {
  return new Date(time.getTime() + 86400000);
}
