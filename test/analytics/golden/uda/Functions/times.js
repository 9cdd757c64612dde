function times() {
  this.init = () => {
    this.found = [];
  };
  this.accumulate = (value, timestamp) => {
    this.found.push(value + '@' + timestamp.getUTCMinutes());
  };
  this.computeResult = () => this.found;
}
