// incident: one incident in words and figures: evidence, phases, ballots,
// cuts; a slider that goes through it again; the proof to take away.
import { byId, h, once, say } from './dom.js';
import { ask } from './client.js';
import { curve, decided, past, voices } from './curve.js';
import { mark } from './marks.js';
import { isHolding, model } from './model.js';
import { clock, count, day, ms, short, visible } from './text.js';

const STEPS = 400; // of the slider; the last is "live"

const LEVELS = {
	quarantine: ['quarantined', 'quarantined'],
	attacked: ['attacked', 'attacked, stood down'],
	accused: ['attacked', 'accused'],
	released: ['healthy', 'released'],
};
const EVIDENCE = {
	precaution: 'It reported itself: an unexplained touch inside the private network.',
	proof: 'It signed two histories: the proof is its own two signatures.',
	confession: 'It reported tampering with Phalanx on its own host.',
	certificate: 'A quorum certificate: ballots of more than half, each verified.',
	verdicts: 'Ballots, no quorum yet.',
	votes: 'Ballots, no quorum yet.',
	statements: 'Statements of witnesses; nobody has voted yet.',
};

let id = '', detail = null, at = null; // of the replay, 0 to 1; null: live
let fetched = 0; // how often: thousands of cuts are not compared
let timer = 0, changed = () => {};

export const shownIncident = () => model.incidents.find((one) => one.id === id);
export const levelOf = (incident) => LEVELS[incident.level] ?? ['attacked', visible(incident.level)];
export const start = (onChange) => { changed = onChange; };

// What the list says, as if it were the detail, until that has come.
function summary(incident) {
	return { ...incident, phases: [{ name: 'touch', t: incident.t, ms: 0 }], cuts: [], missing: [], certificate: null, quorum: null };
}

const full = () => {
	const incident = shownIncident();
	if (!incident) return null;
	if (detail?.id !== id) return summary(incident);
	// Words that came since the detail did.
	return { ...detail, ...incident, phases: detail.phases, cuts: detail.cuts, missing: detail.missing };
};

async function fetchDetail() {
	const wanted = id;
	try {
		const got = await ask(`/api/v1/incidents/${encodeURIComponent(wanted)}`);
		if (wanted === id) {
			detail = { cuts: [], missing: [], phases: [], ...got };
			fetched++;
		}
	} catch {
		// The summary stays; the next change asks again.
	}
	changed();
}

// Changes come in bursts: one question for many.
export function refresh(of) {
	if (of !== undefined && of !== id || !id) return;
	clearTimeout(timer);
	timer = setTimeout(() => void fetchDetail(), 120);
}

export function choose(newId) {
	if (newId === id) return;
	id = newId;
	detail = null;
	at = null;
	byId('replay').value = STEPS;
	clearTimeout(timer);
	if (id) void fetchDetail();
}

// ---- what the picture shows of it -------------------------------------------------

// Lines of voters and witnesses, and who holds the cut, as of the replay's time.
export function traces() {
	const d = full();
	if (!d || at === null && d.level === 'released') return { lines: [], lit: [], subject: -1 };
	const subject = model.index.get(d.name) ?? -1;
	const { word, cut } = past(d, at ?? 1), lines = [], voters = new Set();
	for (const voice of voices(d)) {
		const from = model.index.get(voice.name);
		if (!word(voice.ms) || from === undefined || subject < 0 || from === subject) continue;
		if (voice.kind === 'witness' && voters.has(voice.name)) continue;
		voters.add(voice.name);
		lines.push({ from, to: subject, kind: voice.kind });
	}
	const lit = d.cuts.filter((one) => cut(one.ms)).map((one) => model.index.get(one.name)).filter((i) => i !== undefined);
	return { lines, lit, subject };
}

// ---- parts of the panel ----------------------------------------------------------------

function title(d) {
	const [state, words] = levelOf(d);
	return [mark(state), h('span', {}, words), h('b', { class: 'subject' }, visible(d.name)), h('span', { class: 'soft' }, `opened ${clock(d.t)}`)];
}

function what(d) {
	return [h('p', {}, EVIDENCE[d.evidence] ?? visible(d.evidence)),
		h('p', { class: 'soft' }, `${visible(d.event)}${d.source ? ` from ${visible(d.source)}` : ''} · score ${short(d.score)} of 10`)];
}

function phaseRows(d) {
	const row = (when, name, words) => h('li', {}, h('span', { class: 'ms' }, when), h('b', {}, name), h('span', {}, words));
	const words = d.phases.filter((phase) => phase.name !== 'cut');
	const rows = words.map((phase) => row(phase.name.startsWith('release') ? clock(phase.t) : `+${Math.round(phase.ms)} ms`, visible(phase.name), visible(phase.by)));
	if (d.cuts.length > 0)
		rows.splice(words.filter((phase) => !phase.name.startsWith('release')).length, 0, row(`+${ms(decided(d) + d.cuts.at(-1).ms)}`, 'last cut', `${visible(d.cuts.at(-1).name)}, ${ms(d.cuts.at(-1).ms)} after it held the evidence`));
	return rows;
}

function ballotRows(d) {
	const start_ms = d.phases[0]?.t ?? d.t;
	const good = d.voters.map((voter) => h('li', voter.good ? {} : { class: 'bad' }, h('span', {}, `${voter.good ? '✔' : '⚠'} ${visible(voter.name)}`), h('i', {}, voter.good ? `+${Math.max(0, voter.t - start_ms)} ms` : 'bad signature')));
	const missing = d.missing.map((name) => h('li', { class: 'missing' }, h('span', {}, `○ ${visible(name)}`), h('i', {}, 'missing')));
	const names = new Set(d.voters.map((voter) => voter.name));
	const witnesses = d.witnesses.filter((witness) => !names.has(witness.name)).map((witness) => h('li', { class: 'witness' }, h('span', {}, `◉ ${visible(witness.name)}`), h('i', {}, 'witness')));
	return [...good, ...witnesses, ...(d.voters.length > 0 ? missing : [])];
}

function bar(element, share, tick) {
	element.querySelector('i').style.transform = `scaleX(${Math.min(1, Math.max(0, share))})`;
	const mark_ = element.querySelector('u');
	if (mark_) mark_.style.left = `${Math.min(1, tick) * 100}%`;
}

function showQuorum(d) {
	const good = d.voters.filter((voter) => voter.good).length, bad = d.voters.length - good;
	const heads = Math.max(model.heads, d.need);
	const voted = d.voters.length > 0 || d.evidence === 'certificate';
	byId('quorum').hidden = !voted;
	say(byId('quorum-words'), voted ? `${good} signed${bad > 0 ? ` · ${bad} bad signature${bad > 1 ? 's' : ''}` : ''}` : '');
	say(byId('quorum-need'), voted ? ` · quorum ${d.need} of ${heads}` : 'No ballots: a self-report needs none, each peer checks it by itself.');
	bar(byId('quorum'), good / Math.max(1, heads), d.need / Math.max(1, heads));
	byId('quorum').setAttribute('aria-label', `${good} of ${d.need} ballots needed`);
	byId('voices').classList.toggle('many', d.voters.length + d.missing.length > 12);
}

const percentile = (cuts, share) => cuts[Math.min(cuts.length - 1, Math.ceil(share * cuts.length) - 1)]?.ms;

function showCuts(d) {
	const cut = d.cut, list = d.cuts;
	byId('cuts').hidden = !cut && list.length === 0;
	const n = cut?.n ?? list.length, of = cut?.of ?? list.length;
	say(byId('cuts-words'), n === of ? `${n} of ${of} peers cut` : `${n} of ${of} peers cut so far`);
	say(byId('cuts-figures'), ` · p50 ${ms(cut?.p50_ms ?? percentile(list, 0.5))} · p99 ${ms(percentile(list, 0.99))} · last ${ms(cut?.last_ms ?? list.at(-1)?.ms)}`);
	bar(byId('cuts-bar'), of > 0 ? n / of : 0, 1);
}

function showRelease(d) {
	const operator = model.me.role === 'operator', release = d.release;
	byId('release').hidden = !operator || !isHolding(d);
	byId('release').dataset.name = d.name;
	byId('release-hint').hidden = operator || !isHolding(d);
	const pending = release && isHolding(d) && release.phase;
	say(byId('release-state'), d.level === 'released' && release
		? `Released${release.by ? ` by ${visible(release.by)}` : ''}${release.t ? `, ${day(release.t)}` : ''}${release.reason ? `: ${visible(release.reason)}` : ''}`
		: pending ? `Release ${visible(release.phase)}${release.by ? ` by ${visible(release.by)}` : ''}${release.reason ? `: ${visible(release.reason)}` : ''}` : '');
}

export function show() {
	const d = full();
	byId('incident-body').hidden = !d;
	byId('incident-empty').hidden = Boolean(d);
	if (!d) return;
	once(byId('incident-title'), [d.level, d.name, d.t], () => title(d));
	once(byId('incident-what'), [d.evidence, d.event, d.source, d.score], () => what(d));
	once(byId('curve'), [id, fetched, d.cut?.of, at], () => curve(d, at));
	byId('curve').setAttribute('aria-label', `${count(d.cuts.length, 'peer')} cut ${visible(d.name)}, the last after ${ms(d.cuts.at(-1)?.ms)}`);
	once(byId('phases'), [id, fetched], () => phaseRows(d));
	once(byId('voices'), [d.voters, d.witnesses, d.missing], () => ballotRows(d));
	showQuorum(d);
	showCuts(d);
	showRelease(d);
	byId('export').href = `/api/v1/incidents/${encodeURIComponent(d.id)}`;
	byId('export').download = `incident-${d.id}.json`;
	byId('proof').hidden = !d.bundle;
	byId('proof').href = d.bundle ?? '';
	say(byId('replay-at'), at === null ? 'live' : past(d, at).name);
}

export function showChoice() {
	const select = byId('incident-choice');
	once(select, model.incidents.map((one) => [one.id, one.level, one.name]), () => model.incidents.map((one) => h('option', { value: one.id }, `#${one.n ?? ''} ${visible(one.name)} · ${levelOf(one)[1]}`)));
	if (select.value !== id) select.value = id;
	select.hidden = model.incidents.length === 0;
}

byId('replay').addEventListener('input', () => {
	const d = full(), step = Number(byId('replay').value);
	if (!d) return;
	at = step >= STEPS ? null : step / (STEPS - 1);
	byId('replay').setAttribute('aria-valuetext', at === null ? 'live' : past(d, at).name);
	changed();
});
