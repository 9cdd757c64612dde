/** Counts what became of the events of a query: processed, malformed, late or dropped. */
export interface Counts {
  events: number;
  /** neither JSON objects nor arrays of them: dropped */
  malformed: number;
  /** TIMESTAMP BY gave no time: dropped */
  untimed: number;
  /** more than five minutes ahead of their arrival: dropped */
  early: number;
  /** later than the time policy tolerates: moved to the earliest accepted time, or dropped, as the policy says */
  late: number;
  /** of the late ones, those that were dropped */
  lateDropped: number;
}
