// compose.yaml as Compose reads it: anchors merged, variables put in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const here = fileURLToPath(new URL('.', import.meta.url));

export const path = join(here, '../../compose.yaml');

export function read(text, environment = process.env) {
	const filled = text.replace(/\$\$|\$\{(\w+):-([^}]*)\}/g, (whole, name, otherwise) =>
		whole === '$$' ? '$' : environment[name] || otherwise);
	return parse(filled, { merge: true });
}

export const compose = (environment) => read(readFileSync(path, 'utf8'), environment);
