import type { z } from 'zod';
import { IotHubError } from './iotHubError';

/** Runs a check of the hub. An error of the check becomes a validation error of the value. */
export function report(context: z.RefinementCtx, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof IotHubError)) throw error;
    context.addIssue({ code: 'custom', message: error.text });
  }
}
