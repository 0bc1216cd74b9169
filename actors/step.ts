/**
 * A disk answer as a message to self that says itself how to go on: long sequences of small operations (open, write,
 * fsync, …) would otherwise need a message type for each. Never sent to another actor.
 */
export interface Step {
  readonly type: 'step';
  run(): void;
}

export const step = (run: () => void): Step => ({ type: 'step', run });
