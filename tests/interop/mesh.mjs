// mesh: a mesh of nodes in JavaScript, for tests: keys and entries made with
// node:crypto and a protobuf writer of ten lines, so that what the C programs
// accept was made by other hands.  No packages.
import { execFileSync, spawn } from 'node:child_process';
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();

export class Key {
	constructor(seed = randomBytes(32)) {
		const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
		this.private = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
		this.public = Buffer.from(this.private.export({ format: 'jwk' }).x, 'base64url');
	}

	sign(...parts) {
		return sign(null, Buffer.concat(parts.map((p) => Buffer.from(p))), this.private);
	}
}

// ---- protobuf: varints and bytes, zeros left out ----------------------------

export function varint(value) {
	const out = [];
	let v = BigInt(value);
	for (; v >= 128n; v >>= 7n) out.push(Number(v & 127n) | 128);
	return Buffer.from([...out, Number(v)]);
}
export const number = (field, value) => (BigInt(value) === 0n ? Buffer.alloc(0) : Buffer.concat([varint(field << 3), varint(value)]));
export const bytes = (field, value) => (value.length === 0 ? value : Buffer.concat([varint(field << 3 | 2), varint(value.length), value]));
const join = (...parts) => Buffer.concat(parts);

function u64(value) {
	const b = Buffer.alloc(8);
	b.writeBigUInt64BE(BigInt(value));
	return b;
}
function u32(value) {
	const b = Buffer.alloc(4);
	b.writeUInt32BE(value);
	return b;
}

// ---- nodes -------------------------------------------------------------------

export class Node {
	constructor(mesh, name, key, id) {
		Object.assign(this, { mesh, name, key, id, sequence: 0, previous: Buffer.alloc(32) });
	}

	// The keyid of its HTTP signatures.
	get keyId() {
		return this.id ?? sha256(this.key.public).subarray(0, 16);
	}

	// An Envelope with the next entry of this node's feed.
	entry(field, payload, { timeMs = Date.now(), key = this.key, author = this.id } = {}) {
		this.sequence += 1;
		const header = join(number(1, 1), bytes(2, this.mesh.id), number(3, 1), bytes(4, author), number(5, 1),
			number(6, this.sequence), number(7, timeMs), bytes(8, this.previous));
		const body = join(bytes(1, header), bytes(field, payload));
		this.previous = sha256(body);
		return join(bytes(1, body), bytes(2, key.sign('phalanx/entry/1', body)));
	}

	// kind 1: confession, 2: precaution
	selfReport(kind, options = {}) {
		const source = join(bytes(1, Buffer.from([10, 77, 0, 66])), number(2, 40000));
		return this.entry(4, join(number(1, kind), number(2, options.round ?? 0), number(3, 1), bytes(4, source), bytes(5, Buffer.alloc(32, 7)), number(6, 9)), options);
	}

	statement(subject, options = {}) {
		const from = join(bytes(1, Buffer.from([10, 77, 0, 15])), number(2, 40000));
		const to = join(bytes(1, Buffer.from([10, 77, 0, 11])), number(2, 2222));
		return this.entry(2, join(bytes(1, subject.id), number(3, 1), bytes(4, from), bytes(5, to), bytes(7, Buffer.alloc(32, 7)),
			bytes(8, Buffer.from('SCAN\n')), number(9, 9), number(10, Date.now())), options);
	}

	ballot(subject, window, level = 1) {
		return this.key.sign('phalanx/ballot/1', Buffer.from([level]), this.mesh.id, u64(1), subject.id, u32(0), u64(window));
	}

	verdict(subject, window, signature = this.ballot(subject, window), options = {}) {
		return this.entry(3, join(number(1, 1), bytes(2, subject.id), number(4, window), bytes(5, signature)), options);
	}

	certificate(subject, window, voters, options = {}) {
		const heads = [...this.mesh.nodes].sort((a, b) => Buffer.compare(a.id, b.id));
		const bitmap = Buffer.alloc(Math.ceil(heads.length / 8));
		const signatures = [];
		heads.forEach((head, i) => {
			if (!voters.includes(head)) return;
			bitmap[i >> 3] |= 1 << (i & 7);
			signatures.push(head.ballot(subject, window));
		});
		return this.entry(6, join(number(1, 1), bytes(2, subject.id), number(4, 1), number(5, window), bytes(6, bitmap), bytes(7, join(...signatures))), options);
	}

	// How soon its kernel held the block.
	receipt(subject, heldUs, options = {}) {
		return this.entry(9, join(bytes(1, subject.id), number(2, options.round ?? 0), bytes(3, Buffer.alloc(32, 7)), number(4, heldUs)), options);
	}

	indicator(address, ttlS, options = {}) {
		return this.entry(8, join(bytes(1, Buffer.from(address.split('.').map(Number))), number(2, ttlS), number(3, 1), number(4, 9)), options);
	}

	registration(fields = {}, key = this.key) {
		const body = { id: this.name, address: '10.77.0.11:9000', pub_key: key.public.toString('hex'), timestamp: Math.floor(Date.now() / 1000), ...fields };
		return { signature: key.sign(`${body.id}|${body.address}|${body.timestamp}`).toString('hex'), ...body };
	}
}

export const syncItems = (...envelopes) => join(...envelopes.map((e) => bytes(1, e)));
export const rosterPart = (offset, records) => join(varint(1 << 3), varint(offset), bytes(3, records));
export const windowNow = () => Math.floor(Date.now() / 600000);

// RFC 9421, as src/http/signature.h says.
export function signHttp(node, { method = 'POST', authority, path: target, body, created = Math.floor(Date.now() / 1000), nonce = randomBytes(16) }) {
	const digest = `sha-256=:${sha256(body).toString('base64')}:`;
	const params = `("@method" "@authority" "@path" "content-digest");created=${created};nonce="${nonce.toString('hex')}";keyid="${node.keyId.toString('hex')}";alg="ed25519"`;
	const base = `"@method": ${method}\n"@authority": ${authority}\n"@path": ${target}\n"content-digest": ${digest}\n"@signature-params": ${params}`;
	return { 'content-digest': digest, 'signature-input': `phalanx=${params}`, signature: `phalanx=:${node.key.sign(base).toString('base64')}:` };
}

// A fresh CA, nodes and operators, made by the shipped command; group(name): an
// enrolment group, else each is one of its own.
export function makeMesh(bin, names, { operators = [], group } = {}) {
	const dir = mkdtempSync(path.join(tmpdir(), 'phalanx-interop-'));
	const ca = path.join(dir, 'ca');
	const run = (...args) => execFileSync(path.join(bin, 'phalanx'), ['ca', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
	const caKey = Buffer.from(run('init', '--dir', ca, '--mesh', 'interop').match(/[0-9a-f]{64}/)[0], 'hex');
	const mesh = { dir, ca, caKey, id: sha256('phalanx/mesh/1', caKey).subarray(0, 16), nodes: [], operators: [] };
	const enrol = (name, role, ...where) => {
		const state = path.join(dir, name);
		mkdirSync(state, { recursive: true });
		writeFileSync(`${state}.json`, run('request', '--state', state, '--name', name, '--role', role, ...where));
		const id = run('enrol', '--dir', ca, '--role', role, ...(group && role === 'node' ? ['--group', group(name)] : []), `${state}.json`).match(/\b[0-9a-f]{32}\b/)[0];
		const seed = Buffer.from(readFileSync(path.join(state, 'identity.key'), 'utf8').trim(), 'hex').subarray(0, 32);
		return new Node(mesh, name, new Key(seed), Buffer.from(id, 'hex'));
	};
	names.forEach((name, i) => mesh.nodes.push(enrol(name, 'node', '--address', `10.77.${Math.floor(i / 200)}.${11 + i % 200}`)));
	for (const name of operators) mesh.operators.push(enrol(name, 'operator'));
	run('epoch', '--dir', ca);
	// Another member, in a further epoch.
	mesh.grow = (name) => {
		mesh.nodes.push(enrol(name, 'node', '--address', `10.77.200.${11 + mesh.nodes.length}`));
		run('epoch', '--dir', ca);
		return mesh.nodes.at(-1);
	};
	mesh.remove = () => rmSync(dir, { recursive: true, force: true });
	return mesh;
}

// ---- the coordinator ------------------------------------------------------------

export class Coordinator {
	constructor(bin, state, settings = {}, { env = {}, stdio = [] } = {}) {
		mkdirSync(state, { recursive: true });
		this.state = state;
		this.log = '';
		// The leak check at exit needs system calls that the sandbox takes away.
		const asan = 'detect_leaks=0';
		this.process = spawn(path.join(bin, 'phalanx-coordinator'), Object.entries({ state_dir: state, listen: '127.0.0.1:0', port: 0, ...settings }).map(([k, v]) => `${k}=${v}`),
			{ stdio: ['ignore', 'ignore', 'pipe', ...stdio], env: { PATH: process.env.PATH, ASAN_OPTIONS: asan, ...env } });
		this.process.stderr.on('data', (chunk) => { this.log += chunk; });
		this.ended = new Promise((done) => { this.process.on('exit', (code, signal) => done({ code, signal })); });
	}

	async ready() {
		for (let i = 0; i < 400 && !/ info  ready$/m.test(this.log); i++) {
			if (this.process.exitCode !== null || this.process.signalCode !== null) throw new Error(`the coordinator ended:\n${this.log}`);
			await new Promise((done) => { setTimeout(done, 25); });
		}
		const port = this.log.match(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
		if (!port) throw new Error(`not ready:\n${this.log}`);
		this.port = Number(port[1]);
		this.authority = `127.0.0.1:${this.port}`;
		return this;
	}

	async stop(signal = 'SIGTERM') {
		this.process.kill(signal);
		return this.ended;
	}

	request(method, target, { headers = {}, body, agent } = {}) {
		return new Promise((resolve, reject) => {
			const request = http.request({ host: '127.0.0.1', port: this.port, method, path: target, headers: { host: this.authority, ...headers }, agent }, (response) => {
				const parts = [];
				response.on('data', (part) => parts.push(part));
				response.on('error', reject);
				response.on('end', () => {
					const bytes = Buffer.concat(parts);
					const text = bytes.toString();
					let json;
					try { json = JSON.parse(text); } catch { json = undefined; }
					resolve({ status: response.statusCode, headers: response.headers, bytes, text, json });
				});
			});
			request.on('error', reject);
			if (body !== undefined) request.setHeader('content-length', Buffer.byteLength(body));
			request.end(body);
		});
	}

	get(target, options) {
		return this.request('GET', target, options);
	}

	post(target, body, options = {}) {
		return this.request('POST', target, { body: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body), ...options });
	}

	// Without a body; the query is not signed.
	requestSigned(node, method, target, options = {}) {
		const signed = signHttp(node, { method, authority: this.authority, path: target.split('?')[0], body: Buffer.alloc(0) });
		return this.request(method, target, { ...options, headers: { ...signed, ...options.headers } });
	}

	// change: what to sign otherwise than it is.
	postSigned(node, target, value, { change = {}, headers = {}, agent } = {}) {
		const body = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
		return this.post(target, body, { agent, headers: { ...signHttp(node, { authority: this.authority, path: target, body, ...change }), ...headers } });
	}
}
