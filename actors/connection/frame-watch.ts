/** Whether a frame that has begun comes to its end in time. Closes nothing: it says when a client is too slow. */
import { FRAME_MS_MAX } from '../../src/model/limits.ts';
import type { Intake } from './intake.ts';

export class FrameWatch {
  /** When there is something to look at, ms on the monotonic clock. */
  at = Number.POSITIVE_INFINITY;
  #number = 0;

  begin({ framesTaken }: Intake, now: number): void {
    this.at = now + FRAME_MS_MAX;
    this.#number = framesTaken;
  }

  /** Is the frame that was begun still not whole? Where it is, the one that has begun since is watched from here on. */
  isLate(intake: Intake, now: number): boolean {
    if (now < this.at) return false;
    this.at = Number.POSITIVE_INFINITY;
    if (!intake.clientOwesBytes) intake.unwatchFrame();
    else if (intake.framesTaken === this.#number) return true;
    else this.begin(intake, now);
    return false;
  }
}
