// panels: counts, legend, table, incidents and threat events.
import { h, keyed, say } from './dom.js';
import { STATES, mark } from './marks.js';
import { age, clock, short, visible } from './text.js';

const byId = (id) => document.getElementById(id);

// Worst first.
const RANK = { quarantined: 0, restricted: 1, attacked: 2, unreachable: 3, healthy: 4 };

export function counts(nodes) {
	keyed(byId('counts'), STATES, (state) => state, (state) => h('li', {}, mark(state), h('b'), h('span')), (li, state) => {
		say(li.querySelector('b'), String(nodes.filter((node) => node.state === state).length));
		say(li.querySelector('span'), state);
	});
}

export function legend() {
	byId('legend').replaceChildren(...STATES.map((state) => h('li', {}, mark(state), state)));
}

function percent(cell, value) {
	say(cell.querySelector('span:last-child'), `${short(value)} %`);
	cell.querySelector('i').style.transform = `scaleX(${Math.min(Math.max(value, 0), 100) / 100})`;
}

function newRow() {
	const meter = () => h('td', { class: 'number' }, h('span', { class: 'meter', 'aria-hidden': 'true' }, h('i')), h('span'));
	return h('tr', {}, h('td', { class: 'name' }), h('td', {}, h('span', { class: 'state' })), h('td', { class: 'number' }), meter(), meter(), h('td', { class: 'number' }));
}

export function table(nodes, now, held) {
	const rows = [...nodes].sort((a, b) => RANK[a.state] - RANK[b.state] || a.name.localeCompare(b.name)).slice(0, 500);
	keyed(byId('nodes').tBodies[0], rows, (node) => node.name, newRow, (row, node) => {
		const [name, state, score, cpu, ram, seen] = row.cells;
		row.classList.toggle('is-held', node.name === held);
		say(name, visible(node.name));
		name.title = node.id;
		if (row.dataset.state !== node.state) {
			row.dataset.state = node.state;
			state.firstElementChild.replaceChildren(mark(node.state), node.state);
		}
		say(score, node.score > 0 ? short(node.score) : '–');
		percent(cpu, node.cpu);
		percent(ram, node.ram);
		say(seen, age(node.seen, now));
	});
	say(byId('nodes-note'), nodes.length > rows.length ? `the worst ${rows.length} of ${nodes.length}` : `${nodes.length}, worst first`);
}

const LEVELS = {
	quarantine: ['quarantined', 'quarantined'],
	attacked: ['attacked', 'attacked; stood down'],
	accused: ['attacked', 'accused'],
	released: ['healthy', 'released'],
};

const EVIDENCE = {
	precaution: 'precaution: it reported itself after an unexplained touch',
	proof: 'proof: it signed two histories',
	confession: 'confession: it reported tampering with Phalanx',
	certificate: 'certificate: a quorum of signed ballots',
	verdicts: 'ballots, no quorum yet',
	statements: 'statements of witnesses',
};

function voices(incident) {
	const voters = incident.voters.map((v) => h('li', v.good ? {} : { class: 'bad' }, `${v.good ? '✔' : '⚠'} ${visible(v.name)}`));
	const names = new Set(incident.voters.map((v) => v.name));
	const witnesses = incident.witnesses.filter((v) => !names.has(v.name)).map((v) => h('li', { class: 'witness' }, `◉ ${visible(v.name)}`));
	return [...voters, ...witnesses];
}

function incidentItem(incident) {
	const [state, words] = LEVELS[incident.level] ?? ['attacked', visible(incident.level)];
	const good = incident.voters.filter((v) => v.good).length;
	const parts = [
		h('div', { class: 'title' }, mark(state), h('b', {}, visible(incident.name)), h('span', { class: 'tag' }, words), h('span', { class: 'right' }, clock(incident.t))),
		h('div', { class: 'detail' }, EVIDENCE[incident.evidence] ?? visible(incident.evidence)),
		h('div', { class: 'detail' }, `${visible(incident.event)}${incident.source ? ` from ${visible(incident.source)}` : ''} · score ${short(incident.score)} `, h('span', { class: 'id' }, visible(incident.id))),
	];
	if (incident.votes > 0) {
		const bar = h('i');
		bar.style.transform = `scaleX(${Math.min(1, good / Math.max(1, incident.need))})`;
		parts.push(h('div', { class: 'quorum', role: 'img', 'aria-label': `${good} of ${incident.need} ballots needed` }, bar),
			h('div', { class: 'detail' }, `${good} of ${incident.need} ballots needed`));
	}
	if (incident.cut) {
		const { n, of, p50_ms: median, last_ms: last } = incident.cut;
		parts.push(h('div', { class: 'detail' }, `${n} of ${of} kernels hold it, half of them within ${median.toFixed(2)} ms, the last in ${last.toFixed(2)} ms`));
	}
	const list = voices(incident);
	if (list.length > 0) parts.push(h('ul', { class: 'voices' }, ...list));
	return parts;
}

function emptyItem(list, text) {
	list.replaceChildren(h('li', { class: 'empty' }, text));
}

export function incidents(all, held) {
	const list = byId('incidents');
	const shown = held ? all.filter((incident) => incident.name === held) : all;
	const standing = all.filter((incident) => incident.level === 'quarantine').length;
	say(byId('incidents-note'), held ? `of ${visible(held)}; press it again for all` : all.length > 0 ? `${standing} holding, ${all.length} in all` : '');
	if (shown.length === 0) {
		emptyItem(list, held ? 'None for this node.' : 'No incident. In the lab, make attack NODE=a makes one.');
		return;
	}
	keyed(list, shown, (incident) => incident.id, () => h('li', { class: 'item' }), (li, incident) => {
		const look = JSON.stringify(incident);
		if (li.dataset.look === look) return;
		li.dataset.look = look;
		li.replaceChildren(...incidentItem(incident));
	});
}

// The words of a model that an attacker may have talked to: text, and nothing else.
function opinion(event) {
	if (event.method !== 'ai') return [];
	const said = event.opinion === undefined ? '' : `the model says ${short(event.opinion)}`;
	const who = event.model ? visible(event.model) : '';
	return [h('div', { class: 'detail reason' }, h('q', {}, visible(event.reason ?? '')), ` ${[said, who].filter(Boolean).join(' · ')}`)];
}

function threatItem(event) {
	const act = event.decision === 'quarantine';
	return [
		h('div', { class: 'title' }, mark(act ? 'quarantined' : 'attacked'), h('b', {}, visible(event.node_id)),
			h('span', { class: 'tag' }, visible(event.method)), h('span', { class: 'tag' }, visible(event.decision)),
			h('span', { class: 'right' }, `score ${short(event.score)}`)),
		h('div', { class: 'detail' }, `${clock(Date.parse(event.reported_at))} · ${visible(event.event_type)} from ${visible(event.source_ip) || 'this host'} `,
			...(event.incident ? [h('span', { class: 'id' }, visible(event.incident))] : [])),
		...opinion(event),
	];
}

export function threats(events) {
	const list = byId('threats');
	say(byId('threats-note'), events.length > 0 ? 'newest first' : '');
	if (events.length === 0) {
		emptyItem(list, 'No decoy was touched.');
		return;
	}
	keyed(list, [...events].reverse(), (event) => `${event.number} ${event.reported_at}`, (event) => h('li', { class: 'item' }, ...threatItem(event)), () => {});
}
