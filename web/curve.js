// curve: how an incident went: the share of peers whose kernel holds the cut,
// over milliseconds, with the phases that led to it.
import { s } from './dom.js';
import { ms } from './text.js';

const W = 400, TOP = 26, BASE = 96, LEFT = 38, RIGHT = 392;

// When the evidence was whole that peers obey, in ms from the first word.
const DECIDES = ['certificate', 'proof', 'self-report'];
export const decided = (detail) => Math.max(0, ...detail.phases.filter((phase) => DECIDES.includes(phase.name)).slice(0, 1).map((phase) => phase.ms));

// Votes and witnesses with their offset from the first word.
export function voices(detail) {
	const start = detail.phases[0]?.t ?? detail.t;
	return [...detail.voters.map((voter) => ({ ...voter, kind: voter.good ? 'vote' : 'bad' })), ...detail.witnesses.map((witness) => ({ ...witness, kind: 'witness' }))]
		.map((voice) => ({ ...voice, ms: Math.max(0, voice.t - start) }));
}

// Two clocks, and so an axis in two parts: words are timed by their authors,
// to the millisecond, from the first one; a cut is timed by the peer that made
// it, to the microsecond, from when it held the evidence.
function axis(detail) {
	const end = decided(detail), last = Math.max(0.001, detail.cuts.at(-1)?.ms ?? 0);
	const share = end > 0 ? 0.5 : 0.08;
	return {
		share,
		word: (ms_) => (ms_ <= end ? share * (end > 0 ? ms_ / end : 1) : share),
		cut: (ms_) => share + (1 - share) * Math.min(1, ms_ / last),
		// What the replay's place says, in words.
		name: (u) => (u < share ? `+${Math.round(end * u / share)} ms` : `cut +${ms(last * (u - share) / (1 - share))}`),
	};
}

// What has happened when the replay stands at u, from 0 to 1: tests of a word, of a cut.
export function past(detail, u) {
	const { word, cut, name } = axis(detail);
	return { word: (ms_) => word(ms_) <= u, cut: (ms_) => cut(ms_) <= u, name: name(u) };
}

const across = (u) => LEFT + 8 + (RIGHT - LEFT - 16) * u;

function steps(cuts, of, x) {
	let path = `M${x(0)} ${BASE}`, k = 0;
	for (const cut of cuts) {
		path += `H${x(cut.ms).toFixed(1)}`;
		path += `V${(BASE - (BASE - TOP) * Math.min(1, ++k / of)).toFixed(1)}`;
	}
	return `${path}H${RIGHT - 2}`;
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

// at: where the replay stands, 0 to 1, or null.
export function curve(detail, at) {
	const { word, cut, share } = axis(detail), of = Math.max(1, detail.cut?.of ?? detail.cuts.length);
	const parts = [];
	for (const [height, name] of [[0, '0 %'], [0.5, '50 %'], [1, '100 %']]) {
		const y = BASE - (BASE - TOP) * height;
		parts.push(s('path', { class: 'rule', d: `M${LEFT} ${y}H${RIGHT}` }), s('text', { class: 'axis', x: LEFT - 6, y: y + 3.5, 'text-anchor': 'end' }, name));
	}
	if (detail.cuts.length > 0) {
		const line = steps(detail.cuts, of, (ms_) => across(cut(ms_)));
		parts.push(s('path', { class: 'cut-area', d: `${line}V${BASE}Z` }), s('path', { class: 'cut-line', d: line }));
		parts.push(s('text', { class: 'axis', x: RIGHT, y: 12, 'text-anchor': 'end' }, `last cut ${ms(detail.cuts.at(-1).ms)} after the evidence`));
		parts.push(s('path', { class: 'phase-line', d: `M${across(share)} ${TOP}V${BASE}` }));
	}
	parts.push(...phaseMarks(detail.phases.filter((phase) => phase.name !== 'cut' && !phase.name.startsWith('release')), (ms_) => across(word(ms_))));
	if (at !== null) parts.push(s('path', { class: 'replay-line', d: `M${across(at).toFixed(1)} 14V${BASE}` }));
	return parts;
}
