/** How much of a test that could go on for ever: a little in `npm test`, all of it in `npm run test:long`. */
export const LONG: boolean = process.env.TEST_LONG === '1';

/** @returns `ordinary`, or `long` when there is time. */
export const sized = (ordinary: number, long: number): number => (LONG ? long : ordinary);
