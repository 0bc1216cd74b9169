/** The version of this package, read from its package.json: beside the sources of a clone, or two folders up in a build. */
import { readFileSync } from 'node:fs';

const packageUrl = new URL(import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json', import.meta.url);

export const VERSION: string = (JSON.parse(readFileSync(packageUrl, 'utf8')) as { readonly version: string }).version;
