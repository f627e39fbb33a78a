// app: puts the parts together: what the address says, what is in hand, and
// which part is shown again when something happens.
import { follow } from './client.js';
import { byId, h, once, say } from './dom.js';
import * as feed from './feed.js';
import { parseFilter } from './filter.js';
import * as incident from './incident.js';
import { RING_MOST, ZONES_MOST, bestView } from './layout.js';
import * as lists from './lists.js';
import { happened, isHolding, load, model, stateOf, zoneOf } from './model.js';
import * as node from './node.js';
import * as picture from './picture.js';
import * as release from './release.js';
import { count, day, short, span, thousands, visible } from './text.js';
import { trust } from './trust.js';

const STALE_MS = 6000, LISTS_MS = 100, SHELL_MS = 4000;
const VIEWS = ['ring', 'zones', 'grid', 'table'];

// What the address keeps; '' means: choose for me.
const at = { view: '', node: '', incident: '', filter: '' };
let filter = { test: null, trouble: '' };
let heard = 0, trouble = null, loaded = false;
let cursor = -1, hover = -1;

// ---- the address -------------------------------------------------------------------

function readAddress() {
	const words = new URLSearchParams(location.hash.slice(1));
	for (const key of Object.keys(at)) at[key] = words.get(key) ?? '';
	if (!VIEWS.includes(at.view)) at.view = '';
	byId('filter').value = at.filter;
	filter = parseFilter(at.filter);
}

function writeAddress() {
	const words = new URLSearchParams(Object.entries(at).filter(([, value]) => value));
	history.replaceState(null, '', words.size > 0 ? `#${words}` : location.pathname);
}

// ---- what is shown -------------------------------------------------------------------

function fits(view) {
	const n = model.order.length;
	return view === 'ring' ? n <= RING_MOST : view === 'zones' ? n <= ZONES_MOST : true;
}

const view = () => (at.view && fits(at.view) ? at.view : bestView(model.order.length));

// The one in the address, else of the node in hand, else the worst.
function incidentNow() {
	const all = model.incidents;
	return (all.find((one) => one.id === at.incident) ?? all.find((one) => at.node && one.name === at.node) ?? all[0])?.id ?? '';
}

const nodeNow = () => at.node || incident.shownIncident()?.name || '';

const held = () => model.index.get(at.node) ?? -1;

// due: parts that changed; they are drawn at most ten times a second, sooner
// where it is urgent, and in no more than a third of the time.
const due = new Set();
let timer = 0, drawn = -Infinity, took = 0, urgent = false;

function want(...parts) {
	for (const part of parts) due.add(part);
	if (timer !== 0 || due.size === 0) return;
	timer = setTimeout(draw, Math.max(0, drawn + Math.max(3 * took, urgent ? 0 : LISTS_MS) - performance.now()));
}

function draw() {
	timer = 0;
	urgent = false;
	drawn = performance.now();
	show();
	took = performance.now() - drawn;
}

function show() {
	const parts = new Set(due);
	due.clear();
	if (!loaded) return;
	const all = parts.has('all'), any = (...names) => all || names.some((name) => parts.has(name));
	if (any('incidents', 'choice')) {
		incident.choose(incidentNow());
		incident.showChoice();
		incident.show();
	}
	if (any('places', 'view')) showView();
	const sifted = filter.test !== null && parts.has('nodes');
	if (sifted || any('picture', 'incidents', 'choice', 'places', 'view')) showPicture(sifted || any('picture', 'choice', 'places', 'view'));
	if (any('nodes', 'choice', 'view', 'places')) showNodes();
	if (any('threats')) lists.threats();
	if (any('blocked')) lists.blocked();
	if (any('feed')) feed.changed();
}

function showView() {
	const now = view();
	for (const button of byId('views').children) {
		const fitting = fits(button.dataset.view);
		button.setAttribute('aria-pressed', String(button.dataset.view === now));
		button.disabled = !fitting;
		button.title = fitting ? '' : `too many nodes for this view: up to ${button.dataset.view === 'ring' ? RING_MOST : ZONES_MOST}`;
	}
	document.body.dataset.view = now;
	byId('stage').hidden = now === 'table' || model.order.length === 0;
	byId('legend').hidden = now === 'table';
	picture.replace(now);
}

function describe(i) {
	const zone = zoneOf(i) ? `, zone ${visible(zoneOf(i))}` : '';
	return `${visible(model.name[i])}, ${stateOf(i)}, score ${short(model.score[i])}${zone}`;
}

function showPicture(below) {
	const { lines, lit, subject } = incident.traces();
	picture.show({ held: held(), hover, cursor, test: filter.test, lines, lit: new Set(lit), subject }, below);
	byId('picture').setAttribute('aria-label', `${count(model.order.length, 'node')} as a ${view()}; arrow keys go from node to node, Enter takes one in hand. The table says the same.`);
}

function showNodes() {
	const n = lists.counts(), inView = view() === 'table', matching = lists.table(inView, filter.test, at.node);
	const cut = n.quarantined > 0 ? `(${n.quarantined} cut off) ` : '';
	document.title = `${cut}${visible(model.mesh) || 'Phalanx'}`;
	byId('no-nodes').hidden = model.order.length > 0;
	say(byId('no-nodes-url'), `COORDINATOR_URL=${location.origin}`);
	say(byId('filter-note'), filter.trouble || (filter.test ? matching === 0 ? 'nothing matches' : `${thousands(matching)} of ${count(model.order.length, 'node')}` : ''));
	byId('filter').setAttribute('aria-invalid', String(filter.trouble !== ''));
	byId('filter-clear').hidden = at.filter === '';
	showNotes();
	node.show(nodeNow());
}

// What an operator must not overlook, in words.
function showNotes() {
	const observing = model.order.filter((i) => model.mode[i] === 1).length, drifting = model.order.filter((i) => model.drift[i] === 1).length;
	const notes = [];
	if (observing > 0) notes.push([`${count(observing, 'node')} in observe mode: ${observing === 1 ? 'it cuts' : 'they cut'} nothing`, 'mode:observe']);
	if (drifting > 0) notes.push([`enforcement drifts on ${count(drifting, 'node')}`, 'is:drift']);
	once(byId('notes'), notes, () => notes.map(([text, word]) => h('li', {}, h('button', { type: 'button', class: 'link', 'data-filter': word }, text))));
}

function showMe() {
	const { role, name, sign_in: canSign } = model.me, operator = role === 'operator';
	say(byId('mesh'), visible(model.mesh) || 'Phalanx');
	say(byId('me'), operator ? `operator${name ? ` ${visible(name)}` : ''}` : canSign ? 'Sign in' : 'viewer');
	byId('me').disabled = !operator && !canSign;
	say(byId('sign-words'), operator ? `You are signed in as operator ${visible(name)}.` : 'You see everything, and can change nothing.');
	byId('sign-out').hidden = !operator;
	say(byId('release-hint'), canSign ? 'To release it from here, sign in: run phalanx dashboard (in the lab: make dashboard).' : 'To release it: phalanx release NODE --reason "…" on any healthy node (in the lab: make release NODE=…).');
}

// ---- old data --------------------------------------------------------------------------

function showAge() {
	const old_ms = performance.now() - heard;
	const stale = heard === 0 ? trouble !== null : old_ms > STALE_MS || trouble?.status > 0;
	document.body.classList.toggle('is-stale', stale);
	say(byId('live-text'), stale ? 'stale' : heard === 0 ? 'connecting' : 'live');
	byId('stale').hidden = !stale;
	if (!stale) return;
	const since = heard === 0 ? 'Nothing was received yet' : `What you see is ${span(old_ms / 1000)} old`;
	const reason = trouble ? `${trouble.status ? `${trouble.status}: ` : ''}${visible(trouble.text)}` : 'the coordinator says nothing';
	const next = trouble?.status === 401 ? 'Sign in with phalanx dashboard.' : `The mesh goes on without it; asking again${trouble?.retry_ms >= 1000 ? ` in ${span(trouble.retry_ms / 1000)}` : ''}.`;
	say(byId('stale'), `${since}: ${reason}. ${next}`);
}

function hear() {
	heard = performance.now();
	trouble = null;
	if (document.body.classList.contains('is-stale') || !loaded) showAge();
}

// ---- events -----------------------------------------------------------------------------

function take(name, data) {
	const parts = happened(name, data);
	if (name === 'vote') picture.fly(model.index.get(data.name), model.index.get(data.node) ?? model.index.get(model.incidents.find((one) => one.id === data.id)?.name), data.ok);
	if (name === 'incident' || name === 'vote' || name === 'cut' || name === 'release') incident.refresh(data.id);
	if (name === 'incident') {
		urgent = true;
		picture.excite();
		say(byId('announce'), `${visible(data.name)} ${incident.levelOf(data)[1]}`);
	}
	if (name === 'release') release.happened(data);
	if (parts.includes('picture')) picture.excite();
	want(...parts);
}

function begin(snapshot) {
	load(snapshot);
	filter = parseFilter(at.filter); // some words need the mesh's own
	loaded = true;
	hear();
	trust(snapshot);
	showMe();
	incident.refresh();
	want('all');
	if (model.order.some((i) => stateOf(i) !== 'healthy')) picture.excite();
}

// ---- hands ------------------------------------------------------------------------------

function hold(name) {
	at.node = at.node === name ? '' : name;
	// Whoever takes a node in hand wants to see what it was about.
	if (at.node && model.incidents.some((one) => one.name === name)) at.incident = model.incidents.find((one) => one.name === name).id;
	writeAddress();
	want('choice');
}

function setFilter(text) {
	at.filter = text;
	byId('filter').value = text;
	filter = parseFilter(text);
	writeAddress();
	want('nodes', 'picture');
}

function setView(name) {
	if (!fits(name)) return;
	at.view = name;
	writeAddress();
	want('view', 'nodes');
}

const canvas = byId('picture'), tip = byId('tip');

function point(event) {
	const box = canvas.getBoundingClientRect();
	return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function showTip(i) {
	tip.hidden = i < 0;
	if (i < 0) return;
	const { x, y } = picture.place(i);
	once(tip, `${i} ${describe(i)} ${model.cpu[i]} ${model.ram[i]} ${model.mode[i]} ${model.drift[i]}`, () => [h('b', {}, visible(model.name[i])),
		h('span', {}, [stateOf(i), `score ${short(model.score[i])}`, visible(zoneOf(i))].filter(Boolean).join(' · ')),
		h('span', {}, `CPU ${short(model.cpu[i])} % · RAM ${short(model.ram[i])} %`),
		...(model.mode[i] === 1 ? [h('span', {}, 'observe mode')] : []), ...(model.drift[i] === 1 ? [h('span', {}, 'enforcement drift')] : [])]);
	tip.style.left = `${Math.min(Math.max(x, 90), canvas.clientWidth - 90)}px`;
	tip.style.top = `${y}px`;
	tip.classList.toggle('below', y < 110);
}

canvas.addEventListener('mousemove', (event) => {
	const { x, y } = point(event), i = picture.nodeAt(x, y);
	if (i === hover) return;
	hover = i;
	canvas.style.cursor = i < 0 ? '' : 'pointer';
	showTip(i);
	picture.show({ hover });
});
canvas.addEventListener('mouseleave', () => {
	hover = -1;
	showTip(-1);
	picture.show({ hover });
});
canvas.addEventListener('click', (event) => {
	const { x, y } = point(event), i = picture.nodeAt(x, y);
	if (i >= 0) hold(model.name[i]);
});

const STEP = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function walk(i) {
	cursor = i;
	showTip(i);
	picture.show({ cursor });
	if (i >= 0) say(byId('announce'), describe(i));
}
canvas.addEventListener('keydown', (event) => {
	const step = STEP[event.key];
	if (step) walk(cursor < 0 ? (held() >= 0 ? held() : lists.worstFirst(filter.test)[0] ?? -1) : picture.neighbour(cursor, ...step));
	else if ((event.key === 'Enter' || event.key === ' ') && cursor >= 0) hold(model.name[cursor]);
	else return;
	event.preventDefault();
});
canvas.addEventListener('blur', () => walk(-1));

byId('views').addEventListener('click', (event) => {
	if (event.target.dataset.view) setView(event.target.dataset.view);
});
byId('filter').addEventListener('input', () => setFilter(byId('filter').value));
byId('filter-clear').addEventListener('click', () => {
	setFilter('');
	byId('filter').focus();
});
byId('nodes').addEventListener('click', (event) => {
	if (event.target.dataset.node !== undefined) hold(event.target.dataset.node);
});
byId('incident-choice').addEventListener('change', () => {
	at.incident = byId('incident-choice').value;
	writeAddress();
	want('choice');
});
document.addEventListener('click', (event) => {
	const { incident: wanted, filter: words } = event.target.dataset;
	if (words) setFilter(words);
	if (wanted && model.incidents.some((one) => one.id === wanted)) {
		at.incident = wanted;
		writeAddress();
		want('choice');
	}
});
byId('skip').addEventListener('click', () => {
	setView('table');
	byId('table-box').focus();
});

// ---- dialogs, theme, keys -----------------------------------------------------------------

for (const close of document.querySelectorAll('dialog .close')) close.addEventListener('click', () => close.closest('dialog').close());
byId('help').addEventListener('click', () => byId('help-dialog').showModal());
byId('me').addEventListener('click', () => byId('sign-dialog').showModal());
byId('release').addEventListener('click', () => release.open(incident.shownIncident()));
byId('sign-out').addEventListener('click', async () => {
	await fetch('/api/v1/session', { method: 'DELETE', headers: { 'X-Phalanx-Csrf': model.me.csrf } });
	location.reload();
});

function switchTheme() {
	const root = document.documentElement;
	const light = root.dataset.theme ? root.dataset.theme === 'light' : matchMedia('(prefers-color-scheme: light)').matches;
	root.dataset.theme = light ? 'dark' : 'light';
	localStorage.setItem('theme', root.dataset.theme);
	recolour();
}

function recolour() {
	picture.takeColours();
	want('picture', 'nodes');
}

const KEYS = {
	'/': () => byId('filter').focus(),
	1: () => setView('ring'), 2: () => setView('zones'), 3: () => setView('grid'), 4: () => setView('table'),
	p: () => canvas.focus(), i: () => byId('incident-choice').focus(), r: () => byId('replay').focus(),
	t: switchTheme, '?': () => byId('help-dialog').showModal(),
};

addEventListener('keydown', (event) => {
	if (event.key === 'Escape' && !document.querySelector('dialog[open]')) {
		if (document.activeElement === byId('filter') && at.filter) setFilter('');
		else if (at.node) hold(at.node);
		return;
	}
	if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest('input:not([type=range]), select, textarea, dialog')) return;
	const act = KEYS[event.key];
	if (!act) return;
	event.preventDefault();
	act();
});

const stored = localStorage.getItem('theme');
if (stored === 'dark' || stored === 'light') document.documentElement.dataset.theme = stored;
byId('theme').addEventListener('click', switchTheme);
matchMedia('(prefers-color-scheme: light)').addEventListener('change', recolour);
addEventListener('hashchange', () => {
	readAddress();
	want('all', 'view', 'places');
});
addEventListener('moretable', () => want('nodes'));
new ResizeObserver(() => {
	if (loaded) want('places', 'picture');
}).observe(byId('stage'));

// The shell first: 10,000 nodes take longer than people wait for a sign of life.
// A page that nobody sees is never painted.
function painted() {
	return new Promise((done) => {
		if (document.hidden) done();
		setTimeout(done, SHELL_MS);
		new PerformanceObserver(() => done()).observe({ type: 'paint', buffered: true });
	});
}

readAddress();
lists.legend();
picture.takeColours();
incident.start(() => want('incidents', 'picture'));
setInterval(() => {
	showAge();
	if (loaded) lists.blocked();
}, 1000);
void painted().then(() => follow({
	loaded: begin,
	happened: take,
	heard: hear,
	troubled: (what) => {
		trouble = what;
		showAge();
	},
}));

// For the browser's console, and for tests.
export { incident, model, picture, stateOf };
