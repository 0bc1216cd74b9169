/** The real process as commands see it: standard streams, environment, signals. */
import type { Console } from './doors.ts';

export const processConsole: Console = {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  environment: process.env,
  onInterrupt: (run) => {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    for (const signal of signals) process.on(signal, run);
    return () => {
      for (const signal of signals) process.off(signal, run);
    };
  },
  exit: (code) => process.exit(code),
};
