// The page at 300, 1,000 and 10,000 nodes: bytes, first paint, frames, memory.
// Nodes are not enrolled, but register and report with signatures as nodes do.
// usage: node load.mjs DIRECTORY-OF-BINARIES   (SIZES="300 1000", MINUTES=2)
import http from 'node:http';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Coordinator, Key, Node, makeMesh, syncItems } from '../interop/mesh.mjs';
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
const tell = (c, node, cpu) => c.postSigned(node, '/api/telemetry', { node_id: node.name, status: 'healthy', peers: [], cpu_pct: cpu, ram_pct: 20 + Math.round(cpu / 2) }, { agent });

// Up to 600 are enrolled, in zones; more are strangers, whom nobody enrolled.
function enrolled(n) {
	const names = ['node-a', 'node-b', 'node-c', 'node-d', 'node-e'];
	for (let i = names.length; i < Math.min(n, 600); i++) names.push(nameOf(i));
	return makeMesh(bin, names, { group: (name) => (/^node/.test(name) ? 'fra' : name.slice(0, 3)) });
}

async function crowd(c, mesh, n) {
	const nodes = [...mesh.nodes];
	for (let i = nodes.length; i < n; i++) nodes.push(new Node(mesh, nameOf(i), new Key()));
	await each(nodes, async (node) => {
		const answer = await twice(() => c.post('/register', node.registration(), { agent }));
		if (answer.status !== 200) throw new Error(`${node.name}: ${answer.status} ${answer.text}`);
		await twice(() => tell(c, node, Math.round(Math.random() * 60)));
	});
	return nodes;
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

async function measure(browser, n) {
	const mesh = enrolled(n <= 600 ? n : 0);
	const c = await new Coordinator(bin, path.join(mesh.dir, 'state'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
	const proxy = await new Proxy(c.authority).listen(), figures = { nodes: n };
	try {
		const nodes = await crowd(c, mesh, n);
		const first = await open(browser, proxy.authority);
		await until(async () => first.page.evaluate(async (least) => (await import('/model.js')).model.order.length >= least, n), 'all nodes', 20000);
		await wait(500);
		figures.first_load_kB = Math.round(proxy.bytes / 100) / 10;
		figures.headers_kB = Math.round(proxy.headerBytes / 100) / 10;
		await first.close();
		const shown = await open(browser, c.authority), { page } = shown;
		const paints = [], readies = [];
		for (let k = 0; k < 5; k++) {
			await page.goto('about:blank');
			await page.goto(`http://${c.authority}/`);
			await page.waitForSelector('#nodes tbody tr', { state: 'attached' });
			const [paint, ready] = await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0]?.startTime, performance.now()]);
			paints.push(paint);
			readies.push(ready);
		}
		figures.first_paint_ms = Math.round(percentile(paints, 0.5));
		figures.ready_ms = Math.round(percentile(readies, 0.5));
		// A real cut, and so a pulse.
		await c.postSigned(mesh.nodes[1], '/api/v1/entries', syncItems(mesh.nodes[0].selfReport(2)));
		await until(() => page.evaluate(async () => { const m = await import('/model.js'); return m.stateOf(m.model.index.get('node-a')) === 'quarantined'; }), 'the cut');
		figures.frame_p95_ms = Math.round(percentile(await frames(page, 5000), 0.95) * 10) / 10;
		if (pictures) {
			mkdirSync(pictures, { recursive: true });
			await each(nodes.slice(1), (node) => twice(() => tell(c, node, Math.round(Math.random() * 60))));
			await wait(1200);
			await page.screenshot({ path: path.join(pictures, `${n <= 600 ? 'zones' : 'grid'}-${n}.png`) });
		}
		figures.heap_MB = Math.round(await heap(page) * 10) / 10;
		// Changes all the while: 200 nodes a second, as far as one client can sign.
		for (const end = Date.now() + 1000 * grow_s; Date.now() < end;) {
			const began = Date.now();
			await each(Array.from({ length: Math.min(n, 100) }, () => nodes[Math.floor(Math.random() * n)]), (node) => tell(c, node, Math.round(Math.random() * 60)).catch(() => {}), 4);
			await wait(Math.max(0, 500 - (Date.now() - began)));
		}
		figures.growth_MB = Math.round((await heap(page) - figures.heap_MB) * 100) / 100;
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
