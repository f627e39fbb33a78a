// curve: how an incident went: the share of peers whose kernel holds the cut,
// over milliseconds, with the phases that led to it.
import { s } from './dom.js';
import { ms } from './text.js';

const W = 400, TOP = 26, BASE = 96, LEFT = 38, RIGHT = 392;

// The part of an incident that its curve is about: from the first word to the last cut.
export function extent(detail) {
	const marks = [...detail.phases.filter((phase) => !phase.name.startsWith('release')).map((phase) => phase.ms), ...detail.cuts.map((cut) => cut.ms), ...voices(detail).map((voice) => voice.ms)];
	return Math.max(1, ...marks.filter(Number.isFinite));
}

// Votes and witnesses with their offset from the first word.
export function voices(detail) {
	const start = detail.phases[0]?.t ?? detail.t;
	return [...detail.voters.map((voter) => ({ ...voter, kind: voter.good ? 'vote' : 'bad' })), ...detail.witnesses.map((witness) => ({ ...witness, kind: 'witness' }))]
		.map((voice) => ({ ...voice, ms: Math.max(0, voice.t - start) }));
}

// A little air on both sides, and early milliseconds wide enough to be read.
function scale(end) {
	const root = (v) => Math.sqrt(Math.max(0, v) / end);
	return (v) => LEFT + 8 + (RIGHT - LEFT - 16) * root(v);
}

function steps(cuts, of, x) {
	let path = `M${x(0)} ${BASE}`, k = 0;
	for (const cut of cuts) {
		path += `H${x(cut.ms).toFixed(1)}`;
		path += `V${(BASE - (BASE - TOP) * Math.min(1, ++k / of)).toFixed(1)}`;
	}
	return `${path}H${RIGHT - 8}`;
}

// Titles of phases beneath the axis, on two lines where they would touch.
function phaseMarks(phases, x) {
	const ends = [-99, -99, -99];
	return phases.flatMap((phase) => {
		const at = x(phase.ms), wide = phase.name.length * 5.4, from = Math.min(Math.max(at - wide / 2, 2), W - wide - 2);
		const line = ends.findIndex((end) => end + 6 < from);
		const parts = [s('path', { class: 'phase-line', d: `M${at.toFixed(1)} ${TOP}V${BASE}` }), s('path', { class: 'phase-mark', d: `M${at.toFixed(1)} ${TOP - 5}l4 5-4 5-4-5Z` })];
		if (line < 0) return parts;
		ends[line] = from + wide;
		return [...parts, s('text', { class: 'phase-name', x: from.toFixed(1), y: BASE + 15 + 12 * line }, phase.name)];
	});
}

// at_ms: where the replay stands, or null.
export function curve(detail, at_ms) {
	const end = extent(detail), x = scale(end), of = Math.max(1, detail.cut?.of ?? detail.cuts.length);
	const phases = detail.phases.filter((phase) => !phase.name.startsWith('release'));
	const parts = [];
	for (const [share, name] of [[0, '0 %'], [0.5, '50 %'], [1, '100 %']]) {
		const y = BASE - (BASE - TOP) * share;
		parts.push(s('path', { class: 'rule', d: `M${LEFT} ${y}H${RIGHT}` }), s('text', { class: 'axis', x: LEFT - 6, y: y + 3.5, 'text-anchor': 'end' }, name));
	}
	if (detail.cuts.length > 0) {
		const line = steps(detail.cuts, of, x);
		parts.push(s('path', { class: 'cut-area', d: `${line}V${BASE}Z` }), s('path', { class: 'cut-line', d: line }));
		parts.push(s('text', { class: 'axis', x: RIGHT, y: 12, 'text-anchor': 'end' }, `last ${ms(detail.cuts.at(-1).ms)}`));
	}
	parts.push(...phaseMarks(phases, x));
	if (at_ms !== null) parts.push(s('path', { class: 'replay-line', d: `M${x(at_ms).toFixed(1)} 14V${BASE}` }));
	return parts;
}
