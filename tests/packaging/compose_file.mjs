// compose.yaml as Compose reads it: anchors merged, variables put in.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export const path = join(import.meta.dirname, '../../compose.yaml');

export function read(text, environment = process.env) {
	const filled = text.replace(/\$\$|\$\{(\w+):-([^}]*)\}/g, (whole, name, otherwise) =>
		whole === '$$' ? '$' : environment[name] || otherwise);
	return parse(filled, { merge: true });
}

export const compose = (environment) => read(readFileSync(path, 'utf8'), environment);
