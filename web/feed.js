// feed: the coordinator's own log, checked here: every line's hash is made
// again from the line before it and its own body.
import { byId, say } from './dom.js';
import { ask } from './client.js';
import { model } from './model.js';
import { count, thousands, visible } from './text.js';

const SMALL = 200;         // so many lines are checked without being asked to
const LINES_MOST = 100000; // more is for the command line
const PAUSE_MS = 1000;     // between checks of lines that keep coming
const encoder = new TextEncoder();

// Checked up to and with line `n`, whose hash is `hash`.
const fresh = () => ({ n: 0, hash: '0'.repeat(64), bad: null, took_ms: 0 });
let checked = fresh(), running = false, resting = false, trouble = '';

const hex = (buffer) => Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, '0')).join('');
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

async function digest(prev, body) {
	const before = unhex(prev), text = encoder.encode(body);
	const bytes = new Uint8Array(before.length + text.length);
	bytes.set(before);
	bytes.set(text, before.length);
	return hex(await crypto.subtle.digest('SHA-256', bytes));
}

// The first line that does not fit, or null.
async function checkLines(lines) {
	const made = await Promise.all(lines.map((line) => digest(line.prev, line.body)));
	for (const [k, line] of lines.entries()) {
		if (line.n !== checked.n + 1) return { n: checked.n + 1, why: 'is missing' };
		if (line.prev !== checked.hash) return { n: line.n, why: 'does not follow from the line before it' };
		if (made[k] !== line.hash) return { n: line.n, why: 'was changed: its hash is not that of its text' };
		checked.n = line.n;
		checked.hash = line.hash;
	}
	return null;
}

async function check() {
	const { entries, head } = model.feed;
	while (checked.n < entries && checked.n < LINES_MOST) {
		const { entries: lines } = await ask(`/api/v1/feed?from=${checked.n + 1}`);
		if (lines.length === 0) return { n: checked.n + 1, why: 'is missing' };
		const bad = await checkLines(lines);
		if (bad) return bad;
	}
	if (checked.n === entries && entries > 0 && head && checked.hash !== head) return { n: entries, why: 'is not the head that the coordinator names' };
	return null;
}

// anew: from the first line, whatever was checked before.
export async function verify(anew) {
	if (running || !crypto.subtle || !anew && (resting || checked.bad)) return;
	running = resting = true;
	if (anew) checked = fresh();
	const started = performance.now();
	trouble = '';
	try {
		checked.bad = await check();
	} catch (error) {
		trouble = error.message;
	}
	checked.took_ms = performance.now() - started;
	running = false;
	show();
	// Then the lines that came meanwhile, many at once.
	setTimeout(() => {
		resting = false;
		if (!trouble && checked.n < model.feed.entries) changed();
	}, PAUSE_MS);
}

function verdict() {
	if (!crypto.subtle) return ['', 'Browsers hash only on https or localhost, so nothing was checked here.'];
	if (checked.bad) return ['bad', `✘ Line ${checked.bad.n} ${checked.bad.why}. ${count(checked.n, 'line')} before it fit.`];
	if (trouble) return ['', `Not checked: ${visible(trouble)}`];
	if (checked.n === 0) return ['', model.feed.entries > 0 ? 'Not checked here yet.' : ''];
	if (checked.n < model.feed.entries) return ['', `${count(checked.n, 'line')} fit, ${model.feed.entries - checked.n} to check.`];
	return ['good', `✔ ${count(checked.n, 'link')} recomputed here in ${Math.max(1, Math.round(checked.took_ms))} ms`];
}

export function show() {
	const { entries, head } = model.feed, [kind, words] = verdict();
	say(byId('feed-count'), entries === 0 ? 'Nothing was verified yet: the first touched decoy writes the first line.' : count(entries, 'line'));
	say(byId('feed-head'), head ? `head ${visible(head).slice(0, 24)}…` : '');
	say(byId('feed-verdict'), words);
	byId('feed-verdict').className = kind;
	byId('feed-verify').hidden = !crypto.subtle || entries === 0;
	say(byId('feed-chip'), `feed ${thousands(entries)} ${kind === 'good' ? '✔' : kind === 'bad' ? '✘' : '…'}`);
	byId('feed-chip').classList.toggle('bad', kind === 'bad');
	byId('feed-chip').title = words;
}

// A line was added, or the state is new.
export function changed() {
	if (model.feed.entries < checked.n) checked = fresh(); // the coordinator began anew
	show();
	if (model.feed.entries <= SMALL || checked.n > 0) void verify(false);
}

byId('feed-verify').addEventListener('click', () => verify(true));
