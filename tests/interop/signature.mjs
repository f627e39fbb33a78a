// RFC 9421 between the coordinator and a client that has nothing but Node's
// own crypto: it verifies what the coordinator signs and is believed what it
// signs itself; whatever is changed on the way fails, on both sides.
// usage: node signature.mjs DIRECTORY-OF-BINARIES
import assert from 'node:assert/strict';
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { chmodSync, copyFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Coordinator, Key, Node, makeMesh, signHttp } from './mesh.mjs';

const bin = process.argv[2];
let mesh, c, a, b;

const settings = () => ({ roster_file: path.join(mesh.ca, 'roster'), ca_file: path.join(mesh.ca, 'ca.pem') });
const telemetry = (node) => ({ node_id: node.name, status: 'healthy', peers: [], cpu_pct: 1, ram_pct: 2 });
const knownKey = (coordinator = c) => readFileSync(path.join(coordinator.state, 'coordinator.key'), 'utf8').trim();

// ---- a verifier, from the RFC's text -------------------------------------------

function ed25519(hex) {
	return createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(hex, 'hex')]), format: 'der', type: 'spki' });
}

// What a signature covers, by the components that its Signature-Input names.
function baseOf(input, answer, request) {
	const [, names, parameters] = input.match(/^coordinator=\(([^)]*)\)(.*)$/);
	const values = {
		'"@status"': () => String(answer.status),
		'"content-digest"': () => answer.headers['content-digest'],
		'"@method";req': () => request.method,
		'"@path";req': () => request.path.split('?')[0],
	};
	const lines = names.split(/ (?=")/).map((name) => `${name}: ${values[name]()}`);
	return [...lines, `"@signature-params": (${names})${parameters}`].join('\n');
}

function parameter(input, name) {
	return input.match(new RegExp(`;${name}="?([^";]*)"?`))?.[1];
}

// Why the answer is not to be believed; null: it is.
function doubt(answer, request, key, nonce) {
	const { 'content-digest': digest, 'signature-input': input, signature } = answer.headers;
	if (!digest || !input || !signature) return 'unsigned';
	const body = request.method === 'HEAD' ? '' : answer.bytes;
	if (digest !== `sha-256=:${createHash('sha256').update(body).digest('base64')}:`) return 'digest';
	if (parameter(input, 'keyid') !== key) return 'key';
	if (parameter(input, 'alg') !== 'ed25519') return 'algorithm';
	if (Math.abs(Number(parameter(input, 'created')) - Date.now() / 1000) > 60) return 'created';
	if (nonce && (parameter(input, 'nonce') !== nonce || !input.includes('"@method";req "@path";req'))) return 'nonce';
	const bytes = Buffer.from(signature.match(/^coordinator=:(.*):$/)[1], 'base64');
	return verify(null, Buffer.from(baseOf(input, answer, request)), ed25519(key), bytes) ? null : 'signature';
}

async function ask(method, target, { nonce, headers = {}, body, coordinator = c } = {}) {
	const wanted = nonce ? { 'accept-signature': `coordinator=("@status");created;nonce="${nonce}"` } : {};
	const answer = await coordinator.request(method, target, { headers: { ...wanted, ...headers }, body });
	return { answer, request: { method, path: target } };
}

before(async () => {
	mesh = makeMesh(bin, ['node-a', 'node-b']);
	[a, b] = mesh.nodes;
	c = await new Coordinator(bin, path.join(mesh.dir, 'main'), settings()).ready();
	for (const node of [a, b]) await c.post('/register', node.registration());
});
after(async () => {
	await c.stop();
	mesh.remove();
});

// ---- answers ----------------------------------------------------------------------

test('every answer of known length verifies, errors and pages too, with the key that the coordinator publishes', async () => {
	const asked = [['GET', '/healthz'], ['GET', '/'], ['HEAD', '/'], ['GET', '/peers'], ['GET', '/api/topology'], ['GET', '/api/report?limit=5'],
		['GET', '/api/v1/state'], ['GET', '/metrics'], ['GET', '/nowhere'], ['POST', '/peers'], ['GET', '/api/v1/roster?offset=0'], ['GET', '/%7e%20space']];
	for (const [method, target] of asked) {
		const { answer, request } = await ask(method, target);
		assert.equal(doubt(answer, request, knownKey()), null, `${method} ${target}`);
	}
	for (const target of ['/', '/api/v1/state', '/app.js']) {
		const { answer, request } = await ask('GET', target, { headers: { 'accept-encoding': 'gzip' } });
		assert.equal(doubt(answer, request, knownKey()), null, `${target} as it is sent, ${answer.headers['content-encoding'] ?? 'plain'}`);
	}
	const wrongHost = await ask('GET', '/', { headers: { host: 'evil.example' } });
	assert.equal(wrongHost.answer.status, 421);
	assert.equal(doubt(wrongHost.answer, wrongHost.request, knownKey()), null);
	const big = await ask('POST', '/register', { body: 'x'.repeat(70000) });
	assert.equal(big.answer.status, 413);
	assert.equal(doubt(big.answer, big.request, knownKey()), null);
});

test('an answer is bound to the request whose nonce it repeats', async () => {
	const nonce = randomBytes(16).toString('hex');
	const { answer, request } = await ask('GET', '/peers', { nonce });
	assert.equal(doubt(answer, request, knownKey(), nonce), null);
	// The same answer is no answer to another question, nor to the same one asked again.
	assert.equal(doubt(answer, { method: 'GET', path: '/api/topology' }, knownKey(), nonce), 'signature');
	assert.equal(doubt(answer, { method: 'POST', path: '/peers' }, knownKey(), nonce), 'signature');
	assert.equal(doubt(answer, request, knownKey(), randomBytes(16).toString('hex')), 'nonce');
	// A signed request needs no other header: its own nonce is repeated.
	const body = Buffer.from(JSON.stringify(telemetry(a)));
	const own = randomBytes(16);
	const signed = await c.post('/api/telemetry', body, { headers: signHttp(a, { authority: c.authority, path: '/api/telemetry', body, nonce: own }) });
	assert.ok(signed.status < 300, signed.text);
	assert.equal(doubt(signed, { method: 'POST', path: '/api/telemetry' }, knownKey(), own.toString('hex')), null);
});

test('an answer that was changed on the way is not believed', async () => {
	const nonce = randomBytes(16).toString('hex');
	const { answer, request } = await ask('GET', '/peers', { nonce });
	const changed = (change) => ({ ...answer, ...change });
	const header = (name, value) => changed({ headers: { ...answer.headers, [name]: value } });
	const key = knownKey();
	assert.equal(doubt(changed({ bytes: Buffer.from(answer.text.replace('node-a', 'node-x')) }), request, key, nonce), 'digest');
	assert.equal(doubt(changed({ status: 404 }), request, key, nonce), 'signature');
	const forged = '[]';
	const digest = `sha-256=:${createHash('sha256').update(forged).digest('base64')}:`;
	assert.equal(doubt({ ...header('content-digest', digest), bytes: forged }, request, key, nonce), 'signature');
	const later = answer.headers['signature-input'].replace(/created=(\d+)/, (_, n) => `created=${Number(n) + 1}`);
	assert.equal(doubt(header('signature-input', later), request, key, nonce), 'signature');
	assert.equal(doubt(header('signature', undefined), request, key, nonce), 'unsigned');
	assert.equal(doubt(answer, request, new Key().public.toString('hex'), nonce), 'key');
});

test('a nonce that is no nonce is not repeated, and breaks nothing', async () => {
	for (const odd of ['coordinator=("@status");nonce="00"', `other=();nonce="${'0'.repeat(32)}"`, `coordinator=();nonce="${'g'.repeat(32)}"`, 'coordinator=(', '"', `coordinator=();nonce="${'0'.repeat(5000)}"`]) {
		const answer = await c.get('/healthz', { headers: { 'accept-signature': odd } });
		assert.equal(answer.status, 200);
		assert.ok(!answer.headers['signature-input'].includes('nonce'), odd);
		assert.equal(doubt(answer, { method: 'GET', path: '/healthz' }, knownKey()), null);
	}
});

// ---- requests ---------------------------------------------------------------------

test('a signed request is believed; changed, old, early, twice or by others it is refused', async () => {
	const now = Math.floor(Date.now() / 1000);
	const status = async (node, change = {}, headers = {}, value = telemetry(a)) => (await c.postSigned(node, '/api/telemetry', value, { change, headers })).status;
	assert.ok(await status(a) < 300);
	assert.equal(await status(a, { path: '/api/report/submit' }), 401);
	assert.equal(await status(a, { authority: 'elsewhere:8090' }), 401);
	assert.equal(await status(a, { method: 'PUT' }), 401);
	assert.equal(await status(a, { body: Buffer.from('{}') }), 401);
	assert.equal(await status(a, {}, { 'content-digest': `sha-256=:${'A'.repeat(43)}=:` }), 401);
	assert.equal(await status(a, { created: now - 58 }), 200, 'a minute old, just');
	assert.equal(await status(a, { created: now - 63 }), 401);
	assert.equal(await status(a, { created: now + 3 }), 200);
	assert.equal(await status(a, { created: now + 9 }), 401);
	const nonce = randomBytes(16);
	assert.ok(await status(a, { nonce }) < 300);
	assert.equal(await status(a, { nonce }), 401, 'a nonce twice');
	assert.equal(await status(a, { nonce, created: now - 1 }), 401, 'a nonce twice, signed anew');
	assert.ok(await status(b, { nonce }, {}, telemetry(b)) < 300, 'another node may have the same nonce');
	assert.equal(await status(b), 403, 'b speaks for a');
	const stranger = new Node(mesh, 'stranger', new Key());
	assert.equal(await status(stranger, {}, {}, telemetry(stranger)), 401, 'a key that nobody knows');
	const thief = new Node(mesh, 'node-a', new Key(), a.id);
	assert.equal(await status(thief), 401, "a's keyid with another key");
	assert.equal((await c.post('/api/telemetry', telemetry(a))).status, 401, 'unsigned');
	for (const missing of ['content-digest', 'signature-input', 'signature']) {
		const body = Buffer.from(JSON.stringify(telemetry(a)));
		const headers = signHttp(a, { authority: c.authority, path: '/api/telemetry', body });
		delete headers[missing];
		assert.equal((await c.post('/api/telemetry', body, { headers })).status, 401, missing);
	}
});

test('a name belongs to its first proven key, an enrolled name to its enrolled key only', async () => {
	const first = new Node(mesh, 'guest', new Key());
	const second = new Node(mesh, 'guest', new Key());
	assert.equal((await c.post('/register', first.registration())).status, 200);
	assert.equal((await c.post('/register', second.registration())).status, 409);
	assert.equal((await c.post('/register', first.registration({ timestamp: Math.floor(Date.now() / 1000) + 1 }))).status, 200);
	const forged = first.registration();
	assert.equal((await c.post('/register', { ...forged, address: '6.6.6.6:9000' })).status, 401);
	const impostor = new Node(mesh, 'node-a', new Key());
	assert.equal((await c.post('/register', impostor.registration())).status, 409);
	assert.ok((await c.postSigned(first, '/api/telemetry', telemetry(first))).status < 300);
	assert.equal((await c.postSigned(second, '/api/telemetry', telemetry(second))).status, 401);
	// The first key owns the name after a restart, too.
	const { state } = c;
	await c.stop();
	c = await new Coordinator(bin, state, settings()).ready();
	assert.equal((await c.post('/register', second.registration())).status, 409);
	assert.equal((await c.post('/register', impostor.registration())).status, 409);
	assert.equal((await c.post('/register', first.registration({ timestamp: Math.floor(Date.now() / 1000) + 2 }))).status, 200);
});

// ---- its own key --------------------------------------------------------------------

test('the key outlives a restart; torn or readable by others it ends the start with a remedy', async () => {
	const state = path.join(mesh.dir, 'own');
	const start = () => new Coordinator(bin, state, settings());
	let k = await start().ready();
	const key = knownKey(k);
	const file = path.join(state, 'identity.key');
	assert.equal(statSync(file).mode & 0o777, 0o600);
	await k.stop('SIGKILL');
	k = await start().ready();
	assert.equal(knownKey(k), key);
	await k.stop();

	copyFileSync(file, `${file}.saved`);
	for (const [damage, pattern] of [[() => chmodSync(file, 0o644), /others may read it .*chmod 600/], [() => truncateSync(file, 50), /torn.*backup/]]) {
		damage();
		const before = readFileSync(file);
		k = start();
		assert.notEqual((await k.ended).code, 0);
		assert.match(k.log, pattern);
		assert.deepEqual(readFileSync(file), before, 'it is left as it was');
		copyFileSync(`${file}.saved`, file);
		chmodSync(file, 0o600);
	}
	k = await start().ready();
	assert.equal(knownKey(k), key);
	await k.stop();
});
