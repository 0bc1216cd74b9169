/** Says what goes on and how long it will take yet; the estimate follows what the steps so far took. Prints to stderr. */

/** Until that much was done the plan is believed as it is. */
const BELIEVED_SECONDS = 15;

export class Progress {
  readonly #plannedSeconds: number;
  readonly #startedAt = performance.now();
  #begunSeconds = 0;
  #currentSeconds = 0;

  constructor(plannedSeconds: number) {
    this.#plannedSeconds = plannedSeconds;
  }

  /** The step before is over, this one begins. */
  step(text: string, plannedSeconds: number): void {
    this.#begunSeconds += this.#currentSeconds;
    this.#currentSeconds = plannedSeconds;
    this.note(text);
  }

  /** More of the current step. */
  note(text: string): void {
    const line = `${showTime(this.leftSeconds)} left · ${text}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  get leftSeconds(): number {
    const elapsed = (performance.now() - this.#startedAt) / 1000;
    const done = this.#begunSeconds;
    const pace = done > BELIEVED_SECONDS ? elapsed / done : 1;
    return Math.max(0, pace * (this.#plannedSeconds - done));
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

export function showTime(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} min`;
  return `${Math.floor(whole / 3600)}:${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} h`;
}
