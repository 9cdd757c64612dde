function main() {
  this.init = function () {
    this.sum = 0;
    this.weight = 0;
  };
  this.accumulate = function (value, timestamp) {
    this.sum += value.level * value.seconds;
    this.weight += value.seconds;
  };
  this.computeResult = function () {
    return this.sum / this.weight;
  };
}
