// A Dockerfile's stages, as far as ours go: instructions in order, each with its
// words.  What it does not know it refuses, so that nothing passes unseen.
import { readFileSync } from 'node:fs';

const KNOWN = ['ARG', 'FROM', 'WORKDIR', 'COPY', 'RUN', 'USER', 'EXPOSE', 'ENV', 'HEALTHCHECK', 'ENTRYPOINT'];

export function parse(text) {
	const stages = [];
	const globals = {};
	const lines = text.split('\n').filter((line) => !/^\s*#/.test(line)).join('\n').replace(/\\\n/g, ' ');
	for (const line of lines.split('\n').map((l) => l.trim()).filter(Boolean)) {
		const [op, rest] = [line.split(/\s+/)[0], line.replace(/^\S+\s*/, '').replace(/\s+/g, ' ')];
		if (!KNOWN.includes(op)) throw new Error(`unknown instruction: ${op}`);
		if (op === 'ARG' && stages.length === 0) {
			const [name, value] = rest.split('=');
			globals[name] = value;
		} else if (op === 'FROM') {
			const m = /^(\S+) AS (\S+)$/.exec(rest);
			if (!m) throw new Error(`a stage without a name: ${line}`);
			stages.push({ from: m[1].replace(/\$\{(\w+)\}/g, (_, n) => globals[n]), name: m[2], steps: [] });
		} else {
			if (stages.length === 0) throw new Error(`before any FROM: ${line}`);
			stages.at(-1).steps.push({ op, rest });
		}
	}
	return stages;
}

export const load = (path) => parse(readFileSync(path, 'utf8'));

// The stage and those that it is built upon, the lowest first.
export function chain(stages, name) {
	const stage = stages.find((s) => s.name === name);
	if (!stage) return [];
	return [...chain(stages, stage.from), stage];
}

// Packages that a stage installs, and those of them that it removes again.
export function packages(stage) {
	const words = (pattern) => stage.steps.filter((s) => s.op === 'RUN').flatMap((s) =>
		[...s.rest.matchAll(pattern)].flatMap((m) => m[1].trim().split(' ')));
	const purged = words(/apt-get purge -y ([^&]*)/g);
	const installed = words(/apt-get install -y --no-install-recommends ([^&]*)/g);
	return { installed, kept: installed.filter((p) => !purged.includes(p)) };
}

const last = (steps, op) => steps.filter((s) => s.op === op).at(-1)?.rest;
const list = (text) => (text?.startsWith('[') ? JSON.parse(text) : undefined);

// What a container of it runs.
export function settings(stages, name) {
	const steps = chain(stages, name).flatMap((s) => s.steps);
	const health = last(steps, 'HEALTHCHECK');
	return {
		user: last(steps, 'USER'),
		entrypoint: list(last(steps, 'ENTRYPOINT')),
		env: Object.fromEntries(steps.filter((s) => s.op === 'ENV').map((s) => s.rest.split(/=(.*)/s).slice(0, 2))),
		health: list(health?.replace(/^.*?CMD /, '')),
	};
}
