// A mesh of simulated nodes, fed through the real API: every heartbeat is a
// registration and telemetry, signed as nodes sign them, each from its own key.
// usage: node load.mjs DIRECTORY-OF-BINARIES NODES [SECONDS [LISTENERS]]
// With HOLD=1 it goes on until it is stopped, and prints the address to look at.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Coordinator, Key, Node, bytes, number, sha256, signHttp } from '../interop/mesh.mjs';

const [bin, count_, seconds_ = '20', listeners_ = '0'] = process.argv.slice(2);
const count = Number(count_), seconds = Number(seconds_), listenerCount = Number(listeners_);
const PERIOD_MS = 5000, ZONE_SIZE = 200, CONNECTIONS = 24;
const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
const join = (...parts) => Buffer.concat(parts);

// ---- a roster of that size, made at once: `phalanx ca enrol` is one process a node

function makeRoster(dir) {
	const ca = path.join(dir, 'ca');
	const printed = execFileSync(path.join(bin, 'phalanx'), ['ca', 'init', '--dir', ca, '--mesh', 'load'], { encoding: 'utf8' });
	const caPublic = Buffer.from(printed.match(/[0-9a-f]{64}/)[0], 'hex');
	const caKey = createPrivateKey(readFileSync(path.join(ca, 'ca.key')));
	const mesh = { dir, ca, id: sha256('phalanx/mesh/1', caPublic).subarray(0, 16), nodes: [] };
	const record = (field, domain, body) => bytes(field, join(bytes(1, body), bytes(2, sign(null, join(Buffer.from(domain), body), caKey))));
	const records = [], now = Date.now();
	for (let i = 0; i < count; i++) {
		const key = new Key(), nonce = randomBytes(16), name = `node-${String(i).padStart(5, '0')}`;
		const id = sha256('phalanx/id/1', key.public, nonce).subarray(0, 16);
		records.push(record(1, 'phalanx/enrolment/1', join(bytes(1, mesh.id), bytes(2, Buffer.from('load')), bytes(3, Buffer.from(name)), bytes(4, id), bytes(5, key.public), bytes(6, nonce),
			bytes(7, sha256(`zone ${Math.floor(i / ZONE_SIZE)}`).subarray(0, 16)), bytes(8, Buffer.from([10, 1 + (i >> 16), i >> 8 & 255, i & 255])), number(9, 9000), number(10, 1),
			number(11, now - 86400e3), number(12, now + 86400e3 * 365), number(13, 1))));
		mesh.nodes.push(new Node(mesh, name, key, id));
	}
	const members = [...mesh.nodes].sort((a, b) => Buffer.compare(a.id, b.id)).map((n) => bytes(5, join(bytes(1, n.id), number(2, 32))));
	records.push(record(2, 'phalanx/epoch/1', join(bytes(1, mesh.id), number(2, 1), bytes(3, Buffer.alloc(32)), number(4, now), ...members)));
	writeFileSync(path.join(ca, 'roster'), join(...records));
	return mesh;
}

// ---- requests: a few connections, each one request at a time; bodies are not looked at

class Connection {
	constructor(port, localAddress) {
		this.queue = [];
		this.left = -1; // bytes of the answer's body still to come; -1: its head
		this.head = '';
		this.codes = {};
		this.latencies = [];
		this.socket = net.connect({ port, host: '127.0.0.1', localAddress });
		this.socket.setNoDelay(true);
		this.socket.on('data', (part) => this.take(part));
		this.socket.on('error', (error) => { this.codes[error.code] = (this.codes[error.code] ?? 0) + 1; });
	}

	send(text) {
		this.queue.push(text);
		if (this.queue.length === 1) this.next();
	}

	next() {
		this.started = performance.now();
		this.socket.write(this.queue[0]());
	}

	take(part) {
		while (part.length > 0) {
			if (this.left < 0) {
				this.head += part.toString('latin1');
				const end = this.head.indexOf('\r\n\r\n');
				if (end < 0) return;
				part = Buffer.from(this.head.slice(end + 4), 'latin1');
				this.left = Number(this.head.match(/content-length: (\d+)/i)?.[1] ?? 0);
				const code = this.head.slice(9, 12);
				this.codes[code] = (this.codes[code] ?? 0) + 1;
				this.head = '';
			}
			const taken = Math.min(this.left, part.length);
			this.left -= taken;
			part = part.subarray(taken);
			if (this.left > 0) return;
			this.left = -1;
			this.latencies.push(performance.now() - this.started);
			this.queue.shift();
			if (this.queue.length > 0) this.next();
		}
	}
}

const post = (authority, target, body, headers = {}) => `POST ${target} HTTP/1.1\r\nHost: ${authority}\r\nContent-Length: ${body.length}\r\n${Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n${body}`;

function heartbeat(connection, authority, node, i) {
	const near = node.mesh.nodes;
	const peers = Array.from({ length: Math.min(near.length - 1, 20) }, (_, k) => near[(i + k + 1) % near.length].name);
	connection.send(() => post(authority, '/register', Buffer.from(JSON.stringify(node.registration({ address: `10.1.0.${i & 255}:9000` })))));
	connection.send(() => {
		const body = Buffer.from(JSON.stringify({ node_id: node.name, status: 'healthy', peers, cpu_pct: Math.round(Math.random() * 200) / 10, ram_pct: 30 + Math.round(Math.random() * 50) / 10, mode: 'enforce', drift: 0, decoys: 2 }));
		return post(authority, '/api/telemetry', body, signHttp(node, { authority, path: '/api/telemetry', body }));
	});
}

// ---- what is measured

const tick = 100; // clock ticks a second
function usage(pid) {
	const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
	const rss = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1];
	return { cpu_s: (Number(stat[11]) + Number(stat[12])) / tick, rss_kb: Number(rss) };
}

const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))] ?? NaN;

function get(c, target, localAddress) {
	return new Promise((resolve, reject) => {
		const started = performance.now();
		http.get({ port: c.port, host: '127.0.0.1', localAddress, path: target, agent: false, headers: { host: c.authority, 'accept-encoding': 'gzip' } }, (answer) => {
			let size = 0;
			answer.on('data', (part) => { size += part.length; }).on('end', () => resolve({ ms: performance.now() - started, size, status: answer.statusCode }));
		}).on('error', reject);
	});
}

// A page: counts events and bytes.
function listen(c, k, heard) {
	http.get({ port: c.port, host: '127.0.0.1', localAddress: `127.0.2.${1 + k % 250}`, path: '/api/v1/events', agent: false, headers: { host: c.authority } }, (answer) => {
		if (answer.statusCode !== 200) heard.refused += 1;
		answer.on('data', (part) => {
			heard.bytes += part.length;
			for (let at = part.indexOf('\nevent: '); at >= 0; at = part.indexOf('\nevent: ', at + 1)) heard.events += 1;
		}).on('error', () => {});
	}).on('error', () => { heard.refused += 1; });
}

const dir = mkdtempSync(path.join(tmpdir(), 'phalanx-load-'));
const mesh = makeRoster(dir);
const c = new Coordinator(bin, path.join(dir, 'state'), { roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem'), log_level: 'warn', ...(process.env.PORT ? { port: process.env.PORT, listen: `127.0.0.1:${process.env.PORT}` } : {}) });
try {
	// The log says where it listens at level info only.
	for (let i = 0; i < 600 && !c.port; i++) {
		await wait(50);
		const at = readFileSync(`/proc/${c.process.pid}/net/tcp`, 'utf8').split('\n').slice(1).map((l) => l.trim().split(/\s+/)).filter((f) => f[3] === '0A').map((f) => [f[9], Number.parseInt(f[1].split(':')[1], 16)]);
		const inodes = execFileSync('ls', ['-l', `/proc/${c.process.pid}/fd`], { encoding: 'utf8' });
		c.port = at.find(([inode]) => inodes.includes(`socket:[${inode}]`))?.[1];
	}
	c.authority = `127.0.0.1:${c.port}`;
	const connections = Array.from({ length: CONNECTIONS }, (_, k) => new Connection(c.port, `127.0.1.${1 + k}`));
	const started = performance.now();
	let sent = 0;
	// As many as are due, spread over the period.
	const timer = setInterval(() => {
		const due = Math.floor((performance.now() - started) / PERIOD_MS * count);
		// Where the coordinator or this client cannot keep up, less is sent, and the figures say so.
		for (; sent < due && connections[sent % CONNECTIONS].queue.length < 8; sent++) heartbeat(connections[sent % CONNECTIONS], c.authority, mesh.nodes[sent % count], sent % count);
	}, 10);
	while (sent < count) await wait(100); // everybody has spoken once
	await wait(1000);
	const heard = { events: 0, bytes: 0, refused: 0 };
	for (let k = 0; k < listenerCount; k++) listen(c, k, heard);
	await wait(1000);
	if (process.env.HOLD) {
		console.log(`http://${c.authority}`);
		await new Promise((done) => { process.once('SIGINT', done); process.once('SIGTERM', done); });
	} else {
		const before = { ...usage(c.process.pid), at: performance.now(), events: heard.events, bytes: heard.bytes, sent };
		for (const x of connections) x.latencies.length = 0;
		const states = [];
		while (performance.now() - before.at < seconds * 1000) {
			states.push(await get(c, '/api/v1/state', '127.0.3.1'));
			await wait(100);
		}
		const now = usage(c.process.pid), took_s = (performance.now() - before.at) / 1000;
		const codes = {};
		for (const x of connections) for (const [code, n] of Object.entries(x.codes)) codes[code] = (codes[code] ?? 0) + n;
		const beats = (sent - before.sent) / took_s;
		const posts = connections.flatMap((x) => x.latencies);
		const quiet = states.map((s) => s.ms);
		console.log(JSON.stringify({ nodes: count, listeners: listenerCount - heard.refused, heartbeats_s: +beats.toFixed(1), due_s: count * 1000 / PERIOD_MS, codes,
			cpu_percent: +(100 * (now.cpu_s - before.cpu_s) / took_s).toFixed(1), rss_mb: +(now.rss_kb / 1024).toFixed(1),
			post_p50_ms: +quantile(posts, 0.5).toFixed(2), post_p99_ms: +quantile(posts, 0.99).toFixed(2),
			state_p50_ms: +quantile(quiet, 0.5).toFixed(2), state_p99_ms: +quantile(quiet, 0.99).toFixed(2), state_gz_kb: +(states.at(-1).size / 1000).toFixed(1),
			events_s: +((heard.events - before.events) / took_s).toFixed(1), fanout_kb_s: +((heard.bytes - before.bytes) / 1000 / took_s).toFixed(1) }));
	}
	clearInterval(timer);
	for (const x of connections) x.socket.destroy();
} finally {
	await c.stop();
	rmSync(dir, { recursive: true, force: true });
}
process.exit(0);
