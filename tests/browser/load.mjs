// The page at 300, 1,000 and 10,000 nodes: bytes, first paint, frames, memory.
// Nodes are enrolled, register and report with signatures as nodes do.
// usage: node load.mjs DIRECTORY-OF-BINARIES   (SIZES="300 1000", MINUTES=2)
import http from 'node:http';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Coordinator, syncItems, windowNow } from '../interop/mesh.mjs';
import { makeRoster } from '../interop/roster.mjs';
import { Proxy, bin, launch, open, until, wait } from './kit.mjs';

const sizes = (process.env.SIZES ?? '300 1000 10000').split(' ').map(Number);
const grow_s = 60 * Number(process.env.MINUTES ?? 2), pictures = process.env.SCREENSHOTS;
const ZONES = ['fra', 'ams', 'lon', 'nyc', 'sfo', 'sin', 'tok', 'syd'];
// Zones of different size, the same in every run.
const nameOf = (i) => `${ZONES[Math.floor(8 * ((i * 0.6180339887) % 1) ** 2)]}-n${String(i).padStart(5, '0')}`;
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });

async function each(list, work, at_once = 16) {
	const left = [...list];
	await Promise.all(Array.from({ length: at_once }, async () => {
		for (let one = left.pop(); one; one = left.pop()) await work(one);
	}));
}

// An idle connection may be closed just when it is used again.
const twice = (work) => work().catch(work);
const tell = (c, node, cpu, extra = {}) => c.postSigned(node, '/api/telemetry', { node_id: node.name, status: 'healthy', peers: [], cpu_pct: cpu, ram_pct: 20 + Math.round(cpu / 2), ...extra }, { agent });

function enrolled(n) {
	const names = ['node-a', 'node-b', 'node-c', 'node-d', 'node-e'];
	for (let i = names.length; i < n; i++) names.push(nameOf(i));
	return makeRoster(bin, names, (name) => (/^node/.test(name) ? 'fra' : name.slice(0, 3)));
}

async function crowd(c, nodes) {
	await each(nodes, async (node) => {
		const answer = await twice(() => c.post('/register', node.registration(), { agent }));
		if (answer.status !== 200) throw new Error(`${node.name}: ${answer.status} ${answer.text}`);
		await twice(() => tell(c, node, Math.round(Math.random() * 60)));
	});
}

// For a picture: an incident with all that belongs to it, and everybody alive.
async function dress(c, nodes) {
	const [, b, , d, e] = nodes, spread = (count) => Array.from({ length: count }, (_, k) => nodes[5 + Math.floor(k * (nodes.length - 5) / count)]), window = windowNow();
	const post = (node, ...entries) => c.postSigned(node, '/api/v1/entries', syncItems(...entries));
	const voters = spread(24), witnesses = [b, d, ...spread(3)];
	for (const witness of witnesses) await post(witness, witness.statement(e));
	for (const voter of voters) await post(voter, voter.verdict(e, window));
	for (const [score, method, type] of [[3, 'rule-based', 'TCP_CONNECT'], [7, 'ai', 'SSH_BRUTE_FORCE'], [9, 'rule-based', 'HONEYPOT_TRIPPED']])
		await c.postSigned(b, '/api/report/submit', { node_id: b.name, score, event_type: type, source_ip: '10.77.0.15', decision: score > 8 ? 'quarantine' : 'watch', method });
	await each(nodes.slice(1), (node) => twice(() => tell(c, node, Math.round(Math.random() * 60), nodes.indexOf(node) % 97 === 90 ? { mode: 'observe' } : nodes.indexOf(node) % 149 === 140 ? { drift: 1 } : {})));
}

const percentile = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(share * list.length))];

// Milliseconds between frames, asked for by nobody but this.
const frames = (page, ms) => page.evaluate((length) => new Promise((done) => {
	const gaps = [], begin = performance.now();
	let last = begin;
	const step = (t) => {
		gaps.push(t - last);
		last = t;
		if (t - begin < length) requestAnimationFrame(step);
		else done(gaps.slice(2));
	};
	requestAnimationFrame(step);
}), ms);

async function heap(page) {
	const session = await page.context().newCDPSession(page);
	await session.send('HeapProfiler.collectGarbage');
	const { usedSize } = await session.send('Runtime.getHeapUsage');
	await session.detach();
	return usedSize / 1e6;
}

// What a page costs that shows nothing, and one whose canvas of the same size
// holds one pulse: whoever draws in software cannot be faster.
async function floor(browser, size) {
	const pulse = `const c = document.querySelector('canvas').getContext('2d');
		const paint = (t) => { c.clearRect(0, 0, ${size.w}, ${size.h}); c.strokeStyle = 'red'; c.beginPath(); c.arc(90, 90, 10 + t % 2400 / 80, 0, 7); c.stroke(); requestAnimationFrame(paint); };
		requestAnimationFrame(paint);`;
	const server = http.createServer((request, response) => response.writeHead(200, { 'content-type': 'text/html' })
		.end(request.url === '/' ? '<!doctype html><p>text' : `<!doctype html><p>text<canvas width=${size.w} height=${size.h}></canvas><script>${pulse}</script>`));
	await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
	const page = await (await browser.newContext({ viewport: { width: 1680, height: 1000 } })).newPage(), address = `http://127.0.0.1:${server.address().port}/`;
	const paint_ms = await paint(page, address);
	await page.goto(`${address}pulse`);
	await wait(500);
	const frame_ms = percentile(await frames(page, 3000), 0.95);
	await page.context().close();
	server.closeAllConnections();
	server.close();
	return { paint_ms, frame_ms };
}

async function paint(page, address) {
	await page.goto('about:blank');
	await page.goto(address);
	return page.evaluate(() => new Promise((done) => { new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime)).observe({ type: 'paint', buffered: true }); }));
}

// Every node's kernel holds the cut of node-a, and says so: 1,000 receipts a
// second, of which each is an event.  How long the page lets others wait, and
// how soon it shows the last.
async function storm(c, page, [subject, ...peers]) {
	const parts = Array.from({ length: Math.ceil(peers.length / 50) }, (_, k) => peers.slice(50 * k, 50 * k + 50));
	const requests = parts.map((part) => syncItems(...part.map((peer) => peer.receipt(subject, 1000 + Math.round(Math.random() * 9000)))));
	await page.evaluate(() => {
		window.busiest = 0;
		new PerformanceObserver((list) => { for (const task of list.getEntries()) window.busiest = Math.max(window.busiest, task.duration); }).observe({ type: 'longtask' });
	});
	const signed = performance.now(), gaps = frames(page, peers.length), refusals = new Set();
	let taken = 0;
	await Promise.all(requests.map(async (body, k) => {
		await wait(50 * k);
		const answer = await twice(() => c.postSigned(parts[k][0], '/api/v1/entries', body, { agent }));
		if (answer.status === 200) taken += answer.json.accepted;
		else refusals.add(`${answer.status} ${answer.text}`);
	}));
	const told = performance.now();
	await until(async () => { const words = await page.textContent('#cuts-words'); return words.startsWith(`${taken} of `) ? true : `${words}; ${taken} taken`; }, 'the last receipt', 60000);
	const figures = { storm_events_s: Math.round(1000 * taken / (told - signed)), storm_last_to_page_ms: Math.round(performance.now() - told), storm_frame_p95_ms: Math.round(percentile(await gaps, 0.95) * 10) / 10 };
	return { ...figures, storm_longest_task_ms: await page.evaluate(() => window.busiest), storm_refusals: [...refusals] };
}

async function measure(browser, n) {
	const mesh = enrolled(n), { nodes } = mesh;
	const c = await new Coordinator(bin, path.join(mesh.dir, 'state'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
	const proxy = await new Proxy(c.authority).listen(), figures = { nodes: n };
	try {
		await crowd(c, nodes);
		const first = await open(browser, proxy.authority);
		await until(async () => first.page.evaluate(async (least) => (await import('/app.js')).model.order.length >= least, n), 'all nodes', 20000);
		await wait(500);
		figures.first_load_kB = Math.round(proxy.bytes / 100) / 10;
		figures.headers_kB = Math.round(proxy.headerBytes / 100) / 10;
		await first.close();
		const shown = await open(browser, c.authority), { page } = shown;
		const paints = [], readies = [], floors = [], size = await page.evaluate(() => ({ w: document.querySelector('#picture').width, h: document.querySelector('#picture').height }));
		// When the first row of the table stands.
		await page.addInitScript(() => new MutationObserver((list, observer) => {
			if (!document.querySelector('#nodes tbody tr')) return;
			window.ready_ = performance.now();
			observer.disconnect();
		}).observe(document, { childList: true, subtree: true }));
		for (let k = 0; k < 5; k++) {
			floors.push(await floor(browser, size));
			paints.push(await paint(page, `http://${c.authority}/`));
			await page.waitForSelector('#nodes tbody tr', { state: 'attached' });
			readies.push(await page.evaluate(() => window.ready_));
		}
		figures.floor_paint_ms = Math.round(percentile(floors.map((one) => one.paint_ms), 0.5));
		figures.floor_frame_p95_ms = Math.round(percentile(floors.map((one) => one.frame_ms), 0.5) * 10) / 10;
		figures.first_paint_ms = Math.round(percentile(paints, 0.5));
		figures.ready_ms = Math.round(percentile(readies, 0.5));
		// A real cut, and so a pulse.
		await c.postSigned(mesh.nodes[1], '/api/v1/entries', syncItems(mesh.nodes[0].selfReport(2)));
		await until(() => page.evaluate(async () => { const m = await import('/app.js'); return m.stateOf(m.model.index.get('node-a')) === 'quarantined'; }), 'the cut');
		figures.frame_p95_ms = Math.round(percentile(await frames(page, 5000), 0.95) * 10) / 10;
		if (pictures) {
			mkdirSync(pictures, { recursive: true });
			await dress(c, nodes);
			await wait(1200);
			await page.screenshot({ path: path.join(pictures, `${n <= 600 ? 'zones' : 'grid'}-${n}.png`) });
			await page.click('[data-view=table]');
			await wait(400);
			await page.screenshot({ path: path.join(pictures, `table-${n}.png`) });
			await page.click(`[data-view=${n <= 600 ? 'zones' : 'grid'}]`);
		}
		figures.heap_MB = Math.round(await heap(page) * 10) / 10;
		// Changes all the while: 200 nodes a second, as far as one client can sign.
		for (const end = Date.now() + 1000 * grow_s; Date.now() < end;) {
			const began = Date.now();
			await each(Array.from({ length: Math.min(n, 100) }, () => nodes[Math.floor(Math.random() * n)]), (node) => tell(c, node, Math.round(Math.random() * 60)).catch(() => {}), 4);
			await wait(Math.max(0, 500 - (Date.now() - began)));
		}
		figures.growth_MB = Math.round((await heap(page) - figures.heap_MB) * 100) / 100;
		Object.assign(figures, await storm(c, page, nodes));
		await wait(2000);
		figures.growth_with_storm_MB = Math.round((await heap(page) - figures.heap_MB) * 100) / 100;
		figures.faults = shown.faults.length;
		await shown.close();
	} finally {
		proxy.close();
		await c.stop();
		mesh.remove();
	}
	return figures;
}

const browser = await launch();
for (const n of sizes) console.log(JSON.stringify(await measure(browser, n)));
await browser.close();
agent.destroy();
