/** The form of testResultSummary.json. */

export interface OutputRecord {
  OutputAlias: string;
  ExpectedOutput: string;
  Output: string;
}

type RecordKind =
  'OutputMatched' | 'OutputNotEqual' | 'OutputMissing' | 'OutputUnexpected' | 'OutputUnrequired';

/** One test case in testResultSummary.json. `Error` and `Differences` are our own. */
export type CaseResult = Record<RecordKind, OutputRecord[]> & {
  Name: string;
  /** 0: passed, 1: failed */
  Status: 0 | 1;
  Time: string;
  Error?: string;
  Differences?: string[];
};

export interface TestSummary {
  Total: number;
  Passed: number;
  Failed: number;
  Script: string;
  Results: CaseResult[];
  Time: string;
}
