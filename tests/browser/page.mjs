// The page in a real browser, over a coordinator with proven incidents and
// hostile words in it.  usage: node page.mjs DIRECTORY-OF-BINARIES
// SCREENSHOTS=DIRECTORY keeps pictures.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Coordinator, makeMesh, syncItems, windowNow } from '../interop/mesh.mjs';
import { INJECTIONS } from '../interop/model_server.mjs';

const bin = process.argv[2];
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(executablePath)) {
	console.log(`skipped: no browser at ${executablePath}; install the package chromium`);
	process.exit(77);
}
const pictures = process.env.SCREENSHOTS;
const hostile = '"><img src=x onerror="window.__pwned=1"><script>window.__pwned=2</script>';
let mesh, coordinator, browser, nodes;

const settings = (port) => ({ roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem'), listen: `127.0.0.1:${port}` });

async function tell(node, status, cpu, ram) {
	await coordinator.post('/register', node.registration());
	const answer = await coordinator.postSigned(node, '/api/telemetry', { node_id: node.name, status, peers: nodes.filter((n) => n !== node).map((n) => n.name), cpu_pct: cpu, ram_pct: ram });
	assert.equal(answer.status, 200, answer.text);
}

async function tellAll() {
	await Promise.all(nodes.slice(0, 6).map((node, i) => tell(node, 'healthy', 3 + 9 * i, 22 + 5 * i)));
}

async function report(node, extra) {
	const answer = await coordinator.postSigned(node, '/api/report/submit', { node_id: node.name, score: 9, event_type: 'HONEYPOT_TRIPPED', source_ip: '10.77.0.66', decision: 'quarantine', method: 'rule-based', ...extra });
	assert.equal(answer.status, 200, answer.text);
}

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e', 'node-f', 'node-g']);
	nodes = mesh.nodes;
	coordinator = await new Coordinator(bin, path.join(mesh.dir, 'state'), settings(0)).ready();
	const [a, b, c, d, e] = nodes;
	const window = windowNow();
	await tellAll();
	const entries = syncItems(a.selfReport(2), c.selfReport(2, { timeMs: Date.now() + 1000 }), d.selfReport(2, { timeMs: Date.now() + 2000 }),
		b.statement(e), c.statement(e), b.verdict(e, window), b.certificate(e, window, [a, b, c, d]));
	const answer = await coordinator.postSigned(b, '/api/v1/entries', entries);
	assert.deepEqual(answer.json.refused, []);
	await report(a, { incident: '00112233445566aa' });
	await report(c, { decision: 'monitor', score: 4, event_type: 'CPU_SPIKE', source_ip: '' });
	await report(b, { source_ip: hostile, event_type: 'SENSOR\u202egnp.exe\u200b' });
	// What a node lets through of a model's words: no control characters.
	for (const words of INJECTIONS)
		await report(a, { method: 'ai', opinion: 0, model: 'stand-in:1b', reason: words.replace(/\p{Cc}/gu, '?') });
	browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});

after(async () => {
	await browser?.close();
	await coordinator?.stop();
	mesh?.remove();
});

// A page that notes whatever it should not do.
async function open(options = {}) {
	const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', ...options });
	const page = await context.newPage();
	const faults = [];
	page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) faults.push(message.text()); });
	page.on('pageerror', (error) => faults.push(String(error)));
	page.on('request', (request) => { if (new URL(request.url()).host !== coordinator.authority) faults.push(`asked ${request.url()}`); });
	await page.addInitScript(() => {
		window.violations = [];
		document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
	});
	await page.goto(`http://${coordinator.authority}/`);
	await page.waitForSelector('#picture .node');
	return { page, faults, close: () => context.close() };
}

async function picture(page, name) {
	if (pictures) await page.screenshot({ path: path.join(pictures, `${name}.png`), animations: 'disabled' });
}

const states = (page) => page.$$eval('#picture .node', (list) => Object.fromEntries(list.map((g) => g.getAttribute('aria-label').split(': '))));

test('the ring and the table show every node in the state that its peers proved', async () => {
	const { page, faults, close } = await open();
	// Of seven heads two precautions stand, the third stood down.
	assert.deepEqual(await states(page), { 'node-a': 'quarantined', 'node-b': 'attacked', 'node-c': 'quarantined', 'node-d': 'attacked', 'node-e': 'quarantined', 'node-f': 'healthy', 'node-g': 'unreachable' }, coordinator.log);
	const rows = await page.$$eval('#nodes tbody tr', (list) => list.map((row) => [row.cells[0].textContent, row.cells[1].textContent]));
	assert.deepEqual(Object.fromEntries(rows), await states(page));
	assert.equal(rows[0][1], 'quarantined');
	const shapes = await page.$$eval('#picture .node', (list) => new Set(list.map((g) => g.querySelector('.shape').tagName + g.querySelectorAll('.cross').length)).size);
	assert.ok(shapes >= 3, 'states differ by shape, not only by colour');
	assert.match(await page.textContent('#incidents'), /certificate: a quorum of signed ballots/);
	assert.match(await page.textContent('#incidents'), /4 of 4 ballots needed/);
	assert.ok(await page.$$eval('#picture .vote', (list) => list.length) >= 4);
	await picture(page, 'dark');
	assert.deepEqual(faults, []);
	assert.deepEqual(await page.evaluate(() => window.violations), []);
	await close();
});

test('what attackers typed is shown as text, with nothing hidden, and runs nowhere', async () => {
	const { page, faults, close } = await open();
	const text = await page.textContent('#threats');
	assert.ok(text.includes(hostile), text);
	assert.ok(text.includes('SENSOR\\u202egnp.exe\\u200b'), text);
	assert.equal(await page.evaluate(() => window.__pwned), undefined);
	assert.equal(await page.$('#threats img, #threats script'), null);
	assert.deepEqual(faults, []);
	const thrown = await page.evaluate(() => {
		try { document.body.innerHTML = '<b>x</b>'; return 'nothing'; } catch (error) { return error.name; }
	});
	assert.equal(thrown, 'TypeError');
	await close();
});

test('what a model says is shown beside score and method, as text, whatever it says', async () => {
	const { page, faults, close } = await open();
	const reasons = await page.$$eval('#threats .reason', (list) => list.map((element) => element.textContent));
	assert.equal(reasons.length, INJECTIONS.length);
	const all = reasons.join('\n');
	assert.ok(all.includes('<script>document.title="owned"</script><img src=x onerror="document.title=1">'), all);
	assert.ok(all.includes('\\u202egnihton si siht\\u202c \\u200b\\ufeff\\u2028forged line'), all);
	assert.doesNotMatch(all, /[\u202a-\u202e\u200b\u2028\ufeff]/);
	assert.match(reasons[0], /the model says 0 · stand-in:1b$/);
	assert.match(await page.textContent('#threats .item:first-child'), /ai.*quarantine.*score 9/);
	assert.equal(await page.$('#threats img, #threats script'), null);
	assert.notEqual(await page.title(), 'owned');
	assert.deepEqual(faults, []);
	assert.deepEqual(await page.evaluate(() => window.violations), []);
	await picture(page, 'model');
	await close();
});

test('a node in hand shows its own incidents, by mouse and by keyboard', async () => {
	const { page, close } = await open();
	const node = page.locator('#picture .node[aria-label^="node-e"]');
	await node.focus();
	await page.keyboard.press('Enter');
	assert.equal(await node.getAttribute('aria-pressed'), 'true');
	assert.equal(await page.locator('#incidents .item').count(), 1);
	assert.match(await page.textContent('#incidents-note'), /of node-e/);
	await picture(page, 'in-hand');
	await node.click();
	assert.ok(await page.locator('#incidents .item').count() > 1);
	await close();
});

test('positions are the same after a reload, the theme is kept, and 320 pixels suffice', async () => {
	const { page, close } = await open();
	const places = () => page.$$eval('#picture .node', (list) => list.map((g) => g.getAttribute('transform')));
	const before_ = await places();
	await page.click('#theme');
	assert.equal(await page.getAttribute('html', 'data-theme'), 'light');
	await page.reload();
	await page.waitForSelector('#picture .node');
	assert.deepEqual(await places(), before_);
	assert.equal(await page.getAttribute('html', 'data-theme'), 'light');
	await picture(page, 'light');
	await page.setViewportSize({ width: 320, height: 700 });
	const { wide, room } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: document.documentElement.clientWidth }));
	assert.ok(wide <= room, `${wide} > ${room}`);
	await picture(page, 'narrow');
	await close();
});

test('a coordinator that is gone is said to be gone, and its return is noticed', async () => {
	const { page, close } = await open();
	const { port } = coordinator;
	await coordinator.stop();
	await page.waitForSelector('#stale:not([hidden])', { timeout: 12000 });
	assert.match(await page.textContent('#stale'), /What you see is \d+ s old: .*does not answer/);
	assert.equal(await page.textContent('#live-text'), 'stale');
	await picture(page, 'stale');
	coordinator = await new Coordinator(bin, path.join(mesh.dir, 'state'), settings(port)).ready();
	await tellAll();
	await page.waitForSelector('#stale[hidden]', { state: 'attached', timeout: 12000 });
	assert.equal((await states(page))['node-e'], 'quarantined');
	await close();
});

test('an empty mesh says what to do next', async () => {
	const shown = coordinator;
	coordinator = await new Coordinator(bin, path.join(mesh.dir, 'empty')).ready();
	const context = await browser.newContext();
	const page = await context.newPage();
	await page.goto(`http://${coordinator.authority}/`);
	await page.waitForSelector('#no-nodes:not([hidden])');
	assert.match(await page.textContent('#no-nodes'), /COORDINATOR_URL=http:\/\/127/);
	assert.match(await page.textContent('#threats'), /No decoy was touched/);
	await context.close();
	await coordinator.stop();
	coordinator = shown;
});
