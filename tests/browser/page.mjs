// The page over a coordinator that is fed odd input through its own API by
// signed requests.  Numbers are those of the points of acceptance.
// usage: node page.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import axe from 'axe-core';
import { Coordinator, makeMesh, syncItems, windowNow } from '../interop/mesh.mjs';
import { INJECTIONS } from '../interop/model_server.mjs';
import { Proxy, bin, closeAll, launch, open, places, states, text, tree, until, wait } from './kit.mjs';

const hostile = '"><img src=x onerror="window.__pwned=1"><script>window.__pwned=2</script>';
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types phalanx";
let mesh, nodes, coordinator, proxy, browser;

const settings = (port = 0) => ({ roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem'), listen: `127.0.0.1:${port}` });

async function tell(node, cpu, extra = {}) {
	await coordinator.post('/register', node.registration());
	const answer = await coordinator.postSigned(node, '/api/telemetry', { node_id: node.name, status: 'healthy', peers: [], cpu_pct: cpu, ram_pct: 30, ...extra });
	assert.equal(answer.status, 200, answer.text);
}

const tellAll = () => Promise.all(nodes.slice(0, 6).map((node, i) => tell(node, 3 + 9 * i, i === 3 ? { mode: 'observe', drift: 2 } : {})));

async function report(node, extra) {
	const answer = await coordinator.postSigned(node, '/api/report/submit', { node_id: node.name, score: 9, event_type: 'HONEYPOT_TRIPPED', source_ip: '10.77.0.66', decision: 'quarantine', method: 'rule-based', ...extra });
	assert.equal(answer.status, 200, answer.text);
}

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e', 'node-f', 'node-g']);
	nodes = mesh.nodes;
	coordinator = await new Coordinator(bin, path.join(mesh.dir, 'state'), settings()).ready();
	const [a, b, c, d, e, f] = nodes, window = windowNow();
	await tellAll();
	const answer = await coordinator.postSigned(b, '/api/v1/entries', syncItems(a.selfReport(2), c.selfReport(2, { timeMs: Date.now() + 1000 }), d.selfReport(2, { timeMs: Date.now() + 2000 }),
		b.statement(e), c.statement(e), b.verdict(e, window), d.verdict(e, window, Buffer.alloc(64, 3)), b.certificate(e, window, [a, b, c, f])));
	assert.deepEqual(answer.json.refused, []);
	await report(b, { source_ip: hostile, event_type: 'SENSOR\u202egnp.exe\u200b' });
	await report(b, { event_type: '=HYPERLINK("http://x","y")', source_ip: '@SUM(1)', method: '+1', decision: '-2' });
	for (const words of INJECTIONS)
		await report(a, { method: 'ai', opinion: 0, model: 'stand-in:1b', reason: words.replace(/\p{Cc}/gu, '?') });
	proxy = await new Proxy(coordinator.authority).listen();
	browser = await launch();
});

after(async () => {
	await browser?.close();
	proxy?.close();
	await coordinator?.stop();
	mesh?.remove();
});

afterEach(async () => {
	proxy.trouble = {};
	await closeAll();
});

async function opened(options) {
	const opened_ = await open(browser, proxy.authority, options);
	await until(async () => Object.keys(await states(opened_.page)).length >= 6, 'the nodes');
	return opened_;
}

async function clean({ page, faults }) {
	assert.deepEqual(faults, []);
	assert.deepEqual(await page.evaluate(() => window.violations), []);
}

test('1: the assets are under 40 kB packed, all of one origin, and are asked for once each', async () => {
	let size = 0;
	for (const asset of ['/', '/styles.css', '/icon.svg', '/app.js', '/hub.js', '/worker.js'])
		size += Number((await coordinator.get(asset, { headers: { 'accept-encoding': 'gzip' } })).headers['content-length']);
	assert.ok(size > 20000 && size <= 40000, `${size} bytes`);
	const answer = await coordinator.get('/app.js', { headers: { 'accept-encoding': 'gzip' } });
	assert.equal(answer.headers['content-encoding'], 'gzip');
	assert.equal((await coordinator.get('/app.js', { headers: { 'accept-encoding': 'gzip;q=0' } })).headers['content-encoding'], undefined);
	assert.equal((await coordinator.get('/app.js', { headers: { 'if-none-match': answer.headers.etag } })).status, 304);
	proxy.asked = [];
	const shown = await opened();
	await until(() => proxy.streams.size === 1, 'the stream');
	// The modules came as one, and the state that was asked for before them was used.
	assert.deepEqual(proxy.asked.map((one) => one.path).filter((asked) => !/incidents|icon|feed|series/.test(asked)).sort(), ['/', '/api/v1/events', '/api/v1/state', '/app.js', '/hub.js', '/styles.css', '/worker.js']);
	for (const module of ['/model.js', '/picture.js']) assert.equal((await coordinator.get(module)).status, 404, 'is part of another');
	await clean(shown);
	await shown.close();
	console.log(`assets: ${size} bytes packed`);
});

test('2: the policy is the strict one, and nothing violates it', async () => {
	assert.equal((await coordinator.get('/')).headers['content-security-policy'], CSP);
	const shown = await opened();
	for (const view of ['table', 'grid', 'zones', 'ring']) await shown.page.click(`[data-view=${view}]`);
	await shown.page.click('#help');
	await clean(shown);
	await shown.close();
});

test('3: what attackers typed, and what a model says, is shown as text and runs nowhere', async () => {
	const shown = await opened(), { page } = shown;
	const all = await text(page, '#threats');
	assert.ok(all.includes(hostile), all);
	assert.ok(all.includes('<script>document.title="owned"</script><img src=x onerror="document.title=1">'), all);
	assert.equal(await page.evaluate(() => window.__pwned), undefined);
	assert.equal(await page.$('#threats img, #threats script'), null);
	assert.notEqual(await page.title(), 'owned');
	await clean(shown);
	assert.equal(await page.evaluate(() => {
		try { document.body.innerHTML = '<b>x</b>'; return 'nothing'; } catch (error) { return error.name; }
	}), 'TypeError');
	await shown.close();
});

test('4: bidi and invisible characters are shown as their codes', async () => {
	const shown = await opened(), all = await text(shown.page, '#threats');
	assert.ok(all.includes('SENSOR\\u202egnp.exe\\u200b'), all);
	assert.ok(all.includes('\\u202egnihton si siht\\u202c \\u200b\\ufeff\\u2028forged line'), all);
	assert.doesNotMatch(await text(shown.page, 'body'), /[\u202a-\u202e\u200b\u2028\ufeff]/);
	await shown.close();
});

test('5: no cell of the exported CSV is a formula', async () => {
	const shown = await opened();
	const [file] = await Promise.all([shown.page.waitForEvent('download'), shown.page.click('#threats-csv')]);
	const csv = readFileSync(await file.path(), 'utf8');
	assert.match(csv, /"'=HYPERLINK\(""http:\/\/x"",""y""\)","'@SUM\(1\)","9","'\+1","'-2"/);
	assert.doesNotMatch(csv, /(^|,)"?[=+\-@]/m);
	await clean(shown);
	await shown.close();
});

test('6: a foreign Host is refused with 421', async () => {
	for (const target of ['/', '/app.js', '/api/v1/state', '/api/v1/events'])
		assert.equal((await coordinator.get(target, { headers: { host: 'evil.example' } })).status, 421, target);
});

test('10: a stream that breaks loses nothing and repeats nothing', async () => {
	const shown = await opened(), { page } = shown, n = 12;
	await until(() => proxy.streams.size === 1, 'the stream');
	const before_ = proxy.asked.filter((one) => one.path === '/api/v1/state').length;
	for (let i = 0; i < n; i++) {
		await report(nodes[1], { event_type: `DROP_${i}` });
		if (i % 4 === 1) proxy.drop();
	}
	const seen = () => page.$$eval('#threats .detail', (list) => list.flatMap((one) => one.textContent.match(/DROP_\d+/g) ?? []));
	await until(async () => (await seen()).length >= n, 'all reports');
	assert.deepEqual((await seen()).sort(), Array.from({ length: n }, (_, i) => `DROP_${i}`).sort());
	assert.equal(proxy.asked.filter((one) => one.path === '/api/v1/state').length, before_, 'the stream went on; the state was not asked for again');
	await shown.close();
});

test('11: a coordinator that starts anew is shown within five seconds', async () => {
	const shown = await opened({ quiet: /Failed to load resource/ }), { page } = shown, { port } = coordinator;
	await coordinator.stop('SIGKILL');
	await wait(1500);
	coordinator = await new Coordinator(bin, path.join(mesh.dir, 'state'), settings(port)).ready();
	const back = Date.now();
	await tellAll();
	await until(async () => page.evaluate(async () => (await import('/app.js')).model.order.length >= 6 && !document.body.classList.contains('is-stale')), 'the new snapshot', 5000);
	await until(() => proxy.streams.size === 1, 'the stream');
	await report(nodes[1], { event_type: 'AFTER_RESTART' });
	await until(async () => (await text(page, '#threats')).includes('AFTER_RESTART'), 'the first event of the new life', 5000);
	assert.ok(Date.now() - back <= 5000, `${Date.now() - back} ms`);
	assert.equal((await states(page))['node-e'], 'quarantined');
	await shown.close();
});

test('12: six seconds of silence are said, the data turn grey, and recover', async () => {
	const shown = await opened(), { page } = shown;
	await until(() => proxy.streams.size === 1, 'the stream');
	proxy.trouble['/api/v1/events'] = { silent: true };
	const began = Date.now();
	await page.waitForSelector('#stale:not([hidden])', { timeout: 9500 });
	const took = Date.now() - began;
	assert.ok(took > 4000 && took < 9500, `${took} ms`);
	assert.match(await text(page, '#stale'), /What you see is \d+ s old: the coordinator says nothing/);
	assert.equal(await text(page, '#live-text'), 'stale');
	assert.match(await page.$eval('main', (main) => getComputedStyle(main).filter), /saturate\(0\.25\)/);
	proxy.trouble = {};
	proxy.drop();
	await page.waitForSelector('#stale[hidden]', { state: 'attached', timeout: 8000 });
	await shown.close();
});

test('13: a refused stream says why, and is asked for less and less often', async () => {
	const shown = await opened({ quiet: /Failed to load resource/ }), { page } = shown;
	await until(() => proxy.streams.size === 1, 'the stream');
	for (const [status, error] of [[503, '1024 pages listen already'], [401, 'your session is over']]) {
		proxy.trouble['/api/v1/events'] = { status, error };
		proxy.asked = [];
		proxy.drop();
		await until(async () => (await text(page, '#stale')).includes(`${status}: ${error}`), 'the reason', 9000);
		await wait(status === 503 ? 7000 : 0);
		const times = proxy.asked.filter((one) => one.path === '/api/v1/events').map((one) => one.t);
		const gaps = times.slice(1).map((t, i) => t - times[i]);
		assert.ok(times.length <= 5, `${times.length} times`);
		assert.ok(status !== 503 || gaps.at(-1) > 1.5 * gaps[0], gaps.join(' '));
	}
	proxy.trouble = {};
	await page.waitForSelector('#stale[hidden]', { state: 'attached', timeout: 18000 });
	await shown.close();
});

test('14: nine tabs are live over one stream', async () => {
	const first = await opened(), tabs = [first];
	while (tabs.length < 9) tabs.push(await opened({ context: first.context }));
	await report(nodes[1], { event_type: 'NINE_TABS' });
	for (const { page } of tabs) await until(async () => (await text(page, '#threats')).includes('NINE_TABS'), 'the event in every tab');
	assert.equal(proxy.streams.size, 1);
	for (const tab of tabs) await clean(tab);
	await first.close();
});

async function violations(page) {
	await page.evaluate(axe.source);
	const { violations: list } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }));
	return list.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
}

test('15: axe finds nothing against WCAG 2.2 AA, in both themes and four states', async () => {
	const empty = await new Coordinator(bin, path.join(mesh.dir, 'axe')).ready();
	for (const colorScheme of ['dark', 'light']) {
		const shown = await opened({ colorScheme, hash: '#node=node-e' }), { page } = shown;
		assert.deepEqual(await violations(page), [], `${colorScheme}, an incident`);
		await page.click('[data-view=table]');
		assert.deepEqual(await violations(page), [], `${colorScheme}, the table`);
		await page.click('#help');
		assert.deepEqual(await violations(page), [], `${colorScheme}, a dialog`);
		await shown.close();
		const bare = await open(browser, empty.authority, { colorScheme });
		assert.deepEqual(await violations(bare.page), [], `${colorScheme}, an empty mesh`);
		await bare.close();
	}
	await empty.stop();
});

test('17: who wants no motion gets no animation frame; a calm mesh draws none either', async () => {
	const shown = await opened({ reducedMotion: 'reduce' });
	await report(nodes[1], { event_type: 'STILL' });
	await until(async () => (await text(shown.page, '#threats')).includes('STILL'), 'the event');
	assert.equal(await shown.page.evaluate(() => window.frames_), 0);
	await shown.close();
	const mesh_ = makeMesh(bin, ['calm-a', 'calm-b']);
	const calm = await new Coordinator(bin, path.join(mesh_.dir, 'state'), { roster_file: path.join(mesh_.ca, 'roster'), ca_file: path.join(mesh_.ca, 'ca.pem') }).ready();
	const say = (cpu) => calm.postSigned(mesh_.nodes[0], '/api/telemetry', { node_id: 'calm-a', status: 'healthy', peers: [], cpu_pct: cpu, ram_pct: 30 });
	await calm.post('/register', mesh_.nodes[0].registration());
	await say(5);
	const quiet = await open(browser, calm.authority);
	await wait(1000);
	const started = await quiet.page.evaluate(() => window.frames_);
	for (let i = 0; i < 6; i++) {
		await say(10 + i);
		await wait(300);
	}
	assert.match(await text(quiet.page, '#nodes'), /15 %/);
	assert.equal(await quiet.page.evaluate(() => window.frames_), started);
	await quiet.close();
	await calm.stop();
	mesh_.remove();
});

test('18: states differ by shape, without colour, in lists and in the picture', async () => {
	await tellAll();
	const shown = await opened(), { page } = shown;
	const outlines = await page.$$eval('#legend .mark', (list) => list.map((mark) => [...mark.children].map((child) => child.getAttribute('d')).join() + getComputedStyle(mark.firstElementChild).fill.replace(/^rgb.*/, 'filled')));
	assert.equal(new Set(outlines).size, 5);
	// What is painted around one node of each state: where, not which colour.
	const masks = await page.evaluate(async () => {
		const { model, stateOf, picture: { place } } = await import('/app.js');
		const canvas = document.querySelector('#stage canvas'), context = canvas.getContext('2d'), seen = {};
		for (const i of model.order) {
			const { x, y } = place(i), strong = context.getImageData(x - 16, y - 16, 32, 32).data;
			seen[stateOf(i)] ??= Array.from({ length: 1024 }, (_, k) => (strong[4 * k + 3] > 150 ? 1 : 0)).join('');
		}
		return seen;
	});
	const list = Object.entries(masks);
	assert.ok(list.length >= 4, Object.keys(masks).join());
	for (const [one, a] of list)
		for (const [other, b] of list) {
			const differ = [...a].filter((bit, k) => bit !== b[k]).length;
			assert.ok(one === other || differ > 40, `${one} and ${other} differ in ${differ} of 1024 points`);
		}
	await shown.close();
});

test('what pulses is drawn in a canvas no larger than around it, and none is shown to the calm', async () => {
	await tellAll();
	const shown = await opened(), { page } = shown;
	const look = () => page.evaluate(async () => {
		const { model, picture: { place }, stateOf } = await import('/app.js'), middle = document.querySelector('#stage canvas:not(.whole)');
		const places = model.order.filter((i) => ['quarantined', 'attacked'].includes(stateOf(i))).map(place), around = 56;
		const inside = places.every(({ x, y }) => x >= middle.offsetLeft && x <= middle.offsetLeft + middle.offsetWidth && y >= middle.offsetTop && y <= middle.offsetTop + middle.offsetHeight);
		const across = Math.max(...places.map((at) => at.x)) - Math.min(...places.map((at) => at.x)), down = Math.max(...places.map((at) => at.y)) - Math.min(...places.map((at) => at.y));
		return { count: places.length, inside, small: middle.offsetWidth <= across + 2 * around && middle.offsetHeight <= down + 2 * around };
	});
	for (const view of ['ring', 'zones', 'grid']) {
		await page.click(`[data-view=${view}]`);
		await until(async () => {
			const { count, inside, small } = await look();
			return count >= 3 && inside && small ? true : { view, count, inside, small };
		}, view);
	}
	await shown.close();
	const empty = await new Coordinator(bin, path.join(mesh.dir, 'calm-canvas')).ready();
	const calm = await open(browser, empty.authority);
	assert.equal(await calm.page.isVisible('#stage canvas:not(.whole)'), false);
	await calm.close();
	await empty.stop();
});

test('19: nothing scrolls sideways at 320 and 390 pixels', async () => {
	for (const width of [320, 390]) {
		const shown = await opened({ viewport: { width, height: 800 } });
		for (const view of ['ring', 'zones', 'grid', 'table']) {
			await shown.page.click(`[data-view=${view}]`);
			const { wide, room } = await shown.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, room: document.documentElement.clientWidth }));
			assert.ok(wide <= room, `${view}: ${wide} > ${room}`);
		}
		await shown.close();
	}
});

test('20: the address brings back view, node, incident and filter', async () => {
	await tellAll();
	const shown = await opened(), { page } = shown;
	await page.click('[data-view=table]');
	await page.fill('#filter', 'state:quarantined -node-c');
	await page.click('#nodes [data-node=node-e]');
	await page.selectOption('#incident-choice', { index: 1 });
	const look = () => page.evaluate(() => [document.body.dataset.view, document.querySelector('#filter').value, document.querySelector('#node-name').textContent, document.querySelector('#incident-choice').value,
		[...document.querySelectorAll('#nodes tbody tr')].map((row) => row.cells[0].textContent).sort().join()]);
	await until(async () => (await look())[2] === 'node-e', 'the node in hand');
	const was = await look(), url = page.url();
	assert.match(url, /view=table&node=node-e&incident=[0-9a-f]{16}&filter=state%3Aquarantined\+-node-c/);
	const again = await opened({ context: shown.context, hash: new URL(url).hash });
	await wait(300);
	assert.deepEqual(await again.page.evaluate(() => [document.body.dataset.view, document.querySelector('#filter').value, document.querySelector('#node-name').textContent, document.querySelector('#incident-choice').value,
		[...document.querySelectorAll('#nodes tbody tr')].map((row) => row.cells[0].textContent).sort().join()]), was);
	await shown.close();
});

test('21: positions are the same after a reload, in every view', async () => {
	const shown = await opened(), { page } = shown;
	for (const view of ['ring', 'zones', 'grid']) {
		await page.click(`[data-view=${view}]`);
		await until(() => page.evaluate((name) => document.body.dataset.view === name, view), view);
		const was = await places(page);
		await page.reload();
		await until(async () => Object.keys(await states(page)).length === Object.keys(was).length && (await page.evaluate(() => document.body.dataset.view)) === view, 'the page');
		assert.deepEqual(await places(page), was);
	}
	await shown.close();
});

test('22: what is empty says what to do next', async () => {
	const empty = await new Coordinator(bin, path.join(mesh.dir, 'empty')).ready();
	const shown = await open(browser, empty.authority), { page } = shown;
	await page.waitForSelector('#no-nodes:not([hidden])');
	assert.match(await text(page, '#no-nodes'), /COORDINATOR_URL=http:\/\/127.*make up/s);
	assert.match(await text(page, '#incident-empty'), /make attack NODE=a.*phalanx drill/s);
	assert.match(await text(page, '#threats'), /No decoy was touched.*make attack/s);
	assert.match(await text(page, '#blocked'), /No source is blocked\. A touched decoy/);
	assert.match(await text(page, '#feed'), /the first touched decoy writes the first line/);
	assert.match(await text(page, '#node-empty'), /Take a node in hand/);
	await clean(shown);
	await shown.close();
	await empty.stop();
	const full = await opened({ hash: '#filter=nobody' });
	assert.equal(await text(full.page, '#filter-note'), 'nothing matches');
	await full.page.click('#filter-clear');
	await full.page.fill('#filter', 'colour:red');
	await until(async () => (await text(full.page, '#filter-note')).includes('no word “colour:”'), 'the trouble');
	await full.close();
});

test('filter words match all, and their opposites', async () => {
	await tellAll();
	const shown = await opened({ hash: '#view=table' }), { page } = shown;
	const finds = async (words, names) => {
		await page.fill('#filter', words);
		await until(async () => {
			const found = await page.$$eval('#nodes tbody tr', (rows) => rows.map((row) => row.cells[0].textContent).sort().join(' '));
			return found === names ? true : found;
		}, words);
	};
	await finds('state:quarantined', 'node-a node-c node-e');
	await finds('state:quarantined -node-a', 'node-c node-e');
	await finds('mode:observe is:drift', 'node-d');
	await finds('-is:abnormal', 'node-f');
	await finds('cpu>25 -state:quarantined -mode:observe', 'node-f');
	await shown.close();
});

test('observe mode and drift are said, and a coordinator with another key is shouted about', async () => {
	await tellAll();
	const shown = await opened(), { page } = shown;
	assert.match(await text(page, '#notes'), /1 node in observe mode: it cuts nothing.*enforcement drifts on 1 node/);
	assert.equal(await page.isVisible('#key-changed'), false);
	await page.evaluate(() => localStorage.setItem('key:interop', JSON.stringify({ key: 'ab'.repeat(32), t: Date.now() - 86400000 })));
	await page.reload();
	await page.waitForSelector('#key-changed:not([hidden])');
	assert.match(await text(page, '#key-changed'), /key changed.*has known abababababababab… since \d{4}-.*trust nothing on this page.*phalanx status/);
	await page.click('#key-changed button');
	await page.reload();
	await until(async () => Object.keys(await states(page)).length >= 6, 'the nodes');
	assert.equal(await page.isVisible('#key-changed'), false);
	await shown.close();
});

test('24: a tampered line of the feed is found by its number', async () => {
	const shown = await opened();
	await until(async () => /✔ \d+ links recomputed here/.test(await text(shown.page, '#feed-verdict')), 'the check of the honest feed');
	await shown.close();
	const cases = [
		[(lines) => { lines[2].body = lines[2].body.replace(/.$/, ' }'); }, /✘ Line 3 was changed/],
		[(lines) => { lines.splice(3, 1); }, /✘ Line 4 is missing/],
		[(lines) => { lines[4].prev = '00'.repeat(32); }, /✘ Line 5 does not follow/],
	];
	for (const [tamper, pattern] of cases) {
		proxy.trouble['/api/v1/feed'] = { rewrite(body) {
			const feed = JSON.parse(body);
			tamper(feed.entries);
			return JSON.stringify(feed);
		} };
		const bad = await opened();
		await until(async () => pattern.test(await text(bad.page, '#feed-verdict')) || text(bad.page, '#feed-verdict'), String(pattern));
		assert.match(await text(bad.page, '#feed-chip'), /✘/);
		await bad.close();
	}
	proxy.trouble = {};
});
