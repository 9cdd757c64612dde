import type { Deployment, Mutation } from './snapshot';

/** A mistake in a module, and the check that must notice it. */
export interface Mistake {
  what: string;
  mutation: Mutation;
  check: (deployment: Deployment) => void;
  says: RegExp;
}

/** What a check says against a deployment. */
export function objection(check: (deployment: Deployment) => void, deployment: Deployment): string {
  try {
    check(deployment);
    return 'nothing';
  } catch (error) {
    const { message, actual, expected } = error as { message: string; actual: unknown; expected: unknown };
    return `${message}\n${JSON.stringify({ actual, expected })}`;
  }
}
