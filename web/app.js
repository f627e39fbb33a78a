// app: asks for the state every two seconds and shows it; says when it is old.
import { say } from './dom.js';
import { draw } from './picture.js';
import * as panels from './panels.js';
import { visible } from './text.js';

const PERIOD_MS = 2000, STALE_MS = 6000, PATIENCE_MS = 4000;
const byId = (id) => document.getElementById(id);

let state = null, events = [], held = null;
let fresh = 0; // performance.now() of the last good answer
let trouble = '';

const byName = new Intl.Collator('en', { numeric: true });

// Columns into rows, in the order of names: positions never change between loads.
function rows(snapshot) {
	const { nodes, states } = snapshot;
	const list = nodes.name.map((name, i) => ({
		name, id: nodes.id[i], state: states[nodes.st[i]] ?? 'unreachable', score: nodes.score[i],
		cpu: nodes.cpu[i], ram: nodes.ram[i], seen: nodes.seen[i],
	}));
	return list.sort((a, b) => byName.compare(a.name, b.name));
}

function hold(name) {
	held = held === name ? null : name;
	show();
}

function show() {
	if (!state) return;
	if (held && !state.nodes.some((node) => node.name === held)) held = null;
	say(byId('mesh'), state.mesh ? visible(state.mesh) : 'Phalanx');
	document.title = title();
	panels.counts(state.nodes);
	draw(byId('picture'), state, held, hold);
	panels.table(state.nodes, state.t, held);
	panels.incidents(state.incidents, held);
	panels.threats(events);
	byId('no-nodes').hidden = state.nodes.length > 0;
	say(byId('no-nodes'), `No node has registered. Start one with COORDINATOR_URL=${location.origin}`);
	say(byId('mesh-note'), held ? `${visible(held)} in hand` : state.heads > 0 ? `${state.heads} heads vote` : '');
}

function title() {
	const cut = state.nodes.filter((node) => node.state === 'quarantined').length;
	return `${cut > 0 ? `(${cut} cut off) ` : ''}${state.mesh ? visible(state.mesh) : 'Phalanx'}`;
}

async function ask(path) {
	const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store' });
	if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
	return answer.json();
}

async function round() {
	try {
		const [snapshot, report] = await Promise.all([ask('/api/v1/state'), ask('/api/report?limit=100')]);
		if (snapshot.v !== 1) throw new Error(`state version ${snapshot.v}: reload this page`);
		state = { ...snapshot, nodes: rows(snapshot) };
		events = report.events;
		fresh = performance.now();
		trouble = '';
		show();
	} catch (error) {
		trouble = error.name === 'TimeoutError' || error.name === 'TypeError' ? 'the coordinator does not answer' : visible(error.message);
	}
	showAge();
}

function showAge() {
	const old_ms = performance.now() - fresh;
	const stale = fresh === 0 ? trouble !== '' : old_ms > STALE_MS;
	const banner = byId('stale');
	document.body.classList.toggle('is-stale', stale);
	say(byId('live-text'), stale ? 'stale' : fresh === 0 ? 'connecting' : 'live');
	banner.hidden = !stale;
	if (stale) {
		const since = fresh === 0 ? 'Nothing was received yet' : `What you see is ${Math.round(old_ms / 1000)} s old`;
		say(banner, `${since}: ${trouble || 'no answer'}. The mesh goes on without it; trying again every 2 s.`);
	}
}

function chooseTheme() {
	const root = document.documentElement;
	const stored = localStorage.getItem('theme');
	if (stored === 'dark' || stored === 'light') root.dataset.theme = stored;
	byId('theme').addEventListener('click', () => {
		const light = root.dataset.theme ? root.dataset.theme === 'light' : matchMedia('(prefers-color-scheme: light)').matches;
		root.dataset.theme = light ? 'dark' : 'light';
		localStorage.setItem('theme', root.dataset.theme);
	});
}

async function run() {
	for (;;) {
		if (!document.hidden) await round();
		await new Promise((done) => setTimeout(done, PERIOD_MS));
	}
}

chooseTheme();
panels.legend();
setInterval(showAge, 1000);
document.addEventListener('visibilitychange', () => {
	if (!document.hidden) void round();
});
void run();
