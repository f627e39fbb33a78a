// lists: counts, legend, table, blocked sources and threat events.
import { byId, download, h, keyed, once, say } from './dom.js';
import { RANK, STATES, mark } from './marks.js';
import { model, now, stateOf, zoneOf } from './model.js';
import { clock, count, csvCell, day, short, span, thousands, visible } from './text.js';

const ROWS = 100, THREATS_SHOWN = 60;
const MODES = ['enforce', 'observe', '–'];
let rows = ROWS, held_back = null; // threats as they were when somebody pressed Pause

export function counts() {
	const of = new Uint32Array(model.states.length);
	for (const i of model.order) of[model.st[i]]++;
	const n = Object.fromEntries(STATES.map((state) => [state, of[model.states.indexOf(state)] ?? 0]));
	keyed(byId('counts'), STATES, (state) => state, (state) => h('li', { title: `${state}: filter word state:${state}` }, mark(state), h('b'), h('span')), (li, state) => {
		say(li.querySelector('b'), thousands(n[state]));
		say(li.querySelector('span'), state);
		li.classList.toggle('is-zero', n[state] === 0);
	});
	return n;
}

export function legend() {
	byId('legend').replaceChildren(...STATES.map((state) => h('li', {}, mark(state), state)),
		h('li', {}, h('span', { class: 'sign observe', 'aria-hidden': 'true' }), 'observe mode'),
		h('li', {}, h('span', { class: 'sign drift', 'aria-hidden': 'true' }, '!'), 'drift'),
		h('li', {}, h('span', { class: 'sign vote', 'aria-hidden': 'true' }), 'ballot'),
		h('li', {}, h('span', { class: 'sign badvote', 'aria-hidden': 'true' }), 'bad signature'),
		h('li', {}, h('span', { class: 'sign witness', 'aria-hidden': 'true' }), 'witness'),
		h('li', {}, h('span', { class: 'sign lit', 'aria-hidden': 'true' }), 'cut it off'));
}

// ---- table -----------------------------------------------------------------------

function newRow() {
	const name = h('td', { class: 'name' }, h('button', { type: 'button', tabindex: '-1' }));
	const cell = () => h('td', { class: 'number' });
	return h('tr', {}, name, h('td', { class: 'state' }), cell(), h('td'), cell(), cell(), h('td'), cell());
}

function fillRow(row, i, held) {
	const [name, state, score, zone, cpu, ram, mode, seen] = row.cells;
	const button = name.firstElementChild;
	say(button, visible(model.name[i]));
	button.dataset.node = model.name[i];
	button.setAttribute('aria-pressed', String(model.name[i] === held));
	if (model.id[i]) button.title = visible(model.id[i]);
	row.classList.toggle('is-held', model.name[i] === held);
	once(state, stateOf(i), () => [mark(stateOf(i)), stateOf(i)]);
	say(score, model.score[i] > 0 ? short(model.score[i]) : '–');
	say(zone, visible(zoneOf(i)) || '–');
	say(cpu, `${short(model.cpu[i])} %`);
	say(ram, `${short(model.ram[i])} %`);
	say(mode, `${MODES[model.mode[i]] ?? '–'}${model.drift[i] === 1 ? ' ! drift' : ''}`);
	say(seen, stateOf(i) === 'unreachable' ? `${span((now() - model.seen[i]) / 1000)} ago` : '');
}

export function worstFirst(test) {
	const rank = model.states.map((state) => RANK[state]), { st, score } = model;
	return model.order.filter((i) => !test || test(i)).sort((a, b) => rank[st[a]] - rank[st[b]] || score[b] - score[a]);
}

// In the other views the table stays, unseen, for those who read by ear.
export function table(inView, test, held) {
	const all = worstFirst(test), part = all.slice(0, inView ? rows : 30);
	keyed(byId('nodes').tBodies[0], part, (i) => i, newRow, (row, i) => {
		fillRow(row, i, held);
		row.querySelector('button').tabIndex = inView ? 0 : -1;
	});
	say(byId('nodes-caption'), `${count(all.length, 'node')}, worst first${part.length < all.length ? `; the first ${part.length}` : ''}`);
	byId('more').hidden = !inView || part.length === all.length;
	return all.length;
}

byId('more').addEventListener('click', () => {
	rows += ROWS;
	dispatchEvent(new Event('moretable'));
});

// ---- blocked sources ----------------------------------------------------------------

function left(entry) {
	return entry.ttl > 0 ? span(Math.max(0, entry.ttl - (now() - entry.t) / 1000)) : 'held';
}

export function blocked() {
	const list = byId('blocked');
	if (model.blocked.length === 0) {
		once(list, 'none', () => [h('li', { class: 'empty' }, 'No source is blocked. A touched decoy blocks whoever touched it.')]);
		return;
	}
	if (list.dataset.look) {
		delete list.dataset.look;
		list.replaceChildren();
	}
	keyed(list, model.blocked, (entry) => entry.source, () => h('li', { class: 'item' }, h('div', { class: 'title' }, mark('quarantined'), h('b', { class: 'mono' }), h('span', { class: 'right' })), h('div', { class: 'detail' })), (li, entry) => {
		say(li.querySelector('b'), visible(entry.source));
		say(li.querySelector('.right'), left(entry));
		say(li.querySelector('.detail'), [visible(entry.why), clock(entry.t), entry.peers > 0 ? `by ${count(entry.peers, 'peer')}` : ''].filter(Boolean).join(' · '));
	});
}

// ---- threat events ------------------------------------------------------------------

// The words of a model that an attacker may have talked to: text, and nothing else.
function opinion(event) {
	if (!event.reason && !event.model) return [];
	const said = [event.opinion === undefined ? '' : `the model says ${short(event.opinion)}`, visible(event.model)].filter(Boolean).join(' · ');
	return [h('div', { class: 'detail reason' }, h('q', {}, visible(event.reason)), said ? ` ${said}` : '')];
}

function threatItem(event) {
	return h('li', { class: 'item' },
		h('div', { class: 'title' }, mark(event.decision === 'quarantine' ? 'quarantined' : 'attacked'), h('b', {}, visible(event.node)),
			h('span', { class: 'soft' }, visible(event.method)), h('span', { class: 'right' }, 'score ', h('b', {}, short(event.score)))),
		h('div', { class: 'detail' }, `${clock(event.t)} · ${visible(event.decision)} · ${visible(event.event)}${event.source ? ` from ${visible(event.source)}` : ''}`,
			...(event.incident ? [' · ', h('button', { type: 'button', class: 'link', 'data-incident': event.incident }, visible(event.incident).slice(0, 8))] : [])),
		...opinion(event));
}

export function threats() {
	const list = byId('threats'), shown = (held_back ?? model.threats).slice(0, THREATS_SHOWN);
	byId('threats-csv').disabled = shown.length === 0;
	if (shown.length === 0) {
		once(list, 'none', () => [h('li', { class: 'empty' }, 'No decoy was touched. In the lab, ', h('code', {}, 'make attack NODE=a'), ' makes the first event; on real hosts, ', h('code', {}, 'phalanx drill'), '.')]);
		return;
	}
	if (list.dataset.look) {
		delete list.dataset.look;
		list.replaceChildren();
	}
	keyed(list, shown, (event) => event.n, threatItem, () => {});
}

function pause() {
	held_back = held_back ? null : [...model.threats];
	byId('threats-pause').setAttribute('aria-pressed', String(held_back !== null));
	say(byId('threats-pause'), held_back ? 'Resume' : 'Pause');
	threats();
}

function exportThreats() {
	const columns = ['t', 'node', 'event', 'source', 'score', 'method', 'decision', 'reason', 'model', 'incident'];
	const lines = (held_back ?? model.threats).map((event) => columns.map((column) => csvCell(column === 't' ? day(event.t) : event[column])).join(','));
	download('threats.csv', 'text/csv', `${columns.join(',')}\r\n${lines.join('\r\n')}\r\n`);
}

byId('threats-pause').addEventListener('click', pause);
byId('threats-csv').addEventListener('click', exportThreats);
