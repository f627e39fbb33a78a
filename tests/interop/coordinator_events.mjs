// What happens reaches a listener as it happens, and a snapshot and the stream
// behind its number never contradict each other.
// usage: node coordinator_events.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Coordinator, Key, Node, makeMesh, syncItems, windowNow } from './mesh.mjs';

const bin = process.argv[2];
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
let mesh, c, a, b, d, e, f;

const telemetry = (node, extra = {}) => ({ node_id: node.name, status: 'healthy', peers: [], cpu_pct: 12.54, ram_pct: 40, ...extra });
const report = (node, extra = {}) => ({ node_id: node.name, score: 9, event_type: 'HONEYPOT_TRIPPED', source_ip: '10.77.0.66', decision: 'quarantine', method: 'rule-based', ...extra });
const state = async () => (await c.get('/api/v1/state')).json;

// Reads the stream until closed; events in .list as { id, event, data }.
class Listener {
	constructor(since) {
		this.list = [];
		this.stop = new AbortController();
		this.ended = this.run(since).catch((error) => { if (error.name !== 'AbortError') throw error; });
	}

	async run(since) {
		const answer = await fetch(`http://${c.authority}/api/v1/events${since ? `?since=${since}` : ''}`, { signal: this.stop.signal });
		assert.equal(answer.status, 200);
		let text = '';
		for await (const part of answer.body) {
			text += Buffer.from(part).toString();
			for (let at; (at = text.indexOf('\n\n')) >= 0; text = text.slice(at + 2)) {
				const fields = Object.fromEntries(text.slice(0, at).split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
				this.list.push({ ...fields, data: JSON.parse(fields.data), at: performance.now() });
			}
		}
	}

	async until(find, ms = 4000) {
		const end = performance.now() + ms;
		for (;;) {
			const found = this.list.find(find);
			if (found) return found;
			assert.ok(performance.now() < end, `not heard; heard: ${this.list.map((x) => x.event)}`);
			await wait(5);
		}
	}

	all(event) {
		return this.list.filter((x) => x.event === event).map((x) => x.data);
	}

	async close() {
		this.stop.abort();
		await this.ended;
	}
}

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e']);
	[a, b, d, e, f] = mesh.nodes;
	c = await new Coordinator(bin, path.join(mesh.dir, 'main'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
});
after(async () => {
	await c.stop();
	mesh.remove();
});

test('a snapshot has every column for every node, and what it is of', async () => {
	const s = await state();
	assert.deepEqual([s.v, s.mesh, s.heads, s.members, s.roster_epoch], [1, 'interop', 5, 5, 1]);
	assert.match(s.key, /^[0-9a-f]{64}$/);
	assert.ok(s.key_since <= Date.now());
	assert.deepEqual(s.states, ['healthy', 'attacked', 'restricted', 'quarantined', 'unreachable']);
	assert.deepEqual(Object.keys(s.nodes), ['id', 'name', 'zone', 'st', 'score', 'cpu', 'ram', 'hp', 'seen', 'enrolled', 'mode', 'drift']);
	for (const [name, column] of Object.entries(s.nodes)) assert.equal(column.length, 5, name);
	assert.deepEqual(s.nodes.name, ['node-a', 'node-b', 'node-c', 'node-d', 'node-e']);
	assert.ok(s.nodes.zone.every((z) => s.zones[z] !== undefined));
	assert.deepEqual([s.incidents, s.threats, s.blocked], [[], [], []]);
	assert.equal(s.me.role, 'viewer');
});

test('packed or not, a snapshot is the same, and only packed for who asks for it', async () => {
	const plain = await c.get('/api/v1/state'), packed = await new Promise((done) => {
		http.get({ port: c.port, path: '/api/v1/state', headers: { host: c.authority, 'accept-encoding': 'br, gzip' } }, (answer) => {
			const parts = [];
			answer.on('data', (part) => parts.push(part)).on('end', () => done({ headers: answer.headers, body: Buffer.concat(parts) }));
		});
	});
	assert.equal(plain.headers['content-encoding'], undefined);
	assert.equal(packed.headers['content-encoding'], 'gzip');
	const digest = createHash('sha256').update(packed.body).digest('base64');
	assert.equal(packed.headers['content-digest'], `sha-256=:${digest}:`);
	const strip = (text) => ({ ...JSON.parse(text), t: 0 });
	assert.deepEqual(strip(gunzipSync(packed.body)), strip(plain.text));
});

test('how a node is comes within its interval, once, and as the snapshot has it', async () => {
	const s = await state(), l = new Listener(`${s.epoch}:${s.seq}`);
	await l.until((x) => x.event === 'hb');
	await c.postSigned(a, '/api/telemetry', telemetry(a, { mode: 'observe', drift: 2, decoys: 2 }));
	const { data } = await l.until((x) => x.event === 'nodes');
	assert.deepEqual(data, [[0, 0, 0, 12.5, 40, 1, 1, 2]]);
	const now = await state();
	assert.deepEqual([now.nodes.st[0], now.nodes.cpu[0], now.nodes.mode[0], now.nodes.drift[0], now.nodes.hp[0]], [0, 12.5, 1, 1, 2]);
	await c.postSigned(a, '/api/telemetry', telemetry(a, { mode: 'observe', drift: 2, decoys: 2 }));
	await wait(600);
	assert.equal(l.all('nodes').length, 1, 'nothing new, nothing said');
	for (const wrong of [{ mode: 'off' }, { mode: 7 }, { drift: -1 }, { drift: 'x' }, { decoys: 99 }, { roster: 1e12 }])
		assert.equal((await c.postSigned(a, '/api/telemetry', telemetry(a, wrong))).status, 400, JSON.stringify(wrong));
	await l.close();
});

test('one node by name or id, with its enrolment and its last quarter of an hour', async () => {
	const byName = (await c.get('/api/v1/nodes/node-a')).json, byId = (await c.get(`/api/v1/nodes/${a.id.toString('hex')}`)).json;
	assert.deepEqual({ ...byId, t: 0 }, { ...byName, t: 0 });
	assert.deepEqual([byName.idx, byName.name, byName.mode, byName.drift, byName.role, byName.key], [0, 'node-a', 'observe', true, 'node', a.key.public.toString('hex')]);
	const { t0, step_ms, cpu, ram, score } = (await c.get('/api/v1/nodes/node-a/series')).json;
	const last = cpu.findLastIndex((x) => x !== null); // a step may have begun since
	assert.deepEqual([step_ms, cpu[last], ram[last], score[last], last >= 177], [5000, 12.5, 40, 0, true]);
	assert.equal(cpu.length, 180);
	assert.equal(cpu[0], null, 'nothing was said then');
	assert.ok(Math.abs(t0 + 180 * 5000 - Date.now()) < 10000);
	for (const wrong of ['nobody', '00', 'x'.repeat(129), '%00'])
		for (const tail of ['', '/series']) assert.equal((await c.get(`/api/v1/nodes/${wrong}${tail}`)).status, 404, wrong);
});

test('a stranger joins with its row, under an index that is its own', async () => {
	const s = await state(), l = new Listener(`${s.epoch}:${s.seq}`), guest = new Node(mesh, 'guest', new Key());
	await l.until((x) => x.event === 'hb');
	await c.post('/register', guest.registration());
	const { data } = await l.until((x) => x.event === 'join');
	assert.deepEqual([data.idx, data.name, data.enrolled], [5, 'guest', 0]);
	const now = await state();
	assert.deepEqual([now.nodes.name[5], now.nodes.id[5], now.zones[now.nodes.zone[5]]], ['guest', data.id, 'unenrolled']);
	await l.close();
});

test('an incident is told as it goes: itself, its votes, its cuts, its end; and a listener that comes later hears the same', async () => {
	const s = await state(), since = `${s.epoch}:${s.seq}`, l = new Listener(since), window = windowNow();
	await l.until((x) => x.event === 'hb');
	await c.postSigned(b, '/api/report/submit', report(b, { reason: '<img src=x>' }));
	const threat = await l.until((x) => x.event === 'threat');
	assert.deepEqual([threat.data.n, threat.data.node, threat.data.score, threat.data.reason], [1, 'node-b', 9, '<img src=x>']);
	const started = performance.now();
	const verdict = b.verdict(e, window);
	await c.postSigned(b, '/api/v1/entries', syncItems(a.statement(e), verdict, f.verdict(e, window, randomBytes(64))));
	const vote = await l.until((x) => x.event === 'vote');
	assert.ok(vote.at - started < 2000, `${vote.at - started} ms`); // of a busy machine; 2 ms of a quiet one
	assert.deepEqual(l.all('vote').map((v) => [v.name, v.ok]), [['node-b', true], ['node-e', false]]);
	assert.equal(vote.data.key, b.key.public.subarray(0, 4).toString('hex'));
	assert.equal(vote.data.sig, b.ballot(e, window).subarray(0, 4).toString('hex'));
	const [first] = l.all('incident');
	assert.deepEqual([first.id, first.level, first.name], [vote.data.id, 'accused', 'node-d']);
	const certificate = b.certificate(e, window, [a, b, f]);
	await c.postSigned(b, '/api/v1/entries', syncItems(certificate));
	await l.until((x) => x.event === 'incident' && x.data.level === 'quarantine');
	await l.until((x) => x.event === 'blocked');
	assert.deepEqual(l.all('vote').map((v) => v.name), ['node-b', 'node-e', 'node-a']);
	assert.deepEqual(l.all('blocked').map((x) => [x.source, x.incident]), [['10.77.0.14', first.id]]);
	await l.until((x) => x.event === 'nodes' && x.data.some((row) => row[0] === 3 && row[1] === 3));
	await c.postSigned(a, '/api/v1/entries', syncItems(a.receipt(e, 3100)));
	await c.postSigned(b, '/api/v1/entries', syncItems(b.receipt(e, 900)));
	await l.until((x) => x.event === 'cut' && x.data.done === 2);
	assert.deepEqual(l.all('cut').map((x) => [x.by, x.done, x.total, x.ms, x.last_ms]), [['node-a', 1, 4, 3.1, 3.1], ['node-b', 2, 4, 0.9, 3.1]]);
	await c.postSigned(b, '/api/v1/entries', syncItems(b.indicator('203.0.113.9', 3600)));
	assert.deepEqual((await l.until((x) => x.event === 'blocked' && x.data.source === '203.0.113.9')).data.ttl, 3600);
	const now = await state();
	assert.deepEqual(now.blocked.map((x) => x.source), ['10.77.0.14', '203.0.113.9']);
	assert.deepEqual(now.threats.map((x) => x.n), [1]);
	assert.deepEqual(now.incidents[0].cut, { n: 2, of: 4, p50_ms: 3.1, last_ms: 3.1 });
	await wait(400);
	const late = new Listener(since);
	await late.until((x) => x.event === 'hb');
	const heard = (list) => list.filter((x) => x.id).map((x) => [x.id, x.event]);
	assert.deepEqual(heard(late.list), heard(l.list));
	assert.deepEqual(heard(l.list).map(([id]) => Number(id.split(':')[1])), heard(l.list).map((_, i) => s.seq + 1 + i), 'no number is left out');
	await l.close();
	await late.close();
});

// Every link recomputed from the text alone; the last hash.
function chain(entries, prev) {
	for (const line of entries) {
		assert.equal(line.prev, prev, `line ${line.n}`);
		prev = createHash('sha256').update(Buffer.from(line.prev, 'hex')).update(line.body).digest('hex');
		assert.equal(line.hash, prev, `line ${line.n}`);
		const body = JSON.parse(line.body);
		assert.deepEqual([body.n, body.t, body.kind, body.node, body.incident], [line.n, line.t, line.kind, line.node, line.incident]);
	}
	return prev;
}

test('an incident in full: phases in order, cuts by time, who has not signed, and the proof', async () => {
	const [{ id }] = (await c.get('/api/v1/incidents')).json.incidents;
	const full = (await c.get(`/api/v1/incidents/${id}`)).json;
	assert.deepEqual(full.cuts.map((x) => [x.name, x.ms]), [['node-b', 0.9], ['node-a', 3.1]]);
	assert.deepEqual(full.missing, ['node-c']);
	assert.deepEqual(full.quorum, { weight: 96, need: 65, heads: 3, heads_need: 3 });
	const names = full.phases.map((p) => p.name);
	assert.deepEqual([...names].sort(), ['certificate', 'statement', 'touch', 'verdict']);
	assert.ok(full.phases.every((p, i) => p.ms >= (full.phases[i - 1]?.ms ?? 0)));
	assert.deepEqual(full.entries.map((x) => [x.kind, x.author, x.good]), [['statement', 'node-a', true], ['verdict', 'node-b', true], ['verdict', 'node-e', false],
		['certificate', 'node-b', true], ['receipt', 'node-a', true], ['receipt', 'node-b', true]]);
	assert.ok(Buffer.from(full.certificate, 'base64').length > 200);
	for (const wrong of ['x', '0011223344556677', id.slice(1), `${id}0`])
		assert.equal((await c.get(`/api/v1/incidents/${wrong}`)).status, 404, wrong);
});

test('the coordinator\'s own log is a chain, whole after kill -9, and its head is in snapshot and events', async () => {
	const s = await state(), { entries, next, head } = (await c.get('/api/v1/feed?from=1')).json;
	assert.deepEqual(entries.map((x) => x.kind), ['registered', 'report', 'statement', 'verdict', 'verdict', 'certificate', 'receipt', 'receipt', 'indicator']);
	assert.deepEqual([s.feed.entries, s.feed.head, next], [entries.length, chain(entries, '0'.repeat(64)), entries.length + 1]);
	assert.equal(head, s.feed.head);
	const part = (await c.get('/api/v1/feed?from=4&limit=2')).json;
	assert.deepEqual([part.entries.map((x) => x.n), part.next], [[4, 5], 6]);
	const l = new Listener(`${s.epoch}:${s.seq}`);
	await l.until((x) => x.event === 'hb');
	let acknowledged = 0;
	const load = (async () => {
		for (;; acknowledged++) {
			try {
				if ((await c.postSigned(a, '/api/v1/entries', syncItems(a.receipt(d, acknowledged)))).json.accepted !== 1) return;
			} catch { return; }
		}
	})();
	while (acknowledged < 30) await wait(5);
	await l.close();
	await c.stop('SIGKILL');
	await load;
	const told = l.all('feed').at(-1);
	c = await new Coordinator(bin, c.state, { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') }).ready();
	let all = [];
	for (let from = 1; ;) {
		const page = (await c.get(`/api/v1/feed?from=${from}`)).json;
		if (page.entries.length === 0) break;
		all = [...all, ...page.entries];
		from = page.next;
	}
	assert.equal(chain(all, '0'.repeat(64)), (await state()).feed.head);
	assert.equal(all[told.n - 1].hash, told.head, 'what a listener was told is still so');
	assert.ok(all.filter((x) => x.kind === 'receipt').length >= acknowledged + 2);
	const [first] = (await c.get('/api/v1/incidents')).json.incidents;
	assert.deepEqual([first.n, first.name, first.level], [1, 'node-d', 'quarantine']);
});

test('whatever the order of snapshots and telemetry, a snapshot and the events behind it give the snapshot that follows', async () => {
	const pages = [];
	for (let n = 0; n < 30; n++) {
		await c.postSigned([a, b, d][n % 3], '/api/telemetry', telemetry([a, b, d][n % 3], { cpu_pct: n, mode: n % 5 ? 'enforce' : 'observe' }));
		if (n % 4 === 0) {
			const s = await state();
			pages.push({ rows: s.nodes.name.map((_, i) => [s.nodes.st[i], s.nodes.cpu[i], s.nodes.mode[i]]), listener: new Listener(`${s.epoch}:${s.seq}`) });
		}
		await wait(n * 7 % 60);
	}
	const last = await state();
	await wait(300);
	for (const { rows, listener } of pages) {
		for (const batch of listener.all('nodes'))
			for (const [i, st, , cpu, , mode] of batch) rows[i] = [st, cpu, mode ?? rows[i][2]];
		assert.deepEqual(rows, last.nodes.name.map((_, i) => [last.nodes.st[i], last.nodes.cpu[i], last.nodes.mode[i]]));
		await listener.close();
	}
});
